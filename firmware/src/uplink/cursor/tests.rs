//! Ring and cursor together.

use proptest::prelude::*;
use zerocam_protocol::{Frame, Run, Segment};

use super::*;
use crate::uplink::{
    RingLimits,
    sample::{FRAME_TIME, at, frame, frame_of, is_keyframe},
};

const GOP: u64 = 25;

fn ring(frames: std::ops::Range<u64>) -> Ring {
    let mut ring = Ring::new(RingLimits::default());
    for number in frames {
        ring.push(frame(number, GOP, 1000));
    }
    ring
}

fn have(frame: u64) -> Option<Position> {
    Some(Position {
        run: Run(1000),
        frame: Frame(frame),
    })
}

/// Everything that is sent now, by a link without limits.
fn send(cursor: &mut Cursor, ring: &mut Ring, rate: Option<f64>, now: Instant) -> Vec<u64> {
    let mut sent = Vec::new();
    while let Some(frame) = cursor.peek(ring, rate, now) {
        sent.push(frame.unit.header().frame.0);
        cursor.advance(ring);
    }
    sent
}

fn first_sent(ring: &mut Ring, have: Option<Position>, now: Instant) -> Option<u64> {
    let mut cursor = Cursor::resume(ring, have, MAX_BACKFILL, now);
    send(&mut cursor, ring, None, now).first().copied()
}

#[test]
fn where_a_connection_begins() {
    // 20 s are kept: frames 100 to 600, segments from 100 on.
    let now = at(600);
    for (service_has, expected, why) in [
        (None, Some(350), "ten seconds at most"),
        (have(599), Some(600), "right after what it has"),
        (have(380), Some(381), "in the middle of a segment"),
        (have(349), Some(350), "exactly ten seconds"),
        (
            have(348),
            Some(350),
            "more than ten seconds: the next segment",
        ),
        (have(5), Some(350), "no longer in the ring"),
        (have(600), None, "nothing is missing"),
        (have(700), None, "it is ahead of us"),
    ] {
        assert_eq!(
            first_sent(&mut ring(0..601), service_has, now),
            expected,
            "{why}"
        );
    }
    let mut short = ring(0..60);
    assert_eq!(first_sent(&mut short, None, at(60)), Some(0));
    assert_eq!(first_sent(&mut short, None, at(400)), None, "all too old");
    let mut torn = ring(10..60);
    assert_eq!(
        first_sent(&mut torn, None, at(60)),
        Some(25),
        "from a segment's start"
    );
    assert_eq!(
        first_sent(&mut torn, have(9), at(60)),
        Some(10),
        "unless it is seamless"
    );
    assert_eq!(first_sent(&mut torn, have(8), at(60)), Some(25));
}

#[test]
fn what_a_service_lists_never_begins_before_what_another_one_listed() {
    let mut ring = ring(0..601);
    let mut first = |have, oldest_s| {
        let oldest = Duration::from_secs(oldest_s);
        let mut cursor = Cursor::resume(&mut ring, have, oldest, at(600));
        cursor
            .peek(&mut ring, None, at(600))
            .map(|it| it.unit.header().frame.0)
    };
    assert_eq!(first(None, 10), Some(350));
    assert_eq!(first(None, 4), Some(500));
    assert_eq!(first(None, 10), Some(500));
    assert_eq!(
        first(have(380), 4),
        Some(381),
        "it listed what is before that"
    );
    assert_eq!(
        first(have(600), 4),
        None,
        "nor does one that has everything"
    );
    assert_eq!(
        first(have(700), 4),
        None,
        "nor does one that is ahead of us"
    );
    assert_eq!(first(None, 10), Some(500));
}

#[test]
fn after_a_foreign_position_only_a_keyframe_follows() {
    let mut ring = ring(0..30);
    let mut cursor = Cursor::resume(&mut ring, have(700), MAX_BACKFILL, at(30));
    for number in 30..52 {
        ring.push(frame(number, GOP, 1000));
    }
    assert_eq!(send(&mut cursor, &mut ring, None, at(52)), [50, 51]);
}

