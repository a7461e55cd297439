//! What all requests share.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::{
    cameras::Cameras, config::Settings, handover::Instance, media::Spawner, memory::Memory,
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
        self.instance.revision.is_some() && self.first_visit.is_recent(Instant::now())
    }

    /// Whether cameras that stream have not had the time to connect.
    #[must_use]
    pub fn has_just_started(&self) -> bool {
        // In this order: who asks in the first seconds is the first visitor, too.
        self.expects_cameras() || self.started.elapsed() < ARRIVAL
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
struct FirstVisit(OnceLock<Instant>);

impl FirstVisit {
    /// Asked for each visitor.
    fn is_recent(&self, now: Instant) -> bool {
        let first = *self.0.get_or_init(|| now);
        now.saturating_duration_since(first) < ARRIVAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_expected_from_the_first_visitor_on() {
        let started = Instant::now();
        let visit = FirstVisit::default();
        let first = started + Duration::from_secs(3600);
        assert!(visit.is_recent(first));
        assert!(visit.is_recent(first + ARRIVAL - Duration::from_millis(1)));
        assert!(!visit.is_recent(first + ARRIVAL));
    }
}
