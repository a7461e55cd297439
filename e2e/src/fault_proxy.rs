//! A TCP proxy that misbehaves as networks do, on command.
//!
//! What it can do to what passes is in [`Fault`]. It buffers next to nothing,
//! and neither do its sockets (16 KiB each way), so that what it holds up is
//! noticed by the sender and not hidden in kernel buffers.
//!
//! It can also behave as the front of a host such as Cloud Run: requests are cut
//! at a limit, and each one goes to the upstream of its moment.
//!
//! Threads: one accepts, two per connection pump one direction each. They look
//! at the faults every 10 ms at least, so a command acts at once.

mod fault;
mod front;
mod pump;

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::net::sockopt;

pub use fault::{Fault, UnknownFault};
use pump::{Direction, Link, pump};

/// Each socket's buffer, either way.
const SOCKET_BUFFER_BYTES: usize = 16 * 1024;
/// The same, as a front: it holds up nothing.
const FRONT_BUFFER_BYTES: usize = 256 * 1024;
/// How soon a change of faults is seen.
const TICK: Duration = Duration::from_millis(10);
/// How long the service may take to answer a dial.
const DIAL_DEADLINE: Duration = Duration::from_secs(5);

/// A running proxy; ends when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    network: Arc<Network>,
    acceptor: Option<JoinHandle<()>>,
}

/// What all threads see.
#[derive(Debug)]
struct Network {
    conditions: Mutex<Conditions>,
    connections: Mutex<Vec<Arc<Connection>>>,
    up: Mutex<Link>,
    down: Mutex<Link>,
    closing: AtomicBool,
}

/// What applies to everything that passes.
#[derive(Debug, Clone)]
struct Conditions {
    upstream: SocketAddr,
    delay: Duration,
    bytes_per_second: Option<u64>,
    blackout: bool,
    limit: Option<Duration>,
    front: bool,
}

/// One connection through the proxy, open or over.
#[derive(Debug)]
struct Connection {
    opened: Instant,
    stalled: AtomicBool,
    cut_off: AtomicBool,
    reset: AtomicBool,
    /// What the client sent.
    upload: Mutex<Vec<u8>>,
    download_bytes: AtomicU64,
}

/// Its two sockets. Both pumps hold them; they close with the last one.
#[derive(Debug)]
struct Sockets {
    client: TcpStream,
    server: TcpStream,
}

impl FaultProxy {
    /// Listens on `listen` and passes everything on to `upstream`.
    ///
    /// # Errors
    /// When the address is taken.
    pub fn start(listen: SocketAddr, upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen)?;
        // Accepted sockets inherit it.
        sockopt::set_socket_recv_buffer_size(&listener, SOCKET_BUFFER_BYTES)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let network = Arc::new(Network {
            conditions: Mutex::new(Conditions {
                upstream,
                delay: Duration::ZERO,
                bytes_per_second: None,
                blackout: false,
                limit: None,
                front: false,
            }),
            connections: Mutex::default(),
            up: Mutex::new(Link::new()),
            down: Mutex::new(Link::new()),
            closing: AtomicBool::new(false),
        });
        let acceptor = {
            let network = Arc::clone(&network);
            thread::spawn(move || network.accept(&listener))
        };
        Ok(Self {
            address,
            network,
            acceptor: Some(acceptor),
        })
    }

    /// Between a camera and a service, both on this machine.
    ///
    /// # Panics
    /// When the machine has no free port.
    #[must_use]
    pub fn before(upstream: SocketAddr) -> Self {
        Self::start(([127, 0, 0, 1], 0).into(), upstream).expect("a free port")
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does something to the network, from now on.
    pub fn apply(&self, fault: &Fault) {
        let network = &self.network;
        match fault {
            Fault::Delay(delay) => network.conditions().delay = *delay,
            Fault::Rate(rate) => network.conditions().bytes_per_second = *rate,
            Fault::Blackout(on) => network.conditions().blackout = *on,
            Fault::Upstream(address) => network.conditions().upstream = *address,
            Fault::Limit(limit) => network.conditions().limit = *limit,
            Fault::Front(on) => network.conditions().front = *on,
            Fault::Stall(on) => network.each(|open| open.stalled.store(*on, Ordering::Relaxed)),
            Fault::HalfOpen => network.each(|open| open.cut_off.store(true, Ordering::Relaxed)),
            Fault::Reset => network.each(|open| open.reset.store(true, Ordering::Relaxed)),
        }
    }

    /// What clients sent, one recording per connection in the order of opening.
    #[must_use]
    pub fn uploads(&self) -> Vec<Vec<u8>> {
        self.network
            .connections()
            .iter()
            .map(|connection| locked(&connection.upload).clone())
            .collect()
    }

    /// Connections opened so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.network.connections().len()
    }

    /// Bytes passed so far, from clients and to them.
    #[must_use]
    pub fn traffic_bytes(&self) -> (u64, u64) {
        let connections = self.network.connections();
        connections.iter().fold((0, 0), |(up, down), connection| {
            (
                up + locked(&connection.upload).len() as u64,
                down + connection.download_bytes.load(Ordering::Relaxed),
            )
        })
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.network.closing.store(true, Ordering::Relaxed);
        if let Some(acceptor) = self.acceptor.take() {
            // A panic in there has been printed.
            let _ = acceptor.join();
        }
    }
}

