//! One connection of a camera, as decisions: events go in, actions come out.
//! No socket, no clock, no lock.
//!
//! Every end that the service chooses is a `bye` with a reason that a person
//! understands. Left out: whose frames count ([`crate::cameras::feed`]) and the
//! wire ([`super::connection`]).

use std::time::{Duration, Instant};

use zerocam_protocol::{
    AccessUnit, CameraName, Segment,
    checkin::Desired,
    clock::Exchange,
    lease::Verdict,
    limits::{ACK_INTERVAL, CONNECTION_SILENCE, HELLO_DEADLINE, PING_INTERVAL},
    message::{Bye, ByeReason, Health, Hello, Position, ServiceMessage, Welcome},
};

use super::dating::Dating;
use crate::{access::Denied, cameras::feed::Standing, time::Now};

/// A tick that comes this much late means that the whole process stood still
/// (Cloud Run freezes idle instances): silence during that time proves nothing.
const FROZEN: Duration = Duration::from_secs(2);

/// What happens to a connection.
#[derive(Debug)]
pub enum Event {
    /// The camera said `hello`, it passed [`check`], and the lease decided.
    Hello(Box<Greeting>),
    /// The camera reported its figures.
    Health {
        /// Its half of a clock exchange.
        clock: Exchange,
        /// The figures.
        health: Health,
    },
    /// The camera is about to close.
    Bye(Bye),
    /// The camera sent an access unit.
    AccessUnit(AccessUnit),
    /// Something else arrived, such as a pong.
    Heard,
    /// What arrived, or the frame in it, cannot be used.
    Refuse(ByeReason, String),
    /// Time for a look.
    Tick(Facts),
    /// The service is about to end, and another instance can be reached.
    ServiceLeaving,
    /// The service ends.
    ServiceStopping,
}

/// A `hello` with what the service makes of it.
#[derive(Debug)]
pub struct Greeting {
    /// What the camera said.
    pub hello: Hello,
    /// What the lease decided.
    pub verdict: Verdict,
    /// As of now.
    pub facts: Facts,
    /// What earlier connections of the same run learnt of the camera's clock.
    pub dating: Option<Dating>,
}

/// What a session needs to know of the rest of the service.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Whether this connection's frames count.
    pub standing: Standing,
    /// Highest segment number seen of this camera.
    pub floor: Segment,
    /// Last frame that can be watched.
    pub have: Option<Position>,
    /// How many watch.
    pub viewers: u32,
    /// What the owner wants, once anybody said.
    pub desired: Option<Desired>,
    /// How often this camera was asked to move to another instance.
    pub moves: u32,
}

/// What is to be done about it.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Send a message.
    Send(ServiceMessage),
    /// Send a WebSocket ping.
    Ping,
    /// Pass the access unit on.
    Feed {
        /// The access unit.
        unit: AccessUnit,
        /// When it was captured, Unix microseconds.
        captured_unix_us: i64,
    },
    /// Remember the camera's figures and this session's dating.
    Report(Health),
    /// The camera ended the stream.
    Farewell(Bye),
    /// Close the connection, after what was sent before has left.
    Close,
}

/// One connection of a camera.
#[derive(Debug)]
pub struct Session {
    version: u8,
    move_after_s: u32,
    phase: Phase,
    last_heard: Instant,
    next_tick: Instant,
    next_ping: Instant,
}

#[derive(Debug)]
enum Phase {
    /// Connected; the camera owes a `hello`.
    AwaitingHello { deadline: Instant },
    /// Frames flow.
    Open(Box<Open>),
    /// A `bye` was said.
    Closed,
}

#[derive(Debug)]
struct Open {
    hello: Hello,
    dating: Dating,
    acknowledged: Option<Position>,
    /// A `health` waits for its answer, which completes a clock exchange.
    owes_answer: bool,
    viewers: u32,
    desired: Option<Desired>,
    moves: u32,
}

impl Session {
    /// A connection that opened now.
    #[must_use]
    pub fn new(version: u8, move_after_s: u32, now: Now) -> Self {
        Self {
            version,
            move_after_s,
            phase: Phase::AwaitingHello {
                deadline: now.monotonic + HELLO_DEADLINE,
            },
            last_heard: now.monotonic,
            next_tick: now.monotonic + ACK_INTERVAL,
            next_ping: now.monotonic + PING_INTERVAL,
        }
    }

