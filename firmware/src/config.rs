//! The configuration: one TOML file, read in two stages.
//!
//! [`Configuration`] is the file as written, each key with a default;
//! [`Settings`] is what it means, checked, so that nothing behind it meets an
//! impossible value. Whatever is wrong is said with file, line and remedy.

mod picture;
mod problems;
mod settings;
mod system;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use zerocam_config_file::{ConfigError, Secret, refuse};

use crate::gpio;
use problems::Problems;

pub use picture::{PictureConfiguration, Scene, WhiteBalance};
pub use settings::{BITRATES_BPS, CameraSettings, EncoderSettings, Settings, View};
pub use system::{AuthMethod, System, SystemConfiguration, Wifi, WifiConfiguration, is_raw_key};

/// Where the file is unless the command line says otherwise.
pub const DEFAULT_PATH: &str = "/boot/firmware/zerocam.toml";

/// The file as written. Every key may be left out; `[cloud]`'s `url` and `key`
/// have no default that works.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    /// Whose rules the Wi-Fi keeps: two letters, such as `DE`. Required with
    /// `[[wifi]]`.
    pub country: String,
    /// The Wi-Fis to connect to, the preferred one first. Default: one that is
    /// not filled in.
    pub wifi: Vec<WifiConfiguration>,
    /// The device itself.
    pub system: SystemConfiguration,
    /// Where the pictures go.
    pub cloud: CloudConfiguration,
    /// Where they come from.
    pub camera: CameraConfiguration,
    /// How a real camera sees.
    pub picture: PictureConfiguration,
    /// How they are encoded and kept.
    pub stream: StreamConfiguration,
    /// Button and LEDs.
    pub gpio: gpio::Configuration,
    /// The program itself.
    pub daemon: DaemonConfiguration,
}

/// `[cloud]`: where the pictures go.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CloudConfiguration {
    /// The service's address, such as `https://cam.example`. Required.
    pub url: String,
    /// The camera's key, as `zerocam-cloud key CAMERA` prints it. It also says
    /// the camera's name. Required.
    pub key: Secret,
    /// A PEM file with certificate authorities to trust besides the system's:
    /// for a service with a certificate of its own. Default: none.
    pub ca_file: Option<PathBuf>,
    /// Whether `http://` may lead to another computer. Anybody on the way then
    /// sees the pictures and the key. Default: false.
    pub allow_plain: bool,
}

/// `[camera]`: where the pictures come from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CameraConfiguration {
    /// What to capture from. Default: `"v4l2"`.
    pub backend: Backend,
    /// `replay` only, required there: a file of raw H.264 (Annex B), played in
    /// real time and over again.
    pub file: Option<PathBuf>,
    /// Pictures per second, above 0, up to 120. Fewer leave each one more bits.
    /// Default 25; `replay`: default what the file says, required when it says
    /// nothing. A `v4l2` camera takes the nearest rate that it has.
    pub frame_rate_hz: Option<f64>,
    /// Picture width in pixels, even, 160 to 1920; not for `replay`. A `v4l2`
    /// camera takes the nearest size that it has. Default 1280.
    pub width: u32,
    /// Picture height in pixels, even, 120 to 1080; not for `replay`. Default
    /// 720.
    pub height: u32,
    /// `v4l2` only: the camera's device node. Default `/dev/video0`.
    pub device: PathBuf,
    /// `rpicam` only: the program, which older systems call `libcamera-vid`.
    /// Default `rpicam-vid`.
    pub program: PathBuf,
}

/// What to capture from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// A test picture with a clock, encoded by the local ffmpeg.
    Pattern,
    /// A recorded file.
    Replay,
    /// A camera that encodes H.264 by itself, through the kernel: the Raspberry
    /// Pi's V1, V2 and HQ cameras, and some webcams.
    #[default]
    V4l2,
    /// A camera of Raspberry Pi OS, through its program `rpicam-vid`: all
    /// cameras for the Raspberry Pi.
    Rpicam,
}

/// `[stream]`: how the pictures are encoded and kept.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamConfiguration {
    /// What the encoder aims at, bits per second, 100 000 to 25 000 000. More
    /// is sharper and needs a better uplink. Default 2 000 000.
    pub bitrate_bps: u32,
    /// How closely `v4l2` keeps to it. Default: `"variable"`.
    pub bitrate_mode: BitrateMode,
    /// Time from keyframe to keyframe in seconds, 0.2 to 10. A viewer starts at
    /// a keyframe: shorter starts sooner and costs bits. Default 1.
    pub keyframe_interval_s: f64,
    /// How much video is kept for re-sending after a lost connection, in
    /// seconds, 2 to 120. Default 20.
    pub replay_ring_s: u32,
    /// The bound of the same in bytes, 500 000 to 64 000 000; the first bound
    /// reached counts. Default 6 000 000.
    pub replay_ring_bytes: u32,
}

