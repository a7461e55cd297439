//! A thread that does something beside a test, turn after turn, and leaves when
//! dropped.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Companion<T> {
    shared: Arc<Shared<T>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and the test both see.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    notes: Mutex<T>,
    leaving: AtomicBool,
}

impl<T: Send + 'static> Companion<T> {
    /// Takes turns from now on.
    pub(crate) fn start(notes: T, mut turn: impl FnMut(&Shared<T>) + Send + 'static) -> Self {
        let shared = Arc::new(Shared {
            notes: Mutex::new(notes),
            leaving: AtomicBool::new(false),
        });
        let thread = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                while !shared.is_leaving() {
                    turn(&shared);
                }
            })
        };
        Self {
            shared,
            thread: Some(thread),
        }
    }
}

impl<T> Companion<T> {
    /// What it noted.
    pub(crate) fn notes(&self) -> MutexGuard<'_, T> {
        self.shared.notes()
    }
}

impl<T> Drop for Companion<T> {
    fn drop(&mut self) {
        self.shared.leaving.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in there has been printed.
            let _ = thread.join();
        }
    }
}

impl<T> Shared<T> {
    pub(crate) fn notes(&self) -> MutexGuard<'_, T> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn should end.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }
}
