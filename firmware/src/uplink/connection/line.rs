//! One connection's way from the first packet to its loss.
//!
//! ```text
//! Waiting --until--> Connecting --connected--> AwaitingWelcome --welcome--> Streaming
//!    ^                   |                            |                        |
//!    +------------------------------- loss -----------------------------------+
//! ```
//!
//! A loss is returned; who holds the line decides what comes after it.

use std::time::{Duration, Instant};

use zerocam_protocol::limits::{CONNECTION_SILENCE, HELLO_DEADLINE};

use super::Number;
use crate::uplink::failure::Remedy;

/// What happened to a connection.
#[derive(Debug)]
pub(in crate::uplink) enum LineEvent {
    /// The WebSocket is open.
    Connected,
    /// `hello` was sent: there are frames.
    Greeted,
    /// The service accepted us, and keeps the connection this long.
    Welcomed { move_after: Option<Duration> },
    /// Bytes arrived.
    Heard,
    /// Bytes wait and the socket takes none.
    Blocked,
    /// Nothing waits, or some of it went.
    Progress,
    /// The service wants us to connect again.
    Move,
    /// It could not be opened, or it broke.
    Lost(Loss),
}

/// Why a connection is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::uplink) struct Loss {
    pub(in crate::uplink) remedy: Remedy,
    /// One line for people.
    pub(in crate::uplink) text: String,
}

/// See the module.
#[derive(Debug)]
pub(super) enum Line {
    Waiting {
        until: Instant,
    },
    Connecting {
        number: Number,
        deadline: Instant,
    },
    AwaitingWelcome {
        number: Number,
        deadline: Instant,
        greeted: bool,
    },
    Streaming {
        number: Number,
        since: Instant,
        /// From then on it should move, as soon as it may.
        move_wanted: Option<Instant>,
        stay_until: Instant,
        heard: Instant,
        blocked: Option<Instant>,
    },
}

/// The connector has deadlines of its own, shorter together, except for name
/// resolution, which cannot be interrupted.
const CONNECT_WITHIN: Duration = Duration::from_secs(25);

/// Longest that bytes may wait without the socket taking any.
const WRITE_STALL: Duration = Duration::from_secs(10);

/// A connection that was moved to is not left sooner: two services that send a
/// camera to each other would have it do nothing else. A service that is about
/// to end gives more time.
pub(super) const MOVE_AGAIN: Duration = Duration::from_secs(2);

/// A deadline noticed this much too late: the process did not run meanwhile.
const FROZEN: Duration = Duration::from_secs(2);

impl Line {
    pub(super) fn connecting(number: Number, now: Instant) -> Self {
        Self::Connecting {
            number,
            deadline: now + CONNECT_WITHIN,
        }
    }

    /// `Err` is the line's end.
    pub(super) fn handle(
        &mut self,
        event: LineEvent,
        now: Instant,
        jitter: &mut fastrand::Rng,
    ) -> Result<(), Loss> {
        match (&mut *self, event) {
            (_, LineEvent::Lost(loss)) => return Err(loss),
            (&mut Self::Connecting { number, .. }, LineEvent::Connected) => {
                *self = Self::AwaitingWelcome {
                    number,
                    deadline: now + HELLO_DEADLINE,
                    greeted: false,
                };
            }
            (
                Self::AwaitingWelcome {
                    deadline, greeted, ..
                },
                LineEvent::Greeted,
            ) => {
                *deadline = now + HELLO_DEADLINE;
                *greeted = true;
            }
            (&mut Self::AwaitingWelcome { number, .. }, LineEvent::Welcomed { move_after }) => {
                *self = Self::Streaming {
                    number,
                    since: now,
                    move_wanted: move_after.map(|after| now + with_jitter(after, jitter)),
                    stay_until: now,
                    heard: now,
                    blocked: None,
                };
            }
            (Self::Streaming { heard, .. }, LineEvent::Heard) => *heard = now,
            (Self::Streaming { blocked, .. }, LineEvent::Blocked) => {
                blocked.get_or_insert(now);
            }
            (Self::Streaming { blocked, .. }, LineEvent::Progress) => *blocked = None,
            (Self::Streaming { move_wanted, .. }, LineEvent::Move) => {
                *move_wanted = Some(move_wanted.map_or(now, |wanted| wanted.min(now)));
            }
            // A welcome answers every hello. Before the first one its deadline
            // covers everything.
            (Self::Streaming { .. }, LineEvent::Welcomed { .. } | LineEvent::Greeted)
            | (
                Self::AwaitingWelcome { .. },
                LineEvent::Heard | LineEvent::Blocked | LineEvent::Progress | LineEvent::Move,
            )
            // No socket, no news of one; and no socket is opened twice.
            | (Self::Waiting { .. } | Self::Connecting { .. }, _)
            | (
                Self::AwaitingWelcome { .. } | Self::Streaming { .. },
                LineEvent::Connected,
            ) => {}
        }
        Ok(())
    }

