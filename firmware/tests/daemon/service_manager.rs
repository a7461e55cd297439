//! What systemd hears of the real daemon.

use std::{os::unix::net::UnixDatagram, time::Instant};

use super::{
    fixture::{Camera, PATIENCE},
    helper::Helper,
};

/// systemd's ear at `$NOTIFY_SOCKET`.
struct Ear(UnixDatagram);

impl Ear {
    /// Gives the camera's daemon a service manager that restarts it after 2 s
    /// without a sign of life.
    fn of(camera: &mut Camera) -> Self {
        let path = camera.path("notify.sock");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let path = path.to_str().unwrap().to_owned();
        camera.environment = vec![("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "2000000".into())];
        Self(socket)
    }

    /// Waits for a line.
    fn hears(&self, beginning: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut message = [0; 4096];
            let bytes = self.0.recv(&mut message).unwrap();
            let message = str::from_utf8(&message[..bytes]).unwrap();
            if message.starts_with(beginning) {
                return message.trim_end().to_owned();
            }
            assert!(Instant::now() < deadline, "no {beginning}");
        }
    }
}

#[test]
fn ready_status_and_signs_of_life() {
    let mut camera = Camera::new();
    let ear = Ear::of(&mut camera);
    let helper = Helper::at(&camera.path("privileged.sock"));
    let daemon = camera.run();
    assert_eq!(
        ear.hears("STATUS="),
        "STATUS=STOPPED: it waits to be started"
    );
    ear.hears("READY=1");
    for _ in 0..3 {
        ear.hears("WATCHDOG=1");
    }
    camera.says(&["start"]);
    assert_eq!(
        ear.hears("STATUS=STARTING"),
        "STATUS=STARTING: started from the command line"
    );
    ear.hears("STATUS=CONNECTING: ");
    // With both threads at work.
    for _ in 0..3 {
        ear.hears("WATCHDOG=1");
    }
    let card = helper.until("write-status\n");
    assert!(
        card.contains("STOPPED     it waits to be started\n"),
        "{card}"
    );
    assert_eq!(daemon.terminate().code(), Some(0));
    ear.hears("STOPPING=1");
}

#[test]
fn it_is_ready_without_a_configuration_too() {
    let mut camera = Camera::without_configuration();
    camera.configure(&format!("[clod]\n{}", camera.daemon_section()));
    let ear = Ear::of(&mut camera);
    let helper = Helper::at(&camera.path("privileged.sock"));
    let _daemon = camera.run();
    let status = ear.hears("STATUS=");
    assert!(
        status.starts_with("STATUS=NEEDS CONFIGURATION: ")
            && status.contains("did you mean `cloud`?"),
        "{status}"
    );
    ear.hears("READY=1");
    ear.hears("WATCHDOG=1");
    let card = helper.until("write-status\n");
    assert!(
        card.contains("NEEDS CONFIGURATION  ") && card.contains("line 1"),
        "{card}"
    );
}
