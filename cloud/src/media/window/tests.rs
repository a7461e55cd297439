use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::*;
use crate::media::{
    packager::{Packaged, duration_ms},
    test_units::{RUN_STARTED_UNIX_US, Shot, format},
};

mod low_latency;

const FRAGMENT_BYTES: usize = 100;
const UNBOUNDED: WindowLimits = WindowLimits {
    seconds: 0,
    bytes: usize::MAX,
};

/// A window, the camera that fills it, and a clock that goes with the film.
struct Bench {
    live: LiveWindow,
    window: Arc<Window>,
    started: Instant,
    now: Instant,
}

impl Bench {
    fn new(limits: WindowLimits) -> Self {
        let started = Instant::now();
        Self {
            live: LiveWindow::new(limits),
            window: Arc::default(),
            started,
            now: started,
        }
    }

    fn begin_run(&mut self, run: u64) {
        self.live.begin_run(format(run), self.now);
        self.live.set_init(Bytes::from(format!("init of {run}")));
    }

    /// Publishes these frames; the last one is the last of its segment.
    fn publish(&mut self, shots: &[Shot]) {
        self.publish_and_look(shots, |_| {});
    }

    /// Publishes, and looks at the window after every frame.
    fn publish_and_look(&mut self, shots: &[Shot], mut look: impl FnMut(&Window)) {
        for (index, shot) in shots.iter().enumerate() {
            let next = shots.get(index + 1);
            let start = shots.iter().find(|first| first.segment == shot.segment);
            let start_ms = start.unwrap().time_ms;
            let next_unit = next.map(|next| next.unit());
            let format = format(shot.run);
            let ends_segment = next.is_none_or(|next| next.segment != shot.segment);
            self.now = self
                .now
                .max(self.started + Duration::from_millis(shot.time_ms.into()));
            self.live.publish(
                Packaged {
                    fragment: fragment(*shot),
                    duration_ms: duration_ms(&format, start_ms, &shot.unit(), next_unit.as_ref()),
                    unit: shot.unit(),
                    ends_segment,
                },
                self.now,
            );
            self.window = self.live.take_changes().unwrap();
            look(&self.window);
        }
    }

    fn numbers(&self) -> Vec<u64> {
        self.window
            .segments()
            .iter()
            .map(|entry| entry.number.0)
            .collect()
    }
}

fn fragment(shot: Shot) -> Bytes {
    let mut text = format!("run {} frame {}", shot.run, shot.frame);
    text.extend(std::iter::repeat_n('.', FRAGMENT_BYTES - text.len()));
    text.into()
}

fn shots(frames: std::ops::Range<u64>) -> Vec<Shot> {
    frames.map(Shot::at).collect()
}

#[test]
fn a_segment_is_listed_with_its_last_frame() {
    let mut bench = Bench::new(UNBOUNDED);
    assert_eq!(bench.window.plain_playlist(), None);
    bench.begin_run(100);
    bench.publish(&shots(0..60)[..30]); // the cut makes frame 29 the last of segment 101
    assert_eq!(bench.numbers(), [100, 101]);
    let window = &bench.window;
    let fragments = window.segment(Run(100), Segment(101)).unwrap();
    assert_eq!(
        fragments,
        (25..30).map(|n| fragment(Shot::at(n))).collect::<Vec<_>>()
    );
    assert_eq!(window.segment(Run(100), Segment(102)), None);
    assert_eq!(window.segment(Run(99), Segment(101)), None);
    assert_eq!(window.segment(Run(100), Segment(0)), None);
    assert_eq!(window.init(Run(100)), Some(Bytes::from("init of 100")));
    assert_eq!(window.init(Run(99)), None);
    let newest = window.newest().unwrap();
    assert_eq!((newest.segment, newest.frame), (Segment(101), Frame(29)));
    assert_eq!(newest.date_unix_us, RUN_STARTED_UNIX_US + 29 * 40_000);
    assert_eq!(newest.bitrate_bps, Some(FRAGMENT_BYTES as u64 * 8 * 25));
}

