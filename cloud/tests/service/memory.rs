//! What the owner ends stays ended, on every instance and after every restart;
//! and when a camera was last seen is remembered.

use std::{fs, path::Path, sync::Arc, thread};

use serde_json::{Value, json};
use tempfile::TempDir;
use zerocam_cloud::{
    access::SigningKey,
    config::Configuration,
    memory::{Document, Memory, Place},
    time::Now,
};
use zerocam_protocol::{
    message::{Bye, ByeReason},
    token::{Link, Right},
    version::SUBPROTOCOL,
};

use super::{
    bench::{Answer, PATIENCE, Service},
    camera::{Camera, frames, hello},
    instant::Stream,
};

/// Instances of one service, with one signing key and one memory.
struct Owner {
    directory: TempDir,
    key: String,
}

impl Owner {
    fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
            key: SigningKey::generate().unwrap(),
        }
    }

    fn place(&self) -> &Path {
        self.directory.path()
    }

    fn service(&self) -> Service {
        let configuration = Configuration {
            memory: Some(self.place().to_str().unwrap().to_owned()),
            ..Configuration::default()
        };
        Service::signing(configuration, None, self.key.clone())
    }

    /// The versions in the directory, oldest first.
    fn versions(&self) -> Vec<String> {
        let entries = fs::read_dir(self.place()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            // Not what is being written.
            .filter(|name| name.ends_with(".json"))
            .collect();
        names.sort();
        names
    }

    fn write(&self, version: u64, text: &str) {
        let name = format!("memory-{version:020}.json");
        fs::write(self.place().join(name), text).unwrap();
    }
}

fn order(service: &Service) -> String {
    let soon = Now::read().unix_s() + 300;
    service.link("garden", Right::Manage, Some(soon))
}

fn end_link(service: &Service, token: &str) -> Answer {
    let body = json!({ "token": token }).to_string();
    let path = "/api/cameras/garden/ended-links";
    service.post(path, &order(service), body.as_bytes())
}

fn replace_key(service: &Service) -> Answer {
    service.post("/api/cameras/garden/key", &order(service), b"")
}

fn key(service: &Service) -> Answer {
    let order = format!("Bearer {}", order(service));
    service.get_with("/api/cameras/garden/key", &[("authorization", &order)])
}

