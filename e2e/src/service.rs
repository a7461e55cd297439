//! The real `zerocam-cloud`, in a directory of its own.

use std::{fs, net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::Value;
use tempfile::TempDir;

use crate::{Program, program::built, within};

/// How soon the service listens.
const START: Duration = Duration::from_secs(2);
/// How soon a camera that sends is seen.
const LIVE: Duration = Duration::from_secs(5);

/// What a service is started with; the same signing key every time.
#[derive(Debug)]
pub struct ServiceHome {
    directory: TempDir,
    signing_key: String,
    ffmpeg: PathBuf,
    settings: String,
    memory: Option<TempDir>,
}

impl Default for ServiceHome {
    fn default() -> Self {
        Self::new()
    }
}

impl ServiceHome {
    /// A new service with a new signing key and the ffmpeg of the PATH.
    ///
    /// # Panics
    /// When there is no room for temporary files.
    #[must_use]
    pub fn new() -> Self {
        let made = Program::run(Command::new(built("zerocam-cloud")).arg("signing-key"));
        Self {
            directory: TempDir::new().expect("room for temporary files"),
            signing_key: made.trim().to_owned(),
            ffmpeg: "ffmpeg".into(),
            settings: String::new(),
            memory: None,
        }
    }

    /// A service that remembers what its owner has ended.
    ///
    /// # Panics
    /// When there is no room for temporary files.
    #[must_use]
    pub fn with_memory(mut self) -> Self {
        self.memory = Some(TempDir::new().expect("room for temporary files"));
        self
    }

    /// Another ffmpeg.
    #[must_use]
    pub fn with_ffmpeg(mut self, ffmpeg: impl Into<PathBuf>) -> Self {
        self.ffmpeg = ffmpeg.into();
        self
    }

    /// More lines of its configuration.
    #[must_use]
    pub fn with_settings(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.settings);
        self
    }

    /// The secret behind all keys and links.
    #[must_use]
    pub fn signing_key(&self) -> &str {
        &self.signing_key
    }

    /// The key of a camera.
    #[must_use]
    pub fn camera_key(&self, camera: &str) -> String {
        Program::run(self.command(0).args(["key", camera]))
            .trim()
            .to_owned()
    }

    /// The service's command, to listen on a port of the loopback interface.
    fn command(&self, port: u16) -> Command {
        let config = self.directory.path().join("zerocam-cloud.toml");
        let text = format!(
            "listen = \"127.0.0.1:{port}\"\nplain_http = true\nsigning_key = {:?}\nffmpeg = {:?}\n{}",
            self.signing_key,
            self.ffmpeg.display().to_string(),
            self.settings,
        );
        fs::write(&config, text).expect("room for temporary files");
        let mut command = Command::new(built("zerocam-cloud"));
        command.arg("--config").arg(config);
        for variable in [
            "PORT",
            "ZEROCAM_SIGNING_KEY",
            "ZEROCAM_MEMORY",
            "K_REVISION",
        ] {
            command.env_remove(variable);
        }
        command
    }

    /// Starts the program without waiting for it to listen.
    #[must_use]
    pub fn launch(&self, port: u16) -> Program {
        let mut command = self.command(port);
        if let Some(place) = &self.memory {
            command.env("ZEROCAM_MEMORY", place.path());
        }
        Program::start("zerocam-cloud", command.arg("run"))
    }

    /// Starts the service; 0 lets the system choose the port.
    #[must_use]
    pub fn start(&self, port: u16) -> Service<'_> {
        self.listening(self.launch(port))
    }

    /// Starts the service as a host does that names what was deployed.
    #[must_use]
    pub fn deploy(&self, revision: &str) -> Service<'_> {
        let mut command = self.command(0);
        command.env("K_REVISION", revision).arg("run");
        self.listening(Program::start(revision, &mut command))
    }

    fn listening(&self, program: Program) -> Service<'_> {
        let line = program.wait_for_line("listening on http://", START);
        let address = line
            .rsplit_once("http://")
            .and_then(|(_, address)| address.parse().ok())
            .unwrap_or_else(|| panic!("no address in {line:?}"));
        Service {
            home: self,
            program,
            address,
        }
    }
}