#[test]
fn an_open_segment_is_not_listed() {
    let mut bench = Bench::new(UNBOUNDED);
    bench.begin_run(100);
    let shot = Shot::at(0);
    bench.live.publish(
        Packaged {
            unit: shot.unit(),
            fragment: fragment(shot),
            duration_ms: 40,
            ends_segment: false,
        },
        bench.now,
    );
    let window = bench.live.take_changes().unwrap();
    assert!(window.newest().is_some());
    assert_eq!(window.plain_playlist(), None);
    assert_eq!(window.segment(Run(100), Segment(100)), None);
    bench.live.end_segment(bench.now);
    let window = bench.live.take_changes().unwrap();
    assert_eq!(window.segments().len(), 1);
    assert!(bench.live.take_changes().is_none(), "nothing new");
}

#[test]
fn lost_segments_share_the_time_of_the_hole() {
    let mut bench = Bench::new(UNBOUNDED);
    bench.begin_run(100);
    let mut frames = shots(0..200);
    frames.drain(40..110); // the end of 101, all of 102 and 103, the beginning of 104
    bench.publish(&frames);
    assert_eq!(bench.numbers(), (100..108).collect::<Vec<_>>());
    let listed: Vec<_> = bench
        .window
        .segments()
        .iter()
        .map(|entry| {
            let date_ms = (entry.date_unix_us - RUN_STARTED_UNIX_US) / 1000;
            (
                date_ms,
                entry.duration_ms,
                matches!(entry.content, Content::Gap),
            )
        })
        .collect();
    assert_eq!(
        listed[..5],
        [
            (0, 1000, false),
            (1000, 600, false),
            (1600, 1000, true), // 2800 ms are more than two target durations
            (3000, 1000, true),
            (4400, 600, false),
        ]
    );
    assert_eq!(bench.window.counters().gaps, 2);
}

#[test]
fn segments_lost_between_two_runs_of_one_process_are_gaps() {
    let mut bench = Bench::new(UNBOUNDED);
    bench.begin_run(100);
    bench.publish(&shots(0..50));
    bench.begin_run(101);
    let later = |shot: Shot| Shot {
        run: 101,
        segment: shot.segment + 4, // 102 and 103 were captured and never sent
        ..shot
    };
    bench.publish(&shots(0..25).into_iter().map(later).collect::<Vec<_>>());
    assert_eq!(bench.numbers(), (100..105).collect::<Vec<_>>());
    let gaps = bench.window.segments().iter().filter_map(|entry| {
        matches!(entry.content, Content::Gap).then_some((entry.run.format.run, entry.number))
    });
    assert_eq!(
        gaps.collect::<Vec<_>>(),
        [(Run(101), Segment(102)), (Run(101), Segment(103))]
    );

    // A process that begins leaves numbers out, and nothing was lost.
    bench.begin_run(3000);
    let restarted = |shot: Shot| Shot {
        run: 3000,
        segment: shot.segment + 2900,
        ..shot
    };
    bench.publish(&shots(0..25).into_iter().map(restarted).collect::<Vec<_>>());
    assert_eq!(bench.numbers(), [3000]);
}

#[test]
fn a_window_is_bounded_in_seconds() {
    let limits = WindowLimits {
        seconds: 7,
        ..UNBOUNDED
    };
    let mut bench = Bench::new(limits);
    bench.begin_run(100);
    bench.publish(&shots(0..250));
    assert_eq!(bench.numbers(), (103..110).collect::<Vec<_>>());
    // Left segments stay for three target durations: 102 left with frame 249.
    let fetchable =
        |bench: &Bench, number| bench.window.segment(Run(100), Segment(number)).is_some();
    assert!(fetchable(&bench, 102));
    assert!(!fetchable(&bench, 99));
    let due = bench.live.next_deadline().unwrap();
    bench.live.forget(due);
    bench.live.forget(bench.now + Duration::from_secs(3));
    bench.window = bench.live.take_changes().unwrap();
    assert!(!fetchable(&bench, 102));
    assert_eq!(bench.live.next_deadline(), None);
}

