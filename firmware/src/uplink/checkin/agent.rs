//! ureq with our TLS configuration, and our order of addresses.
//!
//! ureq builds a rustls configuration of its own from a provider and a list of
//! certificates. That would be a second root store in memory and a second
//! session cache, so this connector puts ours in its place.

use std::{sync::Arc, time::Duration};

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;
use std::io::{Read, Write};
use ureq::{
    Agent, Error,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{
            Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, TcpConnector,
            Transport, TransportAdapter,
        },
    },
};

use crate::uplink::{addresses::by_turns, endpoint::Endpoint, failure::Failure};

/// Longest wait for the name server.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait for the TCP and TLS connection. ureq gives about half of it to the
/// first address, and half of what each one had to the next.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(9);

/// An agent whose every exchange ends within `timeout`.
pub(super) fn agent(tls: Arc<ClientConfig>, timeout: Duration) -> Agent {
    let config = Config::builder()
        .timeout_global(Some(timeout))
        .timeout_resolve(Some(RESOLVE_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_response_header_size(16 * 1024)
        // The stream goes without a proxy, too.
        .proxy(None)
        // Exchanges are half a minute apart; a kept connection would be dead.
        .max_idle_connections(0)
        .build();
    let connector = ().chain(TcpConnector::default()).chain(TlsConnector(tls));
    Agent::with_parts(config, connector, ByTurns::default())
}

/// The system's addresses, so that both families are tried early.
#[derive(Debug, Default)]
struct ByTurns(DefaultResolver);

impl Resolver for ByTurns {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let mut addresses = self.0.resolve(uri, config, timeout)?;
        let turns = by_turns(addresses.iter().copied());
        addresses.copy_from_slice(&turns);
        Ok(addresses)
    }
}

/// What ureq's error means.
pub(super) fn failure(error: Error, endpoint: &Endpoint) -> Failure {
    let host = endpoint.host.clone();
    match error {
        Error::Io(error) => Failure::from_io(error, &host),
        Error::Rustls(error) => Failure::from_tls(error, host),
        Error::Timeout(_) => Failure::TimedOut { host },
        Error::HostNotFound => Failure::NameNotFound {
            host,
            detail: "not in the name server".into(),
        },
        Error::ConnectionFailed => Failure::TimedOut { host },
        error => Failure::NotTheService {
            host,
            what: error.to_string(),
        },
    }
}

#[derive(Debug)]
struct TlsConnector(Arc<ClientConfig>);

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let transport = chained.expect("the TCP connector before returns a transport or an error");
        if !details.needs_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = details
            .uri
            .host()
            .unwrap_or_default()
            .trim_matches(['[', ']']);
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::Tls("the host is no name that a certificate could have"))?;
        let mut connection =
            ClientConnection::new(Arc::clone(&self.0), name).map_err(Error::Rustls)?;
        let mut socket =
            TransportAdapter::new(transport.boxed(), Arc::clone(&details.current_time));
        socket.set_timeout(details.timeout);
        connection.complete_io(&mut socket)?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Either::B(TlsTransport {
            buffers,
            stream: StreamOwned::new(connection, socket),
        })))
    }
}

struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl std::fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsTransport")
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.sock.set_timeout(timeout);
        self.stream.write_all(&self.buffers.output()[..amount])?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.sock.set_timeout(timeout);
        let bytes = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(bytes);
        Ok(bytes > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
