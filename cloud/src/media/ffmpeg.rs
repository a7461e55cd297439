//! Runs ffmpeg: the only file of the service that spawns a process.
//!
//! A [`Child`] packs FLV into fragmented MP4 without touching the video. No
//! child outlives the service, however that ends:
//! - asked to stop or panicking, the service kills its children (`kill_on_drop`);
//! - killed itself, its end of their standard input closes, and ffmpeg ends
//!   when it has read to the end;
//! - a child that is frozen at that moment reads nothing, so children also ask
//!   the kernel to be killed with their parent (PR_SET_PDEATHSIG). Doing that
//!   in the child before it becomes ffmpeg needs unsafe code in Rust;
//!   `setpriv` of util-linux, which every Debian has, does the same from outside.
//!   Where it is missing, the first two ways remain.
//!
//! That signal comes when the *thread* that spawned the child ends, and tokio's
//! threads come and go; [`Spawner`] is a thread that stays.

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::mpsc,
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStderr, ChildStdin, ChildStdout, Command},
    runtime::Handle,
    sync::oneshot,
};

/// Packs FLV on standard input into fragmented MP4 on standard output, one
/// fragment a frame.
///
/// - small probes: the parameter sets come first, so there is nothing to guess;
/// - `-copyts`, `-avoid_negative_ts disabled`, `frag_discont`: the camera's
///   times are the decode times, whenever a child starts;
/// - `skip_trailer`: else ffmpeg collects an index of all fragments in memory,
///   40 bytes each, 86 MB in a day of 25 frames a second;
/// - `bitexact`: its version stays out of the init, which would otherwise change
///   within a run when ffmpeg is updated.
pub const ARGUMENTS: [&str; 28] = [
    "-hide_banner",
    "-nostats",
    "-loglevel",
    "error",
    "-probesize",
    "32",
    "-analyzeduration",
    "0",
    "-f",
    "flv",
    "-i",
    "pipe:0",
    "-map",
    "0:v",
    "-c",
    "copy",
    "-copyts",
    "-avoid_negative_ts",
    "disabled",
    "-movflags",
    "+frag_every_frame+empty_moov+default_base_moof+frag_discont+skip_trailer",
    "-fflags",
    "+bitexact",
    "-flush_packets",
    "1",
    "-f",
    "mp4",
    "pipe:1",
];

/// What ffmpeg sees of the environment: where programs and libraries are, and
/// no secrets.
const ENVIRONMENT: [&str; 2] = ["PATH", "LD_LIBRARY_PATH"];

/// Standard output is read in pieces of at most this many bytes.
const READ_BYTES: usize = 64 * 1024;

/// Of standard error, the last bytes are kept for the log.
const LAST_WORDS_BYTES: usize = 600;

/// `ffmpeg -version` answers within this time, even on a busy machine.
const VERSION_DEADLINE: Duration = Duration::from_secs(20);

/// Why ffmpeg does not run.
#[derive(Debug, thiserror::Error)]
pub enum FfmpegError {
    /// No such program, or it cannot be executed.
    #[error(
        "cannot run ffmpeg ({program}): {reason}; install it (apt install ffmpeg) \
         or set `ffmpeg` to its path"
    )]
    CannotRun {
        /// The configured program.
        program: String,
        /// What the system said.
        reason: String,
    },
    /// It runs and does not say its version.
    #[error("{program} does not answer like ffmpeg: {reason}")]
    NotFfmpeg {
        /// The configured program.
        program: String,
        /// What it did.
        reason: String,
    },
    /// The spawning thread has ended.
    #[error("the service is shutting down")]
    ShuttingDown,
}

impl FfmpegError {
    fn cannot_run(program: &Path, reason: impl std::fmt::Display) -> Self {
        Self::CannotRun {
            program: program.display().to_string(),
            reason: reason.to_string(),
        }
    }
}

