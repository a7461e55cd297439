//! The real `zerocam` daemon playing recorded footage.

use std::{fs, path::Path, process::Command, time::Duration};

use tempfile::TempDir;

use crate::{Program, program::built};

/// How soon the daemon ends when asked.
const END: Duration = Duration::from_secs(5);

/// What a camera is started with.
#[derive(Debug, Clone)]
pub struct CameraSettings<'a> {
    /// The service's address, or the fault proxy's.
    pub url: String,
    /// Its key, which also names it.
    pub key: String,
    /// What it plays.
    pub footage: &'a Path,
    /// What tells it from another one under the same name.
    pub device: &'a str,
    /// How much it keeps for after a lost connection.
    pub replay_ring_s: u32,
}

/// A running daemon.
#[derive(Debug)]
pub struct Camera {
    directory: TempDir,
    /// The process.
    pub program: Program,
}

impl Camera {
    /// Starts the daemon; it begins to stream by itself.
    ///
    /// # Panics
    /// When there is no room for temporary files.
    #[must_use]
    pub fn start(settings: &CameraSettings<'_>) -> Self {
        let directory = TempDir::new().expect("room for temporary files");
        let CameraSettings {
            url,
            key,
            footage,
            device,
            replay_ring_s,
        } = settings;
        let (here, footage) = (directory.path().display(), footage.display());
        let config = format!(
            r#"
            [cloud]
            url = "{url}"
            key = "{key}"
            [camera]
            backend = "replay"
            file = "{footage}"
            [stream]
            replay_ring_s = {replay_ring_s}
            [gpio]
            backend = "simulated"
            simulated_directory = "{here}/gpio"
            [daemon]
            state_dir = "{here}"
            socket = "{here}/control.sock"
            start_on_boot = true
            device_id = "{device}"
            "#
        );
        fs::write(directory.path().join("zerocam.toml"), config).expect("room for temporary files");
        let program = Program::start(
            &format!("zerocam {device}"),
            Self::command(directory.path()).arg("run"),
        );
        Self { directory, program }
    }

    fn command(directory: &Path) -> Command {
        let mut command = Command::new(built("zerocam"));
        command.arg("--config").arg(directory.join("zerocam.toml"));
        command
    }

    /// What `zerocam status` says; nothing while the daemon does not listen.
    ///
    /// # Panics
    /// When the program is missing.
    #[must_use]
    pub fn status(&self) -> String {
        let output = Self::command(self.directory.path())
            .arg("status")
            .output()
            .expect("the program was built");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Ends the daemon as the system does.
    ///
    /// # Panics
    /// When it does not end, or not well.
    pub fn end(&mut self) {
        let status = self.program.terminate(END);
        assert!(status.success(), "the camera ended with {status}");
    }
}
