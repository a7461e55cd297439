//! A camera of Raspberry Pi OS, through its program `rpicam-vid`: the only way
//! to cameras that need libcamera, such as the Camera Module 3.
//!
//! The program owns the camera and writes H.264 to a pipe, without boundaries
//! and times: pictures are told apart by their content, and their time is that
//! of their arrival. A picture is complete when the next one begins, one frame
//! later.
//!
//! The program never outlives the daemon. It is asked to end when this camera
//! is closed, and killed when it does not; and should the daemon be killed, the
//! kernel kills it, too (PR_SET_PDEATHSIG). Asking for that in the new process
//! needs unsafe code in Rust; `setpriv` of util-linux, which every Debian has,
//! does the same from outside and then becomes the program. Where it is missing,
//! the program ends at its next write to a pipe that nobody reads.

mod arguments;
mod complaint;

use std::{
    io::{self, Read},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use tracing::warn;

use super::{
    BitrateChange, Camera, CameraError, Pace, Picture,
    annex_b::{SplitError, Splitter},
};
use crate::config::{EncoderSettings, View};
use arguments::arguments;
use complaint::{Complaint, LastWords};

/// With less, its encoder stops keeping to the bitrate.
pub const MIN_BITRATE_BPS: u32 = 700_000;

/// How long the last words of a program that ends are waited for.
const LAST_WORDS_DEADLINE: Duration = Duration::from_millis(300);

/// How long it may take to end when it is asked to, and when it is killed.
const END_DEADLINE: Duration = Duration::from_millis(700);

/// Two pictures are at least this far apart, however they arrive: the service
/// counts milliseconds.
const MIN_DISTANCE: Duration = Duration::from_millis(1);

/// A running `rpicam-vid`.
#[derive(Debug)]
pub struct Rpicam {
    name: PathBuf,
    process: Child,
    output: ChildStdout,
    /// `None` once it is closed.
    errors: Option<ChildStderr>,
    last_words: LastWords,
    splitter: Splitter,
    arrivals: Arrivals,
    pace: Pace,
}

impl Rpicam {
    /// Starts the program.
    ///
    /// # Errors
    /// [`RpicamError`] when it cannot be run; that it finds no camera shows
    /// later.
    pub fn open(
        program: &Path,
        view: &View,
        encoder: &EncoderSettings,
    ) -> Result<Self, RpicamError> {
        let path = which::which(program).map_err(|_| RpicamError::Missing {
            program: program.into(),
        })?;
        let mut command = match which::which("setpriv") {
            Ok(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "KILL", "--"]).arg(path);
                command
            }
            Err(_) => Command::new(path),
        };
        let mut process = command
            .args(arguments(view, encoder))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal goes to the daemon alone.
            .process_group(0)
            .spawn()
            .map_err(RpicamError::Spawn)?;
        let (Some(output), Some(errors)) = (process.stdout.take(), process.stderr.take()) else {
            unreachable!("both were asked for as pipes");
        };
        let group = f64::from(encoder.group_pictures(view.frame_rate_hz));
        Ok(Self {
            name: program.into(),
            process,
            output,
            errors: Some(errors),
            last_words: LastWords::default(),
            splitter: Splitter::default(),
            arrivals: Arrivals::default(),
            pace: Pace {
                frame_rate_hz: view.frame_rate_hz,
                keyframe_interval: Duration::from_secs_f64(group / view.frame_rate_hz),
            },
        })
    }

    /// Reads what the program has written; returns whether there was anything
    /// before `deadline`.
    fn read_on(&mut self, deadline: Instant) -> Result<bool, RpicamError> {
        let [output_ready, errors_ready] = {
            let mut ready = vec![PollFd::new(&self.output, PollFlags::IN)];
            ready.extend(
                self.errors
                    .as_ref()
                    .map(|fd| PollFd::new(fd, PollFlags::IN)),
            );
            if !is_ready(&mut ready, deadline).map_err(RpicamError::Read)? {
                return Ok(false);
            }
            [0, 1].map(|at| ready.get(at).is_some_and(|fd| !fd.revents().is_empty()))
        };
        if errors_ready {
            self.listen();
        }
        if output_ready {
            let read = self.splitter.read_from(&mut self.output);
            self.arrivals.read(Instant::now());
            match read {
                Ok(0) => return Err(self.ended()),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(RpicamError::Read(error));
                }
                Ok(_) | Err(_) => {}
            }
        }
        Ok(true)
    }

    /// Reads what is waiting on standard error.
    fn listen(&mut self) {
        let Some(errors) = &mut self.errors else {
            return;
        };
        let mut bytes = [0; 1024];
        match errors.read(&mut bytes) {
            Ok(0) => self.errors = None,
            Ok(length) => self.last_words.push(&bytes[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.errors = None,
        }
    }

    /// Why the program closed its output.
    fn ended(&mut self) -> RpicamError {
        let deadline = Instant::now() + LAST_WORDS_DEADLINE;
        while let Some(errors) = &self.errors {
            let mut ready = [PollFd::new(errors, PollFlags::IN)];
            if !is_ready(&mut ready, deadline).unwrap_or(false) {
                break;
            }
            self.listen();
        }
        let program = self.name.clone();
        match (self.last_words.complaint(), self.end()) {
            (Complaint::NoCamera, _) => RpicamError::NoCamera { program },
            (Complaint::Busy, _) => RpicamError::Busy { program },
            (Complaint::Other(last_lines), status) => RpicamError::Ended {
                program,
                how: status.map_or_else(|| "it hangs".to_owned(), |status| status.to_string()),
                last_lines,
            },
        }
    }

    /// Asks the program to end, so that it hands the camera back in order, then
    /// kills it. `None` when even that does not help: the kernel holds it.
    fn end(&mut self) -> Option<ExitStatus> {
        for signal in [Signal::INT, Signal::KILL] {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Some(status);
            }
            let _ = kill_process(Pid::from_child(&self.process), signal);
            let deadline = Instant::now() + END_DEADLINE;
            while Instant::now() < deadline {
                if let Ok(Some(status)) = self.process.try_wait() {
                    return Some(status);
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
        None
    }
}

impl Camera for Rpicam {
    fn pace(&self) -> Pace {
        self.pace
    }

    fn next_picture(&mut self, patience: Duration) -> Result<Option<Picture<'_>>, CameraError> {
        let deadline = Instant::now() + patience;
        while self.splitter.peek().map_err(RpicamError::from)?.is_none() {
            if !self.read_on(deadline)? {
                return Ok(None);
            }
        }
        let captured = self.arrivals.take(Instant::now());
        let unit = self.splitter.next_unit().map_err(RpicamError::from)?;
        Ok(unit.map(|unit| Picture::of(unit, captured)))
    }

    /// The program takes a bitrate only when it starts.
    fn set_bitrate(&mut self, _: u32) -> BitrateChange {
        BitrateChange::NeedsReopening
    }
}

impl Drop for Rpicam {
    fn drop(&mut self) {
        if self.end().is_none() {
            warn!("{} cannot be ended", self.name.display());
        }
    }
}

/// Waits until one of the files can be read, at most until `deadline`.
fn is_ready(files: &mut [PollFd<'_>], deadline: Instant) -> io::Result<bool> {
    let left = deadline.saturating_duration_since(Instant::now());
    match poll(files, Timespec::try_from(left).ok().as_ref()) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// When pictures arrived. One begins with the bytes that completed the last.
#[derive(Debug, Default)]
struct Arrivals {
    /// When the picture in progress began to arrive.
    began: Option<Instant>,
    /// When the newest bytes arrived.
    newest: Option<Instant>,
    last: Option<Instant>,
}

impl Arrivals {
    fn read(&mut self, now: Instant) {
        self.began.get_or_insert(now);
        self.newest = Some(now);
    }

    /// When the picture that is complete `now` arrived.
    fn take(&mut self, now: Instant) -> Instant {
        let arrived = self.began.take().unwrap_or(now);
        self.began = self.newest;
        let captured = self
            .last
            .map_or(arrived, |last| arrived.max(last + MIN_DISTANCE));
        self.last = Some(captured);
        captured
    }
}

/// Why there are no pictures.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum RpicamError {
    #[error(
        "{} is not installed: `sudo apt install rpicam-apps-lite` on Raspberry Pi OS, or choose another backend in [camera]", program.display()
    )]
    Missing { program: PathBuf },
    #[error("cannot run rpicam-vid: {0}")]
    Spawn(#[source] io::Error),
    #[error("cannot read from rpicam-vid: {0}")]
    Read(#[source] io::Error),
    #[error(
        "no camera: {} finds none; check the cable at both ends and `camera_auto_detect=1` in config.txt", program.display()
    )]
    NoCamera { program: PathBuf },
    #[error(
        "the camera is busy: {} cannot have it while another program uses it; end that first (`sudo fuser -v /dev/media*` names it)", program.display()
    )]
    Busy { program: PathBuf },
    #[error("{} ended ({how}): {last_lines}", program.display())]
    Ended {
        program: PathBuf,
        how: String,
        last_lines: String,
    },
    #[error("rpicam-vid's output: {0}")]
    Split(#[from] SplitError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_as_old_as_its_first_bytes() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut arrivals = Arrivals::default();
        arrivals.read(at(0));
        arrivals.read(at(3));
        // The head of the second picture completes the first.
        arrivals.read(at(40));
        assert_eq!(arrivals.take(at(41)), at(0));
        arrivals.read(at(80));
        assert_eq!(arrivals.take(at(80)), at(40));
        // Three at once after a pause.
        arrivals.read(at(500));
        let times: Vec<_> = (0..3).map(|_| arrivals.take(at(501))).collect();
        assert_eq!(times, [at(80), at(500), at(501)]);
    }
}
