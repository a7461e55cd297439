//! One open WebSocket: what is written when, and what the service says.
//!
//! Nothing here blocks. At most one message waits in tungstenite's buffer;
//! everything else that waits stays in the ring, where it can be dropped. A
//! frame's bytes go from the ring to tungstenite as they are: masking them into
//! its write buffer is their only copy.

mod identity;
mod throughput;

use std::{
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use tungstenite::{Error, Message, error::ProtocolError};
use zerocam_protocol::{
    CameraMessage, Run, ServiceMessage,
    clock::ClockOffset,
    limits::HEALTH_INTERVAL,
    message::{self, Bye, Health, Position},
};

pub(super) use identity::Identity;

use super::{
    FAREWELL,
    connection::{Loss, Number},
    connector::Socket,
    cursor::Cursor,
    failure::{Remedy, one_line},
    ring::{Place, Ring},
};
use throughput::Throughput;

/// Messages read in one turn, so that a talkative service cannot hold the
/// thread.
const MOST_READS: usize = 64;

/// Part of [`FAREWELL`] kept for the farewell itself.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    number: Number,
    socket: Socket,
    /// Something written has not reached the kernel yet.
    pending: bool,
    /// The run that the service was told of last.
    announced: Option<Run>,
    /// From the welcome on.
    cursor: Option<Cursor>,
    /// The last frame that can be watched at the service.
    acknowledged: Option<Position>,
    /// See [`Session::succeeds`].
    line_had: Option<Position>,
    /// See [`Session::is_elsewhere`].
    is_elsewhere: bool,
    clock: ClockOffset,
    health_due: Option<Instant>,
    throughput: Throughput,
    farewell: Farewell,
}

#[derive(Debug)]
enum Farewell {
    None,
    /// Send what is due, then this.
    Due {
        bye: Bye,
        until: Instant,
    },
    /// Said; the close frame comes next.
    Said {
        until: Instant,
    },
    /// The service has until then to close.
    Closing {
        until: Instant,
    },
}

/// What a turn of reading brought.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) heard: bool,
    pub(super) messages: Vec<ServiceMessage>,
    /// There may be more to read at once.
    pub(super) more: bool,
    pub(super) loss: Option<Loss>,
}

/// Why a turn of writing ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// Nothing is left to write.
    Done,
    /// The socket takes no more for now.
    Blocked,
    /// The next frame starts a segment, see [`Session::write`].
    Border(Place),
    /// The connection is no more.
    Lost(Loss),
}

impl Session {
    pub(super) fn new(number: Number, socket: Socket) -> Self {
        Self {
            number,
            socket,
            pending: false,
            announced: None,
            cursor: None,
            acknowledged: None,
            line_had: None,
            is_elsewhere: false,
            clock: ClockOffset::default(),
            health_due: None,
            throughput: Throughput::default(),
            farewell: Farewell::None,
        }
    }

    pub(super) const fn number(&self) -> Number {
        self.number
    }

    /// Whether `hello` was said.
    pub(super) const fn is_greeted(&self) -> bool {
        self.announced.is_some()
    }

    pub(super) const fn is_welcomed(&self) -> bool {
        self.cursor.is_some()
    }

    pub(super) const fn is_leaving(&self) -> bool {
        !matches!(self.farewell, Farewell::None)
    }

    /// Something waits for the socket.
    pub(super) const fn is_blocked(&self) -> bool {
        self.pending
    }

    /// Bytes that the kernel took so far.
    pub(super) fn sent_bytes(&self) -> u64 {
        self.socket.get_ref().sent_bytes()
    }

