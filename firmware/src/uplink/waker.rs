//! Ends the upload thread's wait in poll(2) from another thread.
//!
//! An eventfd: one `write` per queued frame and one `read` per wake-up, a few
//! microseconds each on a Pi Zero, 25 times a second. Polling every 10 ms
//! instead would cost a hundred context switches a second and 5 ms of delay.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::event::{EventfdFlags, eventfd};

/// A counter that poll(2) sees as readable once it was raised.
#[derive(Debug)]
pub(super) struct Waker(OwnedFd);

impl Waker {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(
            0,
            EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC,
        )?))
    }

    /// Makes the next or the present wait return at once.
    pub(super) fn wake(&self) {
        // Fails only when the counter is full, and then it is readable already.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Takes back what `wake` raised.
    pub(super) fn reset(&self) {
        // Fails only when nothing was raised.
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
