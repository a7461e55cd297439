use bytes::Bytes;
use zerocam_protocol::{Frame, Segment};

use super::*;
use crate::media::{
    test_units::{RUN_STARTED_UNIX_US, format},
    window::{Frames, RunInit},
};

mod low_latency;

fn run(number: u64, target_duration_s: u32) -> Arc<RunInit> {
    Arc::new(RunInit {
        format: crate::media::RunFormat {
            target_duration_s,
            ..format(number)
        },
        init: Bytes::new(),
    })
}

fn frames(is_independent: bool) -> Content {
    Content::Frames(Frames {
        fragments: Vec::new(),
        bytes: 0,
        is_independent,
        start_ms: 0,
        first_part: Frame(0),
        is_whole: true,
    })
}

/// Entries one after the other from segment 7 on.
fn entries(list: Vec<(&Arc<RunInit>, u32, Content)>) -> Vec<Arc<Entry>> {
    let mut date_unix_us = RUN_STARTED_UNIX_US + 123_999;
    let entry = |(index, (run, duration_ms, content)): (usize, (&Arc<RunInit>, u32, Content))| {
        let entry = Entry {
            run: run.clone(),
            number: Segment(7 + index as u64),
            date_unix_us,
            duration_ms,
            content,
        };
        date_unix_us += i64::from(duration_ms) * 1000;
        Arc::new(entry)
    };
    list.into_iter().enumerate().map(entry).collect()
}

#[test]
fn nothing_is_no_playlist() {
    assert_eq!(plain(&[]), None);
}

#[test]
fn golden_one_run() {
    let run = run(7, 1);
    let list = entries(vec![
        (&run, 1000, frames(true)),
        (&run, 960, frames(true)),
        (&run, 1001, frames(true)),
    ]);
    assert_eq!(plain(&list).unwrap(), include_str!("golden/one-run.m3u8"));
}

#[test]
fn golden_gap_and_new_run() {
    let (first, second) = (run(7, 1), run(8, 2));
    let list = entries(vec![
        (&first, 1000, frames(true)),
        (&first, 1000, Content::Gap),
        (&first, 440, frames(true)),
        (&second, 2000, frames(true)),
    ]);
    assert_eq!(
        plain(&list).unwrap(),
        include_str!("golden/gap-and-new-run.m3u8")
    );
}

#[test]
fn golden_segments_without_a_keyframe() {
    let run = run(7, 1);
    let list = entries(vec![
        (&run, 1400, frames(true)),
        (&run, 1400, frames(false)),
    ]);
    assert_eq!(plain(&list).unwrap(), include_str!("golden/long-gop.m3u8"));
}

#[test]
fn dates_are_rfc_3339_whatever_the_clock_says() {
    assert_eq!(date(0).to_string(), "1970-01-01T00:00:00.000Z");
    assert_eq!(date(-5).to_string(), "1970-01-01T00:00:00.000Z");
    assert_eq!(
        date(1_795_262_400_123_999).to_string(),
        "2026-11-21T12:00:00.123Z"
    );
    assert_eq!(date(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
}

#[test]
fn no_segment_is_said_to_exceed_the_target() {
    let run = run(7, 1);
    let list = entries(vec![(&run, 1499, frames(true)), (&run, 1730, frames(true))]);
    let text = plain(&list).unwrap();
    assert_eq!(text.matches("#EXTINF:1.499,").count(), 2, "{text}");
}
