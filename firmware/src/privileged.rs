//! What needs root: the daemon asks a helper that knows exactly these words.
//!
//! systemd starts the helper for each connection to its socket. The daemon
//! writes one word and a line feed (and the text, for the status file), shuts
//! its side down, and reads `ok` or one line that says why not.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use tracing::{info, warn};

/// Size of the status file, which never changes. What is longer is cut.
pub const STATUS_FILE_BYTES: usize = 4096;

/// Longest wait for one answer: a Pi Zero takes a second to start a process,
/// and the card may take several to write.
const DEADLINE: Duration = Duration::from_secs(20);

/// Longest answer that is read.
const MAX_ANSWER_BYTES: u64 = 1024;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Restart the system.
    Reboot,
    /// Switch the system off.
    PowerOff,
    /// Restart what keeps the Wi-Fi connected.
    RestartWpaSupplicant,
    /// Unload the camera's kernel module and load it again.
    ReloadCamera,
    /// Unload the Wi-Fi's kernel modules and load them again.
    ReloadWifi,
    /// Rewrite the status file on the card's FAT partition.
    WriteStatus(String),
}

impl Word {
    /// As the helper reads it.
    #[must_use]
    pub const fn text(&self) -> &'static str {
        match self {
            Self::Reboot => "reboot",
            Self::PowerOff => "power-off",
            Self::RestartWpaSupplicant => "restart-wpa-supplicant",
            Self::ReloadCamera => "reload-camera",
            Self::ReloadWifi => "reload-wifi",
            Self::WriteStatus(_) => "write-status",
        }
    }
}

/// Asks the helper at `socket` and waits for its answer, at most 20 s for each
/// step.
///
/// # Errors
/// [`PrivilegedError`] unless the helper said that it is done.
pub fn ask(socket: &Path, word: &Word) -> Result<(), PrivilegedError> {
    let word_text = word.text();
    let stream = UnixStream::connect(socket).map_err(|source| PrivilegedError::NoHelper {
        socket: socket.into(),
        source,
    })?;
    let answer = exchange(stream, word).map_err(|source| PrivilegedError::NoAnswer {
        word: word_text,
        source,
    })?;
    match answer.trim() {
        "ok" => Ok(()),
        "" => Err(PrivilegedError::NoAnswer {
            word: word_text,
            source: io::ErrorKind::UnexpectedEof.into(),
        }),
        why => Err(PrivilegedError::Refused {
            word: word_text,
            why: why.lines().next().unwrap_or(why).into(),
        }),
    }
}

/// As [`ask`], in a thread of its own; what comes of it is logged.
pub fn ask_in_background(socket: &Path, word: Word) {
    ask_between(socket, word, || ());
}

/// As [`ask_in_background`], after `first` was done; what that gives lives until
/// the answer has come.
pub fn ask_between<G>(socket: &Path, word: Word, first: impl FnOnce() -> G + Send + 'static) {
    let socket = socket.to_owned();
    in_background(move || {
        let _until_answered = first();
        match ask(&socket, &word) {
            Ok(()) => info!(word = word.text(), "the helper has done it"),
            Err(error) => warn!("{error}"),
        }
    });
}

/// As [`ask`], in a thread of its own, which hands the answer to `then`.
pub fn ask_and_then(
    socket: &Path,
    word: Word,
    then: impl FnOnce(Result<(), PrivilegedError>) + Send + 'static,
) {
    let socket = socket.to_owned();
    in_background(move || then(ask(&socket, &word)));
}

fn in_background(work: impl FnOnce() + Send + 'static) {
    let spawned = thread::Builder::new().name("privileged".into()).spawn(work);
    if let Err(error) = spawned {
        warn!("the system has no more threads: {error}");
    }
}

fn exchange(mut stream: UnixStream, word: &Word) -> io::Result<String> {
    stream.set_write_timeout(Some(DEADLINE))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let mut request = format!("{}\n", word.text());
    if let Word::WriteStatus(text) = word {
        request.push_str(&text[..text.floor_char_boundary(STATUS_FILE_BYTES)]);
    }
    stream.write_all(request.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER_BYTES).read_to_string(&mut answer)?;
    Ok(answer)
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegedError {
    /// Nothing listens, or not for this user.
    #[error(
        "the helper that may do what needs root is not reached at {}: {source}; `systemctl start zerocam-privileged.socket` starts it",
        socket.display()
    )]
    NoHelper {
        /// Where it was looked for.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It ended, or took too long.
    #[error(
        "the helper gave no answer to `{word}`: {source}; `journalctl -u 'zerocam-privileged@*'` says more"
    )]
    NoAnswer {
        /// What was asked.
        word: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It said no.
    #[error("the helper did not do `{word}`: {why}")]
    Refused {
        /// What was asked.
        word: &'static str,
        /// Its reason.
        why: String,
    },
}