/// Asks ffmpeg for its version: the first line that it prints.
///
/// # Errors
/// [`FfmpegError`] when it cannot be run or answers nothing of the kind.
pub async fn version(program: &Path) -> Result<String, FfmpegError> {
    let not_ffmpeg = |reason: &dyn std::fmt::Display| FfmpegError::NotFfmpeg {
        program: program.display().to_string(),
        reason: reason.to_string(),
    };
    let mut command = Command::new(resolve(program)?);
    restrict(&mut command).arg("-version").stdin(Stdio::null());
    let output = tokio::time::timeout(VERSION_DEADLINE, command.output())
        .await
        .map_err(|_| not_ffmpeg(&"`-version` takes too long"))?
        .map_err(|error| FfmpegError::cannot_run(program, error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().next() {
        Some(line) if line.starts_with("ffmpeg version") => Ok(line.to_owned()),
        _ => Err(not_ffmpeg(&output.status)),
    }
}

/// Finds a program as a shell would, so that a missing one is told apart from
/// one that fails.
fn resolve(program: &Path) -> Result<PathBuf, FfmpegError> {
    which::which(program).map_err(|_| {
        let reason = if program.exists() {
            "it is not an executable file"
        } else {
            "not found"
        };
        FfmpegError::cannot_run(program, reason)
    })
}

/// What holds for every process that the service starts.
fn restrict(command: &mut Command) -> &mut Command {
    command
        .env_clear()
        .envs(
            ENVIRONMENT
                .iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
        )
        // Ctrl-C in a terminal goes to the service alone, which then flushes.
        .process_group(0)
        .kill_on_drop(true)
}

/// The command line of a child: ffmpeg by way of `setpriv`, where there is one.
fn command(ffmpeg: &Path, setpriv: Option<&Path>) -> Command {
    let mut command = match setpriv {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(ffmpeg);
            command
        }
        None => Command::new(ffmpeg),
    };
    command.args(ARGUMENTS);
    command
}

/// A thread that spawns children and lives as long as anybody may ask it to.
#[derive(Debug, Clone)]
pub struct Spawner {
    requests: mpsc::Sender<Request>,
}

#[derive(Debug)]
struct Request {
    program: PathBuf,
    /// Where the child's pipes are polled.
    runtime: Handle,
    reply: oneshot::Sender<Result<Child, FfmpegError>>,
}

impl Spawner {
    /// Starts the thread. It ends, and its children with it, when the last
    /// clone is dropped.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start() -> io::Result<Self> {
        let (requests, received) = mpsc::channel::<Request>();
        std::thread::Builder::new()
            .name("ffmpeg spawner".into())
            .spawn(move || {
                for request in received {
                    let _entered = request.runtime.enter();
                    let child = Child::spawn(&request.program);
                    // Whoever asked may be gone; the child is killed on drop then.
                    let _ = request.reply.send(child);
                }
            })?;
        Ok(Self { requests })
    }

    /// Starts a child.
    ///
    /// # Errors
    /// [`FfmpegError`] when it cannot be run.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn spawn(&self, program: &Path) -> Result<Child, FfmpegError> {
        let (reply, answer) = oneshot::channel();
        self.requests
            .send(Request {
                program: program.to_owned(),
                runtime: Handle::current(),
                reply,
            })
            .map_err(|_| FfmpegError::ShuttingDown)?;
        answer.await.map_err(|_| FfmpegError::ShuttingDown)?
    }
}

/// One running ffmpeg with its pipes.
#[derive(Debug)]
pub struct Child {
    process: tokio::process::Child,
    /// `None` once it is closed.
    input: Option<ChildStdin>,
    /// What is still to be written to it; bounded by whoever feeds.
    unwritten: VecDeque<Bytes>,
    /// The input closes when all is written.
    closing: bool,
    output: Option<ChildStdout>,
    errors: Option<ChildStderr>,
    last_words: BytesMut,
}

/// What a child did.
#[derive(Debug)]
pub enum ChildEvent {
    /// It wrote this to standard output.
    Output(Bytes),
    /// It ended; nothing follows. How, with its last words.
    Exited(String),
}

