//! What all requests share.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::warn;

use crate::{
    cameras::Cameras,
    config::Settings,
    handover::{Instance, Siblings},
    media::Spawner,
    memory::Memory,
    time::Now,
};

/// Viewers are refused when less than this share of `concurrency` is free, so
/// that cameras and the owner still get through.
const RESERVED_PERCENT: usize = 10;

/// Within this time cameras come that fed another instance, or this one before it
/// was started again: it takes two seconds to notice a deploy, and as many to
/// connect.
const ARRIVAL: Duration = Duration::from_secs(15);

/// What all requests share.
#[derive(Debug)]
pub struct Service {
    /// As configured.
    pub settings: Settings,
    /// Every camera met.
    pub cameras: Cameras,
    /// What outlives it.
    pub memory: Arc<Memory>,
    /// This process.
    pub instance: Instance,
    started: Instant,
    first_visit: FirstVisit,
    siblings: Mutex<Siblings>,
    leaving: watch::Sender<bool>,
    stopping: watch::Sender<bool>,
    requests: Arc<Semaphore>,
}

impl Service {
    /// A service without cameras and requests.
    #[must_use]
    pub fn new(settings: Settings, spawner: Spawner) -> Self {
        Self {
            cameras: Cameras::new(settings.media.clone(), spawner, settings.max_cameras),
            memory: Arc::new(Memory::new(settings.memory.clone())),
            instance: Instance::new(settings.revision.clone()),
            started: Instant::now(),
            first_visit: FirstVisit::default(),
            siblings: Mutex::default(),
            leaving: watch::Sender::new(false),
            stopping: watch::Sender::new(false),
            requests: Arc::new(Semaphore::new(settings.concurrency)),
            settings,
        }
    }

    /// Room for one more request, until the permit is dropped. A camera's open
    /// WebSocket is a request.
    #[must_use]
    pub fn room(&self) -> Option<OwnedSemaphorePermit> {
        self.requests.clone().try_acquire_owned().ok()
    }

    /// Whether there is room for a viewer besides what is reserved.
    #[must_use]
    pub fn has_room_for_viewers(&self) -> bool {
        self.requests.available_permits() >= self.settings.concurrency * RESERVED_PERCENT / 100
    }

    /// Whether cameras that nobody has met yet may be about to come: viewers find
    /// a new instance before their camera does, and that may be long after its
    /// start.
    #[must_use]
    pub fn expects_cameras(&self) -> bool {
        // In this order: this is a visit, whoever runs the service.
        self.first_visit.is_recent(Now::read()) && self.instance.revision.is_some()
    }

    /// When visitors began to come here, at the latest now.
    #[must_use]
    pub fn first_visit(&self) -> Now {
        self.first_visit.at(Now::read())
    }

    /// Whether cameras that stream have not had the time to connect.
    #[must_use]
    pub fn has_just_started(&self) -> bool {
        // In this order: who asks in the first seconds is the first visitor, too.
        self.expects_cameras() || self.started.elapsed() < ARRIVAL
    }

    /// Another instance of this revision was heard, see [`Siblings`].
    pub fn hear_sibling(&self) {
        if self.siblings().hear(Instant::now()) {
            warn!(
                "another instance of this revision answers viewers, and cannot have the camera's \
                 pictures: run one, on Cloud Run with `--max-instances 1`"
            );
        }
    }

    /// Whether a camera that is not here may feed another instance.
    #[must_use]
    pub fn has_sibling(&self) -> bool {
        self.siblings().are_near(Instant::now())
    }

    fn siblings(&self) -> MutexGuard<'_, Siblings> {
        self.siblings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the service is about to end, so that cameras should go elsewhere.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.leaving.borrow() || *self.stopping.borrow()
    }

    /// Turns true when cameras should move to another instance.
    /// [`Self::send_cameras_away`] waits until the receiver is dropped.
    #[must_use]
    pub fn leaving(&self) -> watch::Receiver<bool> {
        self.leaving.subscribe()
    }

    /// Tells everybody that holds [`Self::leaving`], and waits for them.
    pub async fn send_cameras_away(&self) {
        self.leaving.send_replace(true);
        self.leaving.closed().await;
    }

    /// Turns true when everything ends. [`Self::stop`] waits until the receiver
    /// is dropped.
    #[must_use]
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Tells everybody that holds [`Self::stopping`], and waits for them.
    pub async fn stop(&self) {
        self.stopping.send_replace(true);
        self.stopping.closed().await;
    }
}

/// When visitors began to come here: a host may start an instance long before it
/// sends anybody there, and only then cameras have a reason to move.
#[derive(Debug, Default)]
struct FirstVisit(OnceLock<Now>);

impl FirstVisit {
    /// Asked for each visitor.
    fn at(&self, now: Now) -> Now {
        *self.0.get_or_init(|| now)
    }

    fn is_recent(&self, now: Now) -> bool {
        let first = self.at(now).monotonic;
        now.monotonic.saturating_duration_since(first) < ARRIVAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_expected_from_the_first_visitor_on() {
        let visit = FirstVisit::default();
        let first = Now::read().plus(Duration::from_secs(3600));
        assert!(visit.is_recent(first));
        assert!(visit.is_recent(first.plus(ARRIVAL - Duration::from_millis(1))));
        assert!(!visit.is_recent(first.plus(ARRIVAL)));
        assert_eq!(visit.at(first.plus(ARRIVAL)), first);
    }
}
