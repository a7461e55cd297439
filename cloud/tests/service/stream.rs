//! A camera streams, and it can be watched.

use std::collections::BTreeSet;

use zerocam_protocol::{
    CameraMessage, Run, Segment, ServiceMessage,
    message::{Bye, ByeReason},
};

use super::{
    bench::Service,
    camera::{Camera, frames, hello, unix_us},
};

#[test]
fn from_hello_to_the_players_and_to_the_farewell() {
    let service = Service::start();
    let awaited = service.status("garden");
    assert_eq!(
        (&awaited["state"], &awaited["reason"]["code"]),
        (&"stale".into(), &"stale".into())
    );

    let (mut camera, welcome) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    assert_eq!((welcome.floor, welcome.have), (Segment(0), None));
    assert_eq!(
        (welcome.version, welcome.move_after_s, welcome.viewers),
        (1, 0, 0)
    );
    assert_eq!(service.status("garden")["reason"]["code"], "starting");

    camera.send_frames(&frames(60));
    camera.until_acknowledged(55);
    let status = service.until(|service| {
        let status = service.status("garden");
        (status["newest"]["frame"].as_u64() >= Some(58)).then_some(status)
    });
    assert_eq!(status["video"]["codec"], hello("garden", "a", 1).codec);
    assert_eq!(status["device"], "dev-a");
    assert_eq!(status["control"], false);

    // All of it through a path token, from the playlist on.
    let token = service.view("garden");
    let base = format!("/t/{token}/watch/garden/");
    let playlist = service.get(&format!("{base}plain.m3u8"));
    assert_eq!(playlist.status, 200);
    assert_eq!(
        playlist.header("content-type"),
        "application/vnd.apple.mpegurl"
    );
    assert_eq!(playlist.header("cache-control"), "no-cache");
    let text = playlist.text();
    let media = text.lines().filter(|line| line.ends_with(".m4s"));
    let init = text.split('"').filter(|text| text.ends_with("init.mp4"));
    let files: BTreeSet<&str> = media.chain(init).collect();
    assert!(files.len() >= 3, "{text}");
    for file in files {
        let path = format!("{base}{file}");
        let got = service.get(&path);
        assert_eq!((got.status, got.header("content-type")), (200, "video/mp4"));
        assert_eq!(
            got.header("cache-control"),
            "private, max-age=600, immutable"
        );
        assert_eq!(got.header("content-length"), got.body.len().to_string());
        let head = service.head(&path);
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), got.header("content-length"));
        assert_eq!(head.header("content-type"), "video/mp4");
    }
    assert_eq!(service.head(&format!("{base}plain.m3u8")).status, 200);
    let gone = service.get(&format!("{base}1/1.m4s"));
    assert_eq!(
        (gone.status, gone.header("cache-control")),
        (404, "no-store")
    );

    // Somebody watches: the camera hears of it.
    let count = camera.until(|message| match message {
        ServiceMessage::Viewers { count } => Some(*count),
        _ => None,
    });
    assert_eq!(count, 1);

    let bye = Bye::new(ByeReason::Stopped, "stopped by its button");
    camera.say(&CameraMessage::Bye(bye));
    let status = service.until(|service| {
        let status = service.status("garden");
        (status["reason"]["code"] == "stopped").then_some(status)
    });
    assert_eq!(status["reason"]["text"], "stopped by its button");
    assert_eq!(status["state"], "offline");
    service.until(|service| (service.status("garden")["newest"]["frame"] == 59).then_some(()));
    let ended = service.get(&format!("{base}plain.m3u8")).text();
    assert!(!ended.contains("ENDLIST"), "{ended}");
}