#[test]
fn a_live_connection_drops_the_rest_of_the_group() {
    let mut ring = ring(0..30);
    let mut cursor = Cursor::resume(&mut ring, None, MAX_BACKFILL, at(30));
    assert_eq!(send(&mut cursor, &mut ring, None, at(30)).len(), 30);
    for number in 30..100 {
        ring.push(frame(number, GOP, 1000));
    }
    // Frame 62 is the first that is not too old, 75 the first keyframe.
    assert_eq!(cursor.delay(&ring, at(100)), FRAME_TIME * 70);
    let sent = send(&mut cursor, &mut ring, None, at(100));
    assert_eq!(sent, (75..100).collect::<Vec<_>>());
    assert_eq!(ring.dropped(), 45);
    assert_eq!(cursor.delay(&ring, at(100)), Duration::ZERO);
}

#[test]
fn catching_up_leaves_out_whole_segments_that_would_take_too_long() {
    // 1034 bytes a frame, 25 850 bytes a second: 10 s wait.
    let mut ring = ring(0..250);
    let mut cursor = Cursor::resume(&mut ring, None, MAX_BACKFILL, at(250));
    let production = ring.production().unwrap();
    // 3 s of video in 15 s.
    let rate = production * (1.0 + 3.0 / 15.0);
    let frame = cursor.peek(&mut ring, Some(rate), at(250)).unwrap();
    assert_eq!(frame.unit.header().frame, Frame(175));
    assert_eq!(ring.dropped(), 175);
    // Slower than the camera: only the newest segment is left.
    let frame = cursor
        .peek(&mut ring, Some(production / 2.0), at(250))
        .unwrap();
    assert_eq!(frame.unit.header().frame, Frame(225));
}

#[test]
fn catching_up_ends_after_fifteen_seconds() {
    let mut ring = ring(0..250);
    let mut cursor = Cursor::resume(&mut ring, None, MAX_BACKFILL, at(250));
    for number in 250..625 {
        ring.push(frame(number, GOP, 1000));
        // One frame a frame time: never gets nearer.
        cursor.peek(&mut ring, None, at(number)).unwrap();
        cursor.advance(&mut ring);
    }
    let next = cursor.peek(&mut ring, None, at(626)).unwrap();
    assert_eq!(
        next.unit.header().frame,
        Frame(600),
        "a keyframe, 1.04 s old"
    );
}

#[test]
fn a_cursor_that_the_ring_overtakes_goes_on_at_a_keyframe() {
    let mut ring = Ring::new(RingLimits {
        age: Duration::from_secs(60),
        bytes: 31 * 1034,
    });
    ring.push(frame(0, GOP, 1000));
    let mut cursor = Cursor::resume(&mut ring, None, MAX_BACKFILL, at(0));
    for number in 1..60 {
        ring.push(frame(number, GOP, 1000));
    }
    assert_eq!(
        send(&mut cursor, &mut ring, None, at(60)),
        (50..60).collect::<Vec<_>>()
    );
    assert_eq!(ring.dropped(), 50);
}

#[test]
fn an_ending_cursor_stops_at_its_border() {
    let mut ring = ring(0..60);
    let mut cursor = Cursor::resume(&mut ring, None, MAX_BACKFILL, at(60));
    cursor.end_at(Place(50));
    assert_eq!(send(&mut cursor, &mut ring, None, at(60)).last(), Some(&49));
}

#[test]
fn barred_runs_are_neither_kept_nor_taken_nor_counted() {
    let mut ring = ring(0..30);
    ring.bar_runs(Segment(2000));
    assert!(ring.newest().is_none());
    ring.push(frame(30, GOP, 1000));
    ring.push(frame_of(2001, 0, GOP, 1000));
    assert_eq!((ring.first(), ring.end()), (Place(30), Place(31)));
    assert_eq!(ring.dropped(), 0);
}

#[test]
fn a_segment_without_its_first_frames_starts_at_its_first_keyframe() {
    let mut ring = Ring::new(RingLimits::default());
    for number in (0..30).chain(50..60) {
        let mut frame = frame(number, GOP, 1000);
        if number == 50 {
            // The camera cut the segment in the hole before.
            let mut header = *frame.unit.header();
            header.flags.starts_segment = false;
            frame.unit = zerocam_protocol::AccessUnit::new(header, &[b"x"]);
        }
        ring.push(frame);
    }
    assert!(ring.starts_segment(Place(30)));
    assert_eq!(ring.segment_start_from(Place(26)), Some(Place(30)));
}

