//! When the log says that pictures were left out: once for each bad spell, with
//! their number. Logs wear the card; every report to the service has the count.

use std::time::{Duration, Instant};

/// A spell is told of when it has had the time to become one.
const SPELL: Duration = Duration::from_secs(5);

/// And not again before this.
const QUIET: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Losses {
    told: u64,
    told_at: Option<Instant>,
    /// Since when there is something to tell.
    since: Option<Instant>,
}

impl Losses {
    /// Takes in how many pictures were left out so far; gives how many to tell
    /// of now. What was left out may still be sent: the count can go down.
    pub(super) fn note(&mut self, dropped: u64, now: Instant) -> Option<u64> {
        let more = dropped.checked_sub(self.told).filter(|more| *more > 0);
        let Some(more) = more else {
            self.since = None;
            return None;
        };
        let since = *self.since.get_or_insert(now);
        let rested = self.told_at.is_none_or(|told| now >= told + QUIET);
        if now < since + SPELL || !rested {
            return None;
        }
        *self = Self {
            told: dropped,
            told_at: Some(now),
            since: None,
        };
        Some(more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spell_is_told_of_once() {
        let (start, mut losses) = (Instant::now(), Losses::default());
        let mut told = Vec::new();
        for second in 0..200 {
            let dropped = match second {
                0..10 => 0,
                // Left out, but sent after all.
                10..12 => 7,
                12..20 => 0,
                20..100 => 10 * (second - 19),
                _ => 810,
            };
            if let Some(more) = losses.note(dropped, start + Duration::from_secs(second)) {
                told.push((second, more));
            }
        }
        assert_eq!(told, [(25, 60), (85, 600), (145, 150)]);
    }
}
