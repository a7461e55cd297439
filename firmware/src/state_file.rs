//! What survives a power cut: one small JSON document on the card.
//!
//! It is replaced as a whole (written beside, synced, renamed, directory
//! synced), so that after any interruption the old or the new one is there. A
//! card that is full, read-only or broken never stops the camera: it runs on
//! from memory, and says so once. It is written about once an hour and at every
//! start, stop and new fault.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, Write},
    ops::Range,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use zerocam_protocol::{
    DeviceId, Segment,
    checkin::{BlackBoxEntry, Desired},
    limits::{FLOOR_AHEAD_SEGMENTS, MAX_BLACK_BOX_ENTRIES, MAX_TEXT_CHARS},
};

use crate::{ladder::Part, last_words, timeline::first_number};

/// The form of the document; another one is not read.
const VERSION: u32 = 1;

/// The floor is raised when fewer segments than this are left below it.
const FLOOR_RESERVE: u64 = 300;

/// How old the stored time may become before it is written again.
const TIME_RESERVE_S: u64 = 3600;

/// A file larger than this was not written here.
const MAX_BYTES: u64 = 256 * 1024;

/// The clock was never set if it shows less: this program did not exist then.
const EARLIEST_UNIX_S: u64 = 1_767_225_600;

/// So many crashes in a row are no accident.
const CRASHES_IN_A_ROW: u32 = 3;

/// What the camera does before it is known.
const BEGINNING: &str = "STARTING";

/// The document, in memory and on the card.
#[derive(Debug)]
pub struct StateFile {
    directory: PathBuf,
    document: Document,
    /// Whether the last write failed.
    failing: bool,
    /// Which black-box entries the check-ins carry that are not answered yet: the
    /// one under way, and the one that waits for it.
    outstanding: VecDeque<Range<usize>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Document {
    version: u32,
    desired: Desired,
    floor: Segment,
    /// The last time that a verified service told, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_unix_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<DeviceId>,
    /// What the service has not heard of yet, oldest first.
    #[serde(default)]
    black_box: Vec<BlackBoxEntry>,
    /// What the camera does while the program runs; nothing once it has ended
    /// as it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    doing: Option<String>,
    /// Since which start of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot: Option<String>,
    /// Crashes in a row, each within a minute of its start.
    #[serde(default, skip_serializing_if = "is_zero")]
    crashes: u32,
    /// Reboots that the Wi-Fi has caused, see [`crate::ladder`].
    #[serde(default, skip_serializing_if = "is_zero")]
    wifi_reboots: u32,
    /// Reboots that the camera has caused.
    #[serde(default, skip_serializing_if = "is_zero")]
    camera_reboots: u32,
}

const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Document {
    const NEW: Self = Self {
        version: VERSION,
        desired: Desired::FIRST,
        floor: Segment(0),
        time_unix_s: None,
        device: None,
        black_box: Vec::new(),
        doing: None,
        boot: None,
        crashes: 0,
        wifi_reboots: 0,
        camera_reboots: 0,
    };
}

impl StateFile {
    /// Reads the document of `directory`, or begins with a new one.
    #[must_use]
    pub fn open(directory: &Path) -> Self {
        let path = directory.join("state.json");
        let document = match read(&path) {
            Ok(document) => document,
            Err(ReadError::File(error)) if error.kind() == io::ErrorKind::NotFound => Document::NEW,
            Err(error) => {
                warn!(path = %path.display(), "the stored state cannot be used, the camera begins anew and stopped: {error}");
                Document::NEW
            }
        };
        Self {
            directory: directory.into(),
            document,
            failing: false,
            outstanding: VecDeque::new(),
        }
    }

