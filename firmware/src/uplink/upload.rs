//! The upload thread: carries out what [`Connection`] decides.
//!
//! One turn takes in what came (wishes, frames, new sockets, messages), lets
//! the connection decide, writes what the sockets take, and waits in poll(2)
//! until something comes or is due.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::Sender;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::ClientConfig;
use zerocam_protocol::{
    Segment, ServiceMessage,
    message::{Bye, ByeReason, Health, Welcome},
};

use super::{
    FrameReceiver, LinkState, Mailbox, UplinkConfig, UplinkEvent, Wish,
    connection::{Action, Connection, Event, LineEvent, Loss, Number, superseded},
    connector::Connector,
    cursor::{MAX_BACKFILL, unseen},
    endpoint::Endpoint,
    failure::{Failure, Remedy, one_line},
    losses::Losses,
    ring::{Place, Ring},
    session::{Identity, Session, Writing},
};
use crate::heartbeat::Heartbeat;

/// See the module.
pub(super) struct Upload {
    connection: Connection,
    connector: Connector,
    ring: Ring,
    /// At most the line, its successor, and those that take their leave.
    sessions: Vec<Session>,
    frames: FrameReceiver,
    mailbox: Arc<Mailbox>,
    events: Sender<UplinkEvent>,
    identity: Identity,
    ending: bool,
    /// What was captured before the last stop is not sent after it.
    stopped_at: Place,
    last_failure: String,
    losses: Losses,
}

impl Upload {
    pub(super) fn new(
        config: UplinkConfig,
        endpoint: Arc<Endpoint>,
        tls: Arc<ClientConfig>,
        frames: FrameReceiver,
        mailbox: Arc<Mailbox>,
        events: Sender<UplinkEvent>,
    ) -> Self {
        let identity = Identity::new(&config, &endpoint);
        let waker = Arc::clone(&mailbox.waker);
        Self {
            connection: Connection::new(fastrand::Rng::new()),
            connector: Connector::new(endpoint, config.key, tls, waker),
            ring: Ring::new(config.ring),
            sessions: Vec::new(),
            frames,
            mailbox,
            events,
            identity,
            ending: false,
            stopped_at: Place(0),
            last_failure: String::new(),
            losses: Losses::default(),
        }
    }

    /// Until the supervisor ends it.
    pub(super) fn run(mut self, heartbeat: &Heartbeat) {
        loop {
            heartbeat.beat();
            self.take_wish();
            self.take_frames();
            self.take_sockets();
            let more = self.read_all();
            self.write_all();
            self.decide(Event::Tick);
            let now = Instant::now();
            self.sessions.retain(|session| !session.is_overdue(now));
            if self.ending && self.sessions.is_empty() {
                return;
            }
            self.wait(if more {
                Some(now)
            } else {
                self.next_deadline()
            });
        }
    }

    fn take_wish(&mut self) {
        let wish = self.mailbox.contents().wish.take();
        match wish {
            None => {}
            Some(Wish::Stream) => {
                if self.connection.is_idle() {
                    self.ring.forget_before(self.stopped_at);
                }
                self.decide(Event::Start);
            }
            Some(Wish::Rest(bye)) => self.stop(bye),
            Some(Wish::End(bye)) => {
                self.ending = true;
                self.stop(bye);
            }
        }
    }

    fn stop(&mut self, bye: Bye) {
        // What was offered before the wish belongs before it.
        self.take_frames();
        self.stopped_at = self.ring.end();
        self.decide(Event::Stop(bye));
    }

    fn take_frames(&mut self) {
        while let Some(frame) = self.frames.take() {
            self.ring.push(frame);
        }
    }

    fn take_sockets(&mut self) {
        while let Some(attempt) = self.connector.result() {
            match attempt.result {
                Ok(socket) if self.connection.is_opening(attempt.number) => {
                    self.sessions.push(Session::new(attempt.number, socket));
                    self.decide(Event::Line(attempt.number, LineEvent::Connected));
                }
                // Given up meanwhile.
                Ok(_) => {}
                Err(failure) => {
                    self.decide(Event::Line(attempt.number, LineEvent::Lost(failure.into())));
                }
            }
        }
    }

    /// Returns whether there is more to read at once.
    fn read_all(&mut self) -> bool {
        let mut more = false;
        for number in self.numbers() {
            let now = Instant::now();
            let Some(session) = self.sessions.iter_mut().find(|s| s.number() == number) else {
                continue;
            };
            let reading = session.read(&self.identity, now);
            more |= reading.more;
            if reading.heard {
                self.decide(Event::Line(number, LineEvent::Heard));
            }
            for message in reading.messages {
                self.hear(number, message);
            }
            if let Some(loss) = reading.loss {
                self.lose(number, loss);
            }
        }
        more
    }

