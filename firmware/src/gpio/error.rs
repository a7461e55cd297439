//! What can stand between the daemon and a pin, with the remedy in the text.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::Pin;

/// Why a pin cannot be had, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum GpioError {
    /// The registers are those of a Raspberry Pi only.
    #[error(
        "this machine is not recognised as a Raspberry Pi: set `backend = \"cdev\"` in [gpio], or \"simulated\" on a computer without pins"
    )]
    NotAPi,
    /// The kernel keeps its registers to itself.
    #[error(
        "this system hands out no GPIO registers (it has no /dev/gpiomem, or no chip of the header): set `backend = \"cdev\"` in [gpio]"
    )]
    NoRegisters,
    /// The device file is missing.
    #[error("there is no {}: set `chip` in [gpio] to one that `ls /dev/gpiochip*` shows, or `backend = \"simulated\"`", path.display())]
    NoSuchChip {
        /// The device file.
        path: PathBuf,
    },
    /// The path is something else.
    #[error("{} is no GPIO chip: set `chip` in [gpio] to one that `ls /dev/gpiochip*` shows", path.display())]
    NotAChip {
        /// The device file.
        path: PathBuf,
    },
    /// The device file belongs to others.
    #[error("no permission to use {}: {remedy}", path.display())]
    NoPermission {
        /// The device file.
        path: PathBuf,
        /// What gives permission.
        remedy: Remedy,
    },
    /// The pin is in use.
    #[error("{pin} is taken by {holder}: end that, or choose another pin in [gpio]")]
    PinTaken {
        /// The pin.
        pin: Pin,
        /// Who has it.
        holder: String,
    },
    /// The chip has fewer pins.
    #[error("{} has no {pin}, only {count} lines: set `chip` in [gpio]", path.display())]
    NoSuchPin {
        /// The pin.
        pin: Pin,
        /// The chip.
        path: PathBuf,
        /// How many lines the chip has.
        count: u32,
    },
    /// There is no LED on the board to fall back to.
    #[error("the board has no ACT LED that can be used (none of {tried})")]
    NoActLed {
        /// The paths that were looked at.
        tried: String,
    },
    /// The system refused, or the device failed.
    #[error("{what}: {source}")]
    Io {
        /// What was done to what.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl GpioError {
    /// An I/O error on a file, as what it means for its user.
    pub(super) fn at(path: &Path, doing: &str, remedy: Remedy, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::PermissionDenied {
            Self::NoPermission {
                path: path.into(),
                remedy,
            }
        } else {
            Self::Io {
                what: format!("cannot {doing} {}", path.display()),
                source,
            }
        }
    }
}

/// How permission is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Device files of subsystem `gpio` and `bcm2835-gpiomem`.
    GpioGroup,
    /// Files of an LED in sysfs.
    LedRule,
    /// A directory of our own.
    Directory,
    /// Another way to the pins.
    Cdev,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GpioGroup => {
                "add the daemon's user to group `gpio`, and give that group the device with the udev rule `SUBSYSTEM==\"*gpio*\", GROUP=\"gpio\", MODE=\"0660\"`"
            }
            Self::LedRule => {
                "let a udev rule for `SUBSYSTEM==\"leds\"` make `trigger` and `brightness` writable for group `gpio`"
            }
            Self::Cdev => "set `backend = \"cdev\"` in [gpio]",
            Self::Directory => "set `simulated_directory` in [gpio] to a directory that the daemon may write",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_tell_permission_from_failure() {
        let path = Path::new("/run/zerocam/gpio/led");
        let error = |kind: io::ErrorKind| {
            GpioError::at(path, "write", Remedy::Directory, kind.into()).to_string()
        };
        assert_eq!(
            error(io::ErrorKind::PermissionDenied),
            "no permission to use /run/zerocam/gpio/led: set `simulated_directory` in [gpio] to a directory that the daemon may write"
        );
        assert_eq!(
            error(io::ErrorKind::StorageFull),
            "cannot write /run/zerocam/gpio/led: no storage space"
        );
    }
}