    /// Reads what is there.
    pub(super) fn read(&mut self, identity: &Identity, now: Instant) -> Reading {
        let before = self.socket.get_ref().received_bytes();
        let mut reading = Reading {
            more: true,
            ..Reading::default()
        };
        for _ in 0..MOST_READS {
            match self.socket.read() {
                Ok(Message::Text(text)) => match message::decode(&text) {
                    Ok(ServiceMessage::Ack { clock, have }) => {
                        self.acknowledged = have;
                        if self.clock.offset_us().is_none() && self.is_welcomed() {
                            // The service's first exchange was made while both
                            // were busy connecting: a second one at once.
                            self.health_due = Some(now);
                        }
                        self.clock.receive(clock, identity.clock_us(now));
                    }
                    Ok(message) => reading.messages.push(message),
                    Err(error) => {
                        reading.loss =
                            Some(lost(&format!("the service is not understood: {error}")));
                    }
                },
                // tungstenite queued the pong; the next flush sends it.
                Ok(Message::Ping(_)) => self.pending = true,
                Ok(Message::Pong(_) | Message::Frame(_)) => {}
                Ok(Message::Binary(_)) => {
                    reading.loss = Some(lost("the service sends what only a camera may"));
                }
                Ok(Message::Close(frame)) => {
                    let words = frame.map(|frame| one_line(frame.reason.as_bytes()));
                    let words = words.filter(|words| !words.is_empty());
                    reading.loss = Some(lost(&words.map_or_else(
                        || "the service closed the connection".to_owned(),
                        |words| format!("the service closed the connection: {words}"),
                    )));
                }
                Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    reading.more = false;
                }
                Err(error) => reading.loss = Some(broken(&error)),
            }
            if reading.loss.is_some() || !reading.more {
                break;
            }
        }
        reading.heard = self.socket.get_ref().received_bytes() > before;
        reading
    }

    /// The service accepted us: what it has decides what is sent first, and
    /// nothing older than `oldest` is.
    pub(super) fn welcomed(
        &mut self,
        ring: &mut Ring,
        have: Option<Position>,
        oldest: Duration,
        is_elsewhere: bool,
        now: Instant,
    ) {
        self.is_elsewhere = is_elsewhere;
        self.cursor = Some(Cursor::resume(ring, have, oldest, now));
        self.health_due = Some(now);
    }

    /// The last frame that can be watched at the service.
    pub(super) const fn acknowledged(&self) -> Option<Position> {
        self.acknowledged
    }

    /// This connection says `hello` when the line's service `has` that much. It
    /// may acknowledge more before this one's welcome is read.
    pub(super) const fn succeeds(&mut self, has: Option<Position>) {
        self.line_had = has;
    }

    /// What the line's service had acknowledged when this connection said
    /// `hello`.
    pub(super) const fn line_had(&self) -> Option<Position> {
        self.line_had
    }

    /// The service behind this connection lacks what the one behind the
    /// connection before it has: what is sent there is lost to it.
    pub(super) const fn is_elsewhere(&self) -> bool {
        self.is_elsewhere
    }

    /// Another connection has its share of the network: how much gets through
    /// here says nothing.
    pub(super) fn shares_the_network(&mut self) {
        self.throughput = Throughput::after_sharing();
    }

    /// Place of the next frame.
    pub(super) fn next_place(&self) -> Option<Place> {
        self.cursor.as_ref().map(Cursor::next)
    }

    /// How long the oldest frame that is still to be sent has waited.
    pub(super) fn delay(&self, ring: &Ring, now: Instant) -> Duration {
        let cursor = self.cursor.as_ref();
        cursor.map_or(Duration::ZERO, |cursor| cursor.delay(ring, now))
    }

    /// Leaves out everything before `place`: another connection sent it.
    pub(super) fn skip_to(&mut self, ring: &mut Ring, place: Place) {
        if let Some(cursor) = &mut self.cursor {
            cursor.skip_to(ring, place);
        }
    }

    /// Sends the frames before `end`, says `bye` and closes.
    pub(super) fn leave(&mut self, bye: Bye, end: Place, now: Instant) {
        if let Some(cursor) = &mut self.cursor {
            cursor.end_at(end);
        }
        self.farewell = Farewell::Due {
            bye,
            until: now + FAREWELL,
        };
    }

    /// When something is due here besides frames and the socket. While the
    /// socket is full, nothing can be done about health or last words.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match self.farewell {
            Farewell::None => self.health_due.filter(|_| !self.pending),
            Farewell::Due { until, .. }
            | Farewell::Said { until }
            | Farewell::Closing { until } => Some(until),
        }
    }

    /// The farewell takes too long.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        match self.farewell {
            Farewell::None => false,
            Farewell::Due { until, .. }
            | Farewell::Said { until }
            | Farewell::Closing { until } => now >= until,
        }
    }

    /// Writes what is due and what the socket takes.
    ///
    /// With `ask_from`, the first frame from that place on that starts a
    /// segment is not sent: the caller decides first who sends it.
    pub(super) fn write(
        &mut self,
        ring: &mut Ring,
        identity: &Identity,
        figures: &Health,
        ask_from: Option<Place>,
        now: Instant,
    ) -> Writing {
        let result = self.write_until_blocked(ring, identity, figures, ask_from, now);
        self.throughput
            .observe(self.sent_bytes(), self.pending, now);
        match result {
            Ok(writing) => writing,
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                Writing::Blocked
            }
            Err(error) => Writing::Lost(broken(&error)),
        }
    }

    fn write_until_blocked(
        &mut self,
        ring: &mut Ring,
        identity: &Identity,
        figures: &Health,
        ask_from: Option<Place>,
        now: Instant,
    ) -> Result<Writing, Error> {
        loop {
            if self.pending {
                self.socket.flush()?;
                self.pending = false;
            }
            let message = match self.next_message(ring, identity, figures, ask_from, now) {
                Next::Message(message) => message,
                Next::Border(place) => return Ok(Writing::Border(place)),
                Next::Nothing => return Ok(Writing::Done),
            };
            self.pending = true;
            self.socket.write(message)?;
        }
    }

    fn next_message(
        &mut self,
        ring: &mut Ring,
        identity: &Identity,
        figures: &Health,
        ask_from: Option<Place>,
        now: Instant,
    ) -> Next {
        if matches!(
            self.farewell,
            Farewell::Said { .. } | Farewell::Closing { .. }
        ) {
            return self.goodbye();
        }
        let Some(cursor) = &mut self.cursor else {
            let run = Cursor::first_run(ring, now).filter(|_| self.announced.is_none());
            return match run {
                Some(run) if !self.is_leaving() => {
                    self.announced = Some(run.run);
                    Next::json(&CameraMessage::Hello(identity.hello(&run, self.number)))
                }
                _ => self.goodbye(),
            };
        };
        if self.health_due.is_some_and(|due| now >= due) {
            self.health_due = Some(now + HEALTH_INTERVAL);
            let delay = cursor.delay(ring, now);
            return Next::json(&CameraMessage::Health {
                clock: self.clock.send(identity.clock_us(now)),
                health: Health {
                    queue_age_ms: u64::try_from(delay.as_millis()).ok(),
                    ..figures.clone()
                },
            });
        }
        let out_of_time =
            matches!(self.farewell, Farewell::Due { until, .. } if now + LAST_WORDS >= until);
        let rate = self.throughput.bytes_per_second();
        let Some((run, message)) = (!out_of_time)
            .then(|| cursor.peek(ring, rate, now))
            .flatten()
            .map(|frame| (frame.run.clone(), frame.unit.message().clone()))
        else {
            return self.goodbye();
        };
        let place = cursor.next();
        if ask_from.is_some_and(|from| place >= from) && ring.starts_segment(place) {
            return Next::Border(place);
        }
        if self.announced != Some(run.run) {
            self.announced = Some(run.run);
            return Next::json(&CameraMessage::Hello(identity.hello(&run, self.number)));
        }
        cursor.advance(ring);
        Next::Message(Message::Binary(message))
    }

    /// What comes when nothing else does.
    fn goodbye(&mut self) -> Next {
        match std::mem::replace(&mut self.farewell, Farewell::None) {
            Farewell::Due { bye, until } if self.is_greeted() => {
                self.farewell = Farewell::Said { until };
                Next::json(&CameraMessage::Bye(bye))
            }
            // Nobody takes leave who never said hello.
            Farewell::Due { until, .. } | Farewell::Said { until } => {
                self.farewell = Farewell::Closing { until };
                Next::Message(Message::Close(None))
            }
            rest => {
                self.farewell = rest;
                Next::Nothing
            }
        }
    }
}

impl AsFd for Session {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.get_ref().as_fd()
    }
}

enum Next {
    Message(Message),
    Border(Place),
    Nothing,
}

impl Next {
    fn json(message: &CameraMessage) -> Self {
        Self::Message(Message::text(message::encode(message)))
    }
}

fn lost(text: &str) -> Loss {
    Loss {
        remedy: Remedy::Retry,
        text: text.to_owned(),
    }
}

fn broken(error: &Error) -> Loss {
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            lost("the connection was closed without a word: the service ended or the network broke")
        }
        Error::Io(error) => lost(&format!("the connection broke: {error}")),
        error => lost(&format!("the connection is no longer usable: {error}")),
    }
}
