//! Low-Latency HLS (RFC 8216bis): segments in parts, and updates that say only
//! what is new.

use std::sync::Arc;

use bytes::Bytes;
use zerocam_protocol::Segment;

use super::{Text, seconds, target_duration_s};
use crate::media::{
    parts::PartTarget,
    window::{Content, Entry},
};

/// EXT-X-SKIP needs 9.
const VERSION: u32 = 9;

/// Players start this many PART-TARGETs behind the end; the least is two
/// (RFC 8216bis, section 4.4.3.8).
const PART_HOLD_BACK: u32 = 3;

/// What is this many target durations behind the end can be skipped (section
/// 4.4.3.8 wants six at least).
const SKIP_TARGET_DURATIONS: u32 = 6;

/// Parts are listed of this many whole segments and the open one behind them: of
/// the last three target durations. Beyond those they are to be removed (section
/// 6.2.2), and the parts of a third whole segment begin there as soon as the
/// open one has a part; strict readers count it in segments, the open one too.
const WITH_PARTS: usize = 2;

/// A request may be ahead of the last whole segment by this many (section
/// 6.2.5.2).
const MOST_AHEAD: u64 = 2;

/// The playlist at one moment, for everybody who asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct LowLatency {
    full: Bytes,
    delta: Option<Bytes>,
    /// The last whole segment.
    last: Segment,
    last_parts: usize,
    /// Parts of the segment after it.
    open_parts: usize,
}

/// What a player wants to see in the playlist before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// `_HLS_msn`: a media sequence number.
    pub segment: Segment,
    /// `_HLS_part`: a part of it, counted from 0. Without one, all of it.
    pub part: Option<u64>,
}

impl LowLatency {
    /// Lists `segments`, whose numbers follow one another without a hole, and
    /// then the parts of `open`, one at least, which follows them. `None` while
    /// there are no segments: players take a list without any for an error.
    #[must_use]
    pub fn of(segments: &[Arc<Entry>], open: Option<&Entry>) -> Option<Self> {
        let last = segments.last()?;
        let newest = open.unwrap_or(last);
        let target = PartTarget::of(&newest.run.format);
        let target_duration_s =
            target_duration_s(segments)?.max(newest.run.format.target_duration_s);
        let durations_ms: Vec<u32> = segments.iter().map(|it| listed_ms(it)).collect();
        let open_ms = open.map_or(0, listed_ms);

        let mut text = Text::begin(VERSION, target_duration_s);
        text.line(format_args!(
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={},CAN-SKIP-UNTIL={}",
            seconds(PART_HOLD_BACK * target.ms),
            seconds(SKIP_TARGET_DURATIONS * target_duration_s * 1000),
        ));
        text.line(format_args!(
            "#EXT-X-PART-INF:PART-TARGET={}",
            seconds(target.ms)
        ));
        let all = segments.iter().map(AsRef::as_ref).chain(open);
        text.numbers(segments.first()?, all);
        let head_bytes = text.text.len();

        // How far a segment's end is from the end of the list.
        let mut behind_ms = durations_ms.iter().sum::<u32>() + open_ms;
        let (mut skipped, mut skipped_to) = (0, head_bytes);
        for (index, segment) in segments.iter().enumerate() {
            let duration_ms = durations_ms[index];
            behind_ms -= duration_ms;
            text.before(segment);
            if index + WITH_PARTS >= segments.len() {
                text.parts(segment, target);
            }
            text.segment(segment, duration_ms);
            if behind_ms >= SKIP_TARGET_DURATIONS * target_duration_s * 1000 {
                (skipped, skipped_to) = (index + 1, text.text.len());
            }
        }
        if let Some(open) = open {
            text.before(open);
            text.parts(open, target);
        }
        text.line(format_args!(
            "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}/{}.part.m4s\"",
            newest.run.format.run,
            newest.parts().last()?.next_name()
        ));

        let full = text.text;
        let delta = (skipped > 0).then(|| {
            let (head, body) = (&full[..head_bytes], &full[skipped_to..]);
            format!("{head}#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}\n{body}").into()
        });
        Some(Self {
            full: full.into(),
            delta,
            last: last.number,
            last_parts: last.parts().len(),
            open_parts: open.map_or(0, |open| open.parts().len()),
        })
    }

    /// All of it.
    #[must_use]
    pub fn full(&self) -> Bytes {
        self.full.clone()
    }

    /// Without what a player knows that has seen it lately; all of it while
    /// there is nothing to skip.
    #[must_use]
    pub fn delta(&self) -> Bytes {
        self.delta.as_ref().unwrap_or(&self.full).clone()
    }

    /// The last whole segment.
    #[must_use]
    pub const fn last(&self) -> Segment {
        self.last
    }

    /// Whether it lists this, or something after it.
    #[must_use]
    pub fn has(&self, place: Place) -> bool {
        let Some(part) = place.part else {
            return place.segment <= self.last;
        };
        // A part beyond the end of a segment is the first one of the next
        // (section 6.2.5.2).
        let is_in = |parts: usize| part < parts as u64;
        if place.segment == self.last {
            is_in(self.last_parts) || self.open_parts > 0
        } else if place.segment == self.last.next() {
            is_in(self.open_parts)
        } else {
            place.segment < self.last
        }
    }

    /// Whether this is too far ahead for a player that follows the playlist.
    #[must_use]
    pub const fn is_far_beyond(&self, place: Place) -> bool {
        place.segment.0 > self.last.0 + MOST_AHEAD
    }
}

/// How long a segment is in the playlist: as long as its parts say together.
fn listed_ms(segment: &Entry) -> u32 {
    match segment.content {
        Content::Gap => segment.duration_ms,
        Content::Frames(_) => segment.parts().iter().map(|it| it.duration_ms).sum(),
    }
}

impl Text {
    /// A segment's parts, if they are as long as PART-TARGET says: those of a
    /// run at another frame rate are not.
    fn parts(&mut self, segment: &Entry, target: PartTarget) {
        let format = &segment.run.format;
        if PartTarget::of(format) != target {
            return;
        }
        for part in segment.parts() {
            let independent = if part.is_independent() {
                ",INDEPENDENT=YES"
            } else {
                ""
            };
            self.line(format_args!(
                "#EXT-X-PART:DURATION={},URI=\"{}/{}.part.m4s\"{independent}",
                seconds(part.duration_ms),
                format.run,
                part.name,
            ));
        }
    }
}
