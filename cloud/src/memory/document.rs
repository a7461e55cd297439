//! What the service remembers, as one small JSON document. Pure.
//!
//! Documents [`join`](Document::join) in any order and any number of times to
//! the same one: generations only rise, ended links stay ended, the newest last
//! sight counts. So whoever finds that another instance has written in between
//! joins both and writes again, and nothing is lost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zerocam_protocol::{
    CameraName, DeviceId,
    checkin::BlackBoxEntry,
    limits::MAX_BLACK_BOX_ENTRIES,
    message::Health,
    token::{Grant, Link, Right},
};

use crate::{
    access::Denied,
    cameras::camera::{Record, Word},
    time::Now,
};

/// The format that this program writes, and the only one that it reads.
const FORMAT: u32 = 1;

/// Largest document that is read or written: 1000 cameras with full black boxes
/// and all ended links stay below.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Most cameras in it. Those beyond are served, and not remembered.
const MOST_CAMERAS: usize = 1000;

/// Most ended links in it, about 40 bytes each.
const MOST_ENDED_LINKS: usize = 10_000;

/// An ended link is forgotten this long after its own end: clocks differ.
const FORGET_LINK_AFTER_S: u64 = 86_400;

/// A camera that was not seen for this long is forgotten, unless a link or key
/// of it was ended.
const FORGET_CAMERA_AFTER_US: i64 = 400 * 86_400 * SECOND_US;

const SECOND_US: i64 = 1_000_000;

/// While nothing else is new, a camera's last sight may be remembered this much
/// too early.
const DRIFT_US: i64 = 600 * SECOND_US;

/// A camera that was not heard for this long may not come again: its last sight
/// is remembered exactly.
const SILENT_US: i64 = 60 * SECOND_US;

/// Everything that outlives an instance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    cameras: BTreeMap<CameraName, Remembered>,
}

/// The document as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<Cameras> {
    version: u32,
    cameras: Cameras,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    /// The lowest key generation that is good.
    key_generation: u32,
    /// By id: the Unix second in which the link ends by itself, or never.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    ended_links: BTreeMap<String, Option<u64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_seen: Option<LastSeen>,
}

/// How a camera was when it was last heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastSeen {
    /// When, Unix microseconds.
    pub at_unix_us: i64,
    /// Which device it is.
    pub device: Option<DeviceId>,
    /// What it last said of its state.
    pub word: Option<Word>,
    /// Its last figures.
    pub health: Health,
    /// Its last remembered restarts and faults, oldest first.
    pub black_box: Vec<BlackBoxEntry>,
}

/// Why a stored document cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Somebody else's hand, or a broken disk.
    #[error("it is damaged ({0}): delete it to go back to the one before it")]
    Damaged(String),
    /// Written by a later program.
    #[error("it has format {0}, and this program knows {FORMAT}: update zerocam-cloud")]
    Newer(u32),
}

/// No room for another camera or ended link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the memory is full ({MOST_CAMERAS} cameras, {MOST_ENDED_LINKS} ended links): make a new signing key, which ends all links, and begin with an empty memory"
)]
pub struct Full;

