//! What viewers cost the service, and how soon each has what is new.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use rustix::process::{Resource, getrlimit, setrlimit};
use tempfile::TempDir;
use zerocam_e2e::{Footage, Service, service::ServiceHome};

use crate::{
    load::{Load, Notes, Way},
    processes::{percentile, processor_time, resident_bytes},
    sender::{CAMERA, RUN, Sender},
    web_server::WebServer,
};

/// Short, so that the window is full, and its memory steady, before viewers come.
const WINDOW: Duration = Duration::from_secs(10);

/// Streams for this long before anything is measured.
const SETTLING: Duration = Duration::from_secs(5);

/// How long each server is asked for the same bytes.
const REPEAT: Duration = Duration::from_secs(8);

/// Prints both tables.
pub(crate) fn run(viewers: usize, duration: Duration) {
    raise_open_files();
    let footage = Footage::bikes();
    let home = ServiceHome::new().with_settings(&format!(
        "concurrency = {}\nwindow_seconds = {}\n",
        2 * viewers + 2000,
        WINDOW.as_secs()
    ));
    println!(
        "{viewers} viewers of 2 Mb/s, window of {} s",
        WINDOW.as_secs()
    );
    println!(
        "{:<12} {:>10} {:>13} {:>11} {:>11} {:>24} {:>8}",
        "",
        "% of core",
        "viewers/core",
        "KiB/viewer",
        "MiB/camera",
        "wake-up p50 p99 max ms",
        "Mb/s"
    );
    for way in [Way::Plain, Way::LowLatency, Way::Instant] {
        // Each its own, so that none profits from memory that another left.
        let service = home.start(0);
        let pid = service.program.pid();
        let empty = resident_bytes(pid);
        let sender = Sender::start(&home, &service, &footage);
        thread::sleep(SETTLING);
        let alone = share(pid, WINDOW);
        let camera = resident_bytes(pid);
        let load = Load::start(way, viewers, service.address, &base(&service));
        let spent = share(pid, duration) - alone;
        let notes = load.take_notes();
        let with_viewers = resident_bytes(pid);
        load.end();
        println!(
            "{:<12} {:>10.1} {:>13.0} {:>11.1} {:>11.1} {:>24} {:>8.0}",
            format!("{way:?}"),
            100.0 * spent,
            viewers as f64 / spent,
            mib(with_viewers.saturating_sub(camera)) * 1024.0 / viewers as f64,
            mib(camera - empty),
            lateness(&notes, &sender.sent()),
            notes.bytes as f64 * 8e-6 / duration.as_secs_f64(),
        );
    }
    let service = home.start(0);
    let sender = Sender::start(&home, &service, &footage);
    thread::sleep(SETTLING);
    // What is in the window then stays there.
    drop(sender);
    beside_nginx(&service);
}

fn base(service: &Service<'_>) -> String {
    format!("/t/{}/watch/{CAMERA}/", service.token(CAMERA))
}

/// What share of a core a process takes.
fn share(pid: u32, duration: Duration) -> f64 {
    let (before, since) = (processor_time(pid), Instant::now());
    thread::sleep(duration);
    (processor_time(pid) - before).as_secs_f64() / since.elapsed().as_secs_f64()
}

/// From a frame's publication, which is when the next frame shows how long it
/// lasts, to its arrival or to the playlist that names it.
fn lateness(notes: &Notes, sent: &[Instant]) -> String {
    let late = |(frame, at): &(u64, Instant)| {
        let published = sent.get(*frame as usize + 1)?;
        Some(at.saturating_duration_since(*published))
    };
    let mut late: Vec<Duration> = notes.news.iter().filter_map(late).collect();
    if late.is_empty() {
        return "-".to_owned();
    }
    [50, 99, 100]
        .map(|percent| format!("{:.1}", 1e3 * percentile(&mut late, percent).as_secs_f64()))
        .join(" ")
}

/// The same bytes from memory and from nginx: requests in each second of
/// processor time.
fn beside_nginx(service: &Service<'_>) {
    let base = base(service);
    let url = format!("{}{base}", service.url());
    let get = |file: &str| {
        let mut answer = ureq::get(format!("{url}{file}"))
            .call()
            .expect("it is there");
        answer.body_mut().read_to_vec().expect("it is there")
    };
    let playlist = String::from_utf8(get("index.m3u8")).expect("playlists are text");
    let part = playlist
        .lines()
        .rfind(|line| line.starts_with("#EXT-X-PART:"))
        .and_then(|line| line.split_once("URI=\"")?.1.split('"').next())
        .unwrap_or_else(|| panic!("no part of run {RUN} in {playlist}"));
    let bytes = get(part);
    let directory = TempDir::new().expect("room for temporary files");
    fs::write(directory.path().join("file"), &bytes).expect("room for temporary files");
    let nginx = WebServer::of(directory);
    println!(
        "a part of {} kB, requests per second of processor time (and per second):",
        bytes.len() / 1000
    );
    println!(
        "{:<12} {:>22} {:>22}",
        "connections", "zerocam-cloud", "nginx"
    );
    for connections in [64, 900] {
        let servers = [
            (
                service.address,
                format!("{base}{part}"),
                service.program.pid(),
            ),
            (nginx.address, "/file".to_owned(), nginx.program.pid()),
        ];
        let [ours, theirs] = servers.map(|(address, path, pid)| {
            let load = Load::start(Way::Repeat, connections, address, &path);
            let before = processor_time(pid);
            thread::sleep(REPEAT);
            let spent = (processor_time(pid) - before).as_secs_f64();
            let answers = load.take_notes().answers as f64;
            load.end();
            format!(
                "{:.0} ({:.0})",
                answers / spent,
                answers / REPEAT.as_secs_f64()
            )
        });
        println!("{connections:<12} {ours:>22} {theirs:>22}");
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Each viewer takes a file descriptor.
fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("one may have as many as one may have");
}
