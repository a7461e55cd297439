//! TLS: a private authority works, everything else is refused and explained.

use std::{net::TcpStream, path::Path, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::{
    CipherSuite, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use zerocam::uplink::{LinkState, QueueLimits, Uplink, UplinkEvent, queue};

use crate::rig::{PATIENCE, Rig, Service, config, numbers};

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(crate) fn write(&self, path: &Path) {
        std::fs::write(path, self.0.pem()).unwrap();
    }

    /// A server's configuration with a certificate for `name`.
    pub(crate) fn server(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let certificate: CertificateDer<'static> = certificate.der().clone();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Arc::new(config)
    }
}

type Tls = StreamOwned<ServerConnection, TcpStream>;

/// `Err` when the camera turns away.
pub(crate) fn accept_tls(rig: &Rig, config: Arc<ServerConfig>) -> std::io::Result<Tls> {
    let mut tcp = rig.accept_tcp();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut connection = ServerConnection::new(config).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut tcp)?;
    }
    Ok(StreamOwned::new(connection, tcp))
}

/// A rig that dials `https://localhost` and trusts the authority in `ca_file`.
pub(crate) fn secure_rig(ca_file: &Path) -> Rig {
    Rig::with(|config| {
        config.url = config.url.replace("http://127.0.0.1", "https://localhost");
        config.ca_file = Some(ca_file.to_owned());
    })
}

#[test]
fn a_private_authority_is_trusted_once_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let authority = Authority::new("ours");
    authority.write(&ca_file);
    let config = authority.server("localhost", |_| {});

    let mut rig = secure_rig(&ca_file);
    rig.camera.payload_bytes = 50_000;
    rig.camera.shoot(50);
    rig.start();
    for connection in 1..=2 {
        let tls = accept_tls(&rig, Arc::clone(&config)).unwrap();
        let suite = tls.conn.negotiated_cipher_suite().unwrap().suite();
        assert_eq!(suite, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
        let mut service = Service::over(tls);
        let hello = service.hello();
        assert_eq!(hello.connection, connection);
        assert!(hello.public_url.starts_with("https://localhost:"));
        service.welcome(None);
        assert_eq!(service.frames(50), numbers(0..50));
    }
}

#[test]
fn messages_are_read_while_writes_are_stuck() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let authority = Authority::new("ours");
    authority.write(&ca_file);

    let mut rig = secure_rig(&ca_file);
    rig.camera.payload_bytes = 1_200_000;
    rig.camera.shoot(4);
    rig.start();
    let tls = accept_tls(&rig, authority.server("localhost", |_| {})).unwrap();
    let mut service = Service::over(tls);
    service.hello();
    service.welcome(None);
    rig.camera.wait_until_taken();
    // 5 MB wait for a service that reads nothing but speaks.
    service.say(&zerocam_protocol::ServiceMessage::Viewers { count: 9 });
    rig.until(|event| *event == UplinkEvent::Viewers(9));
    assert_eq!(service.frames_until(zerocam_protocol::Frame(3)).len(), 4);
}

const UNKNOWN_ISSUER: &str = "the certificate of localhost is from an unknown issuer: set ca_file to the certificate of your own authority, or check that no proxy reads along";

#[test]
fn bad_certificates_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let trusted = Authority::new("ours");
    let (stranger, remade) = (Authority::new("theirs"), Authority::new("ours"));
    trusted.write(&ca_file);
    for (config, expected) in [
        (
            trusted.server("localhost", |params| {
                params.not_after = date_time_ymd(2020, 1, 1)
            }),
            "the certificate of localhost has expired, or this camera's clock is wrong: check the date, then renew the certificate",
        ),
        (
            trusted.server("localhost", |params| {
                params.not_before = date_time_ymd(2999, 1, 1)
            }),
            "the certificate of localhost is not valid yet: this camera's clock is probably behind, check the date",
        ),
        (
            trusted.server("barn.example", |_| {}),
            "the certificate is not for localhost but for barn.example: check the service's address",
        ),
        (stranger.server("localhost", |_| {}), UNKNOWN_ISSUER),
        (remade.server("localhost", |_| {}), UNKNOWN_ISSUER),
    ] {
        let rig = secure_rig(&ca_file);
        rig.start();
        assert!(accept_tls(&rig, config).is_err());
        let event =
            rig.until(|event| matches!(event, UplinkEvent::State(LinkState::Waiting { .. }, _)));
        let UplinkEvent::State(_, reason) = event else {
            unreachable!()
        };
        assert_eq!(reason, expected);
    }
}

#[test]
fn a_server_without_tls_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    Authority::new("ours").write(&ca_file);
    let rig = secure_rig(&ca_file);
    rig.start();
    let mut tcp = rig.accept_tcp();
    std::io::Write::write_all(&mut tcp, b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    let event =
        rig.until(|event| matches!(event, UplinkEvent::State(LinkState::Waiting { .. }, _)));
    let UplinkEvent::State(_, reason) = event else {
        unreachable!()
    };
    assert!(
        reason.starts_with(
            "localhost answers without encryption: does its address begin with http://"
        ),
        "{reason}"
    );
}

#[test]
fn authorities_that_were_validated_are_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    Authority::new("ours").write(&ca_file);
    let mut config = config("https://localhost");
    config.ca_file = Some(ca_file.clone());
    config.validate().unwrap();
    std::fs::remove_file(ca_file).unwrap();
    let (_frames, queued) = queue(QueueLimits::default());
    let (report, _events) = crossbeam_channel::bounded(1);
    assert!(Uplink::spawn(config, queued, report).is_ok());
}
