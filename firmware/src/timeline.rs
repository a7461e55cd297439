//! The camera's numbering: which run, segment and frame a picture is, and when
//! it was captured.
//!
//! Pure, and the only place that makes numbers. It keeps: runs and segments
//! only ever grow, in one process and across restarts, whatever the wall clock
//! does; a run and what follows a lost picture begin with a keyframe; no
//! segment lasts longer than its run's target duration and
//! [`SEGMENT_OVERRUN_US`]; capture times grow within a run.
//!
//! It leaves out what happens to a picture afterwards: one that the queue drops
//! keeps its number, so that the hole shows.

use std::time::{Duration, Instant};

use zerocam_protocol::{
    Flags, Frame, Header, Run, Segment,
    h264::ParameterSets,
    limits::{MAX_RUN_AGE, MAX_TARGET_DURATION_S, MIN_SEGMENT_US, SEGMENT_OVERRUN_US},
};

/// Numbers pictures in the order of their capture.
#[derive(Debug)]
pub struct Timeline {
    next_run: Run,
    next_segment: Segment,
    current: Option<Current>,
    /// Why the current run may not be continued; the next keyframe begins
    /// another.
    pending: Option<RunReason>,
}

/// The run in progress.
#[derive(Debug)]
struct Current {
    encoding: Encoding,
    started: Instant,
    target_duration_s: u32,
    header: Header,
    /// When the last picture was captured, which may be before what was told.
    captured_us: u64,
    segment_began_us: u64,
}

/// What has to stay the same within a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoding {
    /// They also hold the picture's size.
    pub parameter_sets: ParameterSets,
    /// Pictures per second.
    pub frame_rate_hz: f64,
    /// Usual time from keyframe to keyframe.
    pub keyframe_interval: Duration,
}

/// Why a run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RunReason {
    /// Nothing was captured before.
    #[error("the camera was opened")]
    Opened,
    /// Parameter sets, size or frame rate differ.
    #[error("the encoding changed")]
    EncodingChanged,
    /// The source's clock went back or skipped more than a segment.
    #[error("the camera's clock jumped")]
    TimeJump,
    /// After [`MAX_RUN_AGE`].
    #[error("the run was 24 days old")]
    Age,
    /// The service has seen numbers at least as high as ours.
    #[error("the service knows numbers at least as high")]
    Floor,
}

/// Where a picture stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It continues the run.
    Continues(Header),
    /// It begins a run.
    Begins {
        /// Its numbers.
        header: Header,
        /// What the new run promises its players.
        target_duration_s: u32,
        /// Why there is a new run.
        reason: RunReason,
    },
    /// It cannot be shown: a keyframe has to come first. It has no number.
    NeedsKeyframe,
}

/// A process's first number: the wall clock's, or the one above `floor`, the
/// highest that may have been used.
#[must_use]
pub fn first_number(unix_s: u64, floor: Segment) -> Segment {
    Segment(unix_s.max(floor.0 + 1))
}

impl Timeline {
    /// Begins with this number.
    #[must_use]
    pub const fn new(first: Segment) -> Self {
        Self {
            next_run: Run(first.0),
            next_segment: first,
            current: None,
            pending: Some(RunReason::Opened),
        }
    }

    /// The camera was opened anew: the next keyframe begins a run.
    pub const fn reopen(&mut self) {
        self.pending = Some(RunReason::Opened);
    }

    /// Somebody else made numbers up to `floor`. A run that is not beyond it is
    /// of no use any more, whatever its segments' numbers are: the next keyframe
    /// begins one that is.
    pub fn raise_floor(&mut self, floor: Segment) {
        let above = floor.next();
        self.next_run = self.next_run.max(Run(above.0));
        self.next_segment = self.next_segment.max(above);
        let current = self.current.as_ref().map(|current| current.header.run);
        if current.is_some_and(|run| run.0 <= floor.0) {
            self.pending.get_or_insert(RunReason::Floor);
        }
    }

