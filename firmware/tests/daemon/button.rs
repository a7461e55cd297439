//! The button and the LED of the real daemon, with files for pins.

use std::{
    fs::{self, OpenOptions},
    process::Command,
    thread,
    time::Duration,
};

use zerocam_protocol::{ServiceMessage, message::ByeReason};

use super::{
    fixture::{Camera, wait_until},
    helper::Helper,
    service::Service,
};

impl Camera {
    /// Presses the button for so long, once it was seen released: the real
    /// daemon has the real clock.
    fn press(&self, ms: u64) {
        thread::sleep(Duration::from_millis(SHORT));
        fs::write(self.path("gpio/button"), "").unwrap();
        thread::sleep(Duration::from_millis(ms));
        fs::remove_file(self.path("gpio/button")).unwrap();
    }

    fn led(&self, name: &str) -> bool {
        match fs::read_to_string(self.path("gpio").join(name))
            .unwrap()
            .as_str()
        {
            "1\n" => true,
            "0\n" => false,
            other => panic!("half a level: {other:?}"),
        }
    }

    /// How much of two seconds the LED is lit, in percent.
    fn brightness(&self) -> u32 {
        let look = |_| {
            thread::sleep(Duration::from_millis(20));
            u32::from(self.led("led"))
        };
        (0..100).map(look).sum()
    }

    fn add_viewer_led(&self) {
        let text = fs::read_to_string(self.config_path()).unwrap();
        self.configure(&text.replace("[gpio]\n", "[gpio]\nviewer_led_pin = 22\n"));
    }
}

// In the middle of what a gesture may last, for a machine that is busy.
const SHORT: u64 = 500;
const THREE_SECONDS: u64 = 5000;
const EIGHT_SECONDS: u64 = 10_000;

#[test]
fn a_press_starts_and_stops_and_the_light_follows() {
    let service = Service::new();
    let camera = Camera::at(service.url());
    camera.add_viewer_led();
    let daemon = camera.run_until_ready();
    camera.wait_for_state("STOPPED");
    service.check_in();
    assert!(camera.brightness() < 50, "not filming");

    camera.press(SHORT);
    daemon.wait_for_log("STARTING: started by its button");
    camera.wait_for_state("STREAMING");
    service.frame();
    assert_eq!(camera.brightness(), 100, "filming");
    assert!(!camera.led("viewer-led"));

    service.say(ServiceMessage::Viewers { count: 2 });
    wait_until("viewers show", || camera.led("viewer-led"));
    wait_until("the light flutters", || !camera.led("led"));
    assert!(camera.brightness() > 50, "still filming");

    camera.press(SHORT);
    let bye = service.bye();
    assert_eq!(bye.reason, ByeReason::Stopped);
    assert_eq!(bye.text, "stopped by its button");
    camera.wait_for_state("STOPPED");
    wait_until("nobody watches", || !camera.led("viewer-led"));
    assert!(camera.brightness() < 50, "not filming");
    assert_eq!(daemon.terminate().code(), Some(0));
    assert!(!camera.led("led"), "dark at the end");
}

#[test]
fn whoever_starts_it_the_light_says_that_it_films() {
    let camera = Camera::new();
    let _daemon = camera.run_until_ready();
    camera.says(&["start"]);
    // Nobody is reached, and that shows as gaps in the light.
    camera.wait_for_state("CONNECTING");
    assert!(camera.brightness() > 50);
    wait_until("gaps", || !camera.led("led"));
    camera.says(&["stop"]);
    wait_until("darkness", || camera.brightness() < 50);
}

#[test]
fn without_a_configuration_the_pins_work_as_far_as_they_are_known() {
    let camera = Camera::without_configuration();
    camera.configure(&format!("[clod]\n{}", camera.daemon_section()));
    let daemon = camera.run_until_ready();
    camera.wait_for_state("NEEDS CONFIGURATION");
    wait_until("flashes", || camera.led("led"));
    wait_until("gaps", || !camera.led("led"));
    camera.press(SHORT);
    daemon.wait_for_log("StartStop");
    camera.wait_for_state("NEEDS CONFIGURATION");
}