impl Network {
    fn conditions(&self) -> MutexGuard<'_, Conditions> {
        locked(&self.conditions)
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Arc<Connection>>> {
        locked(&self.connections)
    }

    fn link(&self, direction: Direction) -> MutexGuard<'_, Link> {
        locked(match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        })
    }

    fn each(&self, act: impl Fn(&Connection)) {
        for connection in self.connections().iter() {
            act(connection);
        }
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Accepts until the proxy is dropped, then waits for all connections.
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        let mut pumps: Vec<JoinHandle<()>> = Vec::new();
        while !self.is_closing() {
            let Conditions {
                upstream,
                blackout,
                front,
                ..
            } = *self.conditions();
            let buffer_bytes = if front {
                FRONT_BUFFER_BYTES
            } else {
                SOCKET_BUFFER_BYTES
            };
            // In a blackout nobody is there to accept: callers hang.
            let accepted = if blackout {
                None
            } else {
                listener.accept().ok()
            };
            match accepted.map(|(client, _)| Sockets::open(client, upstream, buffer_bytes)) {
                None => thread::sleep(TICK),
                // The service is not there, and the caller's socket is closed.
                Some(Err(_)) => {}
                Some(Ok(sockets)) => {
                    let (sockets, connection) = (Arc::new(sockets), Arc::new(Connection::new()));
                    self.connections().push(Arc::clone(&connection));
                    for direction in [Direction::Up, Direction::Down] {
                        let network = Arc::clone(self);
                        let connection = Arc::clone(&connection);
                        let sockets = Arc::clone(&sockets);
                        pumps.push(thread::spawn(move || {
                            pump(&network, &connection, &sockets, direction);
                        }));
                    }
                }
            }
        }
        for pump in pumps {
            // A panic in there has been printed.
            let _ = pump.join();
        }
    }
}

impl Connection {
    fn new() -> Self {
        Self {
            opened: Instant::now(),
            stalled: AtomicBool::new(false),
            cut_off: AtomicBool::new(false),
            reset: AtomicBool::new(false),
            upload: Mutex::default(),
            download_bytes: AtomicU64::new(0),
        }
    }
}

impl Sockets {
    fn open(client: TcpStream, upstream: SocketAddr, buffer_bytes: usize) -> io::Result<Self> {
        let server = TcpStream::connect_timeout(&upstream, DIAL_DEADLINE)?;
        client.set_nonblocking(false)?;
        for socket in [&client, &server] {
            sockopt::set_socket_send_buffer_size(socket, buffer_bytes)?;
            sockopt::set_socket_recv_buffer_size(socket, buffer_bytes)?;
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(TICK))?;
            socket.set_write_timeout(Some(TICK))?;
        }
        Ok(Self { client, server })
    }

    /// Where bytes of a direction come from, and where they go.
    fn ends(&self, direction: Direction) -> (&TcpStream, &TcpStream) {
        match direction {
            Direction::Up => (&self.client, &self.server),
            Direction::Down => (&self.server, &self.client),
        }
    }

    /// Lets both ends see a TCP reset when the sockets close.
    fn close_with_reset(&self) {
        for socket in [&self.client, &self.server] {
            // Fails on a socket that is closed, which is the aim.
            let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
