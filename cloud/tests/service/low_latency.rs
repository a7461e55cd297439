//! Low-Latency HLS over a real socket: what is there, what is waited for, and
//! what is refused.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
    thread::{self, Scope, ScopedJoinHandle},
    time::{Duration, Instant},
};

use media_doctor::{Report, check_hls_playlist};
use zerocam_cloud::config::Configuration;
use zerocam_protocol::{
    AccessUnit, CameraMessage, Run,
    message::{Bye, ByeReason},
};

use super::{
    bench::{Answer, PATIENCE, Service},
    camera::{Camera, frames, hello, unix_us},
};

/// Where visitors find the camera named garden.
fn base(service: &Service) -> String {
    format!("/t/{}/watch/garden", service.view("garden"))
}

/// A camera that has sent so many of its frames, all of which can be watched
/// but the last one.
fn streaming(service: &Service, units: &[AccessUnit]) -> Camera {
    let mut hello = hello("garden", "dev-a", 1);
    hello.run_started_us = unix_us().unsigned_abs();
    let (mut camera, _) = Camera::welcomed(service, hello);
    camera.tell_time(unix_us);
    camera.send_frames(units);
    camera.until_acknowledged(units.len() as u64 - 2);
    camera
}

fn playlist(service: &Service, query: &str) -> String {
    let answer = service.get(&format!("{}/index.m3u8{query}", base(service)));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

/// Asks while the test goes on.
fn ask<'scope, 'all>(
    scope: &'scope Scope<'scope, 'all>,
    service: &'all Service,
    path: String,
) -> ScopedJoinHandle<'scope, Answer> {
    scope.spawn(move || service.get(&path))
}

/// The values of all lines that begin with this tag.
fn values<'a>(playlist: &'a str, tag: &str) -> Vec<&'a str> {
    let lines = playlist.lines();
    lines.filter_map(|line| line.strip_prefix(tag)).collect()
}

fn uri(attributes: &str) -> &str {
    let (_, uri) = attributes.split_once("URI=\"").unwrap();
    uri.split_once('"').unwrap().0
}

/// The number of the last whole segment.
fn last_segment(playlist: &str) -> u64 {
    let first: u64 = values(playlist, "#EXT-X-MEDIA-SEQUENCE:")[0]
        .parse()
        .unwrap();
    first + values(playlist, "#EXTINF:").len() as u64 - 1
}

#[test]
fn parts_are_their_segment_and_deltas_their_playlist() {
    let service = Service::start();
    let units = frames(148);
    let mut camera = streaming(&service, &units);
    camera.say(&CameraMessage::Bye(Bye::new(ByeReason::Stopped, "")));
    let base = base(&service);
    service.until(|service| (service.status("garden")["newest"]["frame"] == 147).then_some(()));

    let full = playlist(&service, "");
    let mut report = Report::new();
    check_hls_playlist(&full, &mut report);
    assert!(report.is_empty(), "{:?}\n{full}", report.findings());
    assert!(!full.contains("ENDLIST"), "{full}");

    // The camera is stopped: all that is asked for now is of one moment.
    let delta = playlist(&service, "?_HLS_skip=YES");
    assert_eq!(delta, full, "six target durations are not there yet");
    let (mut parts, mut segments) = (Vec::new(), 0);
    for line in full.lines() {
        if let Some(part) = line.strip_prefix("#EXT-X-PART:") {
            let answer = service.get(&format!("{base}/{}", uri(part)));
            assert_eq!(answer.status, 200, "{part}");
            assert_eq!(answer.header("content-type"), "video/mp4");
            assert_eq!(
                answer.header("cache-control"),
                "private, max-age=600, immutable"
            );
            parts.extend(answer.body);
        } else if line.ends_with(".m4s") {
            let segment = service.get(&format!("{base}/{line}")).body;
            if !parts.is_empty() {
                segments += 1;
                assert!(segment == parts, "the parts of {line} are other bytes");
                parts.clear();
            }
        }
    }
    assert_eq!(segments, 2, "{full}");
    let head = service.head(&format!("{base}/index.m3u8"));
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-type"), "application/vnd.apple.mpegurl");
    assert_eq!(head.header("cache-control"), "no-cache");
}

