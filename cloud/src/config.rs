//! What the owner may set: one TOML file, then the environment, then checked
//! as a whole into [`Settings`], which the rest of the program can trust.
//!
//! Left out: the command line (see [`crate::cli`]).

use std::{
    env, fmt, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use axum::http::{Uri, uri::Scheme};
use serde::Deserialize;
use zerocam_config_file::{ConfigError, Problem, Secret, refuse};

use crate::{
    access::{InvalidSigningKey, SigningKey},
    media::{MediaConfig, WindowLimits},
    memory::{InvalidPlace, Place},
};

/// The file, as written. `zerocam-cloud.toml` explains every key.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// The address under which viewers reach the service, scheme and host.
    pub public_url: Option<String>,
    /// Whether viewers come over plain HTTP, so that cookies must do without
    /// `Secure`.
    pub plain_http: bool,
    /// Signs camera keys and links.
    pub signing_key: Option<Secret>,
    /// File that holds the signing key.
    pub signing_key_file: Option<PathBuf>,
    /// Where is remembered what outlives the service: a directory or a bucket.
    pub memory: Option<String>,
    /// The ffmpeg program: a path, or a name to look up in PATH.
    pub ffmpeg: PathBuf,
    /// How far back viewers can rewind, in seconds; 0 leaves it to
    /// `window_bytes`.
    pub window_seconds: u32,
    /// Most memory for one camera's window, in bytes.
    pub window_bytes: usize,
    /// Most requests at a time.
    pub concurrency: usize,
    /// Most cameras.
    pub max_cameras: usize,
    /// Seconds after which a camera replaces its connection; 0 is never.
    pub move_after_s: Option<u32>,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 8080)),
            public_url: None,
            plain_http: false,
            signing_key: None,
            signing_key_file: None,
            memory: None,
            ffmpeg: "ffmpeg".into(),
            window_seconds: 120,
            window_bytes: 64 * 1024 * 1024,
            concurrency: 1000,
            max_cameras: 16,
            move_after_s: None,
        }
    }
}

/// What the environment adds to the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Environment {
    /// `PORT`: replaces the port of `listen`, as Cloud Run wants it.
    pub port: Option<String>,
    /// `ZEROCAM_SIGNING_KEY`: replaces both signing key settings.
    pub signing_key: Option<Secret>,
    /// `ZEROCAM_MEMORY`: replaces `memory`.
    pub memory: Option<String>,
    /// `K_REVISION`, which Cloud Run sets.
    pub revision: Option<String>,
}

impl Environment {
    /// Reads the process's environment; an empty variable counts as unset.
    #[must_use]
    pub fn read() -> Self {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            port: variable("PORT"),
            signing_key: variable("ZEROCAM_SIGNING_KEY").map(Secret::new),
            memory: variable("ZEROCAM_MEMORY"),
            revision: variable("K_REVISION"),
        }
    }
}

/// Seconds after which a camera opens its next connection on Cloud Run, which
/// ends every request, a WebSocket too, after 60 minutes.
const CLOUD_RUN_MOVE_AFTER_S: u32 = 3000;

/// File and environment, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Scheme and host for links, without a slash at the end.
    pub public_url: Option<String>,
    /// Whether cookies do without `Secure`.
    pub plain_http: bool,
    /// Signs camera keys and links.
    pub signing_key: SigningKey,
    /// Where is remembered what outlives the service.
    pub memory: Option<Place>,
    /// For every camera's pipeline.
    pub media: MediaConfig,
    /// Most requests at a time.
    pub concurrency: usize,
    /// Most cameras.
    pub max_cameras: usize,
    /// What `welcome.move_after_s` says.
    pub move_after_s: u32,
    /// What was deployed, where it is known: then the service hands its cameras
    /// over to a newer one.
    pub revision: Option<String>,
    /// How often the memory is read: what another instance was told holds here
    /// after this time.
    pub read_again: Duration,
}

/// How often the memory is read.
const READ_AGAIN: Duration = Duration::from_secs(30);

