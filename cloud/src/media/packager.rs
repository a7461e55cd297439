//! Supervises ffmpeg for one run: what to feed, what its output means, when to
//! replace it. Pure: events and the time go in, actions come out.
//!
//! ```text
//!          unit            head, units            fragment = oldest unit
//!   Idle ---------> Running ------------------> publish, ask the next
//!    ^                 |  exit, garbage, standstill: kill, pause, start again
//!    +-----------------+  flushed: input closed, every unit published
//! ```
//!
//! **Invariant: every unit is published exactly once, in order, or its segment
//! is given up as a whole.** Units wait in `outstanding` until ffmpeg gave them
//! back byte for byte, so a child can end at any moment: the next one is fed
//! the outstanding units again. ffmpeg copies, it does not decode; all that it
//! wants in front of them is a keyframe, the last one published, whose fragment
//! is then discarded.
//!
//! One unit is always inside ffmpeg, because the duration of a frame is known
//! with the next one. That duration is computed here and written into the
//! fragment: the same bytes come out whichever child made them.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;
use zerocam_protocol::{Segment, h264::ParameterSets, limits::MAX_ACCESS_UNIT_BYTES};

pub(crate) use frame::duration_ms;

use super::{RunFormat, flv, fragment::Splitter, intake::Unit};

mod frame;
mod output;

/// A child with two units or more to work on moves on within this time.
/// Measured: 1 ms. The rest is for a machine with other things to do. A false
/// alarm costs 150 ms and no picture; waiting longer costs viewers of a low
/// delay more than that.
const PROGRESS: Duration = Duration::from_millis(500);
/// Starting takes longer: 150 ms measured, most of it loading libraries.
const START: Duration = Duration::from_secs(5);
/// A flush that takes longer gives up what is left.
const FLUSH: Duration = Duration::from_secs(10);
/// A deadline noticed this much too late says that this process did not run
/// (Cloud Run freezes idle instances), and ffmpeg did not either.
const FREEZE: Duration = Duration::from_millis(100);

/// The pause before the second of two children that failed without publishing
/// anything; it doubles up to the longest. The first is replaced at once.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A segment that fails this often is given up.
const MAX_FAILURES: u32 = 3;

/// Units in flight: beyond either bound the camera waits.
const MAX_OUTSTANDING_UNITS: usize = 512;
const MAX_OUTSTANDING_BYTES: usize = 4 * MAX_ACCESS_UNIT_BYTES;

/// What happens to the packager.
#[derive(Debug)]
pub enum Event<'a> {
    /// An access unit was let in.
    Unit(Unit),
    /// The child wrote to standard output.
    Output(&'a [u8]),
    /// The child ended, and how.
    Exited(String),
    /// The child could not be started, and why.
    SpawnFailed(String),
    /// Nothing follows: publish what is there.
    Flush,
    /// The time has come that [`Packager::next_deadline`] named.
    Deadline,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Start a child.
    Spawn,
    /// Write to the child's standard input.
    Feed(Bytes),
    /// Close the child's standard input behind all that was fed.
    CloseInput,
    /// End the child, if it still runs.
    Kill,
    /// The init of the run is known.
    PublishInit(Bytes),
    /// A frame is ready.
    Publish(Packaged),
    /// A child failed, and why.
    Report(Failure),
    /// Units that will not be published.
    Drop {
        /// How many.
        units: usize,
    },
    /// Everything is published or given up, as [`Event::Flush`] asked.
    Flushed,
}

/// One frame, ready for players.
#[derive(Debug, Clone, PartialEq)]
pub struct Packaged {
    /// The access unit.
    pub unit: Unit,
    /// moof and mdat.
    pub fragment: Bytes,
    /// How long it is shown.
    pub duration_ms: u32,
    /// The frame that follows is in another segment, or none follows.
    pub ends_segment: bool,
}

/// A child that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What it did.
    pub reason: String,
    /// Failures since the last frame was published, this one included.
    pub in_a_row: u32,
    /// The segment that is given up for it.
    pub gives_up: Option<Segment>,
}

/// The supervisor of one run.
#[derive(Debug)]
pub struct Packager {
    format: RunFormat,
    sets: ParameterSets,
    init: Option<Bytes>,
    outstanding: VecDeque<Unit>,
    outstanding_bytes: usize,
    /// The last keyframe that was published.
    keyframe: Option<Unit>,
    /// Where the segment of the last published frame began.
    segment_start: Option<(Segment, u32)>,
    child: Child,
    failures_in_a_row: u32,
    failures_of: Option<(Segment, u32)>,
    /// This segment is over: units up to the next keyframe behind it are dropped.
    given_up: Option<Segment>,
    flush_by: Option<Instant>,
}

