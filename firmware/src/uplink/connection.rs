//! Which connection to open, keep, replace and give up, and when.
//!
//! Pure: events and the time go in, actions come out. There is one *line* to
//! the service, and for a while a second one, its *successor*: when the service
//! asks for it, or has said how long it keeps a connection, the next one is
//! opened first and takes over at a segment's border.
//!
//! Deadlines tolerate a frozen process: one that is noticed much too late says
//! nothing about the other side, and starts again.

mod line;

use std::time::{Duration, Instant};

use zerocam_protocol::{
    limits::NAME_TAKEN_BACKOFF,
    message::{Bye, ByeReason},
};

pub(super) use line::{LineEvent, Loss};

use super::{LinkState, failure::Remedy};
use line::Line;

/// Counts this process's connections from 1; the newer has the higher number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(pub(super) u64);

/// What happened.
#[derive(Debug)]
pub(super) enum Event {
    /// The supervisor wants a connection.
    Start,
    /// The supervisor wants none; the farewell is for the service.
    Stop(Bye),
    /// Something about one connection.
    Line(Number, LineEvent),
    /// The line is about to send a segment's first frame. `ready`: the successor
    /// has sent everything before it.
    Border { ready: bool },
    /// Time went by.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    /// Open a connection.
    Connect(Number),
    /// Send what waits, say this, close.
    Leave(Number, Bye),
    /// `from` has sent its part and leaves; `to` goes on.
    HandOver { from: Number, to: Number },
    /// Forget it without a word.
    Abandon(Number),
    /// Tell the supervisor.
    Report(LinkState, String),
    /// Tell the supervisor that the key is refused.
    KeyRefused(String),
}

/// First pause before a retry; it doubles with every failure.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Longest pause that doubling leads to.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Pause before a retry that only a person's deed can make succeed.
const SLOW_PAUSE: Duration = Duration::from_secs(60);

/// A connection that lasted this long ends a series of failures.
const LASTING: Duration = Duration::from_secs(10);

/// The successor takes over within this time, ready or not: the service is
/// about to close the line.
const TAKE_OVER_WITHIN: Duration = Duration::from_secs(20);

/// See the module.
#[derive(Debug)]
pub(super) struct Connection {
    state: State,
    /// Since the last connection that lasted.
    failures: u32,
    connections: u64,
    /// See [`Self::move_began`].
    move_began: Option<Instant>,
    jitter: fastrand::Rng,
}

#[derive(Debug)]
enum State {
    Idle,
    Wanted { line: Line, successor: Option<Line> },
}

impl Connection {
    pub(super) const fn new(jitter: fastrand::Rng) -> Self {
        Self {
            state: State::Idle,
            failures: 0,
            connections: 0,
            move_began: None,
            jitter,
        }
    }

