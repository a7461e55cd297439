//! A camera that gives nothing decodable, and one that stands aside.

use super::*;
use crate::{
    camera::Pace,
    config::BitrateMode,
    uplink::{QueueLimits, queue},
};

const CAMERA: CameraSettings = CameraSettings::Pattern {
    width: 160,
    height: 120,
    frame_rate_hz: 25.0,
};

const ENCODER: EncoderSettings = EncoderSettings {
    bitrate_bps: 100_000,
    bitrate_mode: BitrateMode::Variable,
    keyframe_interval: Duration::from_secs(1),
};

/// Gives pictures that nobody can decode: their keyframe never comes.
#[derive(Debug)]
struct WithoutKeyframes;

impl Camera for WithoutKeyframes {
    fn pace(&self) -> Pace {
        Pace {
            frame_rate_hz: 25.0,
            keyframe_interval: Duration::from_secs(1),
        }
    }

    fn next_picture(&mut self, _: Duration) -> Result<Option<Picture<'_>>, CameraError> {
        Ok(Some(Picture {
            captured: Instant::now(),
            keyframe: false,
            parameter_sets: &[],
            bytes: &[0, 0, 0, 1, 0x41, 0x9a],
        }))
    }

    fn set_bitrate(&mut self, _: u32) -> BitrateChange {
        BitrateChange::Impossible
    }
}

/// One without a thread: nobody hears it.
fn worker() -> Worker {
    Worker {
        camera: CAMERA,
        encoder: ENCODER,
        timeline: None,
        run: None,
        frames: queue(QueueLimits::default()).0,
        events: crossbeam_channel::bounded(1).0,
        gauges: Gauges::default(),
        backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, fastrand::Rng::new()),
    }
}

#[test]
fn pictures_that_nobody_can_decode_are_none() {
    let mut worker = worker();
    worker.timeline = Some(Timeline::new(Segment(1)));
    let now = Instant::now();
    let longer_than_it_may = PICTURE_DEADLINE + Duration::from_secs(2);
    for (last_picture, fails) in [
        (now, false),
        (now.checked_sub(longer_than_it_may).unwrap(), true),
    ] {
        let next = worker.capture(Box::new(WithoutKeyframes), now, last_picture);
        let fault = next.err().map(|fault| fault.to_string());
        let expected = fails.then_some("the camera gave no usable picture for 11 s");
        assert_eq!(fault.as_deref(), expected);
    }
}

#[test]
fn somebody_else_gets_the_camera_and_gives_it_back() {
    let (frames, _queued) = queue(QueueLimits::default());
    let (events, heard) = crossbeam_channel::bounded(64);
    let capture = Capture::spawn(CAMERA, ENCODER, frames, events).unwrap();
    let until_it_runs = || loop {
        let event = heard.recv_timeout(Duration::from_secs(60)).unwrap();
        if matches!(event, CaptureEvent::Running(_)) {
            break;
        }
    };
    capture.open(Segment(1));
    until_it_runs();
    let aside = capture.stand_aside();
    aside.wait();
    assert!(!capture.gauges().filming());
    drop(aside);
    until_it_runs();
    capture.shut_down();
}

#[test]
fn nothing_opens_the_camera_while_somebody_else_has_it() {
    #[derive(Debug, Clone, Copy)]
    enum Said {
        Open,
        Close,
        StandAside,
    }
    use Said::{Close, Open, StandAside};
    // What is said, and whether the camera is opened in the end.
    let table: [(&[Said], bool); 8] = [
        (&[StandAside], false),
        (&[StandAside, Open], true),
        (&[StandAside, Open, Close], false),
        (&[StandAside, StandAside], false),
        (&[Open, StandAside], true),
        (&[Open, StandAside, StandAside], true),
        (&[Open, StandAside, Close], false),
        (&[Open, StandAside, Close, Open], true),
    ];
    for (said, opened) in table {
        let mut worker = worker();
        let mut phase = Phase::Closed;
        let mut lasting = Vec::new();
        for word in said {
            let command = match word {
                Open => Command::Open { first: Segment(1) },
                Close => Command::Close,
                StandAside => {
                    let (over_sender, over) = crossbeam_channel::bounded(0);
                    lasting.push(over_sender);
                    let closed = crossbeam_channel::bounded(0).0;
                    Command::StandAside(Standing { over, closed })
                }
            };
            phase = worker.obey(command, phase);
        }
        phase = worker.advance(phase);
        assert!(matches!(phase, Phase::Aside { .. }), "{said:?}");
        drop(lasting);
        phase = worker.advance(phase);
        assert_eq!(matches!(phase, Phase::Opening), opened, "{said:?}");
        assert_eq!(matches!(phase, Phase::Closed), !opened, "{said:?}");
        let numbered = said.iter().any(|word| matches!(word, Open));
        assert_eq!(worker.timeline.is_some(), numbered, "{said:?}");
    }
}
