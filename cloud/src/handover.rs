//! Hands cameras over to the instance that viewers reach.
//!
//! A deploy sends new requests to the new revision at once, while a camera's
//! open WebSocket keeps the old one: viewers would find a service without a
//! picture. So an instance that knows its revision asks every second who
//! answers at its public address, while it holds a camera. [`Rollout`] decides
//! what the answers mean, and the camera's connection then says `move`.
//!
//! Left out: the move itself, which is the camera's.

mod asker;
mod rollout;
mod siblings;

use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{select, task::spawn_blocking, time::sleep};
use tracing::{info, warn};

pub use self::{
    rollout::{Answer, Rollout},
    siblings::Siblings,
};
use crate::{access::SigningKey, cameras::camera::Record, config, service::Service, time::Now};
use asker::Asker;

/// How often it is asked.
const POLL: Duration = Duration::from_secs(1);

/// How soon a first answer from another revision is checked: viewers who play
/// plain HLS have three seconds in hand.
const CHECK: Duration = Duration::from_millis(250);

/// Who answers: what `GET /api/instance` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// What was deployed; `None` where nobody says (see `K_REVISION`).
    pub revision: Option<String>,
    /// This process, by a random name.
    pub instance: String,
}

impl Instance {
    /// This process.
    #[must_use]
    pub fn new(revision: Option<String>) -> Self {
        let name = RandomState::new().hash_one(std::process::id());
        Self {
            revision,
            instance: format!("{name:016x}"),
        }
    }

    /// Whether both are of the same revision, and not the same.
    #[must_use]
    pub fn is_sibling_of(&self, other: &Self) -> bool {
        self.revision.is_some()
            && self.revision == other.revision
            && self.instance != other.instance
    }

    /// How it tells another instance which it is: nobody else can.
    #[must_use]
    pub fn introduce(&self, key: &SigningKey) -> Introduction {
        Introduction {
            revision: self.revision.clone().unwrap_or_default(),
            instance: self.instance.clone(),
            proof: key.prove(&self.says()),
        }
    }

    fn says(&self) -> String {
        let revision = self.revision.as_deref().unwrap_or_default();
        format!("instance.{revision}.{}", self.instance)
    }
}

/// What an instance says of itself when it asks who answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Introduction {
    /// What was deployed; empty where nobody says.
    pub revision: String,
    /// The process.
    pub instance: String,
    /// Made with the signing key that all instances share.
    pub proof: String,
}

impl Introduction {
    /// Who it is, if it is true.
    #[must_use]
    pub fn instance(self, key: &SigningKey) -> Option<Instance> {
        let instance = Instance {
            revision: Some(self.revision).filter(|revision| !revision.is_empty()),
            instance: self.instance,
        };
        key.is_proven(&instance.says(), &self.proof)
            .then_some(instance)
    }
}

/// Asks and decides until the service stops. Ends at once where no revision is
/// known.
pub async fn watch(service: Arc<Service>) {
    let ours = service.instance.clone();
    if ours.revision.is_none() {
        return;
    }
    let introduction = ours.introduce(&service.settings.signing_key);
    let asker = match spawn_blocking(|| Asker::new(ours, introduction)).await {
        Ok(asker) => Arc::new(asker),
        Err(error) => return warn!(%error, "nobody will notice a new revision"),
    };
    let mut stopping = service.stopping();
    let mut pause = POLL;
    loop {
        let poll = async {
            sleep(pause).await;
            let addresses = addresses(&service);
            let asker = asker.clone();
            let ask = move |at: String| (at.clone(), asker.ask(&at));
            spawn_blocking(|| addresses.into_iter().map(ask).collect()).await
        };
        select! {
            answers = poll => pause = decide(&service, &answers.unwrap_or_default()),
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// Where this service is found from outside, by every camera that it holds.
fn addresses(service: &Service) -> BTreeSet<String> {
    let cameras = service.cameras.all();
    let addresses = cameras
        .iter()
        .filter_map(|camera| address(service, &camera.record()));
    addresses.collect()
}

/// What the owner configured, or else the address that the camera dialled. It
/// is asked for nothing but who answers there.
fn address(service: &Service, record: &Record) -> Option<String> {
    let settings = &service.settings;
    let dialled = || config::public_url(record.public_url.as_deref()?, settings.plain_http).ok();
    let known = settings.public_url.clone().or_else(dialled);
    known.filter(|_| record.feed.is_open())
}

/// Says how soon to ask again.
fn decide(service: &Service, answers: &HashMap<String, Answer>) -> Duration {
    let mut pause = POLL;
    if answers.values().any(|answer| *answer == Answer::Sibling) {
        service.hear_sibling();
    }
    for camera in service.cameras.all() {
        let mut record = camera.record();
        let answer = address(service, &record).and_then(|address| answers.get(&address));
        let Some(answer) = answer else { continue };
        if record.rollout.handle(answer, Now::read().monotonic) {
            record.moves += 1;
            info!(camera = %camera.name, ?answer, "the camera is asked to move");
        }
        if record.rollout.is_unsure() {
            pause = CHECK;
        }
    }
    pause
}
