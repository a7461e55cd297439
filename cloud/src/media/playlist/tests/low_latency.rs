//! The text of the low-latency playlist, and its rules as others check them.

use media_doctor::{Report, check_hls_playlist};

use super::*;
use crate::media::{RunFormat, window::FrameFragment};

/// A camera that makes frames of `1 / rate_hz` in segments.
struct Camera {
    run: Arc<RunInit>,
    segment: u64,
    frame: u64,
    time_ms: u32,
    date_unix_us: i64,
}

impl Camera {
    fn new(run: u64, frame_rate_hz: f64) -> Self {
        Self {
            run: Arc::new(RunInit {
                format: RunFormat {
                    frame_rate_hz,
                    ..format(run)
                },
                init: Bytes::new(),
            }),
            segment: run,
            frame: 0,
            time_ms: 0,
            date_unix_us: RUN_STARTED_UNIX_US,
        }
    }

    /// The next run, whose segments follow.
    fn next_run(self, frame_rate_hz: f64) -> Self {
        Self {
            segment: self.segment,
            date_unix_us: self.date_unix_us,
            ..Self::new(self.run.format.run.0 + 1, frame_rate_hz)
        }
    }

    /// The next segment, of frames that last so long.
    fn shoot(&mut self, durations_ms: &[u32], is_whole: bool) -> Arc<Entry> {
        let (start_ms, first_part) = (self.time_ms, Frame(self.frame));
        let mut fragments = Vec::new();
        for &duration_ms in durations_ms {
            fragments.push(FrameFragment {
                frame: Frame(self.frame),
                time_ms: self.time_ms,
                duration_ms,
                is_keyframe: fragments.is_empty(),
                bytes: Bytes::new(),
            });
            self.frame += 1;
            self.time_ms += duration_ms;
        }
        self.next(Content::Frames(Frames {
            fragments,
            bytes: 0,
            is_independent: true,
            start_ms,
            first_part,
            is_whole,
        }))
    }

    /// A segment that was lost.
    fn lose(&mut self) -> Arc<Entry> {
        self.frame += 25;
        self.time_ms += 1000;
        self.next(Content::Gap)
    }

    fn next(&mut self, content: Content) -> Arc<Entry> {
        let duration_ms = match &content {
            Content::Gap => 1000,
            Content::Frames(frames) => self.time_ms - frames.start_ms,
        };
        let entry = Entry {
            run: self.run.clone(),
            number: Segment(self.segment),
            date_unix_us: self.date_unix_us,
            duration_ms,
            content,
        };
        self.segment += 1;
        self.date_unix_us += i64::from(duration_ms) * 1000;
        Arc::new(entry)
    }
}

fn render(segments: &[Arc<Entry>], open: Option<&Entry>) -> (String, String) {
    let playlist = LowLatency::of(segments, open).unwrap();
    let text = |bytes: Bytes| String::from_utf8(bytes.into()).unwrap();
    let (full, delta) = (text(playlist.full()), text(playlist.delta()));
    for text in [&full, &delta] {
        let mut report = Report::new();
        check_hls_playlist(text, &mut report);
        assert!(report.is_empty(), "{:?}\n{text}", report.findings());
    }
    (full, delta)
}

/// The playlist that a player has after an update: what it knew takes the place
/// of what was skipped.
fn merge(known: &str, delta: &str) -> String {
    let value = |text: &str, tag: &str| -> Option<usize> {
        let line = text.lines().find_map(|line| line.strip_prefix(tag))?;
        Some(line.parse().unwrap())
    };
    let skip = "#EXT-X-SKIP:SKIPPED-SEGMENTS=";
    let Some(skipped) = value(delta, skip) else {
        return delta.to_owned();
    };
    let (head, news) = delta.split_once(&format!("{skip}{skipped}\n")).unwrap();
    let media_sequence = |text| value(text, "#EXT-X-MEDIA-SEQUENCE:").unwrap();
    let first = media_sequence(delta);
    let mut number = media_sequence(known);
    let (mut map, mut own, mut old) = ("", Vec::new(), String::new());
    // The lines before the first segment that are about the whole playlist end
    // with its first MAP.
    let (_, segments) = known.split_once("#EXT-X-MAP:").unwrap();
    let segments = format!("#EXT-X-MAP:{segments}");
    for line in segments
        .lines()
        .filter(|line| !line.starts_with("#EXT-X-PART:"))
    {
        if line.starts_with("#EXT-X-MAP:") {
            map = line;
        }
        own.push(line);
        if line.starts_with('#') {
            continue;
        }
        if number == first {
            // Those before it have left the list, but their MAP holds on.
            own.retain(|line| !line.contains("DISCONTINUITY") && *line != map);
            own.insert(0, map);
        }
        if (first..first + skipped).contains(&number) {
            old += &format!("{}\n", own.join("\n"));
        }
        own.clear();
        number += 1;
    }
    format!("{head}{old}{news}")
}

#[test]
fn golden_one_run() {
    let mut camera = Camera::new(7, 25.0);
    let list = [camera.shoot(&[40; 25], true), camera.shoot(&[40; 24], true)];
    assert_eq!(
        render(&list, None).0,
        include_str!("../golden/low-latency-one-run.m3u8")
    );
}

