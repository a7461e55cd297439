//! The header's pins of an emulated Pi: GPIO registers, reached from outside
//! through QEMU's test protocol (one command, one answer, a line each).
//!
//! Setting a pin that is an input changes the level that is read from it, as
//! what is wired to it would.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
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
    stream: BufReader<UnixStream>,
}

impl Pins {
    pub(super) fn of(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(ANSWER))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    pub(super) fn set(&mut self, pin: u32, high: bool) {
        let register = if high { GPSET0 } else { GPCLR0 };
        self.ask(&format!("writel {register:#x} {:#x}", 1_u32 << pin));
    }

    pub(super) fn is_high(&mut self, pin: u32) -> bool {
        let answer = self.ask(&format!("readl {GPLEV0:#x}"));
        let levels = answer.strip_prefix("OK 0x").expect("QEMU answers OK 0x...");
        let levels = u64::from_str_radix(levels, 16).expect("QEMU answers in hexadecimal");
        levels >> pin & 1 == 1
    }

    fn ask(&mut self, command: &str) -> String {
        let mut answer = String::new();
        writeln!(self.stream.get_mut(), "{command}").expect("the emulator runs");
        let read = self.stream.read_line(&mut answer);
        assert!(
            matches!(read, Ok(1..)),
            "the emulator does not answer: {read:?}"
        );
        answer.trim_end().to_owned()
    }
}
