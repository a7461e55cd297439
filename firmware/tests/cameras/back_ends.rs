//! The cameras that this machine can offer, all making the same picture.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;
use zerocam::{
    camera::{self, Camera},
    config::{BitrateMode, CameraSettings, EncoderSettings, PictureConfiguration, View},
};

use crate::fake_rpicam::FakeRpicam;

pub(crate) const WIDTH: u32 = 320;
pub(crate) const HEIGHT: u32 = 180;
const FRAME_RATE_HZ: f64 = 25.0;

/// How to make a camera, for as many tests as want one.
#[derive(Debug, Clone)]
pub(crate) enum BackEnd {
    Replay,
    Pattern,
    Rpicam,
    V4l2(PathBuf),
}

/// What a camera needs as long as it is used.
pub(crate) struct Source {
    pub(crate) settings: CameraSettings,
    _files: Option<TempDir>,
    _fake: Option<FakeRpicam>,
}

impl BackEnd {
    /// All that run everywhere, and the first V4L2 device that makes H.264.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::Replay, Self::Pattern, Self::Rpicam];
        let makes_h264 = |path: &PathBuf| camera::open(&v4l2(path), &encoder()).is_ok();
        all.extend(devices().into_iter().find(makes_h264).map(Self::V4l2));
        all
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Pattern => "pattern",
            Self::Rpicam => "rpicam",
            Self::V4l2(_) => "v4l2",
        }
    }

    /// Whether the size and the distance of keyframes are up to us: a device
    /// may know one of each only.
    pub(crate) fn obeys(&self) -> bool {
        !matches!(self, Self::V4l2(_))
    }

    pub(crate) fn source(&self) -> Source {
        let (settings, files, fake) = match self {
            Self::Replay => {
                let files = tempfile::tempdir().unwrap();
                let settings = CameraSettings::Replay {
                    file: footage(files.path()),
                    frame_rate_hz: None,
                };
                (settings, Some(files), None)
            }
            Self::Pattern => {
                let settings = CameraSettings::Pattern {
                    width: WIDTH,
                    height: HEIGHT,
                    frame_rate_hz: FRAME_RATE_HZ,
                };
                (settings, None, None)
            }
            Self::Rpicam => {
                let fake = FakeRpicam::new("stream");
                let settings = fake.settings(PictureConfiguration::default());
                (settings, None, Some(fake))
            }
            Self::V4l2(path) => (v4l2(path), None, None),
        };
        Source {
            settings,
            _files: files,
            _fake: fake,
        }
    }
}

impl Source {
    pub(crate) fn open(&self) -> Box<dyn Camera> {
        camera::open(&self.settings, &encoder()).unwrap_or_else(|error| panic!("{error}"))
    }
}

pub(crate) fn encoder() -> EncoderSettings {
    EncoderSettings {
        bitrate_bps: 1_000_000,
        bitrate_mode: BitrateMode::Variable,
        keyframe_interval: Duration::from_millis(400),
    }
}

/// All capture devices, H.264 or not.
pub(crate) fn devices() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir("/dev") else {
        return vec![];
    };
    let is_video = |path: &PathBuf| path.to_string_lossy().starts_with("/dev/video");
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<_> = paths.filter(is_video).collect();
    paths.sort();
    paths
}

pub(crate) fn v4l2(device: &Path) -> CameraSettings {
    CameraSettings::V4l2 {
        device: device.into(),
        view: View {
            width: WIDTH,
            height: HEIGHT,
            frame_rate_hz: FRAME_RATE_HZ,
            picture: PictureConfiguration::default(),
        },
    }
}

/// Two seconds, with the encoder's distance of keyframes.
fn footage(directory: &Path) -> PathBuf {
    let path = directory.join("clip.h264");
    let output = Command::new("ffmpeg")
        .args("-v error -y -f lavfi -i testsrc2=size=320x180:rate=25:duration=2".split(' '))
        .args("-c:v libx264 -preset ultrafast -pix_fmt yuv420p -bf 0".split(' '))
        .args("-g 10 -keyint_min 10 -sc_threshold 0 -f h264".split(' '))
        .arg(&path)
        .output()
        .expect("ffmpeg is installed");
    assert!(output.status.success(), "{output:?}");
    path
}