    /// When the next [`Event::Tick`] is due.
    #[must_use]
    pub const fn next_deadline(&self) -> Instant {
        self.next_tick
    }

    /// What the camera last said of itself, once the lease admitted it.
    #[must_use]
    pub fn hello(&self) -> Option<&Hello> {
        match &self.phase {
            Phase::Open(open) => Some(&open.hello),
            Phase::AwaitingHello { .. } | Phase::Closed => None,
        }
    }

    /// How the camera's clock relates to ours, once the lease admitted it.
    #[must_use]
    pub fn dating(&self) -> Option<&Dating> {
        match &self.phase {
            Phase::Open(open) => Some(&open.dating),
            Phase::AwaitingHello { .. } | Phase::Closed => None,
        }
    }

    /// Decides one event.
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Action> {
        if event.came_from_camera() {
            self.last_heard = now.monotonic;
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Closed);
        match (phase, event) {
            (Phase::Closed, _) => Vec::new(),
            (phase, Event::Heard) => self.stay(phase, Vec::new()),
            (phase, Event::Tick(facts)) => self.tick(phase, &facts, now),
            (phase @ Phase::Open(_), Event::ServiceLeaving) => {
                self.stay(phase, vec![Action::Send(ServiceMessage::Move)])
            }
            (_, Event::ServiceLeaving | Event::ServiceStopping) => end(
                ByeReason::ServiceStopping,
                "the service is stopping or being updated: connect again",
            ),
            (_, Event::Refuse(reason, text)) => end(reason, text),
            (_, Event::Bye(bye)) => vec![Action::Farewell(bye), Action::Close],
            (phase, Event::Hello(greeting)) => self.greet(phase, *greeting, now),
            (Phase::AwaitingHello { .. }, Event::AccessUnit(_) | Event::Health { .. }) => {
                end(ByeReason::ProtocolError, "say hello before anything else")
            }
            (Phase::Open(open), Event::AccessUnit(unit)) => self.feed(open, unit, now),
            (Phase::Open(mut open), Event::Health { clock, health }) => {
                open.dating.receive(clock, now.unix_us);
                open.owes_answer = true;
                self.stay(Phase::Open(open), vec![Action::Report(health)])
            }
        }
    }

    fn stay(&mut self, phase: Phase, actions: Vec<Action>) -> Vec<Action> {
        self.phase = phase;
        actions
    }

    fn greet(&mut self, phase: Phase, greeting: Greeting, now: Now) -> Vec<Action> {
        let Greeting {
            hello,
            verdict,
            facts,
            dating,
        } = greeting;
        match verdict {
            Verdict::Hold | Verdict::TakeOver => {}
            Verdict::Superseded => return superseded(),
            Verdict::Refused(taken) => return end(ByeReason::NameTaken, taken),
        }
        let dating = phase.dating_for(&hello, dating);
        let welcome = ServiceMessage::Welcome(Welcome {
            floor: facts.floor,
            have: facts.have,
            viewers: facts.viewers,
            move_after_s: self.move_after_s,
            version: self.version,
        });
        // In front of the welcome: the camera reports as soon as it is welcome,
        // before its first frame, and its report must echo this for that frame
        // to be dated right. A service that gets ten seconds of the past at once
        // cannot tell from their arrival when they were captured.
        let ack = ServiceMessage::Ack {
            clock: dating.send(now.unix_us),
            have: facts.have,
        };
        let mut actions = vec![Action::Send(ack), Action::Send(welcome)];
        actions.extend(command(facts.desired));
        let open = Open {
            hello,
            dating,
            acknowledged: facts.have,
            owes_answer: false,
            viewers: facts.viewers,
            desired: facts.desired,
            moves: facts.moves,
        };
        self.stay(Phase::Open(Box::new(open)), actions)
    }

    fn feed(&mut self, mut open: Box<Open>, unit: AccessUnit, now: Now) -> Vec<Action> {
        let header = *unit.header();
        let announced = open.hello.run;
        if header.run < announced {
            let text = format!(
                "a frame of run {} after hello for run {announced}",
                header.run
            );
            return end(ByeReason::StaleRun, text);
        }
        if header.run > announced {
            let text = format!("a frame of run {} without its hello", header.run);
            return end(ByeReason::ProtocolError, text);
        }
        let captured_unix_us = open.dating.date(header.capture_time_us, now.unix_us);
        self.stay(
            Phase::Open(open),
            vec![Action::Feed {
                unit,
                captured_unix_us,
            }],
        )
    }

