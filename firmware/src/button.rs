//! What somebody wants who presses the one button.
//!
//! Levels go in with the time they were read at, [`Signal`]s come out; time is
//! never read here and no pin is touched. A gesture acts when the button is
//! *released*, so that the LED can show first what a release would do, and so
//! that holding on for [`STUCK_AFTER`] takes a gesture back. A button that is
//! pressed at start or that never comes up is wiring, not a wish: it is
//! reported once and ignored until it is released.

use std::time::{Duration, Instant};

/// A level counts once it has been unchanged for this long. Contacts bounce for
/// 1 to 10 ms, so this rides over it and is still at once for a finger.
pub const DEBOUNCE: Duration = Duration::from_millis(20);
/// Held this long, a release restarts networking.
pub const RESTART_NETWORKING_AFTER: Duration = Duration::from_secs(3);
/// Held this long, a release shuts the device down.
pub const SHUT_DOWN_AFTER: Duration = Duration::from_secs(8);
/// Nobody holds a button this long on purpose.
pub const STUCK_AFTER: Duration = Duration::from_secs(30);

/// The debounced button with the gesture in progress.
#[derive(Debug)]
pub struct Button {
    phase: Phase,
    /// The newest level and when it was first seen.
    contact: Option<Contact>,
}

impl Button {
    /// A button of which nothing is known yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            phase: Phase::Unknown,
            contact: None,
        }
    }

    /// Takes a level, read at `now`.
    pub fn sample(&mut self, pressed: bool, now: Instant) -> Option<Signal> {
        let contact = match self.contact {
            Some(contact) if contact.pressed == pressed => contact,
            _ => Contact {
                pressed,
                since: now,
            },
        };
        self.contact = Some(contact);
        if now.duration_since(contact.since) < DEBOUNCE {
            return None;
        }
        let (phase, signal) = match (self.phase, pressed) {
            (Phase::Unknown, true) => {
                (Phase::Ignored, Some(Signal::Ignored(Fault::PressedAtStart)))
            }
            (Phase::Unknown | Phase::Up, false) => (Phase::Up, None),
            (Phase::Up, true) => (
                Phase::Down {
                    since: contact.since,
                },
                Some(Signal::Pressed),
            ),
            (Phase::Down { since }, true) if now.duration_since(since) >= STUCK_AFTER => {
                (Phase::Ignored, Some(Signal::Ignored(Fault::Stuck)))
            }
            (phase @ (Phase::Down { .. } | Phase::Ignored), true) => (phase, None),
            (Phase::Down { since }, false) => (
                Phase::Up,
                Some(Signal::Released(Gesture::after(
                    contact.since.duration_since(since),
                ))),
            ),
            (Phase::Ignored, false) => (Phase::Up, Some(Signal::Usable)),
        };
        self.phase = phase;
        signal
    }

    /// What a release would do now, while the button is held.
    #[must_use]
    pub fn armed(&self, now: Instant) -> Option<Gesture> {
        match self.phase {
            Phase::Down { since } => Some(Gesture::after(now.duration_since(since))),
            Phase::Unknown | Phase::Up | Phase::Ignored => None,
        }
    }
}

impl Default for Button {
    fn default() -> Self {
        Self::new()
    }
}

/// What a press asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gesture {
    /// Start streaming, or stop it.
    StartStop,
    /// Restart networking and read the configuration again.
    RestartNetworking,
    /// Shut down, so that the power can be cut.
    ShutDown,
}

impl Gesture {
    /// The gesture of a press that lasted `held`.
    fn after(held: Duration) -> Self {
        if held >= SHUT_DOWN_AFTER {
            Self::ShutDown
        } else if held >= RESTART_NETWORKING_AFTER {
            Self::RestartNetworking
        } else {
            Self::StartStop
        }
    }
}

/// What the button has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// It went down: acknowledge it.
    Pressed,
    /// It came up: do this.
    Released(Gesture),
    /// It is pressed without meaning anything, until [`Signal::Usable`].
    Ignored(Fault),
    /// An ignored button came up and works from now on.
    Usable,
}

/// Why a pressed button is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It was pressed when the daemon began to look.
    PressedAtStart,
    /// It has been pressed for [`STUCK_AFTER`].
    Stuck,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// No level has lasted yet.
    Unknown,
    Up,
    Down {
        since: Instant,
    },
    Ignored,
}

