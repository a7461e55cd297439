//! The control plane: one HTTP exchange at a time, in a short-lived thread.
//!
//! The answer or one plain line comes as an [`UplinkEvent`]. Redirects are not
//! followed: they would carry the key to wherever a login page points.

mod agent;
pub(super) mod probe;

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use crossbeam_channel::Sender;
use rustls::ClientConfig;
use rustls_pki_types::UnixTime;
use ureq::Agent;
use zerocam_config_file::Secret;
use zerocam_protocol::checkin::{CheckinRequest, CheckinResponse};

use super::{
    UplinkEvent,
    endpoint::Endpoint,
    failure::{Failure, one_line},
    tls,
};

/// Longest exchange, everything included.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Longest answer that is read: a good one has about 100 bytes.
const MAX_ANSWER_BYTES: u64 = 4096;

/// See the module.
#[derive(Debug)]
pub(super) struct Checkin {
    exchange: Arc<Exchange>,
    events: Sender<UplinkEvent>,
}

#[derive(Debug)]
struct Exchange {
    tls: Arc<ClientConfig>,
    agent: Agent,
    endpoint: Arc<Endpoint>,
    key: Secret,
    requests: Mutex<Requests>,
    /// Told when none is under way any more.
    idle: Condvar,
}

#[derive(Debug, Default)]
struct Requests {
    under_way: bool,
    next: Option<CheckinRequest>,
}

impl Checkin {
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        key: Secret,
        tls: Arc<ClientConfig>,
        events: Sender<UplinkEvent>,
    ) -> Self {
        let exchange = Arc::new(Exchange {
            agent: agent::agent(Arc::clone(&tls), TIMEOUT),
            tls,
            endpoint,
            key,
            requests: Mutex::default(),
            idle: Condvar::new(),
        });
        Self { exchange, events }
    }

    /// Whether who answers was verified.
    pub(super) fn is_secure(&self) -> bool {
        self.exchange.endpoint.secure
    }

    /// Sends the request now, or after the one that is under way.
    pub(super) fn request(&self, request: CheckinRequest) {
        let mut requests = self.exchange.requests();
        requests.next = Some(request);
        if requests.under_way {
            return;
        }
        let (exchange, events) = (Arc::clone(&self.exchange), self.events.clone());
        let spawned = std::thread::Builder::new()
            .name("check-in".into())
            .spawn(move || exchange.work_off(&events));
        requests.under_way = spawned.is_ok();
        if let Err(error) = spawned {
            tell(
                &self.events,
                UplinkEvent::CheckinFailed(Failure::Local(error).to_string()),
            );
        }
    }

    /// Waits until all requests are answered or have failed, for so long at most.
    pub(super) fn finish(&self, patience: Duration) {
        let requests = self.exchange.requests();
        let under_way = |requests: &mut Requests| requests.under_way;
        let idle = &self.exchange.idle;
        drop(idle.wait_timeout_while(requests, patience, under_way));
    }
}

impl Exchange {
    fn work_off(&self, events: &Sender<UplinkEvent>) {
        while let Some(request) = self.next_request() {
            let event = match self.check_in(&request) {
                Ok(response) => UplinkEvent::CheckedIn(response),
                Err(failure) => UplinkEvent::CheckinFailed(failure.to_string()),
            };
            tell(events, event);
        }
    }

    fn next_request(&self) -> Option<CheckinRequest> {
        let mut requests = self.requests();
        let next = requests.next.take();
        requests.under_way = next.is_some();
        if next.is_none() {
            self.idle.notify_all();
        }
        next
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A clock that is behind the service's certificate must not keep the camera
    /// from the one who could set it: where the certificate is valid only later,
    /// the service is verified as of the time that it tells itself. That time is
    /// asked for without the key, of one who was verified as of the certificate's
    /// first second, and counts only if the certificate is valid at it, too.
    fn check_in(&self, request: &CheckinRequest) -> Result<CheckinResponse, Failure> {
        let result = self.post(&self.agent, request);
        let not_before = match &result {
            Err(Failure::CertificateNotYetValid { not_before, .. }) => *not_before,
            _ => None,
        };
        match not_before.and_then(|not_before| self.time_after(not_before)) {
            Some(time) => self.post(&self.agent_as_of(time), request),
            None => result,
        }
    }

    /// The service's time, if it is later than `not_before`.
    fn time_after(&self, not_before: UnixTime) -> Option<UnixTime> {
        let date = probe::date(&self.endpoint, &self.agent_as_of(not_before));
        let date = date.ok()??.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let time = UnixTime::since_unix_epoch(date);
        (time >= not_before).then_some(time)
    }

    fn agent_as_of(&self, time: UnixTime) -> Agent {
        agent::agent(tls::as_of(time, &self.tls), TIMEOUT)
    }

    fn post(&self, agent: &Agent, request: &CheckinRequest) -> Result<CheckinResponse, Failure> {
        let host = self.endpoint.host.as_str();
        let failed = |error| agent::failure(error, &self.endpoint);
        let mut answer = agent
            .post(self.endpoint.checkin_url())
            .header("Authorization", format!("Bearer {}", self.key.expose()))
            .send_json(request)
            .map_err(failed)?;
        let status = answer.status().as_u16();
        let kind = answer.body().mime_type().unwrap_or_default().to_owned();
        let body = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER_BYTES)
            .read_to_vec();
        if status != 200 {
            return Err(Failure::from_answer(
                host,
                status,
                &kind,
                &body.unwrap_or_default(),
            ));
        }
        let body = body.map_err(failed)?;
        serde_json::from_slice(&body).map_err(|error| {
            if kind.contains("json") {
                Failure::NotTheService {
                    host: host.to_owned(),
                    what: one_line(error.to_string().as_bytes()),
                }
            } else {
                Failure::from_answer(host, status, &kind, &body)
            }
        })
    }
}

fn tell(events: &Sender<UplinkEvent>, event: UplinkEvent) {
    if let Err(error) = events.try_send(event) {
        tracing::debug!(%error, "nobody takes the uplink's events");
    }
}
