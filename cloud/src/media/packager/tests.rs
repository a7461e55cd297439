use proptest::prelude::*;

use self::bench::{Bench, fragment, init, undisturbed};
use super::*;
use crate::media::test_units::{Shot, format};

mod bench;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_frame_is_published_when_the_next_one_is_known() {
    let mut bench = Bench::new();
    assert_eq!(bench.packager.next_deadline(), None, "nothing to wait for");
    bench.push([0]);
    bench.work();
    assert_eq!(bench.inits, [init()]);
    assert_eq!(bench.frames(), [0; 0]);
    assert_eq!(bench.packager.next_deadline(), None, "one frame is inside");
    bench.push(1..=25);
    bench.work();
    assert_eq!(bench.frames(), (0..25).collect::<Vec<_>>());
    let ends: Vec<_> = bench.published.iter().map(|p| p.ends_segment).collect();
    assert_eq!(ends.iter().position(|ends| *ends), Some(24));
    assert!(bench.published.iter().all(|p| p.duration_ms == 40));
    assert_eq!(bench.spawned, 1);
}

#[test]
fn a_flush_publishes_the_last_frame_and_ends_the_segment() {
    let mut bench = Bench::new();
    bench.handle(Event::Flush);
    assert_eq!(bench.flushed, 1, "there is nothing to flush");
    bench.push(0..10);
    bench.handle(Event::Flush);
    assert!(!bench.packager.has_room());
    bench.work();
    assert_eq!((bench.flushed, bench.frames().len()), (2, 10));
    let last = bench.published.last().unwrap();
    assert!(last.ends_segment);
    assert_eq!(last.duration_ms, 40, "nominal");
    assert!(bench.packager.has_room());
    assert!(bench.child.is_none());
    // The segment is listed by now: it goes on with the next one.
    bench.push(10..30);
    bench.work();
    assert_eq!((bench.dropped, bench.spawned), (15, 2));
    let expected: Vec<_> = (0..10).chain(25..29).collect();
    assert_eq!(bench.frames(), expected);
    assert_eq!((bench.inits.len(), bench.failures.len()), (1, 0));
}

/// How a child fails, and what is said of it.
#[test]
fn failures_are_named_and_leave_no_trace() {
    type Fault = fn(&mut Bench);
    let cases: [(Fault, &str); 9] = [
        (
            |b| b.exit("signal: 9 (SIGKILL)"),
            "it ended with signal: 9 (SIGKILL)",
        ),
        (
            |b| b.handle(Event::Output(&[0xff; 100])),
            "its output is garbage: box",
        ),
        (|b| b.sleep_to_deadline(MS), "it stands still"),
        (
            |b| {
                let early = Shot {
                    time_ms: 1,
                    ..Shot::at(30)
                };
                b.handle(Event::Output(&fragment(early.unit().tag.bytes(), 1)));
            },
            "it wrote decode time 16 instead of 19200",
        ),
        (
            |b| {
                let other = Shot {
                    time_ms: 1200,
                    ..Shot::at(31)
                };
                b.handle(Event::Output(&fragment(other.unit().tag.bytes(), 1)));
            },
            "it changed a picture",
        ),
        (
            |b| {
                let mut both = b.child.as_mut().unwrap().output();
                both.extend(fragment(Shot::at(39).unit().tag.bytes(), 1));
                b.handle(Event::Output(&both));
            },
            "it wrote a frame before it could know its duration",
        ),
        (
            |b| b.handle(Event::Output(init())),
            "its output is garbage: box ftyp where moof belongs",
        ),
        (
            |b| {
                // A second child that begins otherwise.
                b.exit("exit status: 1");
                let mut other = init().to_vec();
                *other.last_mut().unwrap() ^= 1;
                b.handle(Event::Output(&other));
            },
            "it ended with exit status: 1, it wrote another init than the run began with",
        ),
        (
            |b| {
                b.work();
                b.push([40]);
                b.sleep_to_deadline(MS);
            },
            "it stands still",
        ),
    ];
    for (fault, expected) in cases {
        let mut bench = Bench::new();
        bench.push(0..31);
        bench.work();
        bench.push(31..40);
        fault(&mut bench);
        let reasons = bench.reasons().join(", ");
        assert!(reasons.starts_with(expected), "{reasons}");
        if bench.child.is_none() {
            bench.sleep_to_deadline(MS);
        }
        bench.work();
        let next = bench.frames().len() as u64 + 1;
        bench.push(next..50);
        bench.handle(Event::Flush);
        bench.work();
        assert_eq!(bench.published, undisturbed(0..50), "{expected}");
        assert_eq!(bench.inits.len(), 1);
        assert_eq!(bench.flushed, 1);
    }
}

