//! A program under test: started, listened to, and surely ended.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{patience::deadline, within};

/// A running program. Killed when dropped; when a test fails, its output is
/// printed then.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Output {
    lines: Mutex<Lines>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    text: Vec<String>,
    open_streams: usize,
}

impl Program {
    /// Starts a command with no input; `name` is for messages.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let output = Arc::new(Output::default());
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("standard output is piped")),
            Box::new(child.stderr.take().expect("standard error is piped")),
        ];
        output.lock().open_streams = streams.len();
        let readers = streams
            .into_iter()
            .map(|stream| {
                let output = Arc::clone(&output);
                thread::spawn(move || output.read(stream))
            })
            .collect();
        Self {
            name: name.to_owned(),
            child,
            output,
            readers,
        }
    }

    /// Runs a command to its end; gives its standard output.
    ///
    /// # Panics
    /// When it cannot be started or fails.
    #[allow(clippy::must_use_candidate, reason = "some commands print nothing")]
    pub fn run(command: &mut Command) -> String {
        let output = command
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{command:?} failed: {}\n{}{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr),
        );
        text(&output.stdout)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line with `part` in it, from the beginning of its output.
    ///
    /// # Panics
    /// After ten times `designed`, or when the output ended without it.
    pub fn wait_for_line(&self, part: &str, designed: Duration) -> String {
        let until = Instant::now() + deadline(designed);
        let mut lines = self.output.lock();
        loop {
            if let Some(line) = lines.text.iter().find(|line| line.contains(part)) {
                return line.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && lines.open_streams > 0,
                "{} never said {part:?}",
                self.name
            );
            lines = self
                .output
                .more
                .wait_timeout(lines, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// All that it printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.lock().text.join("\n")
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the program runs");
    }

    /// Waits for it to end by itself.
    ///
    /// # Panics
    /// After ten times `designed`.
    pub fn wait_for_end(&mut self, designed: Duration) -> ExitStatus {
        let what = format!("{} ended after", self.name);
        let child = &mut self.child;
        let status = within(designed, &what, || {
            child.try_wait().expect("the child is ours")
        });
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader does not panic");
        }
        status
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Panics
    /// After ten times `designed`.
    pub fn terminate(&mut self, designed: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait_for_end(designed)
    }

    /// Most memory it ever held at once, in bytes.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn peak_memory_bytes(&self) -> u64 {
        peak_memory_bytes(self.pid())
    }
}

/// Most memory that a running process ever held at once, in bytes.
///
/// # Panics
/// When it has ended.
#[must_use]
pub fn peak_memory_bytes(pid: u32) -> u64 {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(path).expect("the program runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("Linux reports VmHWM");
    let kib: u64 = line
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("VmHWM is in kB");
    kib * 1024
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Fails only for a process that is gone, which is the aim.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if thread::panicking() {
            println!(
                "---- output of {}:\n{}\n----",
                self.name,
                self.output.lock().text.join("\n")
            );
        }
    }
}

impl Output {
    fn lock(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, stream: impl Read) {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(stream.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.lock().text.push(text);
            self.more.notify_all();
            line.clear();
        }
        self.lock().open_streams -= 1;
        self.more.notify_all();
    }
}

/// The path of a program of this workspace: built with the running one, unless
/// the environment names another (`ZEROCAM_PROGRAM` for `zerocam`), such as one
/// that runs on an emulated processor.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    let variable = format!("{}_PROGRAM", name.to_uppercase().replace('-', "_"));
    if let Some(path) = env::var_os(variable) {
        return path.into();
    }
    let running = env::current_exe().expect("Linux knows the running program");
    // Programs are in target/PROFILE, tests in target/PROFILE/deps.
    let profile = running
        .ancestors()
        .skip(1)
        .find(|directory| !directory.ends_with("deps"))
        .expect("cargo built it");
    let path = profile.join(name);
    assert!(
        path.exists(),
        "{} is missing: scripts/test e2e builds it",
        path.display()
    );
    path
}

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
