//! Everything that a camera can do wrong. Each is answered in words.

use std::io::Write;

use tungstenite::Message;
use zerocam_protocol::{
    AccessUnit, CameraMessage, Frame, Header, Run,
    limits::MAX_ACCESS_UNIT_BYTES,
    message::{Bye, ByeReason},
    version::SUBPROTOCOL,
};

use super::{
    bench::Service,
    camera::{Camera, Refusal, frames, hello},
};

fn refusal(service: &Service, camera: &str, key: Option<&str>, subprotocol: &str) -> Refusal {
    match Camera::dial(service, camera, key, subprotocol) {
        Ok(_) => panic!("{key:?} was accepted"),
        Err(refusal) => refusal,
    }
}

#[test]
fn keys() {
    let service = Service::start();
    let genuine = service.camera_key("garden");
    let other = Service::start().camera_key("garden");
    let door = service.camera_key("door");
    let link = service.view("garden");
    let cut = &genuine[..genuine.len() - 3];
    let table = [
        (None, 401, "no camera key"),
        (Some("garden"), 401, "not a zerocam key or link"),
        (Some(cut), 401, "the signature is wrong"),
        (Some(other.as_str()), 401, "the signature is wrong"),
        (
            Some(door.as_str()),
            403,
            "is for camera door, not for garden",
        ),
        (Some(link.as_str()), 403, "a link for watching"),
    ];
    for (key, status, text) in table {
        let refused = refusal(&service, "garden", key, SUBPROTOCOL);
        assert_eq!(refused.status, status, "{refused:?}");
        assert!(refused.text.contains(text), "{refused:?}");
        let secret = key.and_then(|key| key.rsplit('.').next()).unwrap_or("?");
        let leaks = key != Some("garden") && refused.text.contains(secret);
        assert!(!leaks, "{refused:?}");
    }
    let answer = service.post("/api/cameras/garden/checkin", "", b"");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    // A name that nobody has a key for is no different.
    assert_eq!(
        refusal(&service, "attic", Some(&genuine), SUBPROTOCOL).status,
        403
    );
    assert_eq!(
        refusal(&service, "Not%20a%20name", Some(&genuine), SUBPROTOCOL).status,
        404
    );
    // The owner sees why no picture comes; a browser or a scanner is no reason.
    assert_eq!(service.status("garden")["reason"]["code"], "key_refused");
    refusal(&service, "barn", None, SUBPROTOCOL);
    assert_ne!(service.status("barn")["reason"]["code"], "key_refused");
}

#[test]
fn versions() {
    let service = Service::start();
    let key = service.camera_key("garden");
    let table = [
        ("zerocam.v0", "update the camera"),
        ("zerocam.v99", "update the service"),
        ("chat", "connect with a zerocam camera"),
    ];
    for (subprotocol, text) in table {
        let refused = refusal(&service, "garden", Some(&key), subprotocol);
        assert_eq!(refused.status, 426);
        assert!(refused.text.trim_end().ends_with(text), "{refused:?}");
    }
    assert!(Camera::dial(&service, "garden", Some(&key), "zerocam.v9, zerocam.v1").is_ok());

    let authorization = format!("Bearer {key}");
    let plain = [
        ("authorization", authorization.as_str()),
        ("sec-websocket-protocol", SUBPROTOCOL),
    ];
    let answer = service.get_with("/api/cameras/garden/stream", &plain);
    assert_eq!(answer.status, 426);
    assert!(answer.text().contains("WebSocket"), "{}", answer.text());
}

/// What a fresh connection says after `hello`, and how the service answers.
fn farewell(service: &Service, misbehave: impl FnOnce(&mut Camera)) -> Bye {
    let (mut camera, _) = Camera::welcomed(service, hello("garden", "dev-a", 1));
    misbehave(&mut camera);
    let bye = camera.bye();
    // The name is free again for the next case.
    drop(camera);
    bye
}

fn with_header(unit: &AccessUnit, change: impl FnOnce(&mut Header)) -> AccessUnit {
    let mut header = *unit.header();
    change(&mut header);
    AccessUnit::new(header, &[unit.payload()])
}

