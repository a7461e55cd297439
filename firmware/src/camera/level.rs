//! The H.264 level (ITU-T H.264, table A-1) that an encoder is asked for.

use crate::config::{EncoderSettings, View};

/// A level that Raspberry Pi encoders know. All allow 1920x1080.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// 1080p30, 20 Mb/s: every decoder has it.
    L4,
    /// 1080p30, 50 Mb/s.
    L4_1,
    /// 1080p64, 50 Mb/s.
    L4_2,
}

impl Level {
    /// The lowest that allows it.
    pub(super) fn of(view: &View, encoder: &EncoderSettings) -> Self {
        let macroblocks = view.width.div_ceil(16) * view.height.div_ceil(16);
        if f64::from(macroblocks) * view.frame_rate_hz > 245_760.0 {
            Self::L4_2
        } else if encoder.bitrate_bps > 20_000_000 {
            Self::L4_1
        } else {
            Self::L4
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{BitrateMode, PictureConfiguration};

    #[test]
    fn the_lowest_that_allows_it() {
        let table = [
            (640, 480, 90.0, 2_000_000, Level::L4),
            (1280, 720, 25.0, 2_000_000, Level::L4),
            (1280, 720, 60.0, 2_000_000, Level::L4),
            (1280, 720, 90.0, 2_000_000, Level::L4_2),
            (1920, 1080, 30.0, 20_000_000, Level::L4),
            (1920, 1080, 30.0, 25_000_000, Level::L4_1),
            (1920, 1080, 31.0, 2_000_000, Level::L4_2),
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
            let level = Level::of(&view, &encoder);
            assert_eq!(level, expected, "{width}x{height} {frame_rate_hz}");
        }
    }
}
