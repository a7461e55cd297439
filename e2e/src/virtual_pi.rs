//! An emulated Pi Zero W that starts the SD card's image as it is, in QEMU, and
//! the card in it. `scripts/virtual-pi` makes and starts them.
//!
//! The computer is touched where a person would: the card's FAT partition, the
//! button, the LED, the power plug. What a person cannot see is asked of the
//! running system through a shell that the emulator adds.

mod light;
mod pins;

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use zerocam::led::table::Look;

use crate::{Program, patience::deadline, program::repository, within};
use light::Rhythm;
use pins::Pins;

/// How soon the emulator shows its pins.
const SWITCH_ON: Duration = Duration::from_secs(5);
/// How soon the system has started. A real one is ten times as fast.
const START: Duration = Duration::from_secs(150);
/// How soon a command of the shell answers, and sync, kill and unmount end.
const SLOW: Duration = Duration::from_secs(20);
/// How often the LED is looked at: each look holds up the emulated processor.
const SAMPLE: Duration = Duration::from_millis(10);
/// Longer than the acknowledging blink, shorter than 3 s even when the emulated
/// processor gets little of the real one.
const PRESS: Duration = Duration::from_secs(1);

/// Where the emulator records the serial console.
const CONSOLE: &str = "console.log";

/// The address of this computer, seen from the emulated one.
pub const HOST: &str = "10.0.2.2";

/// An SD card with the image on it.
#[derive(Debug)]
pub struct Card {
    directory: TempDir,
}

impl Card {
    /// The image as it was built; the emulated camera will play a clip of this
    /// size.
    ///
    /// # Panics
    /// When the image was not built.
    #[must_use]
    pub fn new(clip: &Path, (width, height): (u32, u32)) -> Self {
        let directory = TempDir::new().expect("room for temporary files");
        let mut make = virtual_pi("card");
        make.args([directory.path(), clip]);
        Program::run(make.args([width, height].map(|it| it.to_string())));
        Self { directory }
    }

    /// Copies a file to the card's FAT partition, as any computer could.
    ///
    /// # Panics
    /// When it cannot.
    pub fn put(&self, name: &str, content: &str) {
        let file = self.directory.path().join("file");
        fs::write(&file, content).expect("room for temporary files");
        Program::run(
            self.mtools("mcopy")
                .arg("-o")
                .arg(file)
                .arg(format!("c:/{name}")),
        );
    }

    /// Reads a file of the card's FAT partition.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        Program::run(self.mtools("mtype").arg(format!("c:/{name}")))
    }

    /// All that came on the serial console in the last start.
    ///
    /// # Panics
    /// When there was none.
    #[must_use]
    pub fn console(&self) -> String {
        let bytes = fs::read(self.directory.path().join(CONSOLE)).expect("it was switched on");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn mtools(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("MTOOLSRC", self.directory.path().join("mtoolsrc"));
        command
    }

    /// Puts the card in and switches on.
    ///
    /// # Panics
    /// When the emulator does not start.
    #[must_use]
    pub fn power_on(&self) -> VirtualPi {
        let directory = self.directory.path().to_owned();
        // Nobody else asks the system for this port in the moment between.
        let shell = TcpListener::bind(("127.0.0.1", 0)).and_then(|it| it.local_addr());
        let shell_port = shell.expect("a free port").port();
        let mut power = virtual_pi("power");
        let program = Program::start(
            "the emulated Pi",
            power.arg(&directory).arg(shell_port.to_string()),
        );
        let pins = Pins::of(directory.join("pins"));
        // The button's pin is pulled up; QEMU has no pulls.
        within(SWITCH_ON, "the emulator runs", || {
            pins.set(pins::BUTTON, true).ok()
        });
        VirtualPi {
            program,
            pins,
            shell_port,
            console: directory.join(CONSOLE),
            since: Instant::now(),
        }
    }
}

fn virtual_pi(subcommand: &str) -> Command {
    let mut command = Command::new(repository().join("scripts/virtual-pi"));
    command.arg(subcommand);
    command
}

