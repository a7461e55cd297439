//! The writer's side of the window: fills segments, lists them, lets them go.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use zerocam_protocol::Segment;

use super::{
    Content, Counters, Entry, FrameFragment, Frames, Keyframe, Listed, Newest, RunInit, Window,
    WindowLimits,
};
use crate::media::{
    RunFormat,
    packager::Packaged,
    playlist::{self, LowLatency},
};

/// The most segments that are listed, whatever else the bounds allow: two hours
/// of one second each, a playlist of some 800 kB.
const MAX_SEGMENTS: usize = 7200;

/// Segments that left the list stay for this many target durations.
const LEFT_TARGET_DURATIONS: u32 = 3;

/// The window as its writer sees it.
#[derive(Debug)]
pub struct LiveWindow {
    limits: WindowLimits,
    /// What readers get next.
    window: Window,
    changed: bool,
    listed: VecDeque<Arc<Entry>>,
    listed_bytes: usize,
    listed_ms: u64,
    left: VecDeque<(Instant, Arc<Entry>)>,
}

impl LiveWindow {
    /// An empty one.
    #[must_use]
    pub fn new(limits: WindowLimits) -> Self {
        Self {
            limits,
            window: Window::default(),
            changed: false,
            listed: VecDeque::new(),
            listed_bytes: 0,
            listed_ms: 0,
            left: VecDeque::new(),
        }
    }

    /// What readers see from now on, if that is something new.
    #[must_use]
    pub fn take_changes(&mut self) -> Option<Arc<Window>> {
        std::mem::take(&mut self.changed).then(|| Arc::new(self.window.clone()))
    }

    /// Counts something.
    pub fn count(&mut self, add: impl FnOnce(&mut Counters)) {
        add(&mut self.window.counters);
        self.changed = true;
    }

    /// Says which ffmpeg runs.
    pub fn set_child(&mut self, pid: Option<u32>) {
        self.changed |= self.window.child_pid != pid;
        self.window.child_pid = pid;
    }

    /// Says why nothing is published.
    pub fn set_fault(&mut self, fault: &str) {
        self.window.fault = Some(fault.into());
        self.changed = true;
    }

    /// Raises the highest segment number seen.
    pub fn raise_floor(&mut self, seen: Segment) {
        self.changed |= seen > self.window.floor;
        self.window.floor = self.window.floor.max(seen);
    }

    /// What follows belongs to this run.
    pub fn begin_run(&mut self, format: RunFormat, now: Instant) {
        self.end_segment(now);
        self.window.current = None;
        self.window.is_over = false;
        self.window.format = Some(Arc::new(format));
        self.changed = true;
    }

    /// The init of the current run is known.
    pub fn set_init(&mut self, init: Bytes) {
        if let Some(format) = &self.window.format {
            self.window.current = Some(Arc::new(RunInit {
                format: (**format).clone(),
                init,
            }));
            self.window.files += 1;
            self.changed = true;
        }
    }

