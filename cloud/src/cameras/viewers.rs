//! How many people watch: distinct visitors that have a stream open, or fetched
//! a playlist or media within the last ten seconds. Bounded; nothing about a
//! visitor is kept but a number that cannot be traced back.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::Arc,
    time::{Duration, Instant},
};

use super::Camera;

/// A player that plays asks for something at least every target duration, of
/// which the longest is ten seconds.
const WATCHING: Duration = Duration::from_secs(10);

/// More than any one instance can serve; beyond it the count stands still.
const MAX_VIEWERS: usize = 10_000;

/// The visitors of one camera.
#[derive(Debug, Default)]
pub struct Viewers {
    visits: HashMap<u64, Visit>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Visit {
    last_request: Instant,
    open_streams: u32,
}

impl Viewers {
    /// Notes a request. Who makes it is told apart by `visitor`: address,
    /// browser and link.
    pub fn note(&mut self, visitor: impl Hash, now: Instant) {
        self.visit(visitor, now);
    }

    /// How many watch now.
    pub fn count(&mut self, now: Instant) -> u32 {
        self.forget_gone(now);
        u32::try_from(self.visits.len()).unwrap_or(u32::MAX)
    }

    /// `None` beyond the bound.
    fn visit(&mut self, visitor: impl Hash, now: Instant) -> Option<(u64, &mut Visit)> {
        let visitor = self.hasher.hash_one(visitor);
        if self.visits.len() >= MAX_VIEWERS && !self.visits.contains_key(&visitor) {
            self.forget_gone(now);
            if self.visits.len() >= MAX_VIEWERS {
                return None;
            }
        }
        let visit = self.visits.entry(visitor).or_insert(Visit {
            last_request: now,
            open_streams: 0,
        });
        visit.last_request = now;
        Some((visitor, visit))
    }

    fn open(&mut self, visitor: impl Hash, now: Instant) -> Option<u64> {
        let (visitor, visit) = self.visit(visitor, now)?;
        visit.open_streams += 1;
        Some(visitor)
    }

    fn close(&mut self, visitor: u64, now: Instant) {
        if let Some(visit) = self.visits.get_mut(&visitor) {
            visit.open_streams -= 1;
            visit.last_request = now;
        }
    }

    fn forget_gone(&mut self, now: Instant) {
        self.visits.retain(|_, visit| {
            visit.open_streams > 0 || now.saturating_duration_since(visit.last_request) < WATCHING
        });
    }
}

/// Somebody who watches a camera until this is dropped.
#[derive(Debug)]
pub struct Watching {
    camera: Arc<Camera>,
    visitor: Option<u64>,
}

impl Watching {
    /// Begins to watch. Who does is told apart as in [`Viewers::note`].
    #[must_use]
    pub fn new(camera: Arc<Camera>, visitor: impl Hash) -> Self {
        let visitor = camera.record().viewers.open(visitor, Instant::now());
        Self { camera, visitor }
    }

    /// What is watched.
    #[must_use]
    pub fn camera(&self) -> &Camera {
        &self.camera
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(visitor) = self.visitor {
            self.camera.record().viewers.close(visitor, Instant::now());
        }
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
    fn a_stream_counts_while_it_is_open_and_ten_seconds_longer() {
        let mut viewers = Viewers::default();
        let start = Instant::now();
        let [first, second] = [0, 1].map(|_| viewers.open("10.0.0.1", start).unwrap());
        let hours = start + Duration::from_secs(7200);
        assert_eq!(viewers.count(hours), 1);
        viewers.close(first, hours);
        assert_eq!(viewers.count(hours + WATCHING), 1);
        viewers.close(second, hours + WATCHING);
        assert_eq!(viewers.count(hours + WATCHING), 1);
        assert_eq!(viewers.count(hours + 2 * WATCHING), 0);
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
