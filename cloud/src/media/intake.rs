//! The door of the media path: decides for each access unit whether it is
//! taken, known already, of no use, or a breach of the protocol.
//!
//! What comes out, as [`Unit`]s, is in order, of one encoding, within bounds
//! and decodable; everything behind relies on it. Nothing changes when a unit
//! is rejected.

use zerocam_protocol::{
    AccessUnit, Frame, Header, Run, Segment,
    h264::{InvalidSps, ParameterSets},
    limits::{MAX_RUN_AGE, SEGMENT_OVERRUN_US},
};

use super::{RunFormat, flv::PictureTag};

/// Longest parameter set, in bytes: its length has 16 bits in MP4, and real
/// ones have some thirty bytes.
const MAX_PARAMETER_SET_BYTES: usize = 4096;

/// Largest run, segment and frame number: players count in floating point,
/// which is exact up to here.
const MAX_NUMBER: u64 = (1 << 53) - 1;

/// An access unit that was let in, ready for ffmpeg.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// Where it stands in the camera's timeline.
    pub header: Header,
    /// Its time since the run's start, in whole milliseconds.
    pub time_ms: u32,
    /// When it was captured, microseconds of Unix time on the service's clock.
    pub date_unix_us: i64,
    /// Its picture.
    pub tag: PictureTag,
}

/// What becomes of an access unit.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is the next one.
    Take(Unit),
    /// It was taken before, or given up. What a camera sends first over a new
    /// connection follows the last *published* frame, and more may have been
    /// taken by now: some frames come twice, and some that one connection left
    /// out to catch up come late over the next.
    Late,
    /// It refers to a picture that was lost, so it waits for no one: dropped
    /// until the next keyframe.
    Undecodable,
}

/// Why an access unit is refused: the camera broke the protocol, and sending
/// the same again will not help.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rejected {
    /// Of a run that has ended.
    #[error("frame {frame} belongs to run {run}, which has ended: the current run is {current}")]
    StaleRun {
        /// Its number.
        frame: Frame,
        /// Its run.
        run: Run,
        /// The run that is taken.
        current: Run,
    },
    /// Of a run that no `hello` announced.
    #[error("frame {frame} belongs to run {run}, which no hello announced")]
    UnknownRun {
        /// Its number.
        frame: Frame,
        /// Its run.
        run: Run,
    },
    /// Behind a frame that was taken, in segment or time.
    #[error("{what} {value} came after {last}: frames are sent in the order of their capture")]
    OutOfOrder {
        /// Which figure went back: segment or milliseconds.
        what: &'static str,
        /// Its value.
        value: u64,
        /// The last value that was taken.
        last: u64,
    },
    /// Beyond what players can count.
    #[error("{what} {value} is too large: numbers go up to {MAX_NUMBER}")]
    NumberTooLarge {
        /// Which figure: run, segment or frame.
        what: &'static str,
        /// Its value.
        value: u64,
    },
    /// A new run whose numbers are not above all older ones.
    #[error(
        "run {run} begins with segment {segment}, but segments up to {floor} have been used: \
         start a new run above that"
    )]
    SegmentReused {
        /// The new run.
        run: Run,
        /// Its first segment.
        segment: Segment,
        /// The highest number used before.
        floor: Segment,
    },
    /// The first frame of a run, or a keyframe, without SPS and PPS.
    #[error(
        "no parameter sets: frame {frame} cannot be decoded; begin with a keyframe, \
         and put SPS and PPS in front of every keyframe"
    )]
    NoParameterSets {
        /// Its number.
        frame: Frame,
    },
    /// An SPS that cannot be read.
    #[error("frame {frame}: {reason}")]
    BadParameterSets {
        /// Its number.
        frame: Frame,
        /// What is wrong.
        reason: InvalidSps,
    },
    /// Longer than any real parameter set.
    #[error(
        "frame {frame} has a parameter set of {bytes} bytes, at most {MAX_PARAMETER_SET_BYTES} are taken"
    )]
    LongParameterSets {
        /// Its number.
        frame: Frame,
        /// The longer one of the two.
        bytes: usize,
    },
    /// The parameter sets are not those that the run began with.
    #[error("frame {frame} changes the parameter sets within run {run}: start a new run for that")]
    ParameterSetsChanged {
        /// Its number.
        frame: Frame,
        /// The run.
        run: Run,
    },
    /// The parameter sets are not what `hello` said.
    #[error("run {run} was announced as {announced}, but its parameter sets say {found}")]
    OtherFormat {
        /// The run.
        run: Run,
        /// Codec and size in `hello`.
        announced: String,
        /// Codec and size in the SPS.
        found: String,
    },
    /// No slice in it.
    #[error("frame {frame} holds no picture")]
    NoPicture {
        /// Its number.
        frame: Frame,
    },
    /// A run beyond [`MAX_RUN_AGE`].
    #[error("frame {frame} was captured {days} days into run {run}: start a new run before that")]
    RunTooOld {
        /// Its number.
        frame: Frame,
        /// The run.
        run: Run,
        /// Its age.
        days: u64,
    },
    /// A segment that players would refuse.
    #[error(
        "segment {segment} exceeds its target duration of {target_duration_s} s: \
         cut at a keyframe, or without one when it is reached"
    )]
    SegmentTooLong {
        /// Its number.
        segment: Segment,
        /// What the run announced.
        target_duration_s: u32,
    },
    /// A segment larger than the whole window may be.
    #[error("segment {segment} exceeds {max_bytes} bytes: lower the bitrate")]
    SegmentTooLarge {
        /// Its number.
        segment: Segment,
        /// The bound.
        max_bytes: usize,
    },
    /// Nobody takes frames any more.
    #[error("the service is shutting down")]
    ShuttingDown,
}