#[test]
fn a_list_is_never_shorter_than_players_hold_back() {
    let limits = WindowLimits {
        seconds: 1,
        ..UNBOUNDED
    };
    let mut bench = Bench::new(limits);
    bench.begin_run(100);
    bench.publish(&shots(0..250));
    assert_eq!(bench.numbers(), (104..110).collect::<Vec<_>>());
}

#[test]
fn a_window_is_bounded_in_bytes() {
    let limits = WindowLimits {
        seconds: 0,
        bytes: 60 * FRAGMENT_BYTES,
    };
    let mut bench = Bench::new(limits);
    bench.begin_run(100);
    bench.publish(&shots(0..250));
    assert_eq!(bench.numbers(), [108, 109], "50 fragments");
}

#[test]
fn a_huge_hole_leaves_no_gaps_behind() {
    let limits = WindowLimits {
        seconds: 10,
        ..UNBOUNDED
    };
    let mut bench = Bench::new(limits);
    bench.begin_run(100);
    let far = |frame: u64| Shot {
        segment: u64::MAX / 2 + frame / 25,
        time_ms: 1_000_000 + frame as u32 * 40,
        ..Shot::at(frame)
    };
    let frames: Vec<_> = shots(0..50).into_iter().chain((50..300).map(far)).collect();
    bench.publish(&frames);
    let entries = bench.window.segments();
    assert!(
        entries
            .iter()
            .all(|entry| matches!(entry.content, Content::Frames(_)))
    );
    assert_eq!(entries.last().unwrap().number, Segment(u64::MAX / 2 + 11));
}

/// One step of a camera's life.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A segment of some frames after some lost ones, in the segment itself
    /// and before it.
    Segment {
        lost_segments: u64,
        lost_frames: u64,
        frames: u64,
        keyframe: bool,
    },
    NextRun,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let segment = (
        prop_oneof![9 => Just(0_u64), 1 => 1..4_u64],
        0..5_u64,
        1..30_u64,
        any::<bool>(),
    )
        .prop_map(
            |(lost_segments, lost_frames, frames, keyframe)| Step::Segment {
                lost_segments,
                lost_frames,
                frames,
                keyframe,
            },
        );
    prop_oneof![20 => segment, 1 => Just(Step::NextRun), 1 => Just(Step::Restart)]
}

/// A camera's frames, run by run.
fn film(steps: &[Step]) -> Vec<Vec<Shot>> {
    let (mut run, mut segment, mut frame, mut time_ms) = (100, 99, 0, 0);
    let mut runs = vec![Vec::new()];
    for step in steps {
        match *step {
            Step::Segment {
                lost_segments,
                lost_frames,
                frames,
                keyframe,
            } => {
                segment += 1 + lost_segments;
                let lost = lost_segments * 25 + lost_frames;
                frame += lost;
                time_ms += lost as u32 * 40;
                let shots = runs.last_mut().unwrap();
                for index in 0..frames {
                    shots.push(Shot {
                        run,
                        segment,
                        frame,
                        time_ms,
                        keyframe: keyframe && index == 0,
                    });
                    frame += 1;
                    time_ms += 40;
                }
            }
            Step::NextRun | Step::Restart => {
                (frame, time_ms) = (0, 0);
                run += 1;
                if let Step::Restart = step {
                    (run, segment) = (run + 5000, segment + 5000);
                }
                runs.push(Vec::new());
            }
        }
    }
    runs
}

