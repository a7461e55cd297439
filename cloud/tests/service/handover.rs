//! Between two revisions: who is asked, and what the camera is told.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use zerocam_cloud::{
    access::SigningKey,
    config::Configuration,
    handover::{Instance, Introduction},
};
use zerocam_protocol::{
    CameraMessage, Frame, ServiceMessage,
    message::{Bye, ByeReason},
};

use super::{
    bench::Service,
    camera::{Camera, frames, hello, unix_us},
};

/// An address where a revision answers, or a page until it is told.
fn front(says_revision: Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((peer, _)) = listener.accept() {
            let mut peer = BufReader::new(peer);
            let mut line = String::new();
            while peer.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let body = if says_revision.load(Ordering::Relaxed) {
                r#"{"revision":"zerocam-2","instance":"x"}"#
            } else {
                "<html>One moment</html>"
            };
            let length = body.len();
            // The service may have stopped meanwhile.
            let _ = write!(
                peer.get_mut(),
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
            );
        }
    });
    address
}

fn plain_http() -> Configuration {
    Configuration {
        plain_http: true,
        ..Configuration::default()
    }
}

fn until_asked_to_move(camera: &mut Camera) {
    camera.until(|message| matches!(message, ServiceMessage::Move).then_some(()));
}

/// Sends the farewell of a camera that has moved.
fn leave(camera: &mut Camera) {
    let text = "the camera goes on over a newer connection";
    camera.say(&CameraMessage::Bye(Bye::new(ByeReason::Superseded, text)));
}

#[test]
fn an_instance_names_itself() {
    let [alone, first, second] = [None, Some("zerocam-1"), Some("zerocam-1")].map(|revision| {
        let service = Service::deployed(plain_http(), revision);
        let answer = service.get("/api/instance");
        assert_eq!(
            (answer.status, answer.header("cache-control")),
            (200, "no-store")
        );
        serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap()
    });
    assert_eq!(alone["revision"], serde_json::Value::Null);
    assert_eq!(first["revision"], "zerocam-1");
    assert_ne!(first["instance"], second["instance"]);
}

#[test]
fn where_there_are_two_of_a_revision_viewers_are_told_so() {
    let service = Service::deployed(plain_http(), Some("zerocam-2"));
    let own = service.get("/api/instance").body;
    let own = serde_json::from_slice::<serde_json::Value>(&own).unwrap();
    let own = own["instance"].as_str().unwrap();
    let reason = || service.status("garden")["reason"]["text"].to_string();
    let waits = reason();
    let other = SigningKey::parse(&SigningKey::generate().unwrap()).unwrap();
    let introduce = |revision: &str, instance: &str, key: &SigningKey| {
        let instance = Instance {
            revision: Some(revision.into()),
            instance: instance.into(),
        };
        let Introduction { proof, .. } = instance.introduce(key);
        let asker = format!(
            "revision={revision}&instance={}&proof={proof}",
            instance.instance
        );
        service.get(&format!("/api/instance?{asker}"));
    };
    // Itself, an instance of another revision, and people.
    introduce("zerocam-2", own, &service.key);
    introduce("zerocam-3", "x", &service.key);
    introduce("zerocam-2", "x", &other);
    for asker in [
        "revision=zerocam-2&instance=x",
        "revision=zerocam-2&instance=x&proof=x",
        "",
    ] {
        service.get(&format!("/api/instance?{asker}"));
    }
    assert_eq!(reason(), waits);
    introduce("zerocam-2", "x", &service.key);
    assert!(reason().contains("--max-instances 1"), "{}", reason());
}

#[test]
fn a_camera_moves_when_another_revision_answers() {
    let deployed = Arc::new(AtomicBool::new(false));
    let service = Service::deployed(plain_http(), Some("zerocam-1"));
    let mut announced = hello("garden", "dev-a", 1);
    announced.public_url = format!("http://{}", front(deployed.clone()));
    let (mut camera, welcome) = Camera::welcomed(&service, announced);
    assert_eq!(welcome.move_after_s, 3000);
    camera.send_frames(&frames(40));
    camera.until_acknowledged(38);
    deployed.store(true, Ordering::Relaxed);
    until_asked_to_move(&mut camera);
    // It serves on meanwhile, and keeps the last frame to itself: only the other
    // instance knows how long it lasts.
    camera.send_frames(&frames(50)[40..]);
    camera.until_acknowledged(48);
    leave(&mut camera);
    let status = service.until(|service| {
        let status = service.status("garden");
        (status["reason"]["code"] != "live").then_some(status)
    });
    assert_eq!(status["newest"]["frame"], 48);
    // Back again, it goes on where it was.
    let (mut camera, welcome) = Camera::welcomed(&service, hello("garden", "dev-a", 2));
    assert_eq!(welcome.have.unwrap().frame, Frame(48));
    camera.send_frames(&frames(60)[49..]);
    camera.until_acknowledged(58);
}

#[test]
fn a_new_instance_lists_nothing_before_all_that_another_one_had() {
    /// Frames that were filmed before the camera came here: four seconds.
    const PAST: usize = 100;
    let service = Service::deployed(plain_http(), Some("zerocam-2"));
    let units = frames(PAST + 48);
    let mut announced = hello("garden", "dev-a", 1);
    announced.run_started_us = (unix_us() - PAST as i64 * 40_000).unsigned_abs();
    let (mut camera, _) = Camera::welcomed(&service, announced);
    camera.tell_time(unix_us);
    camera.send_frames(&units[..PAST]);
    camera.until_acknowledged(PAST as u64 - 2);
    let base = format!("/t/{}/watch/garden", service.view("garden"));
    thread::scope(|scope| {
        let lists = ["plain.m3u8", "index.m3u8"].map(|list| {
            let path = format!("{base}/{list}");
            scope.spawn(|| service.get(&{ path }))
        });
        // They are counted as soon as they have been looked at.
        service.until(|service| (service.status("garden")["viewers"] == 1).then_some(()));
        assert!(lists.iter().all(|list| !list.is_finished()));
        camera.send_frames(&units[PAST..]);
        for list in lists {
            let list = list.join().unwrap();
            assert_eq!(list.status, 200, "{}", list.text());
            let segments = list.text().matches("#EXTINF:").count();
            assert!(segments >= PAST / 25, "{}", list.text());
        }
    });
}

#[test]
fn a_service_that_is_replaced_waits_until_its_cameras_have_moved() {
    let mut service = Service::deployed(plain_http(), Some("zerocam-1"));
    let (mut camera, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    camera.send_frames(&frames(30));
    camera.until_acknowledged(28);
    service.ask_to_stop();
    until_asked_to_move(&mut camera);
    // Viewers are served, cameras are sent elsewhere.
    assert_eq!(service.get("/health/ready").status, 503);
    assert_eq!(service.status("garden")["newest"]["frame"], 28);
    let refused = Camera::dial(
        &service,
        "garden",
        Some(&service.camera_key("garden")),
        zerocam_protocol::version::SUBPROTOCOL,
    );
    assert_eq!(refused.err().unwrap().status, 503);
    camera.send_frames(&frames(40)[30..]);
    camera.until_acknowledged(38);
    leave(&mut camera);
    service.join();
}

#[test]
fn a_camera_that_does_not_move_is_told_before_the_end() {
    let mut service = Service::deployed(plain_http(), Some("zerocam-1"));
    let (mut camera, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    service.ask_to_stop();
    until_asked_to_move(&mut camera);
    assert_eq!(camera.bye().reason, ByeReason::ServiceStopping);
    service.join();
}
