//! The control socket: `zerocam start`, `stop` and `status` ask the running
//! daemon.
//!
//! A client connects to the Unix socket, writes one line of JSON and reads one.
//! Lines are bounded and every wait has a deadline, so that no client holds the
//! daemon up; clients are served one after the other. A lock file beside the
//! socket keeps a second daemon away from it.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crossbeam_channel::Sender;
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use serde::{Deserialize, Serialize};
use tracing::{debug, warn};

use crate::status::Status;

/// Longest request and answer.
const MAX_LINE_BYTES: u64 = 16 * 1024;

/// How long one read, write or decision may take.
const DEADLINE: Duration = Duration::from_secs(3);

/// Pause after a client could not be taken.
const PAUSE: Duration = Duration::from_millis(100);

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Request {
    /// Capture and stream.
    Start,
    /// Close the camera.
    Stop,
    /// Aim at another bitrate until the configuration is read again.
    Bitrate {
        /// Bits per second.
        bitrate_bps: u32,
    },
    /// Say how things are.
    Status,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Done; how things are now.
    Status(Box<Status>),
    /// Refused; why and what to do.
    Refused(String),
}

/// A request that waits for the supervisor's answer.
#[derive(Debug)]
pub struct Asked {
    /// What was asked.
    pub request: Request,
    /// Takes one answer.
    pub answer: Sender<Answer>,
}

/// The listening socket. Dropping it removes it.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
    listener: UnixListener,
    _lock: File,
}

impl ControlSocket {
    /// Listens at `path`, for members of the same group, and passes requests
    /// on.
    ///
    /// # Errors
    /// [`ControlError`] when another daemon listens there, or the path cannot
    /// be used.
    pub fn bind(path: &Path, requests: Sender<Asked>) -> Result<Self, ControlError> {
        let unusable = |source| ControlError::Unusable {
            path: path.into(),
            source,
        };
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(unusable)?;
        }
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let lock = File::create(lock_path).map_err(unusable)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| ControlError::AnotherDaemon { path: path.into() })?;
        // Left behind by a daemon that was killed: the lock says that it is gone.
        let _ = fs::remove_file(path);
        let listener = UnixListener::bind(path).map_err(unusable)?;
        fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(unusable)?;
        let accepting = listener.try_clone().map_err(unusable)?;
        thread::Builder::new()
            .name("control".into())
            .spawn(move || {
                serve_all(accepting.incoming(), &requests);
            })
            .map_err(unusable)?;
        Ok(Self {
            path: path.into(),
            listener,
            _lock: lock,
        })
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        // Ends the thread that accepts.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
    }
}

/// Serves one after the other until the socket is shut down.
fn serve_all(clients: impl Iterator<Item = io::Result<UnixStream>>, requests: &Sender<Asked>) {
    let mut failing = false;
    for client in clients {
        match client.map_err(|error| (Errno::from_io_error(&error), error)) {
            Ok(client) => {
                failing = false;
                if let Err(error) = serve(&client, requests) {
                    debug!(%error, "a client of the control socket was not served");
                }
            }
            // What accept(2) says of a socket that no longer listens.
            Err((Some(Errno::INVAL), _)) => return,
            // A client that is gone already, or too many open files.
            Err((_, error)) => {
                if !failing {
                    warn!(%error, "a client of the control socket was not taken");
                }
                failing = true;
                thread::sleep(PAUSE);
            }
        }
    }
}

fn serve(client: &UnixStream, requests: &Sender<Asked>) -> Result<(), AskError> {
    client.set_read_timeout(Some(DEADLINE))?;
    client.set_write_timeout(Some(DEADLINE))?;
    let request = receive(client)?;
    let (answer, answered) = crossbeam_channel::bounded(1);
    let asked = Asked { request, answer };
    let busy = |_| AskError::Io(io::ErrorKind::TimedOut.into());
    requests
        .send_timeout(asked, DEADLINE)
        .map_err(|_| busy(()))?;
    let answer = answered.recv_timeout(DEADLINE).map_err(|_| busy(()))?;
    send(client, &answer)
}

/// Asks the daemon that listens at `path`.
///
/// # Errors
/// [`AskError`] when there is none, or it does not answer.
pub fn ask(path: &Path, request: Request) -> Result<Answer, AskError> {
    let client = UnixStream::connect(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            AskError::NoDaemon { path: path.into() }
        }
        io::ErrorKind::PermissionDenied => AskError::NotPermitted { path: path.into() },
        _ => AskError::Io(source),
    })?;
    client.set_write_timeout(Some(DEADLINE))?;
    client.set_read_timeout(Some(3 * DEADLINE))?;
    send(&client, &request)?;
    receive(&client)
}

