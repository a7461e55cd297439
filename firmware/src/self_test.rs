//! `zerocam self-test`: what this machine offers, one line for each part.
//!
//! It uses the same code as the daemon, once, and leaves nothing behind. While
//! a daemon runs, camera and pins are the daemon's and are left alone.

use std::{
    fmt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::{
    camera,
    config::{self, Settings},
    control::{self, Request},
    gpio::{
        Backend, Host,
        panel::{POLL_EVERY, Panel},
    },
    led::{Scene, State},
    state_file,
    telemetry::Telemetry,
    uplink,
};

/// The longest wait for a keyframe: twice the longest interval that can be
/// configured.
const KEYFRAME_DEADLINE: Duration = Duration::from_secs(20);

/// How long the LED is lit, for somebody to see.
const LIT_FOR: Duration = Duration::from_millis(500);

/// How far the clock may be off without a word.
const CLOCK_TOLERANCE_S: i64 = 2;

/// What was found out about one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The part.
    pub part: &'static str,
    /// Whether it works.
    pub verdict: Verdict,
    /// The evidence, or what to do.
    pub text: String,
}

/// Whether a part works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Works,
    /// It is not there, or was not tried.
    Absent,
    /// It does not.
    Fails,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Works => "ok",
            Verdict::Absent => "-",
            Verdict::Fails => "FAILS",
        };
        write!(f, "{:<14}{verdict:<7}{}", self.part, self.text)
    }
}

/// Tries every part in turn and tells what it found. Returns whether none
/// fails.
pub fn run(config_path: &Path, mut tell: impl FnMut(&Finding)) -> bool {
    let mut well = true;
    let mut find = |part, (verdict, text): Outcome| {
        well &= verdict != Verdict::Fails;
        tell(&Finding {
            part,
            verdict,
            text,
        });
    };
    let settings = config::read(config_path);
    find(
        "configuration",
        match &settings {
            Ok(settings) => works(format_args!(
                "{}: camera {}",
                config_path.display(),
                settings.camera_name
            )),
            Err(problem) => fails(problem),
        },
    );
    let settings = settings.as_ref().ok();
    let daemon_runs = control::ask(&config::control_socket(config_path), Request::Status).is_ok();
    if daemon_runs {
        let text = "the daemon has camera and pins: `zerocam status` says how they are, and after `systemctl stop zerocam` they are tried here";
        find("daemon", (Verdict::Absent, text.into()));
    } else {
        find("camera", with(settings, try_camera));
        find("button, LED", try_panel(config_path));
    }
    find("Wi-Fi", read_wifi());
    find("service", with(settings, try_service));
    find("state", try_state(config_path));
    well
}

type Outcome = (Verdict, String);

fn works(text: impl fmt::Display) -> Outcome {
    (Verdict::Works, text.to_string())
}

fn fails(text: impl fmt::Display) -> Outcome {
    (Verdict::Fails, text.to_string())
}

fn with(settings: Option<&Settings>, part: fn(&Settings) -> Outcome) -> Outcome {
    settings.map_or_else(
        || {
            (
                Verdict::Absent,
                "not tried: it needs a configuration".into(),
            )
        },
        part,
    )
}

/// Opens the camera and waits for a picture that a decoder can begin with.
fn try_camera(settings: &Settings) -> Outcome {
    let begin = Instant::now();
    let mut camera = match camera::open(&settings.camera, &settings.encoder) {
        Ok(camera) => camera,
        Err(error) => return fails(error),
    };
    while begin.elapsed() < KEYFRAME_DEADLINE {
        match camera.next_picture(Duration::from_millis(100)) {
            Ok(Some(picture)) if picture.keyframe => {
                return works(format_args!(
                    "a keyframe of {} bytes after {:.1} s",
                    picture.parameter_sets.len() + picture.bytes.len(),
                    begin.elapsed().as_secs_f32()
                ));
            }
            Ok(_) => {}
            Err(error) => return fails(error),
        }
    }
    fails(format_args!(
        "it opens, but gave no keyframe within {} s",
        KEYFRAME_DEADLINE.as_secs()
    ))
}

/// Takes the pins and lights the LED for a moment.
fn try_panel(config_path: &Path) -> Outcome {
    let configuration = config::gpio(config_path);
    let host = Host::this();
    let begin = Instant::now();
    let mut panel = Panel::new(&configuration, &host, begin);
    let lit = Scene {
        state: State::Streaming,
        filming: false,
        watched: false,
    };
    while begin.elapsed() < LIT_FOR {
        let _ = panel.poll(lit, Instant::now());
        thread::sleep(POLL_EVERY);
    }
    let problems: Vec<&str> = panel.problems().collect();
    if !problems.is_empty() {
        return fails(problems.join("; "));
    }
    let (button, led) = (configuration.button_pin, configuration.led_pin);
    match host.backend(&configuration) {
        Backend::Auto | Backend::Simulated => works(format_args!(
            "simulated by files in {}",
            configuration.simulated_directory.display()
        )),
        Backend::Rppal => works(format_args!(
            "button at {button}, LED at {led}, through the registers; it was lit for a moment"
        )),
        Backend::Cdev => works(format_args!(
            "button at {button}, LED at {led}, through {}; it was lit for a moment",
            configuration.chip.display()
        )),
    }
}

fn read_wifi() -> Outcome {
    let health = Telemetry::new().sample();
    match health.wifi_signal_dbm {
        Some(dbm) => works(format_args!("{dbm} dBm")),
        None => (Verdict::Absent, "no Wi-Fi connection".into()),
    }
}

fn try_service(settings: &Settings) -> Outcome {
    let reached = match uplink::probe(&settings.uplink) {
        Ok(reached) => reached,
        Err(error) => return fails(error),
    };
    let clock = match reached.clock_behind_s {
        Some(behind) if behind > CLOCK_TOLERANCE_S => {
            format!("the clock here is {behind} s behind")
        }
        Some(behind) if behind < -CLOCK_TOLERANCE_S => {
            format!("the clock here is {} s ahead", -behind)
        }
        Some(_) => "the clock here is right".into(),
        None => "it tells no time".into(),
    };
    works(format_args!("{} answers; {clock}", settings.uplink.url))
}

fn try_state(config_path: &Path) -> Outcome {
    let directory = config::daemon(config_path).state_dir;
    match state_file::is_writable(&directory) {
        Ok(()) => works(format_args!("{} can be written", directory.display())),
        Err(error) => fails(format_args!(
            "{} cannot be written, so that start, stop and numbers are forgotten at the next power cut: {error}",
            directory.display()
        )),
    }
}