/// A running service.
#[derive(Debug)]
pub struct Service<'a> {
    pub(crate) home: &'a ServiceHome,
    /// The process.
    pub program: Program,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Service<'_> {
    /// Its address as a base for paths, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A link to a camera's page.
    #[must_use]
    pub fn link(&self, camera: &str) -> String {
        self.link_by(&self.url(), camera)
    }

    /// A link to a camera's page by an address that leads here.
    #[must_use]
    pub fn link_by(&self, url: &str, camera: &str) -> String {
        let arguments = ["link", camera, "--control", "--url", url];
        let printed = Program::run(self.home.command(0).args(arguments));
        let link = printed.lines().next().expect("a link was printed");
        assert!(link.starts_with(url), "{link}");
        link.to_owned()
    }

    /// A link for watching only.
    #[must_use]
    pub fn viewers_link(&self, camera: &str) -> String {
        let url = self.url();
        let arguments = ["link", camera, "--url", &url];
        Program::run(self.home.command(0).args(arguments))
            .trim()
            .to_owned()
    }

    /// Ends a link by the owner's command; it says what happened. The service has
    /// to have a memory.
    #[must_use]
    pub fn revoke(&self, link: &str) -> String {
        let mut command = self.home.command(0);
        command.args(["revoke", link, "--url"]).arg(self.url());
        Program::run(&mut command)
    }

    /// A viewer's link that ended long ago, as no command prints it.
    ///
    /// # Panics
    /// When the signing key is none.
    #[must_use]
    pub fn expired_link(&self, camera: &str) -> String {
        let signed = format!("view.{camera}.expired.1000000000");
        let key = BASE64_URL_SAFE_NO_PAD.decode(&self.home.signing_key);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key.expect("a signing key"));
        let mac =
            BASE64_URL_SAFE_NO_PAD.encode(&hmac::sign(&key, signed.as_bytes()).as_ref()[..16]);
        format!("{}/watch/{camera}/?token={signed}.{mac}", self.url())
    }

    /// The token in a camera's link.
    ///
    /// # Panics
    /// When the link has none.
    #[must_use]
    pub fn token(&self, camera: &str) -> String {
        let link = self.link(camera);
        let (_, token) = link.split_once("?token=").expect("a link carries a token");
        token.to_owned()
    }

    /// The camera's plain HLS, for players without cookies.
    #[must_use]
    pub fn playlist_url(&self, camera: &str) -> String {
        let token = self.token(camera);
        format!("{}/t/{token}/watch/{camera}/plain.m3u8", self.url())
    }

    /// Where the status API tells of a camera.
    #[must_use]
    pub fn status_url(&self, camera: &str) -> String {
        let token = self.token(camera);
        format!("{}/t/{token}/api/cameras/{camera}", self.url())
    }

    /// What the status API says of a camera.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn status(&self, camera: &str) -> Value {
        status_at(&self.status_url(camera))
    }

    /// Waits until a camera is live; gives its status.
    pub fn wait_until_live(&self, camera: &str) -> Value {
        self.wait_for_state(camera, "live", LIVE)
    }

    /// Waits until a camera is in a state; gives its status.
    pub fn wait_for_state(&self, camera: &str, state: &str, designed: Duration) -> Value {
        let url = self.status_url(camera);
        within(designed, &format!("{camera} is {state}"), || {
            let status = status_at(&url);
            (status["state"] == state).then_some(status)
        })
    }
}

/// What the status API says at an address of its own.
///
/// # Panics
/// When it does not answer.
#[must_use]
pub fn status_at(url: &str) -> Value {
    let mut answer = ureq::get(url).call().expect("the service answers");
    answer.body_mut().read_json().expect("the status is JSON")
}
