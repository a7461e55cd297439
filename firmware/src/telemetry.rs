//! How the device fares: the figures of a health report that this program can
//! read. What cannot be read is left out.

use std::{fs, path::Path, time::Instant};

use sysinfo::System;
use zerocam_protocol::message::Health;

/// Reads figures.
#[derive(Debug)]
pub struct Telemetry {
    /// `None` on a system that `sysinfo` does not know.
    system: Option<System>,
    is_first: bool,
}

impl Telemetry {
    /// Prepares to read.
    #[must_use]
    pub fn new() -> Self {
        Self {
            system: System::new().ok(),
            is_first: true,
        }
    }

    /// Reads all figures. It takes as long as the drivers do.
    pub fn sample(&mut self) -> Health {
        let is_first = std::mem::take(&mut self.is_first);
        let mut health = Health {
            wifi_signal_dbm: read("/proc/net/wireless").and_then(|text| wifi_signal(&text)),
            temperature_celsius: read("/sys/class/thermal/thermal_zone0/temp")
                .and_then(|text| celsius(&text)),
            uptime_s: read("/proc/uptime").and_then(|text| uptime(&text)),
            ..Health::default()
        };
        if let Some(system) = &mut self.system {
            system.refresh_memory();
            system.refresh_cpu_usage();
            health.memory_used_bytes = Some(system.used_memory());
            health.memory_total_bytes = Some(system.total_memory());
            // The load is the difference between two readings.
            health.cpu_percent = (!is_first).then(|| system.global_cpu_usage());
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

/// Whether the board finds its supply voltage too low now, as the Pi's firmware
/// tells the drivers of the kernel, or of Raspberry Pi OS.
#[must_use]
pub fn undervoltage(root: &Path) -> bool {
    let alarm = |directory: &Path| {
        let named = |name| fs::read_to_string(directory.join(name)).unwrap_or_default();
        named("name").trim() == "rpi_volt" && named("in0_lcrit_alarm").trim() == "1"
    };
    let sensors = fs::read_dir(root.join("sys/class/hwmon"));
    let mut sensors = sensors.into_iter().flatten().flatten();
    let throttled = "sys/devices/platform/soc/soc:firmware/get_throttled";
    let throttled = fs::read_to_string(root.join(throttled)).unwrap_or_default();
    let throttled = u32::from_str_radix(throttled.trim().trim_start_matches("0x"), 16);
    sensors.any(|sensor| alarm(&sensor.path())) || throttled.is_ok_and(|bits| bits & 1 == 1)
}

/// Measures what is captured.
#[derive(Debug, Default)]
pub struct BitrateMeter {
    last: Option<(Instant, usize)>,
}

impl BitrateMeter {
    /// Bits per second since the last reading. `captured_bytes` is a counter that
    /// wraps around.
    pub fn read(&mut self, now: Instant, captured_bytes: usize) -> Option<u64> {
        let (before, bytes_before) = self.last.replace((now, captured_bytes))?;
        let millis = now.duration_since(before).as_millis() as u64;
        let bits = captured_bytes.wrapping_sub(bytes_before) as u64 * 8;
        (bits * 1000).checked_div(millis)
    }
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
        assert_eq!(celsius("48312\n"), Some(48.312));
        assert_eq!(celsius("hot"), None);
        assert_eq!(uptime("350735.47 234388.90\n"), Some(350_735));
    }

    #[test]
    fn the_board_tells_of_too_little_voltage() {
        let volt = "sys/class/hwmon/hwmon1/in0_lcrit_alarm";
        let throttled = "sys/devices/platform/soc/soc:firmware/get_throttled";
        let table = [
            (None, false),
            (Some((volt, "0\n")), false),
            (Some((volt, "1\n")), true),
            (Some((throttled, "50000\n")), false),
            (Some((throttled, "0x50005\n")), true),
        ];
        for (file, expected) in table {
            let root = tempfile::tempdir().unwrap();
            let names = [("hwmon0", "cpu_thermal\n"), ("hwmon1", "rpi_volt\n")];
            for (sensor, name) in names {
                let directory = root.path().join("sys/class/hwmon").join(sensor);
                fs::create_dir_all(&directory).unwrap();
                fs::write(directory.join("name"), name).unwrap();
            }
            if let Some((path, text)) = file {
                let path = root.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            assert_eq!(undervoltage(root.path()), expected, "{file:?}");
        }
    }

    #[test]
    fn a_counter_may_wrap() {
        let now = Instant::now();
        let later = now + Duration::from_secs(2);
        let mut meter = BitrateMeter::default();
        assert_eq!(meter.read(now, usize::MAX - 99), None);
        assert_eq!(meter.read(later, 400), Some(2000));
        assert_eq!(meter.read(later, 800), None);
    }

    #[test]
    fn a_sample_of_this_machine() {
        let mut telemetry = Telemetry::new();
        assert_eq!(telemetry.sample().cpu_percent, None);
        let health = telemetry.sample();
        assert!(health.cpu_percent.is_some());
        assert!(health.memory_total_bytes > health.memory_used_bytes);
        assert!(health.uptime_s.is_some());
    }
}
