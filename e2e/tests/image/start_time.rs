//! Where the time from power to ready goes.

use zerocam_e2e::VirtualPi;

/// Prints the units that the daemon waited for, each with its share of the time
/// since the kernel started the first program.
pub(crate) fn print(pi: &VirtualPi) {
    let chain = pi.shell("systemd-analyze critical-chain --no-pager zerocam.service");
    let steps = steps(&chain);
    assert!(!steps.is_empty(), "systemd-analyze told nothing:\n{chain}");
    let total_s = steps
        .iter()
        .map(|step| step.at_s + step.took_s)
        .fold(0.0, f64::max);
    println!("{}", pi.shell("systemd-analyze time").trim());
    println!("zerocam.service after {total_s:.1} s; it waited for");
    for step in &steps {
        let share = 100.0 * step.took_s / total_s;
        println!("  {share:5.1} %  {:6.1} s  {}", step.took_s, step.unit);
    }
    println!("the slowest units:");
    println!(
        "{}",
        pi.shell("systemd-analyze blame --no-pager | head -n 12")
            .trim_end()
    );
}

/// One unit of the chain.
#[derive(Debug, PartialEq)]
struct Step {
    unit: String,
    at_s: f64,
    took_s: f64,
}

/// Reads lines such as `  └─network.target @1min 2.5s +120ms`.
fn steps(chain: &str) -> Vec<Step> {
    chain.lines().filter_map(step).collect()
}

fn step(line: &str) -> Option<Step> {
    let line = line.trim_start_matches([' ', '│', '├', '└', '─']);
    let (unit, times) = line.split_once(" @")?;
    let (at, took) = times.split_once(" +").unwrap_or((times, ""));
    Some(Step {
        unit: unit.to_owned(),
        at_s: seconds(at),
        took_s: seconds(took),
    })
}

/// Seconds of `1min 2.345s`, `120ms` or nothing.
fn seconds(text: &str) -> f64 {
    let part = |part: &str| {
        let digits = part.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let number: f64 = digits.parse().ok()?;
        Some(match &part[digits.len()..] {
            "min" => number * 60.0,
            "s" => number,
            "ms" => number / 1000.0,
            _ => return None,
        })
    };
    text.split_whitespace().filter_map(part).sum()
}

#[test]
fn lines_of_systemd_analyze_are_read() {
    let chain = "The time when unit became active or started is printed after the \"@\" character.\n\
        \n\
        zerocam.service +1.500s\n\
        └─zerocam-state.service @1min 2.250s +750ms\n\
        \u{20} └─sysinit.target @58s\n";
    let expected = [
        ("zerocam-state.service", 62.25, 0.75),
        ("sysinit.target", 58.0, 0.0),
    ];
    let expected = expected.map(|(unit, at_s, took_s)| Step {
        unit: unit.to_owned(),
        at_s,
        took_s,
    });
    assert_eq!(steps(chain), expected);
}
