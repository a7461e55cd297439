//! The few pins a camera needs: a button in, an LED and a viewer signal out.
//!
//! Three back ends serve the same small traits, all compiled everywhere and
//! chosen at run time by [`open`]: GPIO registers, the kernel's character
//! device, and files that stand in for the board on a laptop. Each pin is asked
//! for by itself, so that one that is taken costs only its own part. Levels are
//! polled, not waited for: at one look every 10 ms nothing is gained by
//! interrupts, and an emulated board raises none.
//!
//! [`panel::Panel`] is what the daemon uses.

use std::path::{Path, PathBuf};

mod act_led;
mod cdev;
pub mod configuration;
mod error;
pub mod panel;
mod part;
mod rppal;
mod simulated;

pub use configuration::{Backend, Configuration, Pin};
pub use error::{GpioError, Remedy};

/// Somewhere that has pins.
pub trait Chip {
    /// Takes a pin as input, pulled to its inactive level.
    ///
    /// # Errors
    /// [`GpioError`] when the pin cannot be had.
    fn input(&self, line: &Line) -> Result<Box<dyn Input>, GpioError>;

    /// Takes a pin as output, driven to its inactive level.
    ///
    /// # Errors
    /// [`GpioError`] when the pin cannot be had.
    fn output(&self, line: &Line) -> Result<Box<dyn Output>, GpioError>;
}

/// A pin that is read. Dropping it gives it back.
pub trait Input: Send {
    /// Whether the pin is at its active level.
    ///
    /// # Errors
    /// [`GpioError::Io`] when the device fails or is gone.
    fn is_active(&mut self) -> Result<bool, GpioError>;
}

/// A pin, or an LED, that is driven. Dropping it gives it back.
pub trait Output: Send {
    /// Drives the pin to its active or inactive level.
    ///
    /// # Errors
    /// [`GpioError::Io`] when the device fails or is gone.
    fn set_active(&mut self, active: bool) -> Result<(), GpioError>;
}

/// A pin with its use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// What it is for.
    pub role: Role,
    /// Which pin.
    pub pin: Pin,
    /// Which level counts as pressed or lit.
    pub active: Active,
}

/// What a pin is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The button.
    Button,
    /// The LED.
    Led,
    /// The signal that somebody watches.
    ViewerLed,
}

impl Role {
    /// A short word, also for file names and for `gpioinfo`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Button => "button",
            Self::Led => "led",
            Self::ViewerLed => "viewer-led",
        }
    }
}

/// The level that counts as pressed or lit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Active {
    /// The pin at ground.
    Low,
    /// The pin at 3.3 V.
    High,
}

impl Active {
    /// From a configuration key such as `led_active_low`.
    #[must_use]
    pub const fn low_if(low: bool) -> Self {
        if low { Self::Low } else { Self::High }
    }
}

/// The machine that the daemon runs on, seen through its device files.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
}

impl Host {
    /// The machine as it is.
    #[must_use]
    pub fn this() -> Self {
        Self::at("/")
    }

    /// A machine whose files are below another directory, for tests.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where an absolute path is on this machine.
    fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.root
            .join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    fn has(&self, absolute: impl AsRef<Path>) -> bool {
        self.path(absolute).exists()
    }

    /// The back end that `auto` stands for.
    ///
    /// Raspberry Pi OS has /dev/gpiomem, Debian's kernel for the Pi only the
    /// character device. A machine without a device tree is no single-board
    /// computer: the GPIO chip of a PC drives the PC's own hardware and is never
    /// touched by accident.
    #[must_use]
    pub fn backend(&self, configuration: &Configuration) -> Backend {
        match configuration.backend {
            Backend::Auto if self.has("/dev/gpiomem") => Backend::Rppal,
            Backend::Auto
                if self.has(&configuration.chip) && self.has("/sys/firmware/devicetree/base") =>
            {
                Backend::Cdev
            }
            Backend::Auto => Backend::Simulated,
            chosen @ (Backend::Rppal | Backend::Cdev | Backend::Simulated) => chosen,
        }
    }
}

/// Opens what the configuration and the machine call for.
///
/// # Errors
/// [`GpioError`] when there is no such chip, or no permission.
pub fn open(configuration: &Configuration, host: &Host) -> Result<Box<dyn Chip>, GpioError> {
    Ok(match host.backend(configuration) {
        Backend::Rppal => Box::new(rppal::Registers::open()?),
        Backend::Cdev => Box::new(cdev::Device::open(&configuration.chip)?),
        Backend::Auto | Backend::Simulated => Box::new(simulated::Directory::open(
            &configuration.simulated_directory,
        )?),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_machine_decides_what_auto_means() {
        let table: [(&[&str], Backend); 5] = [
            (&[], Backend::Simulated),
            // A PC with a GPIO chip of its own.
            (&["dev/gpiochip0"], Backend::Simulated),
            (&["sys/firmware/devicetree/base/model"], Backend::Simulated),
            (
                &["dev/gpiochip0", "sys/firmware/devicetree/base/model"],
                Backend::Cdev,
            ),
            (
                &[
                    "dev/gpiomem",
                    "dev/gpiochip0",
                    "sys/firmware/devicetree/base/model",
                ],
                Backend::Rppal,
            ),
        ];
        for (files, expected) in table {
            let root = tempfile::tempdir().unwrap();
            for file in files {
                let path = root.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
            let host = Host::at(root.path());
            assert_eq!(
                host.backend(&Configuration::default()),
                expected,
                "{files:?}"
            );
            let chosen = Configuration {
                backend: Backend::Cdev,
                ..Configuration::default()
            };
            assert_eq!(host.backend(&chosen), Backend::Cdev);
        }
    }
}