    fn hear(&mut self, number: Number, message: ServiceMessage) {
        match message {
            ServiceMessage::Welcome(welcome) => self.welcome(number, &welcome),
            // Its clock part was taken in; frames are kept however many arrived.
            ServiceMessage::Ack { .. } => {}
            ServiceMessage::Viewers { count } => self.tell(UplinkEvent::Viewers(count)),
            ServiceMessage::Command(desired) => self.tell(UplinkEvent::Command(desired)),
            ServiceMessage::Move => self.decide(Event::Line(number, LineEvent::Move)),
            ServiceMessage::Bye(bye) => {
                if bye.reason == ByeReason::StaleRun {
                    self.bar_runs(self.ring.highest_sent().unwrap_or_default());
                }
                self.lose(number, loss_of(&bye));
            }
        }
    }

    fn welcome(&mut self, number: Number, welcome: &Welcome) {
        self.tell(UplinkEvent::Viewers(welcome.viewers));
        // Numbers beyond all that we sent are somebody else's.
        if self
            .ring
            .highest_sent()
            .is_none_or(|sent| welcome.floor > sent)
        {
            self.bar_runs(welcome.floor);
        }
        let now = Instant::now();
        let line = self.line().filter(|line| line.number() != number);
        let line_delay = line.map(|line| line.delay(&self.ring, now));
        if let Some(session) = self.sessions.iter_mut().find(|s| s.number() == number)
            && !session.is_welcomed()
        {
            let is_elsewhere = line_delay.is_some() && welcome.have < session.line_had();
            let oldest = (self.connection.move_began().zip(line_delay))
                .filter(|_| is_elsewhere)
                .map_or(MAX_BACKFILL, |(began, delay)| {
                    unseen(&self.ring, now - began, delay)
                });
            session.welcomed(&mut self.ring, welcome.have, oldest, is_elsewhere, now);
        }
        let move_after = Duration::from_secs(welcome.move_after_s.into());
        let move_after = (!move_after.is_zero()).then_some(move_after);
        self.decide(Event::Line(number, LineEvent::Welcomed { move_after }));
    }

    /// Sends no run up to this number, and asks for a new one if that bars the
    /// present one.
    fn bar_runs(&mut self, floor: Segment) {
        let newest = self.ring.newest().map(|frame| frame.unit.header().run);
        self.ring.bar_runs(floor);
        if let Some(run) = newest.filter(|run| run.0 <= floor.0) {
            tracing::warn!(%floor, %run, "the service knows numbers at least as high: a new run is needed");
            self.tell(UplinkEvent::Floor(floor));
        }
    }

    fn write_all(&mut self) {
        let mut figures = self.mailbox.contents().health.clone();
        let dropped = self.frames.dropped() + self.ring.dropped();
        figures.dropped_frames = Some(dropped);
        if self.connection.streaming().0.is_some()
            && let Some(pictures) = self.losses.note(dropped, Instant::now())
        {
            tracing::warn!(pictures, "the network did not take all pictures in time");
        }
        figures.connections = Some(self.connection.connections());
        let is_shared = matches!(self.connection.streaming(), (Some(_), Some(_)));
        for number in self.numbers() {
            if is_shared && let Some(session) = self.session_mut(number) {
                session.shares_the_network();
            }
            if !self.is_held_back(number) {
                self.write(number, &figures);
            }
        }
    }

    /// The successor gets only what the line leaves of the network.
    fn is_held_back(&self, number: Number) -> bool {
        let (line, successor) = self.connection.streaming();
        let blocked = |session: &Session| Some(session.number()) == line && session.is_blocked();
        Some(number) == successor && self.sessions.iter().any(blocked)
    }

    fn write(&mut self, number: Number, figures: &Health) {
        let (line, successor) = self.connection.streaming();
        let successor = successor.filter(|_| line == Some(number));
        let line_has = self.line().and_then(Session::acknowledged);
        let mut ask_from = successor.is_some().then_some(Place(0));
        loop {
            let now = Instant::now();
            let Some(session) = self.sessions.iter_mut().find(|s| s.number() == number) else {
                return;
            };
            let (sent_bytes, greeted) = (session.sent_bytes(), session.is_greeted());
            let writing = session.write(&mut self.ring, &self.identity, figures, ask_from, now);
            let progress = !session.is_blocked() || session.sent_bytes() > sent_bytes;
            if session.is_greeted() && !greeted {
                session.succeeds(line_has);
                self.decide(Event::Line(number, LineEvent::Greeted));
            }
            let progress = if progress {
                LineEvent::Progress
            } else {
                LineEvent::Blocked
            };
            self.decide(Event::Line(number, progress));
            match writing {
                Writing::Done | Writing::Blocked => return,
                Writing::Lost(loss) => return self.lose(number, loss),
                Writing::Border(place) => {
                    let ready = successor.is_some_and(|successor| {
                        self.write(successor, figures);
                        let next = self.session_mut(successor);
                        // Elsewhere it gets all of the network at once: on one
                        // with little to spare it would never be ready.
                        next.is_some_and(|it| it.is_elsewhere() || it.next_place() >= Some(place))
                    });
                    self.decide(Event::Border { ready });
                    // Handed over, it only finishes what is before the border.
                    let still_line = self.connection.streaming().0 == Some(number);
                    ask_from = still_line.then(|| place.next());
                }
            }
        }
    }

