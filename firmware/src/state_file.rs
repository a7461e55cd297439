//! What survives a power cut: one small JSON document on the card.
//!
//! It is replaced as a whole (written beside, synced, renamed, directory
//! synced), so that after any interruption the old or the new one is there. A
//! card that is full, read-only or broken never stops the camera: it runs on
//! from memory, and says so once. It is written about once an hour and at every
//! start, stop and new fault.
//!
//! What is set here is on the card some time after [`StateFile::store`], and surely
//! after [`StateFile::keep`]. Only what must not be lost by any means is waited for:
//! that the program runs, that it has ended, how often it has rebooted, which
//! numbers are taken, and what the command line was promised.

mod document;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use tracing::warn;
use zerocam_protocol::{
    DeviceId, Segment,
    checkin::{BlackBoxEntry, Desired},
    limits::{FLOOR_AHEAD_SEGMENTS, MAX_BLACK_BOX_ENTRIES, MAX_TEXT_CHARS},
};

use document::{Document, ReadError, read};
use writer::Writer;

use crate::{ladder::Part, last_words, timeline::first_number};

/// The floor is raised when fewer segments than this are left below it.
const FLOOR_RESERVE: u64 = 300;

/// How old the stored time may become before it is written again.
const TIME_RESERVE_S: u64 = 3600;

/// The clock was never set if it shows less: this program did not exist then.
pub(crate) const EARLIEST_UNIX_S: u64 = 1_767_225_600;

/// So many crashes in a row are no accident.
const CRASHES_IN_A_ROW: u32 = 3;

/// What the camera does before it is known.
const BEGINNING: &str = "STARTING";

/// The document, in memory and on the card.
#[derive(Debug)]
pub struct StateFile {
    directory: PathBuf,
    document: Document,
    /// Whether it is not the one that the card has or gets.
    changed: bool,
    writer: Arc<Writer>,
    /// Which black-box entries the check-ins carry that are not answered yet: the
    /// one under way, and the one that waits for it.
    outstanding: VecDeque<Range<usize>>,
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
            changed: false,
            writer: Writer::new(directory.into()),
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
        self.changed = true;
        self.keep();
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
            self.changed = true;
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
        self.changed = true;
        self.keep();
        self.failure().is_none()
    }

    /// Why the card does not have what it should keep, if it does not.
    #[must_use]
    pub fn failure(&self) -> Option<io::ErrorKind> {
        self.writer.failure()
    }

    /// Notes what the camera does now.
    pub fn set_doing(&mut self, state: &str) {
        if self.document.doing.as_deref() != Some(state) {
            self.document.doing = Some(state.into());
            self.changed = true;
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
            self.changed = true;
        }
    }

    /// The process's first number, with the next hour's as taken: to be kept
    /// before it is used.
    pub fn claim_first_number(&mut self, unix_s: u64) -> Segment {
        let first = first_number(unix_s, self.document.floor);
        self.reserve_above(first);
        first
    }

    /// Segment `used` is in use: keeps the stored floor well above it.
    pub fn reserve_above(&mut self, used: Segment) {
        if self.document.floor.0 < used.0 + FLOOR_RESERVE {
            self.document.floor = Segment(used.0 + FLOOR_AHEAD_SEGMENTS);
            self.changed = true;
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
            self.changed = true;
        }
    }

    /// The id that this file keeps, made by `new` when it has none.
    pub fn device(&mut self, new: impl FnOnce() -> DeviceId) -> DeviceId {
        if let Some(device) = &self.document.device {
            return device.clone();
        }
        let device = new();
        self.document.device = Some(device.clone());
        self.changed = true;
        device
    }

    /// Adds a line to the black box, unless it repeats the last one.
    pub fn record(&mut self, text: &str) {
        if self.note(text) {
            self.changed = true;
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
            self.changed = true;
        }
    }

    /// Notes that the program ends as it should.
    pub fn end(mut self) {
        self.document.doing = None;
        self.changed = true;
        self.keep();
    }

    /// Lets the card have what has changed, soon; gives who knows when it has.
    pub fn store(&mut self) -> Arc<Writer> {
        if std::mem::take(&mut self.changed) {
            self.writer.write(self.document.clone());
        }
        Arc::clone(&self.writer)
    }

    /// Waits until the card has what has changed, did not take it, or hangs.
    pub fn keep(&mut self) {
        self.store().finish();
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
