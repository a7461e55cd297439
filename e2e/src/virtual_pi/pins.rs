//! The header's pins of an emulated Pi: GPIO registers, reached from outside
//! through QEMU's test protocol (one command, one answer, a line each).
//!
//! Setting a pin that is an input changes the level that is read from it, as
//! what is wired to it would.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};

/// The button's pin, to ground.
pub(super) const BUTTON: u32 = 17;
/// The LED's pin, to ground.
pub(super) const LED: u32 = 27;

/// BCM2835 ARM Peripherals, 6.1: levels, and what raises and lowers them.
const GPLEV0: u32 = 0x2020_0034;
const GPSET0: u32 = 0x2020_001c;
const GPCLR0: u32 = 0x2020_0028;

/// The emulator answers between two pieces of emulated work.
const ANSWER: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Pins {
    socket: PathBuf,
}

impl Pins {
    pub(super) fn of(socket: PathBuf) -> Self {
        Self { socket }
    }

    pub(super) fn set(&self, pin: u32, high: bool) -> io::Result<()> {
        let register = if high { GPSET0 } else { GPCLR0 };
        self.ask(&format!("writel {register:#x} {:#x}", 1_u32 << pin))?;
        Ok(())
    }

    pub(super) fn is_high(&self, pin: u32) -> io::Result<bool> {
        let answer = self.ask(&format!("readl {GPLEV0:#x}"))?;
        let levels = answer.strip_prefix("OK 0x").expect("QEMU answers OK 0x...");
        let levels = u64::from_str_radix(levels, 16).expect("QEMU answers in hexadecimal");
        Ok(levels >> pin & 1 == 1)
    }

    /// Over a connection of its own: QEMU serves one at a time, and the one who
    /// minds the emulator's timer takes turns.
    fn ask(&self, command: &str) -> io::Result<String> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(ANSWER))?;
        writeln!(stream, "{command}")?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        Ok(answer.trim_end().to_owned())
    }
}
