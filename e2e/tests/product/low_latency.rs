//! Low-Latency HLS as strangers' software sees it: hls-parser in its strict
//! mode, hls.js in Chromium, ffmpeg; and what none of them looks at.

use std::{fs, path::Path, process::Command, thread};

use serde::Deserialize;
use tempfile::TempDir;
use zerocam_e2e::{Camera, Footage, Program, program::repository, service::ServiceHome};

use crate::stage::{GARDEN, settings};

/// Playlists that are followed: more than six target durations, so that there
/// is something to skip.
const RELOADS: usize = 50;

#[test]
fn players_and_checkers_accept_what_is_served() {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    let service = home.start(0);
    let _camera = Camera::start(&settings(&home, service.address, &footage));
    service.wait_until_live(GARDEN);
    let url = service.playlist_url(GARDEN).replace("plain", "index");
    let page = format!("http://localhost:{}/health/live", service.address.port());

    thread::scope(|scope| {
        let watched = scope.spawn(|| watch(&page, &url));
        let lists = TempDir::new().unwrap();
        let deltas = follow(&url, lists.path());
        let read = strictly_read(lists.path());
        println!(
            "hls-parser read {} playlists, {deltas} of them deltas, with {} parts",
            read.playlists, read.parts
        );
        assert_eq!(read.complaints, Vec::<String>::new());
        assert_eq!(read.playlists, RELOADS);
        assert!(deltas > 0);

        let samples = watched.join().unwrap();
        let (first, last) = (&samples[0], samples.last().unwrap());
        let ages = || samples.iter().filter_map(|sample| sample.age_ms);
        println!(
            "hls.js: {} pictures in {:.1} s of video from {} parts and {} segments, {} deltas; \
             age {:.0} to {:.0} ms",
            last.frames,
            last.media_time_s - first.media_time_s,
            last.parts,
            last.segments,
            last.deltas,
            ages().fold(f64::INFINITY, f64::min),
            ages().fold(0.0, f64::max),
        );
        assert_eq!((&last.complaints, &last.error), (&vec![], &None));
        assert!(last.frames > first.frames, "{samples:?}");
        assert!(last.parts > 0 && last.deltas > 0, "{last:?}");
    });

    let frames = "50";
    let decoded = Program::run(
        Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-xerror"])
            .args(["-err_detect", "explode", "-i", &url])
            .args(["-map", "0:v", "-frames:v", frames, "-f", "framehash", "-"]),
    );
    let pictures = decoded.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(pictures.count().to_string(), frames);
}

/// Follows part by part; every other playlist is a delta. Says how many deltas
/// left something out.
fn follow(url: &str, lists: &Path) -> usize {
    let (mut segment, mut part) = (None, 0);
    let mut deltas = 0;
    for index in 0..RELOADS {
        let place = segment.map_or_else(String::new, |segment: u64| {
            format!("&_HLS_msn={segment}&_HLS_part={part}")
        });
        let skip = if index % 2 == 0 { "NO" } else { "YES" };
        let text = ureq::get(format!("{url}?_HLS_skip={skip}{place}"))
            .call()
            .expect("a reload is answered")
            .body_mut()
            .read_to_string()
            .unwrap();
        check(&text);
        deltas += usize::from(text.contains("#EXT-X-SKIP:"));
        fs::write(lists.join(format!("{index}.m3u8")), &text).unwrap();
        let (next, parts) = end(&text);
        assert!(
            segment.is_none_or(|asked| (next, parts) > (asked, part)),
            "{place}\n{text}"
        );
        (segment, part) = (Some(next), parts);
    }
    deltas
}

/// What the checkers leave out.
fn check(text: &str) {
    let number = |tag: &str, attribute: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(tag)).unwrap();
        let (_, value) = line.split_once(attribute).unwrap();
        value.split(',').next().unwrap().parse().unwrap()
    };
    let target = number("#EXT-X-PART-INF:", "PART-TARGET=");
    assert!(number("#EXT-X-SERVER-CONTROL:", "PART-HOLD-BACK=") >= 3.0 * target - 1e-9);
    assert!(text.contains("CAN-BLOCK-RELOAD=YES"), "{text}");
    assert!(
        text.contains("#EXT-X-SKIP:") || text.contains("#EXT-X-MAP:"),
        "{text}"
    );
    assert!(!text.contains("ENDLIST"), "{text}");
    let last = text.lines().next_back().unwrap();
    assert!(
        last.starts_with("#EXT-X-PRELOAD-HINT:TYPE=PART,URI="),
        "{text}"
    );
    // Each segment has its date, and its parts make it up.
    let (mut dated, mut parts_s) = (false, 0.0);
    for line in text.lines() {
        if line.starts_with("#EXT-X-PROGRAM-DATE-TIME:") {
            dated = true;
        } else if let Some(part) = line.strip_prefix("#EXT-X-PART:DURATION=") {
            assert!(dated, "{text}");
            parts_s += part.split(',').next().unwrap().parse::<f64>().unwrap();
        } else if let Some(duration) = line.strip_prefix("#EXTINF:") {
            let duration_s: f64 = duration.trim_end_matches(',').parse().unwrap();
            assert!(dated, "{text}");
            assert!(
                parts_s == 0.0 || (parts_s - duration_s).abs() < 1e-6,
                "{text}"
            );
            (dated, parts_s) = (false, 0.0);
        }
    }
}

/// The segment that comes after the whole ones, and how many parts it has.
fn end(text: &str) -> (u64, u64) {
    let value = |tag: &str| text.lines().find_map(|line| line.strip_prefix(tag));
    let number = |tag: &str| value(tag).map_or(0, |value| value.parse().unwrap());
    let whole = text.matches("#EXTINF:").count() as u64 + number("#EXT-X-SKIP:SKIPPED-SEGMENTS=");
    let open = text.rsplit(".m4s\n").next().unwrap();
    let parts = open.matches("#EXT-X-PART:").count() as u64;
    (number("#EXT-X-MEDIA-SEQUENCE:") + whole, parts)
}

#[derive(Debug, Deserialize)]
struct Read {
    playlists: usize,
    parts: usize,
    complaints: Vec<String>,
}

fn strictly_read(lists: &Path) -> Read {
    let files = fs::read_dir(lists)
        .unwrap()
        .map(|file| file.unwrap().path());
    let checker = repository().join("e2e/playlists/check.mjs");
    let printed = Program::run(Command::new("node").arg(checker).args(files));
    serde_json::from_str(&printed).unwrap()
}

/// hls.js at one moment.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sample {
    parts: u64,
    segments: u64,
    deltas: u64,
    frames: u64,
    media_time_s: f64,
    age_ms: Option<f64>,
    complaints: Vec<String>,
    error: Option<String>,
}

/// Ten seconds of hls.js on a page of another origin.
fn watch(page: &str, playlist: &str) -> Vec<Sample> {
    let library = repository().join("cloud/player/node_modules/hls.js/dist/hls.light.min.js");
    let printed = Program::run(
        Command::new("node")
            .arg(repository().join("e2e/browser/low-latency.mjs"))
            .args(["--page", page, "--playlist", playlist, "--seconds", "10"])
            .arg("--library")
            .arg(library),
    );
    serde_json::from_str(&printed).unwrap()
}