/// What is known of the run so far.
#[derive(Debug)]
pub struct Intake {
    format: RunFormat,
    floor: Segment,
    max_segment_bytes: usize,
    sets: Option<ParameterSets>,
    last: Option<Last>,
    awaits_keyframe: bool,
}

/// The frame that was taken last.
#[derive(Debug, Clone, Copy)]
struct Last {
    frame: Frame,
    time_ms: u32,
    segment: Segment,
    segment_start_us: u64,
    segment_bytes: usize,
}

impl Intake {
    /// For one run. `floor` is the highest segment number used before it.
    #[must_use]
    pub const fn new(format: RunFormat, floor: Segment, max_segment_bytes: usize) -> Self {
        Self {
            format,
            floor,
            max_segment_bytes,
            sets: None,
            last: None,
            awaits_keyframe: false,
        }
    }

    /// The run.
    #[must_use]
    pub const fn format(&self) -> &RunFormat {
        &self.format
    }

    /// The parameter sets of the run, once a keyframe was taken.
    #[must_use]
    pub const fn parameter_sets(&self) -> Option<&ParameterSets> {
        self.sets.as_ref()
    }

    /// Highest segment number seen, of any run.
    #[must_use]
    pub fn floor(&self) -> Segment {
        self.last.map_or(self.floor, |last| last.segment)
    }

    /// Decides on one access unit, captured at `date_unix_us`.
    ///
    /// # Errors
    /// [`Rejected`] says what the camera did wrong.
    pub fn admit(&mut self, unit: &AccessUnit, date_unix_us: i64) -> Result<Verdict, Rejected> {
        let header = *unit.header();
        check_numbers(&header)?;
        self.check_run(&header)?;
        if self.is_late(&header) {
            return Ok(Verdict::Late);
        }
        let time_ms = self.check_time(&header)?;
        let last = self.place(&header, time_ms, unit.payload().len())?;
        let new_sets = self.check_parameter_sets(unit)?;

        let expected = self.last.map_or(header.frame, |last| last.frame.next());
        let follows = header.frame == expected && !self.awaits_keyframe;
        let decodable = header.flags.keyframe || follows;
        let tag = PictureTag::new(time_ms, header.flags.keyframe, unit.payload()).ok_or(
            Rejected::NoPicture {
                frame: header.frame,
            },
        )?;

        // Decided: from here on nothing fails.
        self.sets = self.sets.take().or(new_sets);
        self.last = Some(last);
        self.awaits_keyframe = !decodable;
        if !decodable {
            return Ok(Verdict::Undecodable);
        }
        Ok(Verdict::Take(Unit {
            header,
            time_ms,
            date_unix_us,
            tag,
        }))
    }

    fn check_run(&self, header: &Header) -> Result<(), Rejected> {
        use std::cmp::Ordering;
        let (frame, run) = (header.frame, header.run);
        match run.cmp(&self.format.run) {
            Ordering::Equal => Ok(()),
            // The last ones of the run before, over another connection.
            Ordering::Less if is_next(run, self.format.run) => Ok(()),
            Ordering::Greater => Err(Rejected::UnknownRun { frame, run }),
            Ordering::Less => Err(Rejected::StaleRun {
                frame,
                run,
                current: self.format.run,
            }),
        }
    }

