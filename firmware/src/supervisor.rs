//! What the camera does and why: a pure state machine.
//!
//! ```text
//! NEEDS CONFIGURATION --configured--> STOPPED <--wish--> STARTING --pictures--> CONNECTING
//!                                                            \                  ^      |
//!                                                             fault       link lost   link up
//!                                                              v                |      v
//!                                                         CAMERA FAULT <-fault- STREAMING
//! ```
//!
//! A wish to stop leads from everywhere to STOPPED, a signal to SHUTTING DOWN,
//! and a wish for a fresh start back to NEEDS CONFIGURATION, where the file is
//! read at once. The newest wish counts, whoever has it. The service is told of every change,
//! and every 30 s while nothing is streamed. It leaves out how anything is done
//! (the daemon) and the pauses between attempts (capture thread, uplink).

use std::time::{Duration, Instant};

use zerocam_protocol::{
    checkin::{CameraState, Desired, DesiredState},
    limits::CHECKIN_INTERVAL,
    message::{Bye, ByeReason},
};

/// How often a configuration that is wrong is read again.
pub const REREAD_INTERVAL: Duration = Duration::from_secs(5);

/// The one word for what the camera does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The configuration file is missing or wrong.
    NeedsConfiguration,
    /// The owner wants no pictures.
    Stopped,
    /// The camera is being opened.
    Starting,
    /// Pictures are captured; the service is not reached yet.
    Connecting,
    /// Pictures are captured and sent.
    Streaming,
    /// The camera fails and is opened anew now and then.
    CameraFault,
    /// The program ends.
    ShuttingDown,
}

