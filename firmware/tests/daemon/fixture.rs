//! A camera in a directory of its own: configuration, state, socket, footage.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use zerocam::status::Status;

/// Ten times what anything takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

pub(crate) struct Camera {
    pub(crate) directory: TempDir,
    /// What the daemon finds in its environment besides.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Camera {
    /// A camera that replays good footage and finds no service.
    pub(crate) fn new() -> Self {
        Self::at(NOWHERE)
    }

    /// A camera that replays good footage for a service.
    pub(crate) fn at(url: &str) -> Self {
        let camera = Self::without_configuration();
        let footage = camera.footage("good.h264", &["-bf", "0"]);
        let text = camera.replay(&footage).replace(NOWHERE, url);
        camera.configure(&text);
        camera
    }

    pub(crate) fn without_configuration() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.path("zerocam.toml")
    }

    pub(crate) fn configure(&self, text: &str) {
        fs::write(self.config_path(), text).unwrap();
    }

    /// `[gpio]` and `[daemon]`, with everything inside the directory.
    pub(crate) fn daemon_section(&self) -> String {
        let pins = self.path("gpio");
        let (state, socket) = (self.path("state"), self.path("control.sock"));
        let helper = self.path("privileged.sock");
        format!(
            "[gpio]\nbackend = \"simulated\"\nsimulated_directory = {pins:?}\n\
             [daemon]\nstate_dir = {state:?}\nsocket = {socket:?}\n\
             privileged_socket = {helper:?}\ndevice_id = \"dev-1\"\n"
        )
    }

    /// A configuration that replays `file`.
    pub(crate) fn replay(&self, file: &Path) -> String {
        self.with_camera(&format!("backend = \"replay\"\nfile = {file:?}"))
    }

    /// A configuration with this `[camera]`.
    pub(crate) fn with_camera(&self, keys: &str) -> String {
        let cloud = format!("[cloud]\nurl = \"{NOWHERE}\"\nkey = \"camera.garden.1.c2ln\"\n");
        format!("{cloud}[camera]\n{keys}\n{}", self.daemon_section())
    }

    /// Two seconds of H.264, encoded with more options.
    pub(crate) fn footage(&self, name: &str, options: &[&str]) -> PathBuf {
        let path = self.path(name);
        let output = Command::new("ffmpeg")
            .args("-v error -y -f lavfi -i testsrc2=size=320x180:rate=25:duration=2".split(' '))
            .args("-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25".split(' '))
            .args(options)
            .args(["-f", "h264"])
            .arg(&path)
            .output()
            .expect("ffmpeg is installed");
        assert!(output.status.success(), "{output:?}");
        path
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zerocam"));
        command.arg("--config").arg(self.config_path());
        command.env("ZEROCAM_LOG", "info");
        command
    }

    /// Runs a command to its end.
    pub(crate) fn zerocam(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Runs a command that must succeed.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let output = self.zerocam(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The exit code and the complaint of a command.
    pub(crate) fn complains(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.zerocam(arguments);
        assert!(output.stdout.is_empty(), "{output:?}");
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    pub(crate) fn status(&self) -> Status {
        serde_json::from_str(&self.says(&["status", "--json"])).unwrap()
    }

    pub(crate) fn wait_for_state(&self, state: &str) -> Status {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if status.state == state {
                return status;
            }
            assert!(Instant::now() < deadline, "not {state} but {status:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts the daemon.
    pub(crate) fn run(&self) -> Daemon {
        let mut child = self
            .command()
            .envs(self.environment.iter().cloned())
            .arg("run")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let written = Arc::clone(&log);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut log = written.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Daemon { child, log }
    }

    /// Starts the daemon and waits until it answers.
    pub(crate) fn run_until_ready(&self) -> Daemon {
        let mut daemon = self.run();
        let deadline = Instant::now() + PATIENCE;
        while !self.zerocam(&["status"]).status.success() {
            let ended = daemon.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", daemon.log());
            assert!(Instant::now() < deadline, "{}", daemon.log());
            thread::sleep(Duration::from_millis(20));
        }
        daemon
    }
}

/// Waits until it holds.
pub(crate) fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "still no {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A running daemon, killed when it is dropped.
pub(crate) struct Daemon {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Daemon {
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn wait_for_log(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} in {}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, as a power cut.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.wait()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
