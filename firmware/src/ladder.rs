//! What is done about a part that stays broken: stronger remedies, one after
//! another, with growing pauses.
//!
//! ```text
//! Wi-Fi   45 s restart wpa_supplicant   3 min reload the driver   15 min reboot
//! camera  1 min reload the driver       5 min again               15 min reboot
//! ```
//!
//! After the last rung it begins anew, each round with pauses twice as long, up
//! to four times. Invariant: no loop of reboots. One is tried only for a part
//! that has worked since the program started, so that a wrong password or a
//! cable that is off never causes one; each makes the next wait longer; and
//! after [`MAX_REBOOTS`] there is none until the part has worked for an hour.
//! That count outlives the reboot.
//!
//! A ladder is told again and again, with the time, how its part is. It leaves
//! out whose fault it is, and doing anything.

use std::time::{Duration, Instant};

/// Reboots until the part has worked for [`TRUSTED_AFTER`].
pub const MAX_REBOOTS: u32 = 3;

/// A part that worked for so long is mended.
const MENDED_AFTER: Duration = Duration::from_secs(60);

/// A part that worked for so long may cause reboots again.
const TRUSTED_AFTER: Duration = Duration::from_secs(3600);

/// Pauses grow to four times their length.
const MAX_DOUBLINGS: u32 = 2;

/// What is looked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The Wi-Fi.
    Wifi,
    /// A camera whose driver is a kernel module.
    Camera,
}

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Restart what keeps the Wi-Fi connected.
    RestartWpaSupplicant,
    /// Unload the Wi-Fi's kernel modules and load them again.
    ReloadWifi,
    /// Unload the camera's kernel module and load it again.
    ReloadCamera,
    /// Restart the system.
    Reboot,
}

/// When a remedy is due, counted from the beginning of its round.
type Rung = (Duration, Remedy);

const WIFI: [Rung; 3] = [
    (Duration::from_secs(45), Remedy::RestartWpaSupplicant),
    (Duration::from_secs(180), Remedy::ReloadWifi),
    (Duration::from_secs(900), Remedy::Reboot),
];

const CAMERA: [Rung; 3] = [
    (Duration::from_secs(60), Remedy::ReloadCamera),
    (Duration::from_secs(300), Remedy::ReloadCamera),
    (Duration::from_secs(900), Remedy::Reboot),
];

/// How the part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It does what it should.
    Works,
    /// It does not, and is at fault.
    Fails,
    /// Nothing is asked of it, or there is nothing to mend.
    Rests,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Try this, after it has failed for so long.
    Try(Remedy, Duration),
    /// Keep in mind for the next start that it caused so many reboots.
    KeepReboots(u32),
    /// Tell that it works again, after so long.
    Mended(Duration),
}

#[derive(Debug, Clone, Copy)]
enum State {
    Rests,
    Works { since: Instant },
    Fails(Failure),
}

#[derive(Debug, Clone, Copy)]
struct Failure {
    since: Instant,
    round: u32,
    round_since: Instant,
    /// Index of the next rung.
    next: usize,
    /// Works again, not yet for long.
    works_since: Option<Instant>,
}

/// The state machine.
#[derive(Debug, Clone)]
pub struct Ladder {
    rungs: &'static [Rung],
    state: State,
    /// Since the program started.
    has_worked: bool,
    reboots: u32,
}

impl Ladder {
    /// At its foot.
    #[must_use]
    pub const fn new(part: Part) -> Self {
        Self {
            rungs: match part {
                Part::Wifi => &WIFI,
                Part::Camera => &CAMERA,
            },
            state: State::Rests,
            has_worked: false,
            reboots: 0,
        }
    }

    /// How many reboots it has caused that still count.
    pub const fn remember_reboots(&mut self, reboots: u32) {
        self.reboots = reboots;
    }

    /// Whether all was tried that can be, at least once, in vain.
    #[must_use]
    pub const fn is_spent(&self) -> bool {
        matches!(self.state, State::Fails(Failure { round: 1.., .. }))
    }

