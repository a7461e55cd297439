//! Check-ins over plain and encrypted HTTP.

use std::{
    io::{Read, Write},
    sync::Arc,
    thread,
    time::Duration,
};

use rcgen::date_time_ymd;
use zerocam::uplink::UplinkEvent;
use zerocam_protocol::{
    checkin::{CameraState, CheckinRequest, CheckinResponse, Desired, DesiredState},
    message::Health,
};

use crate::{
    certificates::{Authority, accept_tls, secure_rig},
    rig::{KEY, Rig},
};

fn request(reason: &str) -> CheckinRequest {
    CheckinRequest {
        device: "dev-1".parse().unwrap(),
        state: CameraState::Stopped,
        reason: reason.into(),
        desired: Desired::FIRST,
        health: Health::default(),
        black_box: Vec::new(),
    }
}

const ANSWER: CheckinResponse = CheckinResponse {
    desired: Desired {
        state: DesiredState::Started,
        version: 4,
    },
    service_time_unix_us: 1_790_000_000_000_000,
};

fn read_request(stream: &mut impl Read) -> CheckinRequest {
    let mut text = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let bytes = stream.read(&mut chunk).unwrap();
        assert!(bytes > 0, "the request ends early");
        text.extend_from_slice(&chunk[..bytes]);
        let text = String::from_utf8_lossy(&text);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        if let Ok(request) = serde_json::from_str(body) {
            assert!(
                head.starts_with("POST /api/cameras/garden/checkin HTTP/1.1\r\n"),
                "{head}"
            );
            let head = head.to_lowercase();
            let key = format!("authorization: bearer {}", KEY.to_lowercase());
            assert!(head.contains(&key), "{head}");
            assert!(head.contains("content-type: application/json"), "{head}");
            return request;
        }
    }
}

fn read_head(stream: &mut impl Read) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        text.extend(byte);
    }
    String::from_utf8(text).unwrap()
}

fn respond(stream: &mut impl Write, status: &str, kind: &str, body: &str) {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
    stream.flush().unwrap();
}

fn respond_well(stream: &mut impl Write) {
    let body = serde_json::to_string(&ANSWER).unwrap();
    respond(stream, "200 OK", "application/json", &body);
}

fn failure(rig: &Rig) -> String {
    match rig.until(|event| matches!(event, UplinkEvent::CheckinFailed(_))) {
        UplinkEvent::CheckinFailed(text) => text,
        _ => unreachable!(),
    }
}

#[test]
fn a_check_in_is_answered() {
    let rig = Rig::new();
    rig.uplink().check_in(request("stopped by its button"));
    let mut tcp = rig.accept_tcp();
    assert_eq!(read_request(&mut tcp), request("stopped by its button"));
    respond_well(&mut tcp);
    rig.until(|event| *event == UplinkEvent::CheckedIn(ANSWER));
}

#[test]
fn the_end_of_check_ins_is_that_of_the_last_one() {
    let rig = Rig::new();
    rig.uplink().check_in(request("first"));
    let mut first = rig.accept_tcp();
    assert_eq!(read_request(&mut first).reason, "first");
    rig.uplink().check_in(request("last"));
    thread::scope(|scope| {
        let finishing = scope.spawn(|| rig.uplink().finish_check_ins(Duration::from_secs(60)));
        respond_well(&mut first);
        rig.until(|event| *event == UplinkEvent::CheckedIn(ANSWER));
        let mut last = rig.accept_tcp();
        assert_eq!(read_request(&mut last).reason, "last");
        assert!(!finishing.is_finished());
        respond_well(&mut last);
        finishing.join().unwrap();
        rig.until(|event| *event == UplinkEvent::CheckedIn(ANSWER));
    });
}

#[test]
fn the_newest_request_follows_the_one_under_way() {
    let rig = Rig::new();
    rig.uplink().check_in(request("first"));
    let mut tcp = rig.accept_tcp();
    assert_eq!(read_request(&mut tcp).reason, "first");
    rig.uplink().check_in(request("second"));
    rig.uplink().check_in(request("third"));
    respond_well(&mut tcp);
    let mut tcp = rig.accept_tcp();
    assert_eq!(read_request(&mut tcp).reason, "third");
    respond_well(&mut tcp);
    rig.until(|event| *event == UplinkEvent::CheckedIn(ANSWER));
    rig.until(|event| *event == UplinkEvent::CheckedIn(ANSWER));
}

