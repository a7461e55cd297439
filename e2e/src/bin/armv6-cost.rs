//! What streaming 720p25 at 2 Mb/s costs the camera's program on its own
//! processor: instructions for each second of video, and resident memory.
//! Fails beyond the budgets. scripts/armv6/cost runs it.
//!
//! Instructions are those of user mode, in all threads, as the emulator counts
//! them. Memory is every page that is resident in the 4 GiB which the emulated
//! program sees: its code, data, heap and stacks, and nothing of the emulator.

#![allow(
    clippy::print_stdout,
    reason = "the figures are what the program is for"
)]

use std::{fs, ops::Range, path::Path, process::ExitCode, thread, time::Duration};

use zerocam_e2e::{Device, Footage, service::ServiceHome, within};

/// What the program may spend.
const MOST_INSTRUCTIONS_PER_SECOND: f64 = 50e6;
const MOST_RESIDENT_BYTES: u64 = 12_000_000;

/// Until starting is no longer in the count.
const SETTLING: Duration = Duration::from_secs(3);
/// How long is counted: until the replay ring is full, and memory with it.
const COUNTED: Duration = Duration::from_secs(20);
/// How soon an emulated program does what takes a moment.
const SOON: Duration = Duration::from_secs(10);

/// Of the footage.
const FRAMES_PER_SECOND: f64 = 25.0;

/// Where scripts/armv6/zerocam has the emulator put the program's memory.
const MEMORY: Range<u64> = 1 << 32..2 << 32;

fn main() -> ExitCode {
    let home = ServiceHome::new();
    let service = home.start(0);
    let footage = Footage::bigbuckbunny();
    let (mut device, _front) = Device::over_tls(&service, "garden", &footage);
    let count = device.path().join("count");
    device.set("ZEROCAM_COUNT", count.display());
    let daemon = device.start();
    within(SOON, "the camera listens", || {
        device.ask("start").contains("START").then_some(())
    });
    let _ = service.wait_until_live("garden");
    thread::sleep(SETTLING);

    let now = || {
        let status = service.status("garden");
        let frame = status["newest"]["frame"].as_u64().expect("it is live");
        (frame, instructions(&count))
    };
    let (first_frame, before) = now();
    thread::sleep(COUNTED);
    let (last_frame, after) = now();
    let seconds = (last_frame - first_frame) as f64 / FRAMES_PER_SECOND;
    let per_second = (after - before) as f64 / seconds;
    let resident = resident_bytes(daemon.pid());
    assert!(after > before && resident > 0, "nothing was measured");
    let within_budgets =
        per_second <= MOST_INSTRUCTIONS_PER_SECOND && resident <= MOST_RESIDENT_BYTES;

    let file_bytes = fs::metadata(&footage.path).map_or(0, |file| file.len());
    let file_seconds = footage.pictures.len() as f64 / FRAMES_PER_SECOND;
    println!(
        "{seconds:.1} s of 1280x720 at 25 Hz and {:.2} Mb/s over TLS, on an emulated ARM1176",
        file_bytes as f64 * 8.0 / file_seconds / 1e6
    );
    println!(
        "{:.1} million instructions per second of video, at most {:.0}",
        per_second / 1e6,
        MOST_INSTRUCTIONS_PER_SECOND / 1e6
    );
    println!(
        "{:.1} MB resident, at most {:.0}",
        resident as f64 / 1e6,
        MOST_RESIDENT_BYTES as f64 / 1e6
    );
    if within_budgets {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What the emulator's plugin has counted so far.
fn instructions(count: &Path) -> u64 {
    let bytes = fs::read(count).expect("the emulator counts");
    u64::from_ne_bytes(bytes.try_into().expect("a count has eight bytes"))
}

/// The resident pages of the emulated program.
fn resident_bytes(pid: u32) -> u64 {
    let maps = fs::read_to_string(format!("/proc/{pid}/smaps")).expect("it runs");
    let mut ours = false;
    let mut kib = 0;
    for line in maps.lines() {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        if let Some((begin, _)) = first.split_once('-') {
            let begin = u64::from_str_radix(begin, 16).expect("an address");
            ours = MEMORY.contains(&begin);
        } else if ours && first == "Rss:" {
            let size = rest.trim().trim_end_matches(" kB");
            kib += size.parse::<u64>().expect("a number of kB");
        }
    }
    kib * 1024
}