    fn tick(&mut self, mut phase: Phase, facts: &Facts, now: Now) -> Vec<Action> {
        let late = now.monotonic.saturating_duration_since(self.next_tick);
        self.next_tick = now.monotonic + ACK_INTERVAL;
        if late > FROZEN {
            self.last_heard = now.monotonic;
            if let Phase::AwaitingHello { deadline } = &mut phase {
                *deadline += late;
            }
        }
        let silence = now.monotonic.saturating_duration_since(self.last_heard);
        let mut open = match phase {
            Phase::AwaitingHello { deadline } if now.monotonic >= deadline => {
                let text = format!("no hello within {} s", HELLO_DEADLINE.as_secs());
                return end(ByeReason::ProtocolError, text);
            }
            Phase::Open(open) => open,
            Phase::AwaitingHello { .. } | Phase::Closed => return self.stay(phase, Vec::new()),
        };
        if silence >= CONNECTION_SILENCE {
            let text = format!(
                "nothing heard for {} s, not even the answer to a ping",
                silence.as_secs()
            );
            return end(ByeReason::ProtocolError, text);
        }
        match facts.standing {
            Standing::Counts => {}
            Standing::Superseded => return superseded(),
            Standing::Replaced => {
                return end(
                    ByeReason::NameTaken,
                    "another device took over this camera's name while this one was silent",
                );
            }
            Standing::KeyReplaced => return end(ByeReason::KeyRevoked, Denied::KeyReplaced),
        }
        let mut actions = Vec::new();
        if open.owes_answer || open.acknowledged != facts.have {
            open.owes_answer = false;
            open.acknowledged = facts.have;
            actions.push(Action::Send(ServiceMessage::Ack {
                clock: open.dating.send(now.unix_us),
                have: facts.have,
            }));
        }
        if open.viewers != facts.viewers {
            open.viewers = facts.viewers;
            let count = facts.viewers;
            actions.push(Action::Send(ServiceMessage::Viewers { count }));
        }
        if open.desired != facts.desired {
            open.desired = facts.desired;
            actions.extend(command(facts.desired));
        }
        if open.moves != facts.moves {
            open.moves = facts.moves;
            actions.push(Action::Send(ServiceMessage::Move));
        }
        if now.monotonic >= self.next_ping {
            self.next_ping = now.monotonic + PING_INTERVAL;
            actions.push(Action::Ping);
        }
        self.stay(Phase::Open(open), actions)
    }
}

impl Event {
    const fn came_from_camera(&self) -> bool {
        match self {
            Self::Hello(_)
            | Self::Health { .. }
            | Self::Bye(_)
            | Self::AccessUnit(_)
            | Self::Heard => true,
            Self::Refuse(..) | Self::Tick(_) | Self::ServiceLeaving | Self::ServiceStopping => {
                false
            }
        }
    }
}

impl Phase {
    /// The same connection's next run keeps its clock; a new connection takes
    /// over what earlier ones of the same run learnt.
    fn dating_for(self, hello: &Hello, known: Option<Dating>) -> Dating {
        match self {
            Self::Open(open) => {
                let mut dating = open.dating;
                dating.begin_run(hello);
                dating
            }
            Self::AwaitingHello { .. } | Self::Closed => {
                known.unwrap_or_else(|| Dating::new(hello))
            }
        }
    }
}

/// Checks a `hello` that came on a camera's address, before the lease is asked.
///
/// # Errors
/// What is wrong, for people.
pub(super) fn check(hello: &Hello, camera: &CameraName) -> Result<(), String> {
    if hello.camera != *camera {
        return Err(format!(
            "hello from camera {} on the address of camera {camera}",
            hello.camera
        ));
    }
    hello.validate().map_err(|invalid| invalid.to_string())
}

fn command(desired: Option<Desired>) -> Option<Action> {
    desired.map(|wish| Action::Send(ServiceMessage::Command(wish)))
}

fn superseded() -> Vec<Action> {
    end(
        ByeReason::Superseded,
        "a newer connection of this camera took over",
    )
}

fn end(reason: ByeReason, text: impl std::fmt::Display) -> Vec<Action> {
    vec![
        Action::Send(ServiceMessage::Bye(Bye::new(reason, text))),
        Action::Close,
    ]
}

#[cfg(test)]
mod tests;