    /// Notes that the program runs, and what it was interrupted in before. `boot`
    /// tells this start of the system from every other, if that is known: power
    /// cannot have been lost in between.
    pub fn begin(&mut self, boot: Option<&str>) {
        let last_words = last_words::take(&self.directory);
        let boot_before = std::mem::replace(&mut self.document.boot, boot.map(str::to_owned));
        let same_boot = boot.is_some() && boot_before.as_deref() == boot;
        let interrupted = self.document.doing.replace(BEGINNING.into());
        let crashed = last_words.is_some() || (interrupted.is_some() && same_boot);
        self.document.crashes = if crashed {
            self.document.crashes.saturating_add(1)
        } else {
            0
        };
        if let Some(doing) = interrupted {
            self.note(&match last_words {
                Some(words) => format!("the program crashed while {doing}: {words}"),
                None if same_boot => format!("the program was killed while {doing}"),
                None => format!(
                    "the program ended without notice while {doing}: power was lost, or it was killed"
                ),
            });
        }
        self.save();
    }

    /// Whether the program crashes again and again, soon after each start.
    #[must_use]
    pub const fn crashes_again_and_again(&self) -> bool {
        self.document.crashes >= CRASHES_IN_A_ROW
    }

    /// Notes that the program has lived for a while: a crash from now on is the
    /// first.
    pub fn survived(&mut self) {
        if self.document.crashes > 0 {
            self.document.crashes = 0;
            self.save();
        }
    }

    /// How many reboots a part has caused that still count.
    #[must_use]
    pub const fn reboots(&self, part: Part) -> u32 {
        match part {
            Part::Wifi => self.document.wifi_reboots,
            Part::Camera => self.document.camera_reboots,
        }
    }

    /// Keeps that number; whether the card has it.
    pub fn keep_reboots(&mut self, part: Part, reboots: u32) -> bool {
        match part {
            Part::Wifi => self.document.wifi_reboots = reboots,
            Part::Camera => self.document.camera_reboots = reboots,
        }
        self.save();
        self.is_stored()
    }

    /// Whether the card has what it should keep.
    #[must_use]
    pub const fn is_stored(&self) -> bool {
        !self.failing
    }

    /// Notes what the camera does now.
    pub fn set_doing(&mut self, state: &str) {
        if self.document.doing.as_deref() != Some(state) {
            self.document.doing = Some(state.into());
            self.save();
        }
    }

    /// What the camera should do.
    #[must_use]
    pub const fn desired(&self) -> Desired {
        self.document.desired
    }

    /// Stores what the camera should do.
    pub fn set_desired(&mut self, desired: Desired) {
        if self.document.desired != desired {
            self.document.desired = desired;
            self.save();
        }
    }

    /// The process's first number, with the next hour's already stored as
    /// taken.
    pub fn claim_first_number(&mut self, unix_s: u64) -> Segment {
        let first = first_number(unix_s, self.document.floor);
        self.reserve_above(first);
        first
    }

    /// Segment `used` is in use: keeps the stored floor well above it.
    pub fn reserve_above(&mut self, used: Segment) {
        if self.document.floor.0 < used.0 + FLOOR_RESERVE {
            self.document.floor = Segment(used.0 + FLOOR_AHEAD_SEGMENTS);
            self.save();
        }
    }

    /// The last time that is known for sure, Unix seconds.
    #[must_use]
    pub const fn time_unix_s(&self) -> Option<u64> {
        self.document.time_unix_s
    }

    /// Keeps what time it is, known for sure; on the card once an hour.
    pub fn keep_time(&mut self, unix_s: u64) {
        let kept = self.document.time_unix_s;
        if kept.is_none_or(|kept| kept.abs_diff(unix_s) >= TIME_RESERVE_S) {
            self.document.time_unix_s = Some(unix_s);
            self.save();
        }
    }

    /// The id that this file keeps, made by `new` when it has none.
    pub fn device(&mut self, new: impl FnOnce() -> DeviceId) -> DeviceId {
        if let Some(device) = &self.document.device {
            return device.clone();
        }
        let device = new();
        self.document.device = Some(device.clone());
        self.save();
        device
    }

    /// Adds a line to the black box, unless it repeats the last one.
    pub fn record(&mut self, text: &str) {
        if self.note(text) {
            self.save();
        }
    }

    fn note(&mut self, text: &str) -> bool {
        let text: String = text.chars().take(MAX_TEXT_CHARS).collect();
        let black_box = &mut self.document.black_box;
        if black_box.last().is_some_and(|last| last.text == text) {
            return false;
        }
        if black_box.len() == MAX_BLACK_BOX_ENTRIES {
            black_box.remove(0);
            forget(&mut self.outstanding, 1);
        }
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        black_box.push(BlackBoxEntry {
            unix_s: (unix.ok())
                .map(|unix| unix.as_secs())
                .filter(|&unix_s| unix_s >= EARLIEST_UNIX_S),
            text,
        });
        true
    }

