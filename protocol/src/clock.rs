//! How far two clocks are apart, from four times (RFC 5905, section 8).
//!
//! `health` and `ack` each carry the sender's time and echo the last message of
//! the other side. Whoever receives an echo knows all four times and can place
//! the other's clock on its own. Both sides use the same code; the camera's
//! clock is CLOCK_MONOTONIC, the service's Unix time, both in microseconds, so
//! a wrong or stepping wall clock on the camera changes nothing.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The clock part of `health` and `ack`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Exchange {
    /// Sender's clock when this message was written, microseconds.
    pub sent_us: i64,
    /// The last message that the sender had from the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo: Option<Echo>,
}

/// When the other side's last message was sent, and when it arrived here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Echo {
    /// `sent_us` of that message: the other side's clock, microseconds.
    pub sent_us: i64,
    /// Echoing side's clock when it arrived, microseconds.
    pub received_us: i64,
}

/// One measurement of the other side's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    offset_us: i64,
    round_trip_us: i64,
}

/// How many measurements are weighed: with one every two seconds, the best of
/// half a minute. Over that time two crystals drift apart by less than 3 ms.
const WINDOW: usize = 16;

/// The other side's clock, as seen from here.
///
/// Among the last sixteen measurements the one with the shortest round trip is
/// taken: queues only ever lengthen the path, and a long path hides asymmetry.
#[derive(Debug, Clone, Default)]
pub struct ClockOffset {
    samples: VecDeque<Sample>,
    last_received: Option<Echo>,
}

impl ClockOffset {
    /// Takes in the clock part of a message that arrived at `received_us` on
    /// this side's clock. Impossible values (a negative round trip) are ignored.
    pub fn receive(&mut self, exchange: Exchange, received_us: i64) {
        self.last_received = Some(Echo {
            sent_us: exchange.sent_us,
            received_us,
        });
        let Some(echo) = exchange.echo else { return };
        // We sent at t1, it arrived at t2 there; it answered at t3, here at t4.
        let (t1, t2, t3, t4) = [
            echo.sent_us,
            echo.received_us,
            exchange.sent_us,
            received_us,
        ]
        .map(i128::from)
        .into();
        let round_trip = (t4 - t1) - (t3 - t2);
        let offset = ((t2 - t1) + (t3 - t4)) / 2;
        let (Ok(round_trip_us), Ok(offset_us)) = (i64::try_from(round_trip), i64::try_from(offset))
        else {
            return;
        };
        if round_trip_us < 0 || t4 < t1 {
            return;
        }
        if self.samples.len() == WINDOW {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample {
            offset_us,
            round_trip_us,
        });
    }

    /// The clock part of a message that leaves at `now_us` on this side's clock.
    #[must_use]
    pub const fn send(&self, now_us: i64) -> Exchange {
        Exchange {
            sent_us: now_us,
            echo: self.last_received,
        }
    }

    /// Microseconds to add to a time of this side to get the other side's.
    /// `None` before the first complete exchange.
    #[must_use]
    pub fn offset_us(&self) -> Option<i64> {
        self.best().map(|sample| sample.offset_us)
    }

    /// Shortest round trip among the weighed measurements, microseconds.
    #[must_use]
    pub fn round_trip_us(&self) -> Option<i64> {
        self.best().map(|sample| sample.round_trip_us)
    }

    fn best(&self) -> Option<&Sample> {
        self.samples
            .iter()
            .min_by_key(|sample| sample.round_trip_us)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two clocks and a path between them; `offset` is service minus camera.
    fn exchange(
        camera: &mut ClockOffset,
        service: &mut ClockOffset,
        at: i64,
        offset: i64,
        delays: (i64, i64),
    ) -> i64 {
        let health = camera.send(at);
        let arrives = at + delays.0;
        service.receive(health, arrives + offset);
        let ack = service.send(arrives + offset + 10);
        let back = arrives + 10 + delays.1;
        camera.receive(ack, back);
        back
    }

    #[test]
    fn the_fastest_exchange_decides() {
        let (mut camera, mut service) = (ClockOffset::default(), ClockOffset::default());
        let offset = 1_790_000_000_000_000;
        assert_eq!(camera.offset_us(), None);
        let mut at = 1000;
        for delays in [(40_000, 5_000), (3_000, 3_000), (900_000, 10)] {
            at = exchange(&mut camera, &mut service, at, offset, delays) + 2_000_000;
        }
        assert_eq!(camera.offset_us(), Some(offset));
        assert_eq!(camera.round_trip_us(), Some(6_000));
        assert!(service.offset_us().is_some());
    }

    #[test]
    fn old_measurements_leave() {
        let (mut camera, mut service) = (ClockOffset::default(), ClockOffset::default());
        let mut at = exchange(&mut camera, &mut service, 0, 0, (1, 1));
        for _ in 0..WINDOW {
            at = exchange(&mut camera, &mut service, at, 500, (1_000, 1_000));
        }
        assert_eq!(camera.offset_us(), Some(500));
    }

    #[test]
    fn nonsense_is_ignored() {
        let mut clock = ClockOffset::default();
        let echo = |sent_us, received_us| {
            Some(Echo {
                sent_us,
                received_us,
            })
        };
        clock.receive(
            Exchange {
                sent_us: 100,
                echo: echo(1_000_000, 0),
            },
            50,
        );
        clock.receive(
            Exchange {
                sent_us: i64::MIN,
                echo: echo(i64::MIN, i64::MAX),
            },
            i64::MAX,
        );
        clock.receive(
            Exchange {
                sent_us: i64::MAX,
                echo: echo(0, i64::MIN),
            },
            10,
        );
        assert_eq!(clock.offset_us(), None);
    }

    proptest! {
        #[test]
        fn the_error_is_at_most_half_the_round_trip(
            offset in -1_000_000_000_000_i64..1_000_000_000_000,
            delays in prop::collection::vec((0_i64..5_000_000, 0_i64..5_000_000), 1..40),
        ) {
            let (mut camera, mut service) = (ClockOffset::default(), ClockOffset::default());
            let mut at = 0;
            for delay in delays {
                at = exchange(&mut camera, &mut service, at, offset, delay) + 1;
            }
            let error = (camera.offset_us().unwrap() - offset).abs();
            prop_assert!(2 * error <= camera.round_trip_us().unwrap() + 1);
        }
    }
}
