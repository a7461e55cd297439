//! Looks after what streaming depends on: how the link stands, which remedy is
//! due, and what makes the stream worse.

use std::time::{Duration, Instant};

use crate::{
    condition::{Condition, Signs},
    ladder::{Action, Event, Ladder, Part, Remedy},
    link::Link,
    privileged::Word,
    state_file::StateFile,
    supervisor::State,
};

/// Whoever lives for so long does not crash at its start.
const SURVIVED_AFTER: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub(super) struct Care {
    started: Instant,
    link: Link,
    wifi: Ladder,
    camera: Ladder,
    condition: Condition,
    lost_connection: bool,
    crashing: bool,
}

/// How it is, as far as the LED tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grade {
    Well,
    /// Something makes the stream worse.
    Degraded,
    /// Something that the device cannot mend.
    Fatal,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Keep a line for the service and for later.
    Record(String),
    /// Ask the helper.
    Ask(Word),
}

impl Care {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            started: now,
            link: Link::Open,
            wifi: Ladder::new(Part::Wifi),
            camera: Ladder::new(Part::Camera),
            condition: Condition::default(),
            lost_connection: false,
            crashing: false,
        }
    }

    /// Begins with what an earlier start has kept.
    pub(super) fn begin(&mut self, state_file: &StateFile) {
        self.wifi.remember_reboots(state_file.reboots(Part::Wifi));
        self.camera
            .remember_reboots(state_file.reboots(Part::Camera));
        self.crashing = state_file.crashes_again_and_again();
        self.condition = Condition::default();
    }

    /// Whether the way to the service is the service's own to mend.
    pub(super) fn online(&self) -> bool {
        self.link == Link::Open
    }

    /// The stream's connection was lost.
    pub(super) const fn lost_connection(&mut self) {
        self.lost_connection = true;
    }

    /// Takes in how the link stands, before there is anything else to look after.
    pub(super) const fn look_at_link(&mut self, link: Link) {
        self.link = link;
    }

    /// Looks at everything. `camera` is what the camera does and why, if a
    /// remedy for it is known.
    pub(super) fn look(
        &mut self,
        link: Link,
        signs: Signs,
        reached: bool,
        camera: Option<(State, &str)>,
        state_file: &mut StateFile,
        now: Instant,
    ) -> Vec<Step> {
        if now.duration_since(self.started) >= SURVIVED_AFTER {
            self.crashing = false;
            state_file.survived();
        }
        self.look_at_link(link);
        let signs = Signs {
            lost_connection: std::mem::take(&mut self.lost_connection),
            unstored: state_file.failure(),
            ..signs
        };
        self.condition.look(&signs, now);
        let wifi = self.wifi.handle(wifi_event(self.link, reached), now);
        let why = self.link.fault().unwrap_or_default();
        let mut steps = follow(Part::Wifi, wifi, why, state_file);
        let (event, why) = camera.map_or((Event::Rests, ""), |(state, why)| {
            (camera_event(state), why)
        });
        let camera = self.camera.handle(event, now);
        steps.extend(follow(Part::Camera, camera, why, state_file));
        steps
    }

    pub(super) fn grade(&self) -> Grade {
        if self.crashing || self.radio_is_lost() {
            Grade::Fatal
        } else if self.condition.ailments().next().is_some() {
            Grade::Degraded
        } else {
            Grade::Well
        }
    }

    /// What does not work, each in a sentence that says what to do.
    pub(super) fn problems(&self) -> impl Iterator<Item = String> {
        let crashing = self.crashing.then(|| {
            "the program crashes soon after every start: flash the card anew, and report what `journalctl -u zerocam` says".to_owned()
        });
        let radio = self.radio_is_lost().then(|| {
            "the Wi-Fi's radio is missing, and nothing brought it back: cut the power for ten seconds; if that does not help, the board is broken".to_owned()
        });
        let ailments = self.condition.ailments();
        let ailments = ailments.map(|ailment| ailment.to_string());
        crashing.into_iter().chain(radio).chain(ailments)
    }

    fn radio_is_lost(&self) -> bool {
        self.link == Link::NoRadio && self.wifi.is_spent()
    }
}

