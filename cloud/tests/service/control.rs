//! Check-in, and the owner's wish.

use serde_json::{Value, json};
use zerocam_protocol::{ServiceMessage, checkin::DesiredState, limits::MAX_JSON_BYTES};

use super::{
    bench::{Answer, Service},
    camera::{Camera, hello},
};

fn check_in(service: &Service, body: &Value) -> Answer {
    let key = service.camera_key("garden");
    service.post(
        "/api/cameras/garden/checkin",
        &key,
        body.to_string().as_bytes(),
    )
}

fn stopped(desired: &str, version: u64) -> Value {
    json!({
        "device": "dev-a",
        "state": "stopped",
        "reason": "stopped by its button",
        "desired": {"state": desired, "version": version},
        "health": {"wifi_signal_dbm": -70},
        "black_box": [{"text": "power lost"}],
    })
}

fn wish(service: &Service, token: &str, state: &str) -> Answer {
    let path = format!("/t/{token}/api/cameras/garden/desired");
    let body = json!({"state": state}).to_string();
    service.post(&path, "", body.as_bytes())
}

fn json_of(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

#[test]
fn the_newest_wish_reaches_the_camera() {
    let service = Service::start();
    let answer = json_of(&check_in(&service, &stopped("stopped", 4)));
    assert_eq!(answer["desired"], json!({"state": "stopped", "version": 4}));
    assert!(answer["service_time_unix_us"].as_i64() > Some(1_700_000_000_000_000));
    let status = service.status("garden");
    assert_eq!(status["reason"]["text"], "stopped by its button");
    assert_eq!(status["health"]["wifi_signal_dbm"], -70);
    assert_eq!(status["black_box"][0]["text"], "power lost");
    assert_eq!(status["device"], "dev-a");

    let control = service.control("garden");
    let started = json!({"state": "started", "version": 5});
    assert_eq!(json_of(&wish(&service, &control, "started")), started);
    let answer = json_of(&check_in(&service, &stopped("stopped", 4)));
    assert_eq!(answer["desired"], started);

    // While it streams, the wish is a message.
    let (mut camera, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    let command = |camera: &mut Camera| {
        camera.until(|message| match message {
            ServiceMessage::Command(desired) => Some(*desired),
            _ => None,
        })
    };
    assert_eq!(command(&mut camera).state, DesiredState::Started);
    json_of(&wish(&service, &control, "stopped"));
    let desired = command(&mut camera);
    assert_eq!((desired.state, desired.version), (DesiredState::Stopped, 6));
    let path = format!("/t/{control}/api/cameras/garden");
    assert_eq!(json_of(&service.get(&path))["control"], true);
}

#[test]
fn only_a_control_link_may_wish() {
    let service = Service::start();
    let refused = wish(&service, &service.view("garden"), "started");
    assert_eq!(refused.status, 403);
    assert!(
        refused.text().contains("watching only"),
        "{}",
        refused.text()
    );
    assert_eq!(
        wish(&service, &service.control("door"), "started").status,
        403
    );
    assert_eq!(wish(&service, "nonsense", "started").status, 401);
    let nonsense = wish(&service, &service.control("garden"), "dancing");
    assert_eq!(nonsense.status, 400);
    assert!(nonsense.text().contains("dancing"), "{}", nonsense.text());
}

#[test]
fn a_check_in_that_is_none() {
    let service = Service::start();
    let key = service.camera_key("garden");
    let post = |body: &[u8]| service.post("/api/cameras/garden/checkin", &key, body);
    let html = post(b"<html><body>captive portal");
    assert_eq!(html.status, 400);
    assert!(
        html.text().contains("not the JSON expected"),
        "{}",
        html.text()
    );
    assert_eq!(post(b"{}").status, 400);
    assert_eq!(post(&vec![b' '; MAX_JSON_BYTES + 1]).status, 413);
    let mut long = stopped("stopped", 1);
    long["reason"] = "x".repeat(301).into();
    let long = check_in(&service, &long);
    assert_eq!(long.status, 400);
    assert!(long.text().contains("301 characters"), "{}", long.text());
    let other = service.camera_key("door");
    let path = "/api/cameras/garden/checkin";
    assert_eq!(service.post(path, &other, b"{}").status, 403);
    assert_eq!(service.post(path, "", b"{}").status, 401);
    // Nothing of it left a trace but the refusals.
    assert_eq!(service.status("garden")["reason"]["code"], "key_refused");
}
