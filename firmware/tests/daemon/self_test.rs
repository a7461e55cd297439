//! `zerocam self-test` on a machine without camera, pins and Wi-Fi.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    thread,
};

use super::fixture::Camera;

/// A service that only says that it is alive, at a time of its own.
fn alive(date: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut tcp in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            let bytes = tcp.read(&mut request).unwrap();
            // A daemon's check-in is not what it is for.
            if !request[..bytes].starts_with(b"GET /health/live ") {
                continue;
            }
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0";
            write!(tcp, "{head}\r\n{date}\r\n").unwrap();
        }
    });
    url
}

/// What is said of a part.
fn line<'a>(text: &'a str, part: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(part));
    line.unwrap_or_else(|| panic!("nothing of {part}: {text}"))
        .trim()
}

#[test]
fn a_laptop_in_order() {
    let camera = Camera::at(&alive("Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"));
    let text = camera.says(&["self-test"]);
    assert!(line(&text, "configuration").ends_with("zerocam.toml: camera garden"));
    let picture = line(&text, "camera");
    assert!(picture.starts_with("ok     a keyframe of "), "{text}");
    let pins = format!(
        "ok     simulated by files in {}",
        camera.path("gpio").display()
    );
    assert_eq!(line(&text, "button, LED"), pins);
    assert!(!line(&text, "Wi-Fi").starts_with("FAILS"));
    let service = line(&text, "service");
    assert!(
        service.starts_with("ok ") && service.ends_with(" s ahead"),
        "{text}"
    );
    assert!(line(&text, "state").starts_with("ok "));
    let kept: Vec<_> = fs::read_dir(camera.path("state")).unwrap().collect();
    assert!(kept.is_empty(), "{kept:?}");
}

#[test]
fn every_part_that_fails_is_named_with_a_remedy() {
    let camera = Camera::new();
    let footage = camera.path("good.h264");
    fs::remove_file(&footage).unwrap();
    // Root may write to a read-only directory, but not into a file.
    for name in ["state", "gpio"] {
        fs::write(camera.path(name), "in the way").unwrap();
        fs::set_permissions(camera.path(name), fs::Permissions::from_mode(0o444)).unwrap();
    }
    let output = camera.zerocam(&["self-test"]);
    assert_eq!(output.status.code(), Some(74));
    let text = String::from_utf8(output.stdout).unwrap();
    for (part, evidence) in [
        ("camera", "good.h264"),
        ("button, LED", "cannot make directory"),
        (
            "service",
            "check the service's address and that the service runs",
        ),
        ("state", "cannot be written"),
    ] {
        let line = line(&text, part);
        assert!(
            line.starts_with("FAILS ") && line.contains(evidence),
            "{text}"
        );
    }
}

#[test]
fn without_a_configuration_the_rest_is_tried() {
    let camera = Camera::without_configuration();
    camera.configure(&format!("[clod]\n{}", camera.daemon_section()));
    let output = camera.zerocam(&["self-test"]);
    assert_eq!(output.status.code(), Some(74));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(line(&text, "configuration").starts_with("FAILS "));
    assert!(line(&text, "camera").starts_with("- "));
    assert!(line(&text, "button, LED").starts_with("ok "));
    assert!(line(&text, "service").starts_with("- "));
    assert!(line(&text, "state").starts_with("ok "));
}

#[test]
fn a_running_daemon_keeps_its_camera() {
    let camera = Camera::at(&alive(""));
    let _daemon = camera.run_until_ready();
    let text = camera.says(&["self-test"]);
    assert!(line(&text, "daemon").starts_with("- "));
    assert!(!text.contains("\ncamera") && !text.contains("button"));
    assert!(line(&text, "service").ends_with("it tells no time"));
}
