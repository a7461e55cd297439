//! What one LED says: a table of rhythms, and when the light changes next.
//!
//! Invariant: while frames leave the sensor the LED is lit, and the marks of its
//! rhythm are short dark moments; otherwise it is dark with short lit marks. So
//! light means filming, whatever else is told and whoever started it. Any two
//! rhythms can be told apart from whichever moment one begins to look: *a long
//! mark asks for you, short marks ask for patience*.
//!
//! Time is passed in, and no pin is touched.

use std::time::{Duration, Instant};

use crate::button::Gesture;

pub mod table;

use table::Look;

/// How long a press shows as inverted light: seen by everybody, taken for a
/// mark of a rhythm by nobody who is just pressing.
pub const ACKNOWLEDGE: Duration = Duration::from_millis(120);

/// What the daemon is doing, as far as the LED tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The daemon has started and is not yet ready.
    Starting,
    /// The configuration is missing or has an error.
    NeedsConfiguration,
    /// No Wi-Fi yet, or again.
    WifiConnecting,
    /// Wi-Fi is up, the service is not reached.
    CloudConnecting,
    /// All is well, and stopped.
    Ready,
    /// Live.
    Streaming,
    /// Live, and something makes it worse.
    Degraded,
    /// The camera gives no frames.
    CameraFault,
    /// Something that the daemon cannot mend.
    Fatal,
    /// Shutting down.
    ShuttingDown,
}

/// Everything that the LED is to tell at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scene {
    /// What the daemon is doing.
    pub state: State,
    /// Whether frames leave the sensor, in whatever state.
    pub filming: bool,
    /// Whether somebody watches.
    pub watched: bool,
}

impl Scene {
    /// The rhythm that tells it, or, while the button is held, what a release
    /// would do.
    #[must_use]
    pub const fn pattern(self, armed: Option<Gesture>) -> Pattern {
        let look = self.look(armed);
        Pattern {
            lit_ground: self.filming || look.films(),
            marks_ms: look.row().marks_ms,
        }
    }

    const fn look(self, armed: Option<Gesture>) -> Look {
        match (armed, self.state, self.watched) {
            (Some(Gesture::RestartNetworking), _, _) => Look::HeldForNetworking,
            (Some(Gesture::ShutDown), _, _) | (_, State::ShuttingDown, _) => Look::ShuttingDown,
            (_, State::Starting, _) => Look::Starting,
            (_, State::NeedsConfiguration, _) => Look::NeedsConfiguration,
            (_, State::WifiConnecting, _) => Look::WifiConnecting,
            (_, State::CloudConnecting, _) => Look::CloudConnecting,
            (_, State::Ready, _) => Look::Ready,
            (_, State::Streaming, false) => Look::Streaming,
            (_, State::Streaming, true) => Look::StreamingWatched,
            (_, State::Degraded, false) => Look::Degraded,
            (_, State::Degraded, true) => Look::DegradedWatched,
            (_, State::CameraFault, _) => Look::CameraFault,
            (_, State::Fatal, _) => Look::Fatal,
        }
    }
}

/// A rhythm: marks on a ground of light or of darkness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    lit_ground: bool,
    marks_ms: &'static [u16],
}

impl Pattern {
    /// The light at `now` of a rhythm that began at `since`.
    #[must_use]
    pub fn light(self, since: Instant, now: Instant) -> Light {
        let lengths = || {
            self.marks_ms
                .iter()
                .map(|&ms| Duration::from_millis(ms.into()))
        };
        let period: Duration = lengths().sum();
        if period.is_zero() {
            return Light {
                lit: self.lit_ground,
                until: None,
            };
        }
        let elapsed = now.duration_since(since);
        // A remainder is shorter than its period: seconds, which u64 holds.
        let into = Duration::from_nanos((elapsed.as_nanos() % period.as_nanos()) as u64);
        let mut light = Light {
            lit: self.lit_ground,
            until: None,
        };
        let mut end = Duration::ZERO;
        for length in lengths() {
            end += length;
            light.lit = !light.lit;
            if into < end {
                light.until = Some(now + (end - into));
                break;
            }
        }
        light
    }
}

/// On or off, and how long that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Light {
    /// Whether the LED is lit.
    pub lit: bool,
    /// When that changes by itself.
    pub until: Option<Instant>,
}

/// The LED over time: begins a new rhythm with its first mark, and answers a
/// press at once.
#[derive(Debug, Default)]
pub struct Led {
    playing: Option<(Pattern, Instant)>,
    acknowledging: Option<Light>,
}

impl Led {
    /// The light at `now`, of the rhythm that is wanted at `now`.
    pub fn light(&mut self, pattern: Pattern, now: Instant) -> Light {
        let since = match self.playing {
            Some((playing, since)) if playing == pattern => since,
            _ => now,
        };
        self.playing = Some((pattern, since));
        self.acknowledging
            .take_if(|light| light.until.is_none_or(|until| until <= now));
        self.acknowledging
            .unwrap_or_else(|| pattern.light(since, now))
    }

