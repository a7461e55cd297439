//! When the status file on the card is rewritten: when its text has changed,
//! and at most once a minute, because cards wear.

use std::time::{Duration, Instant};

/// The shortest time between two writes.
pub const INTERVAL: Duration = Duration::from_secs(60);

/// What was written last, and when.
#[derive(Debug, Default)]
pub struct StatusFile {
    written: Option<(String, Instant)>,
}

impl StatusFile {
    /// Whether `text` is to be written at `now`; if so, it counts as written.
    pub fn is_due(&mut self, text: &str, now: Instant) -> bool {
        let due = (self.written.as_ref())
            .is_none_or(|(written, at)| written != text && now.duration_since(*at) >= INTERVAL);
        if due {
            self.written = Some((text.into(), now));
        }
        due
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
}