#[test]
fn a_check_in_trusts_whom_the_stream_trusts() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let (trusted, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    trusted.write(&ca_file);

    let rig = secure_rig(&ca_file);
    rig.uplink().check_in(request(""));
    let mut tls = accept_tls(&rig, trusted.server("localhost", |_| {})).unwrap();
    assert_eq!(read_request(&mut tls), request(""));
    respond_well(&mut tls);
    rig.until(|event| *event == UplinkEvent::CheckedIn(ANSWER));

    rig.uplink().check_in(request(""));
    assert!(accept_tls(&rig, stranger.server("localhost", |_| {})).is_err());
    let text = failure(&rig);
    assert!(text.contains("unknown issuer: set ca_file"), "{text}");
}

#[test]
fn failures_are_plain_sentences() {
    for (status, kind, body, expected) in [
        (
            "401 Unauthorized",
            "text/plain",
            "unknown key",
            "does not take this camera's key (unknown key)",
        ),
        (
            "503 Service Unavailable",
            "text/html",
            "<html>busy",
            "takes no cameras at the moment",
        ),
        (
            "200 OK",
            "text/html",
            "<html>log in",
            "login page of a Wi-Fi network",
        ),
        (
            "302 Found",
            "text/html",
            "<html>log in",
            "(a redirection, 302)",
        ),
        (
            "200 OK",
            "application/json",
            "{\"desired\":1}",
            "something else than a zerocam service",
        ),
    ] {
        let rig = Rig::new();
        rig.uplink().check_in(request(""));
        let mut tcp = rig.accept_tcp();
        read_request(&mut tcp);
        respond(&mut tcp, status, kind, body);
        let text = failure(&rig);
        assert!(text.contains(expected), "{status}: {text}");
    }
    let rig = Rig::with(|config| config.url = "http://localhost:1".into());
    rig.uplink().check_in(request(""));
    assert!(
        failure(&rig).contains("refuses connections"),
        "{}",
        failure(&rig)
    );
}

#[test]
fn an_answer_is_bounded() {
    let rig = Rig::new();
    rig.uplink().check_in(request(""));
    let mut tcp = rig.accept_tcp();
    read_request(&mut tcp);
    respond(&mut tcp, "200 OK", "application/json", &" ".repeat(100_000));
    assert!(failure(&rig).contains("something else than a zerocam service"));
}

/// The same as a camera's clock in 1970, seen from the other side: the service
/// lives in the year 2100.
#[test]
fn a_clock_that_is_behind_the_certificate_does_not_keep_the_camera_out() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let authority = Authority::new("ours");
    authority.write(&ca_file);
    let server = authority.server("localhost", |params| {
        params.not_before = date_time_ymd(2100, 1, 1);
        params.not_after = date_time_ymd(2101, 1, 1);
    });
    let asked_for_the_time = |date: &str| {
        let rig = secure_rig(&ca_file);
        rig.uplink().check_in(request("late"));
        assert!(accept_tls(&rig, Arc::clone(&server)).is_err());
        let mut tls = accept_tls(&rig, Arc::clone(&server)).unwrap();
        let head = read_head(&mut tls);
        assert!(head.starts_with("GET /health/live "), "{head}");
        assert!(!head.to_lowercase().contains("authorization"), "{head}");
        let answer = format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n");
        tls.write_all(answer.as_bytes()).unwrap();
        tls.flush().unwrap();
        rig
    };

    let rig = asked_for_the_time("Tue, 01 Jun 2100 12:00:00 GMT");
    let mut tls = accept_tls(&rig, Arc::clone(&server)).unwrap();
    assert_eq!(read_request(&mut tls), request("late"));
    respond_well(&mut tls);
    rig.until(|event| *event == UplinkEvent::CheckedIn(ANSWER));

    // Its own clock contradicts its certificate.
    let rig = asked_for_the_time("Sat, 21 Nov 2026 12:00:00 GMT");
    let text = failure(&rig);
    assert!(text.contains("is not valid yet"), "{text}");

    let rig = asked_for_the_time("Sat, 01 Jan 2101 00:00:01 GMT");
    assert!(accept_tls(&rig, Arc::clone(&server)).is_err());
    let text = failure(&rig);
    assert!(text.contains("has expired"), "{text}");
}
