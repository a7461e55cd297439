//! `zerocam run`: the rim around the [supervisor](crate::supervisor). Turns
//! what the threads say into its events, and does what it decides.
//!
//! The main thread runs this loop and is the only one to write the state file.
//! It leaves out every decision.

mod device_parts;

use std::{
    collections::VecDeque,
    io::{self, Read},
    os::unix::net::UnixStream,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded, select};
use signal_hook::consts::{SIGINT, SIGTERM};
use tracing::{error, info, warn};
use zerocam_protocol::{
    checkin::{Desired, DesiredState},
    limits::HEALTH_INTERVAL,
    message::{Bye, Health},
};

use crate::{
    capture::CaptureEvent,
    config,
    control::{Answer, Asked, ControlError, ControlSocket, Request},
    status::{Identity, ServiceStatus, Status, Video},
    supervisor::{Action, Event, State, Supervisor},
    telemetry::Telemetry,
    uplink::{LinkState, UplinkEvent},
};
use device_parts::DeviceParts;

/// Room for what threads say while the main thread writes to the card.
const EVENTS: usize = 64;

/// How long the end waits for the last check-in.
const LAST_CHECKIN: Duration = Duration::from_secs(2);

/// Runs until it is asked to end.
///
/// # Errors
/// [`DaemonError`] when it cannot run at all. A wrong configuration is no such
/// reason: it waits for a better one.
pub fn run(config_path: PathBuf) -> Result<(), DaemonError> {
    let signals = signals()?;
    info!(config = %config_path.display(), "{} begins", crate::SOFTWARE);
    let mut daemon = Daemon::new(config_path);
    daemon.listen()?;
    while !daemon.ended {
        let event = daemon.wait(&signals);
        daemon.handle(event);
    }
    info!("ended as asked");
    Ok(())
}

/// SIGTERM and SIGINT as messages.
fn signals() -> io::Result<Receiver<()>> {
    let (sender, receiver) = bounded(1);
    let (write, mut read) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT] {
        signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
    }
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            let mut byte = [0];
            while read.read_exact(&mut byte).is_ok() && sender.send(()).is_ok() {}
        })?;
    Ok(receiver)
}

/// Why the daemon cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// There is one already.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Out of threads or file descriptors.
    #[error("the system is out of resources: {0}")]
    System(#[from] io::Error),
}

struct Daemon {
    config_path: PathBuf,
    supervisor: Supervisor,
    /// Everything that needs a configuration.
    parts: Option<DeviceParts>,
    /// Held to listen.
    control: Option<ControlSocket>,
    /// The last one that was tried.
    socket_path: PathBuf,
    requests: Channel<Asked>,
    capture_events: Channel<CaptureEvent>,
    uplink_events: Channel<UplinkEvent>,
    telemetry: Telemetry,
    next_report: Instant,
    health: Health,
    link_up: bool,
    service: Option<ServiceStatus>,
    /// Why the last check-in failed, if it did.
    checkin_failure: Option<String>,
    video: Option<Video>,
    viewers: u32,
    ended: bool,
}

type Channel<T> = (Sender<T>, Receiver<T>);

impl Daemon {
    fn new(config_path: PathBuf) -> Self {
        let now = Instant::now();
        Self {
            config_path,
            supervisor: Supervisor::new(now),
            parts: None,
            control: None,
            socket_path: PathBuf::new(),
            requests: bounded(1),
            capture_events: bounded(EVENTS),
            uplink_events: bounded(EVENTS),
            telemetry: Telemetry::new(),
            next_report: now,
            health: Health::default(),
            link_up: false,
            service: None,
            checkin_failure: None,
            video: None,
            viewers: 0,
            ended: false,
        }
    }

    /// Listens at the control socket, or moves to where it is configured now.
    fn listen(&mut self) -> Result<(), ControlError> {
        let path = config::control_socket(&self.config_path);
        if path == self.socket_path {
            return Ok(());
        }
        match ControlSocket::bind(&path, self.requests.0.clone()) {
            Ok(socket) => self.control = Some(socket),
            Err(error @ ControlError::AnotherDaemon { .. }) => return Err(error),
            Err(error) => {
                warn!("`zerocam start`, `stop` and `status` will not work: {error}");
            }
        }
        self.socket_path = path;
        Ok(())
    }

