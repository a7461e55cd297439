//! How many bytes a second a connection carries, measured only while bytes wait
//! for it and some get through: an idle link says nothing about its limit, and
//! neither does one that stands still.

use std::time::{Duration, Instant};

/// Waiting time that makes one measurement. Shorter ones see single packets.
const WINDOW: Duration = Duration::from_millis(500);

/// Nothing got through for this long: a stall. A socket's buffer takes new bytes
/// in lumps, on a slow link about a second apart.
const STALL: Duration = Duration::from_secs(2);

/// What another connection left on its way shares the network this much longer.
const SETTLING: Duration = Duration::from_secs(1);

/// Share of the newest measurement in the result.
const WEIGHT: f64 = 0.5;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Throughput {
    last: Option<Sample>,
    /// How long bytes waited while others went.
    waited: Duration,
    /// How long they have waited since the last that went.
    standing: Duration,
    bytes: u64,
    rate: Option<f64>,
    /// Waiting time that does not count.
    settling: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    sent_bytes: u64,
    waiting: bool,
}

impl Throughput {
    /// After another connection had its share of the network.
    pub(super) fn after_sharing() -> Self {
        Self {
            settling: SETTLING,
            ..Self::default()
        }
    }

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
        self.standing += now.saturating_duration_since(last.at);
        let bytes = sent_bytes - last.sent_bytes;
        if bytes == 0 {
            return;
        }
        let standing = std::mem::take(&mut self.standing);
        if standing >= STALL {
            return;
        }
        if !self.settling.is_zero() {
            self.settling = self.settling.saturating_sub(standing);
            return;
        }
        self.waited += standing;
        self.bytes += bytes;
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
        throughput.observe(9_075_000, true, at(21_000));
        assert_eq!(throughput.bytes_per_second(), Some(100_000.0));
    }

    #[test]
    fn what_another_connection_left_does_not_count() {
        let start = Instant::now();
        let mut throughput = Throughput::after_sharing();
        for ms in (0..=1_000).step_by(100) {
            throughput.observe(10 * ms, true, start + Duration::from_millis(ms));
        }
        for ms in (1_100..=1_500).step_by(100) {
            assert_eq!(throughput.bytes_per_second(), None);
            throughput.observe(200 * ms, true, start + Duration::from_millis(ms));
        }
        let rate = throughput.bytes_per_second().unwrap();
        assert!(rate > 200_000.0, "{rate}");
    }

    #[test]
    fn a_stall_says_nothing() {
        let start = Instant::now();
        let mut throughput = Throughput::default();
        let at = |ms| start + Duration::from_millis(ms);
        throughput.observe(0, true, at(0));
        throughput.observe(100_000, true, at(500));
        assert_eq!(throughput.bytes_per_second(), Some(200_000.0));
        // Frames come meanwhile, and the connection is looked at each time.
        for ms in (540..9_000).step_by(40) {
            throughput.observe(100_000, true, at(ms));
        }
        assert_eq!(throughput.bytes_per_second(), Some(200_000.0));
        throughput.observe(150_000, true, at(9_000));
        throughput.observe(250_000, true, at(9_500));
        assert_eq!(throughput.bytes_per_second(), Some(200_000.0));
    }

    #[test]
    fn a_slow_link_takes_bytes_in_lumps() {
        let start = Instant::now();
        let mut throughput = Throughput::default();
        for ms in (0..6_000).step_by(100) {
            throughput.observe(
                40_000 * (ms / 1_000),
                true,
                start + Duration::from_millis(ms),
            );
        }
        assert_eq!(throughput.bytes_per_second(), Some(40_000.0));
    }
}
