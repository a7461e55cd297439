//! What makes a stream worse than it could be, or its end likely: decided from
//! figures, for the LED and for whoever asks.
//!
//! An ailment holds for [`HOLD`] after its last sign, so that a figure that
//! flickers about its limit makes no light flicker. It leaves out remedies.

use std::{
    collections::VecDeque,
    fmt,
    io::ErrorKind,
    time::{Duration, Instant},
};

/// How long an ailment outlasts its signs.
pub const HOLD: Duration = Duration::from_secs(60);

/// Assumed: about where a Pi Zero's radio begins to be too slow for 2 Mb/s.
const WEAK_DBM: i32 = -80;
/// Where the firmware begins to slow the processor down.
const HOT_CELSIUS: f32 = 80.0;
/// So many lost connections in that time are no accident.
const MANY_LOSSES: usize = 3;
const LOSSES_WITHIN: Duration = Duration::from_secs(600);

/// What to look at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Signs {
    /// Wi-Fi signal in dBm.
    pub wifi_signal_dbm: Option<i32>,
    /// Of the processor.
    pub temperature_celsius: Option<f32>,
    /// Whether the board finds its supply voltage too low.
    pub undervoltage: bool,
    /// Why the card keeps no state, if it does not.
    pub unstored: Option<ErrorKind>,
    /// Pictures dropped before they were sent: a counter that wraps around.
    pub dropped_frames: usize,
    /// Whether the connection was lost just now.
    pub lost_connection: bool,
}

/// What is not as it should be, each in a sentence that says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each one's sentence says what it is")]
pub enum Ailment {
    WeakWifi,
    Undervoltage,
    Hot,
    Overloaded,
    UnsteadyConnection,
    CardFull,
    StateDirectory,
    CardBroken,
}

impl Ailment {
    const ALL: [Self; 8] = [
        Self::WeakWifi,
        Self::Undervoltage,
        Self::Hot,
        Self::Overloaded,
        Self::UnsteadyConnection,
        Self::CardFull,
        Self::StateDirectory,
        Self::CardBroken,
    ];

    /// Who is to blame when the card keeps no state.
    const fn of_storing(error: ErrorKind) -> Self {
        match error {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::CardFull,
            ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::AlreadyExists
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory => Self::StateDirectory,
            _ => Self::CardBroken,
        }
    }
}

impl fmt::Display for Ailment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WeakWifi => {
                "the Wi-Fi signal is weak: move the camera or the router closer"
            }
            Self::Undervoltage => {
                "the power supply is too weak: take one of 5 V and 2.5 A, and a short, thick cable"
            }
            Self::Hot => "the processor is hot and slows down: give it shade and air",
            Self::Overloaded => {
                "pictures are dropped because the processor is too busy: lower bitrate_bps in [stream] or the frame rate"
            }
            Self::UnsteadyConnection => {
                "the connection to the service breaks again and again: check Wi-Fi and internet, or lower bitrate_bps in [stream]"
            }
            Self::CardFull => {
                "the card is full, so that start, stop and numbers are forgotten at the next power cut: free some space"
            }
            Self::StateDirectory => {
                "nothing can be written to the state directory, so that start, stop and numbers are forgotten at the next power cut: check state_dir in [daemon] and its permissions"
            }
            Self::CardBroken => {
                "the card keeps nothing, so that start, stop and numbers are forgotten at the next power cut: flash a new card"
            }
        })
    }
}

/// Which ailments there are.
#[derive(Debug, Default)]
pub struct Condition {
    /// The last sign of each.
    seen: [Option<Instant>; Ailment::ALL.len()],
    dropped_frames: usize,
    losses: VecDeque<Instant>,
}