    /// Takes the next frame, and lists its segment when it is the last one.
    pub fn publish(&mut self, frame: Packaged, now: Instant) {
        let header = frame.unit.header;
        let unit = frame.unit;
        let fragment = FrameFragment {
            frame: header.frame,
            time_ms: unit.time_ms,
            duration_ms: frame.duration_ms,
            is_keyframe: header.flags.keyframe,
            bytes: frame.fragment,
        };
        let is_other = |open: &Arc<Entry>| open.number != header.segment;
        if self.window.open.as_ref().is_some_and(is_other) {
            self.end_segment(now);
        }
        let Some(run) = &self.window.current else {
            return;
        };
        if fragment.is_keyframe {
            self.window.keyframe = Some(Arc::new(Keyframe {
                run: run.clone(),
                fragment: fragment.clone(),
            }));
        }
        let before = self.window.newest.filter(|it| it.run == header.run);
        let first_part = before.map_or(header.frame, |newest| newest.frame.next());
        let open = self.window.open.get_or_insert_with(|| {
            Arc::new(Entry {
                run: run.clone(),
                number: header.segment,
                date_unix_us: unit.date_unix_us,
                duration_ms: 0,
                content: Content::Frames(Frames {
                    fragments: Vec::new(),
                    bytes: 0,
                    is_independent: fragment.is_keyframe,
                    start_ms: fragment.time_ms,
                    first_part,
                    is_whole: false,
                }),
            })
        });
        // Readers keep the segment as they saw it.
        let open = Arc::make_mut(open);
        let parts = open.parts().len();
        open.append(fragment);
        let has_new_part = open.parts().len() > parts;
        self.window.newest = Some(Newest {
            run: header.run,
            segment: header.segment,
            frame: header.frame,
            time_ms: unit.time_ms,
            date_unix_us: unit.date_unix_us,
            bitrate_bps: self.window.newest.and_then(|newest| newest.bitrate_bps),
        });
        self.window.fault = None;
        self.window.is_over = false;
        self.changed = true;
        if frame.ends_segment {
            self.end_segment(now);
        } else if has_new_part {
            self.window.files += 1;
            self.render_low_latency();
        }
    }

    /// Lists the segment that was being filled.
    pub fn end_segment(&mut self, now: Instant) {
        let Some(mut segment) = self.window.open.take() else {
            return;
        };
        Arc::make_mut(&mut segment).close();
        if let Some(newest) = &mut self.window.newest {
            let bits = segment.bytes() as u64 * 8;
            newest.bitrate_bps = (bits * 1000).checked_div(segment.duration_ms.into());
        }
        if let Some(last) = self.listed.back() {
            match gaps_between(last, &segment) {
                Some(gaps) => {
                    self.window.counters.gaps += gaps.len() as u64;
                    gaps.into_iter().for_each(|gap| self.list(gap));
                }
                None => self.drop_all(now),
            }
        }
        self.list(segment);
        self.keep_bounds(now);
        self.render(now);
        self.render_low_latency();
    }

    /// Nothing follows, until something is published again.
    pub const fn set_over(&mut self) {
        self.changed |= !self.window.is_over;
        self.window.is_over = true;
    }

    /// When [`Self::forget`] has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.left.front().map(|(until, _)| *until)
    }

    /// Lets go of what left the list long enough ago.
    pub fn forget(&mut self, now: Instant) {
        if self.next_deadline().is_some_and(|due| due <= now) {
            self.render(now);
        }
    }

    fn list(&mut self, segment: Arc<Entry>) {
        debug_assert!(
            self.listed
                .back()
                .is_none_or(|last| last.number.next() == segment.number),
            "numbers follow one another"
        );
        self.listed_bytes += segment.bytes();
        self.listed_ms += u64::from(segment.duration_ms);
        self.listed.push_back(segment);
    }

    fn keep_bounds(&mut self, now: Instant) {
        let Some(newest) = self.listed.back() else {
            return;
        };
        // Players begin that far behind the end.
        let least_ms = playlist::hold_back_ms(newest.run.format.target_duration_s);
        let max_ms = match self.limits.seconds {
            0 => u64::MAX,
            seconds => (u64::from(seconds) * 1000).max(least_ms.into()),
        };
        while self.listed.len() > 1
            && (self.listed_ms > max_ms
                || self.listed_bytes > self.limits.bytes
                || self.listed.len() > MAX_SEGMENTS
                || matches!(self.listed[0].content, Content::Gap))
        {
            self.drop_oldest(now);
        }
    }

    fn drop_all(&mut self, now: Instant) {
        while !self.listed.is_empty() {
            self.drop_oldest(now);
        }
    }

    fn drop_oldest(&mut self, now: Instant) {
        let Some(oldest) = self.listed.pop_front() else {
            return;
        };
        self.listed_bytes -= oldest.bytes();
        self.listed_ms -= u64::from(oldest.duration_ms);
        let target_duration = Duration::from_secs(oldest.run.format.target_duration_s.into());
        if let Content::Frames(_) = oldest.content {
            self.left
                .push_back((now + LEFT_TARGET_DURATIONS * target_duration, oldest));
        }
    }

    fn render(&mut self, now: Instant) {
        while self.left.front().is_some_and(|(until, _)| *until <= now) {
            self.left.pop_front();
        }
        let segments: Vec<_> = self.listed.iter().cloned().collect();
        self.window.listed = Arc::new(Listed {
            playlist: playlist::plain(&segments).map(Bytes::from),
            left: self.left.iter().map(|(_, left)| left.clone()).collect(),
            segments,
        });
        self.window.files += 1;
        self.changed = true;
    }

    /// The run of a process that begins shows with its first whole segment: up
    /// to then the list stays as it was.
    fn render_low_latency(&mut self) {
        let mut segments = self.window.listed.segments.clone();
        let open = self.window.open.as_deref();
        let open = open.filter(|open| !open.parts().is_empty());
        if let (Some(last), Some(open)) = (segments.last(), open) {
            match gaps_between(last, open) {
                Some(gaps) => segments.extend(gaps),
                None => return,
            }
        }
        self.window.low_latency = LowLatency::of(&segments, open).map(Arc::new);
    }
}