/// What happens in one frame time.
#[derive(Debug, Clone)]
enum Step {
    /// The link takes this many frames.
    Take(usize),
    /// The connection breaks and comes back; the service lost this many of the
    /// frames that were sent last.
    Reconnect { lost: usize },
    /// It comes back at a service that has nothing.
    Fresh,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0_usize..4).prop_map(Step::Take),
        4 => Just(Step::Take(0)),
        1 => (0_usize..40).prop_map(|lost| Step::Reconnect { lost }),
        1 => Just(Step::Fresh),
    ];
    prop::collection::vec((step, 1_usize..60), 1..30).prop_map(|runs| {
        runs.into_iter()
            .flat_map(|(step, n)| match step {
                Step::Take(_) => vec![step; n],
                once => vec![once],
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn any_network_gets_decodable_frames_in_order(gop in 1_u64..60, steps in steps()) {
        let limits = RingLimits { age: Duration::from_secs(20), bytes: 200_000 };
        let mut ring = Ring::new(limits);
        let mut cursor = Cursor::resume(&mut ring, None, MAX_BACKFILL, at(0));
        let mut service: Vec<u64> = Vec::new();
        let mut ever_sent = std::collections::BTreeSet::new();
        for (number, step) in (0..).zip(&steps) {
            let now = at(number);
            ring.push(frame(number, gop, 1000));
            prop_assert!(ring.bytes_from(ring.first()) <= limits.bytes);
            let frames = match *step {
                Step::Take(frames) => frames,
                Step::Reconnect { lost } => {
                    service.truncate(service.len().saturating_sub(lost));
                    cursor = Cursor::resume(&mut ring, service.last().and_then(|&n| have(n)), MAX_BACKFILL, now);
                    0
                }
                Step::Fresh => {
                    service.clear();
                    cursor = Cursor::resume(&mut ring, None, MAX_BACKFILL, now);
                    0
                }
            };
            for _ in 0..frames {
                let Some(frame) = cursor.peek(&mut ring, Some(30_000.0), now) else { break };
                let got = frame.unit.header().frame.0;
                let age = now - frame.captured;
                if cursor.catch_up_until.is_none() {
                    prop_assert!(age <= MAX_LIVE_AGE, "{got} is {age:?} old");
                }
                let seamless = service.last().is_some_and(|last| last + 1 == got);
                prop_assert!(seamless || is_keyframe(got, gop), "{got} after {:?}", service.last());
                prop_assert!(service.last().is_none_or(|&last| last < got), "{got} again");
                cursor.advance(&mut ring);
                service.push(got);
                ever_sent.insert(got);
            }
        }
        // Every frame was sent, was dropped, or waits.
        let waiting = steps.len() as u64 - ever_sent.len() as u64 - ring.dropped();
        let unsent = (cursor.next().0..ring.end().0).filter(|n| !ever_sent.contains(n)).count() as u64;
        prop_assert!(waiting <= unsent, "{waiting} of {unsent}");
    }

    #[test]
    fn outages_shorter_than_ten_seconds_lose_nothing(
        gop in 1_u64..60,
        outages in prop::collection::vec((1_u64..100, 0_u64..225, 0_usize..20), 1..6),
    ) {
        let mut ring = Ring::new(RingLimits::default());
        let mut cursor = Cursor::resume(&mut ring, None, MAX_BACKFILL, at(0));
        let mut service = Vec::new();
        let mut number = 0;
        for (up, down, lost) in outages {
            for _ in 0..up {
                ring.push(frame(number, gop, 1000));
                service.extend(send(&mut cursor, &mut ring, None, at(number)));
                number += 1;
            }
            for _ in 0..down {
                ring.push(frame(number, gop, 1000));
                number += 1;
            }
            service.truncate(service.len().saturating_sub(lost));
            let has = service.last().and_then(|&last| have(last));
            cursor = Cursor::resume(&mut ring, has, MAX_BACKFILL, at(number));
            service.extend(send(&mut cursor, &mut ring, None, at(number)));
        }
        prop_assert_eq!(service, (0..number).collect::<Vec<_>>());
        prop_assert_eq!(ring.dropped(), 0);
    }
}
