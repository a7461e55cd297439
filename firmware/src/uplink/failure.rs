//! Why no connection came about, each as one plain sentence that says what to
//! do, and how soon trying again makes sense.

use std::fmt::Write;

use rustls::{CertificateError, InvalidMessage};
use rustls_pki_types::UnixTime;

/// What keeps the camera from its service.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(
        "no address is known for {host}: check the service's address and whether this network reaches the internet ({detail})"
    )]
    NameNotFound { host: String, detail: String },
    #[error("{address} refuses connections: check the service's address and that the service runs")]
    Refused { address: String },
    #[error("{host} did not answer in time: check the network and that the service runs")]
    TimedOut { host: String },
    #[error("{host} cannot be reached: {source}; check the network")]
    Unreachable {
        host: String,
        source: std::io::Error,
    },
    #[error(
        "{host} closed the connection while it was being set up: check the service's address and its log"
    )]
    Interrupted { host: String },
    #[error(
        "the certificate of {host} has expired, or this camera's clock is wrong: check the date, then renew the certificate"
    )]
    CertificateExpired { host: String },
    #[error(
        "the certificate of {host} is not valid yet: this camera's clock is probably behind, check the date"
    )]
    CertificateNotYetValid {
        host: String,
        /// When it begins to be, as it says itself.
        not_before: Option<UnixTime>,
    },
    #[error("the certificate is not for {host} but for {names}: check the service's address")]
    CertificateOfOther { host: String, names: String },
    #[error(
        "the certificate of {host} is from an unknown issuer: set ca_file to the certificate of your own authority, or check that no proxy reads along"
    )]
    UnknownIssuer { host: String },
    #[error("the certificate of {host} cannot be trusted: {detail}")]
    Certificate {
        host: String,
        detail: CertificateError,
    },
    #[error(
        "{host} answers without encryption: does its address begin with http:// instead of https://, or has it another port?"
    )]
    NotEncrypted { host: String },
    #[error("no encrypted connection to {host}: {source}; check address and port")]
    Tls { host: String, source: rustls::Error },
    #[error("the service does not take this camera's key{}: make a new one with `zerocam-cloud key`", quoted(.text))]
    KeyUnknown { text: String },
    #[error("the service forbids this camera{}: use the key of this camera", quoted(.text))]
    KeyOfOther { text: String },
    #[error("{host} has no zerocam service at this address (404){}: check the service's address", quoted(.text))]
    NotFound { host: String, text: String },
    #[error("camera and service do not understand each other{}", quoted(.text))]
    VersionMismatch { text: String },
    #[error("the service takes no cameras at the moment{}: trying again", quoted(.text))]
    Unavailable { text: String },
    #[error(
        "{host} answers with something else than a zerocam service ({what}): a proxy or the login page of a Wi-Fi network may be in the way, or the service's address is wrong"
    )]
    NotTheService { host: String, what: String },
    #[error("{host} answered {status}{}: see the service's log", quoted(.text))]
    Status {
        host: String,
        status: u16,
        text: String,
    },
    #[error("the system has no resources for another connection: {0}")]
    Local(std::io::Error),
}

/// How soon trying again makes sense, and who must be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// It may pass by itself: soon, then less and less often.
    Retry,
    /// Another device must leave first.
    NameTaken,
    /// Somebody must install another version.
    Update,
    /// Somebody must give the camera another key.
    Key,
}

impl Failure {
    pub(super) const fn remedy(&self) -> Remedy {
        match self {
            Self::KeyUnknown { .. } | Self::KeyOfOther { .. } => Remedy::Key,
            Self::VersionMismatch { .. } => Remedy::Update,
            _ => Remedy::Retry,
        }
    }

    /// From what a socket said while a connection to `host` was set up.
    pub(super) fn from_io(error: std::io::Error, host: &str) -> Self {
        use std::io::ErrorKind;
        let host = host.to_owned();
        if let Some(tls) = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            return Self::from_tls(tls.clone(), host);
        }
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused { address: host },
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::TimedOut { host },
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => Self::Interrupted { host },
            _ => Self::Unreachable {
                host,
                source: error,
            },
        }
    }

    /// From what rustls made of the handshake.
    pub(super) fn from_tls(error: rustls::Error, host: String) -> Self {
        let certificate = match error {
            rustls::Error::InvalidCertificate(certificate) => certificate,
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
                return Self::NotEncrypted { host };
            }
            source => return Self::Tls { host, source },
        };
        match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Self::CertificateExpired { host }
            }
            CertificateError::NotValidYet => Self::CertificateNotYetValid {
                host,
                not_before: None,
            },
            CertificateError::NotValidYetContext { not_before, .. } => {
                Self::CertificateNotYetValid {
                    host,
                    not_before: Some(not_before),
                }
            }
            CertificateError::NotValidForNameContext { presented, .. } => {
                Self::CertificateOfOther {
                    host,
                    names: presented_names(&presented),
                }
            }
            CertificateError::NotValidForName => Self::CertificateOfOther {
                host,
                names: "another name".into(),
            },
            // A private authority that was made anew has the old one's name, and
            // the old one's key does not fit.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Self::UnknownIssuer { host }
            }
            detail => Self::Certificate { host, detail },
        }
    }

    /// From an answer that is not the expected one.
    pub(super) fn from_answer(host: &str, status: u16, content_type: &str, body: &[u8]) -> Self {
        let host = host.to_owned();
        let page = content_type.contains("html") || body.trim_ascii_start().starts_with(b"<");
        let text = if page { String::new() } else { one_line(body) };
        match status {
            401 if !page => Self::KeyUnknown { text },
            403 if !page => Self::KeyOfOther { text },
            404 => Self::NotFound { host, text },
            426 => Self::VersionMismatch { text },
            503 => Self::Unavailable { text },
            300..=399 => Self::NotTheService {
                host,
                what: format!("a redirection, {status}"),
            },
            _ if page => Self::NotTheService {
                host,
                what: format!("a web page, {status}"),
            },
            200..=299 => Self::NotTheService {
                host,
                what: format!("status {status}"),
            },
            _ => Self::Status { host, status, text },
        }
    }
}

