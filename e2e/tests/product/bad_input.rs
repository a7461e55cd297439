//! What people get wrong, and what the product answers.

use std::time::Duration;

use zerocam_e2e::{Camera, Footage, Viewer, camera::CameraSettings, service::ServiceHome, within};

use crate::stage::{GARDEN, GOP, check_no_secrets, follow, holes, settings};

/// The program ends with this when its configuration is wrong.
const CONFIGURATION: i32 = 78;
/// ... and with this when something is in its way.
const IN_THE_WAY: i32 = 74;

/// Status code and text of an answer.
fn get(url: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .build()
        .into();
    let mut answer = agent.get(url).call().expect("the service answers");
    let text = answer.body_mut().read_to_string().expect("text");
    (answer.status().as_u16(), text)
}

/// Waits until a camera's own status says this.
fn camera_says(camera: &Camera, part: &str) {
    within(
        Duration::from_secs(5),
        &format!("the camera says {part:?}"),
        || camera.status().contains(part).then_some(()),
    );
}

#[test]
fn without_a_link_there_is_no_access() {
    let home = ServiceHome::new();
    let service = home.start(0);
    let url = service.url();
    let other = service.token("shed");
    let refused = [
        (401, format!("{url}/watch/garden/")),
        (401, format!("{url}/api/cameras/garden")),
        (401, format!("{url}/watch/garden/plain.m3u8")),
        (401, format!("{url}/t/view.garden.a.0.bbbb/watch/garden/")),
        (401, format!("{url}/t/nonsense/watch/garden/plain.m3u8")),
        (403, format!("{url}/t/{other}/watch/garden/")),
        (403, format!("{url}/t/{other}/api/cameras/garden")),
    ];
    for (status, url) in refused {
        let (answered, text) = get(&url);
        assert_eq!(answered, status, "{url}: {text}");
        assert!(!text.is_empty(), "{url} says why");
        assert!(!text.contains(&other), "{url} keeps tokens to itself");
    }
    // A camera that never was is no error to those who may see it.
    assert!(service.status("shed")["last_seen_unix_ms"].is_null());
}

#[test]
fn a_wrong_key_is_refused_and_the_camera_says_so() {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    let service = home.start(0);
    let strangers_key = ServiceHome::new().camera_key(GARDEN);
    let camera = Camera::start(&CameraSettings {
        key: strangers_key.clone(),
        ..settings(&home, service.address, &footage)
    });
    camera_says(&camera, "key");
    assert_ne!(service.status(GARDEN)["state"], "live");
    let (_, secret) = strangers_key.rsplit_once('.').unwrap();
    assert!(!service.program.output().contains(secret));
    check_no_secrets(&home, &service, &[&camera.program]);
}

#[test]
fn a_second_device_under_the_same_name_waits() {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    let service = home.start(0);
    let first = Camera::start(&settings(&home, service.address, &footage));
    service.wait_until_live(GARDEN);
    let second = Camera::start(&CameraSettings {
        device: "device-2",
        ..settings(&home, service.address, &footage)
    });
    camera_says(&second, "device-1");
    let mut viewer = Viewer::of(&service.playlist_url(GARDEN));
    follow(&mut viewer, 3 * GOP);
    assert_eq!(service.status(GARDEN)["device"], "device-1");
    check_no_secrets(&home, &service, &[&first.program, &second.program]);
}

#[test]
fn a_camera_waits_for_its_service_and_survives_its_restart() {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    // Whatever port the system gives; nobody else asks for it right after.
    let port = home.start(0).address.port();
    let camera = Camera::start(&settings(&home, format!("127.0.0.1:{port}"), &footage));
    camera_says(&camera, &port.to_string());

    let mut service = home.start(port);
    service.wait_until_live(GARDEN);
    let mut viewer = Viewer::of(&service.playlist_url(GARDEN));
    follow(&mut viewer, GOP);
    let status = service.program.terminate(Duration::from_secs(10));
    assert!(status.success(), "the service ended with {status}");

    // The new service remembers nothing: the camera gives it what it kept.
    let service = home.start(port);
    let before = viewer.pictures;
    let mut viewer = Viewer::of(&service.playlist_url(GARDEN));
    follow(&mut viewer, before.len() as u64 + 2 * GOP);
    assert_eq!(viewer.pictures[..before.len()], before);
    assert!(holes(&viewer).is_empty());
    check_no_secrets(&home, &service, &[&camera.program]);
}

#[test]
fn the_service_ends_on_sigterm_while_watched() {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    let mut service = home.start(0);
    let camera = Camera::start(&settings(&home, service.address, &footage));
    service.wait_until_live(GARDEN);
    follow(&mut Viewer::of(&service.playlist_url(GARDEN)), GOP);
    let status = service.program.terminate(Duration::from_secs(10));
    assert!(status.success(), "the service ended with {status}");
    check_no_secrets(&home, &service, &[&camera.program]);
}

#[test]
fn a_taken_port_is_named() {
    let home = ServiceHome::new();
    let service = home.start(0);
    let mut second = home.launch(service.address.port());
    let status = second.wait_for_end(Duration::from_secs(5));
    assert_eq!(status.code(), Some(IN_THE_WAY));
    let output = second.output();
    assert!(output.contains(&service.address.to_string()), "{output}");
    assert!(output.contains("taken"), "{output}");
}

#[test]
fn a_missing_ffmpeg_is_named() {
    let home = ServiceHome::new().with_ffmpeg("/nowhere/ffmpeg");
    let mut service = home.launch(0);
    let status = service.wait_for_end(Duration::from_secs(5));
    assert_eq!(status.code(), Some(CONFIGURATION));
    let output = service.output();
    assert!(output.contains("/nowhere/ffmpeg"), "{output}");
}

#[test]
fn unreadable_footage_is_named_and_the_daemon_stays() {
    let home = ServiceHome::new();
    let mut footage = Footage::bikes();
    let service = home.start(0);
    footage.path = "/nowhere/clip.h264".into();
    let mut camera = Camera::start(&settings(&home, service.address, &footage));
    camera_says(&camera, "/nowhere/clip.h264");
    within(Duration::from_secs(5), "the service hears of it", || {
        (service.status(GARDEN)["reason"]["code"] == "camera_fault").then_some(())
    });
    camera.end();
}
