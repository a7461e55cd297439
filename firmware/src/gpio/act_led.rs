//! The green LED on the board itself. It shows what the wired one shows, for
//! whoever has wired none.
//!
//! Until its trigger is `none`, the kernel shows something of its own with it: a
//! heartbeat where Debian's device tree counts, the card's activity on Raspberry
//! Pi OS. That is put back when the daemon ends. The LED shows up in sysfs some
//! seconds into boot, so "not there" may only mean "not yet".

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{GpioError, Host, Output, Remedy};

/// Its names: now, and on older kernels.
const NAMES: [&str; 2] = ["/sys/class/leds/ACT", "/sys/class/leds/led0"];

pub(super) struct ActLed {
    directory: PathBuf,
    /// What the kernel showed with it.
    trigger: String,
}

impl ActLed {
    /// Takes the LED away from the kernel; it is dark at first.
    pub(super) fn open(host: &Host) -> Result<Self, GpioError> {
        let Some(directory) = NAMES
            .map(|name| host.path(name))
            .into_iter()
            .find(|path| path.exists())
        else {
            return Err(GpioError::NoActLed {
                tried: NAMES.join(", "),
            });
        };
        let path = directory.join("trigger");
        let triggers = fs::read_to_string(&path)
            .map_err(|source| GpioError::at(&path, "read", Remedy::LedRule, source))?;
        write(&path, "none")?;
        let mut led = Self {
            directory,
            trigger: chosen(&triggers).into(),
        };
        led.set_active(false)?;
        Ok(led)
    }
}

impl Output for ActLed {
    fn set_active(&mut self, active: bool) -> Result<(), GpioError> {
        write(
            &self.directory.join("brightness"),
            if active { "1" } else { "0" },
        )
    }
}

impl Drop for ActLed {
    fn drop(&mut self) {
        if let Err(error) = write(&self.directory.join("trigger"), &self.trigger) {
            tracing::debug!(%error, "the ACT LED stays without its trigger");
        }
    }
}

/// The trigger in brackets of a list such as `none [mmc0] timer`.
fn chosen(triggers: &str) -> &str {
    triggers
        .split_whitespace()
        .find_map(|word| word.strip_prefix('[')?.strip_suffix(']'))
        .unwrap_or("none")
}

fn write(path: &Path, text: &str) -> Result<(), GpioError> {
    fs::write(path, text).map_err(|source| GpioError::at(path, "write", Remedy::LedRule, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trigger_in_force() {
        let table = [
            ("none rc-feedback [mmc0] timer heartbeat\n", "mmc0"),
            ("none mmc0 timer [heartbeat]\n", "heartbeat"),
            ("[none] mmc0\n", "none"),
            ("", "none"),
        ];
        for (triggers, expected) in table {
            assert_eq!(chosen(triggers), expected);
        }
    }
}