/// The names in a certificate, as many as fit a line. rustls gives each as
/// `DnsName("cam.example")`.
fn presented_names(presented: &[String]) -> String {
    const SHOWN: usize = 3;
    let bare = |name: &String| match name.split('"').nth(1) {
        Some(bare) => bare.to_owned(),
        None => name.clone(),
    };
    let shown: Vec<_> = presented.iter().take(SHOWN).map(bare).collect();
    let mut names = one_line(shown.join(", ").as_bytes());
    if presented.len() > SHOWN {
        let _ = write!(names, " and {} more", presented.len() - SHOWN);
    }
    if names.is_empty() {
        names.push_str("no name at all");
    }
    names
}

/// Somebody else's words made fit for a log: one line, printable, short.
pub(super) fn one_line(text: &[u8]) -> String {
    const LONGEST: usize = 200;
    let text = String::from_utf8_lossy(text);
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let words: String = printable.take(4 * LONGEST).collect();
    let line: String = words.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(LONGEST).collect()
}

fn quoted(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(" ({text})")
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn answers_become_sentences() {
        let html = b"<!doctype html><title>Log in</title>".as_slice();
        for (status, kind, body, expected) in [
            (
                401,
                "text/plain",
                b"unknown key\n".as_slice(),
                "does not take this camera's key (unknown key): make a new one",
            ),
            (
                403,
                "text/plain",
                b"key of barn",
                "forbids this camera (key of barn): use the key of this camera",
            ),
            (
                404,
                "text/html",
                html,
                "no zerocam service at this address (404): check",
            ),
            (
                426,
                "text/plain",
                b"update the camera",
                "understand each other (update the camera)",
            ),
            (503, "", b"", "takes no cameras at the moment: trying again"),
            (
                503,
                "text/html",
                html,
                "takes no cameras at the moment: trying again",
            ),
            (
                200,
                "text/html; charset=utf-8",
                html,
                "(a web page, 200): a proxy or the login page",
            ),
            (200, "text/plain", b"OK", "(status 200)"),
            (401, "text/html", html, "(a web page, 401)"),
            (302, "", b"", "(a redirection, 302)"),
            (
                500,
                "text/plain",
                b"oh\x1b[2J no\r\n",
                "answered 500 (oh [2J no): see the service's log",
            ),
        ] {
            let text = Failure::from_answer("cam.example", status, kind, body).to_string();
            assert!(text.contains(expected), "{status}: {text}");
        }
    }

    #[test]
    fn an_answer_of_any_length_becomes_one_line() {
        let long = "é\n".repeat(100_000);
        let line = one_line(long.as_bytes());
        assert_eq!(line.chars().count(), 200);
        assert!(!line.contains('\n'));
    }

    #[test]
    fn sockets_and_certificates_become_sentences() {
        let io = |kind: io::ErrorKind| Failure::from_io(kind.into(), "cam.example").to_string();
        assert!(io(io::ErrorKind::WouldBlock).contains("did not answer in time"));
        assert!(io(io::ErrorKind::ConnectionReset).contains("closed the connection"));
        assert!(io(io::ErrorKind::HostUnreachable).contains("cannot be reached"));
        let certificate = |error: CertificateError| {
            let inner = rustls::Error::InvalidCertificate(error);
            Failure::from_io(
                io::Error::new(io::ErrorKind::InvalidData, inner),
                "cam.example",
            )
            .to_string()
        };
        assert!(certificate(CertificateError::Expired).contains("clock is wrong"));
        assert!(certificate(CertificateError::NotValidYet).contains("clock is probably behind"));
        assert!(certificate(CertificateError::UnknownIssuer).contains("set ca_file"));
        assert!(certificate(CertificateError::NotValidForName).contains("not for cam.example"));
        assert!(certificate(CertificateError::Revoked).contains("cannot be trusted"));
        assert_eq!(presented_names(&[]), "no name at all");
        let many: Vec<String> = (0..5).map(|n| format!("DnsName(\"h{n}\")")).collect();
        assert_eq!(presented_names(&many), "h0, h1, h2 and 2 more");
    }
}