    /// What to tell the service at a check-in: what the one under way does not
    /// tell already. A check-in that waited gives way to this one.
    pub fn unreported(&mut self) -> Vec<BlackBoxEntry> {
        self.outstanding.truncate(1);
        let begin = self.outstanding.front().map_or(0, |range| range.end);
        let black_box = &self.document.black_box;
        self.outstanding.push_back(begin..black_box.len());
        black_box[begin..].to_vec()
    }

    /// How the check-in under way went: what it carried need not be told again.
    pub fn reported(&mut self, arrived: bool) {
        let Some(told) = self.outstanding.pop_front() else {
            return;
        };
        if arrived && !told.is_empty() {
            forget(&mut self.outstanding, told.len());
            self.document.black_box.drain(told);
            self.save();
        }
    }

    /// Notes that the program ends as it should.
    pub fn end(mut self) {
        self.document.doing = None;
        self.save();
    }

    fn save(&mut self) {
        match (write(&self.directory, &self.document), self.failing) {
            (Ok(()), false) | (Err(_), true) => {}
            (Ok(()), true) => {
                self.failing = false;
                info!("the state is stored again");
            }
            (Err(error), false) => {
                self.failing = true;
                warn!(directory = %self.directory.display(),
                    "the state cannot be stored, so that start, stop and numbers are forgotten at the next power cut: {error}");
            }
        }
    }
}

/// Moves ranges along when so many of the entries before them are gone.
fn forget(ranges: &mut VecDeque<Range<usize>>, entries: usize) {
    for range in ranges {
        range.start = range.start.saturating_sub(entries);
        range.end = range.end.saturating_sub(entries);
    }
}

/// Tries whether the state could be stored in `directory`.
///
/// # Errors
/// What stands in the way.
pub fn is_writable(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let path = directory.join("self-test.new");
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(b"written by `zerocam self-test`\n")?;
        file.sync_all()
    });
    written.and(fs::remove_file(&path))
}

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("it is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("it is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    #[error("it is of version {0}, known is {VERSION}")]
    Version(u32),
}

fn read(path: &Path) -> Result<Document, ReadError> {
    if fs::metadata(path)?.len() > MAX_BYTES {
        return Err(ReadError::TooLarge);
    }
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let bytes = fs::read(path)?;
    let Versioned { version } = serde_json::from_slice(&bytes)?;
    if version != VERSION {
        return Err(ReadError::Version(version));
    }
    let mut document: Document = serde_json::from_slice(&bytes)?;
    document.black_box.truncate(MAX_BLACK_BOX_ENTRIES);
    Ok(document)
}

