//! `rpicam-vid` as it fails: what is said, what is left behind, and how the
//! camera recovers. A fake program plays its part.
#![allow(clippy::unwrap_used, reason = "a panic is the report")]

#[path = "cameras/fake_rpicam.rs"]
mod fake_rpicam;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use zerocam::{
    camera::{self, Camera, CameraError},
    capture::{Capture, CaptureEvent},
    config::{BitrateMode, EncoderSettings, PictureConfiguration},
    uplink::{self, QueueLimits},
};
use zerocam_protocol::Segment;

use fake_rpicam::{FakeRpicam, PATIENCE};

const ENCODER: EncoderSettings = EncoderSettings {
    bitrate_bps: 1_000_000,
    bitrate_mode: BitrateMode::Variable,
    keyframe_interval: Duration::from_millis(400),
};

impl FakeRpicam {
    fn open(&self) -> Box<dyn Camera> {
        let settings = self.settings(PictureConfiguration::default());
        camera::open(&settings, &ENCODER).unwrap_or_else(|error| panic!("{error}"))
    }

    fn behave(&self, behaviour: &str) {
        fs::write(self.path("behaviour"), behaviour).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Whether the program that was started last runs.
    fn runs(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.read("pid").trim()));
        // One that has ended and was not waited for is a zombie.
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Takes pictures until the camera fails; returns how many, and why.
fn run_out(camera: &mut dyn Camera) -> (usize, CameraError) {
    let deadline = Instant::now() + PATIENCE;
    let mut pictures = 0;
    loop {
        assert!(Instant::now() < deadline, "{pictures} pictures");
        match camera.next_picture(Duration::from_millis(100)) {
            Ok(picture) => pictures += usize::from(picture.is_some()),
            Err(error) => return (pictures, error),
        }
    }
}

#[test]
fn it_is_called_as_configured() {
    let fake = FakeRpicam::new("stream");
    let picture = PictureConfiguration {
        rotation_degrees: 180,
        brightness: Some(45),
        ..PictureConfiguration::default()
    };
    let mut camera = camera::open(&fake.settings(picture), &ENCODER).unwrap();
    wait_until("a picture", || {
        let picture = camera.next_picture(Duration::from_millis(100));
        picture.unwrap().is_some()
    });
    assert_eq!(
        fake.read("arguments"),
        "-t 0 -n --codec h264 --inline --flush --width 320 --height 180 --framerate 25 -g 10 \
         -b 1000000 --profile baseline --level 4 --rotation=180 --brightness=-0.1 -o -\n"
    );
}

#[test]
fn failures_are_told_in_plain_words() {
    let table = [
        (
            "no-camera",
            "no camera: PROGRAM finds none; check the cable at both ends and `camera_auto_detect=1` in config.txt",
        ),
        (
            "old",
            "PROGRAM ended (exit status: 255): ERROR: *** unrecognised option '--flush' ***",
        ),
        (
            "silent",
            "PROGRAM ended (exit status: 7): it gave no reason",
        ),
        (
            "garbage",
            "rpicam-vid's output: it is no raw H.264: there is no start code in its first 65536 bytes",
        ),
    ];
    for (behaviour, expected) in table {
        let fake = FakeRpicam::new(behaviour);
        let mut camera = fake.open();
        let (pictures, error) = run_out(&mut *camera);
        let program = fake.path("rpicam-vid");
        let expected = expected.replace("PROGRAM", &program.display().to_string());
        assert_eq!(error.to_string(), expected, "{behaviour}");
        assert_eq!(pictures, 0);
        drop(camera);
        assert!(!fake.runs());
    }
}

#[test]
fn a_missing_program_is_named_with_its_package() {
    let fake = FakeRpicam::new("stream");
    fs::remove_file(fake.path("rpicam-vid")).unwrap();
    let settings = fake.settings(PictureConfiguration::default());
    let Err(error) = camera::open(&settings, &ENCODER) else {
        panic!("it is not there");
    };
    let error = error.to_string();
    assert!(
        error.contains("rpicam-vid is not installed: `sudo apt install rpicam-apps-lite`"),
        "{error}"
    );
}

#[test]
fn a_camera_in_use_is_told() {
    let fake = FakeRpicam::new("stream");
    let mut first = fake.open();
    wait_until("a picture", || {
        let picture = first.next_picture(Duration::from_millis(100));
        picture.unwrap().is_some()
    });
    let (_, error) = run_out(&mut *fake.open());
    assert!(
        error.to_string().starts_with("the camera is busy: "),
        "{error}"
    );
    let picture = first.next_picture(PATIENCE);
    assert!(picture.unwrap().is_some(), "the first goes on");
}

#[test]
fn a_program_that_talks_much_is_not_held_up() {
    let fake = FakeRpicam::new("chatty");
    let mut camera = fake.open();
    wait_until("a picture", || {
        let picture = camera.next_picture(Duration::from_millis(100));
        picture.unwrap().is_some()
    });
}

#[test]
fn a_crash_is_told_with_its_last_words() {
    let fake = FakeRpicam::new("crash");
    let mut camera = fake.open();
    let (pictures, error) = run_out(&mut *camera);
    // The last one has no successor that would complete it.
    assert_eq!(pictures, 24);
    let error = error.to_string();
    let words = "ended (signal: 9 (SIGKILL)): ERROR: *** Camera frontend has timed out! ***; \
                 ERROR: *** Please check that your camera sensor connector is attached securely. ***";
    assert!(error.ends_with(words), "{error}");
}

#[test]
fn a_program_that_hangs_is_killed() {
    let fake = FakeRpicam::new("stall");
    let mut camera = fake.open();
    let mut pictures = 0;
    wait_until("all pictures", || {
        let picture = camera.next_picture(Duration::from_millis(100));
        pictures += usize::from(picture.unwrap().is_some());
        pictures == 24
    });
    for _ in 0..5 {
        let picture = camera.next_picture(Duration::from_millis(10));
        assert!(picture.unwrap().is_none(), "it is silent, and no error yet");
    }
    assert!(fake.runs());
    drop(camera);
    assert!(!fake.runs());
}

#[test]
fn the_capture_thread_starts_it_again_and_changes_its_bitrate() {
    let fake = FakeRpicam::new("crash");
    let (frames, _queued) = uplink::queue(QueueLimits::default());
    let (events, heard) = crossbeam_channel::bounded(64);
    let settings = fake.settings(PictureConfiguration::default());
    let capture = Capture::spawn(settings, ENCODER, frames, events).unwrap();
    let next = |wanted: &dyn Fn(&CaptureEvent) -> bool| loop {
        let event = heard.recv_timeout(PATIENCE).expect("an event");
        if wanted(&event) {
            return event;
        }
    };
    let is_running = |event: &CaptureEvent| matches!(event, CaptureEvent::Running(_));
    let is_fault = |event: &CaptureEvent| matches!(event, CaptureEvent::Fault(_));

    capture.open(Segment(1000));
    next(&is_running);
    let CaptureEvent::Fault(fault) = next(&is_fault) else {
        unreachable!("asked for");
    };
    assert!(fault.contains("Camera frontend has timed out!"), "{fault}");
    fake.behave("stream");
    let CaptureEvent::Running(second) = next(&is_running) else {
        unreachable!("asked for");
    };
    assert!(fake.read("arguments").contains(" -b 1000000 "));

    capture.set_bitrate(1_500_000);
    let CaptureEvent::Running(third) = next(&is_running) else {
        unreachable!("asked for");
    };
    assert_eq!(third.run, second.run.next());
    assert!(fake.read("arguments").contains(" -b 1500000 "));

    capture.shut_down();
    assert!(!fake.runs());
}

/// A daemon that is killed, not ended, cannot end the program itself; this one
/// ignores all but a kill, and writes to no pipe.
#[test]
fn it_does_not_outlive_a_killed_daemon() {
    let fake = FakeRpicam::new("stall");
    let mut daemon = Daemon::run(&fake);
    wait_until("all pictures", || {
        fs::read(format!("/proc/{}/comm", fake.read("pid").trim()))
            .is_ok_and(|name| name == b"sleep\n")
    });
    daemon.0.kill().unwrap();
    daemon.0.wait().unwrap();
    wait_until("the end of the program", || !fake.runs());
}

#[test]
fn the_command_line_changes_the_bitrate() {
    let fake = FakeRpicam::new("stream");
    let _daemon = Daemon::run(&fake);
    wait_until("the program", || {
        fake.read("arguments").contains(" -b 2000000 ")
    });
    let ask = |bitrate: &str| zerocam(&fake).args(["bitrate", bitrate]).output().unwrap();
    let refused = ask("5");
    assert_eq!(refused.status.code(), Some(78));
    assert_eq!(
        String::from_utf8_lossy(&refused.stderr),
        "zerocam: 5 bits per second is out of range; ask for 100000 to 25000000\n"
    );
    let taken = ask("900000");
    assert!(taken.status.success(), "{taken:?}");
    wait_until("the new bitrate", || {
        fake.read("arguments").contains(" -b 900000 ")
    });
}

struct Daemon(Child);

impl Daemon {
    fn run(fake: &FakeRpicam) -> Self {
        let [program, state, socket] =
            ["rpicam-vid", "state", "control.sock"].map(|name| fake.path(name));
        let text = format!(
            "[cloud]\nurl = \"http://127.0.0.1:9\"\nkey = \"camera.garden.1.c2ln\"\n\
             [camera]\nbackend = \"rpicam\"\nprogram = {program:?}\nwidth = 320\nheight = 180\n\
             [daemon]\nstate_dir = {state:?}\nsocket = {socket:?}\nstart_on_boot = true\n"
        );
        fs::write(fake.path("zerocam.toml"), text).unwrap();
        let log = fs::File::create(fake.path("log")).unwrap();
        let mut daemon = zerocam(fake);
        let daemon = daemon.arg("run").stdout(Stdio::null()).stderr(log);
        Self(daemon.spawn().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn zerocam(fake: &FakeRpicam) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_zerocam")));
    command.arg("--config").arg(fake.path("zerocam.toml"));
    command
}
