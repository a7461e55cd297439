//! Where the service is: the configured address, taken apart and checked.

use std::net::IpAddr;

use tungstenite::http::{Uri, uri::Scheme};
use zerocam_config_file::Secret;
use zerocam_protocol::{
    CameraName,
    token::{Malformed, Right, Token},
};

use super::UplinkConfig;

/// Why an address or a key cannot be used. An address may hold what nobody should
/// read in a log, a viewer's link for one: at most scheme and host are shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// No URL, or one without scheme and host.
    #[error("no address of a service: write it as https://cam.example")]
    Url,
    /// A URL of something else.
    #[error("scheme {scheme:?} is not supported: write the address as https://cam.example")]
    Scheme {
        /// What stood in front of `://`.
        scheme: String,
    },
    /// More than scheme, host and port.
    #[error(
        "the one at {host} has more than scheme, host and port: give only the service's address, as in https://cam.example"
    )]
    Path {
        /// Scheme and host.
        host: String,
    },
    /// A port that no service can have.
    #[error("its port is none: ports go from 1 to 65535, and https:// needs none")]
    Port,
    /// Plain text to another machine.
    #[error(
        "{url} is not encrypted, anybody on the way could watch and take the key: use https://, or set allow_plain = true on a network of your own"
    )]
    Plain {
        /// The configured text, which is no more than an address.
        url: String,
    },
    /// The key is no token.
    #[error("the camera key is unusable: {0}")]
    Key(#[from] Malformed),
    /// A viewer's link in place of the key.
    #[error(
        "the configured key is a viewer's link: `zerocam-cloud key {camera}` makes the camera's key"
    )]
    ViewerKey {
        /// The camera that the link is for.
        camera: CameraName,
    },
}

/// A service and the camera that it knows us as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Whether it is reached over TLS.
    pub(super) secure: bool,
    /// Name or address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) camera: CameraName,
    /// Host and port as they stand in a URL.
    authority: String,
}

/// Which camera the key is for.
pub(super) fn camera(key: &Secret) -> Result<CameraName, InvalidEndpoint> {
    let grant = Token::parse(key.expose())?.grant;
    match grant.right {
        Right::Feed { .. } => Ok(grant.camera),
        _ => Err(InvalidEndpoint::ViewerKey {
            camera: grant.camera,
        }),
    }
}

