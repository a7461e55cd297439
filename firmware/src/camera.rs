//! Where pictures come from: one trait, one file for each back end.
//!
//! A camera belongs to the thread that opened it. It hands out coded pictures
//! in the order of their capture, each with the moment of capture, and never
//! waits longer than it is asked to. It leaves out numbering (the timeline),
//! and what to do about a failure (the capture thread).

pub mod annex_b;
pub mod clock_code;
mod container;
mod parameter_sets;
pub mod pattern;
pub mod replay;
pub mod rpicam;
pub mod v4l2;

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

    /// Aims at another bitrate, in bits per second, from now on.
    fn set_bitrate(&mut self, bitrate_bps: u32) -> BitrateChange;
}

/// What became of another bitrate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BitrateChange {
    /// The next pictures have it.
    Done,
    /// A camera that is opened with it will have it.
    NeedsReopening,
    /// This camera cannot change it.
    Impossible,
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

impl<'a> Picture<'a> {
    /// A picture split from a stream, with the moment when it left the sensor.
    fn of(unit: annex_b::Unit<'a>, captured: Instant) -> Self {
        Self {
            parameter_sets: unit.parameter_sets,
            bytes: unit.bytes,
            keyframe: unit.kind == annex_b::PictureKind::Keyframe,
            captured,
        }
    }
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
    /// Of a camera that the kernel knows.
    #[error(transparent)]
    V4l2(#[from] v4l2::V4l2Error),
    /// Of `rpicam-vid`.
    #[error(transparent)]
    Rpicam(#[from] rpicam::RpicamError),
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
        CameraSettings::V4l2 { device, view } => Box::new(v4l2::V4l2::open(device, view, encoder)?),
        CameraSettings::Rpicam { program, view } => {
            Box::new(rpicam::Rpicam::open(program, view, encoder)?)
        }
    })
}
