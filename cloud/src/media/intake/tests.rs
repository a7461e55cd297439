use proptest::prelude::*;
use zerocam_protocol::limits::MAX_ACCESS_UNIT_BYTES;

use super::*;
use crate::media::test_units::{PPS, RUN_STARTED_UNIX_US, SPS, Shot, format, sets};

fn intake() -> Intake {
    Intake::new(format(100), Segment(99), 1_000_000)
}

fn admit(intake: &mut Intake, shot: Shot) -> Result<Verdict, Rejected> {
    let date = RUN_STARTED_UNIX_US + i64::from(shot.time_ms) * 1000;
    intake.admit(&shot.access_unit(), date)
}

/// An intake that has taken these frames.
fn after(frames: impl IntoIterator<Item = u64>) -> Intake {
    let mut intake = intake();
    for frame in frames {
        let verdict = admit(&mut intake, Shot::at(frame)).unwrap();
        assert_eq!(verdict, Verdict::Take(Shot::at(frame).unit()));
    }
    intake
}

#[test]
fn frames_in_order_are_taken() {
    let intake = after(0..60);
    assert_eq!(intake.floor(), Segment(102));
    assert_eq!(intake.parameter_sets(), Some(&sets()));
    assert_eq!(
        self::intake().floor(),
        Segment(99),
        "before the first frame"
    );
}

#[test]
fn frames_sent_again_are_duplicates() {
    let mut intake = after(0..30);
    for frame in [29, 3, 0] {
        let verdict = admit(&mut intake, Shot::at(frame));
        assert_eq!(verdict, Ok(Verdict::Late));
    }
    assert!(matches!(
        admit(&mut intake, Shot::at(30)),
        Ok(Verdict::Take(_))
    ));
}

#[test]
fn what_was_given_up_comes_too_late() {
    let mut intake = after((0..10).chain(25..30));
    // Left out by one connection, sent by the next.
    assert_eq!(admit(&mut intake, Shot::at(20)), Ok(Verdict::Late));
    // The end of the run before.
    let before = Shot {
        run: 99,
        ..Shot::at(700)
    };
    assert_eq!(admit(&mut intake, before), Ok(Verdict::Late));
    assert!(matches!(
        admit(&mut intake, Shot::at(30)),
        Ok(Verdict::Take(_))
    ));
}

#[test]
fn after_a_hole_only_a_keyframe_helps() {
    let mut intake = after(0..10);
    for frame in 12..25 {
        let verdict = admit(&mut intake, Shot::at(frame));
        assert_eq!(verdict, Ok(Verdict::Undecodable), "{frame}");
    }
    assert!(matches!(
        admit(&mut intake, Shot::at(25)),
        Ok(Verdict::Take(_))
    ));
    assert!(matches!(
        admit(&mut intake, Shot::at(26)),
        Ok(Verdict::Take(_))
    ));
}

#[test]
fn rejections() {
    let shot = Shot::at(40);
    let cases: [(Intake, Shot, &str); 12] = [
        (
            after(0..40),
            Shot { run: 98, ..shot },
            "frame 40 belongs to run 98, which has ended: the current run is 100",
        ),
        (
            after(0..40),
            Shot { run: 101, ..shot },
            "frame 40 belongs to run 101, which no hello announced",
        ),
        (
            intake(),
            shot,
            "no parameter sets: frame 40 cannot be decoded; begin with a keyframe, \
             and put SPS and PPS in front of every keyframe",
        ),
        (
            after(0..40),
            Shot {
                segment: 100,
                ..shot
            },
            "segment 100 came after 101: frames are sent in the order of their capture",
        ),
        (
            after(0..40),
            Shot {
                time_ms: 39 * 40,
                ..shot
            },
            "milliseconds 1560 came after 1560: frames are sent in the order of their capture",
        ),
        (
            after(0..40),
            Shot {
                frame: u64::MAX,
                ..shot
            },
            "frame 18446744073709551615 is too large: numbers go up to 9007199254740991",
        ),
        (
            intake(),
            Shot {
                segment: 99,
                ..Shot::at(0)
            },
            "run 100 begins with segment 99, but segments up to 99 have been used: \
             start a new run above that",
        ),
        (
            after(0..40),
            Shot {
                time_ms: 25 * 24 * 3600 * 1000,
                ..shot
            },
            "frame 40 was captured 25 days into run 100: start a new run before that",
        ),
        (
            after(0..40),
            Shot {
                time_ms: 2451,
                ..shot
            },
            "segment 101 exceeds its target duration of 1 s: \
             cut at a keyframe, or without one when it is reached",
        ),
        (
            Intake::new(format(100), Segment(0), 20),
            Shot::at(0),
            "segment 100 exceeds 20 bytes: lower the bitrate",
        ),
        (
            Intake::new(
                RunFormat {
                    height: 270,
                    ..format(100)
                },
                Segment(0),
                1000,
            ),
            Shot::at(0),
            "run 100 was announced as avc1.42c015 640x270, \
             but its parameter sets say avc1.42c015 640x272",
        ),
        (
            Intake::new(
                RunFormat {
                    codec: "avc1.42C015".into(),
                    ..format(100)
                },
                Segment(100),
                1000,
            ),
            Shot::at(0),
            "run 100 begins with segment 100, but segments up to 100 have been used: \
             start a new run above that",
        ),
    ];
    for (mut intake, shot, expected) in cases {
        let before = format!("{intake:?}");
        let rejected = admit(&mut intake, shot).unwrap_err();
        assert_eq!(rejected.to_string(), expected);
        assert_eq!(format!("{intake:?}"), before, "nothing has changed");
    }
}