impl Endpoint {
    pub(super) fn new(config: &UplinkConfig) -> Result<Self, InvalidEndpoint> {
        let url = config.url.trim();
        let uri: Uri = url.parse().map_err(|_| InvalidEndpoint::Url)?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(InvalidEndpoint::Url);
        };
        let secure = match scheme.as_str() {
            _ if *scheme == Scheme::HTTPS => true,
            _ if *scheme == Scheme::HTTP => false,
            "wss" => true,
            "ws" => false,
            other => {
                return Err(InvalidEndpoint::Scheme {
                    scheme: other.to_owned(),
                });
            }
        };
        let beyond = uri
            .path_and_query()
            .is_some_and(|path| path.as_str() != "/");
        if beyond || url.contains(['@', '#']) {
            let host = format!("{scheme}://{}", authority.host());
            return Err(InvalidEndpoint::Path { host });
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() || authority.as_str().ends_with(':') {
            return Err(InvalidEndpoint::Url);
        }
        if !secure && !config.allow_plain && !is_loopback(&host) {
            return Err(InvalidEndpoint::Plain { url: url.into() });
        }
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => Some(if secure { 443 } else { 80 }),
            _ => authority.port_u16().filter(|&port| port > 0),
        };
        Ok(Self {
            secure,
            host,
            port: port.ok_or(InvalidEndpoint::Port)?,
            camera: camera(&config.key)?,
            authority: authority.as_str().to_owned(),
        })
    }

    /// The stream's WebSocket.
    pub(super) fn stream_url(&self) -> String {
        let (scheme, camera) = (if self.secure { "wss" } else { "ws" }, &self.camera);
        format!("{scheme}://{}/api/cameras/{camera}/stream", self.authority)
    }

    /// Where the camera checks in.
    pub(super) fn checkin_url(&self) -> String {
        format!("{}/api/cameras/{}/checkin", self.public_url(), self.camera)
    }

    /// Where the service says that it is alive.
    pub(super) fn live_url(&self) -> String {
        format!("{}/health/live", self.public_url())
    }

    /// Scheme and authority as a browser writes them.
    pub(super) fn public_url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use zerocam_config_file::Secret;

    use super::*;
    use crate::uplink::RingLimits;

    fn endpoint(url: &str, allow_plain: bool, key: &str) -> Result<Endpoint, InvalidEndpoint> {
        Endpoint::new(&UplinkConfig {
            url: url.into(),
            key: Secret::new(key.into()),
            ca_file: None,
            allow_plain,
            device: "dev-1".parse().unwrap(),
            ring: RingLimits::default(),
            trust: None,
            software: String::new(),
        })
    }

    const KEY: &str = "camera.garden.1.c2ln";

    #[test]
    fn addresses() {
        for (url, stream, public, host, port) in [
            (
                "https://cam.example",
                "wss://cam.example/api/cameras/garden/stream",
                "https://cam.example",
                "cam.example",
                443,
            ),
            (
                " wss://cam.example:8443/ ",
                "wss://cam.example:8443/api/cameras/garden/stream",
                "https://cam.example:8443",
                "cam.example",
                8443,
            ),
            (
                "http://localhost:8080",
                "ws://localhost:8080/api/cameras/garden/stream",
                "http://localhost:8080",
                "localhost",
                8080,
            ),
            (
                "ws://[::1]",
                "ws://[::1]/api/cameras/garden/stream",
                "http://[::1]",
                "::1",
                80,
            ),
        ] {
            let endpoint = endpoint(url, false, KEY).unwrap();
            assert_eq!(endpoint.stream_url(), stream);
            assert_eq!(endpoint.public_url(), public);
            assert_eq!(
                endpoint.checkin_url(),
                format!("{public}/api/cameras/garden/checkin")
            );
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port));
        }
    }

    #[test]
    fn refusals_say_what_to_write() {
        let text = |url| endpoint(url, false, KEY).unwrap_err().to_string();
        for url in [
            "",
            "cam.example",
            "https://",
            "https://:443",
            "https://cam:",
            "https://a b",
        ] {
            assert!(
                text(url).contains("write it as https://"),
                "{url}: {}",
                text(url)
            );
        }
        for url in [
            "https://cam.example/watch/garden/",
            "https://cam.example/?token=x",
            "https://me:pw@cam.example",
            "https://cam.example/#x",
        ] {
            assert!(
                text(url).contains("only the service's address"),
                "{url}: {}",
                text(url)
            );
        }
        assert!(text("ftp://cam.example").contains("scheme \"ftp\""));
    }

    #[test]
    fn a_port_that_is_none_is_refused() {
        for url in [
            "https://cam.example:99999",
            "https://cam.example:0",
            "https://[::1]:70000",
        ] {
            assert_eq!(
                endpoint(url, false, KEY).unwrap_err(),
                InvalidEndpoint::Port
            );
        }
    }

    #[test]
    fn nothing_secret_is_repeated() {
        for url in [
            "https://cam.example/watch/garden/?token=hunter2",
            "https://cam.example/watch/garden/#hunter2",
            "https://me:hunter2@cam.example",
            "https://me:hunter2@cam.example:8443/",
            "https://me:hunter2 @cam.example",
            "me:hunter2@cam.example",
            "camera.garden.1.hunter2",
        ] {
            let refused = endpoint(url, true, KEY).unwrap_err().to_string();
            assert!(!refused.contains("hunter2"), "{url}: {refused}");
        }
        let refused = endpoint("https://me:x@cam.example", false, KEY).unwrap_err();
        assert!(refused.to_string().contains("https://cam.example has more"));
    }

    #[test]
    fn plain_text_stays_on_this_machine() {
        for url in [
            "http://192.168.1.5:8080",
            "ws://cam.example",
            "http://127.evil.example",
        ] {
            let refused = endpoint(url, false, KEY).unwrap_err().to_string();
            assert!(refused.contains("allow_plain = true"), "{refused}");
            assert!(!endpoint(url, true, KEY).unwrap().secure);
        }
        assert!(endpoint("http://127.0.0.1:1", false, KEY).is_ok());
    }

    #[test]
    fn the_key_names_the_camera() {
        let key = |key| {
            endpoint("https://cam.example", false, key)
                .unwrap_err()
                .to_string()
        };
        assert!(key("").contains("copy it whole"));
        assert!(key("view.garden.x.0.mac").contains("zerocam-cloud key garden"));
    }
}
