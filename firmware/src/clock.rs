//! What time it is. A Pi has no clock that runs without power: the system's
//! starts where the image was made, and may be set by anybody's word.
//!
//! The word of a service whose certificate was verified is taken: forward and
//! backward, and kept on the card. Every other (the card's own, from before the
//! power was cut; a service's in plain text) only moves a clock forward that is
//! behind, and is not kept. Where the system does not hand this program the
//! clock, the clock is somebody else's to set, and is trusted as it is.

use std::time::{Duration, SystemTime};

use rustix::{
    io,
    thread::{CapabilitySet, capability_is_in_ambient_set, clear_ambient_capability_set},
    time::{ClockId, Timespec, clock_settime},
};
use tracing::{info, warn};

/// Differences up to this are left to whoever keeps the clock finely: an answer
/// may take that long.
pub const TOLERANCE: Duration = Duration::from_secs(5);

/// Who tells the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// A service that was verified.
    Verified,
    /// The card, or a service in plain text.
    Hearsay,
}

/// The system's clock, as far as it is this program's to set.
#[derive(Debug)]
pub struct Clock {
    /// Whether it is.
    ours: bool,
    verified: bool,
}

impl Clock {
    /// It is this program's when the service manager hands it the capability. A
    /// root shell has that too, but not among the ambient ones, which programs pass
    /// on to those that they start: from now on neither this thread nor one that it
    /// starts does.
    #[must_use]
    pub fn new() -> Self {
        let ours = capability_is_in_ambient_set(CapabilitySet::SYS_TIME).unwrap_or(false);
        if ours && let Err(error) = clear_ambient_capability_set() {
            warn!(%error, "the camera's programs may set the clock, too");
        }
        Self {
            ours,
            verified: false,
        }
    }

    /// Whether what it shows may be relied on.
    #[must_use]
    pub const fn is_trusted(&self) -> bool {
        !self.ours || self.verified
    }

    /// Takes somebody's word for the time.
    pub fn hear(&mut self, told: SystemTime, word: Word) {
        if !self.ours {
            return;
        }
        self.verified |= word == Word::Verified;
        if let Some(time) = correction(SystemTime::now(), told, word) {
            match set(time) {
                Ok(()) => info!(?word, "the clock was set"),
                Err(error) => warn!(%error, "the clock is wrong and cannot be set"),
            }
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// What a clock is to be set to, if at all.
fn correction(shown: SystemTime, told: SystemTime, word: Word) -> Option<SystemTime> {
    let ahead = shown.duration_since(told).unwrap_or_default();
    let behind = told.duration_since(shown).unwrap_or_default();
    match word {
        Word::Verified => ahead.max(behind) > TOLERANCE,
        Word::Hearsay => behind > TOLERANCE,
    }
    .then_some(told)
}

fn set(time: SystemTime) -> io::Result<()> {
    let unix = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_err(|_| io::Errno::INVAL)?;
    let timespec = Timespec::try_from(unix).map_err(|_| io::Errno::INVAL)?;
    clock_settime(ClockId::Realtime, timespec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_word_counts() {
        let (verified, hearsay) = (Word::Verified, Word::Hearsay);
        // What the clock shows, what it is told, whether it is set; Unix seconds.
        let table = [
            (0, 1_790_000_000, verified, true),
            (0, 1_790_000_000, hearsay, true),
            (1_790_000_000, 1_790_000_005, verified, false),
            (1_790_000_005, 1_790_000_000, verified, false),
            (1_790_000_000, 1_790_000_006, verified, true),
            (1_790_000_006, 1_790_000_000, verified, true),
            (1_790_000_000, 1_790_000_005, hearsay, false),
            (1_790_000_000, 1_790_000_006, hearsay, true),
            // Only who was verified turns a clock back.
            (2_200_000_000, 1_790_000_000, hearsay, false),
            (2_200_000_000, 1_790_000_000, verified, true),
        ];
        let at = |unix_s| SystemTime::UNIX_EPOCH + Duration::from_secs(unix_s);
        for (shown, told, word, expected) in table {
            let expected = expected.then(|| at(told));
            let found = correction(at(shown), at(told), word);
            assert_eq!(found, expected, "{shown}, {told}, {word:?}");
        }
    }

    #[test]
    fn a_test_never_sets_the_clock_of_its_machine() {
        let mut clock = Clock::new();
        assert!(clock.is_trusted());
        clock.hear(SystemTime::UNIX_EPOCH, Word::Verified);
        assert!(SystemTime::now() > SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000));
    }

    #[test]
    fn a_clock_of_ours_is_trusted_once_it_was_verified() {
        let mut clock = Clock {
            ours: true,
            verified: false,
        };
        assert!(!clock.is_trusted());
        clock.hear(SystemTime::now(), Word::Hearsay);
        assert!(!clock.is_trusted());
        clock.hear(SystemTime::now(), Word::Verified);
        assert!(clock.is_trusted());
    }
}
