//! What a deploy does to viewers of plain HLS, on uplinks with little to spare:
//! the reason for what [`cursor`](super::cursor) and
//! [`upload`](super::upload) do with a service that has no pictures.
//!
//! Camera, network, service and player in one loop, a frame time a step. Ring
//! and cursors are the real ones. The player reloads as hls.js does, begins with
//! [`HOLD_BACK_S`] in hand, and finds the next instance from the deploy on.

use std::time::Duration;

use zerocam_protocol::Frame;

use super::{
    RingLimits,
    cursor::{Cursor, MAX_BACKFILL, unseen},
    ring::{Place, Ring, position_of},
    sample::{FRAME_TIME, at, frame},
};

const RATE: u64 = 25;
/// A segment of one second.
const GOP: u64 = 25;
const HOLD_BACK_S: f64 = 6.0;
/// What a connection carries is known after this long.
const MEASURED: u64 = RATE / 2;

/// How a camera moves to a service that has nothing.
#[derive(Debug, Clone, Copy)]
struct Policy {
    /// It sends what viewers may lack, not all it may send.
    only_unseen: bool,
    /// It leaves at the next border, not when the next service has everything.
    at_once: bool,
    /// Players get a list when it is news to them, not when it reaches to the
    /// camera's arrival.
    early_list: bool,
}

/// When things happen, in frame times.
#[derive(Debug, Clone, Copy)]
struct Times {
    deploy: u64,
    noticed: u64,
    connected: u64,
    /// The player's first request after the deploy.
    asks: u64,
}

/// What came of it, in seconds.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    /// The least that the player had in hand; below zero it stood still.
    least: f64,
    /// From the deploy until pictures are as young as before.
    recovered: f64,
    /// How long the instant stream stands still, which goes on here.
    stop: f64,
    /// Of the pictures that the player lacked.
    lost: f64,
}

fn seconds(frames: u64) -> f64 {
    frames as f64 / RATE as f64
}

/// `ratio` is what the network carries of what the camera makes.
fn deploy(policy: Policy, ratio: f64, times: Times) -> Outcome {
    /// Beyond the longest that catching up may take.
    const LONGEST: u64 = 25 * RATE;
    let mut ring = Ring::new(RingLimits::default());
    let mut line = Cursor::resume(&mut ring, None, MAX_BACKFILL, at(0));
    let mut next: Option<Cursor> = None;
    let mut handed_over: Option<u64> = None;
    let mut next_has = Vec::new();
    let (mut recovered, mut resumed, mut tokens) = (None, None, 0.0);
    let mut player = Player::new(times);

    for now in 0..times.deploy + LONGEST {
        ring.push(frame(now, GOP, 1000));
        tokens = (tokens + ratio).min(2.0 * ratio);
        if now == times.connected {
            let since = FRAME_TIME * (times.connected - times.noticed) as u32;
            let oldest = if policy.only_unseen {
                unseen(&ring, since, line.delay(&ring, at(now)))
            } else {
                MAX_BACKFILL
            };
            next = Some(Cursor::resume(&mut ring, None, oldest, at(now)));
        }
        // The line goes first, up to the border.
        while handed_over.is_none() && tokens >= 1.0 {
            let place = line.next();
            if let Some(next) = &mut next
                && ring.starts_segment(place)
            {
                let waited = now - times.connected;
                let ready = next.next() >= place;
                if policy.at_once || ready || waited >= 20 * RATE {
                    handed_over = Some(now);
                    if !policy.at_once {
                        next.skip_to(&mut ring, place);
                    }
                    break;
                }
            }
            if line.peek(&mut ring, None, at(now)).is_none() {
                break;
            }
            line.advance(&mut ring);
            tokens -= 1.0;
        }
        let rate = handed_over
            .filter(|from| now - from >= MEASURED)
            .map(|_| ratio * ring.production().expect("there are frames"));
        while let Some(next) = &mut next
            && tokens >= 1.0
            && let Some(frame) = next.peek(&mut ring, rate, at(now))
        {
            let Frame(number) = frame.unit.header().frame;
            next_has.push(number);
            next.advance(&mut ring);
            tokens -= 1.0;
        }
        if let (Some(border), Some(&newest)) = (handed_over, next_has.last()) {
            if newest >= border && resumed.is_none() {
                resumed = Some(now - border);
            }
            if newest + RATE / 5 > now && recovered.is_none() {
                recovered = Some(now - times.deploy);
            }
        }
        player.step(now, &next_has, policy, times);
    }
    Outcome {
        least: player.least,
        recovered: recovered.map_or(f64::INFINITY, seconds),
        stop: resumed.map_or(f64::INFINITY, seconds),
        lost: player.lost,
    }
}

/// A player of plain HLS. Times of pictures are in frames.
struct Player {
    plays: f64,
    /// It has everything before this frame.
    has: u64,
    asks: u64,
    stood_still: u64,
    least: f64,
    lost: f64,
}

impl Player {
    /// It asked last a second before, found what was whole then, and played what
    /// it had since.
    fn new(times: Times) -> Self {
        let has = (times.asks - RATE - 1) / GOP * GOP;
        Self {
            plays: has as f64 - (HOLD_BACK_S - 1.0) * RATE as f64,
            has,
            asks: times.asks,
            stood_still: 0,
            least: HOLD_BACK_S - 1.0,
            lost: 0.0,
        }
    }