#[test]
fn a_new_connection_goes_on_where_the_old_one_was_cut() {
    let service = Service::start();
    let units = frames(100);
    let (mut first, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    first.send_frames(&units[..40]);
    first.until_acknowledged(38);
    drop(first);
    let (mut second, welcome) = Camera::welcomed(&service, hello("garden", "dev-a", 2));
    let have = welcome.have.unwrap();
    assert!(have.frame.0 >= 38, "{have:?}");
    assert_eq!(welcome.floor, units[39].header().segment);
    second.send_frames(&units[have.frame.0 as usize + 1..]);
    second.until_acknowledged(98);
}

#[test]
fn make_before_break_loses_nothing_and_ends_the_old_connection() {
    let service = Service::start();
    let units = frames(100);
    let (mut old, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    old.send_frames(&units[..40]);
    let (mut new, _) = Camera::welcomed(&service, hello("garden", "dev-a", 2));
    // The new connection's first frame overtakes the old one's last.
    new.send_frames(&units[50..60]);
    old.send_frames(&units[40..50]);
    let bye = old.bye();
    assert_eq!(bye.reason, ByeReason::Superseded);
    new.send_frames(&units[60..]);
    new.until_acknowledged(98);
    let base = format!("/t/{}/watch/garden/", service.view("garden"));
    let playlist = service.get(&format!("{base}plain.m3u8")).text();
    assert!(!playlist.contains("EXT-X-GAP"), "{playlist}");
    // A connection that was opened before both comes too late.
    let mut late = Camera::connect(&service, "garden");
    late.say(&CameraMessage::Hello(hello("garden", "dev-a", 1)));
    assert_eq!(late.bye().reason, ByeReason::Superseded);
}

#[test]
fn the_next_run_needs_no_new_connection() {
    let service = Service::start();
    let (mut camera, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    camera.send_frames(&frames(50));
    camera.until_acknowledged(48);
    let mut next = hello("garden", "dev-a", 1);
    next.run = Run(next.run.0 + 1);
    let run = next.run;
    camera.say(&CameraMessage::Hello(next));
    let welcome = camera.until(|message| match message {
        ServiceMessage::Welcome(welcome) => Some(welcome.clone()),
        _ => None,
    });
    let film = crate::footage::Camera {
        run,
        first_segment: welcome.floor.next(),
    };
    camera.send_frames(&film.shoot(crate::footage::Footage::get(), 50));
    camera.until(|message| match message {
        ServiceMessage::Ack { have, .. } => have.filter(|have| have.run == run),
        _ => None,
    });
}

#[test]
fn dates_follow_the_exchange_of_clocks() {
    let service = Service::start();
    let mut camera = Camera::connect(&service, "garden");
    camera.say(&CameraMessage::Hello(hello("garden", "dev-a", 1)));
    // The camera's clock is ours, less a constant: any constant will do.
    let clock_us = |unix_us: i64| unix_us - 1_700_000_000_000_000;
    let before = unix_us();
    camera.tell_time(|| clock_us(unix_us()));
    let uncertainty_us = unix_us() - before;
    // A run that began a minute ago, of which the first frames arrive now.
    let mut late = hello("garden", "dev-a", 1);
    late.run = Run(late.run.0 + 1);
    let run = late.run;
    let started_us = before - 60_000_000;
    late.run_started_us = clock_us(started_us).unsigned_abs();
    camera.say(&CameraMessage::Hello(late));
    let film = crate::footage::Camera {
        run,
        ..Default::default()
    };
    camera.send_frames(&film.shoot(crate::footage::Footage::get(), 26));
    let status = service.until(|service| {
        let status = service.status("garden");
        (status["newest"]["frame"] == 24).then_some(status)
    });
    let date_us = status["newest"]["date_unix_ms"].as_i64().unwrap() * 1000;
    let error_us = (date_us - (started_us + 960_000)).abs();
    assert!(
        error_us <= uncertainty_us + 2_000,
        "{error_us} of {uncertainty_us}"
    );
    assert_eq!(status["health"]["wifi_signal_dbm"], -61);
    assert_eq!(status["state"], "offline");
}

#[test]
fn a_service_that_stops_says_so_and_ends() {
    let mut service = Service::start();
    let (mut camera, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    let mut silent = Camera::connect(&service, "door");
    service.ask_to_stop();
    for camera in [&mut camera, &mut silent] {
        let bye = camera.bye();
        assert_eq!(bye.reason, ByeReason::ServiceStopping);
        assert!(bye.text.contains("connect again"), "{}", bye.text);
    }
    service.join();
}