    /// Numbers the next picture, captured at `captured`; `keyframe` holds the
    /// encoding when it is one.
    pub fn place(&mut self, captured: Instant, keyframe: Option<&Encoding>) -> Place {
        if self.pending.is_none() {
            self.pending = self.obstacle(captured, keyframe);
        }
        match (&mut self.current, self.pending, keyframe) {
            (Some(current), None, _) => {
                let header = current.continue_with(captured, keyframe.is_some());
                self.next_segment = header.segment.next();
                Place::Continues(header)
            }
            (_, pending, Some(encoding)) => {
                self.begin(captured, encoding, pending.unwrap_or(RunReason::Opened))
            }
            (_, _, None) => Place::NeedsKeyframe,
        }
    }

    /// Why this picture cannot continue the current run.
    fn obstacle(&self, captured: Instant, keyframe: Option<&Encoding>) -> Option<RunReason> {
        let Some(current) = &self.current else {
            return Some(RunReason::Opened);
        };
        let at_us = captured.checked_duration_since(current.started).map(micros);
        match (at_us, keyframe) {
            (_, Some(encoding)) if *encoding != current.encoding => {
                Some(RunReason::EncodingChanged)
            }
            (Some(at_us), _) if current.jumps_to(at_us) => Some(RunReason::TimeJump),
            (None, _) => Some(RunReason::TimeJump),
            (Some(at_us), Some(_)) if at_us >= micros(MAX_RUN_AGE) => Some(RunReason::Age),
            _ => None,
        }
    }

    fn begin(&mut self, started: Instant, encoding: &Encoding, reason: RunReason) -> Place {
        let header = Header {
            flags: Flags {
                keyframe: true,
                starts_segment: true,
            },
            run: self.next_run,
            segment: self.next_segment,
            frame: Frame(0),
            capture_time_us: 0,
        };
        let target_duration_s = encoding.target_duration_s();
        self.current = Some(Current {
            encoding: encoding.clone(),
            started,
            target_duration_s,
            header,
            captured_us: 0,
            segment_began_us: 0,
        });
        self.pending = None;
        self.next_run = header.run.next();
        self.next_segment = header.segment.next();
        Place::Begins {
            header,
            target_duration_s,
            reason,
        }
    }
}

impl Current {
    /// Longest time that a segment may last.
    fn longest_segment_us(&self) -> u64 {
        u64::from(self.target_duration_s) * 1_000_000 + SEGMENT_OVERRUN_US
    }

    /// Whether the source's clock stood still, went back, or left a hole that
    /// no segment may span.
    fn jumps_to(&self, at_us: u64) -> bool {
        at_us <= self.captured_us
            || self.told_us(at_us) - self.segment_began_us > self.longest_segment_us()
    }

    /// What the service is told of a picture that was captured `at_us`. It counts
    /// milliseconds, and takes none twice: those of pictures that came in a
    /// bunch, from a busy device, follow one another.
    fn told_us(&self, at_us: u64) -> u64 {
        at_us.max((self.header.capture_time_us / 1000 + 1) * 1000)
    }

    fn continue_with(&mut self, captured: Instant, keyframe: bool) -> Header {
        self.captured_us = micros(captured.duration_since(self.started));
        let at_us = self.told_us(self.captured_us);
        let lasted_us = at_us - self.segment_began_us;
        let starts_segment = if keyframe {
            lasted_us >= MIN_SEGMENT_US
        } else {
            // The next picture, even half a frame late, would be too late.
            lasted_us + self.encoding.frame_us() * 3 / 2 > self.longest_segment_us()
        };
        if starts_segment {
            self.segment_began_us = at_us;
            self.header.segment = self.header.segment.next();
        }
        self.header.flags = Flags {
            keyframe,
            starts_segment,
        };
        self.header.frame = self.header.frame.next();
        self.header.capture_time_us = at_us;
        self.header
    }
}

impl Encoding {
    fn frame_us(&self) -> u64 {
        (1_000_000.0 / self.frame_rate_hz) as u64
    }

    /// The HLS target duration that fits the keyframe interval: the lowest
    /// with which a regular segment is never cut ahead of its keyframe.
    fn target_duration_s(&self) -> u32 {
        let group_us = micros(self.keyframe_interval).max(self.frame_us()).max(1);
        let segment_us = group_us * MIN_SEGMENT_US.div_ceil(group_us);
        let longest_us = segment_us + self.frame_us() / 2;
        let seconds = longest_us
            .saturating_sub(SEGMENT_OVERRUN_US)
            .div_ceil(1_000_000);
        seconds.clamp(1, u64::from(MAX_TARGET_DURATION_S)) as u32
    }
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
