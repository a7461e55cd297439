//! What is bounded refuses in words.

use std::{
    io::{ErrorKind, Read},
    net::TcpStream,
};

use zerocam_cloud::config::Configuration;
use zerocam_protocol::version::SUBPROTOCOL;

use super::{
    bench::{PATIENCE, Service},
    camera::Camera,
};

/// What there is to see of a camera that has sent nothing.
const NO_PICTURE: u16 = 404;

#[test]
fn viewers_are_refused_before_cameras_and_the_owner() {
    let service = Service::configured(Configuration {
        concurrency: 10,
        ..Configuration::default()
    });
    let (view, control) = (service.view("garden"), service.control("garden"));
    let path = format!("/t/{view}/watch/garden/plain.m3u8");
    let connections: Vec<Camera> = ["a", "b", "c"]
        .iter()
        .flat_map(|name| [name, name, name])
        .map(|name| Camera::connect(&service, name))
        .collect();
    let refused = service.get(&path);
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), "5");
    assert!(
        refused.text().contains("as many people watch"),
        "{}",
        refused.text()
    );
    assert_eq!(service.get("/health/ready").status, 200);

    // The owner gets the page, the camera's state, a picture, and a wish.
    let answer = |path: &str| service.get(&format!("/t/{control}{path}")).status;
    assert_eq!(answer("/watch/garden/"), 200);
    assert_eq!(answer("/api/cameras/garden"), 200);
    assert_eq!(answer("/watch/garden/still.mp4"), NO_PICTURE);
    let cookie = format!("zerocam_garden={control}");
    let still = service.get_with("/watch/garden/still.mp4", &[("cookie", &cookie)]);
    assert_eq!(still.status, NO_PICTURE);
    let wish = format!("/t/{control}/api/cameras/garden/desired");
    let wish = service.post(&wish, "", br#"{"state":"stopped"}"#);
    assert_eq!(wish.status, 200, "{}", wish.text());

    drop(connections);
    service.until(|service| (service.get(&path).status == NO_PICTURE).then_some(()));
}

#[test]
fn cameras_and_their_connections_are_bounded() {
    let service = Service::configured(Configuration {
        max_cameras: 1,
        ..Configuration::default()
    });
    let dial = |camera: &str| {
        let key = service.camera_key(camera);
        Camera::dial(&service, camera, Some(&key), SUBPROTOCOL)
    };
    let _connections: Vec<Camera> = (0..4).map(|_| dial("garden").unwrap()).collect();
    let refusal = dial("garden").err().unwrap();
    assert_eq!(refusal.status, 503);
    assert!(refusal.text.contains("too many connections"), "{refusal:?}");
    let refusal = dial("door").err().unwrap();
    assert_eq!(refusal.status, 503);
    assert!(refusal.text.contains("raise `max_cameras`"), "{refusal:?}");
}

#[test]
fn idle_connections_shut_nobody_out_for_long() {
    let service = Service::configured(Configuration {
        concurrency: 10,
        ..Configuration::default()
    });
    let connect = || {
        let connection = TcpStream::connect(service.address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection
    };
    let mut idle: Vec<TcpStream> = (0..20).map(|_| connect()).collect();
    // One too many is not left waiting.
    assert_eq!(connect().read(&mut [0]).unwrap(), 0);
    idle[0].set_nonblocking(true).unwrap();
    let patient = idle[0].read(&mut [0]).unwrap_err();
    assert_eq!(patient.kind(), ErrorKind::WouldBlock);
    // Those that came to a crowd go first.
    for newer in &mut idle[11..] {
        assert_eq!(newer.read(&mut [0]).unwrap(), 0);
    }
    let patient = idle[0].read(&mut [0]).unwrap_err();
    assert_eq!(patient.kind(), ErrorKind::WouldBlock);
    assert_eq!(service.get("/health/live").status, 200);
}