    /// Checks the deadlines. `Err` is the line's end.
    pub(super) fn tick(&mut self, now: Instant) -> Result<(), Loss> {
        match self {
            Self::Waiting { .. } => Ok(()),
            Self::Connecting { deadline, .. } => check(
                deadline,
                CONNECT_WITHIN,
                now,
                "connecting takes too long: check the network and its name server",
            ),
            Self::AwaitingWelcome {
                deadline, greeted, ..
            } => check(
                deadline,
                HELLO_DEADLINE,
                now,
                if *greeted {
                    "the service does not answer: see its log"
                } else {
                    "the camera delivers no pictures to send"
                },
            ),
            Self::Streaming { heard, blocked, .. } => {
                let mut silent = *heard + CONNECTION_SILENCE;
                check(
                    &mut silent,
                    CONNECTION_SILENCE,
                    now,
                    "the service has fallen silent: check the network",
                )?;
                *heard = silent - CONNECTION_SILENCE;
                let Some(since) = blocked else { return Ok(()) };
                let mut stalled = *since + WRITE_STALL;
                check(
                    &mut stalled,
                    WRITE_STALL,
                    now,
                    "nothing more gets through to the service: check the network",
                )?;
                *since = stalled - WRITE_STALL;
                Ok(())
            }
        }
    }

    /// When the next tick or move is due.
    pub(super) fn deadline(&self, may_move: bool) -> Option<Instant> {
        Some(match self {
            Self::Waiting { until } => *until,
            Self::Connecting { deadline, .. } | Self::AwaitingWelcome { deadline, .. } => *deadline,
            Self::Streaming {
                heard,
                blocked,
                move_wanted,
                stay_until,
                ..
            } => {
                let silent = *heard + CONNECTION_SILENCE;
                let stalled = blocked.map(|since| since + WRITE_STALL);
                let move_at = move_wanted
                    .filter(|_| may_move)
                    .map(|wanted| wanted.max(*stay_until));
                [stalled, move_at]
                    .into_iter()
                    .flatten()
                    .fold(silent, Instant::min)
            }
        })
    }

    /// Whether a pause is over.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        matches!(self, Self::Waiting { until } if now >= *until)
    }

    /// Whether a successor should be opened.
    pub(super) fn should_move(&self, now: Instant) -> bool {
        matches!(
            self,
            Self::Streaming { move_wanted: Some(wanted), stay_until, .. }
                if now >= *wanted.max(stay_until)
        )
    }

    /// Since when a successor was wanted, or will be.
    pub(super) const fn move_wanted(&self) -> Option<Instant> {
        match self {
            Self::Streaming { move_wanted, .. } => *move_wanted,
            _ => None,
        }
    }

    /// It carries the stream from now on, in place of another one.
    pub(super) fn take_over(&mut self, now: Instant) {
        if let Self::Streaming { stay_until, .. } = self {
            *stay_until = now + MOVE_AGAIN;
        }
    }

    pub(super) const fn number(&self) -> Option<Number> {
        match self {
            Self::Waiting { .. } => None,
            Self::Connecting { number, .. }
            | Self::AwaitingWelcome { number, .. }
            | Self::Streaming { number, .. } => Some(*number),
        }
    }

    /// Its number, and since when it streams.
    pub(super) const fn streaming(&self) -> Option<(Number, Instant)> {
        match self {
            Self::Streaming { number, since, .. } => Some((*number, *since)),
            _ => None,
        }
    }
}

/// A tenth more at most, so that a fleet does not move at one instant.
fn with_jitter(after: Duration, jitter: &mut fastrand::Rng) -> Duration {
    after.mul_f64(1.0 + 0.1 * jitter.f64())
}

fn check(deadline: &mut Instant, period: Duration, now: Instant, text: &str) -> Result<(), Loss> {
    if now > *deadline + FROZEN {
        *deadline = now + period;
    } else if now >= *deadline {
        return Err(Loss {
            remedy: Remedy::Retry,
            text: text.to_owned(),
        });
    }
    Ok(())
}
