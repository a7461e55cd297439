//! Where pictures come from: one trait, one file for each back end.
//!
//! A camera belongs to the thread that opened it. It hands out coded pictures
//! in the order of their capture, each with the moment of capture, and never
//! waits longer than it is asked to. It leaves out numbering (the timeline),
//! and what to do about a failure (the capture thread).

pub mod annex_b;
pub mod clock_code;
pub mod pattern;
pub mod replay;

use std::time::{Duration, Instant};

use crate::config::{CameraSettings, EncoderSettings};

/// An open camera.
pub trait Camera {
    /// How fast it delivers.
    fn pace(&self) -> Pace;

    /// The next picture; `None` when there is none within `patience`.
    ///
    /// # Errors
    /// [`CameraError`] when the camera has to be opened anew.
    fn next_picture(&mut self, patience: Duration) -> Result<Option<Picture<'_>>, CameraError>;
}

/// How fast a camera delivers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Pictures per second.
    pub frame_rate_hz: f64,
    /// Usual time from keyframe to keyframe.
    pub keyframe_interval: Duration,
}

/// One coded picture, in the camera's own buffer.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    /// Parameter sets to put in front, with start codes; empty when the picture
    /// needs none or brings its own.
    pub parameter_sets: &'a [u8],
    /// Annex B.
    pub bytes: &'a [u8],
    /// Whether a decoder can start here.
    pub keyframe: bool,
    /// When it left the sensor.
    pub captured: Instant,
}

/// Why a camera cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// Of the recorded file.
    #[error(transparent)]
    Replay(#[from] replay::ReplayError),
    /// Of the test picture.
    #[error(transparent)]
    Pattern(#[from] pattern::PatternError),
}

/// Opens the configured camera.
///
/// # Errors
/// [`CameraError`] with what is wrong and what to do.
pub fn open(
    camera: &CameraSettings,
    encoder: &EncoderSettings,
) -> Result<Box<dyn Camera>, CameraError> {
    Ok(match camera {
        CameraSettings::Replay {
            file,
            frame_rate_hz,
        } => Box::new(replay::Replay::open(file, *frame_rate_hz)?),
        &CameraSettings::Pattern {
            width,
            height,
            frame_rate_hz,
        } => {
            let size = pattern::Size { width, height };
            Box::new(pattern::Pattern::open(size, frame_rate_hz, encoder)?)
        }
    })
}
