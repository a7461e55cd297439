//! A thread's sign of life: it counts its turns, another thread looks on.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Counts a thread's turns. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct Heartbeat(Arc<AtomicUsize>);

impl Heartbeat {
    /// The longest that a thread may wait between two beats while it has
    /// nothing to do. It costs one wake-up.
    pub const INTERVAL: std::time::Duration = std::time::Duration::from_secs(5);

    /// One more turn.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were; after `usize::MAX` it goes on from 0.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
