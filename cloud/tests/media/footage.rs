//! A small film made by ffmpeg, a camera that sends it, and ffprobe's view of
//! what came out.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::OnceLock,
};

use zerocam_cloud::media::RunFormat;
use zerocam_protocol::{
    AccessUnit, Flags, Frame, Header, Run, Segment,
    h264::{NalKind, ParameterSets, nal_units, slice_start},
};

/// Frames per second, and keyframes one second apart.
const FRAME_RATE_HZ: u64 = 25;
const FRAMES: usize = 150;
/// 2026-11-21T12:00:00Z.
const RUN_STARTED_UNIX_US: i64 = 1_795_262_400_000_000;

/// Access units as Annex B.
pub(crate) struct Footage(Vec<Vec<u8>>);

impl Footage {
    /// Makes it once per process.
    pub(crate) fn get() -> &'static Self {
        static FOOTAGE: OnceLock<Footage> = OnceLock::new();
        FOOTAGE.get_or_init(Self::make)
    }

    fn make() -> Self {
        let source = format!("testsrc2=size=320x180:rate={FRAME_RATE_HZ}");
        let frames = FRAMES.to_string();
        let gop = FRAME_RATE_HZ.to_string();
        let output = Command::new("ffmpeg")
            .args(["-loglevel", "error", "-f", "lavfi", "-i", &source])
            .args([
                "-frames:v",
                &frames,
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
            ])
            .args([
                "-bf",
                "0",
                "-g",
                &gop,
                "-keyint_min",
                &gop,
                "-sc_threshold",
                "0",
            ])
            .args([
                "-pix_fmt",
                "yuv420p",
                "-x264-params",
                "aud=1",
                "-f",
                "h264",
                "pipe:1",
            ])
            .output()
            .expect("these tests need ffmpeg (apt install ffmpeg)");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut units: Vec<Vec<u8>> = Vec::new();
        for nal in nal_units(&output.stdout) {
            if NalKind::of(nal) == Some(NalKind::Delimiter) {
                units.push(Vec::new());
            }
            let unit = units.last_mut().expect("x264 puts a delimiter first");
            unit.extend([0, 0, 0, 1]);
            unit.extend(nal);
        }
        assert_eq!(units.len(), FRAMES);
        let p = |unit: &Vec<u8>| {
            nal_units(unit)
                .filter_map(slice_start)
                .all(|s| !s.bidirectional)
        };
        assert!(units.iter().all(p));
        Self(units)
    }
}

/// Where a camera's numbers begin.
#[derive(Clone, Copy)]
pub(crate) struct Camera {
    pub(crate) run: Run,
    pub(crate) first_segment: Segment,
}

impl Default for Camera {
    fn default() -> Self {
        Self {
            run: Run(1_795_262_400),
            first_segment: Segment(1_795_262_400),
        }
    }
}

impl Camera {
    /// What `hello` would say.
    pub(crate) fn format(&self, footage: &Footage) -> RunFormat {
        let sets = ParameterSets::find(&footage.0[0]).unwrap();
        let format = sets.video_format().unwrap();
        RunFormat {
            run: self.run,
            codec: format.codec,
            width: format.width,
            height: format.height,
            frame_rate_hz: FRAME_RATE_HZ as f64,
            target_duration_s: 1,
        }
    }

    /// The first frames, in segments of one second.
    pub(crate) fn shoot(&self, footage: &Footage, frames: usize) -> Vec<AccessUnit> {
        let unit = |(index, annex_b): (usize, &Vec<u8>)| {
            let index = index as u64;
            let keyframe = index.is_multiple_of(FRAME_RATE_HZ);
            let header = Header {
                flags: Flags {
                    keyframe,
                    starts_segment: keyframe,
                },
                run: self.run,
                segment: self.first_segment.plus(index / FRAME_RATE_HZ),
                frame: Frame(index),
                // Some microseconds on top: only whole milliseconds may count.
                capture_time_us: index * 1_000_000 / FRAME_RATE_HZ + index % 7 * 100,
            };
            AccessUnit::new(header, &[annex_b])
        };
        footage
            .0
            .iter()
            .take(frames)
            .enumerate()
            .map(unit)
            .collect()
    }
}

pub(crate) trait Plus {
    fn plus(self, more: u64) -> Self;
}

impl Plus for Segment {
    fn plus(self, more: u64) -> Self {
        Self(self.0 + more)
    }
}

/// When a unit was captured, by the service's clock.
pub(crate) fn nominal_date_us(unit: &AccessUnit) -> i64 {
    RUN_STARTED_UNIX_US + unit.header().capture_time_us as i64
}

/// Decodes an MP4 file, and gives each picture's time in microseconds, in the
/// order of decoding. Any decoding error fails the test.
pub(crate) fn decoded_times_us(file: &[u8]) -> Vec<i64> {
    let mut path = tempfile::NamedTempFile::with_suffix(".mp4").unwrap();
    path.write_all(file).unwrap();
    let output = Command::new("ffprobe")
        .args(["-loglevel", "error", "-select_streams", "v", "-show_frames"])
        .args(["-show_entries", "frame=pts_time", "-of", "default"])
        .arg(path.path())
        .stderr(Stdio::piped())
        .output()
        .expect("ffprobe comes with ffmpeg");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("pts_time="))
        .map(|seconds| (seconds.parse::<f64>().unwrap() * 1e6).round() as i64)
        .collect()
}
