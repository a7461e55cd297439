//! The numbers and times of pictures, by tables and by chance.

use proptest::prelude::*;

use super::*;

fn encoding(frame_rate_hz: f64, keyframe_interval_us: u64) -> Encoding {
    Encoding {
        parameter_sets: ParameterSets {
            sps: Box::new([0x67, 1]),
            pps: Box::new([0x68, 1]),
        },
        frame_rate_hz,
        keyframe_interval: Duration::from_micros(keyframe_interval_us),
    }
}

/// Numbers pictures of `frame_us`, every `group`-th a keyframe.
fn film(encoding: &Encoding, frame_us: u64, group: u64, frames: u64) -> Vec<Header> {
    let mut timeline = Timeline::new(Segment(1000));
    let start = Instant::now();
    (0..frames)
        .map(|at| {
            let captured = start + Duration::from_micros(at * frame_us);
            let keyframe = (at % group == 0).then_some(encoding);
            match timeline.place(captured, keyframe) {
                Place::Continues(header) | Place::Begins { header, .. } => header,
                Place::NeedsKeyframe => panic!("frame {at} was refused"),
            }
        })
        .collect()
}

/// Frame numbers at which segments begin.
fn cuts(headers: &[Header]) -> Vec<u64> {
    headers
        .iter()
        .filter(|header| header.flags.starts_segment)
        .map(|header| header.frame.0)
        .collect()
}

#[test]
fn segments_follow_the_groups_of_pictures() {
    // frame in us, group in frames, target in seconds, where segments begin.
    let table: [(u64, u64, u32, &[u64]); 8] = [
        (40_000, 25, 1, &[0, 25, 50, 75]),
        (39_996, 25, 1, &[0, 25, 50, 75]),
        (40_000, 5, 1, &[0, 25, 50, 75]),
        (40_000, 12, 1, &[0, 24, 48, 72, 96]),
        (40_000, 20, 2, &[0, 40, 80]),
        (40_000, 50, 2, &[0, 50]),
        (33_333, 36, 1, &[0, 36, 72]),
        (1_000_000, 1, 2, &[0, 1, 2, 3, 4, 5]),
    ];
    for (frame_us, group, target, expected) in table {
        let encoding = encoding(1e6 / frame_us as f64, frame_us * group);
        assert_eq!(
            encoding.target_duration_s(),
            target,
            "{frame_us} us x {group}"
        );
        let frames = if frame_us > 500_000 { 6 } else { 100 };
        let headers = film(&encoding, frame_us, group, frames);
        assert_eq!(cuts(&headers), expected, "{frame_us} us x {group}");
    }
}

#[test]
fn without_keyframes_segments_end_in_time() {
    let encoding = encoding(25.0, 1_000_000);
    let headers = film(&encoding, 40_000, u64::MAX, 200);
    assert_eq!(cuts(&headers), [0, 35, 70, 105, 140, 175], "1.4 s each");
}

#[test]
fn the_first_numbers_stand_above_clock_and_floor() {
    let table = [
        (1_790_000_000, 0, 1_790_000_000),
        (1_790_000_000, 1_790_003_600, 1_790_003_601),
        (0, 0, 1),
        (35, 1_790_000_000, 1_790_000_001),
    ];
    for (unix_s, floor, first) in table {
        assert_eq!(first_number(unix_s, Segment(floor)), Segment(first));
    }
    let mut timeline = Timeline::new(Segment(7));
    let place = timeline.place(Instant::now(), Some(&encoding(25.0, 1_000_000)));
    assert_eq!(begun(place), (7, 7, RunReason::Opened));
}

/// Three frames into run 1000, then one picture: what becomes of it?
fn after_three_frames(
    change: impl FnOnce(&mut Timeline),
    at: impl FnOnce(Instant) -> Instant,
    keyframe: Option<Encoding>,
) -> Place {
    let mut timeline = Timeline::new(Segment(1000));
    let start = Instant::now() + MAX_RUN_AGE;
    let encoding = encoding(25.0, 1_000_000);
    for frame in 0..3 {
        let keyframe = (frame == 0).then_some(&encoding);
        timeline.place(start + Duration::from_millis(frame * 40), keyframe);
    }
    change(&mut timeline);
    timeline.place(at(start), keyframe.as_ref())
}

fn begun(place: Place) -> (u64, u64, RunReason) {
    match place {
        Place::Begins { header, reason, .. } => {
            assert_eq!((header.frame.0, header.capture_time_us), (0, 0));
            (header.run.0, header.segment.0, reason)
        }
        other => panic!("{other:?} begins no run"),
    }
}

