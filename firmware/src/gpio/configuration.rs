//! The section `[gpio]` of the configuration file.
//!
//! Invariant: a value of these types names pins that can be used together.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{Active, Line, Role};

/// Button and LEDs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
// `remote` makes the derived reader an inherent function, so that the public one
// below can look at the section as a whole.
#[serde(default, deny_unknown_fields, remote = "Self")]
pub struct Configuration {
    /// How pins are reached; `auto` finds out.
    pub backend: Backend,
    /// The device file of the chip that has the header's pins, for `cdev`.
    /// Default: /dev/gpiochip0, which is right on a Pi Zero.
    pub chip: PathBuf,
    /// The button's GPIO number, not its place on the header. Default: 17, which
    /// is place 11, with ground two places before it.
    pub button_pin: Pin,
    /// Whether the button connects the pin to ground, as wired in the drawing.
    /// Default: true.
    pub button_active_low: bool,
    /// The LED's GPIO number. Default: 27, which is place 13, with ground beside it.
    pub led_pin: Pin,
    /// Whether the LED is lit by a low level. Default: false.
    pub led_active_low: bool,
    /// The GPIO number of a second LED, lit while somebody watches. Default: none;
    /// the first LED tells it too.
    pub viewer_led_pin: Option<Pin>,
    /// Whether the second LED is lit by a low level. Default: false.
    pub viewer_led_active_low: bool,
    /// Where `simulated` keeps its files. Default: /run/zerocam/gpio.
    pub simulated_directory: PathBuf,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            backend: Backend::Auto,
            chip: "/dev/gpiochip0".into(),
            button_pin: Pin(17),
            button_active_low: true,
            led_pin: Pin(27),
            led_active_low: false,
            viewer_led_pin: None,
            viewer_led_active_low: false,
            simulated_directory: "/run/zerocam/gpio".into(),
        }
    }
}

impl Configuration {
    /// The button's pin.
    #[must_use]
    pub const fn button(&self) -> Line {
        Line {
            role: Role::Button,
            pin: self.button_pin,
            active: Active::low_if(self.button_active_low),
        }
    }

    /// The LED's pin.
    #[must_use]
    pub const fn led(&self) -> Line {
        Line {
            role: Role::Led,
            pin: self.led_pin,
            active: Active::low_if(self.led_active_low),
        }
    }

    /// The second LED's pin, if there is one.
    #[must_use]
    pub fn viewer_led(&self) -> Option<Line> {
        self.viewer_led_pin.map(|pin| Line {
            role: Role::ViewerLed,
            pin,
            active: Active::low_if(self.viewer_led_active_low),
        })
    }

    /// No pin twice.
    fn check(&self) -> Result<(), String> {
        let pins = [
            ("button_pin", Some(self.button_pin)),
            ("led_pin", Some(self.led_pin)),
            ("viewer_led_pin", self.viewer_led_pin),
        ];
        for (index, (key, pin)) in pins.iter().enumerate() {
            let earlier = pins[..index].iter().find(|(_, other)| other == pin);
            if let (Some(pin), Some((other, _))) = (pin, earlier) {
                return Err(format!(
                    "`{other}` and `{key}` are both {}: every part needs a pin of its own",
                    pin.0
                ));
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Configuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let configuration = Self::deserialize(deserializer)?;
        configuration.check().map_err(D::Error::custom)?;
        Ok(configuration)
    }
}

/// How pins are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Whichever of the others this machine calls for.
    Auto,
    /// The GPIO registers of a Raspberry Pi, through /dev/gpiomem.
    Rppal,
    /// The kernel's character device, on any board.
    Cdev,
    /// Files in a directory, on a computer without pins.
    Simulated,
}

/// A GPIO number of the 40-pin header that is free to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct Pin(u8);

impl Pin {
    /// The number, as printed in every drawing of the header.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<i64> for Pin {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let reason = match number {
            0 | 1 => "is read at start-up to recognise an add-on board",
            2 | 3 => "belongs to I2C and has a pull-up resistor on the board",
            14 | 15 => "belongs to the serial console",
            4..=27 => {
                return u8::try_from(number)
                    .map(Self)
                    .map_err(|error| error.to_string());
            }
            _ => "is not on the header: GPIO numbers go from 4 to 27",
        };
        Err(format!("pin {number} {reason}; choose another"))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GPIO{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(section: &str) -> Result<Configuration, String> {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            #[serde(default)]
            gpio: Configuration,
        }
        zerocam_config_file::parse::<File>(section, Path::new("zerocam.toml"))
            .map(|file| file.gpio)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_needs_to_be_written() {
        assert_eq!(read(""), Ok(Configuration::default()));
        assert_eq!(read("[gpio]\n"), Ok(Configuration::default()));
        let default = Configuration::default();
        assert_eq!(default.button().pin.to_string(), "GPIO17");
        assert_eq!(default.button().active, Active::Low);
        assert_eq!(default.led().pin.to_string(), "GPIO27");
        assert_eq!(default.led().active, Active::High);
        assert_eq!(default.viewer_led(), None);
    }

    #[test]
    fn everything_can_be_written() {
        let all = r#"
            [gpio]
            backend = "cdev"
            chip = "/dev/gpiochip4"
            button_pin = 5
            button_active_low = false
            led_pin = 6
            led_active_low = true
            viewer_led_pin = 13
            viewer_led_active_low = true
            simulated_directory = "/tmp/pins"
        "#;
        let expected = Configuration {
            backend: Backend::Cdev,
            chip: "/dev/gpiochip4".into(),
            button_pin: Pin(5),
            button_active_low: false,
            led_pin: Pin(6),
            led_active_low: true,
            viewer_led_pin: Some(Pin(13)),
            viewer_led_active_low: true,
            simulated_directory: "/tmp/pins".into(),
        };
        assert_eq!(read(all), Ok(expected));
    }

    #[test]
    fn mistakes_are_told_with_line_and_remedy() {
        let table = [
            (
                "button_pin = 3",
                "line 2: pin 3 belongs to I2C and has a pull-up resistor on the board; choose another",
            ),
            (
                "led_pin = 0",
                "line 2: pin 0 is read at start-up to recognise an add-on board; choose another",
            ),
            (
                "viewer_led_pin = 14",
                "line 2: pin 14 belongs to the serial console; choose another",
            ),
            (
                "led_pin = 28",
                "line 2: pin 28 is not on the header: GPIO numbers go from 4 to 27; choose another",
            ),
            (
                "led_pin = -1",
                "line 2: pin -1 is not on the header: GPIO numbers go from 4 to 27; choose another",
            ),
            (
                "led_pin = \"GPIO27\"",
                "line 2: `led_pin` cannot be \"GPIO27\"; write a whole number, such as 25, without quotes",
            ),
            (
                "led_pin = 17",
                "line 1: `button_pin` and `led_pin` are both 17: every part needs a pin of its own",
            ),
            (
                "viewer_led_pin = 27",
                "line 1: `led_pin` and `viewer_led_pin` are both 27: every part needs a pin of its own",
            ),
            (
                "buton_pin = 17",
                "line 2: there is no key `buton_pin` here; did you mean `button_pin`?",
            ),
            (
                "backend = \"sysfs\"",
                "line 2: `backend` cannot be `sysfs`; known are `auto`, `rppal`, `cdev`, `simulated`",
            ),
        ];
        for (line, message) in table {
            assert_eq!(
                read(&format!("[gpio]\n{line}\n")),
                Err(format!("zerocam.toml, {message}"))
            );
        }
    }
}