    fn is_late(&self, header: &Header) -> bool {
        header.run < self.format.run || self.last.is_some_and(|last| header.frame <= last.frame)
    }

    fn check_time(&self, header: &Header) -> Result<u32, Rejected> {
        let time_ms = header.capture_time_us / 1000;
        let whole = u32::try_from(time_ms)
            .ok()
            .filter(|_| u128::from(time_ms) <= MAX_RUN_AGE.as_millis())
            .ok_or(Rejected::RunTooOld {
                frame: header.frame,
                run: header.run,
                days: time_ms / (24 * 3600 * 1000),
            })?;
        match self.last {
            // Two frames in one millisecond cannot be told apart downstream.
            Some(last) if whole <= last.time_ms => {
                Err(out_of_order("milliseconds", time_ms, last.time_ms.into()))
            }
            _ => Ok(whole),
        }
    }

    /// Where the frame stands in its segment.
    fn place(&self, header: &Header, time_ms: u32, bytes: usize) -> Result<Last, Rejected> {
        let segment = header.segment;
        let mut place = Last {
            frame: header.frame,
            time_ms,
            segment,
            segment_start_us: header.capture_time_us,
            segment_bytes: bytes,
        };
        match self.last {
            None if segment <= self.floor => {
                return Err(Rejected::SegmentReused {
                    run: header.run,
                    segment,
                    floor: self.floor,
                });
            }
            Some(last) if segment < last.segment => {
                return Err(out_of_order("segment", segment.0, last.segment.0));
            }
            Some(last) if segment == last.segment => {
                place.segment_start_us = last.segment_start_us;
                place.segment_bytes = place.segment_bytes.saturating_add(last.segment_bytes);
            }
            _ => {}
        }
        if place.segment_bytes > self.max_segment_bytes {
            return Err(Rejected::SegmentTooLarge {
                segment,
                max_bytes: self.max_segment_bytes,
            });
        }
        let target_duration_s = self.format.target_duration_s;
        let age_us = header.capture_time_us - place.segment_start_us;
        if age_us > u64::from(target_duration_s) * 1_000_000 + SEGMENT_OVERRUN_US {
            return Err(Rejected::SegmentTooLong {
                segment,
                target_duration_s,
            });
        }
        Ok(place)
    }

    /// The parameter sets that a run's first keyframe brings; later ones bring
    /// the same again.
    fn check_parameter_sets(&self, unit: &AccessUnit) -> Result<Option<ParameterSets>, Rejected> {
        let Header { frame, run, .. } = *unit.header();
        if !unit.header().flags.keyframe {
            return match self.sets {
                Some(_) => Ok(None),
                None => Err(Rejected::NoParameterSets { frame }),
            };
        }
        let sets =
            ParameterSets::find(unit.payload()).ok_or(Rejected::NoParameterSets { frame })?;
        match &self.sets {
            Some(first) if *first == sets => return Ok(None),
            Some(_) => return Err(Rejected::ParameterSetsChanged { frame, run }),
            None => {}
        }
        let bytes = sets.sps.len().max(sets.pps.len());
        if bytes > MAX_PARAMETER_SET_BYTES {
            return Err(Rejected::LongParameterSets { frame, bytes });
        }
        let found = sets
            .video_format()
            .map_err(|reason| Rejected::BadParameterSets { frame, reason })?;
        let describe =
            |codec: &str, width, height| format!("{} {width}x{height}", codec.to_ascii_lowercase());
        let found = describe(&found.codec, found.width, found.height);
        let format = &self.format;
        let announced = describe(&format.codec, format.width, format.height);
        if found != announced {
            return Err(Rejected::OtherFormat {
                run,
                announced,
                found,
            });
        }
        Ok(Some(sets))
    }
}

fn check_numbers(header: &Header) -> Result<(), Rejected> {
    let numbers = [
        ("run", header.run.0),
        ("segment", header.segment.0),
        ("frame", header.frame.0),
    ];
    match numbers.into_iter().find(|(_, value)| *value > MAX_NUMBER) {
        Some((what, value)) => Err(Rejected::NumberTooLarge { what, value }),
        None => Ok(()),
    }
}

/// Whether a camera's process went on from one run to the other.
const fn is_next(run: Run, next: Run) -> bool {
    run.0.saturating_add(1) == next.0
}

const fn out_of_order(what: &'static str, value: u64, last: u64) -> Rejected {
    Rejected::OutOfOrder { what, value, last }
}

#[cfg(test)]
mod tests;
