//! The media path with the real ffmpeg: H.264 goes in as access units, MP4 and
//! playlists come out and are decoded again.

#![cfg(test)]

mod media {
    pub(crate) mod footage;
}

use std::{path::Path, sync::Arc, time::Duration};

use media::footage::{Camera, Footage, Plus, decoded_times_us, nominal_date_us};
use rustix::process::{Pid, Signal, kill_process};
use zerocam_cloud::media::{Media, MediaConfig, Rejected, Spawner, Window};
use zerocam_protocol::{AccessUnit, Frame, Run, Segment, message::Position};

/// Ten times what a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

fn media() -> Media {
    let spawner = Spawner::start().unwrap();
    Media::spawn("garden".parse().unwrap(), MediaConfig::default(), spawner)
}

async fn push_all(media: &Media, units: &[AccessUnit]) {
    for unit in units {
        let date_us = nominal_date_us(unit);
        media.push(unit.clone(), date_us).await.unwrap();
    }
}

async fn until(media: &Media, condition: impl FnMut(&Arc<Window>) -> bool) -> Arc<Window> {
    let mut window = media.window();
    let found = tokio::time::timeout(PATIENCE, window.wait_for(condition)).await;
    found.expect("it happens in time").unwrap().clone()
}

async fn until_have(media: &Media, frame: Frame) -> Arc<Window> {
    until(media, |window| {
        window.have().is_some_and(|have| have.frame >= frame)
    })
    .await
}

fn now(media: &Media) -> Arc<Window> {
    media.window().borrow().clone()
}

fn signal_child(window: &Window, signal: Signal) -> u32 {
    let pid = window.child_pid().unwrap();
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
    pid
}

/// Everything that is listed of a run, as a player would concatenate it.
fn file_of(window: &Window, run: Run) -> Vec<u8> {
    let mut file = window.init(run).unwrap().to_vec();
    for entry in window.segments() {
        if entry.run.format.run == run {
            for fragment in window.segment(run, entry.number).into_iter().flatten() {
                file.extend_from_slice(&fragment);
            }
        }
    }
    file
}

/// The lines of a playlist that begin so, without that beginning.
fn plain_playlist(window: &Window) -> String {
    let text = window.plain_playlist().unwrap();
    String::from_utf8(text.into()).unwrap()
}

fn lines<'a>(playlist: &'a str, beginning: &str) -> Vec<&'a str> {
    let strip = |line: &'a str| line.strip_prefix(beginning);
    playlist.lines().filter_map(strip).collect()
}

#[tokio::test]
async fn every_frame_arrives_once_with_its_time() {
    let footage = Footage::get();
    let camera = Camera::default();
    let units = camera.shoot(footage, 100);
    let media = media();
    media.begin_run(camera.format(footage)).await;
    push_all(&media, &units).await;

    // One frame is always inside ffmpeg.
    let window = until_have(&media, Frame(98)).await;
    let have = |frame| {
        Some(Position {
            run: camera.run,
            frame: Frame(frame),
        })
    };
    assert_eq!(window.have(), have(98));
    assert_eq!(media.floor(), camera.first_segment.plus(3));
    assert_eq!(window.segments().len(), 3, "the fourth is not complete");
    media.flush().await;
    assert_eq!(media.have(), have(99));

    let window = now(&media);
    let whole_ms = |unit: &AccessUnit| (unit.header().capture_time_us / 1000 * 1000) as i64;
    let expected: Vec<i64> = units.iter().map(whole_ms).collect();
    assert_eq!(decoded_times_us(&file_of(&window, camera.run)), expected);
    let playlist = &plain_playlist(&window);
    assert_eq!(
        lines(playlist, "#EXTINF:"),
        ["1.000,", "1.000,", "1.000,", "1.000,"]
    );
    assert!(!playlist.contains("ENDLIST"));
    let newest = window.newest().unwrap();
    assert_eq!(newest.date_unix_us, nominal_date_us(&units[99]));
    assert!(newest.bitrate_bps.unwrap() > 1000);
    assert_eq!(window.counters().children_started, 1);
}

