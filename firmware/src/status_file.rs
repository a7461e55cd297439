//! When the status file on the card is rewritten: when its text has changed,
//! and at most once a minute, because cards wear. What could not be written is
//! tried again after that minute, and told once.

use std::time::{Duration, Instant};

/// The shortest time between two writes.
pub const INTERVAL: Duration = Duration::from_secs(60);

/// What was written last, and when.
#[derive(Debug, Default)]
pub struct StatusFile {
    /// The text until it is known to be lost.
    written: Option<(Option<String>, Instant)>,
    failing: bool,
}

/// What to tell of a write that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It begins to fail.
    Fails,
    /// It works again.
    WorksAgain,
}

impl StatusFile {
    /// Whether `text` is to be written at `now`; if so, it counts as written until
    /// [`Self::ended`] says otherwise.
    pub fn is_due(&mut self, text: &str, now: Instant) -> bool {
        let due = (self.written.as_ref()).is_none_or(|(written, at)| {
            written.as_deref() != Some(text) && now.duration_since(*at) >= INTERVAL
        });
        if due {
            self.written = Some((Some(text.into()), now));
        }
        due
    }

    /// The last write has ended, well or not.
    pub fn ended(&mut self, well: bool) -> Option<News> {
        if let (false, Some((text, _))) = (well, &mut self.written) {
            *text = None;
        }
        match (std::mem::replace(&mut self.failing, !well), well) {
            (false, false) => Some(News::Fails),
            (true, true) => Some(News::WorksAgain),
            (false, true) | (true, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_change_and_at_most_once_a_minute() {
        let start = Instant::now();
        let mut file = StatusFile::default();
        let table = [
            (0, "stopped", true),
            (1, "stopped", false),
            (2, "starting", false),
            (59, "streaming", false),
            (60, "streaming", true),
            (600, "streaming", false),
            (601, "stopped", true),
            (602, "streaming", false),
            (603, "stopped", false),
            (900, "stopped", false),
        ];
        for (second, text, expected) in table {
            let now = start + Duration::from_secs(second);
            assert_eq!(file.is_due(text, now), expected, "{text} at {second} s");
        }
    }

    #[test]
    fn what_was_not_written_is_tried_again_and_told_once() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut file = StatusFile::default();
        assert!(file.is_due("ready", at(0)));
        assert_eq!(file.ended(false), Some(News::Fails));
        assert!(!file.is_due("ready", at(59)), "cards wear");
        assert!(file.is_due("ready", at(60)));
        assert_eq!(file.ended(false), None);
        assert!(file.is_due("ready", at(120)));
        assert_eq!(file.ended(true), Some(News::WorksAgain));
        assert!(!file.is_due("ready", at(600)));
        assert!(file.is_due("streaming", at(601)));
        assert_eq!(file.ended(true), None);
    }
}
