//! The text of playlists, a pure function of the segments that they list.
//!
//! HLS with fragmented MP4: plain (RFC 8216) here, Low-Latency (RFC 8216bis) in
//! [`low_latency`]. URIs are relative, so that a token in the path is inherited
//! and one rendering serves every visitor. There is never an EXT-X-ENDLIST: a
//! camera that stopped may go on.

use std::{
    fmt::Write,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use zerocam_protocol::Run;

use super::window::{Content, Entry};

mod low_latency;

pub use low_latency::{LowLatency, Place};

/// A segment's duration is compared with the target when it is rounded to whole
/// seconds (RFC 8216, section 4.3.3.1).
const LONGEST_ROUNDED_DOWN_MS: u32 = 499;

/// Players of plain HLS play this many target durations behind the end at least
/// (RFC 8216bis, section 4.4.3.8): when they look for news, half of it may be
/// left.
const HOLD_BACK_TARGET_DURATIONS: u32 = 3;

/// And this much more, for a deploy keeps the list from growing: it is noticed
/// within a second and a half, and the next instance takes in some of the past
/// before it lists anything.
const HAND_OVER_MS: u32 = 3000;

/// EXT-X-MAP in playlists of ordinary segments needs 6, EXT-X-GAP needs 8.
const VERSION: u32 = 8;

/// Latest date that RFC 3339 can write, in microseconds of Unix time.
const LAST_DATE_US: u64 = 253_402_300_799_999_999;

/// Lists `segments`, whose numbers follow one another without a hole. `None`
/// while there are none.
#[must_use]
pub fn plain(segments: &[Arc<Entry>]) -> Option<String> {
    let mut text = Text::begin(VERSION, target_duration_s(segments)?);
    text.line(format_args!(
        "#EXT-X-SERVER-CONTROL:HOLD-BACK={}",
        seconds(hold_back_ms(text.target_duration_s))
    ));
    text.numbers(segments.first()?, segments.iter().map(AsRef::as_ref));
    for segment in segments {
        text.before(segment);
        text.segment(segment, segment.duration_ms);
    }
    Some(text.text)
}

/// How far behind the end players of plain HLS play.
#[must_use]
pub const fn hold_back_ms(target_duration_s: u32) -> u32 {
    HOLD_BACK_TARGET_DURATIONS * 1000 * target_duration_s + HAND_OVER_MS
}

/// The longest of the runs that are listed.
fn target_duration_s(segments: &[Arc<Entry>]) -> Option<u32> {
    let targets = segments.iter().map(|it| it.run.format.target_duration_s);
    targets.max()
}

/// A playlist that is being written.
#[derive(Debug)]
struct Text {
    text: String,
    target_duration_s: u32,
    last_run: Option<Run>,
}

impl Text {
    fn begin(version: u32, target_duration_s: u32) -> Self {
        let mut text = Self {
            text: String::new(),
            target_duration_s,
            last_run: None,
        };
        text.line(format_args!("#EXTM3U"));
        text.line(format_args!("#EXT-X-VERSION:{version}"));
        text.line(format_args!("#EXT-X-TARGETDURATION:{target_duration_s}"));
        text
    }

    fn line(&mut self, arguments: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{arguments}").expect("strings grow");
    }

    /// What stands before the first segment.
    fn numbers<'a>(&mut self, first: &Entry, mut all: impl Iterator<Item = &'a Entry>) {
        self.line(format_args!("#EXT-X-MEDIA-SEQUENCE:{}", first.number));
        self.line(format_args!(
            "#EXT-X-DISCONTINUITY-SEQUENCE:{}",
            discontinuity_sequence(first.run.format.run)
        ));
        if all.all(Entry::is_independent) {
            self.line(format_args!("#EXT-X-INDEPENDENT-SEGMENTS"));
        }
    }

    /// What stands before a segment's parts.
    fn before(&mut self, segment: &Entry) {
        let run = segment.run.format.run;
        if self.last_run != Some(run) {
            if self.last_run.is_some() {
                self.line(format_args!("#EXT-X-DISCONTINUITY"));
            }
            self.line(format_args!("#EXT-X-MAP:URI=\"{run}/init.mp4\""));
            self.last_run = Some(run);
        }
        if let Content::Gap = segment.content {
            self.line(format_args!("#EXT-X-GAP"));
        }
        self.line(format_args!(
            "#EXT-X-PROGRAM-DATE-TIME:{}",
            date(segment.date_unix_us)
        ));
    }

    /// The segment itself, when it is whole.
    fn segment(&mut self, segment: &Entry, duration_ms: u32) {
        // A camera that stumbled in a segment's last picture makes it last too
        // long, and Chromium refuses the whole list for that: the rest of the
        // picture's time is left unsaid.
        let longest_ms = 1000 * self.target_duration_s + LONGEST_ROUNDED_DOWN_MS;
        let duration = seconds(duration_ms.min(longest_ms));
        self.line(format_args!("#EXTINF:{duration},"));
        let run = segment.run.format.run;
        self.line(format_args!("{run}/{}.m4s", segment.number));
    }
}

/// Seconds with three decimals; players take at most five.
fn seconds(ms: u32) -> impl std::fmt::Display {
    std::fmt::from_fn(move |f| write!(f, "{}.{:03}", ms / 1000, ms % 1000))
}

/// From the camera's run number, so that every instance counts the same; but
/// small, because hls.js keeps an array with this index and walks it from 0 on
/// every reload: at 1.8 billion, a run's own number, the page freezes.
const fn discontinuity_sequence(run: Run) -> u64 {
    run.0 % (1 << 16)
}

/// Milliseconds are what players read; a date that RFC 3339 cannot write
/// becomes the nearest one that it can.
fn date(unix_us: i64) -> impl std::fmt::Display {
    let unix_us = u64::try_from(unix_us).unwrap_or(0).min(LAST_DATE_US);
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_micros(unix_us))
}

#[cfg(test)]
mod tests;