    /// Answers a press: the opposite of what shows now, for [`ACKNOWLEDGE`].
    pub fn acknowledge(&mut self, now: Instant) {
        let lit = self
            .playing
            .is_some_and(|(pattern, since)| pattern.light(since, now).lit);
        self.acknowledging = Some(Light {
            lit: !lit,
            until: Some(now + ACKNOWLEDGE),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 10] = [
        State::Starting,
        State::NeedsConfiguration,
        State::WifiConnecting,
        State::CloudConnecting,
        State::Ready,
        State::Streaming,
        State::Degraded,
        State::CameraFault,
        State::Fatal,
        State::ShuttingDown,
    ];

    const READY: Scene = Scene {
        state: State::Ready,
        filming: false,
        watched: false,
    };

    /// Everything there is to tell.
    fn scenes() -> impl Iterator<Item = (Scene, Option<Gesture>)> {
        let flags = [(false, false), (false, true), (true, false), (true, true)];
        let armed = [
            None,
            Some(Gesture::StartStop),
            Some(Gesture::RestartNetworking),
            Some(Gesture::ShutDown),
        ];
        STATES.into_iter().flat_map(move |state| {
            flags.into_iter().flat_map(move |(filming, watched)| {
                let scene = Scene {
                    state,
                    filming,
                    watched,
                };
                armed.into_iter().map(move |armed| (scene, armed))
            })
        })
    }

    /// Every rhythm that can show, once.
    fn patterns() -> Vec<Pattern> {
        let mut all: Vec<Pattern> = vec![];
        for pattern in scenes().map(|(scene, armed)| scene.pattern(armed)) {
            if !all.contains(&pattern) {
                all.push(pattern);
            }
        }
        all
    }

    /// The light for `ms`, once for every 50 ms: no mark is shorter.
    fn samples(pattern: Pattern, ms: u64) -> Vec<bool> {
        let start = Instant::now();
        (0..ms)
            .step_by(50)
            .map(|ms| pattern.light(start, start + Duration::from_millis(ms)).lit)
            .collect()
    }

    #[test]
    fn every_look_is_reached_and_has_its_own_row() {
        let reached: Vec<Look> = scenes().map(|(scene, armed)| scene.look(armed)).collect();
        for (index, look) in Look::ALL.into_iter().enumerate() {
            assert!(reached.contains(&look), "{look:?}");
            for other in &Look::ALL[..index] {
                assert_ne!(look.row().name, other.row().name);
                assert_ne!(look.row().looks, other.row().looks);
            }
        }
        assert!(reached.iter().all(|look| Look::ALL.contains(look)));
    }

    #[test]
    fn light_means_filming() {
        for (scene, armed) in scenes() {
            let look = scene.look(armed);
            let films = scene.filming || look.films();
            let light = samples(scene.pattern(armed), 30_000);
            let lit = light.iter().filter(|lit| **lit).count();
            assert_eq!(lit * 2 > light.len(), films, "{scene:?}");
            let marks = look.row().marks_ms;
            assert!(marks.len() % 2 == 0, "every mark has its gap");
            assert!(marks.iter().all(|ms| ms % 50 == 0));
            for (mark, gap) in marks.iter().zip(marks.iter().skip(1)).step_by(2) {
                assert!(*mark <= 600, "short: {scene:?}");
                assert!(gap >= mark || *gap >= 250, "the ground prevails: {scene:?}");
            }
        }
    }

    /// To an eye that does not know when a rhythm began: for every pair, however
    /// one is shifted against the other, the light differs for 300 of 6000 ms.
    #[test]
    fn any_two_patterns_can_be_told_apart() {
        const WINDOW_MS: u64 = 6000;
        let all = patterns();
        for (index, a) in all.iter().enumerate() {
            let steady = samples(*a, WINDOW_MS);
            for b in &all[..index] {
                let moving = samples(*b, WINDOW_MS * 2);
                let difference_ms = moving
                    .windows(steady.len())
                    .map(|window| window.iter().zip(&steady).filter(|(a, b)| a != b).count() * 50)
                    .min();
                assert!(
                    difference_ms >= Some(300),
                    "{a:?} {b:?}: {difference_ms:?} ms"
                );
            }
        }
    }

    #[test]
    fn the_next_change_is_exactly_when_the_light_changes() {
        let start = Instant::now();
        for pattern in patterns() {
            let mut now = start;
            for _ in 0..50 {
                let light = pattern.light(start, now);
                let Some(until) = light.until else {
                    assert!(pattern.marks_ms.is_empty());
                    break;
                };
                let before = until - Duration::from_nanos(1);
                assert_eq!(pattern.light(start, before), light);
                assert_eq!(pattern.light(start, until).lit, !light.lit);
                now = until;
            }
        }
    }

    #[test]
    fn a_new_state_begins_with_its_mark_and_a_press_shows_at_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let streaming = Scene {
            state: State::Streaming,
            ..READY
        };
        let mut led = Led::default();
        let table = [
            (0, READY, false, true, Some(100)),
            (100, READY, false, false, Some(2000)),
            (1000, READY, true, true, Some(1120)),
            (1119, READY, false, true, Some(1120)),
            (1120, READY, false, false, Some(2000)),
            (1200, streaming, false, true, None),
            (1300, streaming, true, false, Some(1420)),
            (1420, streaming, false, true, None),
            (2000, READY, false, true, Some(2100)),
        ];
        for (ms, scene, press, lit, until_ms) in table {
            if press {
                led.acknowledge(at(ms));
            }
            let light = Light {
                lit,
                until: until_ms.map(at),
            };
            assert_eq!(led.light(scene.pattern(None), at(ms)), light, "at {ms} ms");
        }
    }
}
