//! What outlives an instance: which links and keys the owner has ended, and when
//! each camera was last seen.
//!
//! Kept in a directory or a bucket as versions of one [`Document`], which several
//! instances may write at once: who was overtaken joins what both know and writes
//! again. An order of the owner holds once it is written, and then on this
//! instance at once, on others when they read again.
//!
//! As long as the memory has never been read, nobody may watch: a link might have
//! been ended. Cameras come in all the same, so that no picture is lost. Once it
//! was read, the service goes on with what it knows when it cannot be read again.
//!
//! Every wait has a deadline. A store that hangs holds up one task and no more.

pub mod document;
mod exchange;
mod store;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    select,
    sync::{Mutex as AsyncMutex, watch},
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};
use zerocam_protocol::{
    CameraName,
    token::{Grant, Link},
};

use self::store::{Store, Version, Written};
pub use self::{
    document::{Document, Full, LastSeen},
    store::{InvalidPlace, Place, StoreError},
};
use crate::{access::Denied, service::Service, time::Now};

/// The first pause after a failure; it doubles up to the usual one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How often one camera's last sight is written at most.
const NOTE_AGAIN: Duration = Duration::from_secs(60);

/// Longest wait for reading and writing.
const DEADLINE: Duration = Duration::from_secs(10);

/// Longest wait before the service answers anybody.
const START_DEADLINE: Duration = Duration::from_secs(4);

/// How often an order is written anew when others are faster.
const ATTEMPTS: u32 = 40;

/// Longest pause between two of them; a random part of it is taken.
const PAUSE_MS: u64 = 50;

/// Why the memory could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// None was configured.
    #[error(
        "this service has no memory: set `memory` in its configuration, or ZEROCAM_MEMORY, to a directory or a bucket"
    )]
    None,
    /// Directory or bucket.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The deadline has passed, here or for somebody who is still waiting.
    #[error("the memory in {0} does not answer")]
    Silent(Place),
    /// Others were always faster.
    #[error("too many write to the memory in {0} at a time")]
    Crowded(Place),
    /// No room for more.
    #[error(transparent)]
    Full(#[from] Full),
}

/// What outlives this instance, as far as it is known here.
#[derive(Debug)]
pub struct Memory {
    kept: Option<Kept>,
    known: watch::Sender<Known>,
}

#[derive(Debug)]
struct Kept {
    place: Place,
    /// Locked while somebody reads or writes.
    store: Arc<AsyncMutex<Store>>,
    /// When each camera's last sight was written.
    noted: Mutex<BTreeMap<CameraName, Instant>>,
    /// Why the last attempt failed.
    trouble: Mutex<Option<String>>,
}

#[derive(Debug, Default)]
struct Known {
    document: Document,
    /// The version that holds no more and no less.
    version: Option<Version>,
    /// It was read, or there is nothing to read.
    is_read: bool,
}

impl Memory {
    /// A memory in that place, not read yet; without a place nothing is
    /// remembered, and nothing was ever ended.
    #[must_use]
    pub fn new(place: Option<Place>) -> Self {
        Self {
            known: watch::Sender::new(Known {
                is_read: place.is_none(),
                ..Known::default()
            }),
            kept: place.map(|place| Kept {
                store: Arc::new(AsyncMutex::new(Store::new(place.clone()))),
                place,
                noted: Mutex::default(),
                trouble: Mutex::default(),
            }),
        }
    }

    /// Whether a genuine token may be used.
    ///
    /// # Errors
    /// [`Denied`] when it was revoked, or when nobody knows whether a link was.
    pub fn permit(&self, grant: &Grant) -> Result<(), Denied> {
        let known = self.known.borrow();
        if !known.is_read && grant.right.is_link() {
            return Err(Denied::NotKnownYet);
        }
        known.document.permit(grant)
    }

    /// The generation of a camera's good key, as far as it is known here.
    #[must_use]
    pub fn key_generation(&self, camera: &CameraName) -> u32 {
        self.known.borrow().document.key_generation(camera)
    }

    /// Whether the owner has ended this link.
    #[must_use]
    pub fn has_ended(&self, camera: &CameraName, link: &Link) -> bool {
        self.known.borrow().document.has_ended(camera, link)
    }

    /// Completes when the owner has ended this link.
    pub async fn ended(&self, camera: &CameraName, link: &Link) {
        let mut known = self.known.subscribe();
        // The sender is this memory: it does not go away meanwhile.
        let _ = known
            .wait_for(|known| known.document.has_ended(camera, link))
            .await;
    }

    /// How a camera was when it was last noted.
    #[must_use]
    pub fn last_seen(&self, camera: &CameraName) -> Option<LastSeen> {
        self.known.borrow().document.last_seen(camera).cloned()
    }

