//! Cuts a segment into the parts of Low-Latency HLS, a pure function of its
//! frames: whoever has the same segment has the same parts.
//!
//! Players refuse a playlist with a part longer than PART-TARGET, and iPhones
//! one with a part below 85 % of it that is not its segment's last. Where frames
//! come too unevenly for both, a part is long enough, and says that it lasts
//! PART-TARGET.

use zerocam_protocol::Frame;

use super::{
    RunFormat,
    window::{FrameFragment, Frames},
};

/// How long a part should last. Every part is a request of every viewer, and a
/// shorter one brings the picture little nearer.
const NOMINAL_S: f64 = 0.2;

/// PART-TARGET exceeds the nominal duration by this factor: cameras are not
/// exactly regular, and 1 / 1.1 is still above 85 %.
const ROOM: f64 = 1.1;

/// A part lasts at least this much of PART-TARGET (RFC 8216bis, section
/// 4.4.3.7).
const LEAST_PERCENT: u32 = 85;

/// What the parts of a run are like: constant as long as it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartTarget {
    frames: usize,
    /// PART-TARGET, milliseconds.
    pub ms: u32,
}

/// Some consecutive frames of a segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part<'a> {
    /// What it is called: the frame after the last one of the part before, so
    /// that it has a name before it begins. Its own first frame, unless frames
    /// were lost in between.
    pub name: Frame,
    /// At least one.
    pub fragments: &'a [FrameFragment],
    /// What the playlist says: how long they are shown, at most PART-TARGET.
    pub duration_ms: u32,
}

impl PartTarget {
    /// Of a run.
    #[must_use]
    pub fn of(format: &RunFormat) -> Self {
        let rate_hz = format.frame_rate_hz;
        let frames = (NOMINAL_S * rate_hz).round().max(1.0);
        let ms = (1000.0 * ROOM * frames / rate_hz).ceil() as u32;
        Self {
            frames: frames as usize,
            // No part is longer than its segment may be.
            ms: ms.clamp(1, 1000 * format.target_duration_s.max(1)),
        }
    }

    const fn is_reached_by(self, ms: u32) -> bool {
        ms as u64 * 100 >= self.ms as u64 * LEAST_PERCENT as u64
    }
}

impl Part<'_> {
    /// Whether it begins with a keyframe.
    #[must_use]
    pub fn is_independent(&self) -> bool {
        self.fragments.first().is_some_and(|it| it.is_keyframe)
    }

    /// What the part after it is called.
    #[must_use]
    pub fn next_name(&self) -> Frame {
        let last = self.fragments.last();
        last.map_or(self.name, |last| last.frame.next())
    }
}

/// The parts of a segment as far as they are complete; those of a whole segment
/// hold all its frames.
#[must_use]
pub fn cut(frames: &Frames, target: PartTarget) -> Vec<Part<'_>> {
    let fragments = frames.fragments.as_slice();
    let mut parts: Vec<Part<'_>> = Vec::new();
    let (mut begin, mut ms) = (0, 0_u32);
    let mut close = |begin: &mut usize, ms: &mut u32, end: usize| {
        parts.push(Part {
            name: parts.last().map_or(frames.first_part, Part::next_name),
            fragments: &fragments[*begin..end],
            duration_ms: (*ms).min(target.ms),
        });
        (*begin, *ms) = (end, 0);
    };
    for (index, fragment) in fragments.iter().enumerate() {
        let longer_ms = ms.saturating_add(fragment.duration_ms);
        if longer_ms > target.ms && target.is_reached_by(ms) {
            close(&mut begin, &mut ms, index);
        }
        ms = ms.saturating_add(fragment.duration_ms);
        if index + 1 - begin >= target.frames && target.is_reached_by(ms) {
            close(&mut begin, &mut ms, index + 1);
        }
    }
    if frames.is_whole && begin < fragments.len() {
        close(&mut begin, &mut ms, fragments.len());
    }
    parts
}

#[cfg(test)]
mod tests;