impl Entry {
    /// To the end of this frame it lasts then: holes in front of it count too.
    fn append(&mut self, fragment: FrameFragment) {
        if let Content::Frames(frames) = &mut self.content {
            self.duration_ms = fragment.time_ms - frames.start_ms + fragment.duration_ms;
            frames.bytes += fragment.bytes.len();
            frames.fragments.push(fragment);
        }
    }

    fn close(&mut self) {
        if let Content::Frames(frames) = &mut self.content {
            frames.is_whole = true;
        }
    }
}

/// The whole segments that are missing between two share the time between them.
/// Those between two runs are counted with the later one. `None` when the two
/// do not belong into one list.
fn gaps_between(last: &Entry, next: &Entry) -> Option<Vec<Arc<Entry>>> {
    let missing = next.number.0.checked_sub(last.number.0 + 1)?;
    if !goes_on(last, next) || missing > MAX_SEGMENTS as u64 {
        return None;
    }
    let (Some(last_frames), Some(next_frames)) = (last.frames(), next.frames()) else {
        return None;
    };
    let time_ms = if last.run.format.run == next.run.format.run {
        let end_ms = last_frames.start_ms + last.duration_ms;
        u64::from(next_frames.start_ms.saturating_sub(end_ms))
    } else {
        // Each run has its own media time: the dates tell.
        let pause_us = next.date_unix_us.saturating_sub(last.date_unix_us);
        (pause_us.max(0) as u64 / 1000).saturating_sub(last.duration_ms.into())
    };
    let longest_ms = u64::from(next.run.format.target_duration_s) * 1000;
    let duration_ms = time_ms
        .checked_div(missing)
        .unwrap_or(0)
        .clamp(1, longest_ms.max(1));
    let gap = |index: u64| {
        let offset_us = (time_ms * 1000 / missing).saturating_mul(index);
        Arc::new(Entry {
            run: next.run.clone(),
            number: Segment(last.number.0 + 1 + index),
            date_unix_us: last
                .date_unix_us
                .saturating_add(i64::from(last.duration_ms) * 1000)
                .saturating_add_unsigned(offset_us),
            duration_ms: duration_ms as u32,
            content: Content::Gap,
        })
    };
    Some((0..missing).map(gap).collect())
}

/// Whether a segment is of the same run as the last one listed, or of the next
/// run in the same process of the camera: a process that begins starts higher.
fn goes_on(last: &Entry, next: &Entry) -> bool {
    let (before, run) = (last.run.format.run, next.run.format.run);
    run == before || run == before.next()
}