impl Condition {
    /// Takes in what is to be seen at `now`.
    pub fn look(&mut self, signs: &Signs, now: Instant) {
        if signs.lost_connection {
            self.losses.push_back(now);
        }
        while self.losses.len() > MANY_LOSSES
            || (self.losses.front()).is_some_and(|lost| now.duration_since(*lost) > LOSSES_WITHIN)
        {
            self.losses.pop_front();
        }
        let before = std::mem::replace(&mut self.dropped_frames, signs.dropped_frames);
        for (ailment, seen) in Ailment::ALL.into_iter().zip(&mut self.seen) {
            let shows = match ailment {
                Ailment::WeakWifi => signs.wifi_signal_dbm.is_some_and(|dbm| dbm < WEAK_DBM),
                Ailment::Undervoltage => signs.undervoltage,
                Ailment::Hot => {
                    (signs.temperature_celsius).is_some_and(|celsius| celsius >= HOT_CELSIUS)
                }
                Ailment::Overloaded => signs.dropped_frames != before,
                Ailment::UnsteadyConnection => self.losses.len() == MANY_LOSSES,
                Ailment::CardFull | Ailment::StateDirectory | Ailment::CardBroken => {
                    signs.unstored.map(Ailment::of_storing) == Some(ailment)
                }
            };
            if shows {
                *seen = Some(now);
            }
            seen.take_if(|seen| now.duration_since(*seen) >= HOLD);
        }
    }

    /// The ailments at the last look.
    pub fn ailments(&self) -> impl Iterator<Item = Ailment> {
        let all = Ailment::ALL.into_iter().zip(self.seen);
        all.filter_map(|(ailment, seen)| seen.map(|_| ailment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(looks: &[(u64, Signs)]) -> Vec<Ailment> {
        let start = Instant::now();
        let mut condition = Condition::default();
        for (second, signs) in looks {
            condition.look(signs, start + Duration::from_secs(*second));
        }
        condition.ailments().collect()
    }

    #[test]
    fn signs_and_ailments() {
        let well = Signs::default;
        let signal = |dbm| Signs {
            wifi_signal_dbm: Some(dbm),
            ..well()
        };
        let heat = |celsius| Signs {
            temperature_celsius: Some(celsius),
            ..well()
        };
        let dropped = |dropped_frames| Signs {
            dropped_frames,
            ..well()
        };
        let undervoltage = Signs {
            undervoltage: true,
            ..well()
        };
        let unstored = |os_error| Signs {
            unstored: Some(std::io::Error::from_raw_os_error(os_error).kind()),
            ..well()
        };
        let [enospc, eacces, enoent, enotdir, eio, erofs] = [28, 13, 2, 20, 5, 30];
        let lost = || Signs {
            lost_connection: true,
            ..well()
        };
        type Row<'a> = (&'a [(u64, Signs)], &'a [Ailment]);
        let table: [Row<'_>; 17] = [
            (&[(0, well())], &[]),
            (&[(0, signal(-80)), (2, heat(79.9))], &[]),
            (&[(0, signal(-81))], &[Ailment::WeakWifi]),
            (&[(0, signal(-81)), (59, signal(-60))], &[Ailment::WeakWifi]),
            (&[(0, signal(-81)), (60, signal(-60))], &[]),
            (&[(0, heat(80.0))], &[Ailment::Hot]),
            (&[(0, undervoltage)], &[Ailment::Undervoltage]),
            (&[(0, dropped(0)), (2, dropped(5))], &[Ailment::Overloaded]),
            (&[(0, dropped(5)), (90, dropped(5))], &[]),
            (&[(0, unstored(enospc))], &[Ailment::CardFull]),
            (&[(0, unstored(eacces))], &[Ailment::StateDirectory]),
            (&[(0, unstored(enoent))], &[Ailment::StateDirectory]),
            (&[(0, unstored(enotdir))], &[Ailment::StateDirectory]),
            (&[(0, unstored(eio))], &[Ailment::CardBroken]),
            (&[(0, unstored(erofs))], &[Ailment::CardBroken]),
            (&[(0, lost()), (9, lost()), (601, lost())], &[]),
            (
                &[(0, lost()), (9, lost()), (600, lost())],
                &[Ailment::UnsteadyConnection],
            ),
        ];
        for (looks, expected) in table {
            assert_eq!(after(looks), expected, "{looks:?}");
        }
    }

    #[test]
    fn every_sentence_says_what_to_do() {
        for ailment in Ailment::ALL {
            let text = ailment.to_string();
            assert!(text.contains(": "), "{text}");
            assert!(!text.ends_with('.'), "{text}");
        }
    }
}