/// A playlist as a player reads it: each segment's number with its own lines.
fn read(playlist: &str) -> (u64, BTreeMap<u64, String>) {
    let value = |tag: &str| {
        let line = playlist.lines().find_map(|line| line.strip_prefix(tag));
        line.unwrap().parse::<u64>().unwrap()
    };
    let target = value("#EXT-X-TARGETDURATION:");
    let (mut number, mut discontinuity) = (
        value("#EXT-X-MEDIA-SEQUENCE:"),
        value("#EXT-X-DISCONTINUITY-SEQUENCE:"),
    );
    let first = number;
    let (mut segments, mut own, mut map) = (BTreeMap::new(), String::new(), "");
    for line in playlist.lines().skip(6) {
        if line == "#EXT-X-INDEPENDENT-SEGMENTS" {
            // Of the whole list, as long as it is true.
        } else if line == "#EXT-X-DISCONTINUITY" {
            discontinuity += 1;
        } else if let Some(uri) = line.strip_prefix("#EXT-X-MAP:URI=") {
            map = uri;
        } else if let Some(seconds) = line.strip_prefix("#EXTINF:") {
            let seconds: f64 = seconds.trim_end_matches(',').parse().unwrap();
            assert!(seconds > 0.0 && seconds.round() <= target as f64, "{line}");
            own += line;
        } else if line.starts_with('#') {
            own += line;
        } else {
            assert_eq!(line, format!("{discontinuity}/{number}.m4s"));
            assert_eq!(map, format!("\"{discontinuity}/init.mp4\""));
            segments.insert(number, std::mem::take(&mut own) + line);
            number += 1;
        }
    }
    (first, segments)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What players rely on, playlist after playlist.
    #[test]
    fn playlists_never_go_back_and_never_change(
        steps in prop::collection::vec(step(), 1..60), seconds in prop_oneof![Just(0_u32), 1..30_u32],
        fragments in 1..2000_usize,
    ) {
        let limits = WindowLimits { seconds, bytes: fragments * FRAGMENT_BYTES };
        let mut bench = Bench::new(limits);
        let (mut first_seen, mut known) = (0, BTreeMap::new());
        for shots in film(&steps) {
            let Some(run) = shots.first().map(|shot| shot.run) else { continue };
            bench.started = bench.now;
            bench.begin_run(run);
            for segment in shots.chunk_by(|one, other| one.segment == other.segment) {
                bench.publish(segment);
                let window = &bench.window;
                let playlist = window.plain_playlist().unwrap();
                let (first, segments) = read(str::from_utf8(&playlist).unwrap());
                prop_assert!(first >= first_seen, "numbers go back");
                first_seen = first;
                for (number, text) in segments {
                    let known = known.entry(number).or_insert_with(|| text.clone());
                    prop_assert_eq!(known, &text, "a listed segment changed");
                }
                let newest = window.newest().unwrap();
                prop_assert_eq!(window.segments().last().unwrap().number, newest.segment);
                let (mut bytes, mut ms) = (0, 0);
                for entry in window.segments() {
                    let run = entry.run.format.run;
                    prop_assert!(window.init(run).is_some());
                    let fragments = window.segment(run, entry.number);
                    prop_assert_eq!(fragments.is_none(), entry.content == Content::Gap);
                    bytes += fragments.into_iter().flatten().map(|f| f.len()).sum::<usize>();
                    ms += u64::from(entry.duration_ms);
                }
                let alone = window.segments().len() == 1;
                prop_assert!(alone || bytes <= limits.bytes);
                prop_assert!(alone || seconds == 0 || ms <= u64::from(seconds.max(6)) * 1000);
                prop_assert!(window.segments()[0].content != Content::Gap);
            }
        }
    }
}

#[test]
fn the_open_segment_grows_under_readers_that_keep_what_they_saw() {
    let mut bench = Bench::new(UNBOUNDED);
    bench.begin_run(100);
    bench.publish(&shots(0..25));
    assert_eq!(bench.window.open(), None, "frame 24 ended segment 100");
    let mut seen = Vec::new();
    for shot in shots(25..28) {
        let frame = Packaged {
            fragment: fragment(shot),
            duration_ms: 40,
            unit: shot.unit(),
            ends_segment: false,
        };
        bench.live.publish(frame, bench.now);
        seen.push(bench.live.take_changes().unwrap());
    }
    for (frames, window) in (1..).zip(&seen) {
        let open = window.open().unwrap();
        assert_eq!((open.number, open.duration_ms), (Segment(101), 40 * frames));
        let fragments = &open.frames().unwrap().fragments;
        assert_eq!(fragments.len(), frames as usize);
        assert!(fragments[0].is_keyframe);
        let last = fragments.last().unwrap();
        assert_eq!(last.frame, window.newest().unwrap().frame);
        assert_eq!(last.bytes, fragment(Shot::at(last.frame.0)));
        assert_eq!(
            window.segment(Run(100), Segment(101)),
            None,
            "not whole yet"
        );
    }
}