#[test]
fn frames_and_messages() {
    use ByeReason::{ProtocolError, StaleRun};
    let service = Service::start();
    let units = frames(30);
    let bare = AccessUnit::new(*units[0].header(), &[&[0, 0, 0, 1, 0x65, 0x88]]);
    let huge = vec![1; MAX_ACCESS_UNIT_BYTES + 1];
    let monstrous = vec![1; 3 * MAX_ACCESS_UNIT_BYTES];
    let other_run = |run: fn(u64) -> u64| with_header(&units[0], |h| h.run = Run(run(h.run.0)));
    let back = with_header(&units[1], |header| header.segment.0 -= 1);
    let mut door = hello("door", "dev-a", 1);
    let wrong_address = CameraMessage::Hello(door.clone());
    door.camera = "garden".parse().unwrap();
    door.width = 1 << 20;
    let wide = CameraMessage::Hello(door);
    let binary = |unit: &AccessUnit| Message::Binary(unit.message().clone());
    let text = |message: &CameraMessage| Message::text(zerocam_protocol::message::encode(message));
    let table: Vec<(Vec<Message>, ByeReason, &str)> = vec![
        (
            vec![Message::Binary(huge.into())],
            ProtocolError,
            "larger than an access unit may be",
        ),
        (
            vec![Message::Binary(monstrous.into())],
            ProtocolError,
            "too long",
        ),
        (
            vec![Message::Binary(vec![7; 100].into())],
            ProtocolError,
            "protocol version 7",
        ),
        (
            vec![Message::Binary(vec![1; 3].into())],
            ProtocolError,
            "shorter than an access unit's header",
        ),
        (
            vec![Message::text("<html><body>502 Bad Gateway")],
            ProtocolError,
            "not a message of this protocol",
        ),
        (
            vec![Message::text("x".repeat(40_000))],
            ProtocolError,
            "a text message of 40000 bytes",
        ),
        (
            vec![text(&wrong_address)],
            ProtocolError,
            "hello from camera door",
        ),
        (vec![text(&wide)], ProtocolError, "a picture of 1048576x180"),
        (vec![binary(&bare)], ProtocolError, "no parameter sets"),
        (
            vec![binary(&other_run(|run| run - 1))],
            StaleRun,
            "after hello for run",
        ),
        (
            vec![binary(&other_run(|run| run + 1))],
            ProtocolError,
            "without its hello",
        ),
        (
            vec![binary(&units[0]), binary(&back)],
            ProtocolError,
            "came after",
        ),
    ];
    for (messages, reason, text) in table {
        let bye = farewell(&service, |camera| {
            for message in messages {
                camera.send(message);
            }
        });
        assert_eq!(bye.reason, reason, "{bye:?}");
        assert!(bye.text.contains(text), "{bye:?}");
    }
}

#[test]
fn a_run_that_has_ended_does_not_come_back() {
    let service = Service::start();
    let (mut camera, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    camera.send_frames(&frames(30));
    camera.until_acknowledged(25);
    let mut old = hello("garden", "dev-a", 2);
    old.run = Run(old.run.0 - 5);
    let film = crate::footage::Camera {
        run: old.run,
        ..Default::default()
    };
    let (mut revenant, welcome) = Camera::welcomed(&service, old);
    assert_eq!(welcome.floor, frames(30)[29].header().segment);
    revenant.send_frames(&film.shoot(crate::footage::Footage::get(), 1));
    assert_eq!(revenant.bye().reason, ByeReason::StaleRun);
    assert_eq!(
        service.status("garden")["newest"]["run"],
        frames(1)[0].header().run.0
    );
}

#[test]
fn before_hello_nothing_is_taken() {
    let service = Service::start();
    let mut camera = Camera::connect(&service, "garden");
    camera.send_frames(&frames(1));
    let bye = camera.bye();
    assert_eq!(bye.reason, ByeReason::ProtocolError);
    assert!(bye.text.contains("say hello"), "{bye:?}");
}

#[test]
fn a_frame_sent_twice_is_no_fault() {
    let service = Service::start();
    let (mut camera, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    let units = frames(30);
    camera.send_frames(&units[..20]);
    camera.send_frames(&units[10..]);
    camera.until_acknowledged(28);
}

#[test]
fn two_devices_under_one_name() {
    let service = Service::start();
    let units = frames(60);
    let (mut holder, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    holder.send_frames(&units[..30]);
    holder.until_acknowledged(28);
    let mut intruder = Camera::connect(&service, "garden");
    intruder.say(&CameraMessage::Hello(hello("garden", "dev-b", 1)));
    let bye = intruder.bye();
    assert_eq!(bye.reason, ByeReason::NameTaken);
    assert!(bye.text.contains("already fed by device dev-a"), "{bye:?}");
    assert!(bye.text.contains("a name and key of its own"), "{bye:?}");
    // The holder is not disturbed, and a farewell passes the name on.
    holder.send_frames(&units[30..]);
    holder.until_acknowledged(58);
    holder.say(&CameraMessage::Bye(Bye::new(ByeReason::Stopped, "")));
    service
        .until(|service| (service.status("garden")["reason"]["code"] == "stopped").then_some(()));
    let (_, welcome) = Camera::welcomed(&service, hello("garden", "dev-b", 1));
    assert_eq!(welcome.have.map(|have| have.frame), Some(Frame(59)));
}

#[test]
fn what_is_no_http_at_all() {
    let service = Service::start();
    let mut socket = std::net::TcpStream::connect(service.address).unwrap();
    socket
        .write_all(b"\x16\x03\x01 this is TLS\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut socket, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(service.get("/health/live").status, 200);
}
