//! Two instances that saw the same stream serve the same bytes.

use std::{collections::BTreeMap, io::Read, time::Duration};

use zerocam_e2e::{Deployment, Footage, Service, service::ServiceHome, within};

use crate::stage::{DATES_AGREE_MS, GARDEN, camera};

/// One listed segment.
struct Segment {
    uri: String,
    init_uri: String,
    lasts_s: f32,
    date_unix_ms: i64,
}

fn get(url: &str) -> Vec<u8> {
    let mut answer = ureq::get(url)
        .call()
        .unwrap_or_else(|error| panic!("{url}: {error}"));
    let mut body = Vec::new();
    (answer.body_mut().as_reader().read_to_end(&mut body)).expect("the whole of it");
    body
}

fn segments(base: &str) -> BTreeMap<u64, Segment> {
    let text = get(&format!("{base}/plain.m3u8"));
    let (_, playlist) = m3u8_rs::parse_media_playlist(&text).expect("a media playlist");
    let mut init_uri = String::new();
    let segments = (playlist.media_sequence..)
        .zip(playlist.segments)
        .map(|(number, it)| {
            if let Some(map) = it.map {
                init_uri = map.uri;
            }
            let date = it.program_date_time.expect("every segment has a date");
            let segment = Segment {
                uri: it.uri,
                init_uri: init_uri.clone(),
                lasts_s: it.duration,
                date_unix_ms: date.timestamp_millis(),
            };
            (number, segment)
        });
    segments.collect()
}

fn base(service: &Service<'_>) -> String {
    let playlist = service.playlist_url(GARDEN);
    playlist.trim_end_matches("/plain.m3u8").to_owned()
}

#[test]
fn the_second_one_serves_the_same() {
    /// How far the first one is when the second starts: five seconds.
    const AHEAD: u64 = 5 * 25;
    /// Complete segments of those, at least.
    const COMMON: usize = 2;
    let (footage, home) = (Footage::bikes(), ServiceHome::new());
    let mut deployment = Deployment::new(&home, Duration::from_secs(3600));
    let _camera = camera(&home, deployment.address(), &footage);
    within(Duration::from_secs(8), "the first one is ahead", || {
        let status = deployment.current().status(GARDEN);
        (status["newest"]["frame"].as_u64()? > AHEAD).then_some(())
    });
    let first = deployment.deploy();
    let second = deployment.current();
    within(Duration::from_secs(5), "the camera has moved", || {
        (first.status(GARDEN)["state"] != "live" && second.status(GARDEN)["state"] == "live")
            .then_some(())
    });

    let [base_a, base_b] = [&first, second].map(base);
    let (a, b) = (segments(&base_a), segments(&base_b));
    let common: Vec<_> = a.keys().filter(|number| b.contains_key(number)).collect();
    assert!(common.len() >= COMMON, "{common:?}");
    let mut apart_ms = 0;
    for number in &common {
        let (a, b) = (&a[number], &b[number]);
        assert_eq!(
            (&a.uri, &a.init_uri, a.lasts_s),
            (&b.uri, &b.init_uri, b.lasts_s)
        );
        apart_ms = apart_ms.max((a.date_unix_ms - b.date_unix_ms).abs());
        for uri in [&a.uri, &a.init_uri] {
            let [one, other] = [&base_a, &base_b].map(|base| get(&format!("{base}/{uri}")));
            assert!(one == other, "{uri} differs");
        }
    }
    println!(
        "{} segments are the same; dates are {apart_ms} ms apart at most",
        common.len()
    );
    assert!(apart_ms <= DATES_AGREE_MS, "{apart_ms} ms");
}
