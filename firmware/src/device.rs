//! Which device this is (the configured id, the board's serial number, or a random
//! one that the state file keeps), and which start of its system.

use std::{fmt::Write, fs, path::Path};

use ring::rand::{SecureRandom, SystemRandom};
use zerocam_protocol::DeviceId;

/// The board's serial number from `root`'s `proc`, when it has one.
#[must_use]
pub fn board_serial(root: &Path) -> Option<DeviceId> {
    let device_tree = fs::read_to_string(root.join("proc/device-tree/serial-number")).ok();
    let cpuinfo = || fs::read_to_string(root.join("proc/cpuinfo")).ok();
    device_tree
        .as_deref()
        .and_then(serial)
        .or_else(|| serial(cpuinfo_serial(&cpuinfo()?)?))
}

/// What tells this start of the system from every other, from `root`'s `proc`.
#[must_use]
pub fn boot(root: &Path) -> Option<String> {
    let id = fs::read_to_string(root.join("proc/sys/kernel/random/boot_id")).ok()?;
    Some(id.trim().to_owned())
}

/// A new id for a board without a serial number.
#[must_use]
pub fn random() -> DeviceId {
    let mut bytes = [0_u8; 8];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        // Still tells most devices apart, and only until the next start.
        bytes = u64::from(std::process::id()).to_be_bytes();
    }
    let text = bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    text.parse().expect("16 hexadecimal digits")
}

/// A serial number's text; emulators give zeros, which tell nothing apart.
fn serial(text: &str) -> Option<DeviceId> {
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    if text.bytes().all(|digit| digit == b'0') {
        return None;
    }
    text.parse().ok()
}

/// The value of `Serial` in /proc/cpuinfo.
fn cpuinfo_serial(cpuinfo: &str) -> Option<&str> {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find_map(|(name, value)| (name.trim() == "Serial").then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boards_serial_number() {
        let cpuinfo = "Hardware\t: BCM2835\nSerial\t\t: 00000000b2c3d4e5\nModel\t\t: x\n";
        let zeros = "Serial\t\t: 0000000000000000\n";
        let table = [
            (None, None, None),
            (Some("00000000a1b2c3d4\0"), None, Some("00000000a1b2c3d4")),
            (
                Some("00000000a1b2c3d4\0"),
                Some(cpuinfo),
                Some("00000000a1b2c3d4"),
            ),
            (None, Some(cpuinfo), Some("00000000b2c3d4e5")),
            (Some("\0"), Some(cpuinfo), Some("00000000b2c3d4e5")),
            (Some("0000000000000000\0"), Some(zeros), None),
            (Some("no id"), Some("processor: 0"), None),
        ];
        for (device_tree, cpuinfo, expected) in table {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir_all(root.path().join("proc/device-tree")).unwrap();
            let files = [
                ("proc/device-tree/serial-number", device_tree),
                ("proc/cpuinfo", cpuinfo),
            ];
            for (name, text) in files {
                if let Some(text) = text {
                    fs::write(root.path().join(name), text).unwrap();
                }
            }
            let found = board_serial(root.path());
            assert_eq!(found.as_ref().map(DeviceId::as_str), expected);
        }
    }

    #[test]
    fn random_ids_differ() {
        assert_ne!(random(), random());
        assert_eq!(random().as_str().len(), 16);
    }
}
