//! What processes cost, as the kernel counts it.

use std::{fs, process::Command, time::Duration};

use zerocam_e2e::Program;

/// The unit of /proc/PID/stat, the same on every Linux (USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;

/// The only child process.
pub(crate) fn child_of(pid: u32) -> u32 {
    let output = Program::run(Command::new("pgrep").args(["--parent", &pid.to_string()]));
    output.trim().parse().expect("one child")
}

/// In user and kernel mode, so far.
pub(crate) fn processor_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    // Behind the name, which may have spaces: utime and stime are the 12th and 13th.
    let (_, fields) = stat.rsplit_once(')').expect("the name is in brackets");
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().expect("a number"))
        .sum();
    Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND)
}

/// Memory that it holds now, shared pages included.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let kib = status.lines().find_map(|line| {
        let figure = line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?;
        figure.parse::<u64>().ok()
    });
    1024 * kib.expect("Linux reports VmRSS in kB")
}

/// What share of the values, in percent, is not above the one that this gives.
pub(crate) fn percentile<T: Copy + Ord>(values: &mut [T], percent: usize) -> T {
    values.sort_unstable();
    values[(values.len() - 1) * percent / 100]
}