impl Settings {
    /// Reads the file, if there is one, and checks it with the environment.
    ///
    /// # Errors
    /// [`SettingsError`]: one line that says what to change.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, SettingsError> {
        let Some(path) = file else {
            return Self::resolve(Configuration::default(), environment);
        };
        Self::resolve(zerocam_config_file::read(path)?, environment).map_err(|error| match error {
            SettingsError::Value(problem) => refuse(path, &[problem]).into(),
            other => other,
        })
    }

    /// Checks a configuration with the environment.
    ///
    /// # Errors
    /// [`SettingsError`]: one line that says what to change.
    pub fn resolve(
        configuration: Configuration,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let signing_key = signing_key(&configuration, environment)?;
        let mut listen = configuration.listen;
        if let Some(port) = &environment.port {
            let port = port
                .parse()
                .map_err(|_| SettingsError::Port(port.clone()))?;
            listen.set_port(port);
        }
        // The window lists 7200 segments at most, of one second as a rule.
        in_range(
            "window_seconds",
            configuration.window_seconds as usize,
            0,
            7200,
        )?;
        if (1..10).contains(&configuration.window_seconds) {
            let text =
                "players need at least 10; write that, or 0 to keep what fits in window_bytes";
            return Err(SettingsError::of_key("window_seconds", text));
        }
        const MIB: usize = 1024 * 1024;
        in_range(
            "window_bytes",
            configuration.window_bytes,
            8 * MIB,
            64 * 1024 * MIB,
        )?;
        in_range("concurrency", configuration.concurrency, 10, 100_000)?;
        in_range("max_cameras", configuration.max_cameras, 1, 1000)?;
        let memory = match (&environment.memory, &configuration.memory) {
            (Some(text), _) => Some(text.parse()?),
            (None, Some(text)) => {
                let of_key = |error: InvalidPlace| SettingsError::of_key("memory", error);
                Some(text.parse().map_err(of_key)?)
            }
            (None, None) => None,
        };
        let public_url = configuration
            .public_url
            .map(|url| public_url(&url, configuration.plain_http))
            .transpose()
            .map_err(|error| SettingsError::of_key("public_url", error))?;
        Ok(Self {
            listen,
            public_url,
            plain_http: configuration.plain_http,
            signing_key,
            memory,
            media: MediaConfig {
                ffmpeg: configuration.ffmpeg,
                window: WindowLimits {
                    seconds: configuration.window_seconds,
                    bytes: configuration.window_bytes,
                },
            },
            concurrency: configuration.concurrency,
            max_cameras: configuration.max_cameras,
            move_after_s: match (configuration.move_after_s, &environment.revision) {
                (Some(seconds), _) => seconds,
                (None, Some(_)) => CLOUD_RUN_MOVE_AFTER_S,
                (None, None) => 0,
            },
            revision: environment.revision.clone(),
            read_again: READ_AGAIN,
        })
    }
}

fn signing_key(
    configuration: &Configuration,
    environment: &Environment,
) -> Result<SigningKey, SettingsError> {
    if let Some(text) = &environment.signing_key {
        return Ok(SigningKey::parse(text.expose())?);
    }
    match (&configuration.signing_key, &configuration.signing_key_file) {
        (Some(_), Some(_)) => Err(SettingsError::TwoSigningKeys),
        (Some(text), None) => Ok(SigningKey::parse(text.expose())?),
        (None, Some(path)) => {
            let text =
                fs::read_to_string(path).map_err(|source| SettingsError::SigningKeyFile {
                    path: path.clone(),
                    source,
                })?;
            Ok(SigningKey::parse(&text)?)
        }
        (None, None) => Err(SettingsError::NoSigningKey),
    }
}

fn in_range(
    key: &'static str,
    value: usize,
    least: usize,
    most: usize,
) -> Result<(), SettingsError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let text = format_args!("{value} is out of range; write {least} to {most}");
    Err(SettingsError::of_key(key, text))
}

/// Checks an address for links: scheme and host, nothing behind it.
///
/// # Errors
/// [`SettingsError::PublicUrl`] or [`SettingsError::PlainHttp`].
pub fn public_url(url: &str, plain_http: bool) -> Result<String, SettingsError> {
    let parsed: Uri = url.parse().map_err(|_| SettingsError::PublicUrl)?;
    let (Some(scheme), Some(authority)) = (parsed.scheme(), parsed.authority()) else {
        return Err(SettingsError::PublicUrl);
    };
    // Not with a name and password in front, which would be in every link, nor with
    // a port that there is not.
    let is_host_and_port = match authority.as_str().strip_prefix(authority.host()) {
        Some("") => true,
        Some(_) => authority.port_u16().is_some(),
        None => false,
    };
    let https = *scheme == Scheme::HTTPS;
    if !(https || *scheme == Scheme::HTTP)
        || !matches!(parsed.path(), "" | "/")
        || parsed.query().is_some()
        || !is_host_and_port
    {
        return Err(SettingsError::PublicUrl);
    }
    if !https && !plain_http {
        return Err(SettingsError::PlainHttp(url.to_owned()));
    }
    Ok(format!("{scheme}://{authority}"))
}

/// Why the service cannot run with what was set.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// `PORT`.
    #[error("PORT is {0:?}: it must be a number from 0 to 65535")]
    Port(String),
    /// No signing key anywhere.
    #[error(
        "no signing key: run `zerocam-cloud signing-key` once and keep what it prints in ZEROCAM_SIGNING_KEY, or in a file that `signing_key_file` names"
    )]
    NoSigningKey,
    /// Two signing keys in the file.
    #[error("both `signing_key` and `signing_key_file` are set: keep one")]
    TwoSigningKeys,
    /// The signing key's file.
    #[error("cannot read the signing key from {}: {source}", path.display())]
    SigningKeyFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The signing key's text.
    #[error(transparent)]
    SigningKey(#[from] InvalidSigningKey),
    /// The place of the memory in the environment.
    #[error("ZEROCAM_MEMORY: {0}")]
    Memory(#[from] InvalidPlace),
    /// An address for links that is none. It may hold a secret.
    #[error(
        "no public address: write scheme and host and nothing else, such as https://cam.example"
    )]
    PublicUrl,
    /// Browsers drop `Secure` cookies on plain HTTP, so no link would work.
    #[error(
        "{0} is plain HTTP: use https, or set `plain_http = true` if nobody between can listen"
    )]
    PlainHttp(String),
    /// A value of the file that cannot be used.
    #[error("{0}")]
    Value(Problem),
}

impl SettingsError {
    fn of_key(key: &'static str, text: impl fmt::Display) -> Self {
        Self::Value(Problem {
            section: "",
            entry: 0,
            key,
            text: text.to_string(),
        })
    }
}

#[cfg(test)]
mod tests;
