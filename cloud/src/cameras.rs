//! All cameras that this service has met since it started.
//!
//! A camera enters with its first genuine key or control link, never by a mere
//! request, and stays: the number is bounded by `max_cameras`.

pub mod camera;
pub mod feed;
pub mod viewers;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use tokio::sync::Notify;
use zerocam_protocol::CameraName;

pub use self::camera::Camera;
use crate::{
    media::{Media, MediaConfig, Spawner},
    time::Now,
};

/// Every camera by its name.
#[derive(Debug)]
pub struct Cameras {
    media: MediaConfig,
    spawner: Spawner,
    most: usize,
    by_name: RwLock<BTreeMap<CameraName, Arc<Camera>>>,
    newly_met: Notify,
    refused: Mutex<Refused>,
}

/// `max_cameras` are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this service already serves {most} cameras: raise `max_cameras` in its configuration")]
pub struct Full {
    /// The bound.
    pub most: usize,
}

impl Cameras {
    /// No cameras yet.
    #[must_use]
    pub fn new(media: MediaConfig, spawner: Spawner, most: usize) -> Self {
        Self {
            media,
            spawner,
            most,
            by_name: RwLock::default(),
            newly_met: Notify::new(),
            refused: Mutex::default(),
        }
    }

    /// The camera, if it has been met.
    #[must_use]
    pub fn get(&self, name: &CameraName) -> Option<Arc<Camera>> {
        self.by_name
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// All of them, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Camera>> {
        let cameras = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        cameras.values().cloned().collect()
    }

    /// The camera, met now if not before. Call it for genuine keys only, and
    /// inside the runtime.
    ///
    /// # Errors
    /// [`Full`] when it is new and there is no room.
    pub fn meet(&self, name: &CameraName) -> Result<Arc<Camera>, Full> {
        if let Some(camera) = self.get(name) {
            return Ok(camera);
        }
        let mut cameras = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(camera) = cameras.get(name) {
            return Ok(camera.clone());
        }
        if cameras.len() >= self.most {
            return Err(Full { most: self.most });
        }
        let media = Media::spawn(name.clone(), self.media.clone(), self.spawner.clone());
        let camera = Arc::new(Camera::new(name.clone(), media));
        cameras.insert(name.clone(), camera.clone());
        self.newly_met.notify_waiters();
        Ok(camera)
    }

    /// The camera, as soon as it has been met.
    pub async fn met(&self, name: &CameraName) -> Arc<Camera> {
        loop {
            // Before the look, so that nobody enters in between unnoticed.
            let news = self.newly_met.notified();
            if let Some(camera) = self.get(name) {
                return camera;
            }
            news.await;
        }
    }

    /// Notes that a camera's key was refused; says whether that is news worth
    /// a line in the log.
    pub fn note_refused(&self, name: &CameraName, now: Now) -> bool {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(name, now)
    }

    /// When a camera's key was last refused, Unix microseconds.
    #[must_use]
    pub fn refused_unix_us(&self, name: &CameraName) -> Option<i64> {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .last_unix_us(name)
    }
}

/// The names under which wrong keys came. Anybody can send wrong keys under any
/// name, so few are kept, and none gives way to another within
/// [`Refused::LOG_AGAIN`]: there is no more than a line for each in this time.
#[derive(Debug, Default)]
struct Refused(Vec<Refusal>);

#[derive(Debug)]
struct Refusal {
    name: CameraName,
    last: Now,
    logged: Now,
}

impl Refusal {
    fn is_old(&self, now: Now) -> bool {
        let logged = self.logged.monotonic;
        now.monotonic.saturating_duration_since(logged) >= Refused::LOG_AGAIN
    }
}

impl Refused {
    const MOST: usize = 64;
    const LOG_AGAIN: Duration = Duration::from_secs(600);

    fn note(&mut self, name: &CameraName, now: Now) -> bool {
        let known = self.0.iter_mut().find(|refusal| refusal.name == *name);
        if let Some(refusal) = known {
            refusal.last = now;
            let news = refusal.is_old(now);
            if news {
                refusal.logged = now;
            }
            return news;
        }
        if self.0.len() == Self::MOST {
            let old = self.0.iter().position(|refusal| refusal.is_old(now));
            let Some(old) = old else { return false };
            self.0.remove(old);
        }
        self.0.push(Refusal {
            name: name.clone(),
            last: now,
            logged: now,
        });
        true
    }

    fn last_unix_us(&self, name: &CameraName) -> Option<i64> {
        let refusal = self.0.iter().find(|refusal| refusal.name == *name)?;
        Some(refusal.last.unix_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_bounded_and_logged_rarely() {
        let mut refused = Refused::default();
        let now = Now::read();
        let name = |number: usize| format!("cam-{number}").parse::<CameraName>().unwrap();
        assert!(refused.note(&name(0), now));
        let later = now.plus(Duration::from_secs(599));
        assert!(!refused.note(&name(0), later));
        assert_eq!(refused.last_unix_us(&name(0)), Some(later.unix_us));
        assert!(refused.note(&name(0), now.plus(Refused::LOG_AGAIN)));
        // However many names are tried.
        let flood = |refused: &mut Refused, now| {
            let lines = (1..1000).filter(|number| refused.note(&name(*number), now));
            lines.count()
        };
        assert_eq!(flood(&mut refused, later), Refused::MOST - 1);
        assert_eq!(flood(&mut refused, later), 0);
        assert_eq!(refused.0.len(), Refused::MOST);
        let again = later.plus(Refused::LOG_AGAIN);
        assert!(flood(&mut refused, again) <= Refused::MOST);
        assert_eq!(refused.0.len(), Refused::MOST);
        assert_eq!(refused.last_unix_us(&name(1)), Some(again.unix_us));
    }

    #[tokio::test]
    async fn the_number_of_cameras_is_bounded() {
        let spawner = Spawner::start().unwrap();
        let cameras = Cameras::new(MediaConfig::default(), spawner, 1);
        let garden = "garden".parse().unwrap();
        assert!(cameras.get(&garden).is_none());
        let first = cameras.meet(&garden).unwrap();
        assert!(Arc::ptr_eq(&first, &cameras.meet(&garden).unwrap()));
        assert_eq!(
            cameras.meet(&"door".parse().unwrap()).unwrap_err(),
            Full { most: 1 }
        );
    }
}
