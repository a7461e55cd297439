//! What the tests have in common: a device whose camera is named garden.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use zerocam_e2e::{Device, Program, Service, service::ServiceHome, within};

/// The camera's name.
pub(crate) const GARDEN: &str = "garden";

/// How soon the camera or the service shows what was asked of it.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// A small moving picture: cheap to encode, and its keyframes come at less than
/// a second.
pub(crate) const PATTERN: &str = "[camera]\nbackend = \"pattern\"\nwidth = 320\nheight = 180\n\
     frame_rate_hz = 15\n[stream]\nkeyframe_interval_s = 0.6\nbitrate_bps = 500000\n";

/// The `[cloud]` of a configuration, unencrypted.
pub(crate) fn cloud(home: &ServiceHome, service: SocketAddr) -> String {
    let key = home.camera_key(GARDEN);
    format!("[cloud]\nurl = \"http://{service}\"\nkey = \"{key}\"\n")
}

/// Waits until the daemon says this of itself.
pub(crate) fn camera_says(device: &Device, part: &str, designed: Duration) -> String {
    within(designed, &format!("the camera says {part:?}"), || {
        let said = device.ask("status");
        said.contains(part).then_some(said)
    })
}

/// Starts the daemon and has it stream.
pub(crate) fn stream(device: &Device, service: &Service<'_>) -> Program {
    let daemon = device.start();
    camera_says(device, "STOPPED", SOON);
    let _ = device.ask("start");
    service.wait_until_live(GARDEN);
    daemon
}

/// Wishes what a visitor with a control link may wish; gives the answer.
pub(crate) fn wish(service: &Service<'_>, state: &str) -> Value {
    let (url, token) = (service.url(), service.token(GARDEN));
    let mut answer = ureq::post(format!("{url}/t/{token}/api/cameras/{GARDEN}/desired"))
        .send_json(json!({ "state": state }))
        .expect("the service takes the wish");
    answer.body_mut().read_json().expect("the answer is JSON")
}

/// Waits until the service gives this reason for the camera's state.
pub(crate) fn service_says(service: &Service<'_>, code: &str, designed: Duration) -> Value {
    within(designed, &format!("the service says {code:?}"), || {
        let status = service.status(GARDEN);
        (status["reason"]["code"] == code).then_some(status)
    })
}

/// No log has the key or a link in it.
pub(crate) fn check_no_secrets(home: &ServiceHome, programs: &[&Program]) {
    let key = home.camera_key(GARDEN);
    let (_, mac) = key.rsplit_once('.').expect("a key ends in its code");
    for program in programs {
        let output = program.output();
        for secret in [home.signing_key(), mac, "view.garden.", "control.garden."] {
            assert!(!output.contains(secret), "a secret in a log:\n{output}");
        }
    }
}
