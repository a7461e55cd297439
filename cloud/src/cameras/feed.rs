//! Which connection's frames count: the lease over time.
//!
//! One connection feeds. A newer one of the same device may wait beside it and
//! takes over at a segment border; the older one's frames are ignored from then
//! on. Two TCP connections keep no order between them, so the newer one's first
//! frame may overtake the older one's last: it is then held back for up to
//! [`HANDOVER_WAIT`]. Pure: the time is passed in.

use std::time::{Duration, Instant};

use zerocam_protocol::{
    DeviceId,
    access_unit::Header,
    lease::{self, Lease, Verdict},
    limits::LEASE_ALIVE,
    message::{Hello, Position},
};

/// How long a hand-over waits for frames that are still on their way on the
/// older connection. What arrives later than this was not sent.
pub const HANDOVER_WAIT: Duration = Duration::from_secs(1);

/// One connection among all that this service has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

/// Who feeds one camera's stream.
#[derive(Debug, Default)]
pub struct Feed {
    holder: Option<Claim>,
    successor: Option<Claim>,
    newest: Option<Position>,
}

#[derive(Debug)]
struct Claim {
    connection: ConnectionId,
    lease: Lease,
    last_frame: Instant,
    open: bool,
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its frames count, or will at the next segment border.
    Counts,
    /// A newer connection of the same device took over.
    Superseded,
    /// Another device took over after this one was silent.
    Replaced,
    /// The owner has replaced the key that it was opened with.
    KeyReplaced,
}

/// What to do with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// It goes to the pipeline.
    Take,
    /// Offer it again shortly: frames before it are still on their way.
    Wait,
    /// It goes nowhere, and its connection should end.
    Ignore,
}

impl Feed {
    /// Decides a connection's `hello`, and enters it unless it is refused.
    pub fn claim(&mut self, connection: ConnectionId, hello: &Hello, now: Instant) -> Verdict {
        for claim in [&mut self.holder, &mut self.successor]
            .into_iter()
            .flatten()
        {
            if claim.connection == connection && claim.lease.device == hello.device {
                claim.lease = hello.into();
                return Verdict::Hold;
            }
        }
        let rival = self.successor.as_ref().or(self.holder.as_ref());
        let rival = rival.map(|claim| {
            let silence = now.saturating_duration_since(claim.last_frame);
            (&claim.lease, silence)
        });
        let verdict = lease::decide(hello, rival);
        let claim = Claim {
            connection,
            lease: hello.into(),
            last_frame: now,
            open: true,
        };
        match verdict {
            Verdict::Hold => {
                self.holder = Some(claim);
                self.successor = None;
            }
            Verdict::TakeOver => self.successor = Some(claim),
            Verdict::Superseded | Verdict::Refused(_) => {}
        }
        verdict
    }

    /// Decides one frame of a connection that has been `waiting` with it for
    /// some time.
    pub fn offer(
        &mut self,
        connection: ConnectionId,
        header: &Header,
        waiting: Duration,
        now: Instant,
    ) -> Offer {
        let holds = |claim: &Option<Claim>| {
            claim
                .as_ref()
                .is_some_and(|claim| claim.connection == connection)
        };
        if holds(&self.successor) {
            if header.flags.starts_segment {
                if waiting < HANDOVER_WAIT && self.is_early(header) {
                    return Offer::Wait;
                }
                self.holder = self.successor.take();
            }
        } else if !holds(&self.holder) {
            return Offer::Ignore;
        }
        let claims = [&mut self.holder, &mut self.successor];
        for claim in claims.into_iter().flatten() {
            if claim.connection == connection {
                claim.last_frame = now;
            }
        }
        let position = Position {
            run: header.run,
            frame: header.frame,
        };
        self.newest = self.newest.max(Some(position));
        Offer::Take
    }

    /// Whether the successor's frame leaves a gap that the holder may still
    /// fill.
    fn is_early(&self, header: &Header) -> bool {
        let holder_open = self.holder.as_ref().is_some_and(|holder| holder.open);
        holder_open
            && self.newest.is_some_and(|newest| {
                header.run == newest.run && header.frame > newest.frame.next()
            })
    }

    /// Where a connection stands that has claimed before.
    #[must_use]
    pub fn standing(&self, connection: ConnectionId, hello: &Hello) -> Standing {
        let mut claims = self.holder.iter().chain(&self.successor);
        if claims.any(|claim| claim.connection == connection) {
            return Standing::Counts;
        }
        match &self.holder {
            Some(holder) if holder.lease.device != hello.device => Standing::Replaced,
            _ => Standing::Superseded,
        }
    }

