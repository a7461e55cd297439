//! What each command does.

use std::{
    env,
    io::{self, Write},
    path::PathBuf,
    thread,
    time::Duration,
};

use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};
use tracing::{error, info, warn};
use zerocam_protocol::{
    CameraName,
    token::{Grant, Link, Right},
};

use super::{Arguments, Command, Failure, LinkArguments, Place, orders};
use crate::{
    access::{SigningKey, link_id},
    config::{self, Environment, Settings, SettingsError},
    media::ffmpeg,
    server::Server,
    time::Now,
};

/// However the service hangs while it stops, the process ends after this time.
/// Cloud Run kills it after ten seconds.
const LAST_RESORT: Duration = Duration::from_millis(9500);

/// How long the runtime waits for what cannot be cancelled.
const RUNTIME_DEADLINE: Duration = Duration::from_millis(500);

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let file = arguments
        .config
        .or_else(|| env::var_os("ZEROCAM_CLOUD_CONFIG").map(PathBuf::from));
    let settings = || Settings::load(file.as_deref(), &Environment::read());
    match arguments.command.unwrap_or(Command::Run) {
        Command::Run => serve(settings()?),
        Command::Key { camera, new, place } => key(&settings()?, camera, new, place),
        Command::Link(arguments) => link(&settings()?, arguments),
        Command::Revoke { link, place } => {
            print(&orders::revoke(&settings()?, &link, place.url.as_deref())?)
        }
        Command::SigningKey => print(&SigningKey::generate()?),
        Command::Check => check(&settings()?),
    }
}

/// Prints a command's product.
fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    writeln!(output, "{text}")?;
    output.flush()?;
    Ok(())
}

fn serve(settings: Settings) -> Result<(), Failure> {
    raise_open_files();
    let runtime = Runtime::new()?;
    let served = runtime.block_on(async {
        let version = ffmpeg::version(&settings.media.ffmpeg).await?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let server = Server::bind(settings).await?;
        print(&format!("listening on http://{}", server.address()))?;
        info!(
            version = env!("CARGO_PKG_VERSION"),
            ffmpeg = version,
            "started"
        );
        server
            .run(async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                end_whatever_happens();
            })
            .await;
        Ok(())
    });
    runtime.shutdown_timeout(RUNTIME_DEADLINE);
    served
}

/// A thread of its own, which no stuck task can hold up.
fn end_whatever_happens() {
    let watchdog = thread::Builder::new().name("end".into()).spawn(|| {
        thread::sleep(LAST_RESORT);
        error!("still not stopped: ending at once");
        std::process::exit(super::INTERNAL.into());
    });
    if let Err(error) = watchdog {
        warn!(%error, "no thread to watch over the end");
    }
}

/// Each viewer takes a file descriptor; many systems allow 1024 unless asked.
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        warn!(%error, "cannot raise the number of open files");
    }
}

fn check(settings: &Settings) -> Result<(), Failure> {
    let version = Runtime::new()?.block_on(ffmpeg::version(&settings.media.ffmpeg))?;
    let Settings {
        listen, public_url, ..
    } = settings;
    let reached = match public_url {
        Some(url) => format!("reached at {url}"),
        None => "`public_url` is not set: links need `--url`".to_owned(),
    };
    print(&format!("good: listens on {listen}, {reached}\n{version}"))
}

fn key(settings: &Settings, camera: CameraName, new: bool, place: Place) -> Result<(), Failure> {
    let url = place.url.as_deref();
    let generation = orders::key_generation(settings, &camera, new, url)?;
    print(&settings.signing_key.camera_key(camera, generation))?;
    if new {
        info!("the key before is refused from now on: put this one into the camera's zerocam.toml");
    }
    Ok(())
}

fn link(settings: &Settings, arguments: LinkArguments) -> Result<(), Failure> {
    let base = match arguments.url {
        // Who writes http:// here has decided; the service's own setting counts.
        Some(url) => config::public_url(&url, true)?,
        None => settings.public_url.clone().ok_or(Failure::NoUrl)?,
    };
    if base.starts_with("http://") && !settings.plain_http {
        return Err(SettingsError::PlainHttp(base).into());
    }
    let link = Link {
        id: link_id()?,
        expires_unix_s: arguments.expires.map(end).transpose()?,
    };
    let right = if arguments.control {
        Right::Control(link)
    } else {
        Right::View(link)
    };
    let camera = arguments.camera;
    let path = format!("watch/{camera}/");
    let token = settings.signing_key.sign(&Grant { camera, right });
    let address = if arguments.player {
        format!("{base}/t/{token}/{path}plain.m3u8")
    } else {
        format!("{base}/{path}?token={token}")
    };
    print(&address)?;
    if arguments.qr {
        print(&qr(&address)?)?;
    }
    Ok(())
}

/// When something ends that is good for `time` from now on, Unix seconds.
fn end(time: Duration) -> Result<u64, Failure> {
    const YEAR_S: u64 = 31_557_600;
    match time.as_secs() / YEAR_S {
        0..=99 => Ok(Now::read().unix_s() + time.as_secs()),
        years => Err(Failure::TooFar(years)),
    }
}

/// Two modules a character; light on dark, as terminals mostly are. Of the quiet
/// zone, which is 4 modules wide around the code, readers need 2: with a link below,
/// it then fits a window of 24 lines.
fn qr(text: &str) -> Result<String, Failure> {
    let code =
        QrCode::with_error_correction_level(text, EcLevel::L).map_err(|_| Failure::TooLongForQr)?;
    let width = code.width() + 4;
    let image = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build();
    let lines = image.lines().skip(1).take(width.div_ceil(2));
    let cut: Vec<String> = lines
        .map(|line| line.chars().skip(2).take(width).collect())
        .collect();
    Ok(cut.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_fits_a_code_of_half_blocks() {
        let link = "https://zerocam-0123456789.europe-west1.run.app/watch/garden/?token=control.garden.0123456789ab.1790000000.0123456789012345678901";
        let code = qr(link).unwrap();
        let modules = QrCode::with_error_correction_level(link, EcLevel::L)
            .unwrap()
            .width();
        let quiet = "\u{2588}".repeat(modules + 4);
        let lines: Vec<&str> = code.lines().collect();
        assert_eq!(lines.len(), (modules + 4).div_ceil(2));
        assert_eq!(lines[0], quiet);
        for line in lines {
            assert_eq!(line.chars().count(), modules + 4);
            assert!(line.starts_with("\u{2588}\u{2588}") && line.ends_with("\u{2588}\u{2588}"));
        }
        assert!(
            code.chars()
                .all(|c| " \n\u{2580}\u{2584}\u{2588}".contains(c))
        );
    }
}
