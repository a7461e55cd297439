//! `start`, `stop` and `status`.

use rustix::process::Signal;
use zerocam_protocol::checkin::DesiredState;

use super::fixture::Camera;

#[test]
fn without_a_daemon_there_is_a_clear_answer() {
    let camera = Camera::new();
    for command in ["start", "stop", "status"] {
        let (code, text) = camera.complains(&[command]);
        assert_eq!(code, 74);
        assert!(
            text.starts_with("zerocam: no zerocam daemon is running: "),
            "{text}"
        );
        assert!(
            text.contains("control.sock; start it with `zerocam run`"),
            "{text}"
        );
    }
}

#[test]
fn start_and_stop() {
    let camera = Camera::new();
    let daemon = camera.run_until_ready();
    let status = camera.wait_for_state("STOPPED");
    assert_eq!(
        status.desired,
        DesiredState::Stopped,
        "a new camera is stopped"
    );

    assert!(
        camera
            .says(&["start"])
            .starts_with("STARTING    started from the command line\n")
    );
    // The pictures flow, though nothing listens at the service's address.
    let status = camera.wait_for_state("CONNECTING");
    let video = status.video.unwrap();
    assert_eq!((video.width, video.height), (320, 180));
    assert_eq!(video.frame_rate_hz, 25.0);
    assert!(video.codec.starts_with("avc1.42"), "{}", video.codec);
    assert!(
        camera.says(&["start"]).starts_with("CONNECTING"),
        "it is started already"
    );

    assert!(
        camera
            .says(&["stop"])
            .starts_with("STOPPED     stopped from the command line\n")
    );
    assert_eq!(camera.status().video, None);
    daemon.wait_for_log("STOPPED: stopped from the command line");

    camera.says(&["start"]);
    let again = camera.wait_for_state("CONNECTING").video.unwrap();
    assert_eq!(again.run, video.run.next(), "the next run of this process");
    assert_eq!(daemon.terminate().code(), Some(0));
    assert!(!camera.path("control.sock").exists());
}

#[test]
fn two_daemons_on_one_socket() {
    let camera = Camera::new();
    let first = camera.run_until_ready();
    let mut second = camera.run();
    assert_eq!(second.wait().code(), Some(74));
    second.wait_for_log("zerocam: another zerocam daemon is running: it holds ");
    camera.wait_for_state("STOPPED");
    first.signal(Signal::INT);
    assert_eq!(
        first.terminate().code(),
        Some(0),
        "Ctrl-C and SIGTERM together"
    );
}
