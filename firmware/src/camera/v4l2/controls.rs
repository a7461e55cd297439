//! Which of a device's controls gets which value. Pure.
//!
//! Numbers are those of the kernel's `v4l2-controls.h`; ranges and menus those
//! of its driver bcm2835-v4l2. Another driver rounds a number to its own range
//! and lacks what it lacks.

use crate::config::{BitrateMode, EncoderSettings, Scene, View, WhiteBalance};

/// One control and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Control {
    /// As the kernel writes it.
    pub(super) name: &'static str,
    /// As the kernel numbers it.
    pub(super) id: u32,
    /// A number, a truth value (0, 1) or a place in a menu.
    pub(super) value: i64,
}

const fn control(name: &'static str, id: u32, value: i64) -> Control {
    Control { name, id, value }
}

/// The bitrate: the only one that also changes while pictures flow.
pub(super) fn bitrate(bits_per_second: u32) -> Control {
    control("video_bitrate", 0x0099_09cf, bits_per_second.into())
}

/// All that is configured, for a camera that really makes the pictures of
/// `view`. To be set before the stream starts: bcm2835-v4l2 looks at
/// `repeat_sequence_header` only then.
pub(super) fn controls(view: &View, encoder: &EncoderSettings) -> Vec<Control> {
    let bitrate_mode = match encoder.bitrate_mode {
        BitrateMode::Variable => 0,
        BitrateMode::Constant => 1,
    };
    let group = encoder.group_pictures(view.frame_rate_hz);
    let picture = &view.picture;
    let mut controls = vec![
        control("video_bitrate_mode", 0x0099_09ce, bitrate_mode),
        bitrate(encoder.bitrate_bps),
        control("repeat_sequence_header", 0x0099_09e2, 1),
        control("h264_i_frame_period", 0x0099_0a66, group.into()),
        // Baseline: no picture waits for a later one.
        control("h264_profile", 0x0099_0a6b, 0),
        // 4.0, where the driver's menu ends.
        control("h264_level", 0x0099_0a67, 11),
        control("rotate", 0x0098_0922, picture.rotation_degrees.into()),
        control("horizontal_flip", 0x0098_0914, picture.hflip.into()),
        control("vertical_flip", 0x0098_0915, picture.vflip.into()),
    ];
    for (name, id, value) in [
        ("brightness", 0x0098_0900, picture.brightness),
        ("contrast", 0x0098_0901, picture.contrast),
        ("saturation", 0x0098_0902, picture.saturation),
        ("sharpness", 0x0098_091b, picture.sharpness),
    ] {
        controls.extend(value.map(|value| control(name, id, value.into())));
    }
    if let Some(time_us) = picture.exposure_time_us {
        controls.push(control("auto_exposure", 0x009a_0901, 1)); // by hand
        let steps = i64::from(time_us / 100);
        controls.push(control("exposure_time_absolute", 0x009a_0902, steps));
    }
    if let Some(bias_ev) = picture.exposure_bias_ev {
        let thirds = (bias_ev * 3.0).round() as i64;
        controls.push(control("auto_exposure_bias", 0x009a_0913, 12 + thirds));
    }
    if let Some(iso) = picture.iso {
        // 100, 200, 400, 800 are the places 1 to 4.
        let place = i64::from((iso / 100).ilog2()) + 1;
        controls.push(control("iso_sensitivity_auto", 0x009a_0918, 0)); // by hand
        controls.push(control("iso_sensitivity", 0x009a_0917, place));
    }
    if let Some(balance) = picture.white_balance {
        let place = match balance {
            WhiteBalance::Auto => 1,
            WhiteBalance::Incandescent => 2,
            WhiteBalance::Fluorescent => 3,
            WhiteBalance::Daylight => 6,
            WhiteBalance::Cloudy => 8,
        };
        controls.push(control("white_balance_preset", 0x009a_0914, place));
    }
    if let Some(scene) = picture.scene {
        let place = match scene {
            Scene::None => 0,
            Scene::Night => 8,
            Scene::Sports => 11,
        };
        controls.push(control("scene_mode", 0x009a_091a, place));
    }
    if let Some(mains_hz) = picture.mains_frequency_hz {
        let place = if mains_hz == 50 { 1 } else { 2 };
        controls.push(control("power_line_frequency", 0x0098_0918, place));
    }
    controls
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::PictureConfiguration;

    const ENCODER: EncoderSettings = EncoderSettings {
        bitrate_bps: 2_000_000,
        bitrate_mode: BitrateMode::Variable,
        keyframe_interval: Duration::from_secs(1),
    };

    fn set(picture: PictureConfiguration, encoder: &EncoderSettings) -> Vec<(u32, i64)> {
        let view = View {
            width: 1280,
            height: 720,
            frame_rate_hz: 25.0,
            picture,
        };
        controls(&view, encoder)
            .iter()
            .map(|control| (control.id, control.value))
            .collect()
    }

    #[test]
    fn what_is_not_configured_is_left_alone() {
        let controls = set(PictureConfiguration::default(), &ENCODER);
        let expected = [
            (0x0099_09ce, 0),
            (0x0099_09cf, 2_000_000),
            (0x0099_09e2, 1),
            (0x0099_0a66, 25),
            (0x0099_0a6b, 0),
            (0x0099_0a67, 11),
            (0x0098_0922, 0),
            (0x0098_0914, 0),
            (0x0098_0915, 0),
        ];
        assert_eq!(controls, expected);
    }

    #[test]
    fn every_key_finds_its_control() {
        let encoder = EncoderSettings {
            bitrate_mode: BitrateMode::Constant,
            keyframe_interval: Duration::from_millis(500),
            ..ENCODER
        };
        let picture = PictureConfiguration {
            rotation_degrees: 270,
            hflip: true,
            vflip: true,
            brightness: Some(60),
            contrast: Some(-5),
            saturation: Some(10),
            sharpness: Some(-20),
            exposure_time_us: Some(10_000),
            exposure_bias_ev: Some(-1.3),
            iso: Some(400),
            white_balance: Some(WhiteBalance::Daylight),
            scene: Some(Scene::Night),
            mains_frequency_hz: Some(50),
        };
        let expected = [
            (0x0099_09ce, 1),
            (0x0099_09cf, 2_000_000),
            (0x0099_09e2, 1),
            (0x0099_0a66, 13),
            (0x0099_0a6b, 0),
            (0x0099_0a67, 11),
            (0x0098_0922, 270),
            (0x0098_0914, 1),
            (0x0098_0915, 1),
            (0x0098_0900, 60),
            (0x0098_0901, -5),
            (0x0098_0902, 10),
            (0x0098_091b, -20),
            (0x009a_0901, 1),
            (0x009a_0902, 100),
            (0x009a_0913, 8),
            (0x009a_0918, 0),
            (0x009a_0917, 3),
            (0x009a_0914, 6),
            (0x009a_091a, 8),
            (0x0098_0918, 1),
        ];
        assert_eq!(set(picture, &encoder), expected);
    }

    #[test]
    fn the_ends_of_every_menu() {
        let find = |picture, id| {
            let controls = set(picture, &ENCODER);
            controls.iter().find(|(found, _)| *found == id).unwrap().1
        };
        let none = PictureConfiguration::default;
        for (iso, place) in [(100, 1), (200, 2), (400, 3), (800, 4)] {
            let picture = PictureConfiguration {
                iso: Some(iso),
                ..none()
            };
            assert_eq!(find(picture, 0x009a_0917), place);
        }
        for (bias_ev, place) in [(-4.0, 0), (0.0, 12), (4.0, 24)] {
            let picture = PictureConfiguration {
                exposure_bias_ev: Some(bias_ev),
                ..none()
            };
            assert_eq!(find(picture, 0x009a_0913), place);
        }
    }
}