impl Document {
    /// Reads a stored document.
    ///
    /// # Errors
    /// [`Unreadable`], also for one that a later program wrote.
    pub fn parse(json: &[u8]) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let damaged = |error: serde_json::Error| Unreadable::Damaged(error.to_string());
        let Versioned { version } = serde_json::from_slice(json).map_err(damaged)?;
        if version != FORMAT {
            return Err(Unreadable::Newer(version));
        }
        let Stored { cameras, .. } = serde_json::from_slice(json).map_err(damaged)?;
        Ok(Self { cameras })
    }

    /// The text that [`Self::parse`] reads.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let stored = Stored {
            version: FORMAT,
            cameras: &self.cameras,
        };
        serde_json::to_vec(&stored).expect("texts, numbers and maps are JSON")
    }

    /// Adds what another document knows.
    pub fn join(&mut self, other: Self) {
        for (name, theirs) in other.cameras {
            self.camera(name).join(theirs);
        }
    }

    /// Whether a genuine token was not revoked.
    ///
    /// # Errors
    /// [`Denied::KeyReplaced`] or [`Denied::LinkEnded`].
    pub fn permit(&self, grant: &Grant) -> Result<(), Denied> {
        match &grant.right {
            Right::Feed { generation } if *generation < self.key_generation(&grant.camera) => {
                Err(Denied::KeyReplaced)
            }
            Right::View(link) | Right::Control(link) if self.has_ended(&grant.camera, link) => {
                Err(Denied::LinkEnded)
            }
            Right::Feed { .. } | Right::View(_) | Right::Control(_) | Right::Manage(_) => Ok(()),
        }
    }

    /// The generation of a camera's good key.
    #[must_use]
    pub fn key_generation(&self, camera: &CameraName) -> u32 {
        self.cameras.get(camera).map_or(1, |it| it.key_generation)
    }

    /// Whether a link was ended by its owner.
    #[must_use]
    pub fn has_ended(&self, camera: &CameraName, link: &Link) -> bool {
        let camera = self.cameras.get(camera);
        camera.is_some_and(|it| it.ended_links.contains_key(&link.id))
    }

    /// How a camera was when it was last heard.
    #[must_use]
    pub fn last_seen(&self, camera: &CameraName) -> Option<&LastSeen> {
        self.cameras.get(camera)?.last_seen.as_ref()
    }

    /// Ends a camera's keys; says which generation is good from now on.
    ///
    /// # Errors
    /// [`Full`].
    pub fn replace_key(&mut self, camera: &CameraName) -> Result<u32, Full> {
        let camera = self.enter(camera)?;
        camera.key_generation = camera.key_generation.saturating_add(1);
        Ok(camera.key_generation)
    }

    /// Ends a link; says whether that is news.
    ///
    /// # Errors
    /// [`Full`].
    pub fn end_link(&mut self, camera: &CameraName, link: &Link) -> Result<bool, Full> {
        let known = self.cameras.get_mut(camera);
        if let Some(end) = known.and_then(|it| it.ended_links.get_mut(&link.id)) {
            *end = later(*end, link.expires_unix_s);
            return Ok(false);
        }
        let all = self.cameras.values().map(|it| it.ended_links.len());
        if all.sum::<usize>() >= MOST_ENDED_LINKS {
            return Err(Full);
        }
        let ended = &mut self.enter(camera)?.ended_links;
        ended.insert(link.id.clone(), link.expires_unix_s);
        Ok(true)
    }

    /// Notes how a camera is.
    ///
    /// # Errors
    /// [`Full`].
    pub fn note(&mut self, camera: &CameraName, mut seen: LastSeen) -> Result<(), Full> {
        let known = &mut self.enter(camera)?.last_seen;
        if let Some(known) = known {
            seen.black_box = continued(&known.black_box, &seen.black_box);
        }
        keep_newest(known, Some(seen));
        Ok(())
    }

    /// Drops what nobody needs any more.
    pub fn forget(&mut self, now: Now) {
        let now_s = now.unix_s();
        let long_ago = now.unix_us.saturating_sub(FORGET_CAMERA_AFTER_US);
        self.cameras.retain(|_, camera| {
            let links = &mut camera.ended_links;
            links.retain(|_, end| {
                end.is_none_or(|end| end.saturating_add(FORGET_LINK_AFTER_S) >= now_s)
            });
            let seen = camera.last_seen.as_ref();
            !links.is_empty()
                || camera.key_generation > 1
                || seen.is_some_and(|seen| seen.at_unix_us > long_ago)
        });
    }

    /// A camera's entry, if there is room for it.
    fn enter(&mut self, name: &CameraName) -> Result<&mut Remembered, Full> {
        if self.cameras.len() >= MOST_CAMERAS && !self.cameras.contains_key(name) {
            return Err(Full);
        }
        Ok(self.camera(name.clone()))
    }

    fn camera(&mut self, name: CameraName) -> &mut Remembered {
        self.cameras.entry(name).or_insert(Remembered {
            key_generation: 1,
            ended_links: BTreeMap::new(),
            last_seen: None,
        })
    }
}

impl Remembered {
    fn join(&mut self, other: Self) {
        self.key_generation = self.key_generation.max(other.key_generation);
        for (id, theirs) in other.ended_links {
            let end = self.ended_links.entry(id).or_insert(theirs);
            *end = later(*end, theirs);
        }
        keep_newest(&mut self.last_seen, other.last_seen);
    }
}

/// The later of two ends; never is later than any.
fn later(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.zip(other).map(|(one, other)| one.max(other))
}

fn keep_newest(ours: &mut Option<LastSeen>, theirs: Option<LastSeen>) {
    let at = |seen: &Option<LastSeen>| seen.as_ref().map(|seen| seen.at_unix_us);
    // Two of the same moment: any rule will do that both sides follow.
    let text = |seen: &Option<LastSeen>| serde_json::to_string(seen).ok();
    let order = at(&theirs).cmp(&at(ours));
    if order.then_with(|| text(&theirs).cmp(&text(ours))).is_gt() {
        *ours = theirs;
    }
}

impl LastSeen {
    /// What a record holds, of a camera that was heard.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        Some(Self {
            at_unix_us: record.last_seen_unix_us?,
            device: record.device.clone(),
            word: record.word.clone(),
            health: record.health.clone(),
            black_box: record.black_box.clone(),
        })
    }

    /// Whether this is worth writing, given what was remembered before.
    #[must_use]
    pub fn is_news(&self, known: Option<&Self>, now: Now) -> bool {
        let Some(known) = known else { return true };
        let said = |seen: &Self| {
            let word = seen.word.as_ref();
            word.map(|word| (word.state, word.reason.clone()))
        };
        let later_us = self.at_unix_us.saturating_sub(known.at_unix_us);
        let silent = now.unix_us.saturating_sub(self.at_unix_us) > SILENT_US;
        later_us > 0
            && (silent
                || later_us >= DRIFT_US
                || said(self) != said(known)
                || self.device != known.device
                || continued(&known.black_box, &self.black_box) != known.black_box)
    }
}

/// The entries known before, and those of an instance that may have been there
/// for a part of them only.
#[must_use]
pub fn continued(known: &[BlackBoxEntry], own: &[BlackBoxEntry]) -> Vec<BlackBoxEntry> {
    let longest = known.len().min(own.len());
    let shared = (0..=longest)
        .rev()
        .find(|&shared| known.ends_with(&own[..shared]));
    let news = &own[shared.unwrap_or(0)..];
    let all = [known, news].concat();
    let surplus = all.len().saturating_sub(MAX_BLACK_BOX_ENTRIES);
    all[surplus..].to_vec()
}

#[cfg(test)]
mod tests;
