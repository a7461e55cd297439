//! The live window: what players can fetch now, all of it in memory.
//!
//! [`LiveWindow`] is written by the camera's task alone; readers hold immutable
//! [`Window`]s, which share everything with it. The playlist is rendered once
//! per change.
//!
//! Invariants of what is listed:
//! - numbers follow one another without a hole: lost segments are gaps;
//! - numbers never go back, and nothing listed changes, dates included;
//! - one playlist holds the runs of one camera process; after a restart of the
//!   camera it holds the new run alone;
//! - it is bounded in seconds, bytes and segments, and what leaves it can be
//!   fetched a little longer.

use std::sync::Arc;

use bytes::Bytes;
use zerocam_protocol::{Frame, Run, Segment, message::Position};

use super::{
    RunFormat,
    parts::{self, Part, PartTarget},
    playlist::LowLatency,
};

mod live;

pub use live::LiveWindow;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct WindowLimits {
    /// Seconds of video, 0 for as much as `bytes` allow.
    pub seconds: u32,
    /// Bytes of listed video.
    pub bytes: usize,
}

/// A run with what players need before its first segment.
#[derive(Debug, Clone, PartialEq)]
pub struct RunInit {
    /// What the camera announced.
    pub format: RunFormat,
    /// ftyp and moov.
    pub init: Bytes,
}

/// One entry of the playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The run it belongs to.
    pub run: Arc<RunInit>,
    /// Its media sequence number.
    pub number: Segment,
    /// When its first frame was captured, microseconds of Unix time. Never
    /// changes, however the estimate of the camera's clock does.
    pub date_unix_us: i64,
    /// How long it is shown.
    pub duration_ms: u32,
    /// What there is of it.
    pub content: Content,
}

/// What there is of a segment.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Nothing: its frames were lost.
    Gap,
    /// Frames.
    Frames(Frames),
}

/// One frame as players get it.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameFragment {
    /// Its number in the run.
    pub frame: Frame,
    /// From the run's start to it.
    pub time_ms: u32,
    /// How long it is shown.
    pub duration_ms: u32,
    /// It can be decoded without those before.
    pub is_keyframe: bool,
    /// moof and mdat.
    pub bytes: Bytes,
}

/// A picture that needs no other one.
#[derive(Debug, Clone, PartialEq)]
pub struct Keyframe {
    /// Its run, with the init in front of it.
    pub run: Arc<RunInit>,
    /// Its fragment.
    pub fragment: FrameFragment,
}

/// The frames of a segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Frames {
    /// In order; the segment that is being filled has those published so far.
    pub fragments: Vec<FrameFragment>,
    /// Their bytes in all.
    pub bytes: usize,
    /// It begins with a keyframe.
    pub is_independent: bool,
    /// From the run's start to its first frame.
    pub start_ms: u32,
    /// What its first part is called, see [`Part::name`].
    pub first_part: Frame,
    /// No frame follows.
    pub is_whole: bool,
}

impl Entry {
    /// Whether it can be decoded without the one before.
    #[must_use]
    pub fn is_independent(&self) -> bool {
        match &self.content {
            Content::Gap => true,
            Content::Frames(frames) => frames.is_independent,
        }
    }

    /// Its parts, as far as they are complete.
    #[must_use]
    pub fn parts(&self) -> Vec<Part<'_>> {
        let target = PartTarget::of(&self.run.format);
        self.frames()
            .map_or_else(Vec::new, |frames| parts::cut(frames, target))
    }

    fn frames(&self) -> Option<&Frames> {
        match &self.content {
            Content::Gap => None,
            Content::Frames(frames) => Some(frames),
        }
    }

    fn bytes(&self) -> usize {
        self.frames().map_or(0, |frames| frames.bytes)
    }
}

/// A file that players ask for, under the name that playlists give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaFile {
    /// What they need before the first segment of a run.
    Init(Run),
    /// A segment.
    Segment(Run, Segment),
    /// A part, see [`Part::name`].
    Part(Run, Frame),
}

/// The newest frame that can be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    /// Its run.
    pub run: Run,
    /// Its segment.
    pub segment: Segment,
    /// Its number in the run.
    pub frame: Frame,
    /// From the run's start to it.
    pub time_ms: u32,
    /// When it was captured, microseconds of Unix time.
    pub date_unix_us: i64,
    /// Bits per second of the last complete segment.
    pub bitrate_bps: Option<u64>,
}

/// What has happened since the service started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Children of ffmpeg that were started.
    pub children_started: u64,
    /// Those that failed, or could not be started.
    pub children_failed: u64,
    /// Access units that were taken and will not be shown: those after a hole
    /// up to the next keyframe, and those of a segment that was given up.
    pub units_dropped: u64,
    /// Segments listed as gaps.
    pub gaps: u64,
}

/// What can be fetched at one moment.
#[derive(Debug, Clone, Default)]
pub struct Window {
    listed: Arc<Listed>,
    low_latency: Option<Arc<LowLatency>>,
    files: u64,
    open: Option<Arc<Entry>>,
    current: Option<Arc<RunInit>>,
    format: Option<Arc<RunFormat>>,
    newest: Option<Newest>,
    keyframe: Option<Arc<Keyframe>>,
    is_over: bool,
    floor: Segment,
    counters: Counters,
    child_pid: Option<u32>,
    fault: Option<Arc<str>>,
}

