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
    time::{Duration, Instant},
};

use tracing::{info, warn};

use super::document::{Document, write};

/// A card that takes longer is broken. Less than the watchdog has patience for:
/// where the light need not live on, the main thread itself waits.
const LONGEST: Duration = Duration::from_secs(20);

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
    /// Since when the card has been busy.
    under_way: Option<Instant>,
    next: Option<Document>,
    /// Why the last write failed, if it did.
    failure: Option<io::ErrorKind>,
}

impl Work {
    fn failure(&self, now: Instant) -> Option<io::ErrorKind> {
        let hangs = |since| now.duration_since(since) >= LONGEST;
        if self.under_way.is_some_and(hangs) {
            return Some(io::ErrorKind::TimedOut);
        }
        self.failure
    }
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
        if work.under_way.is_some() {
            return;
        }
        work.under_way = Some(Instant::now());
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

    /// Returns when the card has the newest document, did not take it, or hangs.
    pub fn finish(&self) {
        let work = self.work();
        let Some(since) = work.under_way else { return };
        let patience = LONGEST.saturating_sub(since.elapsed());
        let under_way = |work: &mut Work| work.under_way.is_some();
        drop(self.idle.wait_timeout_while(work, patience, under_way));
    }

    /// Whether there is nothing to wait for.
    pub fn is_idle(&self) -> bool {
        self.work().under_way.is_none()
    }

    /// Why the card did not take the last one, if it did not or hangs.
    pub(super) fn failure(&self) -> Option<io::ErrorKind> {
        self.work().failure(Instant::now())
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
        if next.is_none() {
            work.under_way = None;
            self.idle.notify_all();
        }
        next
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_hangs_is_told_and_not_waited_for() {
        let full = Some(io::ErrorKind::StorageFull);
        let begin = Instant::now();
        for (under_way, before, expected) in [
            (None, None, None),
            (None, full, full),
            (Some(begin + Duration::from_millis(1)), None, None),
            (Some(begin + Duration::from_millis(1)), full, full),
            (Some(begin), None, Some(io::ErrorKind::TimedOut)),
            (Some(begin), full, Some(io::ErrorKind::TimedOut)),
        ] {
            let work = Work {
                under_way,
                next: None,
                failure: before,
            };
            let failure = work.failure(begin + LONGEST);
            assert_eq!(failure, expected, "{under_way:?}, {before:?}");
        }

        let writer = Writer::new(PathBuf::new());
        // Nobody ever finishes this one.
        writer.work().under_way = begin.checked_sub(LONGEST);
        writer.finish();
        assert!(!writer.is_idle());
        assert_eq!(writer.failure(), Some(io::ErrorKind::TimedOut));
    }
}
