//! The document itself: its form, and how it gets on and off the card.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};
use zerocam_protocol::{
    DeviceId, Segment,
    checkin::{BlackBoxEntry, Desired},
    limits::MAX_BLACK_BOX_ENTRIES,
};

/// The form of the document; another one is not read.
const VERSION: u32 = 1;

/// A file larger than this was not written here.
pub(super) const MAX_BYTES: u64 = 256 * 1024;

/// All that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Document {
    version: u32,
    pub(super) desired: Desired,
    pub(super) floor: Segment,
    /// The last time that a verified service told, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) time_unix_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<DeviceId>,
    /// What the service has not heard of yet, oldest first.
    #[serde(default)]
    pub(super) black_box: Vec<BlackBoxEntry>,
    /// What the camera does while the program runs; nothing once it has ended
    /// as it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) doing: Option<String>,
    /// Since which start of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) boot: Option<String>,
    /// Crashes in a row, each within a minute of its start.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) crashes: u32,
    /// Reboots that the Wi-Fi has caused, see [`crate::ladder`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) wifi_reboots: u32,
    /// Reboots that the camera has caused.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) camera_reboots: u32,
}

const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Document {
    /// A camera out of its box.
    pub(super) const NEW: Self = Self {
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

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("it is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("it is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    #[error("it is of version {0}, known is {VERSION}")]
    Version(u32),
}

pub(super) fn read(path: &Path) -> Result<Document, ReadError> {
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

pub(super) fn write(directory: &Path, document: &Document) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let beside = directory.join("state.json.new");
    let mut file = File::create(&beside)?;
    file.write_all(&serde_json::to_vec(document)?)?;
    file.sync_all()?;
    fs::rename(&beside, directory.join("state.json"))?;
    File::open(directory)?.sync_all()
}
