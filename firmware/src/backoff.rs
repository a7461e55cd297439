//! How long to wait before trying again: twice as long after each failure, up
//! to a bound, and never exactly as long as anybody else.

use std::time::Duration;

/// Pauses that grow from failure to failure.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// Pauses of about `first` at first, then more, never beyond `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            failures: 0,
        }
    }

    /// The pause after one more failure. `random` chooses within its upper
    /// half, from 0 to `u16::MAX`.
    pub fn fail(&mut self, random: u16) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let whole = doubled.min(self.longest);
        whole / 2 + whole / 2 * u32::from(random) / u32::from(u16::MAX)
    }

    /// It worked: the next pause is a first one again.
    pub const fn succeed(&mut self) {
        self.failures = 0;
    }
}

/// A random number for [`Backoff::fail`].
#[must_use]
pub fn jitter() -> u16 {
    use ring::rand::SecureRandom;
    let mut bytes = [0; 2];
    // Without randomness the pause is merely the shortest.
    let _ = ring::rand::SystemRandom::new().fill(&mut bytes);
    u16::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_within_their_bounds() {
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::new(seconds(2), seconds(30));
        let longest: Vec<_> = (0..6).map(|_| backoff.fail(u16::MAX)).collect();
        assert_eq!(longest, [2, 4, 8, 16, 30, 30].map(seconds));
        assert_eq!(backoff.fail(0), seconds(15));
        for _ in 0..100 {
            assert!(backoff.fail(jitter()) <= seconds(30));
        }
        backoff.succeed();
        assert_eq!(backoff.fail(0), seconds(1));
    }
}