/// How closely an encoder keeps to its bitrate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BitrateMode {
    /// On average: difficult pictures get more bits.
    #[default]
    Variable,
    /// All the time: steadier for the uplink, worse for difficult pictures.
    Constant,
}

/// `[daemon]`: the program itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaemonConfiguration {
    /// The directory of the file that survives a power cut. Default
    /// `/var/lib/zerocam`.
    pub state_dir: PathBuf,
    /// The Unix socket that `zerocam start`, `stop` and `status` use. Default
    /// `/run/zerocam/control.sock`.
    pub socket: PathBuf,
    /// The Unix socket of the helper that does what needs root, such as
    /// switching off. Default `/run/zerocam-privileged.sock`.
    pub privileged_socket: PathBuf,
    /// Whether to start whenever the program starts, even when the camera was
    /// stopped before. Default: false, which continues as it was; a new camera
    /// is stopped.
    pub start_on_boot: bool,
    /// What tells this device from others with the same key, 1 to 64 of `A-Z`,
    /// `a-z`, `0-9` and `-`. Default: the board's serial number.
    pub device_id: Option<String>,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            country: String::new(),
            wifi: vec![WifiConfiguration::default()],
            system: SystemConfiguration::default(),
            cloud: CloudConfiguration::default(),
            camera: CameraConfiguration::default(),
            picture: PictureConfiguration::default(),
            stream: StreamConfiguration::default(),
            gpio: gpio::Configuration::default(),
            daemon: DaemonConfiguration::default(),
        }
    }
}

impl Default for CameraConfiguration {
    fn default() -> Self {
        Self {
            backend: Backend::default(),
            file: None,
            frame_rate_hz: None,
            width: 1280,
            height: 720,
            device: "/dev/video0".into(),
            program: "rpicam-vid".into(),
        }
    }
}

impl Default for StreamConfiguration {
    fn default() -> Self {
        Self {
            bitrate_bps: 2_000_000,
            bitrate_mode: BitrateMode::default(),
            keyframe_interval_s: 1.0,
            replay_ring_s: 20,
            replay_ring_bytes: 6_000_000,
        }
    }
}

impl Default for DaemonConfiguration {
    fn default() -> Self {
        Self {
            state_dir: "/var/lib/zerocam".into(),
            socket: "/run/zerocam/control.sock".into(),
            privileged_socket: "/run/zerocam-privileged.sock".into(),
            start_on_boot: false,
            device_id: None,
        }
    }
}

/// Reads and checks the file.
///
/// # Errors
/// [`ConfigError`] with all values that are wrong, or with the first place that
/// is not understood.
pub fn read(path: &Path) -> Result<Settings, ConfigError> {
    let configuration: Configuration = zerocam_config_file::read(path)?;
    Settings::try_from(configuration).map_err(|problems| refuse(path, &problems))
}

/// Only what concerns the system around the daemon, from a file that may be
/// wrong elsewhere: with a mistake in the camera's section the device is still
/// reached.
///
/// # Errors
/// [`ConfigError`] with what is wrong in those, as [`read`].
pub fn surroundings(path: &Path) -> Result<(Wifi, System), ConfigError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct OnlySurroundings {
        country: String,
        wifi: Vec<WifiConfiguration>,
        system: SystemConfiguration,
    }
    let read: OnlySurroundings = zerocam_config_file::read(path)?;
    let mut problems = Problems::default();
    let wifi = Wifi::new(&read.country, read.wifi, &mut problems);
    let system = System::new(read.system, &mut problems);
    let surroundings = problems.finish(Some((wifi, system)));
    surroundings.map_err(|problems| refuse(path, &problems))
}

/// Only the control socket, from a file that may be wrong elsewhere: with a
/// mistake in another section the daemon is still found.
#[must_use]
pub fn control_socket(path: &Path) -> PathBuf {
    daemon(path).socket
}

/// Only `[daemon]`, from a file that may be wrong elsewhere; else its defaults.
#[must_use]
pub fn daemon(path: &Path) -> DaemonConfiguration {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct OnlyDaemon {
        daemon: DaemonConfiguration,
    }
    zerocam_config_file::read::<OnlyDaemon>(path)
        .unwrap_or_default()
        .daemon
}

/// Only `[gpio]`, from a file that may be wrong elsewhere; else its defaults:
/// the LED says that something is wrong, so it has to work before all else does.
#[must_use]
pub fn gpio(path: &Path) -> gpio::Configuration {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct OnlyGpio {
        gpio: gpio::Configuration,
    }
    zerocam_config_file::read::<OnlyGpio>(path)
        .unwrap_or_default()
        .gpio
}

#[cfg(test)]
mod tests;
