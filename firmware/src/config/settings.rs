//! What a configuration means: every value in its range, what belongs together
//! complete.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use zerocam_config_file::{Problem, Secret};
use zerocam_protocol::{CameraName, DeviceId, limits::MAX_FRAME_RATE_HZ};

use super::{
    Backend, BitrateMode, CameraConfiguration, Configuration, PictureConfiguration,
    StreamConfiguration, System, Wifi,
    problems::{Key, Problems},
};
use crate::{
    camera::rpicam,
    uplink::{InvalidEndpoint, RingLimits, UplinkConfig, UplinkError},
};

/// Bitrates that may be asked for, in bits per second.
pub const BITRATES_BPS: RangeInclusive<u32> = 100_000..=25_000_000;

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the pictures go. The device is the configured one, or to be
    /// replaced once it is known.
    pub uplink: UplinkConfig,
    /// The camera's name, from its key.
    pub camera_name: CameraName,
    /// Where the pictures come from.
    pub camera: CameraSettings,
    /// How they are encoded.
    pub encoder: EncoderSettings,
    /// The directory of the state file.
    pub state_dir: PathBuf,
    /// Start whenever the program starts.
    pub start_on_boot: bool,
    /// The configured device id.
    pub device_id: Option<DeviceId>,
}

/// Where the pictures come from.
#[derive(Debug, Clone, PartialEq)]
pub enum CameraSettings {
    /// A test picture with a clock.
    Pattern {
        /// Pixels across, even.
        width: u32,
        /// Pixels down, even.
        height: u32,
        /// Pictures per second.
        frame_rate_hz: f64,
    },
    /// A recorded file.
    Replay {
        /// Raw H.264.
        file: PathBuf,
        /// Pictures per second, when it is not the file that says so.
        frame_rate_hz: Option<f64>,
    },
    /// A camera that the kernel knows.
    V4l2 {
        /// Its device node.
        device: PathBuf,
        /// What it should see.
        view: View,
    },
    /// A camera that `rpicam-vid` runs.
    Rpicam {
        /// The program: a path, or a name to look for.
        program: PathBuf,
        /// What it should see.
        view: View,
    },
}

/// What a real camera should see.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Pixels across, even.
    pub width: u32,
    /// Pixels down, even.
    pub height: u32,
    /// Pictures per second.
    pub frame_rate_hz: f64,
    /// How it looks.
    pub picture: PictureConfiguration,
}

/// How the pictures are encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderSettings {
    /// Bits per second.
    pub bitrate_bps: u32,
    /// How closely it is kept.
    pub bitrate_mode: BitrateMode,
    /// Time from keyframe to keyframe.
    pub keyframe_interval: Duration,
}

impl EncoderSettings {
    /// Pictures from keyframe to keyframe, at least 1.
    #[must_use]
    pub fn group_pictures(&self, frame_rate_hz: f64) -> u32 {
        let pictures = self.keyframe_interval.as_secs_f64() * frame_rate_hz;
        pictures.round().max(1.0) as u32
    }
}

impl TryFrom<Configuration> for Settings {
    type Error = Vec<Problem>;

    fn try_from(configuration: Configuration) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::default();
        let settings = settings(configuration, &mut problems);
        problems.finish(settings)
    }
}

fn settings(configuration: Configuration, problems: &mut Problems) -> Option<Settings> {
    let daemon = configuration.daemon;
    let device_id = daemon.device_id.and_then(|id| {
        let id = DeviceId::try_from(id);
        problems.note(id.map_err(|error| Key("daemon", "device_id").problem(error)))
    });
    System::new(configuration.system, problems);
    Wifi::new(&configuration.country, configuration.wifi, problems);
    let backend = configuration.camera.backend;
    let camera = camera(configuration.camera, configuration.picture, problems);
    let encoder = encoder(&configuration.stream, backend, problems);
    let ring = ring(&configuration.stream, problems);
    let mut uplink = UplinkConfig {
        url: configuration.cloud.url,
        key: configuration.cloud.key,
        ca_file: configuration.cloud.ca_file,
        allow_plain: configuration.cloud.allow_plain,
        device: device_id.clone().unwrap_or_else(unknown_device),
        ring: ring.unwrap_or_default(),
        software: crate::SOFTWARE.to_owned(),
        trust: None,
    };
    Some(Settings {
        camera_name: camera_name(&mut uplink, problems)?,
        uplink,
        camera: camera?,
        encoder: encoder?,
        state_dir: daemon.state_dir,
        start_on_boot: daemon.start_on_boot,
        device_id,
    })
}

fn unknown_device() -> DeviceId {
    "unknown".parse().expect("it consists of letters")
}

