//! What a low-latency player relies on, frame by frame.

use media_doctor::{Report, check_hls_playlist};

use super::*;
use crate::media::{parts::PartTarget, playlist::Place};

/// A playlist as a player reads it.
#[derive(Debug, Default)]
struct Listing {
    text: String,
    part_target_ms: u32,
    /// Every whole segment: its number, run, duration and parts.
    segments: Vec<(u64, u64, u32, Vec<ListedPart>)>,
    open: Vec<ListedPart>,
    hint: (u64, u64),
}

/// Run, name, duration.
type ListedPart = (u64, u64, u32);

fn read(text: &str) -> Listing {
    let ms = |seconds: &str| (seconds.parse::<f64>().unwrap() * 1000.0).round() as u32;
    let part_name = |uri: &str| -> (u64, u64) {
        let (run, file) = uri.trim_matches('"').split_once('/').unwrap();
        let name = file.strip_suffix(".part.m4s").unwrap();
        (run.parse().unwrap(), name.parse().unwrap())
    };
    let mut listing = Listing {
        text: text.to_owned(),
        ..Listing::default()
    };
    let (mut number, mut duration_ms, mut is_gap) = (0, 0, false);
    for line in text.lines() {
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        let attribute = |name: &str| {
            let mut all = value.split(',').filter_map(|it| it.split_once('='));
            all.find(|(key, _)| *key == name).unwrap().1
        };
        match tag {
            "#EXT-X-PART-INF" => listing.part_target_ms = ms(attribute("PART-TARGET")),
            "#EXT-X-SERVER-CONTROL" => {
                assert_eq!(attribute("CAN-BLOCK-RELOAD"), "YES");
                assert!(ms(attribute("PART-HOLD-BACK")) > 0);
            }
            "#EXT-X-MEDIA-SEQUENCE" => number = value.parse().unwrap(),
            "#EXT-X-GAP" => is_gap = true,
            "#EXT-X-PART" => {
                let (run, name) = part_name(attribute("URI"));
                listing.open.push((run, name, ms(attribute("DURATION"))));
            }
            "#EXTINF" => duration_ms = ms(value.trim_end_matches(',')),
            "#EXT-X-PRELOAD-HINT" => listing.hint = part_name(attribute("URI")),
            _ if !line.starts_with('#') => {
                let run = line.split_once('/').unwrap().0.parse().unwrap();
                let parts = std::mem::take(&mut listing.open);
                assert!(!is_gap || parts.is_empty());
                listing.segments.push((number, run, duration_ms, parts));
                (number, is_gap) = (number + 1, false);
            }
            _ => {}
        }
    }
    listing
}

/// All parts that were ever listed or hinted, and what holds between one
/// playlist and the next.
#[derive(Default)]
struct Player {
    last: Listing,
    parts: BTreeMap<(u64, u64), (u32, Vec<Bytes>)>,
}

impl Player {
    fn look(&mut self, window: &Window) {
        let Some(playlist) = window.low_latency() else {
            assert!(self.last.text.is_empty(), "there was a playlist before");
            return;
        };
        let full = playlist.full();
        let text = str::from_utf8(&full).unwrap();
        if text == self.last.text {
            return;
        }
        let mut report = Report::new();
        check_hls_playlist(text, &mut report);
        assert!(report.is_empty(), "{:?}\n{text}", report.findings());

        let listing = read(text);
        let (number, run, ..) = listing.segments.last().unwrap();
        let target = PartTarget::of(&format(*run)).ms;
        assert_eq!(listing.part_target_ms, target);
        assert_eq!(playlist.last(), Segment(*number));
        for (index, (number, run, duration_ms, parts)) in listing.segments.iter().enumerate() {
            let sum: u32 = parts.iter().map(|part| part.2).sum();
            assert!(parts.is_empty() || sum == *duration_ms, "{text}");
            let frames = window.segment(Run(*run), Segment(*number));
            let near_the_end = index + 2 >= listing.segments.len();
            assert_eq!(
                !parts.is_empty(),
                near_the_end && frames.is_some(),
                "{text}"
            );
            let mut joined = Vec::new();
            for part in parts {
                joined.extend(self.fetch(window, *part));
            }
            assert!(parts.is_empty() || Some(joined) == frames);
        }
        for part in &listing.open {
            self.fetch(window, *part);
        }
        let waits_for = |place| !playlist.has(place) && !playlist.is_far_beyond(place);
        let next = playlist.last().next();
        assert!(waits_for(Place {
            segment: next,
            part: Some(listing.open.len() as u64),
        }));
        assert!(waits_for(Place {
            segment: next,
            part: None,
        }));

        // The hint of the last playlist is a part now, or will never be.
        let (run, name) = self.last.hint;
        if self.last.text.is_empty() || self.last.hint == listing.hint {
            // Nothing to fetch yet.
        } else if run == listing.hint.0 {
            assert!(
                self.parts.contains_key(&(run, name)),
                "{run}/{name}\n{text}"
            );
        } else {
            let gone = MediaFile::Part(Run(run), Frame(name));
            assert!(!window.may_come(gone), "{run}/{name}\n{text}");
        }
        let (run, name) = listing.hint;
        let (run, name) = (Run(run), Frame(name));
        assert_eq!(window.part(run, name), None);
        assert!(window.may_come(MediaFile::Part(run, name)), "{text}");
        self.last = listing;
    }

