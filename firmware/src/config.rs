//! The configuration: one TOML file, read in two stages.
//!
//! [`Configuration`] is the file as written, each key with a default;
//! [`Settings`] is what it means, checked, so that nothing behind it meets an
//! impossible value. Whatever is wrong is said with file, line and remedy.

mod picture;
mod settings;
mod system;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use zerocam_config_file::{ConfigError, Secret};

use crate::gpio;

pub use picture::{PictureConfiguration, Scene, WhiteBalance};
pub use settings::{BITRATES_BPS, CameraSettings, EncoderSettings, Problem, Settings, View};
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
/// [`ConfigError`] with the first thing that is wrong.
pub fn read(path: &Path) -> Result<Settings, ConfigError> {
    let configuration: Configuration = zerocam_config_file::read(path)?;
    Settings::try_from(configuration).map_err(|problem| located(path, &problem))
}

/// Only what concerns the system around the daemon, from a file that may be
/// wrong elsewhere: with a mistake in the camera's section the device is still
/// reached.
///
/// # Errors
/// [`ConfigError`] with the first thing that is wrong in those.
pub fn surroundings(path: &Path) -> Result<(Wifi, System), ConfigError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct OnlySurroundings {
        country: String,
        wifi: Vec<WifiConfiguration>,
        system: SystemConfiguration,
    }
    let read: OnlySurroundings = zerocam_config_file::read(path)?;
    let checked = || {
        Ok((
            Wifi::new(&read.country, read.wifi)?,
            System::try_from(read.system)?,
        ))
    };
    checked().map_err(|problem| located(path, &problem))
}

