//! A viewer who keeps what comes: ffmpeg, recording plain HLS to a file.

use std::{process::Command, time::Duration};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::Program;

/// How soon ffmpeg finishes its file.
const END: Duration = Duration::from_secs(3);

/// A running recording.
#[derive(Debug)]
pub struct Recorder {
    directory: TempDir,
    program: Program,
}

impl Recorder {
    /// Records what follows.
    ///
    /// # Panics
    /// When there is no room for temporary files.
    #[must_use]
    pub fn start(playlist_url: &str) -> Self {
        let directory = TempDir::new().expect("room for temporary files");
        let mut command = Command::new("ffmpeg");
        command
            .args(["-hide_banner", "-loglevel", "warning", "-nostdin"])
            .args(["-i", playlist_url, "-c", "copy"])
            .arg(directory.path().join("recording.mkv"));
        Self {
            directory,
            program: Program::start("recording ffmpeg", &mut command),
        }
    }

    /// Ends the recording; gives when each picture is shown, in milliseconds.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn finish(mut self) -> Vec<u64> {
        self.program.signal(Signal::INT);
        self.program.wait_for_end(END);
        let listed = Program::run(
            Command::new("ffprobe")
                .args(["-loglevel", "error", "-show_entries", "packet=pts_time"])
                .args(["-of", "csv=print_section=0"])
                .arg(self.directory.path().join("recording.mkv")),
        );
        let time = |line: &str| line.trim_end_matches(',').parse::<f64>().ok();
        let times = listed.lines().filter_map(time);
        times
            .map(|seconds| (seconds * 1000.0).round() as u64)
            .collect()
    }
}
