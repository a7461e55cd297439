//! One camera as the service knows it: its pipeline, who feeds it, what it last
//! said, what it should do, who watches.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zerocam_protocol::{
    CameraName, DeviceId,
    checkin::{BlackBoxEntry, CameraState, CheckinRequest, Desired, DesiredState},
    limits,
    message::{Bye, ByeReason, Health},
};

use super::{
    feed::{ConnectionId, Feed},
    viewers::Viewers,
};
use crate::{handover::Rollout, ingest::Dating, media::Media, time::Now};

/// Connections that one camera may have at a time: two during a hand-over, and
/// as many again that have died without this side knowing yet.
const MAX_CONNECTIONS: usize = 4;

/// For how long after its first visitor requests may still go to the instance
/// before.
const MIXED_VISITS_US: i64 = 4_000_000;

/// One camera.
#[derive(Debug)]
pub struct Camera {
    /// Its name.
    pub name: CameraName,
    /// Its pipeline and live window.
    pub media: Media,
    record: Mutex<Record>,
    next_connection: AtomicU64,
    open_connections: Arc<Semaphore>,
}

/// What is known of a camera besides its pictures. Locked for moments only.
#[derive(Debug, Default)]
pub struct Record {
    /// Who feeds the stream.
    pub feed: Feed,
    /// Who watches it.
    pub viewers: Viewers,
    /// How the camera's clock relates to ours.
    pub dating: Option<Dating>,
    /// Where the camera found this service.
    pub public_url: Option<String>,
    /// What is known of the instance that it should move to.
    pub rollout: Rollout,
    /// How often it was asked to move there.
    pub moves: u32,
    /// It has moved there.
    pub moved_away: bool,
    /// When it came to this instance. What it filmed shortly before is sent
    /// first.
    pub arrival: Option<Arrival>,
    /// When it was last heard, Unix microseconds.
    pub last_seen_unix_us: Option<i64>,
    /// Which device it is.
    pub device: Option<DeviceId>,
    /// What it last said of its state.
    pub word: Option<Word>,
    /// What the owner wants it to do, once anybody said.
    pub desired: Option<Desired>,
    /// Its last figures.
    pub health: Health,
    /// Its last remembered restarts and faults, oldest first.
    pub black_box: Vec<BlackBoxEntry>,
}

/// When a camera came to this instance, Unix microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It was not here before.
    First(i64),
    /// It was, and then fed another instance.
    Back(i64),
}

/// What a camera said of its state, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// The state.
    pub state: CameraState,
    /// Why, for people; may be empty.
    pub reason: String,
    /// When it arrived, Unix microseconds.
    pub at_unix_us: i64,
}

impl Camera {
    pub(super) fn new(name: CameraName, media: Media) -> Self {
        Self {
            name,
            media,
            record: Mutex::default(),
            next_connection: AtomicU64::new(0),
            open_connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        }
    }

    /// A number for a new connection.
    pub fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.next_connection.fetch_add(1, Ordering::Relaxed))
    }

    /// Room for one more connection, until the permit is dropped.
    #[must_use]
    pub fn room(&self) -> Option<OwnedSemaphorePermit> {
        self.open_connections.clone().try_acquire_owned().ok()
    }

    /// What is known; hold it for as short as possible.
    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    /// Whether the dates of its pictures can be relied on.
    #[must_use]
    pub fn is_dated(&self) -> bool {
        self.dating.as_ref().is_some_and(Dating::is_exact)
    }

    /// Whether pictures dated later than this were seen by players of another
    /// instance, and have yet to come here: the camera sends the past first.
    /// Players who visit this instance have seen none there since; but for a while
    /// after the first visit requests may go to either.
    #[must_use]
    pub fn is_catching_up(&self, newest_unix_us: i64, first_visit_unix_us: i64) -> bool {
        let seen_until_unix_us = self.arrival.map(|arrival| match arrival {
            Arrival::First(at) => at.min(first_visit_unix_us.max(at - MIXED_VISITS_US)),
            Arrival::Back(at) => at,
        });
        self.feed.is_open() && seen_until_unix_us > Some(newest_unix_us)
    }

    /// Notes that the camera feeds this instance from now on.
    pub fn arrive(&mut self, now: Now) {
        if std::mem::take(&mut self.moved_away) {
            self.arrival = Some(Arrival::Back(now.unix_us));
        }
        self.arrival.get_or_insert(Arrival::First(now.unix_us));
    }

    /// Whether pictures come, or will in a moment.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        let says_so = self.word.as_ref().is_some_and(|word| {
            matches!(word.state, CameraState::Starting | CameraState::Streaming)
        });
        says_so || self.feed.is_open()
    }

    /// Notes what the camera said of its state.
    pub fn heard(&mut self, state: CameraState, reason: String, now: Now) {
        self.last_seen_unix_us = Some(now.unix_us);
        self.word = Some(Word {
            state,
            reason,
            at_unix_us: now.unix_us,
        });
    }

    /// Notes a farewell that ends the stream.
    pub fn farewell(&mut self, bye: Bye, now: Now) {
        let state = match bye.reason {
            ByeReason::Stopped => CameraState::Stopped,
            ByeReason::ShutDown => CameraState::ShuttingDown,
            ByeReason::CameraFault => CameraState::CameraFault,
            ByeReason::Superseded
            | ByeReason::NameTaken
            | ByeReason::ProtocolError
            | ByeReason::StaleRun
            | ByeReason::ServiceStopping
            | ByeReason::KeyRevoked => return,
        };
        self.heard(state, bye.text, now);
    }

    /// Takes in a check-in and says what the camera should do. A device under
    /// a name that another one holds hears it, but is not noted: its state is
    /// not the camera's.
    pub fn check_in(&mut self, request: CheckinRequest, now: Now) -> Desired {
        let desired = match self.desired {
            Some(service) => Desired::newest(request.desired, service),
            None => request.desired,
        };
        if self.feed.is_held_against(&request.device, now.monotonic) {
            return desired;
        }
        self.desired = Some(desired);
        self.device = Some(request.device);
        self.health = request.health;
        self.black_box.extend(request.black_box);
        let surplus = self
            .black_box
            .len()
            .saturating_sub(limits::MAX_BLACK_BOX_ENTRIES);
        self.black_box.drain(..surplus);
        self.heard(request.state, request.reason, now);
        desired
    }

    /// Notes what the owner wants. A service that has not heard the camera's
    /// own wish counts from the clock's seconds, which exceed any number of
    /// wishes that people make.
    pub fn wish(&mut self, state: DesiredState, now: Now) -> Desired {
        let wish = match self.desired {
            Some(desired) => desired.superseded_by(state),
            None => Desired {
                state,
                version: now.unix_s(),
            },
        };
        self.desired = Some(wish);
        wish
    }
}

