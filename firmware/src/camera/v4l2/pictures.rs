//! Makes pictures of a device's buffers. Pure.
//!
//! A buffer should hold one access unit. What else comes is told apart here:
//! parameter sets alone, which belong to the keyframe behind them; nothing;
//! half a picture; pictures whose predecessor was lost. A decoder would show
//! garbage from a loss on, so that everything is left out until the next
//! keyframe. The bytes say what a keyframe is, because flags are not set by
//! every driver.

use std::time::{Duration, Instant};

use tracing::debug;
use zerocam_protocol::h264::NalKind;

use crate::camera::{
    Picture,
    parameter_sets::{Content, NewestParameterSets},
};

/// With so many keyframes but no parameter sets, none will come.
const MAX_ORPHAN_KEYFRAMES: u32 = 5;

/// A time stamp further back than this is none.
const MAX_AGE: Duration = Duration::from_secs(5);

/// A buffer as the driver gave it back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buffer<'a> {
    /// All of it.
    pub(super) memory: &'a [u8],
    /// How much of it the driver filled, in bytes.
    pub(super) used_bytes: usize,
    /// The driver knows that the content is damaged.
    pub(super) damaged: bool,
    /// Counts the device's pictures, lost ones, too.
    pub(super) sequence: u32,
    /// When the picture was taken, on CLOCK_MONOTONIC.
    pub(super) stamp: Option<Duration>,
}

/// Where the kernel's monotonic clock stood at an [`Instant`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) instant: Instant,
    pub(super) monotonic: Duration,
}

impl Clock {
    /// When a picture was taken that arrived `now`. Stamps that cannot be, such
    /// as 0, count as none.
    fn captured(&self, stamp: Option<Duration>, now: Instant) -> Instant {
        let instant = stamp.and_then(|stamp| {
            if stamp >= self.monotonic {
                self.instant.checked_add(stamp - self.monotonic)
            } else {
                self.instant.checked_sub(self.monotonic - stamp)
            }
        });
        instant
            .filter(|&instant| instant <= now && now - instant <= MAX_AGE)
            .unwrap_or(now)
    }
}

/// Takes buffers in and gives pictures back.
#[derive(Debug)]
pub(super) struct Pictures {
    clock: Clock,
    parameter_sets: NewestParameterSets,
    orphan_keyframes: u32,
    last_sequence: Option<u32>,
    /// Whether all pictures since the last keyframe were there.
    in_sequence: bool,
}

impl Pictures {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            parameter_sets: NewestParameterSets::default(),
            orphan_keyframes: 0,
            last_sequence: None,
            in_sequence: false,
        }
    }

    /// The stream begins anew: with a keyframe.
    pub(super) fn begin_anew(&mut self) {
        self.last_sequence = None;
        self.in_sequence = false;
    }

    /// The picture in a buffer that arrived `now`; `None` when there is none
    /// that can be shown.
    pub(super) fn take_in<'a>(
        &'a mut self,
        buffer: Buffer<'a>,
        now: Instant,
    ) -> Result<Option<Picture<'a>>, NoParameterSets> {
        let last = self.last_sequence.replace(buffer.sequence);
        if last.is_some_and(|last| buffer.sequence.wrapping_sub(last) > 1) {
            self.lose("the driver lost pictures");
        }
        // A picture that fills its buffer has hardly ended just there.
        if buffer.damaged || buffer.used_bytes >= buffer.memory.len() {
            self.lose("a picture is damaged");
            return Ok(None);
        }
        let bytes = &buffer.memory[..buffer.used_bytes];
        let Ok(Content { own_sps, slice }) = self.parameter_sets.take_in(bytes) else {
            self.lose("there are too many parameter sets");
            return Ok(None);
        };
        let keyframe = match slice {
            Some(NalKind::IdrSlice) if self.parameter_sets.bytes().is_empty() => {
                self.orphan_keyframes += 1;
                if self.orphan_keyframes >= MAX_ORPHAN_KEYFRAMES {
                    return Err(NoParameterSets);
                }
                self.in_sequence = false;
                return Ok(None);
            }
            Some(NalKind::IdrSlice) => true,
            Some(_) if self.in_sequence => false,
            Some(_) | None => return Ok(None),
        };
        self.in_sequence = true;
        Ok(Some(Picture {
            parameter_sets: if keyframe && !own_sps {
                self.parameter_sets.bytes()
            } else {
                &[]
            },
            bytes,
            keyframe,
            captured: self.clock.captured(buffer.stamp, now),
        }))
    }

    fn lose(&mut self, why: &str) {
        if self.in_sequence {
            debug!("{why}: waiting for the next keyframe");
        }
        self.in_sequence = false;
    }
}

/// The device gives keyframes and never says how to decode them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoParameterSets;

#[cfg(test)]
mod tests;
