//! How `rpicam-vid` is called. Pure.

use super::MIN_BITRATE_BPS;
use crate::config::{EncoderSettings, Scene, View, WhiteBalance};

/// H.264 on standard output, for ever, without a window; every keyframe with
/// its parameter sets, every picture written when it is ready.
///
/// Baseline: no picture waits for a later one. Only what is configured is said
/// of the picture, in the program's own scales.
pub(super) fn arguments(view: &View, encoder: &EncoderSettings) -> Vec<String> {
    let View {
        width,
        height,
        frame_rate_hz,
        picture,
    } = view;
    let level = level(view, encoder);
    let group = encoder.group_pictures(*frame_rate_hz);
    let bitrate = encoder.bitrate_bps.max(MIN_BITRATE_BPS);
    let mut text = format!(
        "-t 0 -n --codec h264 --inline --flush --width {width} --height {height} \
         --framerate {frame_rate_hz} -g {group} -b {bitrate} --profile baseline --level {level}"
    );
    let mut say = |option: &str, value: Option<String>| {
        if let Some(value) = value {
            text += &format!(" --{option}={value}");
        }
    };
    let degrees = picture.rotation_degrees;
    say("rotation", (degrees != 0).then(|| degrees.to_string()));
    say("hflip", picture.hflip.then(|| "1".to_owned()));
    say("vflip", picture.vflip.then(|| "1".to_owned()));
    // 0 to 100 becomes -1 to 1; -100 to 100 becomes 0 to 2.
    let around_0 = |value: i16| (f64::from(value) - 50.0) / 50.0;
    let around_1 = |value: i16| (f64::from(value) + 100.0) / 100.0;
    let text_of = |number: f64| number.to_string();
    say("brightness", picture.brightness.map(around_0).map(text_of));
    say("contrast", picture.contrast.map(around_1).map(text_of));
    say("saturation", picture.saturation.map(around_1).map(text_of));
    say("sharpness", picture.sharpness.map(around_1).map(text_of));
    say("shutter", picture.exposure_time_us.map(|us| us.to_string()));
    say("ev", picture.exposure_bias_ev.map(|ev| ev.to_string()));
    say("gain", picture.iso.map(|iso| (iso / 100).to_string()));
    let white_balance = picture.white_balance.map(|balance| match balance {
        WhiteBalance::Auto => "auto",
        WhiteBalance::Incandescent => "incandescent",
        WhiteBalance::Fluorescent => "fluorescent",
        WhiteBalance::Daylight => "daylight",
        WhiteBalance::Cloudy => "cloudy",
    });
    say("awb", white_balance.map(str::to_owned));
    let exposure = picture.scene.map(|scene| match scene {
        Scene::None => "normal",
        Scene::Night => "long",
        Scene::Sports => "sport",
    });
    say("exposure", exposure.map(str::to_owned));
    // Lamps flash twice in a period.
    let flicker_us = (picture.mains_frequency_hz).map(|hz| 1_000_000 / (2 * u32::from(hz)));
    say("flicker-period", flicker_us.map(|us| format!("{us}us")));
    text += " -o -";
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// The lowest H.264 level (ITU-T H.264, table A-1) of those that the program knows
/// which allows it.
fn level(view: &View, encoder: &EncoderSettings) -> &'static str {
    let macroblocks = view.width.div_ceil(16) * view.height.div_ceil(16);
    if f64::from(macroblocks) * view.frame_rate_hz > 245_760.0 {
        "4.2"
    } else if encoder.bitrate_bps > 20_000_000 {
        "4.1"
    } else {
        "4"
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{BitrateMode, PictureConfiguration};

    fn golden(picture: PictureConfiguration, bitrate_bps: u32) -> String {
        let view = View {
            width: 1280,
            height: 720,
            frame_rate_hz: 25.0,
            picture,
        };
        let encoder = EncoderSettings {
            bitrate_bps,
            bitrate_mode: BitrateMode::Variable,
            keyframe_interval: Duration::from_secs(1),
        };
        arguments(&view, &encoder).join(" ")
    }

    #[test]
    fn golden_arguments() {
        assert_eq!(
            golden(PictureConfiguration::default(), 100_000),
            "-t 0 -n --codec h264 --inline --flush --width 1280 --height 720 --framerate 25 \
             -g 25 -b 700000 --profile baseline --level 4 -o -"
        );
        let all = PictureConfiguration {
            rotation_degrees: 180,
            hflip: true,
            vflip: true,
            brightness: Some(40),
            contrast: Some(50),
            saturation: Some(-100),
            sharpness: Some(25),
            exposure_time_us: Some(20_000),
            exposure_bias_ev: Some(-0.5),
            iso: Some(800),
            white_balance: Some(WhiteBalance::Cloudy),
            scene: Some(Scene::Sports),
            mains_frequency_hz: Some(60),
        };
        assert_eq!(
            golden(all, 2_000_000),
            "-t 0 -n --codec h264 --inline --flush --width 1280 --height 720 --framerate 25 \
             -g 25 -b 2000000 --profile baseline --level 4 --rotation=180 --hflip=1 --vflip=1 \
             --brightness=-0.2 --contrast=1.5 --saturation=0 --sharpness=1.25 --shutter=20000 \
             --ev=-0.5 --gain=8 --awb=cloudy --exposure=sport --flicker-period=8333us -o -"
        );
    }

    #[test]
    fn the_lowest_level_that_allows_it() {
        let table = [
            (640, 480, 90.0, 2_000_000, "4"),
            (1280, 720, 25.0, 2_000_000, "4"),
            (1280, 720, 60.0, 2_000_000, "4"),
            (1280, 720, 90.0, 2_000_000, "4.2"),
            (1920, 1080, 30.0, 20_000_000, "4"),
            (1920, 1080, 30.0, 25_000_000, "4.1"),
            (1920, 1080, 31.0, 2_000_000, "4.2"),
        ];
        for (width, height, frame_rate_hz, bitrate_bps, expected) in table {
            let view = View {
                width,
                height,
                frame_rate_hz,
                picture: PictureConfiguration::default(),
            };
            let encoder = EncoderSettings {
                bitrate_bps,
                bitrate_mode: BitrateMode::Variable,
                keyframe_interval: Duration::from_secs(1),
            };
            let level = level(&view, &encoder);
            assert_eq!(level, expected, "{width}x{height} {frame_rate_hz}");
        }
    }
}