fn json_of(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

/// What a visitor with that link gets.
fn visit(service: &Service, token: &str) -> Answer {
    service.get(&format!("/t/{token}/api/cameras/garden"))
}

#[test]
fn an_ended_link_is_refused_everywhere() {
    let owner = Owner::new();
    let (here, there) = (owner.service(), owner.service());
    let expiring = Some(Now::read().unix_s() + 3600);
    let ended = here.link("garden", Right::View, expiring);
    let same = here.link("garden", Right::Control, None);
    let soon = Now::read().unix_s() + 60;
    let other = here.key.sign(&zerocam_protocol::token::Grant {
        camera: "garden".parse().unwrap(),
        right: Right::View(Link {
            id: "other".into(),
            expires_unix_s: Some(soon),
        }),
    });
    for token in [&ended, &same, &other] {
        assert_eq!(visit(&here, token).status, 200);
    }
    assert_eq!(json_of(&end_link(&here, &ended)), json!({"news": true}));
    assert_eq!(json_of(&end_link(&here, &ended)), json!({"news": false}));

    const WORDS: &str = "this link was ended by the camera's owner: ask for a new one\n";
    for token in [&ended, &same] {
        let answer = visit(&here, token);
        assert_eq!((answer.status, answer.text().as_str()), (410, WORDS));
        there.until(|there| (visit(there, token).status == 410).then_some(()));
    }
    let cookie = format!("zerocam_garden={ended}");
    let with_cookie = |path: &str| here.get_with(path, &[("cookie", &cookie)]);
    assert_eq!(with_cookie("/api/cameras/garden").status, 410);
    assert_eq!(with_cookie("/watch/garden/plain.m3u8").status, 410);
    assert_eq!(
        json_of(&with_cookie("/api/cameras")),
        json!({"cameras": []})
    );
    for page in [
        with_cookie("/watch/garden/"),
        here.get(&format!("/watch/garden/?token={ended}")),
        here.get(&format!("/t/{ended}/watch/garden/")),
        here.get(&format!("/t/{ended}/")),
    ] {
        let html = page.text();
        assert_eq!(page.status, 410, "{html}");
        assert!(html.contains("<h1>NO ACCESS</h1>"), "{html}");
        assert!(
            html.contains("This link was ended by the camera&#39;s owner"),
            "{html}"
        );
        assert_eq!(page.header("set-cookie"), "");
    }
    // All others stay good, here, there and after a restart; and so do cameras.
    drop((here, there));
    let again = owner.service();
    assert_eq!(visit(&again, &ended).status, 410);
    assert_eq!(visit(&again, &other).status, 200);
    Camera::connect(&again, "garden");
}

#[test]
fn who_watches_by_an_ended_link_is_cut_off() {
    let owner = Owner::new();
    let (here, there) = (owner.service(), owner.service());
    let units = frames(110);
    let ended = here.view("garden");
    let mut feeds = [&here, &there].map(|service| {
        let (mut camera, _) = Camera::welcomed(service, hello("garden", "dev-a", 1));
        camera.send_frames(&units[..60]);
        camera.until_acknowledged(58);
        (camera, Stream::open_with(service, "garden", &ended))
    });
    let blocked = [&here, &there].map(|service| {
        let path = format!("/t/{ended}/watch/garden/index.m3u8?_HLS_msn=");
        let playlist = service.get(&format!("/t/{ended}/watch/garden/index.m3u8"));
        let text = playlist.text();
        let first = text
            .lines()
            .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"));
        let first: u64 = first.unwrap().parse().unwrap();
        let segments = text.lines().filter(|line| line.starts_with("#EXTINF"));
        let segments = segments.count() as u64;
        let url = service.url(&format!("{path}{}", first + segments + 1));
        thread::spawn(move || {
            let agent = ureq::Agent::config_builder()
                .user_agent("who waits")
                .http_status_as_error(false)
                .timeout_global(Some(PATIENCE))
                .build()
                .new_agent();
            agent.get(url).call().unwrap().status().as_u16()
        })
    });
    // Playing, and waiting.
    for (_, stream) in &mut feeds {
        assert!(stream.next_frame().is_some());
    }
    for service in [&here, &there] {
        // With whom fetched the playlist before.
        service.until(|service| (service.status("garden")["viewers"] == 3).then_some(()));
    }
    assert_eq!(json_of(&end_link(&here, &ended)), json!({"news": true}));
    there.until(|there| (visit(there, &ended).status == 410).then_some(()));
    for status in blocked.map(|blocked| blocked.join().unwrap()) {
        assert_eq!(status, 410);
    }
    for (camera, stream) in &mut feeds {
        camera.send_frames(&units[60..]);
        camera.until_acknowledged(108);
        let seen = stream.rest();
        assert!(seen.iter().all(|frame| *frame < 100), "{seen:?}");
    }
}

#[test]
fn a_replaced_key_ends_its_connections_at_once() {
    let owner = Owner::new();
    let (here, there) = (owner.service(), owner.service());
    assert_eq!(json_of(&key(&here)), json!({"generation": 1}));
    let connected = |service| Camera::welcomed(service, hello("garden", "dev-a", 1)).0;
    let cameras = [connected(&here), connected(&there)];
    let door = Camera::welcomed(&here, hello("door", "dev-b", 1)).0;
    assert_eq!(json_of(&replace_key(&here)), json!({"generation": 2}));
    for mut camera in cameras {
        let expected = Bye::new(
            ByeReason::KeyRevoked,
            "this key was replaced by a newer one: put that into the camera's zerocam.toml",
        );
        assert_eq!(camera.bye(), expected);
    }
    drop(door);
    let new = here.key.camera_key("garden".parse().unwrap(), 2);
    let dial = |service: &Service, key: &str| {
        let dialled = Camera::dial(service, "garden", Some(key), SUBPROTOCOL);
        dialled
            .map(drop)
            .map_err(|refusal| (refusal.status, refusal.text))
    };
    for service in [&here, &there] {
        let (status, text) = dial(service, &service.camera_key("garden")).unwrap_err();
        assert_eq!(status, 401);
        assert!(text.starts_with("this key was replaced"), "{text}");
        assert_eq!(dial(service, &new), Ok(()));
    }
    assert_eq!(here.status("garden")["reason"]["code"], "key_refused");
    assert_eq!(json_of(&replace_key(&there)), json!({"generation": 3}));
    drop((here, there));
    let again = owner.service();
    assert_eq!(json_of(&key(&again)), json!({"generation": 3}));
    assert_eq!(dial(&again, &new).unwrap_err().0, 401);
}

#[test]
fn only_the_owner_gives_orders() {
    let owner = Owner::new();
    let service = owner.service();
    let now_s = Now::read().unix_s();
    let manage = |camera, seconds| service.link(camera, Right::Manage, seconds);
    let bodies = json!({"token": service.view("garden")}).to_string();
    let table = [
        (service.view("garden"), 403),
        (service.control("garden"), 403),
        (service.camera_key("garden"), 403),
        (manage("door", Some(now_s + 60)), 403),
        // One that somebody might keep.
        (manage("garden", None), 403),
        (manage("garden", Some(now_s + 7200)), 403),
        (manage("garden", Some(now_s - 60)), 401),
        ("nonsense".to_owned(), 401),
        (
            Service::start().link("garden", Right::Manage, Some(now_s + 60)),
            401,
        ),
    ];
    for (token, status) in table {
        for path in ["key", "ended-links"] {
            let path = format!("/api/cameras/garden/{path}");
            let answer = service.post(&path, &token, bodies.as_bytes());
            assert_eq!(answer.status, status, "{token}: {}", answer.text());
            assert!(!answer.text().contains(&token));
        }
        let bearer = format!("Bearer {token}");
        let answer = service.get_with("/api/cameras/garden/key", &[("authorization", &bearer)]);
        assert_eq!(answer.status, status, "{token}: {}", answer.text());
    }
    assert_eq!(service.get("/api/cameras/garden/key").status, 403);
    // Nor is the owner's token good for anything else.
    let order = order(&service);
    assert_eq!(visit(&service, &order).status, 403);
    let refused = Camera::dial(&service, "garden", Some(&order), SUBPROTOCOL);
    assert_eq!(refused.err().unwrap().status, 403);
    // A camera's key is no link.
    let answer = end_link(&service, &service.camera_key("garden"));
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(owner.versions(), [""; 0]);
}

#[test]
fn without_a_memory_orders_say_what_to_set() {
    let service = Service::start();
    for answer in [
        key(&service),
        replace_key(&service),
        end_link(&service, &service.view("garden")),
    ] {
        assert_eq!(answer.status, 501);
        assert!(answer.text().contains("set `memory`"), "{}", answer.text());
    }
}

#[test]
fn when_a_camera_was_last_seen_survives_a_restart() {
    let owner = Owner::new();
    let check_in = json!({
        "device": "dev-a",
        "state": "stopped",
        "reason": "stopped by its button",
        "desired": {"state": "stopped", "version": 4},
        "health": {"wifi_signal_dbm": -82, "temperature_celsius": 41.3},
        "black_box": [{"text": "power lost"}],
    });
    let check_in = |service: &Service, text: &str| {
        let body = check_in.to_string().replace("power lost", text);
        let key = service.camera_key("garden");
        let path = "/api/cameras/garden/checkin";
        assert_eq!(service.post(path, &key, body.as_bytes()).status, 200);
        service.status("garden")
    };
    let first = owner.service();
    let before = check_in(&first, "power lost");
    drop(first);

    let second = owner.service();
    let after = second.status("garden");
    for field in [
        "state",
        "reason",
        "last_seen_unix_ms",
        "device",
        "health",
        "black_box",
    ] {
        assert_eq!(after[field], before[field], "{field}");
    }
    assert_eq!(after["reason"]["text"], "stopped by its button");
    let after = check_in(&second, "camera unplugged");
    let both = json!([{"text": "power lost"}, {"text": "camera unplugged"}]);
    assert_eq!(after["black_box"], both);
    drop(second);
    assert_eq!(owner.service().status("garden")["black_box"], both);
}

#[test]
fn a_camera_that_is_away_for_long_is_not_seen_since_then() {
    let owner = Owner::new();
    let day_ago = Now::read().unix_us - 25 * 3600 * 1_000_000;
    owner.write(
        7,
        &json!({"version": 1, "cameras": {"garden": {"key_generation": 1, "last_seen": {
            "at_unix_us": day_ago, "device": "dev-a", "word": null,
            "health": {"wifi_signal_dbm": -82}, "black_box": [],
        }}}})
        .to_string(),
    );
    let status = owner.service().status("garden");
    assert_eq!(status["state"], "offline");
    let reason = json!({"code": "not_seen", "text": "not seen for 25 h, last signal -82 dBm"});
    assert_eq!(status["reason"], reason);
    assert_eq!(status["last_seen_unix_ms"], day_ago / 1000);
    assert_eq!(status["health"]["wifi_signal_dbm"], -82);
    assert_eq!(owner.service().status("door")["reason"]["code"], "stale");
}

#[test]
fn nobody_watches_before_it_was_read_and_cameras_come_in() {
    let owner = Owner::new();
    let elsewhere = owner.service();
    let (ended, good) = (elsewhere.view("garden"), elsewhere.control("door"));
    assert_eq!(end_link(&elsewhere, &ended).status, 200);
    assert_eq!(replace_key(&elsewhere).status, 200);
    drop(elsewhere);
    // As when it is not mounted yet.
    let away = owner.place().with_extension("away");
    fs::rename(owner.place(), &away).unwrap();
    let service = owner.service();
    for token in [&ended, &good] {
        let answer = service.get(&format!("/t/{token}/api/cameras"));
        assert_eq!(answer.status, 503);
        assert!(
            answer.text().contains("cannot read yet which links"),
            "{}",
            answer.text()
        );
    }
    // A browser with links is told the same, not that they have ended.
    let cookie = format!("zerocam_door={good}");
    for path in ["/", "/api/cameras", "/watch/door/"] {
        let answer = service.get_with(path, &[("cookie", &cookie)]);
        assert_eq!(answer.status, 503, "{path}");
    }
    let ready = service.get("/health/ready");
    assert_eq!(ready.status, 503);
    assert!(
        ready.text().contains("the memory cannot be read"),
        "{}",
        ready.text()
    );
    let answer = replace_key(&service);
    assert_eq!(answer.status, 503);
    assert!(
        answer.text().contains("No such file or directory"),
        "{}",
        answer.text()
    );
    let camera = |name| Camera::welcomed(&service, hello(name, "dev-a", 1)).0;
    let (mut revoked, mut welcome) = (camera("garden"), camera("door"));

    fs::rename(&away, owner.place()).unwrap();
    service.until(|service| (service.get("/health/ready").status == 200).then_some(()));
    assert_eq!(visit(&service, &ended).status, 410);
    assert_eq!(service.get(&format!("/t/{good}/api/cameras")).status, 200);
    assert_eq!(revoked.bye().reason, ByeReason::KeyRevoked);
    let units = frames(30);
    welcome.send_frames(&units);
    welcome.until_acknowledged(28);
}

#[test]
fn what_cannot_be_understood_is_never_overwritten() {
    for (text, why) in [
        (
            "{\"version\": 2}",
            "it has format 2, and this program knows 1: update zerocam-cloud",
        ),
        ("{\"version\": 1, \"cam", "it is damaged (EOF while parsing"),
        ("", "it is damaged (EOF while parsing"),
    ] {
        let owner = Owner::new();
        let service = owner.service();
        let link = service.view("garden");
        assert_eq!(replace_key(&service).status, 200);
        owner.write(2, text);
        let before = owner.versions();
        let answer = replace_key(&service);
        assert_eq!(answer.status, 503);
        let said = answer.text();
        assert!(
            said.contains("memory-00000000000000000002.json") && said.contains(why),
            "{said}"
        );
        // It goes on with what it knows.
        assert_eq!(visit(&service, &link).status, 200);
        assert_eq!(service.get("/health/ready").status, 200);
        drop(service);
        let next = owner.service();
        assert_eq!(visit(&next, &link).status, 503);
        assert_eq!(key(&next).status, 503);
        drop(next);
        assert_eq!(owner.versions(), before);
        let kept = fs::read_to_string(owner.place().join(&before[1])).unwrap();
        assert_eq!(kept, text);

        // Its remedy.
        fs::remove_file(owner.place().join(&before[1])).unwrap();
        let next = owner.service();
        assert_eq!(json_of(&key(&next)), json!({"generation": 2}));
        assert_eq!(visit(&next, &link).status, 200);
    }
}

#[test]
fn what_is_known_outlives_what_was_deleted() {
    let owner = Owner::new();
    let service = owner.service();
    assert_eq!(replace_key(&service).status, 200);
    for version in owner.versions() {
        fs::remove_file(owner.place().join(version)).unwrap();
    }
    assert_eq!(json_of(&key(&service)), json!({"generation": 2}));
    assert_eq!(owner.versions(), ["memory-00000000000000000001.json"]);
}

#[test]
fn what_is_known_already_is_not_written_again() {
    let owner = Owner::new();
    let service = owner.service();
    let check_in = json!({
        "device": "dev-a",
        "state": "streaming",
        "desired": {"state": "started", "version": 1},
        "health": {"temperature_celsius": 41.3, "cpu_percent": 0.1},
    });
    let check_in = || {
        let key = service.camera_key("garden");
        let path = "/api/cameras/garden/checkin";
        let answer = service.post(path, &key, check_in.to_string().as_bytes());
        assert_eq!(answer.status, 200);
    };
    check_in();
    let written = |_: &Service| owner.versions().pop();
    let noted = service.until(written);
    assert_eq!(noted, "memory-00000000000000000001.json");
    for _ in 0..20 {
        check_in();
        assert_eq!(json_of(&key(&service)), json!({"generation": 1}));
    }
    assert_eq!(owner.versions(), [noted]);
}

#[test]
fn of_many_writers_none_loses_anything() {
    const WRITERS: usize = 8;
    const ORDERS: usize = 6;
    let directory = TempDir::new().unwrap();
    let place = Place::Directory(directory.path().into());
    let camera: zerocam_protocol::CameraName = "garden".parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut generations = runtime.block_on(async {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let memory = Arc::new(Memory::new(Some(place.clone())));
                let camera = camera.clone();
                tokio::spawn(async move {
                    let mut generations = Vec::new();
                    for order in 0..ORDERS {
                        let link = Link {
                            id: format!("{writer}-{order}"),
                            expires_unix_s: None,
                        };
                        let camera = camera.clone();
                        let both = move |document: &mut Document| {
                            document.end_link(&camera, &link)?;
                            document.replace_key(&camera)
                        };
                        generations.push(memory.change(both).await.unwrap());
                    }
                    generations
                })
            })
            .collect();
        let mut all = Vec::new();
        for writer in writers {
            all.extend(writer.await.unwrap());
        }
        all
    });
    // Each order has a generation to itself.
    generations.sort_unstable();
    assert!(
        generations.is_sorted_by(|one, next| one < next),
        "{generations:?}"
    );
    println!(
        "{} orders took {} generations",
        WRITERS * ORDERS,
        generations[generations.len() - 1] - 1
    );
    let memory = Arc::new(Memory::new(Some(place)));
    runtime.block_on(memory.open());
    assert!(memory.is_read());
    assert_eq!(memory.key_generation(&camera), *generations.last().unwrap());
    for (writer, order) in (0..WRITERS).flat_map(|writer| (0..ORDERS).map(move |o| (writer, o))) {
        let link = Link {
            id: format!("{writer}-{order}"),
            expires_unix_s: None,
        };
        assert!(memory.has_ended(&camera, &link), "{link:?}");
    }
    let left = fs::read_dir(directory.path()).unwrap().count();
    assert!(left <= 4, "{left}");
}