#[test]
fn parameter_sets_are_checked() {
    let keyframe = |frame: u64, parts: &[&[u8]]| {
        let parts: Vec<u8> = parts
            .iter()
            .flat_map(|nal| [&[0, 0, 1], *nal].concat())
            .collect();
        AccessUnit::new(Shot::at(frame).header(), &[&parts])
    };
    let slice: &[u8] = &[0x65, 0x9a];
    let rejected = |intake: &mut Intake, unit: &AccessUnit| intake.admit(unit, 0).unwrap_err();
    let pps_at_fault = [0x68, 0xce, 0x3c, 0x81];
    let long_pps = [&[0x68][..], &[0xff; MAX_PARAMETER_SET_BYTES]].concat();

    let changed = keyframe(25, &[&SPS, &pps_at_fault, slice]);
    assert_eq!(
        rejected(&mut after(0..25), &changed).to_string(),
        "frame 25 changes the parameter sets within run 100: start a new run for that"
    );
    let missing = keyframe(25, &[slice]);
    assert!(matches!(
        rejected(&mut after(0..25), &missing),
        Rejected::NoParameterSets { .. }
    ));
    let broken = keyframe(0, &[&SPS[..5], &PPS, slice]);
    let text = rejected(&mut intake(), &broken).to_string();
    assert!(text.starts_with("frame 0: the sequence parameter set (SPS) cannot be read"));
    let long = keyframe(0, &[&SPS, &long_pps, slice]);
    assert!(matches!(
        rejected(&mut intake(), &long),
        Rejected::LongParameterSets { .. }
    ));
    let empty = keyframe(0, &[&SPS, &PPS]);
    assert_eq!(
        rejected(&mut intake(), &empty).to_string(),
        "frame 0 holds no picture"
    );
}

proptest! {
    /// Whatever is sent, what comes out is in order and decodable.
    #[test]
    fn what_is_taken_is_in_order(shots in prop::collection::vec((0..80_u64, 0..3_u64, any::<bool>()), 0..120)) {
        let mut intake = Intake::new(format(100), Segment(99), MAX_ACCESS_UNIT_BYTES);
        let mut last: Option<Unit> = None;
        for (frame, segment, keyframe) in shots {
            let regular = Shot::at(frame);
            let shot = Shot { segment: regular.segment + segment, keyframe, ..regular };
            let Ok(Verdict::Take(unit)) = admit(&mut intake, shot) else { continue };
            match &last {
                None => prop_assert!(unit.header.flags.keyframe),
                Some(last) => {
                    prop_assert!(unit.header.frame > last.header.frame);
                    prop_assert!(unit.header.segment >= last.header.segment);
                    prop_assert!(unit.time_ms > last.time_ms);
                    let follows = unit.header.frame == last.header.frame.next();
                    prop_assert!(follows || unit.header.flags.keyframe);
                }
            }
            prop_assert_eq!(intake.floor(), unit.header.segment);
            last = Some(unit);
        }
    }
}
