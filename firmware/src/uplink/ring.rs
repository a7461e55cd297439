//! The newest frames, kept for whoever needs them again.
//!
//! The ring is bounded in time and bytes and forgets its oldest frames first.
//! Being sent or acknowledged does not remove a frame: a fresh instance of the
//! service may need what an old one had. Readers are [cursors](super::cursor);
//! the ring also keeps count of the frames that none of them will ever send.

use std::{collections::VecDeque, time::Duration};

use zerocam_protocol::{Segment, message::Position};

use super::CapturedFrame;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingLimits {
    /// Longest time between the oldest and the newest frame.
    pub age: Duration,
    /// Most bytes. The newest frame is always kept.
    pub bytes: usize,
}

impl Default for RingLimits {
    /// 20 s, twice what is ever sent again, and at most 6 MB: half of what the
    /// daemon may occupy.
    fn default() -> Self {
        Self {
            age: Duration::from_secs(20),
            bytes: 6_000_000,
        }
    }
}

/// A frame's place in the ring's history: counts pushed frames from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(pub(super) u64);

impl Place {
    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

#[derive(Debug)]
struct Kept {
    frame: CapturedFrame,
    fate: Fate,
}

/// What became of a frame so far, over all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Waiting,
    /// Passed over; a later connection may still send it.
    GivenUp,
    Sent,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Ring {
    frames: VecDeque<Kept>,
    limits: RingLimits,
    bytes: usize,
    /// Place of the oldest frame.
    first: Place,
    dropped: u64,
    highest_sent: Option<Segment>,
    /// Where the last connection began that began afresh.
    begun: Place,
    /// Runs up to this number are not kept.
    barred: Option<Segment>,
}

impl Ring {
    pub(super) const fn new(limits: RingLimits) -> Self {
        Self {
            frames: VecDeque::new(),
            limits,
            bytes: 0,
            first: Place(0),
            dropped: 0,
            highest_sent: None,
            begun: Place(0),
            barred: None,
        }
    }

    /// Takes in the newest frame and forgets what no longer fits.
    pub(super) fn push(&mut self, frame: CapturedFrame) {
        if self.is_barred(&frame) {
            return;
        }
        let newest = frame.captured;
        self.bytes += frame.unit.message().len();
        self.frames.push_back(Kept {
            frame,
            fate: Fate::Waiting,
        });
        while self.frames.len() > 1 {
            let oldest = self.frames[0].frame.captured;
            let too_old = newest.saturating_duration_since(oldest) > self.limits.age;
            if !too_old && self.bytes <= self.limits.bytes {
                break;
            }
            self.forget_before(self.first.next());
        }
    }

    /// Forgets the frames before `place`.
    pub(super) fn forget_before(&mut self, place: Place) {
        self.give_up(self.first, place.min(self.end()));
        self.remove_before(place);
    }

    fn remove_before(&mut self, place: Place) {
        while self.first < place
            && let Some(oldest) = self.frames.pop_front()
        {
            self.bytes -= oldest.frame.unit.message().len();
            self.first = self.first.next();
        }
    }

    /// Forgets, now and in future, frames of runs up to this number: the service
    /// has seen as high ones. Nobody failed to send them: they are not counted.
    pub(super) fn bar_runs(&mut self, up_to: Segment) {
        self.barred = self.barred.max(Some(up_to));
        let barred = self
            .frames
            .partition_point(|kept| self.is_barred(&kept.frame));
        self.remove_before(Place(self.first.0 + barred as u64));
    }

    fn is_barred(&self, frame: &CapturedFrame) -> bool {
        self.barred
            .is_some_and(|barred| frame.unit.header().run.0 <= barred.0)
    }

    /// Place of the oldest frame kept; the end if none is.
    pub(super) const fn first(&self) -> Place {
        self.first
    }

    /// Place that the next frame will have.
    pub(super) fn end(&self) -> Place {
        Place(self.first.0 + self.frames.len() as u64)
    }

