//! The text of a playlist, a pure function of the segments that it lists.
//!
//! Plain HLS (RFC 8216) with fragmented MP4. URIs are relative, so that a token
//! in the path is inherited and one rendering serves every visitor. There is
//! never an EXT-X-ENDLIST: a camera that stopped may go on.

use std::{
    fmt::Write,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use zerocam_protocol::Run;

use super::window::{Content, Entry};

/// A segment's duration is compared with the target when it is rounded to whole
/// seconds (RFC 8216, section 4.3.3.1).
const LONGEST_ROUNDED_DOWN_MS: u32 = 499;

/// EXT-X-MAP in playlists of ordinary segments needs 6, fragmented MP4 needs 7.
const VERSION: u32 = 7;

/// Latest date that RFC 3339 can write, in microseconds of Unix time.
const LAST_DATE_US: u64 = 253_402_300_799_999_999;

/// Lists `segments`, whose numbers follow one another without a hole. `None`
/// while there are none.
#[must_use]
pub fn plain(segments: &[Arc<Entry>]) -> Option<String> {
    let first = segments.first()?;
    let target_duration_s = segments
        .iter()
        .map(|segment| segment.run.format.target_duration_s)
        .max()?;
    let mut text = String::with_capacity(300 + 110 * segments.len());
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        writeln!(text, "{arguments}").expect("strings grow");
    };
    line(format_args!("#EXTM3U"));
    line(format_args!("#EXT-X-VERSION:{VERSION}"));
    line(format_args!("#EXT-X-TARGETDURATION:{target_duration_s}"));
    line(format_args!("#EXT-X-MEDIA-SEQUENCE:{}", first.number));
    line(format_args!(
        "#EXT-X-DISCONTINUITY-SEQUENCE:{}",
        discontinuity_sequence(first.run.format.run)
    ));
    if segments.iter().all(|segment| segment.is_independent()) {
        line(format_args!("#EXT-X-INDEPENDENT-SEGMENTS"));
    }
    let mut last_run = None;
    for segment in segments {
        let run = segment.run.format.run;
        if last_run != Some(run) {
            if last_run.is_some() {
                line(format_args!("#EXT-X-DISCONTINUITY"));
            }
            line(format_args!("#EXT-X-MAP:URI=\"{run}/init.mp4\""));
            last_run = Some(run);
        }
        if let Content::Gap = segment.content {
            line(format_args!("#EXT-X-GAP"));
        }
        line(format_args!(
            "#EXT-X-PROGRAM-DATE-TIME:{}",
            date(segment.date_unix_us)
        ));
        // A camera that stumbled in a segment's last picture makes it last too
        // long, and Chromium refuses the whole list for that: the rest of the
        // picture's time is left unsaid.
        let longest_ms = 1000 * target_duration_s + LONGEST_ROUNDED_DOWN_MS;
        let duration_ms = segment.duration_ms.min(longest_ms);
        let (seconds, ms) = (duration_ms / 1000, duration_ms % 1000);
        line(format_args!("#EXTINF:{seconds}.{ms:03},"));
        line(format_args!("{run}/{}.m4s", segment.number));
    }
    Some(text)
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
