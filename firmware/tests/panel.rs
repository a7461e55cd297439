//! The panel on a laptop: the button and the LEDs are files.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use zerocam::{
    button::Gesture,
    gpio::{Backend, Configuration, Host, Pin, panel::Panel},
    led::{Scene, State},
};

const READY: Scene = Scene {
    state: State::Ready,
    filming: false,
    watched: false,
};

const STREAMING: Scene = Scene {
    state: State::Streaming,
    filming: true,
    watched: false,
};

/// Somebody in front of the camera, with a clock that only they move.
struct Person<'a> {
    directory: &'a Path,
    panel: Panel,
    now: Instant,
}

impl<'a> Person<'a> {
    fn at(directory: &'a Path) -> Self {
        let configuration = Configuration {
            backend: Backend::Simulated,
            viewer_led_pin: Some(Pin::try_from(22).unwrap()),
            simulated_directory: directory.into(),
            ..Configuration::default()
        };
        let now = Instant::now();
        let panel = Panel::new(&configuration, &Host::this(), now);
        Self {
            directory,
            panel,
            now,
        }
    }

    fn press(&self) {
        fs::write(self.directory.join("button"), "").unwrap();
    }

    fn release(&self) {
        fs::remove_file(self.directory.join("button")).unwrap();
    }

    fn reads(&self, file: &str) -> String {
        fs::read_to_string(self.directory.join(file)).unwrap()
    }

    /// Runs the panel as the daemon does, from deadline to deadline.
    fn wait(&mut self, scene: Scene, lasting: Duration) -> Vec<Gesture> {
        let end = self.now + lasting;
        let mut gestures = vec![];
        while self.now < end {
            gestures.extend(self.panel.poll(scene, self.now));
            let next = self.panel.next_deadline();
            assert!(next > self.now, "the loop would spin");
            self.now = next;
        }
        gestures
    }

    /// For how long the LED is lit, looking once every 10 ms.
    fn lit_ms(&mut self, scene: Scene, during_ms: u64) -> u64 {
        (0..during_ms / 10)
            .map(|_| {
                self.wait(scene, Duration::from_millis(10));
                if self.reads("led") == "1\n" { 10 } else { 0 }
            })
            .sum()
    }
}

#[test]
fn a_press_starts_and_the_light_follows() {
    let directory = tempfile::tempdir().unwrap();
    let mut person = Person::at(directory.path());
    assert_eq!(
        person.lit_ms(READY, 10_000),
        500,
        "a tenth every two seconds"
    );

    // Between two flashes.
    person.wait(READY, Duration::from_millis(500));
    person.press();
    assert_eq!(person.wait(READY, Duration::from_millis(50)), []);
    assert_eq!(person.reads("led"), "1\n", "acknowledged");
    person.release();
    assert_eq!(
        person.wait(READY, Duration::from_millis(50)),
        [Gesture::StartStop]
    );

    person.wait(STREAMING, Duration::from_millis(200));
    assert_eq!(person.lit_ms(STREAMING, 10_000), 10_000, "filming");
    assert_eq!(person.reads("viewer-led"), "0\n");
    let watched = Scene {
        watched: true,
        ..STREAMING
    };
    assert_eq!(person.lit_ms(watched, 3000), 3000 - 4 * 100, "a flutter");
    assert_eq!(person.reads("viewer-led"), "1\n");

    drop(person.panel);
    let read = |name| fs::read_to_string(directory.path().join(name)).unwrap();
    assert_eq!(
        (read("led"), read("viewer-led")),
        ("0\n".into(), "0\n".into())
    );
}

#[test]
fn a_long_press_shows_how_far_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let mut person = Person::at(directory.path());
    person.wait(READY, Duration::from_secs(1));
    person.press();
    person.wait(READY, Duration::from_millis(3020));
    let networking = person.lit_ms(READY, 2000);
    assert!((700..=900).contains(&networking), "blinks: {networking} ms");
    person.release();
    assert_eq!(
        person.wait(READY, Duration::from_secs(1)),
        [Gesture::RestartNetworking]
    );
    person.press();
    person.wait(READY, Duration::from_millis(8100));
    person.release();
    assert_eq!(
        person.wait(READY, Duration::from_secs(1)),
        [Gesture::ShutDown]
    );
    assert_eq!(person.panel.problems().count(), 0);
}

#[test]
fn a_button_pressed_at_start_is_ignored_and_reported() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("button"), "").unwrap();
    let mut person = Person::at(directory.path());
    assert_eq!(person.wait(READY, Duration::from_secs(9)), []);
    let problems: Vec<_> = person.panel.problems().collect();
    assert_eq!(
        problems,
        [
            "the button at GPIO17 has been pressed since the start and is ignored until it is released: if nobody holds it, check its wires"
        ]
    );
    person.release();
    assert_eq!(person.wait(READY, Duration::from_secs(1)), []);
    assert_eq!(person.panel.problems().count(), 0);
    person.press();
    person.wait(READY, Duration::from_millis(100));
    person.release();
    assert_eq!(
        person.wait(READY, Duration::from_millis(100)),
        [Gesture::StartStop]
    );
}

#[test]
fn a_directory_that_cannot_be_used_is_tried_again() {
    let parent = tempfile::tempdir().unwrap();
    let in_the_way = parent.path().join("pins");
    fs::write(&in_the_way, "a file").unwrap();
    let directory = in_the_way.join("gpio");
    let mut person = Person::at(&directory);
    person.wait(READY, Duration::from_secs(1));
    let problems = person.panel.problems().collect::<String>();
    assert!(
        problems.starts_with(&format!("cannot make directory {}: ", directory.display())),
        "{problems}"
    );

    fs::remove_file(&in_the_way).unwrap();
    person.wait(READY, Duration::from_secs(6));
    assert_eq!(person.panel.problems().count(), 0);
    person.press();
    person.wait(READY, Duration::from_millis(100));
    person.release();
    assert_eq!(
        person.wait(READY, Duration::from_millis(100)),
        [Gesture::StartStop]
    );
}
