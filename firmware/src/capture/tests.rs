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

#[test]
fn pictures_that_nobody_can_decode_are_none() {
    let (frames, _queued) = queue(QueueLimits::default());
    let mut worker = Worker {
        camera: CAMERA,
        encoder: ENCODER,
        timeline: Some(Timeline::new(Segment(1))),
        run: None,
        frames,
        events: crossbeam_channel::bounded(1).0,
        gauges: Gauges::default(),
        backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, fastrand::Rng::new()),
    };
    let now = Instant::now();
    let longer_than_it_may = PICTURE_DEADLINE + Duration::from_secs(2);
    for (last_picture, fails) in [
        (now, false),
        (now.checked_sub(longer_than_it_may).unwrap(), true),
    ] {
        let next = worker.capture(Box::new(WithoutKeyframes), now, last_picture);
        assert_eq!(matches!(next, Err(Fault::NoPicture)), fails);
    }
}

#[test]
fn somebody_else_gets_the_camera_and_it_is_opened_again_unless_it_is_to_stay_closed() {
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

    let aside = capture.stand_aside();
    capture.close();
    drop(aside);
    // Two turns later all of that was heard.
    for _ in 0..2 {
        capture.stand_aside().wait();
        assert!(!capture.gauges().filming());
    }
    capture.shut_down();
}
