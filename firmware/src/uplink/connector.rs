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
    addresses::{by_turns, patience},
    connection::Number,
    endpoint::Endpoint,
    failure::Failure,
    tls::TlsStream,
    waker::Waker,
};
use transport::Wire;

/// A connection to the service that has not been greeted yet.
pub(super) type Socket = WebSocket<Transport>;

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
    let addresses = (host.as_str(), endpoint.port)
        .to_socket_addrs()
        .map_err(|error| not_found(error.to_string()))?;
    let addresses = by_turns(addresses);
    if addresses.is_empty() {
        return Err(not_found("the name has no address".into()));
    }
    // The name server's time is not the service's.
    let deadline = Instant::now() + SETUP_TIMEOUT;
    let tcp = reach(&addresses, deadline, host)?;
    transport::tune(&tcp).map_err(Failure::Local)?;
    let transport = secure(Wire::until(tcp, deadline), target)?;
    upgrade::upgrade(transport, endpoint, &target.key)
}

/// The first of the addresses that answers.
fn reach(addresses: &[SocketAddr], deadline: Instant, host: &str) -> Result<TcpStream, Failure> {
    let mut failure = Failure::TimedOut { host: host.into() };
    for (tried, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let patience = patience(left, addresses.len() - tried);
        match TcpStream::connect_timeout(address, patience) {
            Ok(tcp) => return Ok(tcp),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                failure = Failure::Refused {
                    address: address.to_string(),
                };
            }
            Err(error) => failure = Failure::from_io(error, host),
        }
    }
    Err(failure)
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use socket2::{Domain, SockAddr, Socket, Type};

    use super::*;

    /// A place that never answers: its queue is full, and the kernel drops what
    /// would join it.
    fn black_hole() -> (Socket, Socket) {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        listener.bind(&SockAddr::from(anywhere)).unwrap();
        listener.listen(0).unwrap();
        let queued = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        queued.connect(&listener.local_addr().unwrap()).unwrap();
        (listener, queued)
    }

    #[test]
    fn addresses_that_lead_nowhere_leave_time_for_one_that_works() {
        let black_holes = [black_hole(), black_hole(), black_hole()];
        let service = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = service.local_addr().unwrap();
        let mut addresses: Vec<_> = black_holes
            .iter()
            .map(|(listener, _)| listener.local_addr().unwrap().as_socket().unwrap())
            .collect();
        addresses.push(service);
        let deadline = Instant::now() + Duration::from_secs(5);
        let reached = reach(&addresses, deadline, "cam.example").unwrap();
        assert_eq!(reached.peer_addr().unwrap(), service);
    }
}