#[test]
fn a_new_child_gets_the_last_keyframe_and_what_is_outstanding() {
    let mut bench = Bench::new();
    bench.push(0..30);
    bench.work();
    bench.push(30..32);
    bench.exit("exit status: 1");
    let fed: Vec<_> = bench.child.as_ref().unwrap().fed[1..].to_vec();
    let expected = [25, 29, 30, 31].map(|frame| Shot::at(frame).unit().tag.bytes().clone());
    assert_eq!(fed, expected);
    // When a keyframe is the oldest, nothing goes in front of it.
    let mut bench = Bench::new();
    bench.push(0..26);
    bench.work();
    bench.exit("exit status: 1");
    assert_eq!(bench.child.as_ref().unwrap().fed.len(), 2);
}

#[test]
fn pauses_grow_and_a_segment_is_given_up_at_the_third_failure() {
    let mut bench = Bench::new();
    bench.spawns_fail = true;
    let begin = bench.now;
    bench.push(0..200);
    // The first is replaced at once, so two have failed already.
    assert_eq!(bench.failures.len(), 2);
    let mut pauses = Vec::new();
    for _ in 0..7 {
        let paused_at = bench.now;
        bench.sleep_to_deadline(Duration::ZERO);
        pauses.push((bench.now - paused_at).as_millis());
    }
    assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 5000, 5000]);
    assert!(bench.now - begin < 20 * SECOND);
    let given_up: Vec<_> = bench.failures.iter().filter_map(|f| f.gives_up).collect();
    assert_eq!(given_up, [100, 101, 102].map(Segment));
    assert!(bench.published.is_empty());
}

#[test]
fn a_segment_that_is_given_up_is_dropped_as_a_whole() {
    let mut bench = Bench::new();
    bench.push(0..30);
    bench.work();
    for _ in 0..3 {
        bench.exit("signal: 11 (SIGSEGV)");
        if bench.child.is_none() && !bench.packager.outstanding.is_empty() {
            bench.sleep_to_deadline(MS);
        }
    }
    assert_eq!(bench.frames().last(), Some(&28));
    assert_eq!(bench.dropped, 1, "frame 29");
    bench.push(30..50);
    assert_eq!(bench.dropped, 21, "the rest of segment 101");
    bench.push(50..60);
    if bench.child.is_none() {
        bench.sleep_to_deadline(MS);
    }
    bench.work();
    let expected: Vec<_> = (0..29).chain(50..59).collect();
    assert_eq!(bench.frames(), expected);
    assert_eq!(bench.published[29..], undisturbed(50..60)[..9]);
}

#[test]
fn a_freeze_of_the_service_is_not_held_against_the_child() {
    let mut bench = Bench::new();
    bench.push(0..30);
    bench.work();
    bench.push(30..33);
    bench.sleep_to_deadline(600 * SECOND);
    assert!(bench.failures.is_empty(), "it had no time either");
    bench.sleep_to_deadline(600 * SECOND);
    assert_eq!(bench.reasons(), ["it stands still"], "once is enough");
    bench.work();
    assert_eq!(bench.frames().len(), 32);
}

#[test]
fn a_starting_child_has_more_time_than_a_running_one() {
    let mut bench = Bench::new();
    bench.push(0..2);
    assert_eq!(bench.packager.next_deadline(), Some(bench.now + START));
    bench.work();
    bench.push(2..3);
    assert_eq!(bench.packager.next_deadline(), Some(bench.now + PROGRESS));
}

#[test]
fn a_slow_machine_gets_more_time_before_a_segment_is_given_up() {
    let mut bench = Bench::new();
    bench.push(0..3);
    let begin = bench.now;
    while bench.reasons().len() < 3 {
        bench.sleep_to_deadline(MS);
    }
    assert!(bench.now - begin > 7 * START);
    assert_eq!(bench.failures[2].gives_up, Some(Segment(100)));
    // The next segment begins with the same patience.
    bench.push(25..27);
    if bench.child.is_none() {
        bench.sleep_to_deadline(MS);
    }
    assert_eq!(bench.packager.next_deadline(), Some(bench.now + START));
}

#[test]
fn a_flush_ends_whatever_the_child_does() {
    // It writes everything and does not end.
    let mut bench = Bench::new();
    bench.push(0..10);
    bench.handle(Event::Flush);
    let output = bench.child.as_mut().unwrap().output();
    bench.handle(Event::Output(&output));
    bench.sleep_to_deadline(MS);
    assert_eq!((bench.flushed, bench.frames().len()), (1, 10));
    assert!(bench.child.is_none());
    // It never writes anything.
    let mut bench = Bench::new();
    bench.push(0..10);
    bench.handle(Event::Flush);
    let begin = bench.now;
    while bench.flushed == 0 {
        bench.sleep_to_deadline(MS);
    }
    assert_eq!(bench.dropped, 10);
    assert!(bench.now - begin <= FLUSH + SECOND);
    // There is no ffmpeg.
    let mut bench = Bench::new();
    bench.spawns_fail = true;
    bench.push(0..10);
    bench.handle(Event::Flush);
    while bench.flushed == 0 {
        bench.sleep_to_deadline(MS);
    }
    assert_eq!(bench.dropped, 10);
    assert_eq!(bench.packager.next_deadline(), None);
}