#[cfg(test)]
mod tests {
    use zerocam_protocol::message::Hello;

    use super::*;

    fn hello(device: &str) -> Hello {
        crate::ingest::tests::hello(device, 7, 1)
    }

    fn request(desired: Desired) -> CheckinRequest {
        CheckinRequest {
            device: "a".parse().unwrap(),
            state: CameraState::Stopped,
            reason: String::new(),
            desired,
            health: Health::default(),
            black_box: Vec::new(),
        }
    }

    #[test]
    fn the_newest_wish_wins_and_is_remembered() {
        let now = Now::read();
        let wish = |state, version| Desired { state, version };
        use DesiredState::{Started, Stopped};
        let mut record = Record::default();
        let button = record.check_in(request(wish(Started, 4)), now);
        assert_eq!(button, wish(Started, 4));
        assert_eq!(record.wish(Stopped, now), wish(Stopped, 5));
        let answer = record.check_in(request(wish(Started, 4)), now);
        assert_eq!(answer, wish(Stopped, 5));
        let answer = record.check_in(request(wish(Started, 6)), now);
        assert_eq!(answer, wish(Started, 6));
        assert_eq!(record.desired, Some(wish(Started, 6)));
    }

    #[test]
    fn what_players_have_seen_elsewhere_is_waited_for() {
        let (now, mut record) = (Now::read(), Record::default());
        let hello = hello("a");
        record.feed.claim(ConnectionId(1), &hello, now.monotonic);
        let at = |seconds: i64| now.unix_us + seconds * 1_000_000;
        // When visitors came here, and the newest picture is from: seconds
        // before and after the camera came.
        let check = |record: &mut Record, visited, newest, expected| {
            record.arrive(now);
            let is_catching_up = record.is_catching_up(at(newest), at(visited));
            assert_eq!(is_catching_up, expected, "{visited}, {newest}");
        };
        check(&mut record, -2, -3, true);
        check(&mut record, -2, -1, false);
        // The first visitor came long before: others were still sent elsewhere.
        check(&mut record, -60, -5, true);
        check(&mut record, -60, -3, false);
        check(&mut record, 5, -1, true);
        check(&mut record, 5, 0, false);
        // It was here before, and so were visitors.
        record.moved_away = true;
        check(&mut record, -60, -1, true);
        check(&mut record, -60, 0, false);
    }

    #[test]
    fn a_wish_before_the_first_check_in_supersedes_the_cameras_own() {
        let now = Now::read();
        let mut record = Record::default();
        let wish = record.wish(DesiredState::Stopped, now);
        let own = Desired {
            state: DesiredState::Started,
            version: 4000,
        };
        assert_eq!(record.check_in(request(own), now), wish);
    }

    #[test]
    fn a_device_that_may_not_feed_has_no_say() {
        let now = Now::read();
        let hello = hello("b");
        let mut record = Record::default();
        record.feed.claim(ConnectionId(1), &hello, now.monotonic);
        let stop = Desired {
            state: DesiredState::Stopped,
            version: 9,
        };
        assert_eq!(record.check_in(request(stop), now), stop);
        assert_eq!((&record.desired, &record.device), (&None, &None));

        let later = now.plus(limits::LEASE_ALIVE);
        record.check_in(request(stop), later);
        assert_eq!(record.desired, Some(stop));
    }

    #[test]
    fn the_black_box_keeps_the_newest_entries() {
        let mut record = Record::default();
        for number in 0..limits::MAX_BLACK_BOX_ENTRIES + 3 {
            let mut request = request(Desired::FIRST);
            request.black_box = vec![BlackBoxEntry {
                unix_s: None,
                text: number.to_string(),
            }];
            record.check_in(request, Now::read());
        }
        assert_eq!(record.black_box.len(), limits::MAX_BLACK_BOX_ENTRIES);
        assert_eq!(record.black_box[0].text, "3");
    }
}
