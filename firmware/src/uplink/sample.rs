//! Frames for the tests of this module.

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use zerocam_protocol::{AccessUnit, Flags, Frame, Header, Run, Segment};

use super::{CapturedFrame, RunInfo};

pub(super) const FRAME_TIME: Duration = Duration::from_millis(40);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

static RUN: LazyLock<Arc<RunInfo>> = LazyLock::new(|| {
    Arc::new(RunInfo {
        run: Run(1000),
        first_segment: Segment(1000),
        started: *START,
        codec: "avc1.42e01f".into(),
        width: 640,
        height: 360,
        frame_rate_hz: 25.0,
        target_duration_s: 1,
    })
});

/// When a frame is captured, 25 a second.
pub(super) fn at(frame: u64) -> Instant {
    *START + FRAME_TIME * u32::try_from(frame).unwrap()
}

/// Whether frames of a sample start a group of pictures and a segment.
pub(super) const fn is_keyframe(frame: u64, gop: u64) -> bool {
    frame.is_multiple_of(gop)
}

/// A frame of run 1000; each group of pictures is a segment.
pub(super) fn frame(number: u64, gop: u64, payload_bytes: usize) -> CapturedFrame {
    frame_of(1000, number, gop, payload_bytes)
}

pub(super) fn frame_of(run: u64, number: u64, gop: u64, payload_bytes: usize) -> CapturedFrame {
    let keyframe = is_keyframe(number, gop);
    let header = Header {
        flags: Flags {
            keyframe,
            starts_segment: keyframe,
        },
        run: Run(run),
        segment: Segment(run + number / gop),
        frame: Frame(number),
        capture_time_us: number * 40_000,
    };
    CapturedFrame {
        unit: AccessUnit::new(header, &[&vec![0; payload_bytes]]),
        run: Arc::clone(&RUN),
        captured: at(number),
    }
}