#[test]
fn the_path_is_bounded() {
    let mut bench = Bench::new();
    let mut frame = 0;
    while bench.packager.has_room() {
        bench.push([frame]);
        frame += 1;
    }
    assert_eq!(frame, MAX_OUTSTANDING_UNITS as u64);
    bench.work();
    assert!(bench.packager.has_room());
    assert_eq!(
        bench.packager.outstanding_bytes,
        Shot::at(0).unit().tag.bytes().len(),
        "the one inside ffmpeg"
    );
}

#[test]
fn durations_reach_to_the_next_frame_if_that_can_be() {
    let format = format(100);
    let duration = |unit: Shot, next: Option<Shot>| {
        let start_ms = (unit.segment - 100) as u32 * 1000;
        duration_ms(
            &format,
            start_ms,
            &unit.unit(),
            next.map(Shot::unit).as_ref(),
        )
    };
    let frame = Shot::at;
    assert_eq!(duration(frame(10), Some(frame(11))), 40);
    assert_eq!(duration(frame(10), None), 40, "the last one: nominal");
    assert_eq!(duration(frame(10), Some(frame(15))), 200, "a hole inside");
    assert_eq!(duration(frame(10), Some(frame(25))), 600, "the end is lost");
    assert_eq!(
        duration(frame(10), Some(frame(50))),
        40,
        "a segment is lost"
    );
    let late = |time_ms| Shot {
        time_ms,
        ..frame(25)
    };
    assert_eq!(
        duration(frame(24), Some(late(1450))),
        490,
        "still rounds to 1 s"
    );
    assert_eq!(
        duration(frame(24), Some(late(1451))),
        40,
        "players would refuse"
    );
    let soon = Shot {
        time_ms: 970,
        ..frame(50)
    };
    assert_eq!(duration(frame(24), Some(soon)), 10, "never beyond the next");
}

/// What happens between two frames.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Work,
    Wait,
    Kill,
    Garbage,
    Standstill,
    Freeze,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However children fail: every frame once, in order, with the bytes of an
    /// undisturbed run, except segments that were given up.
    #[test]
    fn every_frame_once(fates in prop::collection::vec(prop_oneof![
        8 => Just(Fate::Work), 4 => Just(Fate::Wait), 1 => Just(Fate::Kill),
        1 => Just(Fate::Garbage), 1 => Just(Fate::Standstill), 1 => Just(Fate::Freeze),
    ], 150)) {
        let mut bench = Bench::new();
        for (frame, fate) in (0..).zip(fates) {
            bench.now += 40 * MS;
            if bench.packager.next_deadline().is_some_and(|due| due <= bench.now) {
                bench.handle(Event::Deadline);
            }
            bench.push([frame]);
            let due = bench.packager.next_deadline();
            match fate {
                Fate::Work => bench.work(),
                Fate::Wait => {}
                Fate::Kill if bench.child.is_some() => bench.exit("signal: 9 (SIGKILL)"),
                Fate::Garbage if bench.child.is_some() => bench.handle(Event::Output(&[7; 9])),
                Fate::Standstill if due.is_some() => bench.sleep_to_deadline(MS),
                Fate::Freeze if due.is_some() => bench.sleep_to_deadline(SECOND),
                _ => {}
            }
        }
        bench.handle(Event::Flush);
        while bench.flushed == 0 {
            bench.work();
            if bench.flushed == 0 {
                bench.sleep_to_deadline(MS);
            }
        }
        let given_up: Vec<_> = bench.failures.iter().filter_map(|f| f.gives_up).collect();
        prop_assert_eq!(bench.published.len() + bench.dropped, 150);
        if given_up.is_empty() {
            prop_assert_eq!(&bench.published, &undisturbed(0..150));
        }
        let expected = undisturbed(0..150);
        let mut last = None;
        for packaged in &bench.published {
            let frame = packaged.unit.header.frame.0;
            prop_assert!(last < Some(frame));
            last = Some(frame);
            let same = &expected[frame as usize];
            prop_assert_eq!(&packaged.unit, &same.unit);
            prop_assert!(packaged.duration_ms == 40 || !given_up.is_empty());
        }
        // What is missing belongs to segments that were given up.
        for frame in (0..150).filter(|frame| !bench.frames().contains(frame)) {
            prop_assert!(given_up.contains(&Shot::at(frame).unit().header.segment));
        }
        prop_assert_eq!(bench.packager.next_deadline(), None);
        prop_assert!(bench.child.is_none());
    }
}
