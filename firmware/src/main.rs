//! The `zerocam` command.

use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use zerocam::{
    config,
    control::{self, Answer, Request},
    daemon::{self, DaemonError},
    provision::{self, ProvisionError},
    self_test,
};

/// Asked to stop, or done.
const OK: u8 = 0;
/// The command line is wrong.
const USAGE: u8 = 64;
/// The program or the system is at its end.
const INTERNAL: u8 = 70;
/// A device, a file or another program stands in the way.
const IO: u8 = 74;
/// The configuration is wrong.
const CONFIGURATION: u8 = 78;

/// A Raspberry Pi's camera, live on the internet.
#[derive(Debug, Parser)]
#[command(name = "zerocam", version, disable_help_subcommand = true)]
struct CommandLine {
    /// The configuration file. Default: $ZEROCAM_CONFIG, else
    /// /boot/firmware/zerocam.toml.
    #[arg(long, global = true, value_name = "PATH")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the camera until SIGTERM or Ctrl-C. Logs go to stderr; $ZEROCAM_LOG
    /// chooses which (default: info).
    Run,
    /// Start capturing and streaming.
    Start,
    /// Stop, and stay stopped.
    Stop,
    /// Aim at another bitrate until the configuration is read again.
    Bitrate {
        /// Bits per second, 100000 to 25000000.
        bitrate_bps: u32,
    },
    /// Say how the camera is.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say what is wrong with the configuration file.
    Check,
    /// Try camera, button, LED, Wi-Fi, service and card, and say what works.
    SelfTest,
    /// Make Wi-Fi, hostname and SSH what the configuration file says. The SD
    /// image does so at every start, as root.
    Provision {
        /// Where the files for the system's programs go.
        #[arg(long, value_name = "DIRECTORY", default_value = provision::DEFAULT_DIRECTORY)]
        directory: PathBuf,
    },
}

fn main() -> ExitCode {
    let command_line = match CommandLine::try_parse() {
        Ok(command_line) => command_line,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { USAGE } else { OK }.into();
        }
    };
    let config = (command_line.config)
        .or_else(|| std::env::var_os("ZEROCAM_CONFIG").map(PathBuf::from))
        .unwrap_or_else(|| config::DEFAULT_PATH.into());
    match command_line.command {
        Command::Run => run(config),
        Command::Start => ask(&config, Request::Start, false),
        Command::Stop => ask(&config, Request::Stop, false),
        Command::Bitrate { bitrate_bps } => ask(&config, Request::Bitrate { bitrate_bps }, false),
        Command::Status { json } => ask(&config, Request::Status, json),
        Command::Check => match config::read(&config) {
            Ok(settings) => say(
                OK,
                format_args!(
                    "{} is fine: camera {}\n",
                    config.display(),
                    settings.camera_name
                ),
            ),
            Err(problem) => complain(CONFIGURATION, &problem),
        },
        Command::SelfTest => {
            let well = self_test::run(&config, |finding| {
                say(OK, format_args!("{finding}\n"));
            });
            if well { OK } else { IO }
        }
        Command::Provision { directory } => match provision::run(&config, &directory) {
            Ok(()) => OK,
            Err(problem @ ProvisionError::Configuration(_)) => complain(CONFIGURATION, &problem),
            Err(problem @ ProvisionError::System { .. }) => complain(IO, &problem),
        },
    }
    .into()
}

fn run(config: PathBuf) -> u8 {
    let filter = EnvFilter::try_from_env("ZEROCAM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    match daemon::run(config) {
        Ok(()) => OK,
        Err(error @ (DaemonError::Control(_) | DaemonError::PowerOff(_))) => complain(IO, &error),
        Err(error @ DaemonError::System(_)) => complain(INTERNAL, &error),
    }
}

fn ask(config: &std::path::Path, request: Request, json: bool) -> u8 {
    match control::ask(&config::control_socket(config), request) {
        Ok(Answer::Status(status)) if json => match serde_json::to_string(&status) {
            Ok(text) => say(OK, format_args!("{text}\n")),
            Err(error) => complain(INTERNAL, &error),
        },
        Ok(Answer::Status(status)) => say(OK, format_args!("{status}")),
        Ok(Answer::Refused(why)) => complain(CONFIGURATION, &why),
        Err(error) => complain(IO, &error),
    }
}

/// Prints a result; somebody who closed the pipe does not want it.
fn say(code: u8, text: std::fmt::Arguments<'_>) -> u8 {
    let _ = std::io::stdout().write_fmt(text);
    code
}

fn complain(code: u8, problem: &dyn std::fmt::Display) -> u8 {
    for line in problem.to_string().lines() {
        let _ = writeln!(std::io::stderr(), "zerocam: {line}");
    }
    code
}