#[test]
fn golden_open_segment_and_delta() {
    let mut camera = Camera::new(7, 25.0);
    let list: Vec<_> = (0..8).map(|_| camera.shoot(&[40; 25], true)).collect();
    let open = camera.shoot(&[40; 12], false);
    let (full, delta) = render(&list, Some(&open));
    assert_eq!(full, include_str!("../golden/low-latency-open.m3u8"));
    assert_eq!(delta, include_str!("../golden/low-latency-delta.m3u8"));
}

#[test]
fn golden_gap() {
    let mut camera = Camera::new(7, 25.0);
    let list = [
        camera.shoot(&[40; 25], true),
        // The end of the group of pictures was dropped.
        camera.shoot(&[40, 40, 40, 40, 40, 40, 760], true),
        camera.lose(),
    ];
    let open = camera.shoot(&[40; 10], false);
    assert_eq!(
        render(&list, Some(&open)).0,
        include_str!("../golden/low-latency-gap.m3u8")
    );
}

#[test]
fn golden_two_runs_at_two_frame_rates() {
    let mut camera = Camera::new(7, 25.0);
    let mut list = vec![camera.shoot(&[40; 25], true)];
    let mut camera = camera.next_run(8.0);
    list.push(camera.shoot(&[125; 8], true));
    let open = camera.shoot(&[125; 3], false);
    assert_eq!(
        render(&list, Some(&open)).0,
        include_str!("../golden/low-latency-two-runs.m3u8")
    );
}

#[test]
fn golden_low_frame_rate() {
    let mut camera = Camera::new(7, 2.0);
    let list = [camera.shoot(&[500; 2], true)];
    let open = camera.shoot(&[500], false);
    assert_eq!(
        render(&list, Some(&open)).0,
        include_str!("../golden/low-latency-two-hertz.m3u8")
    );
}

#[test]
fn nothing_is_no_playlist() {
    let open = Camera::new(7, 25.0).shoot(&[40; 12], false);
    assert_eq!(LowLatency::of(&[], Some(&open)), None);
}

#[test]
fn a_delta_and_what_was_known_are_the_playlist() {
    let mut camera = Camera::new(7, 25.0);
    let mut list: Vec<_> = (0..4).map(|_| camera.shoot(&[40; 25], true)).collect();
    list.push(camera.lose());
    let mut camera = camera.next_run(12.5);
    list.push(camera.shoot(&[80; 12], true));
    let mut known = render(&list, None).0;
    let mut skipped = 0;
    for _ in 0..40 {
        for frames in 3..=12 {
            let (segment, frame, time_ms, date) = (
                camera.segment,
                camera.frame,
                camera.time_ms,
                camera.date_unix_us,
            );
            let open = camera.shoot(&vec![80; frames], frames == 12);
            let (full, delta) = if frames == 12 {
                list.push(open);
                list.drain(..list.len().saturating_sub(20));
                render(&list, None)
            } else {
                (camera.segment, camera.frame) = (segment, frame);
                (camera.time_ms, camera.date_unix_us) = (time_ms, date);
                render(&list, Some(&open))
            };
            skipped += usize::from(delta.contains("#EXT-X-SKIP"));
            assert_eq!(merge(&known, &delta), full);
            known = full;
        }
    }
    assert!(skipped > 300, "{skipped}");
}

#[test]
fn what_a_request_waits_for() {
    let mut camera = Camera::new(100, 25.0);
    let list = [camera.shoot(&[40; 25], true), camera.shoot(&[40; 25], true)];
    let open = camera.shoot(&[40; 10], false);
    let closed = LowLatency::of(&list, None).unwrap();
    let playlist = LowLatency::of(&list, Some(&open)).unwrap();
    let whole = |segment| Place {
        segment: Segment(segment),
        part: None,
    };
    let part = |segment, part| Place {
        segment: Segment(segment),
        part: Some(part),
    };
    assert_eq!(playlist.last(), Segment(101));
    // Asked for, listed with two parts of 102, listed with none, answered 400.
    let table = [
        (whole(0), true, true, false),
        (part(0, 99), true, true, false),
        (part(100, 5), true, true, false), // part 0 of 101
        (whole(101), true, true, false),
        (part(101, 4), true, true, false),
        (part(101, 5), true, false, false), // part 0 of 102
        (part(101, u64::MAX), true, false, false),
        (part(102, 0), true, false, false),
        (part(102, 1), true, false, false),
        (part(102, 2), false, false, false),
        (whole(102), false, false, false),
        (whole(103), false, false, false),
        (part(103, 7), false, false, false),
        (whole(104), false, false, true),
        (part(104, 0), false, false, true),
        (whole(u64::MAX), false, false, true),
    ];
    for (place, with_open, without, too_far) in table {
        assert_eq!(playlist.has(place), with_open, "{place:?}");
        assert_eq!(closed.has(place), without, "{place:?}");
        assert_eq!(playlist.is_far_beyond(place), too_far, "{place:?}");
    }
}