impl Child {
    fn spawn(program: &Path) -> Result<Self, FfmpegError> {
        let ffmpeg = resolve(program)?;
        let setpriv = which::which("setpriv").ok();
        let mut command = command(&ffmpeg, setpriv.as_deref());
        restrict(&mut command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command
            .spawn()
            .map_err(|error| FfmpegError::cannot_run(program, error))?;
        Ok(Self {
            input: process.stdin.take(),
            unwritten: VecDeque::new(),
            closing: false,
            output: process.stdout.take(),
            errors: process.stderr.take(),
            last_words: BytesMut::new(),
            process,
        })
    }

    /// Its process id, until it was seen to end.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Queues input; [`Self::next`] writes it.
    pub fn feed(&mut self, input: Bytes) {
        if self.input.is_some() {
            self.unwritten.push_back(input);
        }
    }

    /// Closes the input once all is written: ffmpeg then writes the frame that
    /// it holds, and ends.
    pub fn close_input(&mut self) {
        self.closing = true;
        if self.unwritten.is_empty() {
            self.input = None;
        }
    }

    /// Moves bytes until there is something to tell. Nothing is lost when the
    /// future is dropped before it is ready.
    pub async fn next(&mut self) -> ChildEvent {
        let mut output = BytesMut::new();
        let mut errors = BytesMut::new();
        loop {
            tokio::select! {
                written = write_some(&mut self.input, &self.unwritten), if !self.unwritten.is_empty() => {
                    self.wrote(written);
                }
                read = read_some(&mut self.output, &mut output), if self.output.is_some() => {
                    if read > 0 {
                        return ChildEvent::Output(output.freeze());
                    }
                    self.output = None;
                }
                read = read_some(&mut self.errors, &mut errors), if self.errors.is_some() => {
                    if read == 0 {
                        self.errors = None;
                    }
                    self.last_words.extend_from_slice(&errors);
                    errors.clear();
                    let excess = self.last_words.len().saturating_sub(LAST_WORDS_BYTES);
                    self.last_words.advance(excess);
                }
                status = self.process.wait(), if self.output.is_none() && self.errors.is_none() => {
                    return ChildEvent::Exited(self.obituary(status));
                }
            }
        }
    }

    fn wrote(&mut self, written: io::Result<usize>) {
        match (written, self.unwritten.front_mut()) {
            (Ok(bytes), Some(front)) => {
                front.advance(bytes);
                if front.is_empty() {
                    self.unwritten.pop_front();
                }
                if self.closing && self.unwritten.is_empty() {
                    self.input = None;
                }
            }
            // It no longer reads: its end, which follows, says why.
            _ => {
                self.unwritten.clear();
                self.input = None;
            }
        }
    }

    fn obituary(&self, status: io::Result<ExitStatus>) -> String {
        let status = match status {
            Ok(status) => status.to_string(),
            Err(error) => format!("unknown exit status: {error}"),
        };
        let words = String::from_utf8_lossy(&self.last_words);
        match words.trim() {
            "" => status,
            words => format!("{status}: {}", words.replace('\n', " | ")),
        }
    }

    /// Ends it at once, and takes its exit status from the kernel, so that no
    /// zombie stays.
    pub fn kill(mut self) {
        tokio::spawn(async move {
            if let Err(error) = self.process.kill().await {
                tracing::warn!(%error, "cannot kill ffmpeg");
            }
        });
    }
}

async fn write_some(
    input: &mut Option<ChildStdin>,
    unwritten: &VecDeque<Bytes>,
) -> io::Result<usize> {
    match (input, unwritten.front()) {
        (Some(input), Some(front)) => input.write(front).await,
        _ => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

/// Reads into a buffer: 0 at the end, and when the pipe breaks, which only its
/// end can follow.
async fn read_some(pipe: &mut Option<impl AsyncReadExt + Unpin>, buffer: &mut BytesMut) -> usize {
    let Some(pipe) = pipe else { return 0 };
    buffer.reserve(READ_BYTES);
    pipe.read_buf(buffer).await.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &Command) -> Vec<String> {
        let command = command.as_std();
        std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn golden_command_line() {
        let golden = "/usr/bin/ffmpeg -hide_banner -nostats -loglevel error -probesize 32 \
            -analyzeduration 0 -f flv -i pipe:0 -map 0:v -c copy -copyts -avoid_negative_ts disabled \
            -movflags +frag_every_frame+empty_moov+default_base_moof+frag_discont+skip_trailer \
            -fflags +bitexact -flush_packets 1 -f mp4 pipe:1";
        let ffmpeg = Path::new("/usr/bin/ffmpeg");
        assert_eq!(words(&command(ffmpeg, None)).join(" "), golden);
        let setpriv = Path::new("/usr/bin/setpriv");
        assert_eq!(
            words(&command(ffmpeg, Some(setpriv))).join(" "),
            format!("/usr/bin/setpriv --pdeathsig KILL -- {golden}"),
        );
    }

    #[test]
    fn secrets_stay_in_the_service() {
        let mut command = command(Path::new("ffmpeg"), None);
        restrict(&mut command);
        for (name, _) in command.as_std().get_envs() {
            assert!(ENVIRONMENT.contains(&name.to_str().unwrap()), "{name:?}");
        }
    }

    #[tokio::test]
    async fn a_missing_ffmpeg_says_what_to_do() {
        let missing = Path::new("/nowhere/ffmpeg");
        let spawner = Spawner::start().unwrap();
        for error in [
            version(missing).await.unwrap_err(),
            spawner.spawn(missing).await.unwrap_err(),
        ] {
            assert_eq!(
                error.to_string(),
                "cannot run ffmpeg (/nowhere/ffmpeg): not found; install it (apt install ffmpeg) \
                 or set `ffmpeg` to its path"
            );
        }
        let not_executable = tempfile::NamedTempFile::new().unwrap();
        let text = version(not_executable.path())
            .await
            .unwrap_err()
            .to_string();
        assert!(text.contains("not an executable file"), "{text}");
    }

    #[tokio::test]
    async fn another_program_is_not_ffmpeg() {
        let text = version(Path::new("false")).await.unwrap_err().to_string();
        assert!(text.contains("does not answer like ffmpeg"), "{text}");
        let line = version(Path::new("ffmpeg")).await.unwrap();
        assert!(line.starts_with("ffmpeg version"), "{line}");
    }

    #[tokio::test]
    async fn garbage_ends_a_child_with_its_last_words() {
        let spawner = Spawner::start().unwrap();
        let mut child = spawner.spawn(Path::new("ffmpeg")).await.unwrap();
        child.feed(Bytes::from_static(b"this is not FLV"));
        child.close_input();
        match child.next().await {
            ChildEvent::Exited(text) => assert!(text.contains("pipe:0"), "{text}"),
            ChildEvent::Output(output) => panic!("{output:?}"),
        }
    }
}
