//! The way from the camera to a published fragment: processor time and memory of
//! both programs for each minute of video, and the delay from an access unit
//! sent to its fragment published.

use std::{
    thread,
    time::{Duration, Instant},
};

use zerocam_e2e::{Device, Footage, program::peak_memory_bytes, service::ServiceHome};

use crate::{
    processes::{child_of, percentile, processor_time},
    sender::{CAMERA, Sender},
};

/// Streams for this long before counting, so that start-up is not counted.
const SETTLING: Duration = Duration::from_secs(5);

/// Prints both.
pub(crate) fn run(duration: Duration) {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    cost(&home, &footage, duration);
    delay(&home, &footage, duration.min(Duration::from_secs(30)));
}

/// Streams over TLS as a camera does, without viewers.
fn cost(home: &ServiceHome, footage: &Footage, duration: Duration) {
    let service = home.start(0);
    let (device, _front) = Device::over_tls(&service, CAMERA, footage);
    let daemon = device.start();
    daemon.wait_for_line("STOPPED", SETTLING);
    let _ = device.ask("start");
    service.wait_until_live(CAMERA);
    thread::sleep(SETTLING);

    let pids = [
        ("zerocam", daemon.pid()),
        ("zerocam-cloud", service.program.pid()),
        ("its ffmpeg", child_of(service.program.pid())),
    ];
    let before = pids.map(|(_, pid)| processor_time(pid));
    let since = Instant::now();
    thread::sleep(duration);
    let minutes = since.elapsed().as_secs_f64() / 60.0;
    let bitrate = service.status(CAMERA)["bitrate_bps"]
        .as_f64()
        .unwrap_or_default();
    println!(
        "{:.1} minutes of {:.1} Mb/s over TLS, no viewer",
        minutes,
        bitrate / 1e6
    );
    println!(
        "{:<14} {:>22} {:>18}",
        "", "processor s a minute", "peak memory MiB"
    );
    for ((name, pid), before) in pids.into_iter().zip(before) {
        let spent = (processor_time(pid) - before).as_secs_f64() / minutes;
        let peak = peak_memory_bytes(pid) as f64 / f64::from(1 << 20);
        println!("{name:<14} {spent:>22.2} {peak:>18.1}");
    }
}

/// Sends the footage over an open connection and watches the status API.
fn delay(home: &ServiceHome, footage: &Footage, duration: Duration) {
    let service = home.start(0);
    let sender = Sender::start(home, &service, footage);
    let status = format!(
        "{}/t/{}/api/cameras/{CAMERA}",
        service.url(),
        service.token(CAMERA)
    );
    let mut delays = watch(&status, &sender, Instant::now() + duration);
    let mut milliseconds = |percent| percentile(&mut delays, percent).as_secs_f64() * 1e3;
    let (middle, slow) = (milliseconds(50), milliseconds(99));
    println!(
        "access unit sent to fragment published, {} frames: p50 {:.1} ms, p99 {:.1} ms \
         (a frame lasts 40 ms)",
        delays.len(),
        middle,
        slow
    );
}

/// How long after it was sent each frame was published, as often as one can
/// ask; a frame that another overtook counts with it.
fn watch(status: &str, sender: &Sender, until: Instant) -> Vec<Duration> {
    let agent = ureq::Agent::new_with_defaults();
    let mut delays = Vec::new();
    while Instant::now() < until {
        let mut answer = agent.get(status).call().expect("the service answers");
        let status: serde_json::Value = answer.body_mut().read_json().expect("JSON");
        let now = Instant::now();
        if let Some(newest) = status["newest"]["frame"].as_u64() {
            let sent = sender.sent();
            let new = delays.len()..=newest as usize;
            delays.extend(sent[new].iter().map(|sent| now - *sent));
        }
        thread::sleep(Duration::from_millis(1));
    }
    delays
}
