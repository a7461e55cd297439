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
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::mpsc,
    time::Duration,
};

use tokio::{process::Command, runtime::Handle, sync::oneshot};

mod child;

pub use child::{Child, ChildEvent};

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

fn spawn(program: &Path) -> Result<Child, FfmpegError> {
    let ffmpeg = resolve(program)?;
    let setpriv = which::which("setpriv").ok();
    let mut command = command(&ffmpeg, setpriv.as_deref());
    restrict(&mut command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(Child::new)
        .map_err(|error| FfmpegError::cannot_run(program, error))
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
                    let child = spawn(&request.program);
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

#[cfg(test)]
mod tests;
