//! Listens, serves connections, and ends.
//!
//! Every wait on a peer has a deadline: request heads and idle connections by
//! hyper, bodies where they are read, and what a peer does not take by the
//! kernel. Ending is bounded as a whole.

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::{
    join,
    net::{TcpListener, TcpStream},
    select,
    sync::{Semaphore, watch},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::io::InspectWriter;
use tower::ServiceExt;
use tracing::{debug, info, warn};

use crate::{config::Settings, handover, http, media::Spawner, memory, service::Service};

/// A request's head arrives within this time, and a connection without a
/// request is closed after it.
const IDLE: Duration = Duration::from_secs(30);

/// The same for connections that come while more than half of all are taken: who
/// holds many without using them does not shut the others out for long.
const IDLE_WHILE_CROWDED: Duration = Duration::from_secs(3);

/// A peer takes what it asked for within this time, or the connection ends.
const UNTAKEN: Duration = Duration::from_secs(30);

/// The same while the service stops, and for requests that are still on their
/// way. Longer than an instant stream waits then for another frame.
const UNTAKEN_WHILE_STOPPING: Duration = Duration::from_millis(1500);

/// Everything ends within this time after SIGTERM: Cloud Run kills the process
/// after ten seconds.
const STOP_DEADLINE: Duration = Duration::from_millis(8500);

/// What of it is kept for farewells and running requests, when cameras do not
/// move to another instance.
const LAST_REQUESTS: Duration = Duration::from_millis(1500);

/// What of it writing to the memory may take.
const LAST_WRITE: Duration = Duration::from_secs(3);

/// What a connection holds of a response that its peer does not take, before
/// and in the kernel: a slow viewer's frames wait in the live window instead,
/// where they can be skipped. A quarter of a second of 2 Mb/s each.
const UNWRITTEN_BYTES: usize = 64 * 1024;
const UNSENT_BYTES: u32 = 64 * 1024;

/// How long to wait when no connection can be accepted, for want of file
/// descriptors as a rule.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// The service, bound to its address.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    service: Arc<Service>,
}

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something else listens there.
    #[error(
        "{address} is taken by another program: stop it, or set `listen` or PORT to another port"
    )]
    PortTaken {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The address is not this machine's, the port is privileged, ...
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No thread for ffmpeg's children.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

impl Server {
    /// Binds to the address in the settings. From here on clients can connect,
    /// and are answered once [`Self::run`] runs.
    ///
    /// # Errors
    /// [`StartError`] when the address cannot be had.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        let address = settings.listen;
        let listen = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => StartError::PortTaken { address },
            _ => StartError::Listen { address, source },
        };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let spawner = Spawner::start().map_err(StartError::Thread)?;
        Ok(Self {
            listener,
            address,
            service: Arc::new(Service::new(settings, spawner)),
        })
    }

    /// The address actually bound.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` completes, then ends within a few seconds. Where
    /// another instance takes over, it is served until the cameras have moved
    /// there; then cameras that are left are told, and who takes the answer to a
    /// running request gets it.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        self.service.memory.open().await;
        let handover = tokio::spawn(handover::watch(self.service.clone()));
        let remembering = tokio::spawn(memory::keep(self.service.clone()));
        self.serve_until(shutdown).await;
        let end = Instant::now() + STOP_DEADLINE;
        if self.service.instance.revision.is_some() {
            info!("sending the cameras to another instance");
            let leaving = self.service.send_cameras_away();
            self.serve_until(timeout_at(end - LAST_REQUESTS, leaving))
                .await;
        }
        let Self {
            listener, service, ..
        } = self;
        drop(listener);
        info!("stopping");
        let remember = timeout(LAST_WRITE, service.memory.close(&service));
        let stop = async { join!(service.stop(), remember) };
        if timeout_at(end, stop).await.is_err() {
            warn!("stopping although some requests are not finished");
        }
        handover.abort();
        remembering.abort();
    }

    async fn serve_until(&self, end: impl Future) {
        let router = http::router(self.service.clone());
        // Idle connections are no requests, but take a file descriptor each.
        let most = 2 * self.service.settings.concurrency;
        let room = Arc::new(Semaphore::new(most));
        let mut end = pin!(end);
        loop {
            let accepted = select! {
                accepted = self.listener.accept() => accepted,
                _ = &mut end => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            };
            // Closed at once, so that nobody waits for an answer in vain.
            let Ok(permit) = room.clone().try_acquire_owned() else {
                debug!(%peer, "refused: too many connections are open");
                continue;
            };
            let idle = if room.available_permits() < most / 2 {
                IDLE_WHILE_CROWDED
            } else {
                IDLE
            };
            prepare(&stream);
            let connection = serve(stream, peer, idle, router.clone(), self.service.stopping());
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    debug!(%peer, %error, "connection ended");
                }
                drop(permit);
            });
        }
    }
}

/// Serves one connection. When the service stops, it ends after the request
/// that runs, or when its peer does not take the answer.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    idle: Duration,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) -> hyper::Result<()> {
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let taken = Arc::new(AtomicU64::new(0));
    let taking = taken.clone();
    let stream = InspectWriter::new(stream, move |bytes| {
        taking.fetch_add(bytes.len() as u64, Relaxed);
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_buf_size(UNWRITTEN_BYTES)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    let mut connection = pin!(connection);
    select! {
        ended = connection.as_mut() => return ended,
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    connection.as_mut().graceful_shutdown();
    loop {
        let taken_before = taken.load(Relaxed);
        match timeout(UNTAKEN_WHILE_STOPPING, connection.as_mut()).await {
            Ok(ended) => return ended,
            Err(_) if taken.load(Relaxed) == taken_before => return Ok(()),
            Err(_) => {}
        }
    }
}

/// Sockets answer at once, hide no backlog, and do not wait for peers that are
/// gone. Not every system knows all of it, and without it they still work.
fn prepare(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    for (option, set) in [
        ("TCP_NODELAY", socket.set_tcp_nodelay(true)),
        (
            "TCP_NOTSENT_LOWAT",
            socket.set_tcp_notsent_lowat(UNSENT_BYTES),
        ),
        (
            "TCP_USER_TIMEOUT",
            socket.set_tcp_user_timeout(Some(UNTAKEN)),
        ),
    ] {
        if let Err(error) = set {
            debug!(option, %error, "a socket's option cannot be set");
        }
    }
}