/// The running computer. Its power is cut when it is dropped.
#[derive(Debug)]
pub struct VirtualPi {
    program: Program,
    pins: Pins,
    shell_port: u16,
    console: PathBuf,
    /// When it was switched on.
    pub since: Instant,
}

impl VirtualPi {
    /// Presses the button down, or lets go of it.
    pub fn hold_button(&self, down: bool) {
        let set = self.pins.set(pins::BUTTON, !down);
        set.expect("the emulator runs");
    }

    /// Presses the button for so long; gives the moment it was let go.
    pub fn press_for(&self, held: Duration) -> Instant {
        self.hold_button(true);
        std::thread::sleep(held);
        self.hold_button(false);
        Instant::now()
    }

    /// Presses the button shortly; gives the moment it was let go.
    pub fn press(&self) -> Instant {
        self.press_for(PRESS)
    }

    /// Whether the LED is lit.
    pub fn is_lit(&self) -> bool {
        let lit = self.pins.is_high(pins::LED);
        lit.expect("the emulator runs")
    }

    /// Watches the LED until it shows a row of the table, two times in a row.
    ///
    /// # Panics
    /// After ten times `designed`.
    pub fn wait_for_look(&self, look: Look, designed: Duration) {
        let since = Instant::now();
        let mut rhythm = Rhythm::new(self.is_lit(), since);
        while !rhythm.shows(look, Instant::now()) {
            assert!(
                since.elapsed() < deadline(designed),
                "the LED does not show {:?} but {rhythm}",
                look.row().name
            );
            std::thread::sleep(SAMPLE);
            let lit = self.is_lit();
            rhythm.see(lit, Instant::now());
        }
        println!("the LED shows {:?}: {rhythm}", look.row().name);
    }

    /// Asks a command that changes nothing, as root; gives what it printed. It is
    /// asked again when the answer is cut off.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn shell(&self, command: &str) -> String {
        within(SLOW, &format!("`{command}`"), || {
            self.try_shell(command, deadline(SLOW))
        })
    }

    /// Runs commands as root, once.
    ///
    /// # Panics
    /// When one fails.
    pub fn run(&self, commands: &str) {
        const DONE: &str = "-- done --";
        let script = format!("(set -e\n{commands}\necho '{DONE}')");
        let printed = self.try_shell(&script, deadline(SLOW));
        let printed = printed.unwrap_or_else(|| panic!("no answer to `{commands}`"));
        assert!(printed.ends_with(&format!("{DONE}\n")), "{printed}");
    }

    /// `None` while the system has not started far enough.
    fn try_shell(&self, command: &str, patience: Duration) -> Option<String> {
        const END: &str = "-- end --";
        let mut stream = TcpStream::connect(("127.0.0.1", self.shell_port)).ok()?;
        stream.set_read_timeout(Some(patience)).ok()?;
        writeln!(stream, "{{ {command}\n}} </dev/null 2>&1; echo '{END}'").ok()?;
        stream.shutdown(Shutdown::Write).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer.trim_end().strip_suffix(END)?.to_owned())
    }

    /// Waits until the system has started; gives its own word for how it is,
    /// `running` when no unit has failed.
    #[must_use]
    pub fn wait_until_started(&self) -> String {
        within(START, "the system has started", || {
            let word = self.try_shell("systemctl is-system-running", SLOW)?;
            let word = word.trim();
            (!["initializing", "starting", ""].contains(&word)).then(|| word.to_owned())
        })
    }

    /// Waits until it has switched itself off.
    pub fn wait_until_off(&mut self) {
        let status = self.program.wait_for_end(SLOW);
        assert!(status.success(), "the emulator failed: {status}");
    }
}

impl Drop for VirtualPi {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let console = fs::read(&self.console).unwrap_or_default();
            println!("---- console:\n{}\n----", String::from_utf8_lossy(&console));
            let journal = "journalctl --boot --no-pager --lines 150";
            if let Some(journal) = self.try_shell(journal, deadline(SLOW)) {
                println!("---- journal:\n{journal}\n----");
            }
        }
    }
}