#[test]
fn what_ends_a_run() {
    let same = || Some(encoding(25.0, 1_000_000));
    let in_time = |start: Instant| start + Duration::from_millis(120);
    let other_rate = Some(encoding(30.0, 1_000_000));
    let mut other_sets = encoding(25.0, 1_000_000);
    other_sets.parameter_sets.pps = Box::new([0x68, 2]);

    let nothing = |_: &mut Timeline| {};
    for other in [other_rate, Some(other_sets)] {
        assert_eq!(
            begun(after_three_frames(nothing, in_time, other)),
            (1001, 1001, RunReason::EncodingChanged)
        );
    }
    let set_back = |start: Instant| start - Duration::from_secs(3600);
    let stood_still = |start: Instant| start + Duration::from_millis(80);
    let hole = |start: Instant| start + Duration::from_secs(5);
    for jump in [set_back, stood_still, hole] {
        assert_eq!(
            begun(after_three_frames(nothing, jump, same())),
            (1001, 1001, RunReason::TimeJump)
        );
        assert_eq!(
            after_three_frames(nothing, jump, None),
            Place::NeedsKeyframe
        );
    }
    assert_eq!(
        begun(after_three_frames(Timeline::reopen, in_time, same())),
        (1001, 1001, RunReason::Opened)
    );
    assert_eq!(
        after_three_frames(Timeline::reopen, in_time, None),
        Place::NeedsKeyframe
    );
}

#[test]
fn a_floor_ends_the_run_that_is_not_beyond_it() {
    let in_time = |start: Instant| start + Duration::from_millis(120);
    let raise = |floor| move |timeline: &mut Timeline| timeline.raise_floor(Segment(floor));
    let keyframe = Some(encoding(25.0, 1_000_000));
    for below in [0, 999] {
        let place = after_three_frames(raise(below), in_time, keyframe.clone());
        assert!(matches!(place, Place::Continues(_)), "{below}");
    }
    // The first run is 1000, and so is its first segment.
    for (floor, first) in [(1000, 1001), (1001, 1002), (5000, 5001)] {
        assert_eq!(
            begun(after_three_frames(raise(floor), in_time, keyframe.clone())),
            (first, first, RunReason::Floor)
        );
    }
}

#[test]
fn a_run_ends_with_its_first_keyframe_after_24_days() {
    let encoding = encoding(25.0, 1_000_000);
    let mut timeline = Timeline::new(Segment(1000));
    let start = Instant::now();
    let seconds = MAX_RUN_AGE.as_secs();
    for at in 0..seconds {
        let place = timeline.place(start + Duration::from_secs(at), Some(&encoding));
        assert!(at == 0 || matches!(place, Place::Continues(_)), "{at} s");
    }
    let place = timeline.place(start + Duration::from_secs(seconds), Some(&encoding));
    assert_eq!(begun(place), (1001, 1000 + seconds, RunReason::Age));
}

#[derive(Debug, Clone)]
enum Step {
    Picture { after_us: i64, keyframe: bool },
    Floor(u64),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (prop_oneof![4 => 20_000..60_000_i64, 1 => 1..1500_i64], prop::bool::weighted(0.1))
            .prop_map(|(after_us, keyframe)| Step::Picture { after_us, keyframe }),
        1 => (-5_000_000..5_000_000_i64, any::<bool>())
            .prop_map(|(after_us, keyframe)| Step::Picture { after_us, keyframe }),
        1 => (900..1100_u64).prop_map(Step::Floor),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #[test]
    fn numbers_never_go_back(
        steps in prop::collection::vec(step(), 1..400), interval_us in 100_000..4_000_000_u64,
    ) {
        let encoding = encoding(25.0, interval_us);
        let mut timeline = Timeline::new(Segment(1000));
        let mut now = Instant::now() + Duration::from_secs(3600);
        let mut last: Option<Header> = None;
        let (mut began_us, mut longest_us) = (0, 0);
        for step in steps {
            let (after_us, keyframe) = match step {
                Step::Picture { after_us, keyframe } => (after_us, keyframe),
                Step::Floor(floor) => { timeline.raise_floor(Segment(floor)); continue }
                Step::Reopen => { timeline.reopen(); continue }
            };
            let step = Duration::from_micros(after_us.unsigned_abs());
            now = if after_us < 0 { now - step } else { now + step };
            let header = match timeline.place(now, keyframe.then_some(&encoding)) {
                Place::NeedsKeyframe => { prop_assert!(!keyframe); continue }
                Place::Begins { header, target_duration_s, .. } => {
                    prop_assert!(last.is_none_or(|last| header.run > last.run && header.segment > last.segment));
                    prop_assert!(header.flags.keyframe && header.flags.starts_segment);
                    prop_assert_eq!((header.frame, header.capture_time_us), (Frame(0), 0));
                    longest_us = u64::from(target_duration_s) * 1_000_000 + SEGMENT_OVERRUN_US;
                    began_us = 0;
                    header
                }
                Place::Continues(header) => {
                    let last = last.unwrap();
                    prop_assert_eq!(header.run, last.run);
                    prop_assert_eq!(header.frame, last.frame.next());
                    prop_assert!(header.capture_time_us / 1000 > last.capture_time_us / 1000);
                    let advance = u64::from(header.flags.starts_segment);
                    prop_assert_eq!(header.segment.0, last.segment.0 + advance);
                    prop_assert!(header.capture_time_us - began_us <= longest_us);
                    if header.flags.starts_segment { began_us = header.capture_time_us }
                    header
                }
            };
            prop_assert_eq!(header.flags.keyframe, keyframe);
            last = Some(header);
        }
    }
}