/// Checks where the pictures go: the key even when the address is wrong.
fn camera_name(uplink: &mut UplinkConfig, problems: &mut Problems) -> Option<CameraName> {
    let [url, key, ca_file] = ["url", "key", "ca_file"].map(|key| Key("cloud", key));
    let camera = if uplink.key.expose().is_empty() {
        Err(key.problem("empty; write the line that `zerocam-cloud key CAMERA` prints"))
    } else {
        uplink.camera().map_err(|error| key.problem(error))
    };
    let camera = problems.note(camera);
    let mut valid = uplink.validate();
    if let Err(UplinkError::Endpoint(error)) = valid {
        let address = match error {
            _ if uplink.url.is_empty() => Err(
                url.problem("empty; write your service's address, such as \"https://cam.example\"")
            ),
            InvalidEndpoint::Key(_) | InvalidEndpoint::ViewerKey { .. } => Ok(()),
            error => Err(url.problem(error)),
        };
        problems.note(address);
        if uplink.ca_file.is_none() {
            return camera;
        }
        valid = with_stand_ins(uplink).validate();
    }
    problems.note(valid.map_err(|error| ca_file.problem(error)));
    camera
}

/// The same with an address and a key that are right, to check the rest by.
fn with_stand_ins(uplink: &UplinkConfig) -> UplinkConfig {
    UplinkConfig {
        url: "https://localhost".into(),
        key: Secret::new("camera.any.1.c2ln".into()),
        ..uplink.clone()
    }
}

fn camera(
    camera: CameraConfiguration,
    picture: PictureConfiguration,
    problems: &mut Problems,
) -> Option<CameraSettings> {
    let key = |key| Key("camera", key);
    if let Some(rate) = camera.frame_rate_hz
        && !(rate > 0.0 && rate <= MAX_FRAME_RATE_HZ)
    {
        problems.note::<()>(Err(key("frame_rate_hz").problem(format_args!(
            "{rate} is out of range; write more than 0, up to {MAX_FRAME_RATE_HZ}"
        ))));
    }
    let width = problems.note(key("width").even_within(camera.width, 160..=1920));
    let height = problems.note(key("height").even_within(camera.height, 120..=1080));
    let frame_rate_hz = camera.frame_rate_hz.unwrap_or(25.0);
    picture.check(camera.backend, problems);
    let view = || {
        Some(View {
            width: width?,
            height: height?,
            frame_rate_hz,
            picture,
        })
    };
    Some(match camera.backend {
        Backend::Pattern => CameraSettings::Pattern {
            width: width?,
            height: height?,
            frame_rate_hz,
        },
        Backend::Replay => CameraSettings::Replay {
            file: problems.note(camera.file.ok_or_else(|| {
                key("file").problem("missing; write the path of a raw H.264 file")
            }))?,
            frame_rate_hz: camera.frame_rate_hz,
        },
        Backend::V4l2 => CameraSettings::V4l2 {
            device: camera.device,
            view: view()?,
        },
        Backend::Rpicam => CameraSettings::Rpicam {
            program: camera.program,
            view: view()?,
        },
    })
}

fn encoder(
    stream: &StreamConfiguration,
    backend: Backend,
    problems: &mut Problems,
) -> Option<EncoderSettings> {
    let key = |key| Key("stream", key);
    let interval_s = key("keyframe_interval_s").within(stream.keyframe_interval_s, 0.2..=10.0);
    let interval_s = problems.note(interval_s);
    let bitrate_bps = match key("bitrate_bps").within(stream.bitrate_bps, BITRATES_BPS) {
        Ok(little) if backend == Backend::Rpicam && little < rpicam::MIN_BITRATE_BPS => {
            Err(key("bitrate_bps").problem(format_args!(
                "{little} is too little for rpicam; write at least {}",
                rpicam::MIN_BITRATE_BPS
            )))
        }
        checked => checked,
    };
    let bitrate_bps = problems.note(bitrate_bps);
    Some(EncoderSettings {
        bitrate_bps: bitrate_bps?,
        bitrate_mode: stream.bitrate_mode,
        keyframe_interval: Duration::from_secs_f64(interval_s?),
    })
}

fn ring(stream: &StreamConfiguration, problems: &mut Problems) -> Option<RingLimits> {
    let key = |key| Key("stream", key);
    let seconds = problems.note(key("replay_ring_s").within(stream.replay_ring_s, 2..=120));
    let bytes = key("replay_ring_bytes").within(stream.replay_ring_bytes, 500_000..=64_000_000);
    let bytes = problems.note(bytes);
    Some(RingLimits {
        age: Duration::from_secs(seconds?.into()),
        bytes: bytes? as usize,
    })
}
