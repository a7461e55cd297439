//! Writes documents in a thread of its own: a card may take a second for one, and
//! light, button and watchdog cannot wait. Of several that wait the newest is
//! written. Whoever must not go on before the card has it waits for [`finish`].
//!
//! [`finish`]: Writer::finish

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use tracing::{info, warn};

use super::document::{Document, write};

/// See the module.
#[derive(Debug)]
pub struct Writer {
    directory: PathBuf,
    work: Mutex<Work>,
    /// Told when none is under way any more.
    idle: Condvar,
}

#[derive(Debug, Default)]
struct Work {
    under_way: bool,
    next: Option<Document>,
    /// Why the last write failed, if it did.
    failure: Option<io::ErrorKind>,
}

impl Writer {
    pub(super) fn new(directory: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            directory,
            work: Mutex::default(),
            idle: Condvar::new(),
        })
    }

    /// Writes it now, or after the one that is under way.
    pub(super) fn write(self: &Arc<Self>, document: Document) {
        let mut work = self.work();
        work.next = Some(document);
        if work.under_way {
            return;
        }
        work.under_way = true;
        drop(work);
        let writer = Arc::clone(self);
        let spawned = thread::Builder::new()
            .name("state".into())
            .spawn(move || writer.work_off());
        // Late is better than never.
        if spawned.is_err() {
            self.work_off();
        }
    }

    /// Returns when the card has the newest document, or did not take it.
    pub fn finish(&self) {
        let under_way = |work: &mut Work| work.under_way;
        drop(self.idle.wait_while(self.work(), under_way));
    }

    /// Whether there is nothing to wait for.
    pub fn is_idle(&self) -> bool {
        !self.work().under_way
    }

    /// Why the card did not take the last one, if it did not.
    pub(super) fn failure(&self) -> Option<io::ErrorKind> {
        self.work().failure
    }

    fn work_off(&self) {
        while let Some(document) = self.next() {
            let written = write(&self.directory, &document);
            let failure = written.as_ref().err().map(io::Error::kind);
            let before = std::mem::replace(&mut self.work().failure, failure);
            match (written, before.is_some()) {
                (Ok(()), false) | (Err(_), true) => {}
                (Ok(()), true) => info!("the state is stored again"),
                (Err(error), false) => {
                    warn!(directory = %self.directory.display(),
                        "the state cannot be stored, so that start, stop and numbers are forgotten at the next power cut: {error}");
                }
            }
        }
    }

    fn next(&self) -> Option<Document> {
        let mut work = self.work();
        let next = work.next.take();
        work.under_way = next.is_some();
        if next.is_none() {
            self.idle.notify_all();
        }
        next
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
