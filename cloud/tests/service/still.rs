//! A keyframe as a film of one frame.

use zerocam_protocol::{
    CameraMessage,
    message::{Bye, ByeReason},
};

use super::{
    bench::Service,
    camera::{Camera, frames, hello},
};
use crate::footage;

#[test]
fn a_film_of_one_frame_in_whole_and_in_ranges() {
    let service = Service::start();
    let path = format!("/t/{}/watch/garden/still.mp4", service.view("garden"));
    assert_eq!(service.get(&path).status, 404);

    let (mut camera, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    camera.send_frames(&frames(60));
    camera.until_acknowledged(55);
    let whole = service.get(&path);
    assert_eq!(
        (whole.status, whole.header("content-type")),
        (200, "video/mp4")
    );
    assert_eq!(whole.header("cache-control"), "no-cache");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let bytes = whole.body.len();
    assert_eq!(whole.header("content-length"), bytes.to_string());
    assert_eq!(footage::decoded_times_us(&whole.body), [2_000_000]);
    let head = service.head(&path);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), bytes.to_string());

    let etag = whole.header("etag");
    assert!(etag.starts_with('"') && etag.ends_with("-50\""), "{etag}");
    let known = service.get_with(&path, &[("if-none-match", etag)]);
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert_eq!(known.header("etag"), etag);

    // As Safari asks: two bytes to see whether ranges work, then the rest.
    let first = service.get_with(&path, &[("range", "bytes=0-1")]);
    assert_eq!((first.status, &first.body[..]), (206, &whole.body[..2]));
    assert_eq!(first.header("etag"), etag);
    assert_eq!(first.header("content-range"), format!("bytes 0-1/{bytes}"));
    let rest = |if_range| [("range", "bytes=2-"), ("if-range", if_range)];
    let same = service.get_with(&path, &rest(etag));
    assert!(same.status == 206 && same.body == whole.body[2..]);
    let other = service.get_with(&path, &rest("\"1-1\""));
    assert!(other.status == 200 && other.body == whole.body);
    let beyond = format!("bytes={bytes}-");
    let beyond = service.get_with(&path, &[("range", &beyond)]);
    assert_eq!((beyond.status, beyond.body.len()), (416, 0));
    assert_eq!(beyond.header("content-range"), format!("bytes */{bytes}"));
    assert_eq!(beyond.header("cache-control"), "no-store");

    // It stays when the camera has stopped, and nobody watched.
    let bye = Bye::new(ByeReason::Stopped, "stopped by its button");
    camera.say(&CameraMessage::Bye(bye));
    service.until(|service| (service.status("garden")["newest"]["frame"] == 59).then_some(()));
    assert!(service.get(&path).body == whole.body);
    assert_eq!(service.status("garden")["viewers"], 0);
}

#[test]
fn a_still_with_a_name_never_changes() {
    let service = Service::start();
    let path = format!("/t/{}/watch/garden/still.mp4", service.view("garden"));
    let (mut camera, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    let units = frames(110);
    camera.send_frames(&units[..60]);
    camera.until_acknowledged(58);
    let newest = service.status("garden")["newest"].clone();
    let (run, segment) = (&newest["run"], newest["segment"].as_u64().unwrap());
    let named = |segment: u64| service.get(&format!("{path}?run={run}&segment={segment}"));
    let still = named(segment);
    assert_eq!(still.status, 200, "{}", still.text());
    assert_eq!(
        still.header("cache-control"),
        "private, max-age=600, immutable"
    );
    assert_eq!(footage::decoded_times_us(&still.body), [2_000_000]);
    assert!(still.body == service.get(&path).body);

    camera.send_frames(&units[60..]);
    camera.until_acknowledged(108);
    assert!(service.get(&path).body != still.body);
    assert!(named(segment).body == still.body);
    let earlier = named(segment - 1);
    assert_eq!(footage::decoded_times_us(&earlier.body), [1_000_000]);

    for unknown in [segment + 50, 0] {
        assert_eq!(named(unknown).status, 404, "{unknown}");
    }
    for odd in ["run=1", "segment=1", "run=x&segment=1"] {
        let refused = service.get(&format!("{path}?{odd}"));
        assert_eq!(refused.status, 400, "{odd}: {}", refused.text());
    }
}