    /// A connection has ended, with or without a farewell. Returns whether the
    /// stream ended with it: nobody else feeds.
    ///
    /// Without a farewell the device keeps the name for
    /// [`LEASE_ALIVE`] and may come back.
    pub fn leave(&mut self, connection: ConnectionId, farewell: bool) -> bool {
        self.successor
            .take_if(|claim| claim.connection == connection);
        let Some(holder) = &mut self.holder else {
            return false;
        };
        if holder.connection != connection {
            return false;
        }
        holder.open = false;
        if let Some(successor) = self.successor.take() {
            self.holder = Some(successor);
            return false;
        }
        if farewell {
            self.holder = None;
        }
        true
    }

    /// Whether another device holds the name, so that this one may not feed.
    #[must_use]
    pub fn is_held_against(&self, device: &DeviceId, now: Instant) -> bool {
        self.holder.iter().chain(&self.successor).any(|claim| {
            let silence = now.saturating_duration_since(claim.last_frame);
            claim.lease.device != *device && silence < LEASE_ALIVE
        })
    }

    /// Whether a connection is open that feeds or is about to.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.holder
            .iter()
            .chain(&self.successor)
            .any(|claim| claim.open)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zerocam_protocol::{Flags, Frame, Run, Segment};

    use super::*;

    const A: ConnectionId = ConnectionId(1);
    const B: ConnectionId = ConnectionId(2);
    const C: ConnectionId = ConnectionId(3);

    fn hello(device: &str, connection: u64) -> Hello {
        crate::ingest::tests::hello(device, 5, connection)
    }

    /// Frames 10 to 19 are segment 1, and so on.
    fn frame(run: u64, frame: u64) -> Header {
        Header {
            flags: Flags {
                keyframe: frame.is_multiple_of(5),
                starts_segment: frame.is_multiple_of(10),
            },
            run: Run(run),
            segment: Segment(frame / 10),
            frame: Frame(frame),
            capture_time_us: 0,
        }
    }

