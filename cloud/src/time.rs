//! One reading of both clocks. Decisions take it as an argument and never read
//! a clock themselves, so tests can move it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What both clocks showed at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For deadlines: never steps.
    pub monotonic: Instant,
    /// For dates: Unix time in microseconds.
    pub unix_us: i64,
}

impl Now {
    /// Reads both clocks.
    #[must_use]
    pub fn read() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            monotonic: Instant::now(),
            unix_us: i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX),
        }
    }

    /// Unix time in milliseconds.
    #[must_use]
    pub const fn unix_ms(self) -> i64 {
        self.unix_us / 1000
    }

    /// Unix time.
    #[must_use]
    pub fn since_epoch(self) -> Duration {
        Duration::from_micros(u64::try_from(self.unix_us).unwrap_or(0))
    }

    /// Unix time in whole seconds.
    #[must_use]
    pub fn unix_s(self) -> u64 {
        self.since_epoch().as_secs()
    }

    /// The same moment, later.
    #[must_use]
    pub fn plus(self, time: Duration) -> Self {
        let microseconds = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        Self {
            monotonic: self.monotonic + time,
            unix_us: self.unix_us.saturating_add(microseconds),
        }
    }
}
