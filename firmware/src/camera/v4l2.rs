//! A camera that encodes H.264 by itself, through the kernel's Video4Linux: the
//! Raspberry Pi's V1, V2 and HQ cameras with the driver bcm2835-v4l2, and the
//! few webcams that offer H.264.
//!
//! Pictures stay in the driver's buffers until they are copied to the wire.
//! Controls that a device lacks are left out. It leaves out decoding and
//! encoding: a camera without H.264 is refused.

mod controls;
mod device;
mod flow;
mod holder;
mod pictures;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::io::Errno;
use tracing::debug;

use super::{BitrateChange, Camera, CameraError, Pace, Picture};
use crate::config::{EncoderSettings, View};
use device::Device;
use flow::Flow;
pub use holder::Holder;

/// An open device.
#[derive(Debug)]
pub struct V4l2 {
    path: PathBuf,
    flow: Flow<Device>,
    pace: Pace,
}

impl V4l2 {
    /// Opens and configures the device, and starts its stream.
    ///
    /// # Errors
    /// [`V4l2Error`] when it is not there, busy, or makes no H.264.
    pub fn open(path: &Path, view: &View, encoder: &EncoderSettings) -> Result<Self, V4l2Error> {
        let opened = Device::open(path, view, encoder);
        let (device, frame_rate_hz) = opened.map_err(|fault| fault.at(path))?;
        let group = f64::from(encoder.group_pictures(frame_rate_hz));
        Ok(Self {
            path: path.into(),
            flow: Flow::new(device, device::clock()),
            pace: Pace {
                frame_rate_hz,
                keyframe_interval: Duration::from_secs_f64(group / frame_rate_hz),
            },
        })
    }
}

impl Camera for V4l2 {
    fn pace(&self) -> Pace {
        self.pace
    }

    fn next_picture(&mut self, patience: Duration) -> Result<Option<Picture<'_>>, CameraError> {
        let picture = self.flow.next_picture(patience);
        picture.map_err(|fault| fault.at(&self.path).into())
    }

    fn set_bitrate(&mut self, bitrate_bps: u32) -> BitrateChange {
        match self.flow.buffers.set_bitrate(bitrate_bps) {
            Ok(()) => BitrateChange::Done,
            Err(error) => {
                debug!(%error, "the camera does not take another bitrate");
                BitrateChange::Impossible
            }
        }
    }
}

/// What went wrong, without the device's name.
#[derive(Debug)]
enum Fault {
    Missing,
    Forbidden,
    Busy,
    NoH264 {
        offers: Vec<String>,
    },
    NoParameterSets,
    Gone,
    Failed {
        operation: &'static str,
        source: io::Error,
    },
}

impl Fault {
    /// Why it could not be opened.
    fn of_opening(source: io::Error) -> Self {
        match Errno::from_io_error(&source) {
            Some(Errno::NOENT | Errno::NODEV | Errno::NXIO) => Self::Missing,
            Some(Errno::ACCESS | Errno::PERM) => Self::Forbidden,
            _ => Self::of("open it", source),
        }
    }

    /// Why something could not be done with it once it was open.
    fn of(operation: &'static str, source: io::Error) -> Self {
        match Errno::from_io_error(&source) {
            Some(Errno::BUSY) => Self::Busy,
            Some(Errno::NODEV | Errno::NXIO) => Self::Gone,
            _ => Self::Failed { operation, source },
        }
    }

