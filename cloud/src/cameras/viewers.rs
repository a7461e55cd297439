//! How many people watch: distinct visitors that fetched a playlist or media
//! within the last ten seconds. Bounded; nothing about a visitor is kept but a
//! number that cannot be traced back.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    time::{Duration, Instant},
};

/// A player that plays asks for something at least every target duration, of
/// which the longest is ten seconds.
const WATCHING: Duration = Duration::from_secs(10);

/// More than any one instance can serve; beyond it the count stands still.
const MAX_VIEWERS: usize = 10_000;

/// The visitors of one camera.
#[derive(Debug, Default)]
pub struct Viewers {
    last_request: HashMap<u64, Instant>,
    hasher: RandomState,
}

impl Viewers {
    /// Notes a request. Who makes it is told apart by `visitor`: address,
    /// browser and link.
    pub fn note(&mut self, visitor: impl Hash, now: Instant) {
        let visitor = self.hasher.hash_one(visitor);
        if self.last_request.len() >= MAX_VIEWERS && !self.last_request.contains_key(&visitor) {
            self.forget_gone(now);
            if self.last_request.len() >= MAX_VIEWERS {
                return;
            }
        }
        self.last_request.insert(visitor, now);
    }

    /// How many watch now.
    pub fn count(&mut self, now: Instant) -> u32 {
        self.forget_gone(now);
        u32::try_from(self.last_request.len()).unwrap_or(u32::MAX)
    }

    fn forget_gone(&mut self, now: Instant) {
        self.last_request
            .retain(|_, last| now.saturating_duration_since(*last) < WATCHING);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_counts_once_and_for_ten_seconds() {
        let mut viewers = Viewers::default();
        let start = Instant::now();
        viewers.note(("10.0.0.1", "firefox"), start);
        viewers.note(("10.0.0.1", "chrome"), start);
        viewers.note(("10.0.0.1", "chrome"), start + Duration::from_secs(5));
        assert_eq!(viewers.count(start + Duration::from_secs(9)), 2);
        assert_eq!(viewers.count(start + Duration::from_secs(10)), 1);
        assert_eq!(viewers.count(start + Duration::from_secs(15)), 0);
    }

    #[test]
    fn the_crowd_is_bounded() {
        let mut viewers = Viewers::default();
        let start = Instant::now();
        for visitor in 0..MAX_VIEWERS + 5 {
            viewers.note(visitor, start);
        }
        assert_eq!(viewers.count(start) as usize, MAX_VIEWERS);
        viewers.note("late", start + WATCHING);
        assert_eq!(viewers.count(start + WATCHING), 1);
    }
}