/// Changes only when a segment ends or leaves.
#[derive(Debug, Clone, Default)]
struct Listed {
    segments: Vec<Arc<Entry>>,
    left: Vec<Arc<Entry>>,
    playlist: Option<Bytes>,
}

impl Window {
    /// The plain HLS playlist, once the first segment is complete.
    #[must_use]
    pub fn plain_playlist(&self) -> Option<Bytes> {
        self.listed.playlist.clone()
    }

    /// The Low-Latency HLS playlist, likewise.
    #[must_use]
    pub const fn low_latency(&self) -> Option<&Arc<LowLatency>> {
        self.low_latency.as_ref()
    }

    /// The init of a run that is listed, or was until now.
    #[must_use]
    pub fn init(&self, run: Run) -> Option<Bytes> {
        let listed = self.listed.segments.iter().chain(&self.listed.left);
        self.current
            .iter()
            .chain(listed.map(|segment| &segment.run))
            .find(|known| known.format.run == run)
            .map(|known| known.init.clone())
    }

    /// The fragments of a segment that is listed, or was until now.
    #[must_use]
    pub fn segment(&self, run: Run, number: Segment) -> Option<Vec<Bytes>> {
        let Listed { segments, left, .. } = &*self.listed;
        // Numbers follow one another: the place is known.
        let place = segments
            .first()
            .and_then(|first| usize::try_from(number.0.checked_sub(first.number.0)?).ok());
        place
            .and_then(|place| segments.get(place))
            .into_iter()
            .chain(left)
            .find(|segment| segment.number == number && segment.run.format.run == run)
            .and_then(|segment| Some(shared(&segment.frames()?.fragments)))
    }

    /// The fragments of a part of a segment that is listed, was until now, or
    /// is being filled.
    #[must_use]
    pub fn part(&self, run: Run, name: Frame) -> Option<Vec<Bytes>> {
        let Listed { segments, left, .. } = &*self.listed;
        let newest_first = self
            .open
            .iter()
            .chain(segments.iter().rev())
            .chain(left.iter().rev());
        let holds = |segment: &&Arc<Entry>| {
            let is_before = |frames: &Frames| frames.first_part <= name;
            segment.run.format.run == run && segment.frames().is_some_and(is_before)
        };
        let parts = newest_first.into_iter().find(holds)?.parts();
        let part = parts.iter().find(|part| part.name == name)?;
        Some(shared(part.fragments))
    }

    /// Counts the changes of what can be fetched: not every frame, but every
    /// part.
    #[must_use]
    pub const fn files(&self) -> u64 {
        self.files
    }

    /// Whether a file that is not there may still come.
    #[must_use]
    pub fn may_come(&self, file: MediaFile) -> bool {
        let Some(newest) = self.newest else {
            return true;
        };
        match file {
            MediaFile::Init(run) => run > newest.run,
            MediaFile::Segment(run, number) => {
                let is_open = self.open.as_ref().is_some_and(|open| open.number == number);
                (run, number) > (newest.run, newest.segment) || (run == newest.run && is_open)
            }
            MediaFile::Part(run, name) => {
                let next = self.open.as_ref().and_then(|open| {
                    let after = open.parts().last().map(Part::next_name);
                    after.or(Some(open.frames()?.first_part))
                });
                (run, name) > (newest.run, newest.frame)
                    || (run == newest.run && next == Some(name))
            }
        }
    }

    /// The segment that is being filled: it follows the listed ones, and its
    /// duration reaches to the end of the newest frame.
    #[must_use]
    pub const fn open(&self) -> Option<&Arc<Entry>> {
        self.open.as_ref()
    }

    /// What is listed, oldest first.
    #[must_use]
    pub fn segments(&self) -> &[Arc<Entry>] {
        &self.listed.segments
    }

    /// The newest frame that was published.
    #[must_use]
    pub const fn newest(&self) -> Option<Newest> {
        self.newest
    }

    /// The newest keyframe that was published, whether or not it is still
    /// listed.
    #[must_use]
    pub fn keyframe(&self) -> Option<&Keyframe> {
        self.keyframe.as_deref()
    }

    /// When the clock of the newest frame's run stood at 0, milliseconds of
    /// Unix time, as far as is known now.
    #[must_use]
    pub fn run_date_unix_ms(&self) -> Option<i64> {
        self.newest
            .map(|newest| newest.date_unix_us / 1000 - i64::from(newest.time_ms))
    }

    /// Nothing follows for now: the camera said goodbye, or sends to another
    /// instance. What was published stays.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// What the current run announced.
    #[must_use]
    pub fn format(&self) -> Option<&RunFormat> {
        self.format.as_deref()
    }

    /// The last frame published. Frames are taken in order only, so nothing
    /// before it can still come.
    #[must_use]
    pub fn have(&self) -> Option<Position> {
        self.newest.map(|newest| Position {
            run: newest.run,
            frame: newest.frame,
        })
    }

    /// Highest segment number seen; 0 if none.
    #[must_use]
    pub const fn floor(&self) -> Segment {
        self.floor
    }

    /// What has happened since the service started.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// The process id of the ffmpeg that is running.
    #[must_use]
    pub const fn child_pid(&self) -> Option<u32> {
        self.child_pid
    }

    /// Why nothing is published although the camera sends: what the last child
    /// failed of. `None` as soon as a frame is published.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }
}

fn shared(fragments: &[FrameFragment]) -> Vec<Bytes> {
    fragments.iter().map(|it| it.bytes.clone()).collect()
}

#[cfg(test)]
mod tests;
