//! The command line. What a command prints on standard output is its product;
//! logs and errors go to standard error, one line an error.

mod commands;
mod orders;

use std::{io::IsTerminal, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand, error::ErrorKind};
use tracing_subscriber::EnvFilter;
use zerocam_protocol::CameraName;

use crate::{
    access::{Denied, NoRandomness},
    config::SettingsError,
    media::ffmpeg::FfmpegError,
    memory::MemoryError,
    server::StartError,
};

/// Takes cameras' streams and shows them to browsers and players.
#[derive(Debug, Parser)]
#[command(name = "zerocam-cloud", version, disable_help_subcommand = true)]
struct Arguments {
    /// Configuration file; without one, defaults and environment hold
    /// [env: ZEROCAM_CLOUD_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service (the default)
    Run,
    /// Print the key that lets a camera send
    Key {
        /// The camera's name: a-z, 0-9 and -
        camera: CameraName,
        /// Make the next key: the one before is refused at once
        #[arg(long)]
        new: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Print a link that lets people watch a camera
    Link(LinkArguments),
    /// End a link before its time, also for those who watch by it now
    Revoke {
        /// The whole link, a player's address, or the token in it
        link: String,
        #[command(flatten)]
        place: Place,
    },
    /// Print a fresh signing key, the secret behind all keys and links
    SigningKey,
    /// Check configuration and ffmpeg, and start nothing
    Check,
}

#[derive(Debug, clap::Args)]
struct Place {
    /// Where the running service is; `listen` on this machine otherwise, else
    /// `public_url`
    #[arg(long, value_name = "BASE")]
    url: Option<String>,
}

#[derive(Debug, clap::Args)]
struct LinkArguments {
    /// The camera's name
    camera: CameraName,
    /// Let its visitors also start and stop the camera
    #[arg(long)]
    control: bool,
    /// How long it is good for, such as 12h, 7d or 1month; without it, for ever
    #[arg(long, value_name = "DURATION", value_parser = expires, allow_hyphen_values = true)]
    expires: Option<Duration>,
    /// Where the service is reached, such as `https://cam.example`; `public_url`
    /// in the configuration otherwise
    #[arg(long, value_name = "BASE")]
    url: Option<String>,
    /// Print it for VLC, ffplay and other players, which keep no cookies
    #[arg(long)]
    player: bool,
    /// Also print it as a QR code that a phone's camera reads
    #[arg(long)]
    qr: bool,
}

/// A link that ends at once, or before anybody has opened it, is a mistake.
fn expires(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text)
        .ok()
        .filter(|time| *time >= Duration::from_secs(60))
        .ok_or("write a time of at least a minute, such as 12h, 7d or 1month")
}

/// Why a command failed. Each has its exit code.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("where is the service reached? add `--url https://...`, or set `public_url`")]
    NoUrl,
    #[error(transparent)]
    Ffmpeg(#[from] FfmpegError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error("{0}")]
    System(#[from] std::io::Error),
    #[error("{0} years are more than a hundred: choose an earlier end, or none without --expires")]
    TooFar(u64),
    #[error("the link is too long for a QR code")]
    TooLongForQr,
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("this is no link for watching: `zerocam-cloud key {0} --new` ends a camera's key")]
    NoLinkToRevoke(CameraName),
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error("the service does not answer at {0}: start it, or add `--url` with its address")]
    Unreachable(String),
    #[error("what answers at {0} is not zerocam-cloud: add `--url` with its address")]
    AnotherProgram(String),
    #[error("{base} refuses, with status {status}: {text}")]
    Refused {
        base: String,
        status: u16,
        text: String,
    },
}

const USAGE: u8 = 64;
const INTERNAL: u8 = 70;
const SYSTEM: u8 = 74;
const CONFIGURATION: u8 = 78;

impl Failure {
    const fn exit_code(&self) -> u8 {
        match self {
            Self::NoUrl | Self::TooFar(_) | Self::Denied(_) | Self::NoLinkToRevoke(_) => USAGE,
            Self::TooLongForQr => INTERNAL,
            Self::Start(_)
            | Self::NoRandomness(_)
            | Self::System(_)
            | Self::Unreachable(_)
            | Self::AnotherProgram(_)
            | Self::Refused { .. } => SYSTEM,
            Self::Settings(_) | Self::Ffmpeg(_) | Self::Memory(_) => CONFIGURATION,
        }
    }
}

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    log_to_stderr();
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Help and version are no failures; clap prints both kinds where they belong.
fn usage(error: &clap::Error) -> ExitCode {
    // Nothing is left to do for a closed standard output.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(USAGE),
    }
}

#[allow(clippy::print_stderr, reason = "the one place that prints errors")]
fn complain(failure: &Failure) {
    eprintln!("zerocam-cloud: {failure}");
}

/// `RUST_LOG` chooses what is logged; lifecycle without it.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}
