//! Decides whether other instances of this revision are there for good. Pure;
//! the time is passed in.
//!
//! A camera feeds one instance. Where a host runs two, and sends requests to
//! either, half of what viewers ask for meets the one without a picture. That
//! is for the owner to mend; until then the service says what is wrong.

use std::time::{Duration, Instant};

/// A host may run two for a moment, while it replaces one by the other.
const MOMENT: Duration = Duration::from_secs(60);

/// What was heard of other instances: they answered, or asked who answers here
/// because they hold a camera.
#[derive(Debug, Default)]
pub struct Siblings {
    /// Of the first and the last sign among those without a long pause.
    heard: Option<(Instant, Instant)>,
    reported: bool,
}

impl Siblings {
    /// Takes in a sign of one; says whether the owner should know now, which is
    /// once.
    pub fn hear(&mut self, now: Instant) -> bool {
        let since = self.heard.filter(|_| self.are_near(now));
        let (first, _) = *self
            .heard
            .insert((since.map_or(now, |(first, _)| first), now));
        let stays = now.saturating_duration_since(first) >= MOMENT;
        let is_news = stays && !self.reported;
        self.reported |= stays;
        is_news
    }

    /// Whether one was heard lately.
    #[must_use]
    pub fn are_near(&self, now: Instant) -> bool {
        let is_recent = |(_, last)| now.saturating_duration_since(last) < MOMENT;
        self.heard.is_some_and(is_recent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_hears_once_of_those_that_stay() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut siblings = Siblings::default();
        assert!(!siblings.are_near(at(0)));
        // One that goes away, and later one that stays.
        let heard = [0, 10, 30, 100, 140, 159, 160, 161, 400, 450, 460];
        let reports = heard.map(|second| siblings.hear(at(second)));
        assert_eq!(heard.map(|second| second == 160), reports);
        assert!(siblings.are_near(at(519)));
        assert!(!siblings.are_near(at(520)));
    }
}