    fn lose(&mut self, number: Number, loss: Loss) {
        self.sessions.retain(|session| session.number() != number);
        self.decide(Event::Line(number, LineEvent::Lost(loss)));
    }

    fn decide(&mut self, event: Event) {
        let now = Instant::now();
        for action in self.connection.handle(event, now) {
            self.act(action, now);
        }
    }

    fn act(&mut self, action: Action, now: Instant) {
        match action {
            Action::Connect(number) => {
                if let Err(failure) = self.connector.begin(number) {
                    self.decide(Event::Line(number, LineEvent::Lost(failure.into())));
                }
            }
            Action::Leave(number, bye) => {
                let end = self.ring.end();
                if let Some(session) = self.session_mut(number) {
                    session.leave(bye, end, now);
                }
            }
            Action::HandOver { from, to } => {
                let border = self.session_mut(from).and_then(|session| {
                    let border = session.next_place()?;
                    session.leave(superseded(), border, now);
                    Some(border)
                });
                let next = self
                    .sessions
                    .iter_mut()
                    .find(|session| session.number() == to);
                if let (Some(border), Some(next)) = (border, next)
                    && !next.is_elsewhere()
                {
                    next.skip_to(&mut self.ring, border);
                }
            }
            Action::Abandon(number) => {
                self.sessions.retain(|session| session.number() != number);
            }
            Action::Report(state, reason) => self.report(state, reason),
            Action::KeyRefused(text) => self.tell(UplinkEvent::KeyRefused(text)),
        }
    }

    /// The one place where the connection's transitions are logged. A retry
    /// that fails as the one before is no news: logs wear the card.
    fn report(&mut self, state: LinkState, reason: String) {
        match state {
            LinkState::Waiting { .. } if reason != self.last_failure => {
                tracing::warn!(%reason, "no connection to the service");
                self.last_failure.clone_from(&reason);
            }
            LinkState::Idle | LinkState::Connected => {
                tracing::info!(?state, %reason, "uplink");
                self.last_failure.clear();
            }
            _ => tracing::debug!(?state, %reason, "uplink"),
        }
        self.tell(UplinkEvent::State(state, reason));
    }

    fn tell(&self, event: UplinkEvent) {
        if let Err(error) = self.events.try_send(event) {
            tracing::debug!(%error, "nobody takes the uplink's events");
        }
    }

    fn wait(&self, until: Option<Instant>) {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.map_or(Heartbeat::INTERVAL, |left| left.min(Heartbeat::INTERVAL));
        let timeout = Timespec::try_from(left).expect("a heartbeat comes within seconds");
        let mut polled = vec![PollFd::new(&self.mailbox.waker, PollFlags::IN)];
        polled.extend(self.sessions.iter().map(|session| {
            let out = if session.is_blocked() {
                PollFlags::OUT
            } else {
                PollFlags::empty()
            };
            PollFd::new(session, PollFlags::IN | out)
        }));
        // An interrupted wait is a short one.
        let _ = poll(&mut polled, Some(&timeout));
        self.mailbox.waker.reset();
    }

    fn next_deadline(&self) -> Option<Instant> {
        let sessions = self
            .sessions
            .iter()
            .filter(|session| !self.is_held_back(session.number()));
        let due = sessions.filter_map(Session::next_deadline).min();
        [self.connection.next_deadline(), due]
            .into_iter()
            .flatten()
            .min()
    }

    /// Oldest connection first.
    fn numbers(&self) -> Vec<Number> {
        self.sessions.iter().map(Session::number).collect()
    }

    fn line(&self) -> Option<&Session> {
        let line = self.connection.streaming().0?;
        self.sessions
            .iter()
            .find(|session| session.number() == line)
    }

    fn session_mut(&mut self, number: Number) -> Option<&mut Session> {
        self.sessions
            .iter_mut()
            .find(|session| session.number() == number)
    }
}

impl From<Failure> for Loss {
    fn from(failure: Failure) -> Self {
        Self {
            remedy: failure.remedy(),
            text: failure.to_string(),
        }
    }
}

/// The service said why it closes.
fn loss_of(bye: &Bye) -> Loss {
    let remedy = match bye.reason {
        ByeReason::KeyRevoked => Remedy::Key,
        ByeReason::NameTaken => Remedy::NameTaken,
        ByeReason::Stopped
        | ByeReason::ShutDown
        | ByeReason::CameraFault
        | ByeReason::Superseded
        | ByeReason::ProtocolError
        | ByeReason::StaleRun
        | ByeReason::ServiceStopping => Remedy::Retry,
    };
    let text = match one_line(bye.text.as_bytes()) {
        empty if empty.is_empty() => format!("{:?}", bye.reason),
        text => text,
    };
    Loss {
        remedy,
        text: format!("the service ended the connection: {text}"),
    }
}
