//! What one connection has sent, and which frame it sends next.
//!
//! A connection begins where the service's `have` says, or with the oldest
//! segment that is of use, and *catches up*: oldest first, whole segments left
//! out when that would take longer than 15 s. From then on it is *live*: a frame
//! older than 1.5 s is dropped with the rest of its group of pictures. After
//! whatever is left out, the next frame sent is a keyframe, and the frames'
//! numbers show the hole.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use zerocam_protocol::{limits::MAX_BACKFILL_US, message::Position};

use super::{
    CapturedFrame, RunInfo,
    ring::{Place, Ring, position_of},
};

/// Oldest frame that is ever sent again.
pub(super) const MAX_BACKFILL: Duration = Duration::from_micros(MAX_BACKFILL_US);

/// It takes a service this long to notice that viewers are sent elsewhere, and
/// to say so.
const UNNOTICED: Duration = Duration::from_secs(2);

/// Whoever watches with the longest delay has all but the segment that is being
/// filled, and perhaps the one before it.
const UNSEEN_SEGMENTS: u32 = 2;

/// Oldest frame that a live connection sends.
pub(super) const MAX_LIVE_AGE: Duration = Duration::from_millis(1500);

/// Longest that catching up may take.
pub(super) const MAX_CATCH_UP: Duration = Duration::from_secs(15);

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    next: Place,
    /// Set while catching up.
    catch_up_until: Option<Instant>,
    /// Something was left out: only a keyframe may follow.
    after_hole: bool,
    /// Where this connection's part ends, when another one goes on from there.
    end: Option<Place>,
}

impl Cursor {
    /// Begins a connection. `have` is the last frame with nothing missing
    /// before it that the service holds; where it cannot go on from there,
    /// nothing older than `oldest` is sent.
    pub(super) fn resume(
        ring: &mut Ring,
        have: Option<Position>,
        oldest: Duration,
        now: Instant,
    ) -> Self {
        let mut next = have.map_or(ring.first(), |have| ring.after(have));
        let seamless = follows(ring, next, have);
        if seamless {
            next = recent_from(ring, next, MAX_BACKFILL, now);
        } else if next > ring.first() {
            next = recent_from(ring, next, oldest, now);
        } else {
            // Everything here is newer than what the service has: start afresh.
            let start = ring.segment_start_from(next).unwrap_or(ring.end());
            let recent = recent_from(ring, start, oldest, now);
            next = ring.begin(recent);
        }
        let newest = ring.newest().map(position_of);
        let up_to_date = next == ring.end() && have.is_some() && have == newest;
        let after_hole = !up_to_date && !follows(ring, next, have);
        ring.give_up(ring.first(), next);
        Self {
            next,
            catch_up_until: Some(now + MAX_CATCH_UP),
            after_hole,
            end: None,
        }
    }

    /// The run of the frame that a connection would begin with if the service
    /// had nothing: runs that are announced must not go back.
    pub(super) fn first_run(ring: &Ring, now: Instant) -> Option<Arc<RunInfo>> {
        let start = ring.segment_start_from(ring.first())?;
        let frame = ring.get(recent_from(ring, start, MAX_BACKFILL, now))?;
        Some(Arc::clone(&frame.run))
    }

    /// The frame to send now. Passes over what is too late; `rate` is the
    /// measured throughput in bytes a second, if this connection ever was the
    /// bottleneck.
    pub(super) fn peek<'ring>(
        &mut self,
        ring: &'ring mut Ring,
        rate: Option<f64>,
        now: Instant,
    ) -> Option<&'ring CapturedFrame> {
        if self.next < ring.first() {
            self.skip_to(ring, ring.first());
        }
        while self.end.is_none_or(|end| self.next < end) {
            let Some(frame) = ring.get(self.next) else {
                self.catch_up_until = None;
                return None;
            };
            let age = now.saturating_duration_since(frame.captured);
            let undecodable = self.after_hole && !frame.unit.header().flags.keyframe;
            let too_late = match self.catch_up_until {
                None => age > MAX_LIVE_AGE,
                Some(until) if now >= until => {
                    self.catch_up_until = None;
                    continue;
                }
                Some(until) => {
                    let later = self.segment_to_skip_to(ring, rate, until - now);
                    if let Some(later) = later {
                        self.skip_to(ring, later);
                        continue;
                    }
                    false
                }
            };
            if !undecodable && !too_late {
                return ring.get(self.next);
            }
            self.skip_to(ring, self.next.next());
        }
        None
    }

    /// While catching up, at a segment's start: the next segment, when all that
    /// waits would take longer than there is time.
    fn segment_to_skip_to(&self, ring: &Ring, rate: Option<f64>, time: Duration) -> Option<Place> {
        if !ring.starts_segment(self.next) {
            return None;
        }
        let surplus = rate? - ring.production()?;
        let needed_s = ring.bytes_from(self.next) as f64 / surplus;
        let in_time = surplus > 0.0 && needed_s <= time.as_secs_f64();
        if in_time {
            None
        } else {
            ring.segment_start_from(self.next.next())
        }
    }

    /// The frame that `peek` gave is on its way.
    pub(super) fn advance(&mut self, ring: &mut Ring) {
        ring.sent(self.next);
        self.next = self.next.next();
        self.after_hole = false;
    }

    /// Leaves out everything before `place`.
    pub(super) fn skip_to(&mut self, ring: &mut Ring, place: Place) {
        if place > self.next {
            ring.give_up(self.next, place);
            self.next = place;
            self.after_hole = true;
        }
    }

    /// Sends nothing from `place` on: another connection does.
    pub(super) const fn end_at(&mut self, place: Place) {
        self.end = Some(place);
    }

    pub(super) const fn next(&self) -> Place {
        self.next
    }

    /// How long the oldest frame that is still to be sent has waited.
    pub(super) fn delay(&self, ring: &Ring, now: Instant) -> Duration {
        let waiting = ring.get(self.next.max(ring.first()));
        waiting.map_or(Duration::ZERO, |frame| {
            now.saturating_duration_since(frame.captured)
        })
    }
}

/// How old what a service without any pictures gets first may be, so long
/// `since` the camera was asked to move there: viewers wait for it already, and
/// for what the line has not sent, its `delay`. On a network with little to
/// spare, whatever nobody lacks would hold up what everybody waits for.
pub(super) fn unseen(ring: &Ring, since: Duration, delay: Duration) -> Duration {
    let segment_s = ring.newest().map_or(0, |it| it.run.target_duration_s);
    let segments = UNSEEN_SEGMENTS * Duration::from_secs(segment_s.into());
    (since + delay + UNNOTICED + segments).min(MAX_BACKFILL)
}

/// Whether the frame at `place` is the one right after `have`.
fn follows(ring: &Ring, place: Place, have: Option<Position>) -> bool {
    let header = ring.get(place).map(|frame| frame.unit.header());
    header
        .zip(have)
        .is_some_and(|(header, have)| (header.run, header.frame) == (have.run, have.frame.next()))
}

/// `from`, or the first segment after it that is not too old to be sent again.
fn recent_from(ring: &Ring, from: Place, oldest: Duration, now: Instant) -> Place {
    let too_old = |place| {
        let frame = ring.get(place);
        frame.is_some_and(|frame| now.saturating_duration_since(frame.captured) > oldest)
    };
    let mut place = from;
    while too_old(place) {
        place = ring.segment_start_from(place.next()).unwrap_or(ring.end());
    }
    place
}

#[cfg(test)]
mod tests;