    fn at(self, device: &Path) -> V4l2Error {
        let holder = || holder::holder_of(device, Path::new("/proc"));
        let holder = matches!(self, Self::Busy).then(holder).flatten();
        let device = device.to_owned();
        match self {
            Self::Missing => V4l2Error::Missing { device },
            Self::Forbidden => V4l2Error::Forbidden { device },
            Self::Busy => V4l2Error::Busy { device, holder },
            Self::NoH264 { offers } => V4l2Error::NoH264 { device, offers },
            Self::NoParameterSets => V4l2Error::NoParameterSets { device },
            Self::Gone => V4l2Error::Gone { device },
            Self::Failed { operation, source } => V4l2Error::Failed {
                device,
                operation,
                source,
            },
        }
    }
}

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum V4l2Error {
    #[error(
        "no camera: there is no {}; check the cable at both ends, and on a Raspberry Pi `start_x=1` in config.txt", device.display()
    )]
    Missing { device: PathBuf },
    #[error(
        "no permission for {}: put the user that runs zerocam into the group video (`sudo usermod -aG video USER`)", device.display()
    )]
    Forbidden { device: PathBuf },
    #[error("{} is busy, held by {}: end that first", device.display(), Named(holder.as_ref()))]
    Busy {
        device: PathBuf,
        holder: Option<Holder>,
    },
    #[error("no H.264 from {}, it offers {}: use a camera that encodes by itself", device.display(), Offers(offers))]
    NoH264 {
        device: PathBuf,
        offers: Vec<String>,
    },
    #[error(
        "{} gives keyframes without parameter sets (SPS and PPS), so that no player could decode them: use another camera", device.display()
    )]
    NoParameterSets { device: PathBuf },
    #[error("{} is gone: the camera was unplugged; plug it in again", device.display())]
    Gone { device: PathBuf },
    #[error("{}: cannot {operation}: {source}; if this lasts, check the cable at both ends and the power supply", device.display())]
    Failed {
        device: PathBuf,
        operation: &'static str,
        source: io::Error,
    },
}

struct Named<'a>(Option<&'a Holder>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(holder) => holder.fmt(f),
            None => f.write_str("another program"),
        }
    }
}

/// How many of a device's formats are told.
const MAX_OFFERS: usize = 6;

struct Offers<'a>(&'a [String]);

impl fmt::Display for Offers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = &self.0[..self.0.len().min(MAX_OFFERS)];
        match self.0.len() - told.len() {
            0 if told.is_empty() => f.write_str("no pictures at all"),
            0 => f.write_str(&told.join(", ")),
            more => write!(f, "{} and {more} more", told.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn errors_say_what_to_do() {
        let text = |fault: Fault| fault.at(Path::new("/dev/video0")).to_string();
        let opening = |errno: Errno| text(Fault::of_opening(errno.into()));
        let using = |errno: Errno| text(Fault::of("start its stream", errno.into()));
        let gone = "/dev/video0 is gone: the camera was unplugged; plug it in again";
        let none = "no camera: there is no /dev/video0; check the cable at both ends, and on a Raspberry Pi `start_x=1` in config.txt";
        let forbidden = "no permission for /dev/video0: put the user that runs zerocam into the group video (`sudo usermod -aG video USER`)";
        // The system's own words differ between C libraries.
        let words = |errno: Errno| io::Error::from(errno).to_string();
        let check = "; if this lasts, check the cable at both ends and the power supply";
        let exhausted = format!(
            "/dev/video0: cannot open it: {}{check}",
            words(Errno::MFILE)
        );
        let failed = format!(
            "/dev/video0: cannot start its stream: {}{check}",
            words(Errno::IO)
        );
        let table = [
            (opening(Errno::NOENT), none),
            (opening(Errno::NODEV), none),
            (opening(Errno::NXIO), none),
            (opening(Errno::ACCESS), forbidden),
            (opening(Errno::PERM), forbidden),
            (
                opening(Errno::BUSY),
                "/dev/video0 is busy, held by another program: end that first",
            ),
            (opening(Errno::MFILE), &exhausted),
            (using(Errno::NODEV), gone),
            (using(Errno::NXIO), gone),
            (
                using(Errno::BUSY),
                "/dev/video0 is busy, held by another program: end that first",
            ),
            (using(Errno::IO), &failed),
            (
                text(Fault::NoH264 {
                    offers: vec!["YUYV".into(), "MJPG".into()],
                }),
                "no H.264 from /dev/video0, it offers YUYV, MJPG: use a camera that encodes by itself",
            ),
            (
                text(Fault::NoH264 {
                    offers: vec!["RGB3".into(); 8],
                }),
                "no H.264 from /dev/video0, it offers RGB3, RGB3, RGB3, RGB3, RGB3, RGB3 and 2 more: use a camera that encodes by itself",
            ),
            (
                text(Fault::NoH264 { offers: vec![] }),
                "no H.264 from /dev/video0, it offers no pictures at all: use a camera that encodes by itself",
            ),
        ];
        for (found, expected) in table {
            assert_eq!(found, expected);
        }
        let holder = Some(Holder {
            pid: 4711,
            name: "motion".into(),
        });
        let busy = V4l2Error::Busy {
            device: "/dev/video0".into(),
            holder,
        };
        assert_eq!(
            busy.to_string(),
            "/dev/video0 is busy, held by PID 4711 (motion): end that first"
        );
    }
}
