//! How the device fares: the figures of a health report that this program can
//! read without cost. What cannot be read is left out.

use std::{fs, time::Instant};

use sysinfo::System;
use zerocam_protocol::message::Health;

/// Reads figures, and remembers the last ones to compare with.
#[derive(Debug)]
pub struct Telemetry {
    /// `None` on a system that `sysinfo` does not know.
    system: Option<System>,
    last: Option<(Instant, usize)>,
}

impl Telemetry {
    /// Prepares to read.
    #[must_use]
    pub fn new() -> Self {
        Self {
            system: System::new().ok(),
            last: None,
        }
    }

    /// Reads all figures. `captured_bytes` is a counter that wraps around.
    pub fn sample(&mut self, now: Instant, captured_bytes: usize) -> Health {
        let last = self.last.replace((now, captured_bytes));
        let mut health = Health {
            wifi_signal_dbm: read("/proc/net/wireless").and_then(|text| wifi_signal(&text)),
            temperature_celsius: read("/sys/class/thermal/thermal_zone0/temp")
                .and_then(|text| celsius(&text)),
            uptime_s: read("/proc/uptime").and_then(|text| uptime(&text)),
            bitrate_bps: last.and_then(|last| bitrate(last, (now, captured_bytes))),
            ..Health::default()
        };
        if let Some(system) = &mut self.system {
            system.refresh_memory();
            system.refresh_cpu_usage();
            health.memory_used_bytes = Some(system.used_memory());
            health.memory_total_bytes = Some(system.total_memory());
            // The load is the difference between two readings.
            health.cpu_percent = last.map(|_| system.global_cpu_usage());
        }
        health
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// Whether the device has a way out: a default route.
#[must_use]
pub fn online() -> bool {
    let routes = |path, find: fn(&str) -> bool| read(path).is_some_and(|text| find(&text));
    routes("/proc/net/route", default_route_ipv4)
        || routes("/proc/net/ipv6_route", default_route_ipv6)
}

/// Of /proc/net/route: interface, destination, gateway, ...
fn default_route_ipv4(text: &str) -> bool {
    (text.lines().skip(1)).any(|line| line.split_whitespace().nth(1) == Some("00000000"))
}

/// Of /proc/net/ipv6_route: destination, its length, ..., interface. The kernel
/// keeps a route to nowhere at `lo`.
fn default_route_ipv6(text: &str) -> bool {
    text.lines().any(|line| {
        let mut fields = line.split_whitespace();
        fields
            .next()
            .is_some_and(|to| to.bytes().all(|digit| digit == b'0'))
            && fields.next() == Some("00")
            && fields.next_back() != Some("lo")
    })
}

/// Bits per second between two counter readings.
fn bitrate(before: (Instant, usize), after: (Instant, usize)) -> Option<u64> {
    let millis = after.0.duration_since(before.0).as_millis() as u64;
    let bits = after.1.wrapping_sub(before.1) as u64 * 8;
    (bits * 1000).checked_div(millis)
}

/// The signal level in dBm of the first interface in /proc/net/wireless.
fn wifi_signal(text: &str) -> Option<i32> {
    // wlan0: 0000   54.  -56.  -256  0 0 0 0 0 0
    let line = text.lines().find(|line| line.contains(':'))?;
    let level = line.split_whitespace().nth(3)?;
    let level: i32 = level.trim_end_matches('.').parse().ok()?;
    // Some drivers give a quality in percent instead.
    (level < 0).then_some(level)
}

/// Degrees from thousandths of a degree.
fn celsius(text: &str) -> Option<f32> {
    let thousandths: i32 = text.trim().parse().ok()?;
    Some(thousandths as f32 / 1000.0)
}

/// Whole seconds from /proc/uptime.
fn uptime(text: &str) -> Option<u64> {
    text.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn texts_of_the_kernel() {
        let wireless = "Inter-| sta-|   Quality        |   Discarded packets\n \
            face | tus | link level noise |  nwid  crypt\n \
            wlan0: 0000   54.  -56.  -256        0      0      0      0      9        0\n";
        assert_eq!(wifi_signal(wireless), Some(-56));
        assert_eq!(wifi_signal("wlan0: 0000 54. 70. 0"), None);
        assert_eq!(wifi_signal("Inter-| sta-|\n face | tus |\n"), None);
        let head = "Iface\tDestination\tGateway\tFlags\n";
        let local = "wlan0\t0001A8C0\t00000000\t0001\n";
        let default = "wlan0\t00000000\t0101A8C0\t0003\n";
        assert!(!default_route_ipv4(&format!("{head}{local}")));
        assert!(default_route_ipv4(&format!("{head}{local}{default}")));
        let zero = "0".repeat(32);
        let nowhere =
            format!("{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200 lo\n");
        let default = format!(
            "{zero} 00 {zero} 00 fe80{} 00000400 00000001 00000000 00000003 wlan0\n",
            "0".repeat(28)
        );
        assert!(!default_route_ipv6(&nowhere));
        assert!(default_route_ipv6(&format!("{nowhere}{default}")));
        assert_eq!(celsius("48312\n"), Some(48.312));
        assert_eq!(celsius("hot"), None);
        assert_eq!(uptime("350735.47 234388.90\n"), Some(350_735));
    }

    #[test]
    fn a_counter_may_wrap() {
        let now = Instant::now();
        let later = now + Duration::from_secs(2);
        let before = usize::MAX - 99;
        assert_eq!(bitrate((now, before), (later, 400)), Some(2000));
        assert_eq!(bitrate((now, 0), (now, 400)), None);
    }

    #[test]
    fn a_sample_of_this_machine() {
        let mut telemetry = Telemetry::new();
        let now = Instant::now();
        assert_eq!(telemetry.sample(now, 0).bitrate_bps, None);
        let health = telemetry.sample(now + Duration::from_secs(1), 125_000);
        assert_eq!(health.bitrate_bps, Some(1_000_000));
        assert!(health.memory_total_bytes > health.memory_used_bytes);
        assert!(health.uptime_s.is_some());
    }
}
