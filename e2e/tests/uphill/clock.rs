//! Dates and numbers while the camera's clock is wrong, and while it jumps.

use std::{fs, path::PathBuf, time::SystemTime};

use zerocam_e2e::{Device, Footage, Service, Viewer, service::ServiceHome, within};

use crate::stage::{GARDEN, SOON, camera_says, check_no_secrets, cloud, stream};

/// How old the newest picture may be, in milliseconds. Clocks are wrong by more
/// than a hundred times that.
const MOST_AGE_MS: i64 = 20_000;

/// How far a run's dates may leave the time since its first picture, in
/// milliseconds.
const BOUND_MS: i64 = 2_000;

/// Gives the programs of a device another time of day, and a way to change it:
/// `+1h` is an hour ahead.
fn fake_clock(device: &mut Device) -> impl Fn(&str) + use<> {
    let file = device.path().join("offset");
    device.set("LD_PRELOAD", library().display());
    device.set("FAKETIME_TIMESTAMP_FILE", file.display());
    device.set("FAKETIME_CACHE_DURATION", 1);
    device.set("FAKETIME_DONT_FAKE_MONOTONIC", 1);
    move |offset| fs::write(&file, offset).expect("room for temporary files")
}

/// Debian's package faketime has one for programs with threads.
fn library() -> PathBuf {
    let places = fs::read_dir("/usr/lib").expect("every system has it");
    places
        .filter_map(|place| Some(place.ok()?.path().join("faketime/libfaketimeMT.so.1")))
        .find(|library| library.exists())
        .expect("the package faketime is installed: scripts/test e2e does that")
}

#[test]
fn dates_are_right_and_numbers_grow_whatever_the_camera_takes_for_the_time() {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    let service = home.start(0);
    let mut device = Device::new(&format!(
        "{}[camera]\nbackend = \"replay\"\nfile = \"{}\"\n",
        cloud(&home, service.address),
        footage.path.display()
    ));
    let set_clock = fake_clock(&mut device);
    let mut viewer = Viewer::of(&service.playlist_url(GARDEN));

    set_clock("+1h");
    let mut daemon = stream(&device, &service);
    let first_run = dates_are_right(&service, &mut viewer, "an hour ahead");
    assert_run_is_ahead(first_run);
    set_clock("-1h");
    dates_are_right(&service, &mut viewer, "stepped two hours back");
    set_clock("+30d");
    dates_are_right(&service, &mut viewer, "stepped a month ahead");

    // The clock is set back, and the camera forgets all but its disk.
    set_clock("-1h");
    assert!(daemon.terminate(SOON).success());
    let daemon = device.start();
    camera_says(&device, "STREAMING", SOON);
    let second_run = dates_are_right(&service, &mut viewer, "an hour behind, started again");
    assert!(second_run > first_run);
    check_no_secrets(&home, &[&daemon, &service.program]);
}

/// A clock that is faked shows in the run's number, which begins as the time.
fn assert_run_is_ahead(run: u64) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now_s = now.expect("this machine's clock is right").as_secs();
    assert!(
        run > now_s + 3000,
        "the camera's clock was not faked: {run}"
    );
}

/// Follows for some seconds. Gives the newest run.
fn dates_are_right(service: &Service<'_>, viewer: &mut Viewer, clock: &str) -> u64 {
    /// Pictures after which the clock exchange has seen any new clock.
    const SOME: usize = 5 * 25;
    let before = viewer.pictures.len();
    within(
        2 * SOON,
        &format!("pictures from a camera whose clock is {clock}"),
        || {
            viewer.look();
            (viewer.pictures.len() >= before + SOME).then_some(())
        },
    );
    let status = service.status(GARDEN);
    let number = |name: &str| status["newest"][name].as_i64().expect("a number");
    let service_time_ms = status["service_time_unix_ms"].as_i64().expect("a number");
    let age_ms = service_time_ms - number("date_unix_ms");
    println!(
        "camera {clock}: age {} ms, newest picture dated {age_ms} ms ago",
        status["age_ms"]
    );
    assert!((0..MOST_AGE_MS).contains(&age_ms), "{status}");
    assert_eq!(status["state"], "live", "{status}");

    // Within a run, dates and capture times pass alike.
    let run = viewer.pictures.last().expect("it followed").0.0;
    let dated: Vec<(i64, i64)> = viewer.dates(run).collect();
    let (&(date_ms, captured_ms), rest) = dated.split_first().expect("it followed");
    let drift = |&(later_ms, later_captured_ms): &(i64, i64)| {
        (later_ms - date_ms) - (later_captured_ms - captured_ms)
    };
    let worst = rest.iter().map(drift).max_by_key(|drift| drift.abs());
    println!(
        "  {} segments of run {run}, off by {worst:?} ms at most",
        dated.len()
    );
    assert!(
        worst.is_none_or(|drift| drift.abs() < BOUND_MS),
        "{dated:?}"
    );
    run
}
