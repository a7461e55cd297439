//! When each frame was captured, by the service's clock.
//!
//! The camera stamps frames with its monotonic clock; the exchange of times in
//! `health` and `ack` says how far that clock is from ours. The first is complete
//! before the first frame; for a camera that does not take part, the frame that
//! arrived quickest stands in for it. A date
//! is never in the future, and never so old that only a broken stamp explains
//! it.

use zerocam_protocol::{
    DeviceId, Run,
    clock::{ClockOffset, Exchange},
    message::Hello,
};

/// More than the longest replay ring that a camera may hold: what is older was
/// stamped wrongly.
const OLDEST_PLAUSIBLE_US: i64 = 120_000_000;

/// The relation of one camera's clock to ours.
#[derive(Debug, Clone)]
pub struct Dating {
    device: DeviceId,
    run: Run,
    run_started_us: i64,
    clock: ClockOffset,
    /// Ours minus the camera's, in microseconds, as the quickest frame shows it.
    quickest_us: Option<i64>,
}

impl Dating {
    /// Begins with what `hello` announces.
    #[must_use]
    pub fn new(hello: &Hello) -> Self {
        Self {
            device: hello.device.clone(),
            run: hello.run,
            run_started_us: signed(hello.run_started_us),
            clock: ClockOffset::default(),
            quickest_us: None,
        }
    }

    /// Whether it knows the clock behind a `hello` of another connection: the
    /// same run means the same process, and so the same monotonic clock.
    #[must_use]
    pub fn fits(&self, hello: &Hello) -> bool {
        self.device == hello.device && self.run == hello.run
    }

    /// Goes on with the next run of the same process.
    pub fn begin_run(&mut self, hello: &Hello) {
        self.run = hello.run;
        self.run_started_us = signed(hello.run_started_us);
    }

    /// Takes in the clock part of a `health` that arrived now.
    pub fn receive(&mut self, exchange: Exchange, now_unix_us: i64) {
        self.clock.receive(exchange, now_unix_us);
    }

    /// Whether an exchange was complete: from then on dates are right, also of
    /// frames that come late.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.clock.offset_us().is_some()
    }

    /// The clock part of an `ack` that leaves now.
    #[must_use]
    pub const fn send(&self, now_unix_us: i64) -> Exchange {
        self.clock.send(now_unix_us)
    }

    /// When a frame was captured, Unix microseconds; it arrived now.
    pub fn date(&mut self, capture_time_us: u64, now_unix_us: i64) -> i64 {
        let camera_us = self.run_started_us.saturating_add(signed(capture_time_us));
        let path_us = now_unix_us.saturating_sub(camera_us);
        let quickest_us = self.quickest_us.map_or(path_us, |least| least.min(path_us));
        self.quickest_us = Some(quickest_us);
        let ours_minus_cameras = self
            .clock
            .offset_us()
            .map_or(quickest_us, i64::saturating_neg);
        let date = camera_us.saturating_add(ours_minus_cameras);
        let oldest = now_unix_us.saturating_sub(OLDEST_PLAUSIBLE_US);
        if (oldest..=now_unix_us).contains(&date) {
            date
        } else {
            now_unix_us
        }
    }
}

fn signed(microseconds: u64) -> i64 {
    i64::try_from(microseconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zerocam_protocol::clock::Echo;

    use super::*;
    use crate::ingest::tests::hello;

    const NOW: i64 = 1_790_000_000_000_000;

    #[test]
    fn before_an_exchange_the_quickest_frame_decides() {
        let mut dating = Dating::new(&hello("a", 5, 1));
        assert_eq!(dating.date(0, NOW), NOW);
        // Half a second late: dated by its distance from the first.
        assert_eq!(dating.date(40_000, NOW + 540_000), NOW + 40_000);
        // Quicker than the first: that one had been late.
        assert_eq!(dating.date(80_000, NOW + 50_000), NOW + 50_000);
        assert_eq!(dating.date(120_000, NOW + 200_000), NOW + 90_000);
    }

    #[test]
    fn an_exchange_decides_and_survives_a_reconnect() {
        let mut announced = hello("a", 5, 1);
        announced.run_started_us = 1_000_000;
        let mut dating = Dating::new(&announced);
        assert_eq!(dating.send(NOW).sent_us, NOW);
        // The camera's clock shows 3 s when ours shows NOW; 10 ms each way.
        let exchange = Exchange {
            sent_us: 3_010_000,
            echo: Some(Echo {
                sent_us: NOW,
                received_us: 3_010_000,
            }),
        };
        dating.receive(exchange, NOW + 20_000);
        assert_eq!(dating.date(1_900_000, NOW + 500_000), NOW - 100_000);
        assert!(dating.fits(&announced));
        assert!(!dating.fits(&hello("a", 6, 1)));
        assert!(!dating.fits(&hello("b", 5, 1)));
        let mut next = hello("a", 6, 1);
        next.run_started_us = 4_000_000;
        dating.begin_run(&next);
        assert_eq!(dating.date(0, NOW + 2_000_000), NOW + 1_000_000);
    }

    #[test]
    fn a_frame_is_never_from_the_future_or_the_distant_past() {
        let mut dating = Dating::new(&hello("a", 5, 1));
        let exchange = Exchange {
            sent_us: 0,
            echo: Some(Echo {
                sent_us: NOW,
                received_us: 0,
            }),
        };
        dating.receive(exchange, NOW);
        assert_eq!(dating.date(5_000_000, NOW + 1_000), NOW + 1_000);
        assert_eq!(dating.date(0, NOW + 600_000_000), NOW + 600_000_000);
    }

    proptest! {
        #[test]
        fn any_stamp_gives_a_plausible_date(
            started: u64, capture: u64, sent_us: i64, echoed: i64, received_us: i64,
            now in 0..i64::MAX,
        ) {
            let mut announced = hello("a", 5, 1);
            announced.run_started_us = started;
            let mut dating = Dating::new(&announced);
            let echo = Some(Echo { sent_us: echoed, received_us });
            dating.receive(Exchange { sent_us, echo }, now);
            let date = dating.date(capture, now);
            prop_assert!((now - OLDEST_PLAUSIBLE_US..=now).contains(&date));
        }
    }
}