#[tokio::test]
async fn a_killed_child_leaves_no_trace() {
    let footage = Footage::get();
    let camera = Camera::default();
    let units = camera.shoot(footage, 150);
    let (undisturbed, killed) = (media(), media());
    for media in [&undisturbed, &killed] {
        media.begin_run(camera.format(footage)).await;
    }
    push_all(&undisturbed, &units).await;
    undisturbed.flush().await;

    let mut pids = Vec::new();
    // Killed at different places of a group of pictures.
    for part in units.chunks(37) {
        push_all(&killed, part).await;
        let last = part.last().unwrap().header().frame;
        let window = until_have(&killed, Frame(last.0 - 1)).await;
        pids.push(signal_child(&window, Signal::KILL));
        let failures = pids.len() as u64;
        until(&killed, |window| {
            window.counters().children_failed == failures
        })
        .await;
    }
    killed.flush().await;

    let (expected, window) = (now(&undisturbed), now(&killed));
    assert_eq!(window.counters().children_started, 6);
    assert_eq!(window.counters().units_dropped, 0);
    assert_eq!(window.plain_playlist(), expected.plain_playlist());
    assert_eq!(window.segments(), expected.segments(), "every byte");
    assert_eq!(decoded_times_us(&file_of(&window, camera.run)).len(), 150);
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 5, "each child is killed once");
    for pid in pids {
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "a zombie");
    }
}

#[tokio::test]
async fn a_frozen_child_is_replaced() {
    let footage = Footage::get();
    let camera = Camera::default();
    let units = camera.shoot(footage, 60);
    let media = media();
    media.begin_run(camera.format(footage)).await;
    push_all(&media, &units[..30]).await;
    let window = until_have(&media, Frame(28)).await;
    signal_child(&window, Signal::STOP);
    push_all(&media, &units[30..]).await;
    let window = until_have(&media, Frame(58)).await;
    assert_eq!(window.counters().children_failed, 1);
    assert_eq!(window.fault(), None);
    media.flush().await;
    let file = file_of(&now(&media), camera.run);
    assert_eq!(decoded_times_us(&file).len(), 60);
}

#[tokio::test]
async fn two_services_write_the_same_bytes() {
    let footage = Footage::get();
    let camera = Camera::default();
    let units = camera.shoot(footage, 100);
    let (first, second) = (media(), media());
    for (media, from) in [(&first, 0), (&second, 50)] {
        media.begin_run(camera.format(footage)).await;
        push_all(media, &units[from..]).await;
        media.flush().await;
    }
    let (all, late) = (now(&first), now(&second));
    assert_eq!(late.segments(), &all.segments()[2..]);
    assert_eq!(late.init(camera.run), all.init(camera.run));
}

#[tokio::test]
async fn a_lost_segment_is_a_gap() {
    let footage = Footage::get();
    let camera = Camera::default();
    let mut units = camera.shoot(footage, 125);
    // The end of segment 1 and all of segment 2.
    units.drain(40..75);
    let media = media();
    media.begin_run(camera.format(footage)).await;
    push_all(&media, &units).await;
    media.flush().await;

    let window = now(&media);
    let playlist = &plain_playlist(&window);
    assert_eq!(
        lines(playlist, "#EXTINF:"),
        ["1.000,", "0.600,", "1.000,", "1.000,", "1.000,"]
    );
    assert_eq!(playlist.matches("#EXT-X-GAP\n").count(), 1);
    let lost = camera.first_segment.plus(2);
    assert!(playlist.contains(&format!("{}/{lost}.m4s", camera.run)));
    assert_eq!(window.segment(camera.run, lost), None);
    assert_eq!(window.counters().gaps, 1);
    let times = decoded_times_us(&file_of(&window, camera.run));
    assert_eq!(times.len(), 90);
    let whole_ms = |unit: &AccessUnit| (unit.header().capture_time_us / 1000 * 1000) as i64;
    assert_eq!(times[39..41], [39, 40].map(|index| whole_ms(&units[index])));
}