    /// What is listed can be had, and never changes.
    fn fetch(&mut self, window: &Window, (run, name, duration_ms): ListedPart) -> Vec<Bytes> {
        let found = window.part(Run(run), Frame(name));
        let part = (duration_ms, found.unwrap_or_else(|| panic!("{run}/{name}")));
        let known = self.parts.entry((run, name)).or_insert(part.clone());
        assert_eq!(*known, part, "{run}/{name} changed");
        part.1
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn low_latency_playlists_go_on(
        steps in prop::collection::vec(step(), 1..30), seconds in prop_oneof![Just(0_u32), 1..30_u32],
    ) {
        let limits = WindowLimits { seconds, bytes: usize::MAX };
        let (mut bench, mut player) = (Bench::new(limits), Player::default());
        for shots in film(&steps) {
            let Some(run) = shots.first().map(|shot| shot.run) else { continue };
            bench.started = bench.now;
            bench.begin_run(run);
            bench.publish_and_look(&shots, |window| player.look(window));
            player.look(&bench.window);
        }
    }
}

#[test]
fn parts_that_have_left_the_list_can_be_fetched_for_a_while() {
    let limits = WindowLimits {
        seconds: 6,
        ..UNBOUNDED
    };
    let mut bench = Bench::new(limits);
    bench.begin_run(100);
    bench.publish(&shots(0..200));
    // 100 and 101 have left, three target durations ago at most.
    assert_eq!(bench.numbers(), (102..108).collect::<Vec<_>>());
    let part = |bench: &Bench, name| bench.window.part(Run(100), Frame(name));
    assert_eq!(part(&bench, 5).unwrap().len(), 5);
    assert_eq!(part(&bench, 6), None, "in the middle of a part");
    assert!(!bench.window.may_come(MediaFile::Part(Run(100), Frame(6))));
    bench.live.forget(bench.now + Duration::from_secs(4));
    bench.window = bench.live.take_changes().unwrap();
    assert_eq!(part(&bench, 5), None);
    assert!(!bench.window.may_come(MediaFile::Part(Run(100), Frame(5))));
}

#[test]
fn what_may_still_come() {
    let mut bench = Bench::new(UNBOUNDED);
    let (run, later_run) = (Run(100), Run(101));
    let far = MediaFile::Part(later_run, Frame(1_000_000));
    assert!(bench.window.may_come(far), "nothing is known yet");
    bench.begin_run(100);
    bench.publish(&shots(0..50));
    let table = [
        (MediaFile::Init(run), false),
        (MediaFile::Init(later_run), true),
        (MediaFile::Init(Run(99)), false),
        (MediaFile::Segment(run, Segment(99)), false),
        (MediaFile::Segment(run, Segment(101)), false),
        (MediaFile::Segment(run, Segment(102)), true),
        (MediaFile::Segment(Run(99), Segment(102)), false),
        (MediaFile::Part(run, Frame(49)), false),
        (MediaFile::Part(run, Frame(50)), true),
        (MediaFile::Part(Run(99), Frame(50)), false),
        (far, true),
    ];
    for (file, may_come) in table {
        assert_eq!(bench.window.may_come(file), may_come, "{file:?}");
    }
}

/// A camera that sends keyframes only, and one that sends a single one.
#[test]
fn unusual_groups_of_pictures() {
    for keyframes in [true, false] {
        let (mut bench, mut player) = (Bench::new(UNBOUNDED), Player::default());
        bench.begin_run(100);
        let unusual = |shot: Shot| Shot {
            keyframe: keyframes || shot.frame == 0,
            ..shot
        };
        let film: Vec<_> = shots(0..1500).into_iter().map(unusual).collect();
        bench.publish_and_look(&film, |window| player.look(window));
        let text = &player.last.text;
        let parts = text.matches("#EXT-X-PART:").count();
        let independent = text.matches(",INDEPENDENT=YES").count();
        assert_eq!(parts, 10, "{text}"); // two segments
        assert_eq!(independent, if keyframes { parts } else { 0 });
        assert_eq!(text.contains("INDEPENDENT-SEGMENTS"), keyframes);
    }
}