/// A service that answers proves the link, whatever the kernel says.
const fn wifi_event(link: Link, reached: bool) -> Event {
    match link {
        _ if reached => Event::Works,
        Link::Open => Event::Works,
        Link::Unplugged => Event::Rests,
        Link::RouterSilent
        | Link::NoRoute
        | Link::Disconnected
        | Link::NoRadio
        | Link::DriverSilent => Event::Fails,
    }
}

const fn camera_event(state: State) -> Event {
    match state {
        State::CameraFault => Event::Fails,
        State::Connecting | State::Streaming => Event::Works,
        State::NeedsConfiguration | State::Stopped | State::Starting | State::ShuttingDown => {
            Event::Rests
        }
    }
}

/// What a ladder's actions come to. A reboot that the card would not count is
/// left out: it could become a loop.
fn follow(part: Part, actions: Vec<Action>, why: &str, state_file: &mut StateFile) -> Vec<Step> {
    let mut steps = Vec::new();
    for action in actions {
        match action {
            Action::KeepReboots(reboots) => {
                if !state_file.keep_reboots(part, reboots) && reboots > 0 {
                    let text = "no reboot is tried: the card would not count it";
                    steps.push(Step::Record(text.into()));
                    break;
                }
            }
            Action::Try(remedy, failing) => {
                let (word, doing) = match remedy {
                    Remedy::RestartWpaSupplicant => {
                        (Word::RestartWpaSupplicant, "wpa_supplicant is restarted")
                    }
                    Remedy::ReloadWifi => (Word::ReloadWifi, "the Wi-Fi's driver is loaded anew"),
                    Remedy::ReloadCamera => {
                        (Word::ReloadCamera, "the camera's driver is loaded anew")
                    }
                    Remedy::Reboot => (Word::Reboot, "the system is restarted"),
                };
                let seconds = failing.as_secs();
                let text = format!("{doing}, after {seconds} s in which {why}");
                steps.extend([Step::Record(text), Step::Ask(word)]);
            }
            Action::Mended(after) => {
                let part = match part {
                    Part::Wifi => "the Wi-Fi",
                    Part::Camera => "the camera",
                };
                let text = format!("{part} works again after {} s", after.as_secs());
                steps.push(Step::Record(text));
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::link::Watch;

    /// A device whose files a test writes.
    struct Device {
        root: tempfile::TempDir,
        watch: Watch,
        care: Care,
        state_file: StateFile,
        start: Instant,
    }

    impl Device {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let start = Instant::now();
            fs::create_dir_all(root.path().join("sys/class/net/wlan0/phy80211")).unwrap();
            let mut device = Self {
                watch: Watch::new(root.path()),
                care: Care::new(start),
                state_file: StateFile::open(&root.path().join("state")),
                root,
                start,
            };
            device.wifi("up");
            device
        }

        fn wifi(&mut self, operstate: &str) {
            let radio = self.root.path().join("sys/class/net/wlan0");
            fs::write(radio.join("operstate"), operstate).unwrap();
            let routes = "Iface\tDestination\tGateway\nwlan0\t00000000\t0101A8C0\n";
            fs::create_dir_all(self.root.path().join("proc/net")).unwrap();
            fs::write(self.root.path().join("proc/net/route"), routes).unwrap();
        }

        /// Looks every 2 s for as long as `during` says.
        fn look(
            &mut self,
            during: std::ops::Range<u64>,
            reached: bool,
            camera: Option<(State, &str)>,
        ) -> Vec<Step> {
            let start = self.start;
            during
                .step_by(2)
                .flat_map(|second| {
                    let now = start + Duration::from_secs(second);
                    let signs = Signs::default();
                    let link = self.watch.look();
                    (self.care).look(link, signs, reached, camera, &mut self.state_file, now)
                })
                .collect()
        }
    }

    fn record(text: &str) -> Step {
        Step::Record(text.into())
    }

    #[test]
    fn an_outage_of_service_or_internet_never_touches_the_radio() {
        let mut device = Device::new();
        assert_eq!(device.look(0..2000, false, None), []);
        assert!(device.care.online());
    }

    #[test]
    fn a_lost_link_is_mended_step_by_step_and_told() {
        let mut device = Device::new();
        assert_eq!(device.look(0..10, true, None), []);
        device.wifi("down");
        assert_eq!(
            device.look(10..20, true, None),
            [],
            "the service is reached"
        );
        let expected = [
            record("wpa_supplicant is restarted, after 46 s in which the Wi-Fi does not connect"),
            Step::Ask(Word::RestartWpaSupplicant),
            record(
                "the Wi-Fi's driver is loaded anew, after 180 s in which the Wi-Fi does not connect",
            ),
            Step::Ask(Word::ReloadWifi),
        ];
        assert_eq!(device.look(20..210, false, None), expected);
        assert!(!device.care.online());
        device.wifi("up");
        let expected = [record("the Wi-Fi works again after 190 s")];
        assert_eq!(device.look(210..600, true, None), expected);

        device.wifi("down");
        let steps = device.look(600..1600, false, None);
        assert_eq!(steps.last(), Some(&Step::Ask(Word::Reboot)));
        let next = StateFile::open(&device.root.path().join("state"));
        assert_eq!(next.reboots(Part::Wifi), 1);
    }

    #[test]
    fn a_reboot_that_the_card_would_not_count_is_left_out() {
        let mut device = Device::new();
        fs::write(device.root.path().join("state"), "in the way").unwrap();
        device.look(0..10, true, None);
        device.wifi("down");
        let steps = device.look(10..1000, false, None);
        let expected = record("no reboot is tried: the card would not count it");
        assert_eq!(steps.last(), Some(&expected));
        assert!(!steps.contains(&Step::Ask(Word::Reboot)), "{steps:?}");
        assert_eq!(device.care.grade(), Grade::Degraded);
        let problems: Vec<_> = device.care.problems().collect();
        assert!(
            problems[0].starts_with("nothing can be written to the state directory"),
            "{problems:?}"
        );
    }

    #[test]
    fn a_camera_that_stays_faulty_gets_its_driver_anew() {
        let mut device = Device::new();
        let fault = Some((State::CameraFault, "the camera gave no picture for 10 s"));
        let expected = [
            record(
                "the camera's driver is loaded anew, after 60 s in which the camera gave no picture for 10 s",
            ),
            Step::Ask(Word::ReloadCamera),
        ];
        assert_eq!(device.look(0..200, true, fault), expected);
        let streams = Some((State::Streaming, "connected"));
        let expected = [record("the camera works again after 200 s")];
        assert_eq!(device.look(200..300, true, streams), expected);
        let stopped = Some((State::Stopped, "stopped by its button"));
        assert_eq!(device.look(300..2000, true, stopped), []);
    }

    #[test]
    fn a_radio_that_does_not_come_back_needs_a_person() {
        let mut device = Device::new();
        device.look(0..10, true, None);
        fs::remove_dir_all(device.root.path().join("sys/class/net/wlan0")).unwrap();
        fs::remove_file(device.root.path().join("proc/net/route")).unwrap();
        device.look(10..900, false, None);
        assert_eq!(device.care.grade(), Grade::Well, "not all was tried yet");
        device.look(900..1000, false, None);
        assert_eq!(device.care.grade(), Grade::Fatal);
        let problems: Vec<_> = device.care.problems().collect();
        assert!(
            problems[0].contains("cut the power for ten seconds"),
            "{problems:?}"
        );
    }

    #[test]
    fn crashes_in_a_row_are_fatal_until_it_survives_a_minute() {
        let mut device = Device::new();
        let state = device.root.path().join("state");
        for _ in 0..3 {
            device.state_file.begin(None);
            fs::write(state.join("last-words.txt"), "panicked").unwrap();
        }
        device.state_file.begin(None);
        device.care.begin(&device.state_file);
        device.look(0..58, true, None);
        assert_eq!(device.care.grade(), Grade::Fatal);
        device.look(58..62, true, None);
        assert_eq!(device.care.grade(), Grade::Well);
        assert!(!device.state_file.crashes_again_and_again());
    }
}
