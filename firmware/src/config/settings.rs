//! What a configuration means: every value in its range, what belongs together
//! complete.

use std::{fmt, ops::RangeInclusive, path::PathBuf, time::Duration};

use zerocam_protocol::{CameraName, DeviceId, limits::MAX_FRAME_RATE_HZ};

use super::{
    Backend, BitrateMode, CameraConfiguration, Configuration, PictureConfiguration,
    StreamConfiguration, System, Wifi,
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

/// A value that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    pub(super) section: &'static str,
    /// Which of several sections of this name, from 0.
    pub(super) entry: usize,
    pub(super) key: &'static str,
    pub(super) text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.section.is_empty() {
            write!(f, "[{}] ", self.section)?;
        }
        write!(f, "{}: {}", self.key, self.text)
    }
}

/// A key and its section, which is empty for keys in front of all sections.
#[derive(Clone, Copy)]
pub(super) struct Key(pub(super) &'static str, pub(super) &'static str);

impl Key {
    pub(super) fn problem(self, text: impl fmt::Display) -> Problem {
        Problem {
            section: self.0,
            entry: 0,
            key: self.1,
            text: text.to_string(),
        }
    }

    pub(super) fn within<N>(self, value: N, range: RangeInclusive<N>) -> Result<N, Problem>
    where
        N: PartialOrd + fmt::Display + Copy,
    {
        if range.contains(&value) {
            return Ok(value);
        }
        let (lowest, highest) = range.into_inner();
        Err(self.problem(format_args!(
            "{value} is out of range; write {lowest} to {highest}"
        )))
    }

    fn even_within(self, value: u32, range: RangeInclusive<u32>) -> Result<u32, Problem> {
        match self.within(value, range)? {
            even if even % 2 == 0 => Ok(even),
            odd => Err(self.problem(format_args!("{odd} is odd; write an even number"))),
        }
    }
}

impl TryFrom<Configuration> for Settings {
    type Error = Problem;

    fn try_from(configuration: Configuration) -> Result<Self, Problem> {
        let daemon = configuration.daemon;
        let device_id = (daemon.device_id)
            .map(DeviceId::try_from)
            .transpose()
            .map_err(|error| Key("daemon", "device_id").problem(error))?;
        // What a beginner has to fill in comes last, so that a mistake
        // elsewhere is not hidden behind it.
        System::try_from(configuration.system)?;
        let camera = camera(configuration.camera, configuration.picture)?;
        let encoder = encoder(&configuration.stream, &camera)?;
        let mut uplink = UplinkConfig {
            url: configuration.cloud.url,
            key: configuration.cloud.key,
            ca_file: configuration.cloud.ca_file,
            allow_plain: configuration.cloud.allow_plain,
            device: device_id.clone().unwrap_or_else(unknown_device),
            ring: ring(&configuration.stream)?,
            software: crate::SOFTWARE.to_owned(),
            trust: None,
        };
        Wifi::new(&configuration.country, configuration.wifi)?;
        Ok(Self {
            camera_name: camera_name(&mut uplink)?,
            uplink,
            camera,
            encoder,
            state_dir: daemon.state_dir,
            start_on_boot: daemon.start_on_boot,
            device_id,
        })
    }
}

fn unknown_device() -> DeviceId {
    "unknown".parse().expect("it consists of letters")
}

/// Checks where the pictures go.
fn camera_name(uplink: &mut UplinkConfig) -> Result<CameraName, Problem> {
    let [url, key, ca_file] = ["url", "key", "ca_file"].map(|key| Key("cloud", key));
    if uplink.url.is_empty() {
        return Err(
            url.problem("empty; write your service's address, such as \"https://cam.example\"")
        );
    }
    if uplink.key.expose().is_empty() {
        return Err(key.problem("empty; write the line that `zerocam-cloud key CAMERA` prints"));
    }
    uplink.validate().map_err(|error| {
        let place = match &error {
            UplinkError::Endpoint(InvalidEndpoint::Key(_) | InvalidEndpoint::ViewerKey { .. }) => {
                key
            }
            UplinkError::Endpoint(_) => url,
            UplinkError::Tls(_) | UplinkError::System(_) => ca_file,
        };
        place.problem(error)
    })
}

fn camera(
    camera: CameraConfiguration,
    picture: PictureConfiguration,
) -> Result<CameraSettings, Problem> {
    let key = |key| Key("camera", key);
    if let Some(rate) = camera.frame_rate_hz
        && !(rate > 0.0 && rate <= MAX_FRAME_RATE_HZ)
    {
        return Err(key("frame_rate_hz").problem(format_args!(
            "{rate} is out of range; write more than 0, up to {MAX_FRAME_RATE_HZ}"
        )));
    }
    let width = key("width").even_within(camera.width, 160..=1920)?;
    let height = key("height").even_within(camera.height, 120..=1080)?;
    let frame_rate_hz = camera.frame_rate_hz.unwrap_or(25.0);
    let picture = picture.checked()?;
    if camera.backend == Backend::Rpicam && picture.rotation_degrees % 180 != 0 {
        return Err(Key("picture", "rotation_degrees").problem(
            "rpicam turns the picture by 0 or 180 only; write one of them, or turn the camera",
        ));
    }
    let view = View {
        width,
        height,
        frame_rate_hz,
        picture,
    };
    Ok(match camera.backend {
        Backend::Pattern => CameraSettings::Pattern {
            width,
            height,
            frame_rate_hz,
        },
        Backend::Replay => CameraSettings::Replay {
            file: camera.file.ok_or_else(|| {
                key("file").problem("missing; write the path of a raw H.264 file")
            })?,
            frame_rate_hz: camera.frame_rate_hz,
        },
        Backend::V4l2 => CameraSettings::V4l2 {
            device: camera.device,
            view,
        },
        Backend::Rpicam => CameraSettings::Rpicam {
            program: camera.program,
            view,
        },
    })
}

fn encoder(
    stream: &StreamConfiguration,
    camera: &CameraSettings,
) -> Result<EncoderSettings, Problem> {
    let key = |key| Key("stream", key);
    let interval_s = key("keyframe_interval_s").within(stream.keyframe_interval_s, 0.2..=10.0)?;
    let bitrate_bps = key("bitrate_bps").within(stream.bitrate_bps, BITRATES_BPS)?;
    if let CameraSettings::Rpicam { .. } = camera
        && bitrate_bps < rpicam::MIN_BITRATE_BPS
    {
        return Err(key("bitrate_bps").problem(format_args!(
            "{bitrate_bps} is too little for rpicam; write at least {}",
            rpicam::MIN_BITRATE_BPS
        )));
    }
    Ok(EncoderSettings {
        bitrate_bps,
        bitrate_mode: stream.bitrate_mode,
        keyframe_interval: Duration::from_secs_f64(interval_s),
    })
}

fn ring(stream: &StreamConfiguration) -> Result<RingLimits, Problem> {
    let key = |key| Key("stream", key);
    let seconds = key("replay_ring_s").within(stream.replay_ring_s, 2..=120)?;
    let bytes = key("replay_ring_bytes").within(stream.replay_ring_bytes, 500_000..=64_000_000)?;
    Ok(RingLimits {
        age: Duration::from_secs(seconds.into()),
        bytes: bytes as usize,
    })
}