fn write(directory: &Path, document: &Document) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let beside = directory.join("state.json.new");
    let mut file = File::create(&beside)?;
    file.write_all(&serde_json::to_vec(document)?)?;
    file.sync_all()?;
    fs::rename(&beside, directory.join("state.json"))?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use zerocam_protocol::checkin::DesiredState;

    use super::*;

    fn open(directory: &Path) -> StateFile {
        open_in(directory, "first boot")
    }

    fn open_in(directory: &Path, boot: &str) -> StateFile {
        let mut file = StateFile::open(directory);
        file.begin(Some(boot));
        file
    }

    fn stored(directory: &Path) -> String {
        fs::read_to_string(directory.join("state.json")).unwrap()
    }

    #[test]
    fn golden_document() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = open(directory.path());
        assert_eq!(file.desired(), Desired::FIRST);
        file.set_desired(Desired::FIRST.superseded_by(DesiredState::Started));
        assert_eq!(
            file.claim_first_number(1_790_000_000),
            Segment(1_790_000_000)
        );
        file.device(|| "garden-1".parse().unwrap());
        assert_eq!(
            stored(directory.path()),
            r#"{"version":1,"desired":{"state":"started","version":1},"floor":1790003600,"device":"garden-1","black_box":[],"doing":"STARTING","boot":"first boot"}"#
        );
    }

    #[test]
    fn it_survives_being_killed_and_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let mut killed = open(directory.path());
        let desired = killed.desired().superseded_by(DesiredState::Started);
        killed.set_desired(desired);
        killed.set_doing("STREAMING");
        drop(killed);
        let mut next = open_in(directory.path(), "second boot");
        assert_eq!(next.desired(), desired);
        let entries = next.unreported();
        assert_eq!(entries.len(), 1);
        assert_eq!(
            entries[0].text,
            "the program ended without notice while STREAMING: power was lost, or it was killed"
        );
        next.reported(true);
        next.end();
        assert_eq!(open(directory.path()).unreported(), []);
    }

    #[test]
    fn a_crash_is_told_apart_from_a_power_cut() {
        let directory = tempfile::tempdir().unwrap();
        drop(open(directory.path()));
        let last_words = directory.path().join("last-words.txt");
        fs::write(&last_words, "panicked at src/camera.rs:7:5:\nno frame\n").unwrap();
        let entries = open(directory.path()).unreported();
        assert_eq!(
            entries[0].text,
            "the program crashed while STARTING: panicked at src/camera.rs:7:5: no frame"
        );
        assert!(!last_words.exists());
    }

    #[test]
    fn crashes_in_a_row_are_counted() {
        let directory = tempfile::tempdir().unwrap();
        let crash = || fs::write(directory.path().join("last-words.txt"), "panicked").unwrap();
        for crashes in 0..CRASHES_IN_A_ROW {
            let file = open(directory.path());
            assert!(!file.crashes_again_and_again(), "{crashes}");
            crash();
        }
        let mut file = open(directory.path());
        assert!(file.crashes_again_and_again());
        file.survived();
        assert!(!file.crashes_again_and_again());
        crash();
        assert!(!open(directory.path()).crashes_again_and_again());
    }

    /// Out of memory, or starved by the watchdog: nobody is left to say a word.
    #[test]
    fn killed_again_and_again_without_a_power_cut_is_a_crash_too() {
        let directory = tempfile::tempdir().unwrap();
        for kills in 0..CRASHES_IN_A_ROW {
            let file = open(directory.path());
            assert!(!file.crashes_again_and_again(), "{kills}");
        }
        let mut file = open(directory.path());
        assert!(file.crashes_again_and_again());
        let told = file.unreported();
        assert_eq!(told.len(), 1, "each says the same");
        assert_eq!(told[0].text, "the program was killed while STARTING");
        drop(file);

        let file = open_in(directory.path(), "second boot");
        assert!(!file.crashes_again_and_again(), "power was lost");
        file.end();
        let file = open_in(directory.path(), "second boot");
        assert_eq!(file.document.crashes, 0, "it ended as it should");
        drop(file);
        // Nothing is known of the boot.
        for _ in 0..=CRASHES_IN_A_ROW {
            StateFile::open(directory.path()).begin(None);
        }
        let file = StateFile::open(directory.path());
        assert!(!file.crashes_again_and_again());
    }

    #[test]
    fn reboots_outlive_themselves_or_are_known_not_to() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = open(directory.path());
        assert!(file.keep_reboots(Part::Wifi, 2));
        assert!(file.keep_reboots(Part::Camera, 1));
        let next = open(directory.path());
        assert_eq!(
            (next.reboots(Part::Wifi), next.reboots(Part::Camera)),
            (2, 1)
        );

        let in_the_way = directory.path().join("state");
        fs::write(&in_the_way, "").unwrap();
        assert!(!open(&in_the_way).keep_reboots(Part::Wifi, 1));
    }

    #[test]
    fn the_floor_is_stored_once_an_hour() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = open(directory.path());
        let mut writes = 0;
        for segment in 1_790_000_000..1_790_007_200 {
            let before = file.document.floor;
            file.reserve_above(Segment(segment));
            writes += u32::from(file.document.floor != before);
            assert!(file.document.floor > Segment(segment));
        }
        assert_eq!(writes, 3);
        // The clock was set back, or never set.
        let next = open(directory.path()).claim_first_number(0);
        assert!(next > Segment(1_790_007_200), "{next}");
    }

    #[test]
    fn the_time_is_stored_once_an_hour_and_may_go_back() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = open(directory.path());
        assert_eq!(file.time_unix_s(), None);
        for (now, kept) in [
            (1_790_000_000, 1_790_000_000),
            (1_790_003_599, 1_790_000_000),
            (1_790_003_600, 1_790_003_600),
            (1_789_000_000, 1_789_000_000),
        ] {
            file.keep_time(now);
            let stored = StateFile::open(directory.path()).time_unix_s();
            assert_eq!(stored, Some(kept), "at {now}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_replaced() {
        let many = "x".repeat(MAX_BYTES as usize + 1);
        for content in ["", "{", "[]", r#"{"version":2}"#, r#"{"version":1}"#, &many] {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join("state.json"), content).unwrap();
            let file = open(directory.path());
            assert_eq!(file.desired(), Desired::FIRST);
            assert!(stored(directory.path()).starts_with(r#"{"version":1,"#));
        }
    }

    #[test]
    fn without_a_card_it_runs_on_from_memory() {
        let directory = tempfile::tempdir().unwrap();
        let file_in_the_way = directory.path().join("state");
        fs::write(&file_in_the_way, "").unwrap();
        let mut file = open(&file_in_the_way);
        let desired = file.desired().superseded_by(DesiredState::Started);
        file.set_desired(desired);
        assert!(file.failing);
        assert_eq!(file.desired(), desired);
        fs::remove_file(&file_in_the_way).unwrap();
        file.record("the card is back");
        assert!(!file.failing);
        assert!(stored(&file_in_the_way).contains("the card is back"));
    }

    #[test]
    fn on_a_full_card_the_old_document_stays_and_it_runs_on() {
        let directory = tempfile::tempdir().unwrap();
        drop(open(directory.path()));
        let old = stored(directory.path());
        // Every write to this device fails for want of room.
        let beside = directory.path().join("state.json.new");
        std::os::unix::fs::symlink("/dev/full", &beside).unwrap();
        let mut file = StateFile::open(directory.path());
        let desired = file.desired().superseded_by(DesiredState::Started);
        file.set_desired(desired);
        assert!(file.failing);
        assert_eq!(file.desired(), desired);
        assert_eq!(stored(directory.path()), old);
        fs::remove_file(&beside).unwrap();
        file.record("there is room again");
        assert!(!file.failing);
        assert_eq!(open(directory.path()).desired(), desired);
    }

    #[test]
    fn a_check_in_does_not_repeat_what_the_one_before_it_tells() {
        let texts = |entries: Vec<BlackBoxEntry>| -> Vec<String> {
            entries.into_iter().map(|entry| entry.text).collect()
        };
        // Whether the first and the second arrive; what a third one tells.
        for (first, second, expected) in [
            (true, true, &[] as &[&str]),
            (true, false, &["two", "three"]),
            (false, true, &["one"]),
            (false, false, &["one", "two", "three"]),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let mut file = open(directory.path());
            file.record("one");
            assert_eq!(texts(file.unreported()), ["one"]);
            file.record("two");
            assert_eq!(texts(file.unreported()), ["two"]);
            file.record("three");
            // In place of the one that waits.
            assert_eq!(texts(file.unreported()), ["two", "three"]);
            file.reported(first);
            file.reported(second);
            assert_eq!(texts(file.unreported()), expected, "{first}, {second}");
        }
    }

    #[test]
    fn the_black_box_is_bounded_and_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = open(directory.path());
        file.record("same");
        file.record("same");
        assert_eq!(file.unreported().len(), 1);
        file.record("meanwhile");
        file.reported(true);
        assert_eq!(file.unreported()[0].text, "meanwhile");
        file.reported(false);
        for number in 0..100 {
            file.record(&format!("{number} {}", "x".repeat(1000)));
        }
        let entries = file.unreported();
        assert_eq!(entries.len(), MAX_BLACK_BOX_ENTRIES);
        assert!(entries[31].text.starts_with("99 x"));
        assert_eq!(entries[31].text.chars().count(), MAX_TEXT_CHARS);
    }
}
