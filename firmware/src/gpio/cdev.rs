//! Pins through the kernel's GPIO character device, on any board. The only file
//! that knows the crate gpiocdev.
//!
//! The kernel keeps the owners: a pin has one, and gets free when its owner ends.

use std::{
    io,
    path::{Path, PathBuf},
};

use gpiocdev::{
    Error, Request, chip,
    line::{Bias, Value},
    request::Builder,
};

use super::{Active, Chip, GpioError, Input, Line, Output, Pin, Remedy};

pub(super) struct Device {
    chip: chip::Chip,
    lines: u32,
}

impl Device {
    pub(super) fn open(path: &Path) -> Result<Self, GpioError> {
        let failed = |error| explain(error, path);
        let chip = chip::Chip::from_path(path).map_err(failed)?;
        let lines = chip.info().map_err(failed)?.num_lines;
        Ok(Self { chip, lines })
    }

    fn request(
        &self,
        line: &Line,
        configure: impl FnOnce(&mut Builder),
    ) -> Result<Box<Lone>, GpioError> {
        let path = self.chip.path();
        let offset = u32::from(line.pin.number());
        if offset >= self.lines {
            return Err(GpioError::NoSuchPin {
                pin: line.pin,
                path: path.into(),
                count: self.lines,
            });
        }
        let mut builder = Request::builder();
        builder
            .on_chip(path)
            .with_consumer(format!("zerocam {}", line.role.name()))
            .with_line(offset);
        match line.active {
            Active::Low => builder.as_active_low(),
            Active::High => builder.as_active_high(),
        };
        configure(&mut builder);
        match builder.request() {
            Ok(request) => Ok(Box::new(Lone {
                request,
                path: path.into(),
            })),
            Err(error) => match self.chip.line_info(offset) {
                Ok(info) if info.used => Err(taken(line.pin, &info.consumer)),
                _ => Err(explain(error, path)),
            },
        }
    }
}

impl Chip for Device {
    fn input(&self, line: &Line) -> Result<Box<dyn Input>, GpioError> {
        let bias = match line.active {
            Active::Low => Bias::PullUp,
            Active::High => Bias::PullDown,
        };
        let pin = self.request(line, |builder| {
            builder.as_input().with_bias(bias);
        })?;
        Ok(pin)
    }

    fn output(&self, line: &Line) -> Result<Box<dyn Output>, GpioError> {
        let pin = self.request(line, |builder| {
            builder.as_output(Value::Inactive);
        })?;
        Ok(pin)
    }
}

/// A request for one line; the kernel turns its level round where low is active.
struct Lone {
    request: Request,
    path: PathBuf,
}

impl Input for Lone {
    fn is_active(&mut self) -> Result<bool, GpioError> {
        let value = self.request.lone_value();
        Ok(value.map_err(|error| explain(error, &self.path))? == Value::Active)
    }
}

impl Output for Lone {
    fn set_active(&mut self, active: bool) -> Result<(), GpioError> {
        self.request
            .set_lone_value(active.into())
            .map_err(|error| explain(error, &self.path))
    }
}

/// By whom; the kernel itself may leave no name.
fn taken(pin: Pin, consumer: &str) -> GpioError {
    GpioError::PinTaken {
        pin,
        holder: if consumer.is_empty() {
            "the kernel, see the overlays in config.txt".into()
        } else {
            format!("\"{consumer}\"")
        },
    }
}

/// gpiocdev's error in our words.
fn explain(error: Error, path: &Path) -> GpioError {
    match error {
        Error::Os(errno) => match io::Error::from_raw_os_error(errno.0) {
            source if source.kind() == io::ErrorKind::NotFound => {
                GpioError::NoSuchChip { path: path.into() }
            }
            source => GpioError::at(path, "open", Remedy::GpioGroup, source),
        },
        Error::GpioChip(..) => GpioError::NotAChip { path: path.into() },
        error => GpioError::Io {
            what: format!("cannot use {}", path.display()),
            source: io::Error::other(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_no_chip() {
        let table = [
            (
                "/nonexistent/gpiochip0",
                "there is no /nonexistent/gpiochip0: set `chip` in [gpio]",
            ),
            (
                "/dev/null",
                "/dev/null is no GPIO chip: set `chip` in [gpio]",
            ),
            (
                "/proc/self/maps",
                "maps is no GPIO chip: set `chip` in [gpio]",
            ),
        ];
        for (path, expected) in table {
            let error = Device::open(Path::new(path)).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn who_has_a_pin_is_named() {
        let pin = Pin::try_from(17).unwrap();
        let remedy = "end that, or choose another pin in [gpio]";
        let table = [
            ("fan", "\"fan\""),
            ("", "the kernel, see the overlays in config.txt"),
        ];
        for (consumer, holder) in table {
            let expected = format!("GPIO17 is taken by {holder}: {remedy}");
            assert_eq!(taken(pin, consumer).to_string(), expected);
        }
    }

    #[test]
    fn errors_of_the_system_say_what_to_do() {
        let path = Path::new("/dev/gpiochip0");
        let os = |kind: rustix::io::Errno| Error::from(io::Error::from(kind));
        let table = [
            (
                os(rustix::io::Errno::ACCESS),
                "no permission to use /dev/gpiochip0: add the daemon's user to group `gpio`",
            ),
            (
                os(rustix::io::Errno::NODEV),
                "cannot open /dev/gpiochip0: No such device (os error 19)",
            ),
        ];
        for (error, expected) in table {
            let text = explain(error, path).to_string();
            assert!(text.starts_with(expected), "{text}");
        }
    }
}