#[test]
fn players_are_woken_by_what_they_wait_for() {
    let service = Service::start();
    let units = frames(120);
    let mut camera = streaming(&service, &units[..61]);
    let base = base(&service);
    let now = playlist(&service, "");
    let (open, hint) = (last_segment(&now) + 1, values(&now, "#EXT-X-PRELOAD-HINT:"));
    let hint = uri(hint[0]);
    assert!(hint.ends_with("/60.part.m4s"), "{now}");
    thread::scope(|scope| {
        let waiting = [
            format!("{base}/index.m3u8?_HLS_msn={open}&_HLS_part=2"),
            format!("{base}/index.m3u8?_HLS_msn={open}"),
            format!("{base}/index.m3u8?_HLS_msn={}", open + 1),
            // Beyond the end of the open segment: the next one.
            format!("{base}/index.m3u8?_HLS_msn={open}&_HLS_part=99&_HLS_skip=YES"),
            format!("{base}/{hint}"),
            format!(
                "{base}/{}/{open}.m4s",
                values(hint, "")[0].split_once('/').unwrap().0
            ),
        ]
        .map(|path| ask(scope, &service, path));
        let ready = service.get(&format!("{base}/index.m3u8?_HLS_msn={open}&_HLS_part=1"));
        assert_eq!(ready.text(), now);
        assert!(waiting.iter().all(|asked| !asked.is_finished()));
        camera.send_frames(&units[61..]);
        let [part, whole, next, beyond, hinted, segment] =
            waiting.map(|asked| asked.join().unwrap());
        for answer in [&part, &whole, &next, &beyond, &hinted, &segment] {
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        assert!(part.text().contains(hint), "{}", part.text());
        assert!(last_segment(&whole.text()) >= open);
        assert!(last_segment(&next.text()) > open);
        assert!(values(&beyond.text(), "#EXT-X-PART:").len() >= 6);
        let at = segment.body.windows(hinted.body.len());
        assert_eq!(at.filter(|it| *it == hinted.body).count(), 1);
    });
}

#[test]
fn what_is_refused_at_once() {
    let service = Service::start();
    let units = frames(61);
    let _camera = streaming(&service, &units);
    let base = base(&service);
    let now = playlist(&service, "");
    let last = last_segment(&now);
    let run = units[0].header().run;
    let table = [
        (
            400,
            format!("index.m3u8?_HLS_msn={}", last + 3),
            "too far ahead",
        ),
        (
            400,
            format!("index.m3u8?_HLS_msn={}&_HLS_part=0", last + 3),
            "too far ahead",
        ),
        (
            400,
            format!("index.m3u8?_HLS_msn={}", u64::MAX),
            "too far ahead",
        ),
        (
            400,
            "index.m3u8?_HLS_part=0".into(),
            "_HLS_msn has to say which",
        ),
        (
            400,
            "index.m3u8?_HLS_msn=next".into(),
            "whole number, not \"next\"",
        ),
        (
            400,
            "index.m3u8?_HLS_msn=1&_HLS_part=-1".into(),
            "whole number, not \"-1\"",
        ),
        (400, "index.m3u8?_HLS_msn=1&_HLS_msn=2".into(), "_HLS_msn"),
        (
            404,
            format!("{run}/3.part.m4s"),
            "gone from the live window",
        ),
        (
            404,
            format!("{}/5.part.m4s", run.0 - 1),
            "gone from the live window",
        ),
        (
            404,
            format!("{}/init.mp4", run.0 - 1),
            "gone from the live window",
        ),
        (
            404,
            format!("{run}/{}.m4s", last - 1000),
            "gone from the live window",
        ),
        (404, format!("{run}/x.part.m4s"), "nothing at this address"),
    ];
    for (status, path, text) in table {
        let answer = service.get(&format!("{base}/{path}"));
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.text().contains(text), "{path}: {}", answer.text());
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    }
    // Of a run or a segment long gone: the newest playlist tells all.
    for query in ["?_HLS_msn=0", "?_HLS_msn=7&_HLS_part=1000"] {
        assert_eq!(playlist(&service, query), now);
    }
    // Nobody waits for a camera that was never seen.
    let door = format!("/t/{}/watch/door", service.view("door"));
    for file in ["plain.m3u8", "index.m3u8"] {
        let answer = service.get(&format!("{door}/{file}"));
        assert_eq!(answer.status, 404);
        assert!(answer.text().contains("no picture of this camera yet"));
    }
}

