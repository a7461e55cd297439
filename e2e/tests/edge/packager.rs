//! ffmpeg dies and freezes, again and again, while a browser plays and another
//! ffmpeg records: nobody can tell from what they get.

use std::{env, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use zerocam_e2e::{
    FaultProxy, Footage, Recorder, Service,
    processes::{self, Process, children_of},
    service::ServiceHome,
    within,
};

use crate::stage::{Audience, GARDEN, GOP, camera, check_nothing_is_lost};

/// Kills, and freezes; `scripts/test soak` has more.
const ROUNDS: u32 = 10;

/// How soon an ffmpeg that ended or stands still is replaced.
const REPLACED: Duration = Duration::from_secs(1);

fn rounds() -> u32 {
    match env::var("ZEROCAM_SOAK_ROUNDS") {
        Ok(text) => text.parse().expect("a number of rounds"),
        Err(_) => ROUNDS,
    }
}

/// The one ffmpeg of a service.
fn packager(service: u32) -> Option<Process> {
    match &children_of(service)[..] {
        [child] if child.name == "ffmpeg" && child.state != 'Z' => Some(child.clone()),
        _ => None,
    }
}

/// The number of the newest picture that the service has.
fn newest(service: &Service<'_>) -> u64 {
    let status = service.status(GARDEN);
    status["newest"]["frame"].as_u64().expect("it is live")
}

#[test]
fn nobody_notices_that_ffmpeg_was_killed_or_frozen() {
    let (footage, home) = (Footage::bikes(), ServiceHome::new());
    let service = home.start(0);
    let proxy = FaultProxy::before(service.address);
    let mut camera = camera(&home, proxy.address(), &footage);
    service.wait_until_live(GARDEN);
    let playlist = service.playlist_url(GARDEN);
    let mut audience = Audience::new(playlist.trim_end_matches("/plain.m3u8"));
    let recorder = Recorder::start(&playlist);
    audience.follow(3 * GOP);
    audience.report_no_stop("undisturbed");

    let mut replaced = Vec::new();
    for (signal, occasion) in [(Signal::KILL, "killed"), (Signal::STOP, "frozen")] {
        for _ in 0..rounds() {
            let child = within(REPLACED, "one ffmpeg runs", || {
                packager(service.program.pid())
            });
            let pid = Pid::from_raw(child.pid.cast_signed()).expect("processes have numbers");
            kill_process(pid, signal).expect("it runs");
            within(
                REPLACED,
                &format!("ffmpeg {} was replaced", child.pid),
                || packager(service.program.pid()).filter(|next| next.pid != child.pid),
            );
            replaced.push(child.pid);
            // Three failures in one segment would give it up: the next one waits
            // for a later segment than any that was begun by now.
            let begun = newest(&service);
            let missing = begun.saturating_sub(audience.newest());
            audience.follow(missing + 2 * GOP);
        }
        audience.report_no_stop(&format!("{occasion} {} times", rounds()));
    }
    audience.plays_on("after all");

    let last = packager(service.program.pid()).expect("one ffmpeg runs, and no zombie");
    let times = recorder.finish();
    let steps = times.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let strange: Vec<_> = steps.filter(|step| !(39..=41).contains(step)).collect();
    println!("{} pictures recorded", times.len());
    assert!(strange.is_empty(), "a recording with holes: {strange:?} ms");
    assert!(times.len() as u64 > 2 * u64::from(rounds()) * GOP);
    check_nothing_is_lost(&mut camera, &proxy, &mut audience.viewer);

    drop(audience);
    drop(service);
    within(REPLACED, "no ffmpeg is left", || {
        let left = replaced.iter().chain([&last.pid]);
        let mut left = left.filter_map(|pid| processes::process(*pid));
        left.all(|process| process.name != "ffmpeg").then_some(())
    });
}
