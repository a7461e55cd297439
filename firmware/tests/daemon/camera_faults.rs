//! Cameras that cannot be used: what is said, and that it goes on.

use std::fs;

use super::fixture::Camera;

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
         convert it: `ffmpeg -i b.h264 -an -c:v libx264 -bf 0 -f h264 NEW.h264`"
    );
    fs::write(camera.path("empty.h264"), "").unwrap();
    assert_eq!(
        fault_of(&camera, "empty.h264"),
        "empty.h264 is empty: record it anew"
    );
}