#[test]
fn ranges_and_other_sites() {
    let service = Service::start();
    let units = frames(61);
    let _camera = streaming(&service, &units);
    let base = base(&service);
    let now = playlist(&service, "");
    let path = format!("{base}/{}", uri(values(&now, "#EXT-X-PART:")[1]));
    let whole = service.get(&path);
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let length = whole.body.len();
    let range = |range: &str| service.get_with(&path, &[("range", range)]);
    let table = [
        ("bytes=0-0".to_owned(), 0..1),
        (format!("bytes=100-{}", length + 5), 100..length),
        ("bytes=2000-".to_owned(), 2000..length),
        ("bytes=-7".to_owned(), length - 7..length),
        (format!("bytes=0-{}", length - 1), 0..length),
    ];
    for (asked, expected) in table {
        let answer = range(&asked);
        assert_eq!(answer.status, 206, "{asked}");
        assert_eq!(
            answer.header("content-range"),
            format!("bytes {}-{}/{length}", expected.start, expected.end - 1)
        );
        assert_eq!(answer.header("content-length"), expected.len().to_string());
        assert_eq!(answer.header("content-type"), "video/mp4");
        assert!(answer.body == whole.body[expected], "{asked}");
    }
    let beyond = range(&format!("bytes={length}-"));
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), format!("bytes */{length}"));
    assert_eq!(beyond.header("cache-control"), "no-store");
    for odd in ["bytes=0-1,3-4", "pages=1-2", "bytes=x"] {
        let answer = range(odd);
        assert_eq!((answer.status, answer.body.len()), (200, length), "{odd}");
    }
    let dated = [("range", "bytes=0-0"), ("if-range", "\"x\"")];
    assert_eq!(service.get_with(&path, &dated).status, 200);

    // The address with the token is the permission; a cookie is the visitor's.
    let origin = |answer: &Answer| answer.header("access-control-allow-origin").to_owned();
    assert_eq!(origin(&whole), "*");
    assert_eq!(origin(&service.get(&format!("{base}/1/1.m4s"))), "*");
    assert_eq!(whole.header("access-control-allow-credentials"), "");
    let cookie = format!("zerocam_garden={}", service.view("garden"));
    let by_cookie = service.get_with("/watch/garden/index.m3u8", &[("cookie", &cookie)]);
    assert_eq!((by_cookie.status, origin(&by_cookie)), (200, String::new()));
}