#[derive(Debug, Clone, Copy)]
struct Contact {
    pressed: bool,
    since: Instant,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Fault::*, Gesture::*, Signal::*, *};

    /// Feeds levels that last, sampled every 10 ms, and tells every signal with
    /// the time in milliseconds at which it came.
    fn play(levels: &[(bool, u64)]) -> Vec<(u64, Signal)> {
        let start = Instant::now();
        let (mut button, mut signals, mut at) = (Button::new(), vec![], 0);
        for &(pressed, lasts_ms) in levels {
            let end = at + lasts_ms;
            while at < end {
                let now = start + Duration::from_millis(at);
                signals.extend(button.sample(pressed, now).map(|signal| (at, signal)));
                at += 10;
            }
        }
        signals
    }

    #[test]
    fn every_gesture() {
        const UP: (bool, u64) = (false, 100);
        type Row = (
            &'static str,
            &'static [(bool, u64)],
            &'static [(u64, Signal)],
        );
        let table: [Row; 11] = [
            ("untouched", &[(false, 60_000)], &[]),
            (
                "short",
                &[UP, (true, 200), UP],
                &[(120, Pressed), (320, Released(StartStop))],
            ),
            (
                "twice",
                &[UP, (true, 100), UP, (true, 100), UP],
                &[
                    (120, Pressed),
                    (220, Released(StartStop)),
                    (320, Pressed),
                    (420, Released(StartStop)),
                ],
            ),
            (
                "just short of 3 s",
                &[UP, (true, 2990), UP],
                &[(120, Pressed), (3110, Released(StartStop))],
            ),
            (
                "3 s",
                &[UP, (true, 3000), UP],
                &[(120, Pressed), (3120, Released(RestartNetworking))],
            ),
            (
                "8 s",
                &[UP, (true, 8000), UP],
                &[(120, Pressed), (8120, Released(ShutDown))],
            ),
            (
                "stuck, then freed",
                &[UP, (true, 90_000), UP],
                &[(120, Pressed), (30_100, Ignored(Stuck)), (90_120, Usable)],
            ),
            (
                "held at start, then used",
                &[(true, 5000), UP, (true, 200), UP],
                &[
                    (20, Ignored(PressedAtStart)),
                    (5020, Usable),
                    (5120, Pressed),
                    (5320, Released(StartStop)),
                ],
            ),
            (
                "a pull-up that takes a moment is no press at start",
                &[(true, 10), (false, 5000)],
                &[],
            ),
            (
                "bouncing contacts",
                &[
                    UP,
                    (true, 10),
                    (false, 10),
                    (true, 200),
                    (false, 10),
                    (true, 10),
                    UP,
                ],
                &[(140, Pressed), (360, Released(StartStop))],
            ),
            (
                "crosstalk is no press",
                &[UP, (true, 10), UP, (true, 20), UP],
                &[],
            ),
        ];
        for (what, levels, signals) in table {
            assert_eq!(play(levels), signals, "{what}");
        }
    }

    #[test]
    fn a_hold_shows_what_a_release_would_do() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut button = Button::new();
        let _ = button.sample(false, at(0));
        let _ = button.sample(false, at(100));
        assert_eq!(button.armed(at(100)), None);
        let _ = button.sample(true, at(200));
        assert_eq!(button.armed(at(200)), None, "not yet debounced");
        assert_eq!(button.sample(true, at(220)), Some(Pressed));
        for (ms, armed) in [
            (220, StartStop),
            (3199, StartStop),
            (3200, RestartNetworking),
            (8199, RestartNetworking),
            (8200, ShutDown),
        ] {
            assert_eq!(button.armed(at(ms)), Some(armed), "at {ms} ms");
        }
        assert_eq!(button.sample(true, at(30_200)), Some(Ignored(Stuck)));
        assert_eq!(button.armed(at(30_200)), None, "too long takes it back");
    }

    #[test]
    fn a_loop_that_was_late_still_sees_the_whole_press() {
        let start = Instant::now();
        let mut button = Button::new();
        let signals: Vec<_> = [
            (false, 0),
            (false, 50),
            (true, 60),
            (true, 4000),
            (false, 4010),
            (false, 9000),
        ]
        .into_iter()
        .filter_map(|(pressed, ms)| button.sample(pressed, start + Duration::from_millis(ms)))
        .collect();
        assert_eq!(signals, [Pressed, Released(RestartNetworking)]);
    }

    proptest! {
        /// Whatever the wire does: presses and releases alternate, and a gesture
        /// needs a press that was seen to end.
        #[test]
        fn signals_alternate(levels in prop::collection::vec((any::<bool>(), 1_u64..1200), 1..25)) {
            let levels: Vec<_> = levels.into_iter().map(|(pressed, ticks)| (pressed, ticks * 10)).collect();
            let mut down = false;
            let mut ignored = false;
            for (_, signal) in play(&levels) {
                match signal {
                    Pressed => {
                        prop_assert!(!down && !ignored);
                        down = true;
                    }
                    Released(_) => {
                        prop_assert!(down);
                        down = false;
                    }
                    Ignored(cause) => {
                        prop_assert!(!ignored && down == (cause == Stuck));
                        (down, ignored) = (false, true);
                    }
                    Usable => {
                        prop_assert!(ignored);
                        ignored = false;
                    }
                }
            }
        }
    }
}