fn send<T: Serialize>(mut to: &UnixStream, message: &T) -> Result<(), AskError> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(to.write_all(&line)?)
}

fn receive<T: for<'a> Deserialize<'a>>(from: &UnixStream) -> Result<T, AskError> {
    let mut line = Vec::new();
    BufReader::new(from.take(MAX_LINE_BYTES)).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line)?)
}

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Somebody holds the lock.
    #[error(
        "another zerocam daemon is running: it holds {}; stop it first, or configure another [daemon] socket",
        path.display()
    )]
    AnotherDaemon {
        /// The socket.
        path: PathBuf,
    },
    /// The directory is missing or not writable.
    #[error("cannot listen at {}: {source}", path.display())]
    Unusable {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nothing listens.
    #[error(
        "no zerocam daemon is running: nothing listens at {}; start it with `zerocam run` or `systemctl start zerocam`",
        path.display()
    )]
    NoDaemon {
        /// The socket.
        path: PathBuf,
    },
    /// The socket belongs to somebody else.
    #[error("you may not use {}: run this as root or as a member of its group", path.display())]
    NotPermitted {
        /// The socket.
        path: PathBuf,
    },
    /// The other side is too slow or gone.
    #[error("the zerocam daemon does not answer: {0}")]
    Io(#[from] io::Error),
    /// The other side is something else.
    #[error("not understood at the control socket: {0}")]
    NotUnderstood(#[from] serde_json::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening() -> (tempfile::TempDir, PathBuf, ControlSocket) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/control.sock");
        let (requests, asked) = crossbeam_channel::bounded::<Asked>(1);
        let socket = ControlSocket::bind(&path, requests).unwrap();
        thread::spawn(move || {
            for Asked { request, answer } in asked {
                let _ = answer.send(Answer::Refused(format!("{request:?}")));
            }
        });
        (directory, path, socket)
    }

    #[test]
    fn a_question_and_its_answer() {
        let (_directory, path, socket) = listening();
        for request in [Request::Start, Request::Stop, Request::Status] {
            let answer = ask(&path, request).unwrap();
            assert_eq!(answer, Answer::Refused(format!("{request:?}")));
        }
        drop(socket);
        assert!(matches!(
            ask(&path, Request::Status),
            Err(AskError::NoDaemon { .. })
        ));
    }

    #[test]
    fn a_client_that_cannot_be_taken_is_not_the_end() {
        let (requests, asked) = crossbeam_channel::unbounded::<Asked>();
        let connect = || {
            let (mut client, ours) = UnixStream::pair().unwrap();
            client.write_all(b"{\"do\":\"start\"}\n").unwrap();
            (client, Ok(ours))
        };
        let ((_one, first), (_two, second)) = (connect(), connect());
        let failure = |errno: Errno| Err(errno.into());
        let clients = [
            failure(Errno::MFILE),
            failure(Errno::CONNABORTED),
            first,
            failure(Errno::INVAL),
            second,
        ];
        let answering = thread::spawn(move || {
            let answer = |asked: Asked| asked.answer.send(Answer::Refused("no".into()));
            asked.into_iter().map(answer).filter(Result::is_ok).count()
        });
        serve_all(clients.into_iter(), &requests);
        drop(requests);
        assert_eq!(answering.join().unwrap(), 1, "those before the end");
    }

    #[test]
    fn what_is_no_request_is_not_served() {
        let (_directory, path, _socket) = listening();
        for junk in ["\n", "{}\n", "{\"do\":\"dance\"}\n", &"x".repeat(20_000)] {
            let mut client = UnixStream::connect(&path).unwrap();
            // The socket may be closed before all was taken.
            let _ = client.write_all(junk.as_bytes());
            let _ = client.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            let _ = client.read_to_end(&mut answer);
            assert!(answer.is_empty(), "{junk}");
        }
        assert!(ask(&path, Request::Status).is_ok());
    }

    #[test]
    fn one_daemon_at_a_socket() {
        let (_directory, path, socket) = listening();
        let (requests, _asked) = crossbeam_channel::bounded(1);
        let second = ControlSocket::bind(&path, requests.clone()).unwrap_err();
        assert!(matches!(second, ControlError::AnotherDaemon { .. }));
        assert!(
            ask(&path, Request::Status).is_ok(),
            "the first still listens"
        );
        drop(socket);
        fs::write(&path, "left behind").unwrap();
        assert!(ControlSocket::bind(&path, requests).is_ok());
    }
}
