//! Pins through the GPIO registers, as Raspberry Pi OS hands them out. The only
//! file that knows the crate rppal.
//!
//! Registers know nothing of owners: a pin that carries another function (SPI,
//! UART, PWM, ...) is refused, but another program that drives the same pin as
//! plain GPIO goes unnoticed.

use std::io;

use rppal::gpio::{Error, Gpio, InputPin, Level, Mode, OutputPin};

use super::{Active, Chip, GpioError, Input, Line, Output, Pin, Remedy};

pub(super) struct Registers {
    gpio: Gpio,
}

impl Registers {
    pub(super) fn open() -> Result<Self, GpioError> {
        let gpio = Gpio::new().map_err(|error| explain(error, None))?;
        Ok(Self { gpio })
    }

    fn pin(&self, line: &Line) -> Result<rppal::gpio::Pin, GpioError> {
        let pin = self
            .gpio
            .get(line.pin.number())
            .map_err(|error| explain(error, Some(line.pin)))?;
        match pin.mode() {
            // An output may be what a killed process has left behind.
            Mode::Input | Mode::Output => Ok(pin),
            function => Err(GpioError::PinTaken {
                pin: line.pin,
                holder: format!("a function of the chip ({function:?}), see config.txt"),
            }),
        }
    }
}

impl Chip for Registers {
    fn input(&self, line: &Line) -> Result<Box<dyn Input>, GpioError> {
        let pin = self.pin(line)?;
        let pin = match line.active {
            Active::Low => pin.into_input_pullup(),
            Active::High => pin.into_input_pulldown(),
        };
        Ok(Box::new(Wire {
            pin,
            active: line.active,
        }))
    }

    fn output(&self, line: &Line) -> Result<Box<dyn Output>, GpioError> {
        let pin = self.pin(line)?;
        let pin = match line.active {
            Active::Low => pin.into_output_high(),
            Active::High => pin.into_output_low(),
        };
        Ok(Box::new(Wire {
            pin,
            active: line.active,
        }))
    }
}

/// A pin with its active level.
struct Wire<P> {
    pin: P,
    active: Active,
}

impl Input for Wire<InputPin> {
    fn is_active(&mut self) -> Result<bool, GpioError> {
        Ok(match self.active {
            Active::Low => self.pin.is_low(),
            Active::High => self.pin.is_high(),
        })
    }
}

impl Output for Wire<OutputPin> {
    fn set_active(&mut self, active: bool) -> Result<(), GpioError> {
        self.pin.write(if active == (self.active == Active::High) {
            Level::High
        } else {
            Level::Low
        });
        Ok(())
    }
}

/// rppal's error in our words; `pin` is what was asked for, if it was a pin.
fn explain(error: Error, pin: Option<Pin>) -> GpioError {
    match (error, pin) {
        (Error::UnknownModel, _) => GpioError::NotAPi,
        (Error::PermissionDenied(path), _) => GpioError::NoPermission {
            // Without /dev/gpiomem only /dev/mem is left, which nobody should open.
            remedy: if path == "/dev/mem" {
                Remedy::Cdev
            } else {
                Remedy::GpioGroup
            },
            path: path.into(),
        },
        (Error::Io(source), None) if source.kind() == io::ErrorKind::NotFound => {
            GpioError::NoRegisters
        }
        (Error::PinUsed(_), Some(pin)) => GpioError::PinTaken {
            pin,
            holder: "another part of zerocam".into(),
        },
        (Error::Io(source), _) => GpioError::Io {
            what: "the GPIO registers cannot be used".into(),
            source,
        },
        (error, _) => GpioError::Io {
            what: "the GPIO registers cannot be used".into(),
            source: io::Error::other(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_to_do() {
        let pin = Pin::try_from(17).unwrap();
        let denied = |path: &str| Error::PermissionDenied(path.into());
        let missing = || Error::Io(io::ErrorKind::NotFound.into());
        let table = [
            (
                Error::UnknownModel,
                None,
                "set `backend = \"cdev\"` in [gpio]",
            ),
            (
                denied("/dev/gpiomem"),
                None,
                "no permission to use /dev/gpiomem: add the daemon's user to group `gpio`",
            ),
            (
                denied("/dev/gpiochip0"),
                None,
                "no permission to use /dev/gpiochip0: add the daemon's user to group `gpio`",
            ),
            (
                denied("/dev/mem"),
                None,
                "no permission to use /dev/mem: set `backend = \"cdev\"`",
            ),
            (missing(), None, "hands out no GPIO registers"),
            (
                Error::PinUsed(17),
                Some(pin),
                "GPIO17 is taken by another part of zerocam",
            ),
            (
                Error::PinNotAvailable(17),
                Some(pin),
                "the GPIO registers cannot be used: Pin 17 is not available",
            ),
        ];
        for (error, pin, expected) in table {
            let text = explain(error, pin).to_string();
            assert!(text.contains(expected), "{text}");
        }
    }
}