#[test]
fn a_wait_ends() {
    let service = Service::start();
    // Connected, but without a picture yet.
    let (mut camera, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    let base = base(&service);
    let door = format!("/t/{}/watch/door", service.view("door"));
    let run = frames(1)[0].header().run;
    thread::scope(|scope| {
        let since = Instant::now();
        let waiting = [
            format!("{base}/plain.m3u8"),
            format!("{base}/index.m3u8"),
            format!("{base}/index.m3u8?_HLS_msn=5&_HLS_part=1"),
            format!("{base}/{run}/0.part.m4s"),
            // Seen by another instance, perhaps.
            format!("{door}/index.m3u8?_HLS_msn=5"),
            format!("{door}/{run}/0.part.m4s"),
        ]
        .map(|path| ask(scope, &service, path));
        for asked in waiting {
            let answer = asked.join().unwrap();
            println!("{} after {:.3?}", answer.status, since.elapsed());
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert_eq!(answer.header("cache-control"), "no-store");
            assert!(answer.text().contains("ask again"), "{}", answer.text());
        }
    });
    // What comes while they wait is shown to them.
    let units = frames(61);
    thread::scope(|scope| {
        let waiting =
            ["plain.m3u8", "index.m3u8"].map(|file| ask(scope, &service, format!("{base}/{file}")));
        camera.send_frames(&units);
        for asked in waiting {
            assert_eq!(asked.join().unwrap().status, 200);
        }
    });
}

#[test]
fn a_fresh_instance_does_not_refuse_the_players_of_another() {
    let service = Service::start();
    let units = frames(120);
    let open = units[119].header().segment.0;
    let base = base(&service);
    let run = units[0].header().run;
    thread::scope(|scope| {
        let waiting = [
            format!("{base}/index.m3u8?_HLS_msn={open}&_HLS_part=2&_HLS_skip=YES"),
            format!("{base}/{run}/110.part.m4s"),
            format!("{base}/{run}/init.mp4"),
        ]
        .map(|path| ask(scope, &service, path));
        // What the camera sends first is a minute old.
        let mut hello = hello("garden", "dev-a", 1);
        hello.run_started_us = unix_us().unsigned_abs() - 60_000_000;
        let (mut camera, _) = Camera::welcomed(&service, hello);
        camera.tell_time(unix_us);
        camera.send_frames(&units[..60]);
        camera.until_acknowledged(58);
        camera.send_frames(&units[60..]);
        for asked in waiting {
            let answer = asked.join().unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    });
}

#[test]
fn a_new_run_ends_the_wait_for_the_old_one() {
    let service = Service::start();
    let units = frames(61);
    let mut camera = streaming(&service, &units);
    let base = base(&service);
    let before = playlist(&service, "");
    let hint = uri(values(&before, "#EXT-X-PRELOAD-HINT:")[0]).to_owned();
    thread::scope(|scope| {
        let hinted = ask(scope, &service, format!("{base}/{hint}"));
        let open = last_segment(&before) + 1;
        let next = format!("{base}/index.m3u8?_HLS_msn={}&_HLS_part=0", open + 1);
        let next = ask(scope, &service, next);

        let mut other = hello("garden", "dev-a", 1);
        other.run = Run(other.run.0 + 1);
        let film = crate::footage::Camera {
            run: other.run,
            first_segment: units[60].header().segment.next(),
        };
        camera.say(&CameraMessage::Hello(other));
        camera.send_frames(&film.shoot(crate::footage::Footage::get(), 60));

        let next = next.join().unwrap();
        assert_eq!(next.status, 200, "{}", next.text());
        let text = next.text();
        assert_eq!(values(&text, "#EXT-X-DISCONTINUITY\n").len(), 0);
        assert!(text.contains("#EXT-X-DISCONTINUITY\n"), "{text}");
        assert!(
            text.contains(&format!("\"{}/init.mp4\"", film.run)),
            "{text}"
        );
        // The frames of the old run ended in a part after all, or it is gone.
        let hinted = hinted.join().unwrap();
        assert!(matches!(hinted.status, 200 | 404), "{}", hinted.status);
    });
}

/// Requests that wait end after this time at the earliest.
const WAIT_ENDS: Duration = Duration::from_secs(7);

/// As many as an instance may have, woken at once.
#[test]
fn thousands_wait_for_a_part() {
    const PLAYERS: usize = 2000;
    raise_file_limit(PLAYERS as u64 * 2 + 500);
    let service = Service::configured(Configuration {
        concurrency: 2 * PLAYERS,
        ..Configuration::default()
    });
    let units = frames(90);
    let mut camera = streaming(&service, &units[..61]);
    let now = playlist(&service, "");
    let hint = uri(values(&now, "#EXT-X-PRELOAD-HINT:")[0]);
    let base = base(&service);
    let next = format!(
        "{base}/index.m3u8?_HLS_msn={}&_HLS_part=2&_HLS_skip=YES",
        last_segment(&now) + 1
    );
    let part = format!("{base}/{hint}");
    let before = memory_bytes("VmRSS:");
    let mut players: Vec<TcpStream> = (0..PLAYERS)
        .map(|_| {
            let player = TcpStream::connect(service.address).unwrap();
            player.set_read_timeout(Some(PATIENCE)).unwrap();
            player
        })
        .collect();
    let asked = Instant::now();
    for (index, player) in players.iter_mut().enumerate() {
        let path = if index % 2 == 0 { &next } else { &part };
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        player.write_all(request.as_bytes()).unwrap();
    }
    println!("{PLAYERS} requests sent in {:.3?}", asked.elapsed());
    let sent = Instant::now();
    camera.send_frames(&units[61..]);
    let answers = players.into_iter().map(|mut player| {
        let mut answer = Vec::new();
        player.read_to_end(&mut answer).unwrap();
        let late = sent.elapsed() > WAIT_ENDS;
        (answer.get(9..12).map(<[u8]>::to_vec), answer.len(), late)
    });
    let mut part_bytes = BTreeSet::new();
    let mut late = 0;
    for (index, (status, bytes, is_late)) in answers.enumerate() {
        match status.as_deref() {
            // The playlist may have gone on for some; a part is the same.
            Some(b"200") if index % 2 == 1 => drop(part_bytes.insert(bytes)),
            Some(b"200") => {}
            // On a machine that is so busy that their time was over.
            Some(b"503") if is_late => late += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(part_bytes.len() <= 1, "{part_bytes:?}");
    let each = memory_bytes("VmHWM:").saturating_sub(before) / PLAYERS as u64;
    println!(
        "{each} bytes for each at most, all answered after {:.3?}, {late} in vain",
        sent.elapsed()
    );
    assert!(each < 100_000, "{each} bytes for a request that waits");
}

/// Resident memory of this process, now or at most, which is the service's too.
fn memory_bytes(which: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = values(&status, which)[0].trim();
    line.trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn raise_file_limit(files: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < files) {
        let raised = Rlimit {
            current: Some(files),
            ..limit
        };
        setrlimit(Resource::Nofile, raised).unwrap();
    }
}
