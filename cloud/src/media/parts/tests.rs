use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::media::test_units::format;

fn target(frame_rate_hz: f64, target_duration_s: u32) -> PartTarget {
    PartTarget::of(&RunFormat {
        frame_rate_hz,
        target_duration_s,
        ..format(7)
    })
}

/// Frames that last so long each, the first one a keyframe.
fn fragments(durations_ms: impl IntoIterator<Item = u32>) -> Vec<FrameFragment> {
    let mut time_ms = 0;
    let frame = |(number, duration_ms)| {
        let fragment = FrameFragment {
            frame: Frame(number),
            time_ms,
            duration_ms,
            is_keyframe: number == 0,
            bytes: Bytes::new(),
        };
        time_ms += duration_ms;
        fragment
    };
    (0..).zip(durations_ms).map(frame).collect()
}

/// Frames as regular as whole milliseconds are.
fn regular(frame_rate_hz: f64, count: u64) -> Vec<FrameFragment> {
    let at_ms = |frame: u64| (frame as f64 * 1000.0 / frame_rate_hz) as u32;
    fragments((0..count).map(|frame| at_ms(frame + 1) - at_ms(frame)))
}

/// A segment of these.
fn segment(fragments: &[FrameFragment], is_whole: bool) -> Frames {
    Frames {
        fragments: fragments.to_vec(),
        bytes: 0,
        is_independent: true,
        start_ms: 0,
        first_part: Frame(0),
        is_whole,
    }
}

