//! The requests that this program makes itself: one HTTP client, which trusts
//! whom the system trusts. Blocking; every exchange ends within its deadline.

use std::{sync::Arc, time::Duration};

use rustls::crypto::ring;
use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
};

/// A client whose exchanges end within this time. Whatever a peer answers is an
/// answer; redirects are not followed.
#[must_use]
pub fn agent(timeout: Duration) -> Agent {
    let found = rustls_native_certs::load_native_certs().certs;
    let trusted = found
        .iter()
        .map(|der| Certificate::from_der(der).to_owned())
        .collect();
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(trusted)))
        .build();
    Agent::config_builder()
        .timeout_global(Some(timeout))
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        // Outside, there is nobody in between.
        .proxy(None)
        // An open connection may stay with whom requests no longer go to.
        .max_idle_connections(0)
        .build()
        .new_agent()
}
