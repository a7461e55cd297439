//! The front door: the cameras that a visitor may see, and nothing of others.

use serde_json::Value;
use zerocam_protocol::token::Right;

use super::bench::{Answer, Service};

fn names(list: &Answer) -> Vec<(String, bool)> {
    assert_eq!(list.status, 200, "{}", list.text());
    assert_eq!(list.header("cache-control"), "no-store");
    let list: Value = serde_json::from_str(&list.text()).unwrap();
    let name = |camera: &Value| {
        let name = camera["camera"].as_str().unwrap().to_owned();
        (name, camera["control"].as_bool().unwrap())
    };
    list["cameras"]
        .as_array()
        .unwrap()
        .iter()
        .map(name)
        .collect()
}

#[test]
fn strangers_learn_how_to_get_in_and_no_names() {
    let service = Service::start();
    let met = service.post(
        "/api/cameras/garden/checkin",
        &service.camera_key("garden"),
        br#"{"device":"dev-a","state":"stopped","desired":{"state":"stopped","version":1}}"#,
    );
    assert_eq!(met.status, 200, "{}", met.text());
    let expired = service.link("garden", Right::View, Some(1_000_000_000));
    let door = service.view("door");
    for cookie in [
        String::new(),
        format!("zerocam_garden={expired}"),
        format!("zerocam_garden={door}"),
        format!("zerocam_garden={}", service.camera_key("garden")),
        "zerocam_garden=nonsense; zerocam_=x; zerocam_No Name=y".to_owned(),
    ] {
        let headers = [("cookie", cookie.as_str())];
        let front = service.get_with("/", &headers);
        assert_eq!(front.status, 200);
        let html = front.text();
        assert!(html.contains("Open the complete link"), "{html}");
        assert!(!html.contains("garden") && !html.contains("door"), "{html}");
        assert!(!html.contains("<script"), "{html}");
        assert_eq!(names(&service.get_with("/api/cameras", &headers)), []);
    }
}

#[test]
fn the_cameras_of_a_visitors_links_are_listed_by_name() {
    let service = Service::start();
    let cookie = format!(
        "zerocam_garden={}; zerocam_barn={}; zerocam_door={}",
        service.view("garden"),
        service.control("barn"),
        service.view("barn"),
    );
    let headers = [("cookie", cookie.as_str())];
    let list = service.get_with("/api/cameras", &headers);
    let expected = [("barn".to_owned(), true), ("garden".to_owned(), false)];
    assert_eq!(names(&list), expected);
    let list: Value = serde_json::from_str(&list.text()).unwrap();
    assert_eq!(list["cameras"][1]["reason"]["code"], "stale");
    let front = service.get_with("/", &headers);
    assert!(front.text().contains("<script"), "{}", front.text());
    assert!(!front.header("content-security-policy").contains("unsafe"));
}

#[test]
fn a_token_in_the_path_lists_its_camera() {
    let service = Service::start();
    let token = service.view("garden");
    let bare = service.get(&format!("/t/{token}"));
    assert_eq!(bare.header("location"), format!("/t/{token}/"));
    let front = service.get(&format!("/t/{token}/"));
    assert!(front.text().contains("<script"), "{}", front.text());
    let list = service.get(&format!("/t/{token}/api/cameras"));
    assert_eq!(names(&list), [("garden".to_owned(), false)]);

    let page = service.get("/t/nonsense/");
    assert_eq!(page.status, 401);
    assert!(
        page.text().contains("<h1>NO ACCESS</h1>"),
        "{}",
        page.text()
    );
    assert_eq!(service.get("/t/nonsense/api/cameras").status, 401);
}

#[test]
fn a_link_is_passed_on_for_watching_only() {
    let service = Service::start();
    let end = Some(4_000_000_000);
    let pass_on = |token: &str| {
        let answer = service.get(&format!("/t/{token}/api/cameras/garden/link"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer: Value = serde_json::from_str(&answer.text()).unwrap();
        answer["path"].as_str().unwrap().to_owned()
    };
    // Same id, same end, and no right to control.
    let view = service.link("garden", Right::View, end);
    let expected = format!("/watch/garden/?token={view}");
    assert_eq!(pass_on(&view), expected);
    assert_eq!(
        pass_on(&service.link("garden", Right::Control, end)),
        expected
    );
    assert_eq!(service.get(&expected).status, 303);
    assert_eq!(service.get("/api/cameras/garden/link").status, 401);
}