impl State {
    /// As people read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NeedsConfiguration => "NEEDS CONFIGURATION",
            Self::Stopped => "STOPPED",
            Self::Starting => "STARTING",
            Self::Connecting => "CONNECTING",
            Self::Streaming => "STREAMING",
            Self::CameraFault => "CAMERA FAULT",
            Self::ShuttingDown => "SHUTTING DOWN",
        }
    }

    /// As the service is told; `None` while no service is known.
    #[must_use]
    pub const fn for_service(self) -> Option<CameraState> {
        Some(match self {
            Self::NeedsConfiguration => return None,
            Self::Stopped => CameraState::Stopped,
            Self::Starting | Self::Connecting => CameraState::Starting,
            Self::Streaming => CameraState::Streaming,
            Self::CameraFault => CameraState::CameraFault,
            Self::ShuttingDown => CameraState::ShuttingDown,
        })
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The configuration is usable.
    Configured {
        /// What the camera was to do.
        desired: Desired,
        /// Whether that is so because the configuration says `start_on_boot`.
        on_boot: bool,
    },
    /// It is not; what is wrong.
    ConfigurationProblem(String),
    /// Somebody at the camera wishes, by the named means.
    Wish(DesiredState, &'static str),
    /// The service names its newest wish.
    ServiceWish(Desired),
    /// Pictures flow.
    CameraRuns,
    /// The camera failed; why.
    CameraFault(String),
    /// The service takes pictures.
    LinkUp,
    /// It does not; why.
    LinkDown(String),
    /// Somebody at the camera wants network and configuration begun anew, by
    /// the named means.
    Refresh(&'static str),
    /// Somebody at the camera wants to cut its power, by the named means.
    PowerOff(&'static str),
    /// The program was asked to end.
    Terminate,
    /// A deadline passed.
    DeadlinePassed,
}

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Read the configuration; it answers `Configured` or
    /// `ConfigurationProblem`.
    ReadConfiguration,
    /// Let the capture thread open the camera.
    OpenCamera,
    /// Let it close the camera.
    CloseCamera,
    /// Let the uplink stream.
    Connect,
    /// Let it say goodbye.
    Disconnect(Bye),
    /// Store the wish.
    Store(Desired),
    /// Keep a line for the service and for later.
    Record(String),
    /// Tell the service how the camera is.
    CheckIn,
    /// End what the configuration in force began; the farewell for the service.
    Release(Bye),
    /// Let the system set up its network anew.
    RestartNetworking,
    /// End everything; the farewell for the service.
    Exit(Bye),
    /// Let the system switch itself off.
    PowerOff,
}

/// The state machine.
#[derive(Debug, Clone)]
pub struct Supervisor {
    state: State,
    reason: String,
    desired: Desired,
    deadline: Option<Instant>,
}

impl Supervisor {
    /// Before the configuration was read; the first deadline is now.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            state: State::NeedsConfiguration,
            reason: "the configuration was not read yet".into(),
            desired: Desired::FIRST,
            deadline: Some(now),
        }
    }

    /// What the camera does.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Why, one line; or a line for each mistake in the configuration.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What it should do.
    #[must_use]
    pub const fn desired(&self) -> Desired {
        self.desired
    }

    /// When [`Event::DeadlinePassed`] is due.
    #[must_use]
    pub const fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Takes in an event and says what to do.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let before = self.state;
        let mut actions = self.react(event);
        let told = self.state.for_service();
        if told.is_some() && told != before.for_service() {
            self.check_in(&mut actions);
        }
        if actions.contains(&Action::CheckIn) || self.state != before {
            self.deadline = self.interval().map(|interval| now + interval);
        }
        if actions.contains(&Action::ReadConfiguration) {
            self.deadline = Some(now + REREAD_INTERVAL);
        }
        actions
    }

    /// Time between deadlines in this state.
    const fn interval(&self) -> Option<Duration> {
        match self.state {
            State::NeedsConfiguration => Some(REREAD_INTERVAL),
            State::Stopped | State::Starting | State::Connecting | State::CameraFault => {
                Some(CHECKIN_INTERVAL)
            }
            State::Streaming | State::ShuttingDown => None,
        }
    }

    /// The transitions.
    fn react(&mut self, event: Event) -> Vec<Action> {
        use State::{
            CameraFault, Connecting, NeedsConfiguration, ShuttingDown, Starting, Stopped, Streaming,
        };
        match (self.state, event) {
            (ShuttingDown, _) => vec![],
            (_, Event::Terminate) => self.shut_down("the program was asked to end"),
            (_, Event::PowerOff(by)) => {
                let mut actions = self.shut_down(&format!("shut down {by}"));
                actions.push(Action::PowerOff);
                actions
            }

            (NeedsConfiguration, Event::DeadlinePassed) => vec![Action::ReadConfiguration],
            (NeedsConfiguration, Event::Refresh(_)) => {
                vec![Action::RestartNetworking, Action::ReadConfiguration]
            }
            (_, Event::Refresh(by)) => {
                let reason = format!("network and configuration are begun anew {by}");
                self.enter(NeedsConfiguration, &reason);
                // The farewell still needs the network.
                vec![
                    Action::Release(Bye::new(ByeReason::ShutDown, reason)),
                    Action::RestartNetworking,
                    Action::ReadConfiguration,
                ]
            }
            (NeedsConfiguration, Event::ConfigurationProblem(problem)) => {
                self.reason = problem;
                vec![]
            }
            (NeedsConfiguration, Event::Configured { desired, on_boot }) => {
                // A card that keeps nothing knows less than this process.
                self.desired = Desired::newest(self.desired, desired);
                match self.desired.state {
                    DesiredState::Started => {
                        let reason = if on_boot {
                            "start_on_boot is set"
                        } else {
                            "it was started before"
                        };
                        self.enter(Starting, reason);
                        vec![Action::OpenCamera]
                    }
                    // A new camera, or one whose card has lost what it kept.
                    DesiredState::Stopped if self.desired == Desired::FIRST => {
                        self.enter(Stopped, "it waits to be started");
                        vec![]
                    }
                    DesiredState::Stopped => {
                        self.enter(Stopped, "it was stopped before");
                        vec![]
                    }
                }
            }
            (NeedsConfiguration, _)
            | (_, Event::Configured { .. } | Event::ConfigurationProblem(_)) => vec![],

            (_, Event::Wish(state, _)) if state == self.desired.state => vec![],
            (_, Event::Wish(state, by)) => self.follow(self.desired.superseded_by(state), by),
            (_, Event::ServiceWish(theirs)) => {
                let newest = Desired::newest(self.desired, theirs);
                if newest == self.desired {
                    vec![]
                } else {
                    self.follow(newest, "from its page")
                }
            }
            (_, Event::DeadlinePassed) => vec![Action::CheckIn],

            (Stopped, _) => vec![],
            (Starting | CameraFault, Event::CameraRuns) => {
                self.enter(Connecting, "pictures are captured");
                vec![Action::Connect]
            }
            (Connecting | Streaming, Event::CameraRuns) => vec![],
            (from, Event::CameraFault(fault)) => {
                self.enter(CameraFault, &fault);
                let mut actions = vec![Action::Record(format!("camera fault: {fault}"))];
                if matches!(from, Connecting | Streaming) {
                    let bye = Bye::new(ByeReason::CameraFault, fault);
                    actions.push(Action::Disconnect(bye));
                }
                actions
            }
            (Connecting, Event::LinkUp) => {
                self.enter(Streaming, "connected");
                vec![]
            }
            (Connecting | Streaming, Event::LinkDown(why)) => {
                self.enter(Connecting, &why);
                vec![]
            }
            (Starting | CameraFault, Event::LinkUp | Event::LinkDown(_))
            | (Streaming, Event::LinkUp) => vec![],
        }
    }

    fn shut_down(&mut self, reason: &str) -> Vec<Action> {
        self.enter(State::ShuttingDown, reason);
        let bye = Bye::new(ByeReason::ShutDown, "the camera was shut down");
        vec![Action::CloseCamera, Action::Exit(bye)]
    }

    /// Does what is newly wished.
    fn follow(&mut self, desired: Desired, by: &str) -> Vec<Action> {
        let changed = desired.state != self.desired.state;
        self.desired = desired;
        let mut actions = vec![Action::Store(desired)];
        match desired.state {
            _ if !changed => {}
            DesiredState::Started => {
                self.enter(State::Starting, &format!("started {by}"));
                actions.push(Action::OpenCamera);
            }
            DesiredState::Stopped => {
                let reason = format!("stopped {by}");
                self.enter(State::Stopped, &reason);
                let bye = Bye::new(ByeReason::Stopped, reason);
                actions.extend([Action::CloseCamera, Action::Disconnect(bye)]);
            }
        }
        actions
    }

    fn enter(&mut self, state: State, reason: &str) {
        self.state = state;
        reason.clone_into(&mut self.reason);
    }

    /// Tells the service, in front of ending everything.
    fn check_in(&self, actions: &mut Vec<Action>) {
        let exit = actions
            .iter()
            .position(|action| matches!(action, Action::Exit(_)));
        actions.insert(exit.unwrap_or(actions.len()), Action::CheckIn);
    }
}

#[cfg(test)]
mod tests;
