//! `[picture]`: how a real camera sees.
//!
//! A key that is left out leaves the camera as it is. The two real back ends
//! understand the same keys; each says itself which it cannot do.

use std::{fmt, ops::RangeInclusive};

use serde::Deserialize;
use zerocam_config_file::Problem;

use super::{
    Backend,
    problems::{Key, Problems},
};

/// `[picture]`: how `v4l2` and `rpicam` see. Steps are those of a Raspberry Pi
/// camera; a webcam may have others, or lack a setting, which is then left out.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PictureConfiguration {
    /// Turns the picture clockwise by 0, 90, 180 or 270 degrees; `rpicam` by 0
    /// or 180. Default 0.
    pub rotation_degrees: u16,
    /// Mirrors left and right. Default: false.
    pub hflip: bool,
    /// Mirrors top and bottom. Default: false.
    pub vflip: bool,
    /// 0 (dark) to 100. Default: the camera's, 50.
    pub brightness: Option<i16>,
    /// -100 (grey) to 100. Default: the camera's, 0.
    pub contrast: Option<i16>,
    /// -100 (black and white) to 100. Default: the camera's, 0.
    pub saturation: Option<i16>,
    /// -100 (soft) to 100. More costs bits. Default: the camera's, 0.
    pub sharpness: Option<i16>,
    /// Exposes every picture for this long, in microseconds, 100 to 1 000 000.
    /// Longer is brighter and blurs motion, and caps the frame rate. Default:
    /// automatic.
    pub exposure_time_us: Option<u32>,
    /// Makes automatic exposure brighter or darker, in EV, -4 to 4 in thirds.
    /// Default: the camera's, 0.
    pub exposure_bias_ev: Option<f64>,
    /// The sensor's sensitivity: 100, 200, 400 or 800. More sees more in the
    /// dark, with more noise, which costs bits. Default: automatic.
    pub iso: Option<u16>,
    /// What light counts as white. Default: the camera's, automatic.
    pub white_balance: Option<WhiteBalance>,
    /// What automatic exposure favours. Default: the camera's, nothing.
    pub scene: Option<Scene>,
    /// The mains frequency, 50 or 60 Hz, so that lamps do not flicker. Default:
    /// the camera's.
    pub mains_frequency_hz: Option<u16>,
}

/// What light counts as white.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhiteBalance {
    /// Found out by the camera.
    Auto,
    /// Light bulbs.
    Incandescent,
    /// Neon tubes.
    Fluorescent,
    /// The sun.
    Daylight,
    /// A grey sky.
    Cloudy,
}

/// What automatic exposure favours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scene {
    /// Nothing.
    None,
    /// Long exposures.
    Night,
    /// Short exposures.
    Sports,
}

impl PictureConfiguration {
    /// Checks every key's range, and what `backend` cannot do at all.
    pub(super) fn check(&self, backend: Backend, problems: &mut Problems) {
        let key = |key| Key("picture", key);
        let rotation = key("rotation_degrees");
        let degrees = rotation.one_of(Some(self.rotation_degrees), &[0, 90, 180, 270]);
        let possible = degrees.and_then(|()| {
            if backend == Backend::Rpicam && !self.rotation_degrees.is_multiple_of(180) {
                return Err(rotation.problem("rpicam turns the picture by 0 or 180 only; write one of them, or turn the camera"));
            }
            Ok(())
        });
        problems.note(possible);
        for (name, value, range) in [
            ("brightness", self.brightness, 0..=100),
            ("contrast", self.contrast, -100..=100),
            ("saturation", self.saturation, -100..=100),
            ("sharpness", self.sharpness, -100..=100),
        ] {
            problems.note(key(name).maybe_within(value, range));
        }
        let exposure = self.exposure_time_us;
        problems.note(key("exposure_time_us").maybe_within(exposure, 100..=1_000_000));
        problems.note(key("exposure_bias_ev").maybe_within(self.exposure_bias_ev, -4.0..=4.0));
        problems.note(key("iso").one_of(self.iso, &[100, 200, 400, 800]));
        problems.note(key("mains_frequency_hz").one_of(self.mains_frequency_hz, &[50, 60]));
    }
}

impl Key {
    fn maybe_within<N>(self, value: Option<N>, range: RangeInclusive<N>) -> Result<(), Problem>
    where
        N: PartialOrd + fmt::Display + Copy,
    {
        value.map_or(Ok(()), |value| self.within(value, range).map(drop))
    }

    fn one_of(self, value: Option<u16>, allowed: &[u16]) -> Result<(), Problem> {
        match value {
            Some(value) if !allowed.contains(&value) => {
                let [first @ .., last] = allowed else {
                    return Ok(());
                };
                let first: Vec<_> = first.iter().map(u16::to_string).collect();
                Err(self.problem(format_args!(
                    "{value} is impossible; write {} or {last}",
                    first.join(", ")
                )))
            }
            _ => Ok(()),
        }
    }
}