#[derive(Debug)]
enum Child {
    /// None runs; none is started before this time.
    Idle { until: Option<Instant> },
    Running {
        splitter: Splitter,
        /// Its first fragment is this keyframe, which is published already.
        discard: Option<Unit>,
        /// When it last did something, and whether that was put off because
        /// this process had been frozen.
        since: Instant,
        put_off: bool,
        /// It has written its init.
        started: bool,
    },
}

impl Packager {
    /// For one run, which begins with `sets`.
    #[must_use]
    pub const fn new(format: RunFormat, sets: ParameterSets) -> Self {
        Self {
            format,
            sets,
            init: None,
            outstanding: VecDeque::new(),
            outstanding_bytes: 0,
            keyframe: None,
            segment_start: None,
            child: Child::Idle { until: None },
            failures_in_a_row: 0,
            failures_of: None,
            given_up: None,
            flush_by: None,
        }
    }

    /// Whether another unit may come.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.flush_by.is_none()
            && self.outstanding.len() < MAX_OUTSTANDING_UNITS
            && self.outstanding_bytes < MAX_OUTSTANDING_BYTES
    }

    /// When [`Event::Deadline`] is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [self.child_deadline(), self.flush_by];
        deadlines.into_iter().flatten().min()
    }

    fn child_deadline(&self) -> Option<Instant> {
        match &self.child {
            Child::Idle { until } => until.filter(|_| !self.outstanding.is_empty()),
            Child::Running { since, started, .. } => {
                // One unit stays inside ffmpeg until the next one comes.
                let busy = self.outstanding.len() > 1 || self.flush_by.is_some();
                let least = if *started { PROGRESS } else { START };
                busy.then_some(*since + self.patience(least))
            }
        }
    }

    /// Doubles with each failure in one segment: none is given up because the
    /// machine is slow.
    fn patience(&self, least: Duration) -> Duration {
        least * 2_u32.pow(self.failures_of_oldest().min(MAX_FAILURES))
    }

    /// How often children failed in the segment that is worked on.
    fn failures_of_oldest(&self) -> u32 {
        let oldest = self.outstanding.front().map(|unit| unit.header.segment);
        match self.failures_of {
            Some((segment, failures)) if Some(segment) == oldest => failures,
            _ => 0,
        }
    }

    /// Takes in what happened at `now`.
    #[must_use]
    pub fn handle(&mut self, event: Event<'_>, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Unit(unit) => self.take(unit, now, &mut actions),
            Event::Output(output) => self.read(output, now, &mut actions),
            Event::Exited(how) => self.exited(how, now, &mut actions),
            Event::SpawnFailed(why) => self.fail(why, now, &mut actions),
            Event::Flush => self.flush(now, &mut actions),
            Event::Deadline => self.deadline(now, &mut actions),
        }
        actions
    }

    fn take(&mut self, unit: Unit, now: Instant, actions: &mut Vec<Action>) {
        if let Some(segment) = self.given_up {
            if unit.header.segment == segment || !unit.header.flags.keyframe {
                actions.push(Action::Drop { units: 1 });
                return;
            }
            self.given_up = None;
        }
        let tag = unit.tag.bytes().clone();
        self.outstanding_bytes += tag.len();
        self.outstanding.push_back(unit);
        match &mut self.child {
            Child::Idle { until } => {
                if until.is_none_or(|until| until <= now) {
                    self.start(now, actions);
                }
            }
            Child::Running { since, .. } => {
                actions.push(Action::Feed(tag));
                // It had nothing to do until now.
                if self.outstanding.len() == 2 {
                    *since = now;
                }
            }
        }
    }

    fn start(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let Some(oldest) = self.outstanding.front() else {
            return;
        };
        let discard = (!oldest.header.flags.keyframe)
            .then(|| self.keyframe.clone())
            .flatten();
        let first = discard.as_ref().unwrap_or(oldest);
        actions.push(Action::Spawn);
        actions.push(Action::Feed(flv::stream_head(first.time_ms, &self.sets)));
        for unit in discard.iter().chain(&self.outstanding) {
            actions.push(Action::Feed(unit.tag.bytes().clone()));
        }
        if self.flush_by.is_some() {
            actions.push(Action::CloseInput);
        }
        self.child = Child::Running {
            splitter: Splitter::default(),
            discard,
            since: now,
            put_off: false,
            started: false,
        };
    }

    fn exited(&mut self, how: String, now: Instant, actions: &mut Vec<Action>) {
        if self.flush_by.is_some() && self.outstanding.is_empty() {
            self.child = Child::Idle { until: None };
            self.flushed(actions);
        } else {
            self.fail(format!("it ended with {how}"), now, actions);
        }
    }

    fn flush(&mut self, now: Instant, actions: &mut Vec<Action>) {
        match &mut self.child {
            Child::Idle { .. } if self.outstanding.is_empty() => {
                actions.push(Action::Flushed);
                return;
            }
            Child::Idle { .. } => {}
            Child::Running { since, .. } => {
                *since = now;
                actions.push(Action::CloseInput);
            }
        }
        self.flush_by = Some(now + FLUSH);
    }

    /// Ends a flush, whether or not the child has ended. The segment of the last
    /// frame is complete with it: should the camera go on after all, the rest
    /// of that segment comes too late.
    fn flushed(&mut self, actions: &mut Vec<Action>) {
        self.flush_by = None;
        let last = self.segment_start.map(|(segment, _)| segment);
        self.given_up = self.given_up.or(last);
        actions.push(Action::Flushed);
    }

    fn deadline(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let late = |due: Instant| now.checked_duration_since(due);
        if let Some(late_by) = self.flush_by.and_then(late) {
            if late_by <= FREEZE {
                self.abandon_flush(actions);
                return;
            }
            self.flush_by = Some(now + FLUSH);
        }
        let Some(late_by) = self.child_deadline().and_then(late) else {
            return;
        };
        match &mut self.child {
            Child::Idle { .. } => self.start(now, actions),
            Child::Running { since, put_off, .. } => {
                if late_by > FREEZE && !*put_off {
                    (*since, *put_off) = (now, true);
                } else {
                    self.fail("it stands still".into(), now, actions);
                }
            }
        }
    }

    fn abandon_flush(&mut self, actions: &mut Vec<Action>) {
        if let Child::Running { .. } = self.child {
            actions.push(Action::Kill);
        }
        self.child = Child::Idle { until: None };
        let units = self.outstanding.len();
        if units > 0 {
            self.outstanding.clear();
            self.outstanding_bytes = 0;
            actions.push(Action::Drop { units });
        }
        self.flushed(actions);
    }

    /// Replaces a child that failed, and gives a segment up that fails again
    /// and again.
    fn fail(&mut self, reason: String, now: Instant, actions: &mut Vec<Action>) {
        actions.push(Action::Kill);
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        let oldest = self.outstanding.front().map(|unit| unit.header.segment);
        let of_segment = self.failures_of_oldest() + 1;
        self.failures_of = oldest.map(|segment| (segment, of_segment));
        let gives_up = oldest.filter(|_| of_segment >= MAX_FAILURES);
        actions.push(Action::Report(Failure {
            reason,
            in_a_row: self.failures_in_a_row,
            gives_up,
        }));
        if let Some(segment) = gives_up {
            self.give_up(segment, actions);
        }
        let until = match self.failures_in_a_row {
            1 => None,
            failures => {
                let doublings = (failures - 2).min(16);
                Some(now + LONGEST_PAUSE.min(FIRST_PAUSE * 2_u32.pow(doublings)))
            }
        };
        self.child = Child::Idle { until };
        if self.outstanding.is_empty() {
            if self.flush_by.is_some() {
                self.flushed(actions);
            }
        } else if until.is_none() {
            self.start(now, actions);
        }
    }

    fn give_up(&mut self, segment: Segment, actions: &mut Vec<Action>) {
        let goes_on = self
            .outstanding
            .iter()
            .position(|unit| unit.header.segment != segment && unit.header.flags.keyframe);
        let units = goes_on.unwrap_or(self.outstanding.len());
        for unit in self.outstanding.drain(..units) {
            self.outstanding_bytes -= unit.tag.bytes().len();
        }
        self.given_up = goes_on.is_none().then_some(segment);
        self.failures_of = None;
        actions.push(Action::Drop { units });
    }
}

#[cfg(test)]
mod tests;