    /// Takes in how the part is.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        self.has_worked |= event == Event::Works;
        match (event, self.state) {
            (Event::Rests, _) => {
                self.state = State::Rests;
                vec![]
            }
            (Event::Works, State::Rests) => {
                self.state = State::Works { since: now };
                vec![]
            }
            (Event::Works, State::Works { since }) => {
                if self.reboots == 0 || now.duration_since(since) < TRUSTED_AFTER {
                    return vec![];
                }
                self.reboots = 0;
                vec![Action::KeepReboots(0)]
            }
            (Event::Works, State::Fails(failure)) => self.work_again(failure, now),
            (Event::Fails, State::Rests | State::Works { .. }) => {
                self.state = State::Fails(Failure {
                    since: now,
                    round: 0,
                    round_since: now,
                    next: 0,
                    works_since: None,
                });
                vec![]
            }
            (Event::Fails, State::Fails(failure)) => self.climb(failure, now),
        }
    }

    fn work_again(&mut self, mut failure: Failure, now: Instant) -> Vec<Action> {
        let works_since = *failure.works_since.get_or_insert(now);
        if now.duration_since(works_since) < MENDED_AFTER {
            self.state = State::Fails(failure);
            return vec![];
        }
        self.state = State::Works { since: works_since };
        if failure.round == 0 && failure.next == 0 {
            return vec![];
        }
        vec![Action::Mended(works_since.duration_since(failure.since))]
    }

    fn climb(&mut self, mut failure: Failure, now: Instant) -> Vec<Action> {
        // Time in which it worked does not count.
        if let Some(works_since) = failure.works_since.take() {
            let worked = now.duration_since(works_since);
            failure.since += worked;
            failure.round_since += worked;
        }
        let (after, remedy) = self.rungs[failure.next];
        let doublings = (failure.round + self.reboots).min(MAX_DOUBLINGS);
        let due = now.duration_since(failure.round_since) >= after * (1 << doublings);
        if due {
            failure.next += 1;
            if failure.next == self.rungs.len() {
                failure.next = 0;
                failure.round += 1;
                failure.round_since = now;
            }
        }
        self.state = State::Fails(failure);
        let attempt = Action::Try(remedy, now.duration_since(failure.since));
        match remedy {
            _ if !due => vec![],
            Remedy::Reboot if !self.has_worked || self.reboots >= MAX_REBOOTS => vec![],
            Remedy::Reboot => {
                self.reboots += 1;
                vec![Action::KeepReboots(self.reboots), attempt]
            }
            _ => vec![attempt],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Event::{Fails, Rests, Works};

    /// Tells a ladder every 2 s how its part is: what, until which second.
    /// Returns what it did, and when.
    fn climb(ladder: &mut Ladder, story: &[(Event, u64)]) -> Vec<String> {
        let start = Instant::now();
        let mut second = 0;
        let mut done = vec![];
        for &(event, until) in story {
            while second < until {
                let now = start + Duration::from_secs(second);
                for action in ladder.handle(event, now) {
                    done.push(match action {
                        Action::Try(remedy, failing) => {
                            format!("{second}: {remedy:?} after {}", failing.as_secs())
                        }
                        Action::KeepReboots(count) => format!("{second}: {count} reboots"),
                        Action::Mended(after) => format!("{second}: mended {}", after.as_secs()),
                    });
                }
                second += 2;
            }
        }
        done
    }

    #[test]
    fn the_wifi_ladder() {
        type Row<'a> = (&'a str, &'a [(Event, u64)], &'a [&'a str]);
        let table: [Row<'_>; 9] = [
            ("all is well", &[(Works, 9000)], &[]),
            ("nothing to mend", &[(Rests, 90_000)], &[]),
            (
                "a short loss",
                &[(Works, 10), (Fails, 50), (Works, 900)],
                &[],
            ),
            (
                "it flickers",
                &[
                    (Works, 10),
                    (Fails, 12),
                    (Works, 66),
                    (Fails, 68),
                    (Works, 120),
                    (Fails, 122),
                ],
                &[],
            ),
            (
                "the first remedy helps",
                &[(Works, 100), (Fails, 150), (Works, 900)],
                &["146: RestartWpaSupplicant after 46", "210: mended 50"],
            ),
            (
                "it helps only for a moment",
                &[(Works, 100), (Fails, 150), (Works, 200), (Fails, 340)],
                &[
                    "146: RestartWpaSupplicant after 46",
                    "330: ReloadWifi after 180",
                ],
            ),
            (
                "the radio is reset no more once it is not its fault",
                &[(Works, 100), (Fails, 150), (Rests, 9000)],
                &["146: RestartWpaSupplicant after 46"],
            ),
            (
                "it never worked, as with a wrong password: no reboot",
                &[(Fails, 6000)],
                &[
                    "46: RestartWpaSupplicant after 46",
                    "180: ReloadWifi after 180",
                    "990: RestartWpaSupplicant after 990",
                    "1260: ReloadWifi after 1260",
                    "2880: RestartWpaSupplicant after 2880",
                    "3420: ReloadWifi after 3420",
                ],
            ),
            (
                "it worked before: reboots, further and further apart, three of them",
                &[(Works, 2), (Fails, 20_000)],
                &[
                    "48: RestartWpaSupplicant after 46",
                    "182: ReloadWifi after 180",
                    "902: 1 reboots",
                    "902: Reboot after 900",
                    "1082: RestartWpaSupplicant after 1080",
                    "1622: ReloadWifi after 1620",
                    "4502: 2 reboots",
                    "4502: Reboot after 4500",
                    "4682: RestartWpaSupplicant after 4680",
                    "5222: ReloadWifi after 5220",
                    "8102: 3 reboots",
                    "8102: Reboot after 8100",
                    "8282: RestartWpaSupplicant after 8280",
                    "8822: ReloadWifi after 8820",
                    "11882: RestartWpaSupplicant after 11880",
                    "12422: ReloadWifi after 12420",
                    "15482: RestartWpaSupplicant after 15480",
                    "16022: ReloadWifi after 16020",
                    "19082: RestartWpaSupplicant after 19080",
                    "19622: ReloadWifi after 19620",
                ],
            ),
        ];
        for (name, story, expected) in table {
            assert_eq!(
                climb(&mut Ladder::new(Part::Wifi), story),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn the_camera_ladder() {
        let story = [(Works, 100), (Fails, 1200)];
        let expected = [
            "160: ReloadCamera after 60",
            "400: ReloadCamera after 300",
            "1000: 1 reboots",
            "1000: Reboot after 900",
        ];
        assert_eq!(climb(&mut Ladder::new(Part::Camera), &story), expected);
        // After the reboot, one that is still broken never worked.
        let mut next = Ladder::new(Part::Camera);
        next.remember_reboots(1);
        let reloads = climb(&mut next, &[(Fails, 10_000)]);
        assert!(
            reloads.iter().all(|line| line.contains("ReloadCamera")),
            "{reloads:?}"
        );
        assert!(next.is_spent());
    }

    #[test]
    fn a_part_that_works_for_an_hour_may_cause_reboots_again() {
        let mut ladder = Ladder::new(Part::Wifi);
        ladder.remember_reboots(MAX_REBOOTS);
        assert_eq!(climb(&mut ladder, &[(Works, 3598)]), [""; 0]);
        let mut ladder = Ladder::new(Part::Wifi);
        ladder.remember_reboots(MAX_REBOOTS);
        assert_eq!(climb(&mut ladder, &[(Works, 9000)]), ["3600: 0 reboots"]);
    }

    /// However a link flaps, reboots are counted and bounded.
    #[test]
    fn no_loop_of_reboots() {
        let mut kept = 0;
        let mut reboots = 0;
        for _ in 0..100 {
            let mut ladder = Ladder::new(Part::Wifi);
            ladder.remember_reboots(kept);
            let done = climb(&mut ladder, &[(Works, 600), (Fails, 5000)]);
            if let Some(count) = done.iter().find_map(|line| line.split_once(" reboots")) {
                kept = count.0.rsplit(' ').next().unwrap().parse().unwrap();
                reboots += 1;
            }
        }
        assert_eq!(reboots, MAX_REBOOTS);
    }
}