#[tokio::test]
async fn a_new_run_goes_on_and_a_restart_begins_anew() {
    let footage = Footage::get();
    let first = Camera::default();
    let second = Camera {
        run: first.run.next(),
        first_segment: first.first_segment.plus(2),
    };
    let restarted = Camera {
        run: Run(first.run.0 + 4000),
        first_segment: Segment(first.run.0 + 4000),
    };
    let media = media();
    for camera in [first, second] {
        media.begin_run(camera.format(footage)).await;
        push_all(&media, &camera.shoot(footage, 50)).await;
    }
    media.flush().await;
    let window = now(&media);
    let playlist = &plain_playlist(&window);
    assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 1);
    assert_eq!(playlist.matches("#EXT-X-MAP").count(), 2);
    assert_eq!(
        lines(playlist, "#EXT-X-DISCONTINUITY-SEQUENCE:"),
        [(first.run.0 % (1 << 16)).to_string()]
    );
    assert_eq!(window.segments().len(), 4);
    let file = file_of(&window, second.run);
    assert_eq!(decoded_times_us(&file).len(), 50);

    media.begin_run(restarted.format(footage)).await;
    let units = restarted.shoot(footage, 50);
    push_all(&media, &units[..20]).await;
    let old = until(&media, |window| window.have().unwrap().run == restarted.run).await;
    assert_eq!(old.segments().len(), 4, "until the new run has a segment");
    push_all(&media, &units[20..]).await;
    media.flush().await;
    let window = now(&media);
    assert_eq!(window.segments().len(), 2);
    let playlist = &plain_playlist(&window);
    assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 0);
    assert_eq!(
        lines(playlist, "#EXT-X-MEDIA-SEQUENCE:"),
        [restarted.first_segment.to_string()]
    );
    assert!(
        window.segment(second.run, second.first_segment).is_some(),
        "players in the middle of the old playlist can go on a little"
    );
    let stale = media.push(second.shoot(footage, 1)[0].clone(), 0).await;
    assert!(matches!(stale, Err(Rejected::StaleRun { .. })), "{stale:?}");
}

#[tokio::test]
async fn a_missing_ffmpeg_is_reported_and_blocks_nobody() {
    let footage = Footage::get();
    let camera = Camera::default();
    let config = MediaConfig {
        ffmpeg: "/nowhere/ffmpeg".into(),
        ..MediaConfig::default()
    };
    let media = Media::spawn("garden".parse().unwrap(), config, Spawner::start().unwrap());
    media.begin_run(camera.format(footage)).await;
    push_all(&media, &camera.shoot(footage, 50)).await;
    let window = until(&media, |window| window.fault().is_some()).await;
    let fault = window.fault().unwrap();
    assert!(fault.contains("cannot run ffmpeg (/nowhere"), "{fault}");
    until(&media, |window| window.counters().units_dropped >= 25).await;
    assert_eq!(now(&media).plain_playlist(), None);
    media.flush().await;
}

#[tokio::test]
async fn frames_may_come_twice_but_not_before_their_hello() {
    let footage = Footage::get();
    let camera = Camera::default();
    let units = camera.shoot(footage, 50);
    let media = media();
    let early = media.push(units[0].clone(), 0).await;
    assert!(
        matches!(early, Err(Rejected::UnknownRun { .. })),
        "{early:?}"
    );
    media.begin_run(camera.format(footage)).await;
    let undecodable = media.push(units[1].clone(), 0).await.unwrap_err();
    let text = undecodable.to_string();
    assert!(text.starts_with("no parameter sets: frame 1"), "{text}");
    push_all(&media, &units[..30]).await;
    media.begin_run(camera.format(footage)).await;
    push_all(&media, &units[20..]).await;
    media.flush().await;
    let file = file_of(&now(&media), camera.run);
    assert_eq!(decoded_times_us(&file).len(), 50);
    assert_eq!(now(&media).counters().children_started, 1);
}

#[tokio::test]
async fn after_a_flush_the_run_goes_on_with_the_next_segment() {
    let footage = Footage::get();
    let camera = Camera::default();
    let units = camera.shoot(footage, 75);
    let media = media();
    media.begin_run(camera.format(footage)).await;
    push_all(&media, &units[..30]).await;
    media.flush().await;
    push_all(&media, &units[30..]).await;
    media.flush().await;
    let window = now(&media);
    let playlist = &plain_playlist(&window);
    assert_eq!(lines(playlist, "#EXTINF:"), ["1.000,", "0.200,", "1.000,"]);
    assert_eq!(window.counters().units_dropped, 20);
    let file = file_of(&window, camera.run);
    assert_eq!(decoded_times_us(&file).len(), 55);
}
