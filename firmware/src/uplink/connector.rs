//! Opens a connection in a thread of its own: name, TCP, TLS, WebSocket, each
//! under a deadline, every failure one plain sentence.
//!
//! Name resolution blocks and cannot be interrupted, which is why this is not
//! done in the upload thread. That thread may give an attempt up at any time;
//! the connector then finishes for nobody.

mod transport;
mod upgrade;

use std::{
    io,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};
use rustls::{ClientConfig, ClientConnection};
use rustls_pki_types::ServerName;
use tungstenite::WebSocket;
use zerocam_config_file::Secret;

pub(super) use transport::Transport;

use super::{
    connection::Number, endpoint::Endpoint, failure::Failure, tls::TlsStream, waker::Waker,
};
use transport::Wire;

/// A connection to the service that has not been greeted yet.
pub(super) type Socket = WebSocket<Transport>;

/// Longest wait for one address of the service.
const TCP_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest time for TCP over all addresses, TLS and upgrade together.
const SETUP_TIMEOUT: Duration = Duration::from_secs(15);

/// Attempts that may be stuck in name resolution before no more are begun.
const MOST_THREADS: usize = 3;

/// Starts attempts and collects their results.
#[derive(Debug)]
pub(super) struct Connector {
    target: Arc<Target>,
    results: Receiver<Attempt>,
    report: Sender<Attempt>,
    waker: Arc<Waker>,
}

#[derive(Debug)]
struct Target {
    endpoint: Arc<Endpoint>,
    key: Secret,
    tls: Arc<ClientConfig>,
}

/// What came of an attempt.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) number: Number,
    pub(super) result: Result<Socket, Failure>,
}

impl Connector {
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        key: Secret,
        tls: Arc<ClientConfig>,
        waker: Arc<Waker>,
    ) -> Self {
        let (report, results) = crossbeam_channel::bounded(MOST_THREADS);
        Self {
            target: Arc::new(Target { endpoint, key, tls }),
            results,
            report,
            waker,
        }
    }

    /// Begins an attempt; its result comes later.
    ///
    /// # Errors
    /// [`Failure::Local`] when no thread can be had.
    pub(super) fn begin(&self, number: Number) -> Result<(), Failure> {
        // Each thread holds a share of the target.
        if Arc::strong_count(&self.target) > MOST_THREADS {
            return Err(Failure::TimedOut {
                host: "the name server".into(),
            });
        }
        let (target, report) = (Arc::clone(&self.target), self.report.clone());
        let waker = Arc::clone(&self.waker);
        std::thread::Builder::new()
            .name("connector".into())
            .spawn(move || {
                let result = connect(&target);
                drop(target);
                // Nobody listens any more when the uplink has ended.
                let _ = report.send(Attempt { number, result });
                waker.wake();
            })
            .map(drop)
            .map_err(Failure::Local)
    }

    /// The result of an attempt, if one has come.
    pub(super) fn result(&self) -> Option<Attempt> {
        self.results.try_recv().ok()
    }
}

fn connect(target: &Target) -> Result<Socket, Failure> {
    let endpoint = &target.endpoint;
    let host = &endpoint.host;
    let not_found = |detail: String| Failure::NameNotFound {
        host: host.clone(),
        detail,
    };
    let addresses: Vec<_> = (host.as_str(), endpoint.port)
        .to_socket_addrs()
        .map_err(|error| not_found(error.to_string()))?
        .collect();
    // The name server's time is not the service's.
    let deadline = Instant::now() + SETUP_TIMEOUT;
    let mut failure = not_found("the name has no address".into());
    for address in addresses {
        match open_tcp(address, deadline, host) {
            Ok(tcp) => {
                let wire = Wire::until(tcp, deadline);
                let transport = secure(wire, target)?;
                return upgrade::upgrade(transport, endpoint, &target.key);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn open_tcp(address: SocketAddr, deadline: Instant, host: &str) -> Result<TcpStream, Failure> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Failure::TimedOut { host: host.into() });
    }
    let tcp = TcpStream::connect_timeout(&address, left.min(TCP_TIMEOUT)).map_err(|error| {
        if error.kind() == io::ErrorKind::ConnectionRefused {
            Failure::Refused {
                address: address.to_string(),
            }
        } else {
            Failure::from_io(error, host)
        }
    })?;
    transport::tune(&tcp).map_err(Failure::Local)?;
    Ok(tcp)
}

fn secure(wire: Wire, target: &Target) -> Result<Transport, Failure> {
    let endpoint = &target.endpoint;
    if !endpoint.secure {
        return Ok(Transport::Plain(wire));
    }
    let host = endpoint.host.clone();
    let tls = ServerName::try_from(host.clone())
        .map_err(|error| rustls::Error::General(error.to_string()))
        .and_then(|name| ClientConnection::new(Arc::clone(&target.tls), name))
        .map_err(|error| Failure::from_tls(error, host.clone()))?;
    let stream = TlsStream::handshake(tls, wire).map_err(|error| Failure::from_io(error, &host))?;
    Ok(Transport::Tls(Box::new(stream)))
}
