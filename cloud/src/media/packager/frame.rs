//! What one frame must be: ffmpeg's fragment against its access unit, and how
//! long it is shown.

use zerocam_protocol::limits::SEGMENT_OVERRUN_US;

use crate::media::{
    RunFormat,
    fragment::{Fragment, Garbage, TICKS_PER_MS},
    intake::Unit,
};

/// Whether a fragment is what this unit must become.
pub(super) fn check(fragment: &Fragment, unit: &Unit) -> Result<(), Problem> {
    let expected = u64::from(unit.time_ms) * u64::from(TICKS_PER_MS);
    // Exact: ffmpeg passes milliseconds on.
    if fragment.decode_time() != expected {
        return Err(Problem::OtherTime {
            found: fragment.decode_time(),
            expected,
        });
    }
    if fragment.sample()[..] != *unit.tag.sample() {
        return Err(Problem::OtherPicture);
    }
    Ok(())
}

/// How long a frame is shown: until the next one, if that can be so.
///
/// Between them frames may be missing. A segment that has lost its end reaches
/// to the beginning of the next one, but no further: whole lost segments are
/// gaps of their own, and no segment lasts longer than players accept.
pub(crate) fn duration_ms(
    format: &RunFormat,
    start_ms: u32,
    unit: &Unit,
    next: Option<&Unit>,
) -> u32 {
    let target_ms = format.target_duration_s.max(1) * 1000;
    let nominal = ((1000.0 / format.frame_rate_hz).round() as u32).clamp(1, target_ms);
    let Some(next) = next else { return nominal };
    let until_next = next.time_ms - unit.time_ms;
    let longest = target_ms + (SEGMENT_OVERRUN_US / 1000) as u32;
    let lost_segments = next.header.segment > unit.header.segment.next();
    if lost_segments || next.time_ms - start_ms > longest {
        nominal.min(until_next)
    } else {
        until_next
    }
}

/// What is wrong with a child's output.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("its output is garbage: {0}")]
    Garbage(#[from] Garbage),
    #[error("it wrote another init than the run began with")]
    OtherInit,
    #[error("it wrote more frames than it was given")]
    TooMany,
    #[error("it wrote a frame before it could know its duration")]
    TooEarly,
    #[error("it wrote decode time {found} instead of {expected}")]
    OtherTime { found: u64, expected: u64 },
    #[error("it changed a picture")]
    OtherPicture,
}
