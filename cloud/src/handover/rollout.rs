//! Decides when a camera should move: answers go in, at most one move a minute
//! comes out. Pure; the time is passed in.

use std::time::{Duration, Instant};

/// Two answers in a row from the same other revision mean that requests go
/// there now; a single one may be the last of the revision before.
const IN_A_ROW: u32 = 2;

/// While requests go to both revisions, a camera would move to and fro.
const MOVE_AGAIN: Duration = Duration::from_secs(60);

/// Who answered at the public address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This process.
    Ours,
    /// Another process of this revision.
    Sibling,
    /// That one.
    Another(String),
    /// Nobody, or something else, and what.
    Unclear(String),
}

/// What is known of a camera's next instance.
#[derive(Debug, Default)]
pub struct Rollout {
    another: Option<(String, u32)>,
    moved: Option<Instant>,
}

impl Rollout {
    /// Takes in an answer; says whether the camera should move now.
    pub fn handle(&mut self, answer: &Answer, now: Instant) -> bool {
        let Answer::Another(revision) = answer else {
            self.another = None;
            return false;
        };
        let before = self.another.take().filter(|(known, _)| known == revision);
        let in_a_row = before.map_or(1, |(_, times)| times.saturating_add(1));
        self.another = Some((revision.clone(), in_a_row));
        let rested = |moved| now.saturating_duration_since(moved) >= MOVE_AGAIN;
        let moves = in_a_row >= IN_A_ROW && self.moved.is_none_or(rested);
        if moves {
            self.moved = Some(now);
        }
        moves
    }

    /// Whether the next answer may confirm the last one.
    #[must_use]
    pub fn is_unsure(&self) -> bool {
        (self.another.as_ref()).is_some_and(|(_, in_a_row)| *in_a_row < IN_A_ROW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers a second apart: `o`urs, `?` unclear, any other letter a revision.
    /// Gives the seconds at which the camera was asked to move.
    fn moves(answers: &str) -> Vec<u64> {
        let start = Instant::now();
        let mut rollout = Rollout::default();
        let asked = (0..).zip(answers.chars()).filter(|&(second, answer)| {
            let answer = match answer {
                'o' => Answer::Ours,
                '?' => Answer::Unclear("<html>".into()),
                other => Answer::Another(other.into()),
            };
            rollout.handle(&answer, start + Duration::from_secs(second))
        });
        asked.map(|(second, _)| second).collect()
    }

    #[test]
    fn a_first_answer_from_another_revision_is_checked_soon() {
        let (now, mut rollout) = (Instant::now(), Rollout::default());
        let another = Answer::Another("a".into());
        let mut unsure_after = |answer| {
            rollout.handle(answer, now);
            rollout.is_unsure()
        };
        assert!(!unsure_after(&Answer::Ours));
        assert!(unsure_after(&another));
        assert!(!unsure_after(&another));
        assert!(!unsure_after(&Answer::Ours));
    }

    #[test]
    fn two_in_a_row_and_once_a_minute() {
        for (answers, expected, why) in [
            ("", &[][..], "nobody was asked"),
            ("oooo", &[], "we are reached"),
            ("ooaa", &[3], "a deploy"),
            ("oaoaoa", &[], "requests go to both, and now and then to us"),
            ("abab", &[], "two others in turn"),
            ("aabb", &[1], "the next one, so soon after"),
            ("a?a", &[], "unclear in between"),
            ("????", &[], "a page in front of everything"),
        ] {
            assert_eq!(moves(answers), expected, "{why}");
        }
        // The camera came back: it is asked again after a minute.
        assert_eq!(moves(&"a".repeat(150)), [1, 61, 121]);
        let flapping = "aao".repeat(50);
        assert_eq!(moves(&flapping), [1, 61, 121]);
    }
}
