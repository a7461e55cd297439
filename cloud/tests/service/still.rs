//! The newest keyframe as a film of one frame.

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

    let last = bytes - 1;
    for (range, if_range, expected) in [
        ("bytes=0-1", None, Some((0, 1))),
        ("bytes=0-", None, Some((0, last))),
        ("bytes=100-999999999", Some(etag), Some((100, last))),
        ("bytes=-10", None, Some((bytes - 10, last))),
        ("bytes=0-1", Some("\"1-1\""), None),
        ("bytes=0-1,5-6", None, None),
        ("bytes=5-1", None, None),
        ("bytes=+5-8", None, None),
        ("lines=0-1", None, None),
    ] {
        let if_range = if_range.map(|etag| ("if-range", etag));
        let headers: Vec<_> = [("range", range)].into_iter().chain(if_range).collect();
        let got = service.get_with(&path, &headers);
        let (first, last) = expected.unwrap_or((0, last));
        assert_eq!(got.body, whole.body[first..=last], "{range}");
        assert_eq!(got.header("content-length"), got.body.len().to_string());
        match expected {
            None => assert_eq!(
                (got.status, got.header("content-range")),
                (200, ""),
                "{range}"
            ),
            Some(_) => {
                let content_range = format!("bytes {first}-{last}/{bytes}");
                assert_eq!(
                    (got.status, got.header("content-range")),
                    (206, &*content_range)
                );
            }
        }
    }
    for range in [format!("bytes={bytes}-"), "bytes=-0".to_owned()] {
        let got = service.get_with(&path, &[("range", &range)]);
        assert_eq!((got.status, got.body.len()), (416, 0), "{range}");
        assert_eq!(got.header("content-range"), format!("bytes */{bytes}"));
    }

    // It stays when the camera has stopped, and nobody watched.
    let bye = Bye::new(ByeReason::Stopped, "stopped by its button");
    camera.say(&CameraMessage::Bye(bye));
    service.until(|service| (service.status("garden")["newest"]["frame"] == 59).then_some(()));
    assert_eq!(service.get(&path).body, whole.body);
    assert_eq!(service.status("garden")["viewers"], 0);
}
