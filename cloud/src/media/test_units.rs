//! Access units for tests: real parameter sets, made-up pictures.

use zerocam_protocol::{AccessUnit, Flags, Frame, Header, Run, Segment, h264::ParameterSets};

use super::{RunFormat, flv::PictureTag, intake::Unit};

/// 640x272, 25 frames a second, constrained baseline, level 2.1, made with x264.
pub(super) const SPS: [u8; 24] = [
    0x67, 0x42, 0xc0, 0x15, 0xd9, 0x00, 0xa0, 0x23, 0xb0, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00,
    0x00, 0x03, 0x00, 0x32, 0x0f, 0x16, 0x2e, 0x48,
];
pub(super) const PPS: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];

/// The date of capture time 0: 2026-01-01T00:00:00Z.
pub(super) const RUN_STARTED_UNIX_US: i64 = 1_767_225_600_000_000;

pub(super) fn sets() -> ParameterSets {
    ParameterSets {
        sps: SPS.into(),
        pps: PPS.into(),
    }
}

/// What the camera announces of a run.
pub(super) fn format(run: u64) -> RunFormat {
    RunFormat {
        run: Run(run),
        codec: "avc1.42c015".into(),
        width: 640,
        height: 272,
        frame_rate_hz: 25.0,
        target_duration_s: 1,
    }
}

/// One frame of a made-up camera.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shot {
    pub(super) run: u64,
    pub(super) segment: u64,
    pub(super) frame: u64,
    pub(super) time_ms: u32,
    pub(super) keyframe: bool,
}

impl Shot {
    /// Frame `frame` of run 100, whose segments of 25 frames in one second
    /// begin with number 100 and a keyframe.
    pub(super) fn at(frame: u64) -> Self {
        Self {
            run: 100,
            segment: 100 + frame / 25,
            frame,
            time_ms: frame as u32 * 40,
            keyframe: frame.is_multiple_of(25),
        }
    }

    pub(super) fn header(self) -> Header {
        Header {
            flags: Flags {
                keyframe: self.keyframe,
                starts_segment: false,
            },
            run: Run(self.run),
            segment: Segment(self.segment),
            frame: Frame(self.frame),
            capture_time_us: u64::from(self.time_ms) * 1000 + 999,
        }
    }

    /// As the camera sends it.
    pub(super) fn access_unit(self) -> AccessUnit {
        let start_code = [0, 0, 0, 1];
        let picture = self.picture();
        if self.keyframe {
            let parts = [&start_code[..], &SPS, &start_code, &PPS, &picture];
            AccessUnit::new(self.header(), &parts)
        } else {
            AccessUnit::new(self.header(), &[&picture])
        }
    }

    /// As the intake hands it on.
    pub(super) fn unit(self) -> Unit {
        Unit {
            header: self.header(),
            time_ms: self.time_ms,
            date_unix_us: RUN_STARTED_UNIX_US + i64::from(self.time_ms) * 1000,
            tag: PictureTag::new(self.time_ms, self.keyframe, &self.picture())
                .expect("it has a slice"),
        }
    }

    fn picture(self) -> Vec<u8> {
        let nal_header = if self.keyframe { 0x65 } else { 0x41 };
        let mut picture = vec![0, 0, 1, nal_header, 0x9a];
        // Different in every frame, and free of start codes.
        picture.extend((0..8).map(|digit| (self.frame >> (digit * 4)) as u8 & 0xf | 0x80));
        picture
    }
}
