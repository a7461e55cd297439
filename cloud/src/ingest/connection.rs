//! The wire of one camera connection: reads messages, asks the lease, lets the
//! [`Session`] decide, and does what it says.
//!
//! While the pipeline takes a frame, nothing is read, so that a slow pipeline
//! slows the camera; pings and acks go on. Every wait has a deadline. However a
//! connection ends, the camera is told why, as far as it still listens.

use std::{
    future::pending,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use tokio::{
    select,
    sync::{OwnedSemaphorePermit, watch},
    time::{sleep_until, timeout},
};
use tracing::{debug, info, warn};
use zerocam_protocol::{
    AccessUnit, CameraMessage, Run, ServiceMessage,
    checkin::CameraState,
    lease::Verdict,
    message::{self, Bye, ByeReason, Hello},
};

use super::session::{self, Action, Event, Facts, Greeting, Session};
use crate::{
    cameras::{
        Camera,
        feed::{ConnectionId, Offer, Standing},
    },
    media::{Rejected, RunFormat},
    memory::Memory,
    time::Now,
};

/// Longest time that the pipeline may take for one frame. It restarts a stuck
/// ffmpeg sooner than this.
const PUSH_DEADLINE: Duration = Duration::from_secs(10);

/// Longest time that a message may take to leave. Ours are small: when one
/// does not fit into the socket's buffer, the camera has not read for long.
const SEND_DEADLINE: Duration = Duration::from_secs(5);

/// How long a closing connection still reads. Closing with unread bytes would
/// reset the connection, and could destroy the farewell on its way.
const LINGER: Duration = Duration::from_secs(2);

/// How soon a frame that waits for its predecessors is offered again.
const OFFER_AGAIN: Duration = Duration::from_millis(20);

/// One camera's open WebSocket.
pub struct Connection {
    socket: WebSocket,
    camera: Arc<Camera>,
    id: ConnectionId,
    session: Session,
    key: Key,
    signals: Signals,
    /// The run whose format the pipeline knows from this connection.
    begun: Option<Run>,
    frame: Frame,
    /// The WebSocket layer has lost track of where messages begin.
    unreadable: bool,
    permits: Permits,
}

/// The key that a connection was opened with.
pub struct Key {
    /// Which of the camera's keys.
    pub generation: u32,
    /// Knows which one is good.
    pub memory: Arc<Memory>,
}

/// What the service tells its connections; each turns true once.
pub struct Signals {
    /// [`crate::service::Service::leaving`], until the farewell.
    pub leaving: watch::Receiver<bool>,
    /// [`crate::service::Service::stopping`].
    pub stopping: watch::Receiver<bool>,
}

/// What a connection occupies.
pub struct Permits {
    /// Among all requests, until the socket closes.
    pub request: OwnedSemaphorePermit,
    /// Among the camera's connections, until the farewell.
    pub camera: OwnedSemaphorePermit,
}

/// Where the frame is that was read last.
enum Frame {
    /// Nowhere: the next message may be read.
    Done,
    /// Held back for its predecessors.
    Waiting {
        unit: AccessUnit,
        captured_unix_us: i64,
        since: Instant,
    },
    /// Handed to the pipeline, which has no room yet.
    Feeding(Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>),
}

type Refusal = (ByeReason, String);

enum Wake {
    Arrived(Option<Result<Message, axum::Error>>),
    Fed(Result<(), Refusal>),
    Deadline,
    Leaving,
    Stopping,
}

/// The connection is over.
struct Ended;

impl Connection {
    /// Takes over a WebSocket that was opened with a genuine key.
    #[must_use]
    pub fn new(
        socket: WebSocket,
        camera: Arc<Camera>,
        session: Session,
        key: Key,
        signals: Signals,
        permits: Permits,
    ) -> Self {
        Self {
            socket,
            id: camera.next_connection(),
            camera,
            session,
            key,
            signals,
            begun: None,
            frame: Frame::Done,
            unreadable: false,
            permits,
        }
    }

    /// Serves the connection until it ends.
    pub async fn run(mut self) {
        loop {
            let wake = self.wait().await;
            if self.handle(wake).await.is_err() {
                break;
            }
        }
        self.camera.record().feed.leave(self.id, false);
        let Permits { request, camera } = self.permits;
        drop((camera, self.signals.leaving));
        // A connection that is gone is an error at once, and no news.
        let _ = timeout(LINGER, linger(self.socket, self.unreadable)).await;
        drop(request);
    }

    async fn wait(&mut self) -> Wake {
        let mut deadline = self.session.next_deadline();
        let mut idle = false;
        let feeding = match &mut self.frame {
            Frame::Done => {
                idle = true;
                None
            }
            Frame::Waiting { .. } => {
                deadline = deadline.min(Instant::now() + OFFER_AGAIN);
                None
            }
            Frame::Feeding(feeding) => Some(feeding),
        };
        let fed = async {
            match feeding {
                Some(feeding) => feeding.await,
                None => pending().await,
            }
        };
        select! {
            _ = self.signals.stopping.wait_for(|stopping| *stopping) => Wake::Stopping,
            Ok(()) = self.signals.leaving.changed() => Wake::Leaving,
            outcome = fed => Wake::Fed(outcome),
            message = self.socket.recv(), if idle => Wake::Arrived(message),
            () = sleep_until(deadline.into()) => Wake::Deadline,
        }
    }

    async fn handle(&mut self, wake: Wake) -> Result<(), Ended> {
        match wake {
            Wake::Arrived(Some(Ok(Message::Text(text)))) => self.text(text.as_str()).await,
            Wake::Arrived(Some(Ok(Message::Binary(bytes)))) => self.binary(bytes).await,
            Wake::Arrived(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {
                self.decide(Event::Heard).await
            }
            Wake::Arrived(Some(Ok(Message::Close(_))) | None) => {
                self.log_end("closed by the camera");
                Err(Ended)
            }
            Wake::Arrived(Some(Err(error))) => {
                self.unreadable = true;
                let text = format!("the connection cannot be read: {error}");
                self.refuse(ByeReason::ProtocolError, text).await
            }
            Wake::Fed(outcome) => {
                self.frame = Frame::Done;
                match outcome {
                    // Nothing was read meanwhile: that was not the camera's silence.
                    Ok(()) => self.decide(Event::Heard).await,
                    Err((reason, text)) => self.refuse(reason, text).await,
                }
            }
            Wake::Deadline => self.deadline().await,
            Wake::Leaving => self.decide(Event::ServiceLeaving).await,
            Wake::Stopping => self.decide(Event::ServiceStopping).await,
        }
    }

    async fn text(&mut self, text: &str) -> Result<(), Ended> {
        let event = match message::decode(text) {
            Ok(CameraMessage::Hello(hello)) => return self.hello(hello).await,
            Ok(CameraMessage::Health { clock, health }) => Event::Health { clock, health },
            Ok(CameraMessage::Bye(bye)) => Event::Bye(bye),
            Err(error) => Event::Refuse(ByeReason::ProtocolError, error.to_string()),
        };
        self.decide(event).await
    }

    async fn hello(&mut self, hello: Hello) -> Result<(), Ended> {
        if let Err(text) = session::check(&hello, &self.camera.name) {
            return self.refuse(ByeReason::ProtocolError, text).await;
        }
        let now = Now::read();
        let (verdict, dating) = {
            let mut record = self.camera.record();
            let verdict = record.feed.claim(self.id, &hello, now.monotonic);
            if matches!(verdict, Verdict::Hold | Verdict::TakeOver) {
                record.device = Some(hello.device.clone());
                record.arrive(now);
                record.public_url = Some(hello.public_url.clone());
                record.heard(CameraState::Streaming, String::new(), now);
            }
            let known = record.dating.as_ref();
            (verdict, known.filter(|known| known.fits(&hello)).cloned())
        };
        info!(
            camera = %self.camera.name,
            device = %hello.device,
            run = %hello.run,
            connection = hello.connection,
            software = hello.software.chars().take(60).collect::<String>(),
            lease = ?verdict,
            "camera says hello"
        );
        let facts = self.facts(&hello, now);
        let greeting = Greeting {
            hello,
            verdict,
            facts,
            dating,
        };
        self.decide(Event::Hello(Box::new(greeting))).await
    }

    async fn binary(&mut self, bytes: Bytes) -> Result<(), Ended> {
        let event = match AccessUnit::decode(bytes) {
            Ok(unit) => Event::AccessUnit(unit),
            Err(error) => Event::Refuse(ByeReason::ProtocolError, error.to_string()),
        };
        self.decide(event).await
    }

    /// Offers a frame that has waited since some time to the lease.
    fn offer(&mut self, unit: AccessUnit, captured_unix_us: i64, since: Instant, now: Now) {
        let waiting = now.monotonic.saturating_duration_since(since);
        let offer = {
            let mut record = self.camera.record();
            record.last_seen_unix_us = Some(now.unix_us);
            record
                .feed
                .offer(self.id, unit.header(), waiting, now.monotonic)
        };
        self.frame = match offer {
            Offer::Take => self.feed(unit, captured_unix_us),
            Offer::Wait => Frame::Waiting {
                unit,
                captured_unix_us,
                since,
            },
            // The next tick tells the camera.
            Offer::Ignore => Frame::Done,
        };
    }

    fn feed(&mut self, unit: AccessUnit, captured_unix_us: i64) -> Frame {
        let run = unit.header().run;
        let format = match self.session.hello() {
            Some(hello) if self.begun != Some(run) => Some(RunFormat::from(hello)),
            _ => None,
        };
        self.begun = Some(run);
        let media = self.camera.media.clone();
        let push = async move {
            if let Some(format) = format {
                media.begin_run(format).await;
            }
            media.push(unit, captured_unix_us).await
        };
        Frame::Feeding(Box::pin(async move {
            match timeout(PUSH_DEADLINE, push).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(rejected)) => Err((reason(&rejected), rejected.to_string())),
                Err(_) => Err((
                    ByeReason::ServiceStopping,
                    format!(
                        "the service could not take a frame for {} s: connect again",
                        PUSH_DEADLINE.as_secs()
                    ),
                )),
            }
        }))
    }

    async fn deadline(&mut self) -> Result<(), Ended> {
        let now = Now::read();
        match std::mem::replace(&mut self.frame, Frame::Done) {
            Frame::Waiting {
                unit,
                captured_unix_us,
                since,
            } => self.offer(unit, captured_unix_us, since, now),
            other => self.frame = other,
        }
        if now.monotonic < self.session.next_deadline() {
            return Ok(());
        }
        if !matches!(self.frame, Frame::Done) {
            self.decide(Event::Heard).await?;
        }
        let facts = match self.session.hello() {
            Some(hello) => self.facts(hello, now),
            None => Facts::NONE,
        };
        self.decide(Event::Tick(facts)).await
    }

    fn facts(&self, hello: &Hello, now: Now) -> Facts {
        // Before the record is locked: never two locks at a time.
        let good = self.key.memory.key_generation(&hello.camera);
        let mut record = self.camera.record();
        let standing = if self.key.generation < good {
            Standing::KeyReplaced
        } else {
            record.feed.standing(self.id, hello)
        };
        Facts {
            standing,
            floor: self.camera.media.floor(),
            have: self.camera.media.have(),
            viewers: record.viewers.count(now.monotonic),
            desired: record.desired,
            moves: record.moves,
        }
    }

    async fn refuse(&mut self, reason: ByeReason, text: String) -> Result<(), Ended> {
        self.decide(Event::Refuse(reason, text)).await
    }

    async fn decide(&mut self, event: Event) -> Result<(), Ended> {
        for action in self.session.handle(event, Now::read()) {
            self.act(action).await?;
        }
        Ok(())
    }

    async fn act(&mut self, action: Action) -> Result<(), Ended> {
        match action {
            Action::Send(message) => {
                if let ServiceMessage::Bye(bye) = &message {
                    self.log_refusal(bye);
                }
                self.send(Message::text(message::encode(&message))).await
            }
            Action::Feed {
                unit,
                captured_unix_us,
            } => {
                let now = Now::read();
                self.offer(unit, captured_unix_us, now.monotonic, now);
                Ok(())
            }
            Action::Ping => self.send(Message::Ping(Bytes::new())).await,
            Action::Report(health) => {
                let mut record = self.camera.record();
                record.last_seen_unix_us = Some(Now::read().unix_us);
                record.health = health;
                record.dating = self.session.dating().cloned();
                Ok(())
            }
            Action::Farewell(bye) => {
                self.farewell(bye).await;
                Ok(())
            }
            Action::Close => Err(Ended),
        }
    }

    async fn farewell(&mut self, bye: Bye) {
        self.log_end(&bye.text);
        let moved_away = bye.reason == ByeReason::Superseded;
        {
            let mut record = self.camera.record();
            if !record.feed.leave(self.id, true) {
                return;
            }
            record.moved_away = moved_away;
            record.farewell(bye, Now::read());
        }
        let media = &self.camera.media;
        let end = async {
            if moved_away {
                media.move_away().await;
            } else {
                media.flush().await;
            }
        };
        if timeout(PUSH_DEADLINE, end).await.is_err() {
            warn!(camera = %self.camera.name, "the last frames could not be published in time");
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), Ended> {
        match timeout(SEND_DEADLINE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                self.log_end(&error.to_string());
                Err(Ended)
            }
            Err(_) => {
                self.log_end("the camera does not read");
                Err(Ended)
            }
        }
    }

    fn log_end(&self, why: &str) {
        info!(camera = %self.camera.name, why, "camera connection ended");
    }

    fn log_refusal(&self, bye: &Bye) {
        let (camera, why) = (&self.camera.name, &bye.text);
        match bye.reason {
            ByeReason::Superseded => debug!(%camera, why, "camera connection ended"),
            ByeReason::ServiceStopping => info!(%camera, why, "camera connection ended"),
            reason => warn!(%camera, ?reason, why, "camera connection ended"),
        }
    }
}

