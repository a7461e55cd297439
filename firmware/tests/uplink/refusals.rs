//! Whatever keeps the camera from its service becomes one plain sentence.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use zerocam::uplink::{LinkState, UplinkError, UplinkEvent};

use crate::rig::{Rig, config, numbers};

/// Answers the upgrade with these bytes and closes.
fn answer(mut tcp: TcpStream, bytes: &[u8]) {
    let mut request = [0; 4096];
    let mut read = 0;
    while !request[..read].ends_with(b"\r\n\r\n") {
        read += tcp.read(&mut request[read..]).unwrap();
    }
    tcp.write_all(bytes).unwrap();
}

fn waiting_reason(rig: &Rig) -> String {
    let waiting =
        |event: &UplinkEvent| matches!(event, UplinkEvent::State(LinkState::Waiting { .. }, _));
    let UplinkEvent::State(_, reason) = rig.until(waiting) else {
        unreachable!()
    };
    assert!(!reason.contains('\n'));
    reason
}

fn http(status: &str, kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}

#[test]
fn answers_of_the_service() {
    let html = "<html><title>Welcome to HotelWiFi</title></html>";
    for (answered, expected) in [
        (
            http("401 Unauthorized", "text/plain", "unknown key\n"),
            "the service does not take this camera's key (unknown key): make a new one with `zerocam-cloud key`",
        ),
        (
            http("403 Forbidden", "text/plain", "this is the key of camera barn"),
            "the service forbids this camera (this is the key of camera barn): use the key of this camera",
        ),
        (
            http("404 Not Found", "text/plain", "no such page"),
            "127.0.0.1 has no zerocam service at this address (404) (no such page): check the service's address",
        ),
        (
            http("426 Upgrade Required", "text/plain", "the camera speaks protocol version 1, this service 3 to 4: update the camera"),
            "camera and service do not understand each other (the camera speaks protocol version 1, this service 3 to 4: update the camera)",
        ),
        (
            http("503 Service Unavailable", "text/plain", ""),
            "the service takes no cameras at the moment: trying again",
        ),
        (
            http("200 OK", "text/html", html),
            "127.0.0.1 answers with something else than a zerocam service (a web page, 200): a proxy or the login page of a Wi-Fi network may be in the way, or the service's address is wrong",
        ),
        (
            http("302 Found", "text/html", html),
            "127.0.0.1 answers with something else than a zerocam service (a redirection, 302): a proxy or the login page of a Wi-Fi network may be in the way, or the service's address is wrong",
        ),
        (
            b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec(),
            "127.0.0.1 answers with something else than a zerocam service (no HTTP): a proxy or the login page of a Wi-Fi network may be in the way, or the service's address is wrong",
        ),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n".to_vec(),
            "127.0.0.1 answers with something else than a zerocam service (a wrong WebSocket answer): a proxy or the login page of a Wi-Fi network may be in the way, or the service's address is wrong",
        ),
        (
            Vec::new(),
            "127.0.0.1 closed the connection while it was being set up: check the service's address and its log",
        ),
    ] {
        let rig = Rig::new();
        rig.start();
        answer(rig.accept_tcp(), &answered);
        assert_eq!(waiting_reason(&rig), expected);
    }
}

#[test]
fn a_refusal_whose_body_comes_later_is_read_whole() {
    let rig = Rig::new();
    rig.start();
    let mut tcp = rig.accept_tcp();
    let refusal = http("401 Unauthorized", "text/plain", "this key was revoked");
    let (head, body) = refusal.split_at(refusal.len() - 15);
    tcp.set_nodelay(true).unwrap();
    tcp.write_all(head).unwrap();
    // The camera has read the head when its request is gone from our side.
    let mut request = [0; 4096];
    assert!(tcp.read(&mut request).unwrap() > 0);
    tcp.write_all(body).unwrap();
    assert!(waiting_reason(&rig).contains("(this key was revoked)"));
}

#[test]
fn a_refused_key_is_told() {
    let rig = Rig::new();
    rig.start();
    answer(
        rig.accept_tcp(),
        &http("401 Unauthorized", "text/plain", "unknown key"),
    );
    rig.until(
        |event| matches!(event, UplinkEvent::KeyRefused(text) if text.contains("unknown key")),
    );
}

#[test]
fn an_endless_answer_is_cut_short() {
    let rig = Rig::new();
    rig.start();
    let mut tcp = rig.accept_tcp();
    let flood = thread::spawn(move || {
        let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\n");
        while tcp
            .write_all(b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
            .is_ok()
        {}
    });
    assert!(waiting_reason(&rig).contains("no HTTP"));
    drop(rig);
    flood.join().unwrap();
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let rig = Rig::with(|config| config.url = format!("http://{address}"));
    rig.start();
    assert_eq!(
        waiting_reason(&rig),
        format!(
            "{address} refuses connections: check the service's address and that the service runs"
        )
    );
}

#[test]
fn a_name_that_nobody_has() {
    // RFC 6761, section 6.4: never resolves.
    let rig = Rig::with(|config| config.url = "https://cam.invalid".into());
    rig.start();
    let reason = waiting_reason(&rig);
    assert!(
        reason.starts_with("no address is known for cam.invalid: check"),
        "{reason}"
    );
}

#[test]
fn recovery_once_the_cause_is_gone() {
    let mut rig = Rig::new();
    rig.camera.shoot(10);
    rig.start();
    answer(
        rig.accept_tcp(),
        &http("503 Service Unavailable", "text/plain", "full"),
    );
    answer(
        rig.accept_tcp(),
        &http("404 Not Found", "text/html", "<html>"),
    );
    let mut service = rig.accept();
    service.hello();
    service.welcome(None);
    assert_eq!(service.frames(10), numbers(0..10));
}

#[test]
fn plain_text_needs_permission() {
    let mut config = config("ws://192.0.2.1:8080");
    let refused = config.validate().unwrap_err();
    assert!(matches!(refused, UplinkError::Endpoint(_)));
    assert!(
        refused.to_string().contains("allow_plain = true"),
        "{refused}"
    );
    config.allow_plain = true;
    assert_eq!(config.validate().unwrap().as_str(), "garden");
}
