//! What is bounded refuses in words.

use zerocam_cloud::config::Configuration;
use zerocam_protocol::version::SUBPROTOCOL;

use super::{bench::Service, camera::Camera};

#[test]
fn viewers_are_refused_before_cameras_and_the_owner() {
    let service = Service::configured(Configuration {
        concurrency: 10,
        ..Configuration::default()
    });
    let path = format!("/t/{}/api/cameras/garden", service.view("garden"));
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
    drop(connections);
    service.until(|service| (service.get(&path).status == 200).then_some(()));
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