    /// Waits for the next event, and answers and reports meanwhile.
    fn wait(&mut self, signals: &Receiver<()>) -> Event {
        loop {
            self.report();
            let deadline = self.supervisor.next_deadline();
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Event::DeadlinePassed;
            }
            let next = deadline.map_or(self.next_report, |at| at.min(self.next_report));
            let event = select! {
                recv(signals) -> _ => Some(Event::Terminate),
                recv(self.requests.1) -> asked => {
                    if let Ok(asked) = asked {
                        self.answer(&asked);
                    }
                    None
                }
                recv(self.capture_events.1) -> event => {
                    event.ok().and_then(|event| self.captured(event))
                }
                recv(self.uplink_events.1) -> event => {
                    event.ok().and_then(|event| self.uplinked(event))
                }
                default(next.saturating_duration_since(Instant::now())) => None,
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    /// Hands an event to the supervisor and does what it says.
    fn handle(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let before = (self.supervisor.state(), self.supervisor.reason().to_owned());
            let actions = self.supervisor.handle(event, Instant::now());
            self.log_change(&before);
            for action in actions {
                events.extend(self.perform(action));
            }
        }
    }

    /// Logs every transition, and a new reason to stay where somebody has to
    /// act. The uplink logs its own.
    fn log_change(&self, (before, reason_before): &(State, String)) {
        let (state, reason) = (self.supervisor.state(), self.supervisor.reason());
        let (same_state, same_reason) = (state == *before, reason == reason_before);
        let word = state.word();
        match state {
            State::NeedsConfiguration if !same_reason => error!("{word}: {reason}"),
            State::CameraFault if !same_state || !same_reason => warn!("{word}: {reason}"),
            _ if !same_state => info!("{word}: {reason}"),
            _ => {}
        }
    }

    /// Does one thing; returns what came of it.
    fn perform(&mut self, action: Action) -> Option<Event> {
        match (action, &mut self.parts) {
            (Action::ReadConfiguration, _) => return Some(self.configure()),
            (Action::Exit(bye), parts) => {
                let parts = parts.take();
                self.exit(parts, bye);
            }
            (_, None) => {}
            (Action::OpenCamera, Some(parts)) => parts.open_camera(),
            (Action::CloseCamera, Some(parts)) => {
                parts.capture.close();
                self.video = None;
            }
            (Action::Connect, Some(parts)) => {
                parts.uplink.start();
                // Without a change, the uplink would have nothing to say.
                return self.link_up.then_some(Event::LinkUp);
            }
            (Action::Disconnect(bye), Some(parts)) => {
                parts.uplink.stop(bye);
                self.viewers = 0;
            }
            (Action::Store(desired), Some(parts)) => parts.state_file.set_desired(desired),
            (Action::Record(text), Some(parts)) => parts.state_file.record(&text),
            (Action::CheckIn, Some(parts)) => {
                parts.check_in(&self.supervisor, self.health.clone());
            }
        }
        None
    }

    /// Reads the configuration and starts everything that it is for.
    fn configure(&mut self) -> Event {
        match self.start_parts() {
            Ok(desired) => Event::Configured(desired),
            Err(problem) => Event::ConfigurationProblem(problem.to_string()),
        }
    }

    fn start_parts(&mut self) -> anyhow::Result<Desired> {
        self.listen()?;
        let (parts, desired) = DeviceParts::start(
            config::read(&self.config_path)?,
            self.capture_events.0.clone(),
            self.uplink_events.0.clone(),
        )?;
        let Identity { camera, device, .. } = &parts.identity;
        info!(%camera, %device, "configured");
        self.parts = Some(parts);
        Ok(desired)
    }

    /// Ends all threads, each within its deadline.
    fn exit(&mut self, parts: Option<DeviceParts>, bye: Bye) {
        self.ended = true;
        let Some(parts) = parts else { return };
        parts.capture.shut_down();
        // On an open stream, the farewell says all.
        if !self.link_up {
            self.await_checkin();
        }
        parts.uplink.shut_down(bye);
        parts.state_file.end();
    }

    fn await_checkin(&self) {
        let deadline = Instant::now() + LAST_CHECKIN;
        while let Ok(event) = self.uplink_events.1.recv_deadline(deadline) {
            if let UplinkEvent::CheckedIn(_) | UplinkEvent::CheckinFailed(_) = event {
                return;
            }
        }
    }

    /// Reads the figures when it is time.
    fn report(&mut self) {
        let now = Instant::now();
        if now < self.next_report {
            return;
        }
        self.next_report = now + HEALTH_INTERVAL;
        let parts = self.parts.as_ref();
        let bytes = parts.map_or(0, |parts| parts.capture.captured_bytes());
        self.health = self.telemetry.sample(now, bytes);
        if let Some(parts) = parts {
            parts.uplink.report(self.health.clone());
        }
    }

    fn captured(&mut self, event: CaptureEvent) -> Option<Event> {
        match event {
            // Said before it heard that it should stop.
            _ if self.supervisor.desired().state == DesiredState::Stopped => None,
            CaptureEvent::Running(run) => {
                self.video = Some(Video {
                    run: run.run,
                    codec: run.codec.clone(),
                    width: run.width,
                    height: run.height,
                    frame_rate_hz: run.frame_rate_hz,
                });
                Some(Event::CameraRuns)
            }
            CaptureEvent::Segment(segment) => {
                if let Some(parts) = &mut self.parts {
                    parts.state_file.reserve_above(segment);
                }
                None
            }
            CaptureEvent::Fault(fault) => {
                self.video = None;
                Some(Event::CameraFault(fault))
            }
        }
    }

    fn uplinked(&mut self, event: UplinkEvent) -> Option<Event> {
        match event {
            UplinkEvent::State(LinkState::Connected, text) => {
                self.link_up = true;
                self.service = Some(ServiceStatus {
                    reached: true,
                    text,
                });
                Some(Event::LinkUp)
            }
            UplinkEvent::State(LinkState::Idle | LinkState::Connecting { .. }, text) => {
                self.link_up = false;
                Some(Event::LinkDown(text))
            }
            UplinkEvent::State(LinkState::Waiting { .. }, text) | UplinkEvent::KeyRefused(text) => {
                self.link_up = false;
                self.service = Some(ServiceStatus {
                    reached: false,
                    text: text.clone(),
                });
                Some(Event::LinkDown(text))
            }
            UplinkEvent::Viewers(count) => {
                self.viewers = count;
                None
            }
            UplinkEvent::Floor(floor) => {
                if let Some(parts) = &mut self.parts {
                    parts.state_file.reserve_above(floor);
                    parts.capture.raise_floor(floor);
                }
                None
            }
            UplinkEvent::Command(desired) => Some(Event::ServiceWish(desired)),
            UplinkEvent::CheckedIn(answer) => {
                self.checked_in(true, "it answered the last check-in".into());
                Some(Event::ServiceWish(answer.desired))
            }
            UplinkEvent::CheckinFailed(text) => {
                self.checked_in(false, text);
                None
            }
        }
    }

    fn checked_in(&mut self, reached: bool, text: String) {
        if let Some(parts) = &mut self.parts {
            parts.state_file.reported(reached);
        }
        // Only news is logged: check-ins repeat every 30 s.
        if !reached && self.checkin_failure.as_ref() != Some(&text) {
            warn!("check-in failed: {text}");
        }
        self.checkin_failure = (!reached).then(|| text.clone());
        // While a stream is open, it knows better.
        if !self.link_up {
            self.service = Some(ServiceStatus { reached, text });
        }
    }

    /// Answers a client; its wish is followed first.
    fn answer(&mut self, asked: &Asked) {
        let wish = match asked.request {
            Request::Start => Some(DesiredState::Started),
            Request::Stop => Some(DesiredState::Stopped),
            Request::Status => None,
        };
        let answer = match wish {
            Some(_) if self.parts.is_none() => Answer::Refused(format!(
                "{}: {}",
                self.supervisor.state().word(),
                self.supervisor.reason()
            )),
            wish => {
                if let Some(wish) = wish {
                    self.handle(Event::Wish(wish, "from the command line"));
                }
                Answer::Status(Box::new(self.status()))
            }
        };
        // The client may be gone.
        let _ = asked.answer.try_send(answer);
    }

    fn status(&self) -> Status {
        Status {
            state: self.supervisor.state().word().into(),
            reason: self.supervisor.reason().into(),
            desired: self.supervisor.desired().state,
            identity: self.parts.as_ref().map(|parts| parts.identity.clone()),
            service: self.service.clone(),
            video: self.video.clone(),
            viewers: self.viewers,
            health: self.health.clone(),
            software: crate::SOFTWARE.into(),
        }
    }
}
