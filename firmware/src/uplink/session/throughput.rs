//! How many bytes a second a connection carries, measured only while bytes wait
//! for it: an idle link says nothing about its limit.

use std::time::{Duration, Instant};

/// Waiting time that makes one measurement. Shorter ones see single packets.
const WINDOW: Duration = Duration::from_millis(500);

/// Share of the newest measurement in the result.
const WEIGHT: f64 = 0.5;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Throughput {
    last: Option<Sample>,
    waited: Duration,
    bytes: u64,
    rate: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    sent_bytes: u64,
    waiting: bool,
}

impl Throughput {
    /// Takes in how many bytes were sent so far, and whether some wait now.
    pub(super) fn observe(&mut self, sent_bytes: u64, waiting: bool, now: Instant) {
        let sample = Sample {
            at: now,
            sent_bytes,
            waiting,
        };
        let Some(last) = self.last.replace(sample).filter(|last| last.waiting) else {
            return;
        };
        self.waited += now.saturating_duration_since(last.at);
        self.bytes += sent_bytes - last.sent_bytes;
        if self.waited >= WINDOW {
            let measured = self.bytes as f64 / self.waited.as_secs_f64();
            let before = self.rate.unwrap_or(measured);
            self.rate = Some(before + WEIGHT * (measured - before));
            (self.waited, self.bytes) = (Duration::ZERO, 0);
        }
    }

    /// Bytes a second; `None` while the connection never was the bottleneck for
    /// long enough to tell.
    pub(super) const fn bytes_per_second(&self) -> Option<f64> {
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_waiting_counts() {
        let start = Instant::now();
        let mut throughput = Throughput::default();
        let at = |ms| start + Duration::from_millis(ms);
        throughput.observe(0, false, at(0));
        throughput.observe(1_000_000, true, at(10_000));
        assert_eq!(throughput.bytes_per_second(), None);
        throughput.observe(1_050_000, true, at(10_250));
        throughput.observe(1_100_000, false, at(10_500));
        assert_eq!(throughput.bytes_per_second(), Some(200_000.0));
        throughput.observe(9_000_000, true, at(20_000));
        throughput.observe(9_050_000, true, at(20_500));
        assert_eq!(throughput.bytes_per_second(), Some(150_000.0));
        throughput.observe(9_050_000, true, at(21_000));
        assert_eq!(throughput.bytes_per_second(), Some(75_000.0));
    }
}