    /// Whether it was read, so that visitors can be let in.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.known.borrow().is_read
    }

    /// Reads, lets the caller change what is known, and writes that if it is a
    /// change. The change is made anew when another instance was faster.
    ///
    /// # Errors
    /// [`MemoryError`]: nothing was changed, or nobody knows whether it was.
    pub async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnMut(&mut Document) -> Result<T, Full> + Send + 'static,
    ) -> Result<T, MemoryError> {
        let Some(kept) = &self.kept else {
            return Err(MemoryError::None);
        };
        // A task of its own goes on when nobody waits for it any more, and keeps
        // the lock: whatever hangs, hangs once.
        let store = kept.store.clone();
        let task = tokio::spawn(self.clone().write(store, kept.place.clone(), change));
        let outcome = match timeout(DEADLINE, task).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Err(MemoryError::Silent(kept.place.clone())),
        };
        kept.note_trouble(outcome.as_ref().err());
        outcome
    }

    async fn write<T>(
        self: Arc<Self>,
        store: Arc<AsyncMutex<Store>>,
        place: Place,
        mut change: impl FnMut(&mut Document) -> Result<T, Full>,
    ) -> Result<T, MemoryError> {
        let silent = || MemoryError::Silent(place.clone());
        let store = timeout(DEADLINE, store.lock())
            .await
            .map_err(|_| silent())?;
        for _ in 0..ATTEMPTS {
            let knows = self.known.borrow().version;
            let (version, read) = store.newest(knows).await?;
            let stored = match read {
                Some(stored) => {
                    self.learn(stored.clone(), version);
                    stored
                }
                None if version == knows => self.known.borrow().document.clone(),
                None => Document::default(),
            };
            self.known
                .send_if_modified(|known| !std::mem::replace(&mut known.is_read, true));
            let mut document = self.known.borrow().document.clone();
            document.forget(Now::read());
            let outcome = change(&mut document)?;
            if document == stored {
                return Ok(outcome);
            }
            let next = Version(version.map_or(0, |version| version.0) + 1);
            if store.write(next, &document).await? == Written::Newest {
                self.learn(document, Some(next));
                return Ok(outcome);
            }
            sleep(Duration::from_millis(fastrand::u64(..PAUSE_MS))).await;
        }
        Err(MemoryError::Crowded(place))
    }

    /// Takes in what a version holds. It stays known even if somebody deletes
    /// that version.
    fn learn(&self, stored: Document, version: Option<Version>) {
        self.known.send_modify(|known| {
            known.document.forget(Now::read());
            known.document.join(stored.clone());
            known.version = version.filter(|_| known.document == stored);
        });
    }
}

/// What a service that begins, runs and ends does with its memory.
impl Memory {
    /// Reads it for the first time, and gives up after a moment: [`keep`] goes on.
    pub async fn open(self: &Arc<Self>) {
        if self.kept.is_some() {
            // If that did not do, the next attempt says why.
            let _ = timeout(START_DEADLINE, self.change(|_| Ok(()))).await;
        }
    }

    /// Writes how the cameras are, those of which there is news: at the end of
    /// the service, those that were heard since.
    ///
    /// # Errors
    /// As [`Self::change`].
    async fn note(self: &Arc<Self>, service: &Service, ending: bool) -> Result<(), MemoryError> {
        let Some(kept) = &self.kept else {
            return Ok(());
        };
        let now = Now::read();
        let mut news = kept.rested(service, ending, now);
        news.retain(|(name, seen)| {
            let known = self.last_seen(name);
            let later = known.as_ref().map(|known| known.at_unix_us) < Some(seen.at_unix_us);
            seen.is_news(known.as_ref(), now) || ending && later
        });
        let names: Vec<CameraName> = news.iter().map(|(name, _)| name.clone()).collect();
        let note = move |document: &mut Document| {
            for (name, seen) in &news {
                if let Err(full) = document.note(name, seen.clone()) {
                    debug!(camera = %name, %full, "its last sight is not remembered");
                }
            }
            Ok(())
        };
        self.change(note).await?;
        let mut noted = kept.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.extend(names.into_iter().map(|name| (name, now.monotonic)));
        Ok(())
    }

    /// Writes for the last time.
    pub async fn close(self: &Arc<Self>, service: &Service) {
        // What went wrong is logged.
        let _ = self.note(service, true).await;
    }
}

impl Kept {
    /// Logs what is wrong when that changes.
    fn note_trouble(&self, error: Option<&MemoryError>) {
        let error = error.filter(|error| !matches!(error, MemoryError::Full(_)));
        let now = error.map(MemoryError::to_string);
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if *trouble == now {
            return;
        }
        match &now {
            Some(why) => warn!(why, "the memory cannot be used; trying again"),
            None => info!("the memory can be used again"),
        }
        *trouble = now;
    }

    /// The cameras that have not been noted for a while, and how they are.
    fn rested(&self, service: &Service, ending: bool, now: Now) -> Vec<(CameraName, LastSeen)> {
        let noted = self
            .noted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let cameras = service.cameras.all().into_iter();
        let rested = cameras.filter(|camera| {
            let age = noted.get(&camera.name).map(|at| now.monotonic - *at);
            ending || age.is_none_or(|age| age >= NOTE_AGAIN)
        });
        let seen = rested.filter_map(|camera| {
            let seen = LastSeen::of(&camera.record())?;
            Some((camera.name.clone(), seen))
        });
        seen.collect()
    }
}

/// Reads and writes until the service stops. Ends at once where there is no
/// memory.
pub async fn keep(service: Arc<Service>) {
    let memory = &service.memory;
    if memory.kept.is_none() {
        return;
    }
    let mut stopping = service.stopping();
    let usual = service.settings.read_again;
    let mut pause = if memory.is_read() { usual } else { FIRST_PAUSE };
    loop {
        let noted = async {
            sleep(pause.mul_f64(0.75 + fastrand::f64() / 4.0)).await;
            memory.note(&service, false).await
        };
        pause = select! {
            noted = noted => match noted {
                Ok(()) => usual,
                Err(_) if pause == usual => usual.min(FIRST_PAUSE),
                Err(_) => usual.min(pause * 2),
            },
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
    }
}