    fn step(&mut self, now: u64, service_has: &[u64], policy: Policy, times: Times) {
        if now < times.asks {
            return;
        }
        if self.plays < self.has as f64 {
            self.plays += 1.0;
            self.stood_still = 0;
        } else {
            self.stood_still += 1;
        }
        let in_hand = (self.has as f64 - self.plays) / RATE as f64;
        self.least = self.least.min(in_hand - seconds(self.stood_still));

        let Some(&newest) = service_has.last() else {
            return;
        };
        let known = if policy.early_list {
            times.deploy
        } else {
            times.connected
        };
        let listed = newest / GOP * GOP;
        let has_list = service_has[0] + GOP <= listed && newest >= known;
        if now < self.asks || !has_list {
            return;
        }
        if listed <= self.has {
            self.asks = now + RATE / 2;
            return;
        }
        let got = service_has
            .iter()
            .filter(|&&it| (self.has..listed).contains(&it));
        self.lost += seconds(listed - self.has - got.count() as u64);
        self.has = listed;
        self.asks = self.asks.max(now.saturating_sub(RATE)) + RATE;
        // A request that had to wait is followed by the next one at once.
        self.asks = self.asks.max(now);
    }
}

/// The worst of many deploys, at any phase of segments, questions and requests.
fn worst(policy: Policy, ratio: f64) -> Outcome {
    let mut worst = Outcome {
        least: f64::INFINITY,
        recovered: 0.0,
        stop: 0.0,
        lost: 0.0,
    };
    let phases = [0, 8, 16].into_iter().flat_map(|phase| {
        let noticed = [12, 44].map(|noticed| (phase, noticed));
        let asks = move |(phase, noticed)| [0, 8, 16].map(|asks| (phase, noticed, asks));
        noticed.into_iter().flat_map(asks)
    });
    for (phase, noticed, asks) in phases {
        let at = 20 * RATE + phase;
        let times = Times {
            deploy: at,
            noticed: at + noticed,
            connected: at + noticed + 10,
            asks: at + asks,
        };
        let outcome = deploy(policy, ratio, times);
        worst.least = worst.least.min(outcome.least);
        worst.recovered = worst.recovered.max(outcome.recovered);
        worst.stop = worst.stop.max(outcome.stop);
        worst.lost = worst.lost.max(outcome.lost);
    }
    worst
}

#[test]
fn viewers_of_plain_hls_never_run_dry_at_a_deploy() {
    const RATIOS: [f64; 5] = [1.1, 1.3, 1.5, 2.0, 4.0];
    let chosen = Policy {
        only_unseen: true,
        at_once: true,
        early_list: true,
    };
    let ten_seconds = Policy {
        only_unseen: false,
        ..chosen
    };
    let when_all_is_there = Policy {
        at_once: false,
        ..chosen
    };
    let late_list = Policy {
        early_list: false,
        ..chosen
    };
    let none = Policy {
        only_unseen: false,
        at_once: false,
        early_list: false,
    };
    println!("ratio  least in hand  recovered  instant stops  lost");
    let table = |name: &str, policy| {
        println!("{name}");
        RATIOS.map(|ratio| {
            let outcome = worst(policy, ratio);
            println!(
                "{ratio:5} {:11.1} s {:10.1} s {:10.1} s {:6.1} s",
                outcome.least, outcome.recovered, outcome.stop, outcome.lost
            );
            outcome
        })
    };
    for outcome in table("all it lacks, at once, early list", chosen) {
        assert!(outcome.least > 0.5, "it stops: {outcome:?}");
        assert!(outcome.recovered < 16.0, "too late: {outcome:?}");
        // More than that takes longer than MAX_CATCH_UP to catch up with.
        assert!(outcome.lost <= 4.0, "lost: {outcome:?}");
    }
    let enough = worst(chosen, 1.5);
    assert!(enough.lost == 0.0, "lost: {enough:?}");
    // None of it can be left out.
    for (name, policy) in [
        ("ten seconds of the past", ten_seconds),
        ("it leaves when all is there", when_all_is_there),
        ("the list waits for the camera's arrival", late_list),
        ("none of it", none),
    ] {
        let outcomes = table(name, policy);
        assert!(outcomes.iter().any(|it| it.least < 0.0), "{name}");
    }
}

#[test]
fn what_a_line_that_lags_behind_has_not_sent_is_left_to_the_next_service() {
    for lag in 1..=9 * RATE {
        let now = 20 * RATE;
        let mut ring = Ring::new(RingLimits::default());
        for number in 0..=now {
            ring.push(frame(number, GOP, 1000));
        }
        // After an outage.
        let have = ring.get(Place(now - lag - 1)).map(position_of);
        let line = Cursor::resume(&mut ring, have, MAX_BACKFILL, at(now));
        assert_eq!(line.next(), Place(now - lag));
        let border = ring.segment_start_from(line.next());

        let oldest = unseen(&ring, Duration::ZERO, line.delay(&ring, at(now)));
        let next = Cursor::resume(&mut ring, None, oldest, at(now));
        assert!(
            Some(next.next()) <= border,
            "{lag} frames behind: {next:?} after {border:?}"
        );
    }
}