    /// Takes in an event and says what to do about it.
    pub(super) fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match (std::mem::replace(&mut self.state, State::Idle), event) {
            (State::Idle, Event::Start) => {
                self.failures = 0;
                let (line, connect) = self.open(now);
                let report = self.report(&line, "connecting".into());
                self.state = State::Wanted {
                    line,
                    successor: None,
                };
                vec![connect, report]
            }
            (State::Idle, _) => Vec::new(),
            (State::Wanted { line, successor }, Event::Stop(bye)) => {
                let lines = [Some(line), successor].into_iter().flatten();
                let mut actions: Vec<_> = lines.filter_map(|line| line.close(&bye)).collect();
                actions.push(Action::Report(LinkState::Idle, bye.text));
                actions
            }
            (State::Wanted { line, successor }, event) => {
                self.handle_wanted(line, successor, event, now)
            }
        }
    }

    fn handle_wanted(
        &mut self,
        mut line: Line,
        mut successor: Option<Line>,
        event: Event,
        now: Instant,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Line(number, event) if line.number() == Some(number) => {
                let was_streaming = line.streaming().is_some();
                if let Err(loss) = line.handle(event, now, &mut self.jitter) {
                    actions = self.lose_line(&mut line, &mut successor, loss, now);
                } else if !was_streaming && line.streaming().is_some() {
                    actions.push(self.report(&line, "connected".into()));
                }
            }
            Event::Line(number, event) => {
                if let Some(next) = successor
                    .as_mut()
                    .filter(|next| next.number() == Some(number))
                    && let Err(loss) = next.handle(event, now, &mut self.jitter)
                {
                    actions = self.lose_successor(&line, next, loss, now);
                }
                // Otherwise it is late news of a connection given up.
            }
            Event::Border { ready } => {
                if let Some((from, to)) = Self::take_over(&line, successor.as_ref(), ready, now)
                    && let Some(next) = successor.take()
                {
                    line = next;
                    line.take_over(now);
                    actions.push(Action::HandOver { from, to });
                    actions.push(self.report(&line, "moved to a new connection".into()));
                }
            }
            Event::Tick => {
                if let Some(next) = &mut successor {
                    if let Err(loss) = next.tick(now) {
                        actions.extend(next.number().map(Action::Abandon));
                        actions.extend(self.lose_successor(&line, next, loss, now));
                    } else if next.is_due(now) {
                        let (opened, connect) = self.open(now);
                        *next = opened;
                        actions.push(connect);
                    }
                }
                if let Err(loss) = line.tick(now) {
                    actions.extend(line.number().map(Action::Abandon));
                    actions.extend(self.lose_line(&mut line, &mut successor, loss, now));
                } else if line.is_due(now) {
                    let (opened, connect) = self.open(now);
                    line = opened;
                    actions.push(connect);
                    actions.push(self.report(&line, "connecting again".into()));
                } else if successor.is_none() && line.should_move(now) {
                    let (opened, connect) = self.open(now);
                    self.move_began = line.move_wanted();
                    successor = Some(opened);
                    actions.push(connect);
                }
            }
            Event::Start | Event::Stop(_) => {}
        }
        self.state = State::Wanted { line, successor };
        actions
    }

    /// When [`Event::Tick`] is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Idle => None,
            State::Wanted { line, successor } => {
                // With a successor under way the line's own wish to move is met.
                let own = line.deadline(successor.is_none());
                own.into_iter()
                    .chain(successor.as_ref().and_then(|next| next.deadline(false)))
                    .min()
            }
        }
    }

    /// The connection that carries the stream, and the one that will.
    pub(super) fn streaming(&self) -> (Option<Number>, Option<Number>) {
        let number = |line: &Line| line.streaming().map(|(number, _)| number);
        match &self.state {
            State::Idle => (None, None),
            State::Wanted { line, successor } => {
                (number(line), successor.as_ref().and_then(number))
            }
        }
    }

    /// Nothing is wanted.
    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Whether a new socket of this number is waited for.
    pub(super) fn is_opening(&self, number: Number) -> bool {
        let opening = |line: &Line| matches!(line, Line::Connecting { number: opening, .. } if *opening == number);
        match &self.state {
            State::Idle => false,
            State::Wanted { line, successor } => {
                opening(line) || successor.as_ref().is_some_and(opening)
            }
        }
    }

    /// Connections opened so far.
    pub(super) const fn connections(&self) -> u64 {
        self.connections
    }

    /// When the newest move was asked for, or due.
    pub(super) const fn move_began(&self) -> Option<Instant> {
        self.move_began
    }

    fn open(&mut self, now: Instant) -> (Line, Action) {
        self.connections += 1;
        let number = Number(self.connections);
        (Line::connecting(number, now), Action::Connect(number))
    }

    fn take_over(
        line: &Line,
        successor: Option<&Line>,
        ready: bool,
        now: Instant,
    ) -> Option<(Number, Number)> {
        let (from, _) = line.streaming()?;
        let (to, since) = successor?.streaming()?;
        (ready || now.saturating_duration_since(since) >= TAKE_OVER_WITHIN).then_some((from, to))
    }

    fn lose_line(
        &mut self,
        line: &mut Line,
        successor: &mut Option<Line>,
        loss: Loss,
        now: Instant,
    ) -> Vec<Action> {
        let mut actions = self.count(line, &loss, now);
        *line = match successor.take() {
            // The successor is on its way or there already.
            Some(next) if next.number().is_some() => next,
            _ => Line::Waiting {
                until: now + self.pause(loss.remedy),
            },
        };
        actions.push(self.report(line, loss.text));
        actions
    }

    fn lose_successor(
        &mut self,
        line: &Line,
        successor: &mut Line,
        loss: Loss,
        now: Instant,
    ) -> Vec<Action> {
        let mut actions = self.count(successor, &loss, now);
        *successor = Line::Waiting {
            until: now + self.pause(loss.remedy),
        };
        actions.push(self.report(line, format!("the next connection failed: {}", loss.text)));
        actions
    }

    fn count(&mut self, lost: &Line, loss: &Loss, now: Instant) -> Vec<Action> {
        let lasted = (lost.streaming())
            .is_some_and(|(_, since)| now.saturating_duration_since(since) >= LASTING);
        self.failures = if lasted { 1 } else { self.failures + 1 };
        let refused = (loss.remedy == Remedy::Key).then(|| Action::KeyRefused(loss.text.clone()));
        refused.into_iter().collect()
    }

    /// Half of the pause is chance, so that many cameras do not come back at
    /// once.
    fn pause(&mut self, remedy: Remedy) -> Duration {
        let longest = match remedy {
            Remedy::Retry => {
                let doublings = self.failures.saturating_sub(1).min(16);
                (FIRST_PAUSE * (1 << doublings)).min(LONGEST_PAUSE)
            }
            Remedy::NameTaken => 2 * NAME_TAKEN_BACKOFF,
            Remedy::Update | Remedy::Key => 2 * SLOW_PAUSE,
        };
        longest.mul_f64(0.5 + 0.5 * self.jitter.f64())
    }

    fn report(&self, line: &Line, reason: String) -> Action {
        let attempt = self.failures + 1;
        let state = match *line {
            Line::Waiting { until } => LinkState::Waiting { until },
            Line::Connecting { .. } | Line::AwaitingWelcome { .. } => {
                LinkState::Connecting { attempt }
            }
            Line::Streaming { .. } => LinkState::Connected,
        };
        Action::Report(state, reason)
    }
}

impl Line {
    /// What becomes of a line that is no longer wanted.
    fn close(self, bye: &Bye) -> Option<Action> {
        match self {
            Self::Waiting { .. } => None,
            Self::Connecting { number, .. } => Some(Action::Abandon(number)),
            Self::AwaitingWelcome { number, .. } | Self::Streaming { number, .. } => {
                Some(Action::Leave(number, bye.clone()))
            }
        }
    }
}

/// What the old connection says when a newer one goes on.
pub(super) fn superseded() -> Bye {
    Bye::new(
        ByeReason::Superseded,
        "the camera goes on over a newer connection",
    )
}

#[cfg(test)]
mod tests;