/// How many frames each part has, and how long it says it lasts.
fn shape(parts: &[Part<'_>]) -> Vec<(usize, u32)> {
    let shape = |part: &Part<'_>| (part.fragments.len(), part.duration_ms);
    parts.iter().map(shape).collect()
}

#[test]
fn targets_of_common_frame_rates() {
    let table = [
        (6.0, 1, 184),
        (8.0, 2, 275),
        (12.5, 3, 264),
        (18.0, 4, 245),
        (25.0, 5, 220),
        (30.0, 6, 220),
        (60.0, 12, 220),
        (1.0, 1, 1000), // not above the target duration
        (0.01, 1, 1000),
        (120.0, 24, 220),
    ];
    for (rate_hz, frames, ms) in table {
        assert_eq!(target(rate_hz, 1), PartTarget { frames, ms }, "{rate_hz}");
    }
    assert_eq!(target(1.0, 2).ms, 1100);
}

#[test]
fn regular_frames_make_regular_parts() {
    for rate_hz in [
        6.0, 8.0, 12.5, 15.0, 18.0, 20.0, 25.0, 29.97, 30.0, 50.0, 60.0,
    ] {
        let target = target(rate_hz, 1);
        let segment = segment(&regular(rate_hz, rate_hz as u64), true);
        let parts = cut(&segment, target);
        let (last, others) = parts.split_last().unwrap();
        for part in others {
            assert_eq!(part.fragments.len(), target.frames, "{rate_hz}");
            assert!(target.is_reached_by(part.duration_ms), "{rate_hz}");
            let real_ms: u32 = part.fragments.iter().map(|it| it.duration_ms).sum();
            assert_eq!(part.duration_ms, real_ms, "{rate_hz}");
        }
        assert!(last.fragments.len() <= target.frames, "{rate_hz}");
        assert!(parts[0].is_independent());
        assert!(parts[1..].iter().all(|part| !part.is_independent()));
    }
}

#[test]
fn a_part_is_there_with_its_last_frame() {
    let all = regular(25.0, 7);
    let count = |frames, is_whole| cut(&segment(&all[..frames], is_whole), target(25.0, 1)).len();
    let counts: Vec<_> = (0..=7).map(|frames| count(frames, false)).collect();
    assert_eq!(counts, [0, 0, 0, 0, 0, 1, 1, 1]);
    assert_eq!((count(0, true), count(5, true), count(7, true)), (0, 1, 2));
}

#[test]
fn names_continue_over_holes() {
    let mut film = regular(25.0, 15);
    film.drain(5..8);
    let mut segment = segment(&film, true);
    segment.first_part = Frame(0);
    let names = |segment: &Frames| -> Vec<u64> {
        let parts = cut(segment, target(25.0, 1));
        parts.iter().map(|part| part.name.0).collect()
    };
    assert_eq!(names(&segment), [0, 5, 13]);
    assert_eq!(cut(&segment, target(25.0, 1))[2].next_name(), Frame(15));
    segment.fragments.remove(0);
    assert_eq!(names(&segment), [0, 9, 14], "what was lost came before");
}

#[test]
fn uneven_frames() {
    let cut = |durations_ms: &[u32]| {
        let segment = segment(&fragments(durations_ms.iter().copied()), true);
        shape(&cut(&segment, target(25.0, 1)))
    };
    // A frame that would exceed the target begins the next part.
    assert_eq!(cut(&[50, 50, 50, 50, 50, 50]), [(4, 200), (2, 100)]);
    // Frames in a hurry are more than five.
    assert_eq!(cut(&[30; 10]), [(7, 210), (3, 90)]);
    // The end of a group of pictures was dropped: its last frame is shown on.
    assert_eq!(cut(&[40, 40, 40, 600]), [(4, 220)]);
    assert_eq!(cut(&[40, 40, 40, 40, 40, 600]), [(5, 200), (1, 220)]);
    assert_eq!(cut(&[600, 40, 40, 40, 40, 40]), [(1, 220), (5, 200)]);
    // In the dark a camera of 25 Hz makes 8 frames a second.
    assert_eq!(cut(&[125; 4]), [(2, 220), (2, 220)]);
}

/// A segment as a camera of some rate makes it, in three moods.
fn film() -> impl Strategy<Value = (f64, Vec<FrameFragment>)> {
    let rate = prop::sample::select(vec![1.0, 6.0, 8.0, 12.5, 18.0, 25.0, 30.0, 60.0]);
    (rate, 0..80_usize, 0..3_u8).prop_flat_map(|(rate_hz, count, mood)| {
        let nominal = (1000.0_f64 / rate_hz).round() as u32;
        let one = match mood {
            0 => (nominal..=nominal + 1).boxed(),
            1 => (nominal * 9 / 10..=nominal * 11 / 10).boxed(),
            _ => prop_oneof![1..2000_u32, Just(nominal)].boxed(),
        };
        let durations = prop::collection::vec(one, count);
        durations.prop_map(move |durations| (rate_hz, fragments(durations)))
    })
}

proptest! {
    /// What players insist on, however the frames come.
    #[test]
    fn every_part_keeps_the_rules((rate_hz, film) in film()) {
        let target = target(rate_hz, 1);
        let segment = segment(&film, true);
        let parts = cut(&segment, target);
        let joined: Vec<_> = parts.iter().flat_map(|part| part.fragments).collect();
        prop_assert_eq!(joined, film.iter().collect::<Vec<_>>());
        for (index, part) in parts.iter().enumerate() {
            prop_assert!(!part.fragments.is_empty());
            prop_assert!(part.duration_ms <= target.ms);
            let is_last = index + 1 == parts.len();
            prop_assert!(is_last || target.is_reached_by(part.duration_ms), "{}", part.duration_ms);
            let real_ms: u32 = part.fragments.iter().map(|it| it.duration_ms).sum();
            if real_ms > target.ms {
                // Its last frame alone makes it too long, and without that one
                // it would be too short.
                let before_ms = real_ms - part.fragments.last().unwrap().duration_ms;
                prop_assert!(!target.is_reached_by(before_ms));
            }
        }
    }

    /// A part that is listed while its segment grows never changes.
    #[test]
    fn parts_are_final_once_they_are_there((rate_hz, film) in film()) {
        let target = target(rate_hz, 1);
        let whole = segment(&film, true);
        let whole = cut(&whole, target);
        for frames in 0..=film.len() {
            let so_far = segment(&film[..frames], false);
            let so_far = cut(&so_far, target);
            prop_assert_eq!(&whole[..so_far.len()], &so_far[..]);
        }
    }
}
