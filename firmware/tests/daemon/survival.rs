//! What a power cut leaves behind.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    thread,
    time::{Duration, Instant},
};

use rustix::fs::inotify;

use super::{
    fixture::{Camera, PATIENCE, wait_until},
    service::{Seen, Service},
};

/// What the card has.
fn stored(camera: &Camera) -> String {
    fs::read_to_string(camera.path("state/state.json")).unwrap_or_default()
}

#[test]
fn the_wish_survives_a_power_cut_and_numbers_go_on() {
    let camera = Camera::new();
    let daemon = camera.run_until_ready();
    camera.says(&["start"]);
    let before = camera.wait_for_state("CONNECTING").video.unwrap();
    daemon.kill();

    let daemon = camera.run_until_ready();
    daemon.wait_for_log("STARTING: it was started before");
    let after = camera.wait_for_state("CONNECTING").video.unwrap();
    assert!(after.run > before.run);
    let state = stored(&camera);
    assert!(
        state.contains("the program was killed while STARTING"),
        "{state}"
    );
    camera.says(&["stop"]);
    daemon.kill();

    let _daemon = camera.run_until_ready();
    camera.wait_for_state("STOPPED");
}

#[test]
fn the_service_hears_what_interrupted_it_and_only_then_it_is_forgotten() {
    let camera = Camera::new();
    let black_box = || {
        let state = stored(&camera);
        let state: serde_json::Value = serde_json::from_str(&state).unwrap();
        state["black_box"].as_array().unwrap().len()
    };
    let unreachable = fs::read_to_string(camera.config_path()).unwrap();
    let service = Service::new();
    let reachable = unreachable.replace("http://127.0.0.1:9", service.url());

    camera.configure(&reachable);
    let daemon = camera.run_until_ready();
    camera.says(&["start"]);
    wait_until("stored state", || stored(&camera).contains("STREAMING"));
    daemon.kill();

    camera.configure(&unreachable);
    let daemon = camera.run_until_ready();
    daemon.wait_for_log("check-in failed");
    assert_eq!(black_box(), 1, "not told yet");
    daemon.terminate();

    camera.configure(&reachable);
    let _daemon = camera.run_until_ready();
    let told = service.until("black box", |seen| match seen {
        Seen::CheckIn(request) => request.black_box.into_iter().next(),
        _ => None,
    });
    assert_eq!(told.text, "the program was killed while STREAMING");
    wait_until("empty black box", || black_box() == 0);
}

#[test]
fn a_start_costs_the_card_two_documents() {
    let service = Service::new();
    let camera = Camera::at(service.url());
    let _daemon = camera.run_until_ready();
    wait_until("stored state", || stored(&camera).contains("STOPPED"));
    let changes = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    // Both, since equal ones in a row would be told as one.
    let kinds = inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
    inotify::add_watch(&changes, camera.path("state"), kinds).unwrap();

    camera.says(&["start"]);
    let confirmed = stored(&camera);
    assert!(confirmed.contains("\"started\""), "{confirmed}");
    wait_until("stored state", || stored(&camera).contains("STREAMING"));

    let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
    let mut changes = inotify::Reader::new(&changes, &mut buffer);
    let mut documents = 0;
    while let Ok(change) = changes.next() {
        documents += u32::from(change.events().contains(inotify::ReadFlags::MOVED_TO));
    }
    println!("{documents} documents from a start to the stream");
    assert!((1..=2).contains(&documents), "{documents} documents");
}

#[test]
fn start_on_boot_counts_more_than_the_last_wish() {
    let camera = Camera::new();
    let text = fs::read_to_string(camera.config_path()).unwrap();
    camera.configure(&format!("{text}start_on_boot = true\n"));
    let daemon = camera.run_until_ready();
    camera.wait_for_state("CONNECTING");
    daemon.wait_for_log("STARTING: start_on_boot is set");
    camera.says(&["stop"]);
    daemon.kill();
    let daemon = camera.run_until_ready();
    camera.wait_for_state("CONNECTING");
    daemon.wait_for_log("STARTING: start_on_boot is set");
}

#[test]
fn without_a_writable_card_the_camera_works() {
    let camera = Camera::new();
    // Root may write to a read-only directory, but not into a file.
    fs::write(camera.path("state"), "in the way").unwrap();
    let permissions = fs::Permissions::from_mode(0o444);
    fs::set_permissions(camera.path("state"), permissions).unwrap();
    let daemon = camera.run_until_ready();
    camera.says(&["start"]);
    camera.wait_for_state("CONNECTING");
    camera.says(&["stop"]);
    camera.wait_for_state("STOPPED");
    let problem = "nothing can be written to the state directory, so that start, stop and numbers are forgotten at the next power cut: check state_dir in [daemon] and its permissions";
    wait_until("problem with the directory", || {
        camera.status().problems.iter().any(|text| text == problem)
    });
    let warnings = daemon.log().matches("the state cannot be stored").count();
    assert_eq!(warnings, 1, "{}", daemon.log());
    assert_eq!(daemon.terminate().code(), Some(0));
}

#[test]
fn a_program_that_crashes_again_and_again_says_so() {
    let camera = Camera::new();
    for _ in 0..3 {
        let daemon = camera.run_until_ready();
        wait_until("stored state", || stored(&camera).contains("STOPPED"));
        daemon.kill();
        fs::write(camera.path("state/last-words.txt"), "panicked").unwrap();
    }
    let _daemon = camera.run_until_ready();
    let problems = camera.status().problems.concat();
    let expected = "the program crashes soon after every start: flash the card anew";
    assert!(problems.contains(expected), "{problems}");
    let state = stored(&camera);
    let crash = "the program crashed while STOPPED: panicked";
    assert!(state.contains(crash), "{state}");
}

#[test]
fn a_damaged_state_is_told_and_replaced() {
    let camera = Camera::new();
    fs::create_dir(camera.path("state")).unwrap();
    fs::write(camera.path("state/state.json"), "{\"version\":1,\"desi").unwrap();
    let daemon = camera.run_until_ready();
    camera.wait_for_state("STOPPED");
    daemon.wait_for_log("the stored state cannot be used, the camera begins anew and stopped");
    let state = stored(&camera);
    assert!(state.starts_with("{\"version\":1,\"desired\""), "{state}");
}

#[test]
fn the_encoder_does_not_outlive_a_killed_daemon() {
    let camera = Camera::without_configuration();
    camera.configure(&camera.with_camera("backend = \"pattern\"\nwidth = 160\nheight = 120"));
    let daemon = camera.run_until_ready();
    camera.says(&["start"]);
    camera.wait_for_state("CONNECTING");
    let encoders = children(daemon.pid());
    assert_eq!(encoders.len(), 1, "one ffmpeg");
    camera.says(&["stop"]);
    wait_for_end(encoders[0]);

    camera.says(&["start"]);
    camera.wait_for_state("CONNECTING");
    let encoders = children(daemon.pid());
    daemon.kill();
    wait_for_end(encoders[0]);
}

/// Processes that a process has started.
fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let lists = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")));
    let text: String = lists.map_while(Result::ok).collect();
    text.split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect()
}

/// Waits until a process is gone, or a zombie that nobody has reaped.
fn wait_for_end(pid: u32) {
    let deadline = Instant::now() + PATIENCE;
    let runs = || {
        fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.rsplit_once(") ").unwrap().1.starts_with('Z'))
    };
    while runs() {
        assert!(Instant::now() < deadline, "{pid} goes on");
        thread::sleep(Duration::from_millis(20));
    }
}