    pub(super) fn get(&self, place: Place) -> Option<&CapturedFrame> {
        self.frames.get(self.index(place)?).map(|kept| &kept.frame)
    }

    fn index(&self, place: Place) -> Option<usize> {
        usize::try_from(place.0.checked_sub(self.first.0)?).ok()
    }

    pub(super) fn newest(&self) -> Option<&CapturedFrame> {
        self.frames.back().map(|kept| &kept.frame)
    }

    /// Whether the frame is the first that its segment has here, all of it
    /// following: a keyframe that begins the segment, or stands where the
    /// segment's first frames were dropped.
    pub(super) fn starts_segment(&self, place: Place) -> bool {
        let Some(frame) = self.get(place) else {
            return false;
        };
        let header = frame.unit.header();
        let before = place
            .0
            .checked_sub(1)
            .and_then(|before| self.get(Place(before)));
        let another = before.is_some_and(|before| {
            let before = before.unit.header();
            (before.run, before.segment) != (header.run, header.segment)
        });
        header.flags.keyframe && (header.flags.starts_segment || another)
    }

    /// First place from `from` on where a segment starts.
    pub(super) fn segment_start_from(&self, from: Place) -> Option<Place> {
        let places = from.max(self.first).0..self.end().0;
        places.map(Place).find(|&place| self.starts_segment(place))
    }

    /// First place whose frame comes after `position`; the end if none does.
    pub(super) fn after(&self, position: Position) -> Place {
        let index = self
            .frames
            .partition_point(|kept| position_of(&kept.frame) <= position);
        Place(self.first.0 + index as u64)
    }

    /// Bytes from `from` to the end.
    pub(super) fn bytes_from(&self, from: Place) -> usize {
        let places = from.max(self.first).0..self.end().0;
        let frames = places.filter_map(|place| self.get(Place(place)));
        frames.map(|frame| frame.unit.message().len()).sum()
    }

    /// Bytes a second that the camera produces, over what is kept.
    pub(super) fn production(&self) -> Option<f64> {
        let span = self.newest()?.captured - self.frames.front()?.frame.captured;
        (span > Duration::ZERO).then(|| self.bytes as f64 / span.as_secs_f64())
    }

    /// A cursor sent the frame.
    pub(super) fn sent(&mut self, place: Place) {
        let index = self.index(place);
        if let Some(kept) = index.and_then(|index| self.frames.get_mut(index)) {
            let segment = kept.frame.unit.header().segment;
            self.highest_sent = self.highest_sent.max(Some(segment));
            self.dropped -= u64::from(kept.fate == Fate::GivenUp);
            kept.fate = Fate::Sent;
        }
    }

    /// Highest segment of which any cursor ever sent a frame.
    pub(super) const fn highest_sent(&self) -> Option<Segment> {
        self.highest_sent
    }

    /// A connection begins afresh, at the earliest at `from`, and not before the
    /// last one that did: what a service lists must not begin earlier than what
    /// the one before it listed. Gives the place.
    pub(super) fn begin(&mut self, from: Place) -> Place {
        self.begun = self.begun.max(from);
        self.begun
    }

    /// A cursor passes over the frames in `from..to`, or they are forgotten.
    pub(super) fn give_up(&mut self, from: Place, to: Place) {
        for place in from.max(self.first).0..to.0.min(self.end().0) {
            let index = self.index(Place(place));
            if let Some(kept) = index.and_then(|index| self.frames.get_mut(index))
                && kept.fate == Fate::Waiting
            {
                kept.fate = Fate::GivenUp;
                self.dropped += 1;
            }
        }
    }

    /// Frames that were passed over or forgotten and never sent.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// Where a frame stands in the camera's history.
pub(super) fn position_of(frame: &CapturedFrame) -> Position {
    let header = frame.unit.header();
    Position {
        run: header.run,
        frame: header.frame,
    }
}
