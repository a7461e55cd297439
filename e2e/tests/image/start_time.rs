//! Where the time from power to ready goes.

use zerocam_e2e::VirtualPi;

/// Prints the units that the daemon waited for, each with its share of the time
/// since the kernel started the first program.
pub(crate) fn print(pi: &VirtualPi) {
    let chain = pi.shell("systemd-analyze critical-chain --no-pager zerocam.service");
    let shares = shares(&chain);
    let total_s: f64 = shares.iter().map(|(_, share_s)| share_s).sum();
    assert!(total_s > 0.0, "systemd-analyze told nothing:\n{chain}");
    println!("{}", pi.shell("systemd-analyze time").trim());
    println!("zerocam.service after {total_s:.1} s, of that");
    for (unit, share_s) in &shares {
        let percent = 100.0 * share_s / total_s;
        println!("  {percent:5.1} %  {share_s:6.1} s  until {unit}");
    }
    println!("the slowest units:");
    let slowest = pi.shell("systemd-analyze blame --no-pager | head -n 8");
    println!("{}", slowest.trim_end());
}

/// Reads the units of a chain, the first one to start in front, each with the
/// seconds from the one before until it was up.
fn shares(chain: &str) -> Vec<(&str, f64)> {
    let mut before_s = 0.0;
    let mut shares: Vec<_> = chain.lines().filter_map(step).collect();
    shares.reverse();
    for (_, (at_s, took_s)) in &mut shares {
        let up_s = at_s.unwrap_or(before_s) + *took_s;
        *took_s = up_s - before_s;
        before_s = up_s;
    }
    let share = |(unit, (_, share_s))| (unit, share_s);
    shares.into_iter().map(share).collect()
}

/// Reads a line such as `  └─network.target @1min 2.5s +120ms`: when the unit
/// began to start, if that is told, and how long it took.
fn step(line: &str) -> Option<(&str, (Option<f64>, f64))> {
    let line = line.trim_start_matches([' ', '│', '├', '└', '─']);
    let (unit, times) = line.split_once(' ')?;
    unit.contains('.').then_some(())?;
    let (at, took) = times.split_once('+').unwrap_or((times, ""));
    let at_s = at.strip_prefix('@').map(seconds);
    Some((unit, (at_s, seconds(took))))
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
fn a_chain_is_read_from_its_end() {
    let chain = "The time when unit became active or started is printed after the \"@\" character.\n\
        The time the unit took to start is printed after the \"+\" character.\n\
        \n\
        zerocam.service +1.500s\n\
        └─zerocam-state.service @1min 2.250s +750ms\n\
        \u{20} └─sysinit.target @58s\n";
    let expected = [
        ("sysinit.target", 58.0),
        ("zerocam-state.service", 5.0),
        ("zerocam.service", 1.5),
    ];
    assert_eq!(shares(chain), expected);
}