    struct Bench {
        feed: Feed,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                feed: Feed::default(),
                now: Instant::now(),
            }
        }
        fn claim(&mut self, id: ConnectionId, hello: &Hello) -> Verdict {
            self.feed.claim(id, hello, self.now)
        }
        fn offer(&mut self, id: ConnectionId, number: u64) -> Offer {
            self.waited(id, number, Duration::ZERO)
        }
        fn waited(&mut self, id: ConnectionId, number: u64, waiting: Duration) -> Offer {
            self.feed.offer(id, &frame(5, number), waiting, self.now)
        }
    }

    #[test]
    fn the_newer_connection_takes_over_at_a_segment_border() {
        let mut bench = Bench::new();
        assert_eq!(bench.claim(A, &hello("a", 1)), Verdict::Hold);
        assert_eq!(bench.offer(A, 18), Offer::Take);
        assert_eq!(bench.claim(B, &hello("a", 2)), Verdict::TakeOver);
        // What is already there, from the newer one: the pipeline drops it.
        assert_eq!(bench.offer(B, 17), Offer::Take);
        assert_eq!(bench.offer(A, 19), Offer::Take);
        assert_eq!(bench.feed.standing(A, &hello("a", 1)), Standing::Counts);
        assert_eq!(bench.offer(B, 20), Offer::Take);
        assert_eq!(bench.feed.standing(A, &hello("a", 1)), Standing::Superseded);
        assert_eq!(bench.offer(A, 20), Offer::Ignore);
        assert_eq!(bench.offer(B, 21), Offer::Take);
        assert!(!bench.feed.leave(A, false), "the stream goes on");
        assert!(bench.feed.is_open());
    }

    #[test]
    fn a_frame_that_overtook_waits_for_those_before_it() {
        let mut bench = Bench::new();
        bench.claim(A, &hello("a", 1));
        bench.offer(A, 17);
        bench.claim(B, &hello("a", 2));
        assert_eq!(bench.offer(B, 20), Offer::Wait);
        assert_eq!(bench.offer(A, 18), Offer::Take);
        assert_eq!(bench.offer(B, 20), Offer::Wait);
        assert_eq!(bench.offer(A, 19), Offer::Take);
        assert_eq!(bench.offer(B, 20), Offer::Take);
        // Not for ever, and not for a connection that is gone.
        bench.claim(C, &hello("a", 3));
        assert_eq!(bench.offer(C, 30), Offer::Wait);
        assert_eq!(bench.waited(C, 30, HANDOVER_WAIT), Offer::Take);
        bench.claim(A, &hello("a", 4));
        assert!(!bench.feed.leave(C, false));
        assert_eq!(bench.offer(A, 40), Offer::Take);
    }

    #[test]
    fn after_a_lost_connection_the_device_goes_on_anywhere() {
        let mut bench = Bench::new();
        bench.claim(A, &hello("a", 1));
        bench.offer(A, 17);
        assert!(bench.feed.leave(A, false));
        assert!(!bench.feed.is_open());
        assert_eq!(bench.claim(B, &hello("a", 2)), Verdict::TakeOver);
        assert_eq!(bench.offer(B, 18), Offer::Take);
        assert_eq!(bench.offer(B, 30), Offer::Take);
    }

    #[test]
    fn another_device_waits_until_the_holder_is_silent_or_gone() {
        let mut bench = Bench::new();
        bench.claim(A, &hello("a", 1));
        bench.now += Duration::from_secs(60);
        bench.offer(A, 10);
        bench.now += LEASE_ALIVE - Duration::from_millis(1);
        let refused = |verdict| matches!(verdict, Verdict::Refused(_));
        assert!(refused(bench.claim(B, &hello("b", 1))));
        assert_eq!(bench.offer(B, 10), Offer::Ignore);
        bench.now += Duration::from_millis(1);
        assert_eq!(bench.claim(B, &hello("b", 1)), Verdict::Hold);
        assert_eq!(bench.feed.standing(A, &hello("a", 1)), Standing::Replaced);
        // A lost connection keeps the name, a farewell gives it back.
        bench.feed.leave(B, false);
        assert!(refused(bench.claim(C, &hello("c", 1))));
        bench.claim(B, &hello("b", 2));
        bench.feed.leave(B, true);
        bench.now += LEASE_ALIVE;
        assert_eq!(bench.claim(C, &hello("c", 1)), Verdict::Hold);
        assert!(bench.feed.leave(C, true));
        assert_eq!(bench.claim(A, &hello("a", 9)), Verdict::Hold);
    }

    #[test]
    fn a_late_old_connection_is_superseded() {
        let mut bench = Bench::new();
        bench.claim(A, &hello("a", 2));
        bench.claim(B, &hello("a", 3));
        assert_eq!(bench.claim(C, &hello("a", 1)), Verdict::Superseded);
        assert_eq!(bench.feed.standing(C, &hello("a", 1)), Standing::Superseded);
    }

    proptest! {
        /// However two TCP connections interleave, a hand-over takes every
        /// frame, in order.
        #[test]
        fn a_hand_over_loses_nothing(picks in prop::collection::vec(any::<bool>(), 100)) {
            let mut bench = Bench::new();
            bench.claim(A, &hello("a", 1));
            bench.offer(A, 0);
            bench.claim(B, &hello("a", 2));
            let (mut old, mut new) = ((1..30).peekable(), (30..60).peekable());
            let mut taken = vec![0];
            for pick in picks.into_iter().chain([true; 60]).chain([false; 60]) {
                let (id, frames) = if pick { (A, &mut old) } else { (B, &mut new) };
                let Some(&number) = frames.peek() else { continue };
                match bench.offer(id, number) {
                    Offer::Take => {
                        taken.push(number);
                        frames.next();
                    }
                    Offer::Wait => prop_assert_eq!(id, B),
                    Offer::Ignore => prop_assert!(false, "{} is lost", number),
                }
            }
            prop_assert_eq!(taken, (0..60).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_new_run_keeps_the_connection_and_takes_over_at_once() {
        let mut bench = Bench::new();
        bench.claim(A, &hello("a", 1));
        bench.offer(A, 13);
        let next = crate::ingest::tests::hello("a", 6, 1);
        assert_eq!(bench.claim(A, &next), Verdict::Hold);
        let now = bench.now;
        let offer = |feed: &mut Feed, id, run, number| {
            feed.offer(id, &frame(run, number), Duration::ZERO, now)
        };
        assert_eq!(offer(&mut bench.feed, A, 6, 0), Offer::Take);
        // A restarted daemon: the first connection of a later run.
        bench.claim(B, &crate::ingest::tests::hello("a", 9, 1));
        assert_eq!(offer(&mut bench.feed, B, 9, 0), Offer::Take);
        assert_eq!(offer(&mut bench.feed, A, 6, 1), Offer::Ignore);
    }
}