/// Keeps the socket until the farewell has arrived.
async fn linger(mut socket: WebSocket, unreadable: bool) -> Result<(), axum::Error> {
    socket.send(Message::Close(None)).await?;
    if unreadable {
        // Nothing tells when: the deadline ends it.
        pending::<()>().await;
    }
    while let Some(message) = socket.recv().await {
        message?;
    }
    Ok(())
}

/// For the camera: whether a new run would help.
const fn reason(rejected: &Rejected) -> ByeReason {
    match rejected {
        Rejected::StaleRun { .. } | Rejected::SegmentReused { .. } | Rejected::RunTooOld { .. } => {
            ByeReason::StaleRun
        }
        Rejected::ShuttingDown => ByeReason::ServiceStopping,
        Rejected::UnknownRun { .. }
        | Rejected::OutOfOrder { .. }
        | Rejected::NoParameterSets { .. }
        | Rejected::BadParameterSets { .. }
        | Rejected::LongParameterSets { .. }
        | Rejected::ParameterSetsChanged { .. }
        | Rejected::OtherFormat { .. }
        | Rejected::NoPicture { .. }
        | Rejected::SegmentTooLong { .. }
        | Rejected::NumberTooLarge { .. }
        | Rejected::SegmentTooLarge { .. } => ByeReason::ProtocolError,
    }
}

impl Facts {
    /// Before the camera said hello nothing is asked.
    const NONE: Self = Self {
        standing: Standing::Counts,
        floor: zerocam_protocol::Segment(0),
        have: None,
        viewers: 0,
        desired: None,
        moves: 0,
    };
}