#[test]
fn a_press_counts_while_the_card_is_slow() {
    let camera = Camera::new();
    let daemon = camera.run_until_ready();
    camera.wait_for_state("STOPPED");
    // Whoever writes to a pipe waits for somebody who reads.
    let pipe = camera.path("state/state.json.new");
    wait_until("slow card", || {
        let made = Command::new("mkfifo").arg(&pipe).output();
        made.unwrap().status.success()
    });
    camera.press(SHORT);
    daemon.wait_for_log("STARTING: started by its button");
    camera.press(SHORT);
    thread::sleep(Duration::from_millis(SHORT));
    let slow = camera.path("pipe");
    fs::rename(&pipe, &slow).unwrap();
    let _reader = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&slow)
        .unwrap();
    daemon.wait_for_log("STOPPED: stopped by its button");
}

#[test]
fn a_button_that_is_held_at_the_start_is_reported_and_means_nothing() {
    let camera = Camera::new();
    fs::create_dir(camera.path("gpio")).unwrap();
    fs::write(camera.path("gpio/button"), "").unwrap();
    let _daemon = camera.run_until_ready();
    wait_until("a problem", || !camera.status().problems.is_empty());
    let text = camera.says(&["status"]);
    let problem = "problem     the button at GPIO17 has been pressed since the start";
    assert!(text.contains(problem), "{text}");
    fs::remove_file(camera.path("gpio/button")).unwrap();
    wait_until("no problem", || camera.status().problems.is_empty());
    assert_eq!(camera.status().state, "STOPPED");
}

#[test]
fn three_seconds_begin_network_and_configuration_anew() {
    let service = Service::new();
    let camera = Camera::at(service.url());
    let helper = Helper::at(&camera.path("privileged.sock"));
    let daemon = camera.run_until_ready();
    camera.says(&["start"]);
    let before = camera.wait_for_state("STREAMING").video.unwrap();

    // What is written meanwhile counts from now on.
    let text = fs::read_to_string(camera.config_path()).unwrap();
    camera.configure(&text.replace("device_id = \"dev-1\"", "device_id = \"dev-2\""));
    camera.press(THREE_SECONDS);
    assert_eq!(service.bye().reason, ByeReason::ShutDown);
    assert_eq!(helper.until("restart"), "restart-wpa-supplicant\n");
    daemon.wait_for_log(
        "NEEDS CONFIGURATION: network and configuration are begun anew by its button",
    );
    daemon.wait_for_log("STARTING: it was started before");
    let status = camera.wait_for_state("STREAMING");
    assert_eq!(status.identity.unwrap().device.as_str(), "dev-2");
    assert!(status.video.unwrap().run > before.run, "numbers go on");
    assert_eq!(daemon.terminate().code(), Some(0));
}

#[test]
fn eight_seconds_shut_down_and_switch_off() {
    let service = Service::new();
    let camera = Camera::at(service.url());
    let helper = Helper::at(&camera.path("privileged.sock"));
    let mut daemon = camera.run_until_ready();
    camera.says(&["start"]);
    camera.wait_for_state("STREAMING");
    camera.press(EIGHT_SECONDS);
    let bye = service.bye();
    assert_eq!(bye.reason, ByeReason::ShutDown);
    assert_eq!(helper.until("power"), "power-off\n");
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(!camera.led("led"), "dark");
    let state = fs::read_to_string(camera.path("state/state.json")).unwrap();
    assert!(
        state.contains("\"started\"") && !state.contains("\"doing\""),
        "{state}"
    );
}

#[test]
fn a_camera_that_cannot_switch_itself_off_says_so() {
    let camera = Camera::new();
    let mut daemon = camera.run_until_ready();
    camera.press(EIGHT_SECONDS);
    assert_eq!(daemon.wait().code(), Some(74));
    daemon.wait_for_log("cannot switch off: the helper that may do what needs root is not reached");
}

#[test]
fn a_busy_helper_is_asked_once_more_and_the_light_lives_meanwhile() {
    let camera = Camera::new();
    let mut daemon = camera.run_until_ready();
    let (answer, answers) = crossbeam_channel::bounded(0);
    let helper = Helper::answering(&camera.path("privileged.sock"), move |request| {
        if request == "power-off\n" {
            answers.recv().unwrap()
        } else {
            "ok"
        }
    });
    camera.press(EIGHT_SECONDS);
    assert_eq!(helper.until("power"), "power-off\n");
    for _ in 0..3 {
        wait_until("light", || camera.led("led"));
        wait_until("darkness", || !camera.led("led"));
    }
    answer.send("busy").unwrap();
    assert_eq!(helper.until("power"), "power-off\n");
    answer.send("ok").unwrap();
    assert_eq!(daemon.wait().code(), Some(0));
    daemon.wait_for_log("the helper did not do `power-off`: busy");
    assert!(!camera.led("led"), "dark");
}
