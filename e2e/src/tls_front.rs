//! The TLS in front of a service, as a reverse proxy provides it: its
//! certificate can be replaced while it runs.
//!
//! One thread accepts; one per connection passes both directions on.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::{
    CipherSuite, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// How soon bytes in either direction and commands are noticed.
const TICK: Duration = Duration::from_millis(5);

/// Who signs certificates.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A server's certificate with its key.
#[derive(Debug, Clone)]
pub struct Identity(Arc<ServerConfig>);

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// When there is no randomness.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("randomness");
        Self(CertifiedIssuer::self_signed(params, key).expect("a sound certificate"))
    }

    /// Writes its own certificate as PEM, for `ca_file`.
    ///
    /// # Panics
    /// When there is no room for it.
    pub fn write(&self, path: &Path) {
        std::fs::write(path, self.pem()).expect("room for temporary files");
    }

    /// Its own certificate as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `host`.
    #[must_use]
    pub fn certify(&self, host: &str) -> Identity {
        self.sign(CertificateParams::new([host.to_owned()]).expect("a host's name"))
    }

    /// A certificate for `host` that was valid once.
    #[must_use]
    pub fn certify_for_the_past(&self, host: &str) -> Identity {
        let mut params = CertificateParams::new([host.to_owned()]).expect("a host's name");
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("randomness");
        let certificate = params
            .signed_by(&key, &self.0)
            .expect("a sound certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has all of rustls's versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("the key is the certificate's");
        Identity(Arc::new(config))
    }
}

/// The running front.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    identity: Mutex<Identity>,
    suites: Mutex<Vec<CipherSuite>>,
    closing: AtomicBool,
}

impl TlsFront {
    /// In front of a service on this machine.
    ///
    /// # Panics
    /// When the machine has no free port.
    #[must_use]
    pub fn before(upstream: SocketAddr, identity: Identity) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("sockets can poll");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            upstream,
            identity: Mutex::new(identity),
            suites: Mutex::default(),
            closing: AtomicBool::new(false),
        });
        let acceptor = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.accept(&listener))
        };
        Self {
            address,
            shared,
            acceptor: Some(acceptor),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shows this certificate to everybody who connects from now on.
    pub fn show(&self, identity: Identity) {
        *locked(&self.shared.identity) = identity;
    }

    /// What the connections that came about agreed on.
    #[must_use]
    pub fn suites(&self) -> Vec<CipherSuite> {
        locked(&self.shared.suites).clone()
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        if let Some(acceptor) = self.acceptor.take() {
            // A panic in there has been printed.
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        let mut connections = Vec::new();
        while !self.closing.load(Ordering::Relaxed) {
            let Ok((client, _)) = listener.accept() else {
                thread::sleep(TICK);
                continue;
            };
            let shared = Arc::clone(self);
            // How a connection ends is seen by both of its ends.
            connections.push(thread::spawn(move || drop(shared.serve(client))));
        }
        for connection in connections {
            // A panic in there has been printed.
            let _ = connection.join();
        }
    }

    fn serve(&self, client: TcpStream) -> io::Result<()> {
        let Identity(config) = locked(&self.identity).clone();
        client.set_nonblocking(false)?;
        client.set_nodelay(true)?;
        client.set_read_timeout(Some(TICK))?;
        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut client = StreamOwned::new(connection, client);
        while client.conn.is_handshaking() {
            match client.conn.complete_io(&mut client.sock) {
                Err(error) if !is_timeout(&error) => return Err(error),
                _ if self.closing.load(Ordering::Relaxed) => return Ok(()),
                _ => {}
            }
        }
        locked(&self.suites).extend(client.conn.negotiated_cipher_suite().map(|it| it.suite()));
        let mut server = TcpStream::connect(self.upstream)?;
        server.set_nodelay(true)?;
        server.set_read_timeout(Some(TICK))?;
        while !self.closing.load(Ordering::Relaxed) {
            if !pass(&mut client, &mut server)? || !pass(&mut server, &mut client)? {
                break;
            }
        }
        client.conn.send_close_notify();
        client.flush()
    }
}

/// Passes on what is there; `false` at the end.
fn pass(from: &mut impl Read, to: &mut impl Write) -> io::Result<bool> {
    let mut buffer = [0; 16 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(count) => {
                to.write_all(&buffer[..count])?;
                to.flush()?;
                if count < buffer.len() {
                    return Ok(true);
                }
            }
            Err(error) if is_timeout(&error) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
