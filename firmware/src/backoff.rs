//! How long to wait before trying again: twice as long after each failure, up
//! to a bound, and never exactly as long as anybody else.

use std::time::Duration;

/// Pauses that grow from failure to failure.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
    jitter: fastrand::Rng,
}

impl Backoff {
    /// Pauses of at most `first` at first, then more, never beyond `longest`;
    /// `jitter` chooses within the upper half.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration, jitter: fastrand::Rng) -> Self {
        Self {
            first,
            longest,
            failures: 0,
            jitter,
        }
    }

    /// The pause after one more failure.
    pub fn fail(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let whole = doubled.min(self.longest);
        whole.mul_f64(0.5 + 0.5 * self.jitter.f64())
    }

    /// It worked: the next pause is a first one again.
    pub const fn succeed(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_within_their_bounds() {
        let seconds = Duration::from_secs;
        for seed in 0..100 {
            let mut backoff = Backoff::new(seconds(2), seconds(30), fastrand::Rng::with_seed(seed));
            for whole in [2, 4, 8, 16, 30, 30].map(seconds) {
                let pause = backoff.fail();
                assert!(
                    whole / 2 <= pause && pause <= whole,
                    "{pause:?} of {whole:?}"
                );
            }
            backoff.succeed();
            assert!(backoff.fail() <= seconds(2));
        }
    }
}
