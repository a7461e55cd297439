//! TLS: one client configuration for the stream and the check-ins, and a stream
//! whose two directions do not wait for each other.
//!
//! ChaCha20-Poly1305 comes first: on the ARM1176, which has no AES
//! instructions, it takes 26 instructions a byte against more than 160 for
//! AES-GCM. One configuration means one set of roots in memory and one cache of
//! sessions: a check-in spares the stream its full handshake.

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    CipherSuite, ClientConfig, ClientConnection, RootCertStore, SupportedCipherSuite,
    client::Resumption,
    crypto::{CryptoProvider, ring},
    time_provider::TimeProvider,
};
use rustls_pki_types::{CertificateDer, UnixTime, pem::PemObject};

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file is missing, unreadable or no PEM.
    #[error("ca_file {path}: {detail}: give a readable file with PEM certificates", path = .path.display())]
    CaFile {
        /// The configured path.
        path: PathBuf,
        /// What went wrong.
        detail: String,
    },
    /// Neither the system nor the configuration names an authority.
    #[error(
        "no certificate authorities found: install the package ca-certificates, or set ca_file"
    )]
    NoRoots,
}

/// Trusts the system's authorities and those in `ca_file`. Without `secure`
/// nothing is loaded: no connection will use it.
pub(super) fn client_config(
    ca_file: Option<&Path>,
    secure: bool,
) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    if secure {
        // What the system's store holds beside usable certificates is its own
        // affair; an empty result is an error below.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca_file {
            add_file(&mut roots, path)?;
        }
        if roots.is_empty() {
            return Err(TlsError::NoRoots);
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .expect("ring's suites serve TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The same trust, in certificates that are valid at `time` whatever the clock
/// shows. A resumed session would not be verified anew: there is none.
pub(super) fn as_of(time: UnixTime, config: &ClientConfig) -> Arc<ClientConfig> {
    let mut config = config.clone();
    config.time_provider = Arc::new(At(time));
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

#[derive(Debug)]
struct At(UnixTime);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsError> {
    let error = |detail: String| TlsError::CaFile {
        path: path.into(),
        detail,
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|e| error(e.to_string()))?;
    let mut added = 0;
    for certificate in certificates {
        let certificate = certificate.map_err(|e| error(e.to_string()))?;
        roots.add(certificate).map_err(|e| error(e.to_string()))?;
        added += 1;
    }
    if added == 0 {
        return Err(error("holds no certificate".into()));
    }
    Ok(())
}

fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    let is_chacha = |suite: &SupportedCipherSuite| {
        matches!(
            suite.suite(),
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        )
    };
    // Stable: the order among the others stays.
    provider
        .cipher_suites
        .sort_by_key(|suite| !is_chacha(suite));
    provider
}

/// A TLS connection over a socket that may not be ready.
///
/// `rustls::StreamOwned` finishes pending writes before it reads; with the
/// uplink full that would leave the service's messages unread. Here a read
/// only reads and a write only writes.
#[derive(Debug)]
pub(super) struct TlsStream<S> {
    connection: ClientConnection,
    socket: S,
}

/// Most ciphertext that waits here for the socket. What waits in rustls can no
/// longer be dropped, so it is little: two TLS records.
const BUFFERED_BYTES: usize = 32 * 1024;

impl<S: Read + Write> TlsStream<S> {
    /// Takes over a connection and does the handshake; `socket` blocks under a
    /// deadline of its own.
    pub(super) fn handshake(mut connection: ClientConnection, mut socket: S) -> io::Result<Self> {
        connection.set_buffer_limit(Some(BUFFERED_BYTES));
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Self { connection, socket })
    }

    pub(super) const fn socket(&self) -> &S {
        &self.socket
    }

    pub(super) const fn socket_mut(&mut self) -> &mut S {
        &mut self.socket
    }

    fn write_ciphertext(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut self.socket) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<S: Read + Write> Read for TlsStream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                decrypted => return decrypted,
            }
            // At the end of the stream this reads nothing and the reader above
            // tells a clean end from a torn one.
            self.connection.read_tls(&mut self.socket)?;
            if let Err(error) = self.connection.process_new_packets() {
                // The alert tells the other side; whether it gets there or not.
                let _ = self.write_ciphertext();
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }
}

impl<S: Read + Write> Write for TlsStream<S> {
    fn write(&mut self, plaintext: &[u8]) -> io::Result<usize> {
        self.write_ciphertext()?;
        let taken = self.connection.writer().write(plaintext)?;
        match self.write_ciphertext() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_ciphertext()?;
        self.socket.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chacha_comes_first() {
        let suites = provider().cipher_suites;
        let first = suites[0].suite();
        assert_eq!(first, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
        assert_eq!(suites.len(), ring::DEFAULT_CIPHER_SUITES.len());
    }

    #[test]
    fn a_bad_ca_file_is_named() {
        let text = |path: &Path| client_config(Some(path), true).unwrap_err().to_string();
        let missing = text(Path::new("/nonexistent/ca.pem"));
        assert!(missing.contains("/nonexistent/ca.pem"), "{missing}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, "hello").unwrap();
        assert!(
            text(&file).contains("holds no certificate"),
            "{}",
            text(&file)
        );
        let begin = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&file, begin).unwrap();
        assert!(text(&file).contains("ca.pem"), "{}", text(&file));
    }
}
