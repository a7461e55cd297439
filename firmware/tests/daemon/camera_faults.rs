//! Cameras that cannot be used: what is said, and that it goes on.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use zerocam_protocol::message::ByeReason;

use super::{
    fixture::{Camera, PATIENCE},
    service::Service,
};

/// Starts a camera on `file`; returns what is wrong.
fn fault_of(camera: &Camera, file: &str) -> String {
    camera.configure(&camera.replay(&camera.path(file)));
    let daemon = camera.run_until_ready();
    camera.says(&["start"]);
    let status = camera.wait_for_state("CAMERA FAULT");
    daemon.wait_for_log("CAMERA FAULT: ");
    assert_eq!(daemon.terminate().code(), Some(0));
    let path = camera.path(file).display().to_string();
    status.reason.replace(&path, file)
}

#[test]
fn a_file_that_cannot_be_read_is_used_when_it_can() {
    let camera = Camera::without_configuration();
    let reason = fault_of(&camera, "later.h264");
    assert!(
        reason.starts_with("cannot read later.h264: No such file"),
        "{reason}"
    );
    assert!(
        reason.ends_with("check its name and permissions"),
        "{reason}"
    );

    let _daemon = camera.run_until_ready();
    camera.wait_for_state("CAMERA FAULT");
    camera.footage("later.h264", &["-bf", "0"]);
    camera.wait_for_state("CONNECTING");
}

#[test]
fn footage_that_no_live_camera_makes_is_refused() {
    let camera = Camera::without_configuration();
    camera.footage("b.h264", &["-bf", "2", "-x264-params", "b-adapt=0"]);
    let reason = fault_of(&camera, "b.h264");
    assert_eq!(
        reason,
        "b.h264 has B-frames (picture 3 is one), which no live camera makes; \
         convert it: `ffmpeg -i 'b.h264' -an -c:v libx264 -bf 0 -f h264 NEW.h264`"
    );
    fs::write(camera.path("empty.h264"), "").unwrap();
    assert_eq!(
        fault_of(&camera, "empty.h264"),
        "empty.h264 is empty: record it anew"
    );
}

/// The length of the LED's next flash.
fn flash(camera: &Camera) -> Duration {
    let deadline = Instant::now() + PATIENCE;
    let until = |lit: bool| {
        let expected = if lit { "1" } else { "0" };
        while fs::read_to_string(camera.path("gpio/led")).unwrap().trim() != expected {
            assert!(Instant::now() < deadline, "the LED stays as it is");
            thread::sleep(Duration::from_millis(5));
        }
        Instant::now()
    };
    until(false);
    let begin = until(true);
    until(false) - begin
}

#[test]
fn a_camera_that_is_torn_off_is_told_shown_and_taken_again() {
    let service = Service::new();
    let camera = Camera::without_configuration();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cameras/fake-rpicam-vid");
    symlink(program, camera.path("rpicam-vid")).unwrap();
    let behave = |behaviour| fs::write(camera.path("behaviour"), behaviour).unwrap();
    let keys = format!(
        "backend = \"rpicam\"\nprogram = {:?}\nwidth = 320\nheight = 180",
        camera.path("rpicam-vid")
    );
    let text = camera.with_camera(&keys);
    camera.configure(&text.replace("http://127.0.0.1:9", service.url()));
    behave("crash");
    let _daemon = camera.run_until_ready();
    camera.says(&["start"]);
    let before = service.frame();

    let bye = service.bye();
    assert_eq!(bye.reason, ByeReason::CameraFault);
    let advice = "Please check that your camera sensor connector is attached securely.";
    assert!(bye.text.contains(advice), "{}", bye.text);
    behave("no-camera");
    let status = camera.wait_for_state("CAMERA FAULT");
    println!("{}", status.reason);
    // One long flash, two short, from some moment on: nothing is filmed.
    let long = Duration::from_millis(400);
    let deadline = Instant::now() + PATIENCE;
    let mut seen = [Duration::ZERO; 3];
    while seen.map(|flash| flash > long) != [true, false, false] {
        assert!(
            Instant::now() < deadline,
            "not the light of a fault: {seen:?}"
        );
        seen = [seen[1], seen[2], flash(&camera)];
    }

    behave("stream");
    camera.wait_for_state("STREAMING");
    let after = service.frame();
    assert!(after.header().run > before.header().run);
}
