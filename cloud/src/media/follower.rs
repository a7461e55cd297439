//! Where one viewer of the instant stream stands: live windows in, frames out.
//! Pure; the time is passed in.
//!
//! Invariants:
//! - the stream begins with a keyframe, and every frame but a keyframe follows
//!   the one before it, so that all of it can be decoded;
//! - frames are of one run, in order, and none comes twice;
//! - a viewer that is behind by more than [`MAX_LAG`], and has been behind for as
//!   long, goes on with the newest keyframe, if there is one ahead of it. So it
//!   is never behind by more than that and a GOP, and nothing is kept for it:
//!   frames wait in the window. Many frames at once, as after an interruption,
//!   reach every viewer that can take them.
//!
//! What was skipped leaves a hole in decode time. Times stay the camera's own:
//! a player that skips a hole shows the right age, and one that were told that
//! there is none would be late for the rest of the stream.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use zerocam_protocol::{Frame, Run};

use super::{
    Window,
    window::{Content, Entry, FrameFragment},
};

/// More than a hiccup of Wi-Fi, less than people notice as late.
pub const MAX_LAG: Duration = Duration::from_millis(500);

/// One viewer.
#[derive(Debug)]
pub struct Follower {
    run: Run,
    ends_after: Instant,
    /// All before it was sent, or skipped.
    next: Frame,
    /// When it had all there was.
    was_up_to_date: Instant,
    skipped: u64,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send this.
    Send(Bytes),
    /// Look again when the window has changed.
    Wait,
    /// Nothing more.
    End(Ending),
}

/// Why a response ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The camera said goodbye, or sends to another instance.
    Over,
    /// The camera's next run needs another init.
    NewRun,
    /// It has lasted long enough.
    Expired,
    /// Nobody knows why: nothing came for a while.
    Silent,
}

impl Follower {
    /// Begins with the newest keyframe; `None` while there is none that frames
    /// may follow. Ends at the first keyframe after its lifetime. The init comes
    /// with it, to be sent first.
    #[must_use]
    pub fn begin(window: &Window, lifetime: Duration, now: Instant) -> Option<(Self, Bytes)> {
        let keyframe = window.keyframe()?;
        let run = keyframe.run.format.run;
        if window.is_over() || window.format()?.run != run {
            return None;
        }
        let follower = Self {
            run,
            ends_after: now + lifetime,
            next: keyframe.fragment.frame,
            was_up_to_date: now,
            skipped: 0,
        };
        Some((follower, keyframe.run.init.clone()))
    }

    /// How many frames this viewer was too slow for.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// What to do, given what can be fetched.
    pub fn step(&mut self, window: &Window, now: Instant) -> Step {
        let ahead = ahead(window, self.run, self.next);
        let (Some(first), Some(newest)) = (ahead.clone().next(), ahead.clone().next_back()) else {
            self.was_up_to_date = now;
            return match window.format() {
                Some(format) if format.run != self.run => Step::End(Ending::NewRun),
                _ if window.is_over() => Step::End(Ending::Over),
                _ => Step::Wait,
            };
        };
        let keyframe = ahead.rev().find(|frame| frame.is_keyframe);
        // Of the camera's own holes the first frame behind is a keyframe.
        let follows = first.is_keyframe || first.frame == self.next;
        let lag = Duration::from_millis((newest.time_ms - first.time_ms).into());
        let is_late = lag > MAX_LAG && now.saturating_duration_since(self.was_up_to_date) > MAX_LAG;
        let chosen = match keyframe {
            Some(keyframe) if is_late || !follows => keyframe,
            _ if follows => first,
            _ => return Step::Wait,
        };
        if chosen.is_keyframe && now >= self.ends_after {
            return Step::End(Ending::Expired);
        }
        if is_late || !follows {
            self.skipped += chosen.frame.0 - self.next.0;
        }
        self.next = chosen.frame.next();
        Step::Send(chosen.bytes.clone())
    }
}

/// The frames of a run that can be fetched, from `next` on.
fn ahead(
    window: &Window,
    run: Run,
    next: Frame,
) -> impl DoubleEndedIterator<Item = &FrameFragment> + Clone {
    let is_ahead = move |entry: &Arc<Entry>| {
        entry.run.format.run == run
            && match &entry.content {
                Content::Gap => true,
                Content::Frames(frames) => {
                    let last = frames.fragments.last();
                    last.is_some_and(|last| last.frame >= next)
                }
            }
    };
    let listed = window.segments();
    let behind = listed.iter().rposition(|entry| !is_ahead(entry));
    listed[behind.map_or(0, |behind| behind + 1)..]
        .iter()
        .chain(window.open().filter(|open| is_ahead(open)))
        .flat_map(move |entry| match &entry.content {
            Content::Gap => &[],
            Content::Frames(frames) => {
                let sent = frames.fragments.partition_point(|it| it.frame < next);
                &frames.fragments[sent..]
            }
        })
}

#[cfg(test)]
mod tests;
