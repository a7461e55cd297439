//! Waiting for events: ten times as long as the design says, because a test
//! machine may be busy; what it took is printed, never asserted.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How much longer than designed an event may take.
const PATIENCE: u32 = 10;
/// How often the world is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The deadline for something that should take `designed`.
#[must_use]
pub fn deadline(designed: Duration) -> Duration {
    designed * PATIENCE
}

/// Looks until `look` sees it, and prints how long that took.
///
/// # Panics
/// After ten times the designed time.
pub fn within<T>(designed: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(seen) = look() {
            println!("{what}: {:.3} s", since.elapsed().as_secs_f64());
            return seen;
        }
        assert!(
            since.elapsed() < deadline(designed),
            "{what}: not within {} s (designed: {} s)",
            deadline(designed).as_secs_f64(),
            designed.as_secs_f64(),
        );
        thread::sleep(LOOK);
    }
}
