//! From access units to what players fetch: the media half of a camera's
//! session.
//!
//! ```text
//! push -> intake -> packager <-> ffmpeg        one task per camera owns
//!                      |                       all of this
//!                      v
//!                 live window -> watch::Receiver<Arc<Window>> -> HTTP
//! ```
//!
//! [`intake`], [`packager`], [`window`], [`playlist`] and [`follower`] decide
//! and do no I/O; [`ffmpeg`] moves bytes; [`session`] is the task that connects
//! them. Nothing here knows of sockets, keys or leases.

use std::{path::PathBuf, sync::Arc};

use tokio::sync::{mpsc, oneshot, watch};
use zerocam_protocol::{
    AccessUnit, CameraName, Run, Segment,
    message::{Hello, Position},
};

pub mod ffmpeg;
pub mod flv;
pub mod follower;
pub mod fragment;
pub mod intake;
pub mod packager;
pub mod parts;
pub mod playlist;
mod session;
#[cfg(test)]
mod test_units;
pub mod window;

pub use ffmpeg::Spawner;
pub use intake::Rejected;
pub use window::{Counters, Newest, Window, WindowLimits};

/// Access units on their way to the task; the packager's own bounds come behind.
const QUEUE: usize = 8;

/// How the media path works.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// The program: a name that is looked up in PATH, or a path.
    pub ffmpeg: PathBuf,
    /// How much a camera's window keeps.
    pub window: WindowLimits,
}

impl Default for MediaConfig {
    /// Two minutes, at most 64 MiB a camera.
    fn default() -> Self {
        Self {
            ffmpeg: "ffmpeg".into(),
            window: WindowLimits {
                seconds: 120,
                bytes: 64 * 1024 * 1024,
            },
        }
    }
}

/// What a camera announced of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFormat {
    /// The run.
    pub run: Run,
    /// RFC 6381 name.
    pub codec: String,
    /// Luma samples across.
    pub width: u32,
    /// Luma samples down.
    pub height: u32,
    /// Nominal frame rate in frames per second.
    pub frame_rate_hz: f64,
    /// HLS target duration in seconds.
    pub target_duration_s: u32,
}

impl From<&Hello> for RunFormat {
    fn from(hello: &Hello) -> Self {
        Self {
            run: hello.run,
            codec: hello.codec.clone(),
            width: hello.width,
            height: hello.height,
            frame_rate_hz: hello.frame_rate_hz,
            target_duration_s: hello.target_duration_s,
        }
    }
}

/// A camera's media path. Its task ends with the last clone.
#[derive(Debug, Clone)]
pub struct Media {
    commands: mpsc::Sender<session::Command>,
    window: watch::Receiver<Arc<Window>>,
    files: watch::Receiver<Arc<Window>>,
}

impl Media {
    /// Starts the task of one camera name. It outlives connections and runs.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn spawn(camera: CameraName, config: MediaConfig, spawner: Spawner) -> Self {
        let (commands, received) = mpsc::channel(QUEUE);
        let publisher = session::Publisher::default();
        let (window, files) = (publisher.frames(), publisher.files());
        let session = session::Session::new(camera, config, spawner, publisher);
        tokio::spawn(session.run(received));
        Self {
            commands,
            window,
            files,
        }
    }

    /// What follows belongs to this run; what the run before left is published
    /// first. Does nothing for the current run, and for an older one.
    pub async fn begin_run(&self, format: RunFormat) {
        self.ask(|reply| session::Command::Begin(format, reply))
            .await;
    }

    /// Takes the next access unit, captured at `captured_unix_us` on this
    /// service's clock (microseconds of Unix time). Waits while the path is
    /// full. A unit that was taken before is silently fine.
    ///
    /// # Errors
    /// [`Rejected`] when the camera broke the protocol. Nothing has changed then.
    pub async fn push(&self, unit: AccessUnit, captured_unix_us: i64) -> Result<(), Rejected> {
        self.ask(|reply| session::Command::Push(unit, captured_unix_us, reply))
            .await
            .unwrap_or(Err(Rejected::ShuttingDown))
    }

    /// The camera said that nothing follows: publishes the last frame, lists the
    /// last segment, and tells readers ([`Window::is_over`]). Comes back when
    /// that is done, within some ten seconds whatever ffmpeg does.
    pub async fn flush(&self) {
        self.ask(session::Command::Flush).await;
    }

    /// The camera sends to another instance: tells readers, and publishes
    /// nothing. How long the last frame lasts, and so the last segment, only the
    /// other instance knows.
    pub async fn move_away(&self) {
        self.ask(session::Command::MoveAway).await;
    }

    /// The last frame published, before which nothing is missing that could
    /// still come.
    #[must_use]
    pub fn have(&self) -> Option<Position> {
        self.window.borrow().have()
    }

    /// Highest segment number seen; 0 if none.
    #[must_use]
    pub fn floor(&self) -> Segment {
        self.window.borrow().floor()
    }

    /// What can be fetched, now and after every change.
    #[must_use]
    pub fn window(&self) -> watch::Receiver<Arc<Window>> {
        self.window.clone()
    }

    /// The same for those who wait for a file or a playlist: thousands of them
    /// sleep through the frames that complete no part.
    #[must_use]
    pub fn files(&self) -> watch::Receiver<Arc<Window>> {
        self.files.clone()
    }

    /// `None` when the task is gone, which is when the runtime shuts down.
    async fn ask<A>(
        &self,
        command: impl FnOnce(oneshot::Sender<A>) -> session::Command,
    ) -> Option<A> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        answer.await.ok()
    }
}