/// Adds where it stands.
fn located(path: &Path, problem: &Problem) -> ConfigError {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    ConfigError::Content {
        path: path.into(),
        line: line_of(&text, problem),
        problem: problem.to_string(),
    }
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

/// The line, from 1, where the problem's key stands, else its section.
fn line_of(text: &str, problem: &Problem) -> Option<usize> {
    let mut inside = problem.section.is_empty();
    let mut sections = 0;
    let mut section_line = None;
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.starts_with('[') {
            let name = line.trim_start_matches('[').split(']').next();
            inside = name.is_some_and(|name| name.trim() == problem.section);
            if inside {
                inside = sections == problem.entry;
                sections += 1;
            }
            if inside {
                section_line = Some(number);
            }
        } else if inside
            && line
                .split_once('=')
                .is_some_and(|(name, _)| name.trim() == problem.key)
        {
            return Some(number);
        }
    }
    section_line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `text` as a file and gives back the error without the path.
    fn problem(text: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("zerocam.toml");
        std::fs::write(&path, text).unwrap();
        let message = read(&path).unwrap_err().to_string();
        let start = path.display().to_string();
        message
            .strip_prefix(&start)
            .unwrap()
            .trim_start_matches(", ")
            .to_owned()
    }

    const CLOUD: &str = "[cloud]\nurl = \"https://cam.example\"\nkey = \"camera.garden.1.c2ln\"\n";

    #[test]
    fn every_mistake_is_told_with_line_and_remedy() {
        let table = [
            (
                "",
                ": [cloud] url: empty; write your service's address, such as \"https://cam.example\"",
            ),
            (
                "[cloud]\nkey = \"camera.garden.1.c2ln\"\n",
                "line 1: [cloud] url: empty; write your service's address, such as \"https://cam.example\"",
            ),
            (
                "[cloud]\nurl = \"https://cam.example\"\n",
                "line 1: [cloud] key: empty; write the line that `zerocam-cloud key CAMERA` prints",
            ),
            (
                "[cloud]\nurl = \"https://cam.example\"\nkey = \"hunter2\"\n",
                "line 3: [cloud] key: the camera key is unusable: not a zerocam key or link: copy it whole, from `camera.`, `view.` or `control.` to its end",
            ),
            (
                "[cloud]\nurl = \"https://cam.example\"\nkey = \"view.garden.x.0.c2ln\"\n",
                "line 3: [cloud] key: the configured key is a viewer's link: `zerocam-cloud key garden` makes the camera's key",
            ),
            (
                "[cloud]\nkey = \"camera.garden.1.c2ln\"\nurl = \"http://cam.example\"\n",
                "line 3: [cloud] url: http://cam.example is not encrypted, anybody on the way could watch and take the key: use https://, or set allow_plain = true on a network of your own",
            ),
            (
                "[stream]\nbitrate_bps = 5\n",
                "line 2: [stream] bitrate_bps: 5 is out of range; write 100000 to 25000000",
            ),
            (
                "[stream]\nkeyframe_interval_s = 11\n",
                "line 2: [stream] keyframe_interval_s: 11 is out of range; write 0.2 to 10",
            ),
            (
                "[stream]\nkeyframe_interval_s = nan\n",
                "line 2: [stream] keyframe_interval_s: NaN is out of range; write 0.2 to 10",
            ),
            (
                "[camera]\nwidth = 641\n",
                "line 2: [camera] width: 641 is odd; write an even number",
            ),
            (
                "[camera]\nbackend = \"replay\"\n",
                "line 1: [camera] file: missing; write the path of a raw H.264 file",
            ),
            (
                "[camera]\nbackend = \"replay\"\nfile = \"x\"\nframe_rate_hz = 0.0\n",
                "line 4: [camera] frame_rate_hz: 0 is out of range; write more than 0, up to 120",
            ),
            (
                "[camera]\nbackend = \"replya\"\n",
                "line 2: unknown variant `replya`, expected one of `pattern`, `replay`, `v4l2`, `rpicam`",
            ),
            (
                "[camera]\nbackend = \"rpicam\"\n[stream]\nbitrate_bps = 500000\n",
                "line 4: [stream] bitrate_bps: 500000 is too little for rpicam; write at least 700000",
            ),
            (
                "[stream]\nbitrate_mode = \"cbr\"\n",
                "line 2: unknown variant `cbr`, expected `variable` or `constant`",
            ),
            (
                "[camera]\nbackend = \"rpicam\"\n[picture]\nrotation_degrees = 90\n",
                "line 4: [picture] rotation_degrees: rpicam turns the picture by 0 or 180 only; write one of them, or turn the camera",
            ),
            (
                "[picture]\nrotation_degrees = 45\n",
                "line 2: [picture] rotation_degrees: 45 is impossible; write 0, 90, 180 or 270",
            ),
            (
                "[picture]\nhflip = 1\n",
                "line 2: invalid type: integer `1`, expected a boolean",
            ),
            (
                "[picture]\nbrightness = 101\n",
                "line 2: [picture] brightness: 101 is out of range; write 0 to 100",
            ),
            (
                "[picture]\ncontrast = -101\n",
                "line 2: [picture] contrast: -101 is out of range; write -100 to 100",
            ),
            (
                "[picture]\nsaturation = 101\n",
                "line 2: [picture] saturation: 101 is out of range; write -100 to 100",
            ),
            (
                "[picture]\nsharpness = 101\n",
                "line 2: [picture] sharpness: 101 is out of range; write -100 to 100",
            ),
            (
                "[picture]\nexposure_time_us = 99\n",
                "line 2: [picture] exposure_time_us: 99 is out of range; write 100 to 1000000",
            ),
            (
                "[picture]\nexposure_bias_ev = nan\n",
                "line 2: [picture] exposure_bias_ev: NaN is out of range; write -4 to 4",
            ),
            (
                "[picture]\niso = 150\n",
                "line 2: [picture] iso: 150 is impossible; write 100, 200, 400 or 800",
            ),
            (
                "[picture]\nwhite_balance = \"sunny\"\n",
                "line 2: unknown variant `sunny`, expected one of `auto`, `incandescent`, `fluorescent`, `daylight`, `cloudy`",
            ),
            (
                "[picture]\nscene = \"party\"\n",
                "line 2: unknown variant `party`, expected one of `none`, `night`, `sports`",
            ),
            (
                "[picture]\nmains_frequency_hz = 55\n",
                "line 2: [picture] mains_frequency_hz: 55 is impossible; write 50 or 60",
            ),
            (
                "[daemon]\ndevice_id = \"a b\"\n",
                "line 2: [daemon] device_id: \"a b\" cannot be a device id: use 1 to 64 of A-Z, a-z, 0-9 and -",
            ),
            (
                "[[wifi]]\nssid = \"Home\"\npassword = \"secret123\"\n",
                ": country: empty; write the two letters of your country, such as \"DE\": they decide which channels the radio may use",
            ),
            (
                "country = \"Germany\"\n[[wifi]]\nssid = \"Home\"\npassword = \"secret123\"\n",
                "line 1: country: \"Germany\" is no country; write its two letters, such as \"DE\"",
            ),
            (
                "country = \"DE\"\n[[wifi]]\nssid = \"Home\"\npassword = \"secret123\"\n[[wifi]]\nssid = \"Away\"\npassword = \"short\"\n",
                "line 7: [wifi] password: too short or too long; a Wi-Fi's password has 8 to 63 characters",
            ),
            (
                "[[wifi]]\nssid = \"Home\"\n",
                "line 1: [wifi] password: empty; write the password of your Wi-Fi, or auth_method = \"none\" for one without",
            ),
            (
                "[[wifi]]\npassword = \"secret123\"\n",
                "line 1: [wifi] ssid: empty; write the name of your Wi-Fi",
            ),
            (
                "[[wifi]]\nssid = \"Home\"\npassword = \"secret123\"\nauth_method = \"none\"\n",
                "line 3: [wifi] password: set, and auth_method = \"none\" says that there is none; remove one of them",
            ),
            (
                "[[wifi]]\nssid = \"Home\"\npassword = \"secret\\n123\"\n",
                "line 3: [wifi] password: has a control character, which no Wi-Fi's password has",
            ),
            (
                "[[wifi]]\nssid = \"123456789012345678901234567890123\"\n",
                "line 2: [wifi] ssid: longer than 32 bytes, which no Wi-Fi's name is",
            ),
            (
                "[[wifi]]\nsid = \"Home\"\n",
                "line 2: there is no key `sid` here; did you mean `ssid`?",
            ),
            (
                "[[wifi]]\nauth_method = \"wpa2\"\n",
                "line 2: unknown variant `wpa2`, expected one of `none`, `wpa_wpa2_personal`, `wpa2_personal`, `wpa2_wpa3_personal`, `wpa3_personal`",
            ),
            (
                "[system]\nhostname = \"My Cam\"\n",
                "line 2: [system] hostname: \"My Cam\" cannot be a name in a network; use 1 to 63 of a-z, 0-9 and -",
            ),
            (
                "[system]\nssh_key = \"-----BEGIN OPENSSH PRIVATE KEY-----\"\n",
                "line 2: [system] ssh_key: no public key; write the one line of a file such as id_ed25519.pub, and never the file without .pub",
            ),
            (
                "[daemon]\nsokcet = \"x\"\n",
                "line 2: there is no key `sokcet` here; did you mean `socket`?",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(problem(text), expected, "{text}");
        }
    }

    #[test]
    fn socket_and_pins_are_found_in_a_file_that_is_wrong_elsewhere() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("zerocam.toml");
        assert_eq!(control_socket(&path), DaemonConfiguration::default().socket);
        std::fs::write(&path, "[clod]\n[daemon]\nsocket = \"/tmp/here\"\n").unwrap();
        assert_eq!(control_socket(&path), Path::new("/tmp/here"));
        assert_eq!(gpio(&path), gpio::Configuration::default());
        std::fs::write(&path, "[clod]\n[gpio]\nled_pin = 5\n").unwrap();
        assert_eq!(gpio(&path).led_pin.number(), 5);
        std::fs::write(&path, "[gpio]\nled_pin = 5\nbutton_pin = 99\n").unwrap();
        assert_eq!(gpio(&path), gpio::Configuration::default());
    }

    #[test]
    fn the_shipped_file_says_the_defaults() {
        let shipped = include_str!("../zerocam.toml");
        let path = Path::new("zerocam.toml");
        let read: Configuration = zerocam_config_file::parse(shipped, path).unwrap();
        assert_eq!(read, Configuration::default());
        // With every key that is commented out, it must still be understood.
        let all: String = shipped
            .lines()
            .map(|line| match line.strip_prefix("#") {
                Some(key) if !key.starts_with(' ') => format!("{key}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let all: Configuration = zerocam_config_file::parse(&all, path).unwrap();
        let picture = &all.picture;
        assert!(picture.brightness.is_some() && picture.mains_frequency_hz.is_some());
        assert!(picture.white_balance.is_some() && picture.scene.is_some());
        assert_eq!(picture.clone().checked(), Ok(picture.clone()));
        assert!(all.cloud.ca_file.is_some() && all.camera.file.is_some());
        assert!(all.camera.frame_rate_hz.is_some() && all.daemon.device_id.is_some());
        assert!(all.gpio.viewer_led_pin.is_some());
    }

    #[test]
    fn a_short_file_is_enough() {
        let configuration: Configuration =
            zerocam_config_file::parse(CLOUD, Path::new("zerocam.toml")).unwrap();
        let settings = Settings::try_from(configuration).unwrap();
        assert_eq!(settings.camera_name.as_str(), "garden");
        assert_eq!(
            settings.camera,
            CameraSettings::V4l2 {
                device: "/dev/video0".into(),
                view: View {
                    width: 1280,
                    height: 720,
                    frame_rate_hz: 25.0,
                    picture: PictureConfiguration::default(),
                },
            }
        );
    }
}
