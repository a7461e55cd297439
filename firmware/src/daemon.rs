//! `zerocam run`: the rim around the [supervisor](crate::supervisor). Turns
//! what the threads say into its events, and does what it decides.
//!
//! The main thread runs this loop and is the only one to say what the state file
//! holds. It leaves out every decision.

mod answering;
mod care;
mod device_parts;
mod ending;
mod front;
mod hearing;
mod meanwhile;
mod timekeeping;

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
use zerocam_protocol::{checkin::DesiredState, limits::HEALTH_INTERVAL, message::Health};

use crate::{
    button::Gesture,
    capture::CaptureEvent,
    clock::Clock,
    condition::Signs,
    config::{self, DaemonConfiguration},
    control::{Asked, ControlError, ControlSocket},
    last_words,
    led::Scene,
    privileged::{self, PrivilegedError, Word},
    sampler::{Reading, Sampler},
    status::{Identity, ServiceStatus, Video},
    supervisor::{Action, Event, State, Supervisor},
    telemetry::BitrateMeter,
    uplink::UplinkEvent,
    watchdog::SILENCE_LIMIT,
};
use care::{Care, Step};
use device_parts::DeviceParts;
use front::{Front, Sight};

/// Room for what threads say while the main thread is busy.
const EVENTS: usize = 64;

/// How often the first reading of the device is looked for.
const FIRST_READING: Duration = Duration::from_millis(100);

/// Runs until it is asked to end.
///
/// # Errors
/// [`DaemonError`] when it cannot run at all. A wrong configuration is no such
/// reason: it waits for a better one.
pub fn run(config_path: PathBuf) -> Result<(), DaemonError> {
    let signals = signals()?;
    info!(config = %config_path.display(), "{} begins", crate::SOFTWARE);
    let mut daemon = Daemon::new(config_path)?;
    daemon.listen()?;
    last_words::keep_in(&daemon.places.state_dir);
    // With the configuration read, or found to be wrong.
    daemon.handle(Event::DeadlinePassed);
    daemon.front.service_manager.ready();
    while !daemon.ended {
        let event = daemon.wait(&signals);
        daemon.handle(event);
    }
    if daemon.power_off {
        daemon.switch_off()?;
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
    /// The camera has ended, but the system stays on.
    #[error("cannot switch off: {0}")]
    PowerOff(#[from] PrivilegedError),
    /// Out of threads or file descriptors.
    #[error("the system is out of resources: {0}")]
    System(#[from] io::Error),
}

struct Daemon {
    config_path: PathBuf,
    supervisor: Supervisor,
    /// Everything that needs a configuration.
    parts: Option<DeviceParts>,
    front: Front,
    /// Where sockets and state are, as far as is known.
    places: DaemonConfiguration,
    /// Held to listen.
    control: Option<ControlSocket>,
    /// The last one that was tried.
    socket_path: PathBuf,
    requests: Channel<Asked>,
    capture_events: Channel<CaptureEvent>,
    uplink_events: Channel<UplinkEvent>,
    sampler: Sampler,
    bitrate_meter: BitrateMeter,
    next_report: Instant,
    health: Health,
    link_up: bool,
    service: Option<ServiceStatus>,
    /// Why the last check-in failed, if it did.
    checkin_failure: Option<String>,
    video: Option<Video>,
    viewers: u32,
    care: Care,
    clock: Clock,
    /// Whether the camera is to be opened once the clock is right.
    camera_waits: bool,
    /// What the button said while the card was waited for.
    pending_gesture: Option<Gesture>,
    /// Whether no configuration was read yet, right or wrong.
    beginning: bool,
    /// Whether a configuration was in force before.
    configured: bool,
    ended: bool,
    /// What is left to do then.
    power_off: bool,
}

type Channel<T> = (Sender<T>, Receiver<T>);

impl Daemon {
    fn new(config_path: PathBuf) -> io::Result<Self> {
        let now = Instant::now();
        // In front of all threads that could start a program.
        let clock = Clock::new();
        Ok(Self {
            front: Front::new(config::gpio(&config_path), now),
            places: config::daemon(&config_path),
            config_path,
            supervisor: Supervisor::new(now),
            parts: None,
            control: None,
            socket_path: PathBuf::new(),
            requests: bounded(1),
            capture_events: bounded(EVENTS),
            uplink_events: bounded(EVENTS),
            sampler: Sampler::of_this_machine()?,
            bitrate_meter: BitrateMeter::default(),
            next_report: now,
            health: Health::default(),
            link_up: false,
            service: None,
            checkin_failure: None,
            video: None,
            viewers: 0,
            care: Care::new(now),
            clock,
            camera_waits: false,
            pending_gesture: None,
            beginning: true,
            configured: false,
            ended: false,
            power_off: false,
        })
    }

    /// Listens at the control socket, or moves to where it is configured now.
    fn listen(&mut self) -> Result<(), ControlError> {
        self.places = config::daemon(&self.config_path);
        let path = self.places.socket.clone();
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

    /// Waits for the next event, and answers, shows and reports meanwhile.
    fn wait(&mut self, signals: &Receiver<()>) -> Event {
        loop {
            self.report();
            self.look_after();
            if let Some(parts) = &mut self.parts {
                parts.state_file.store();
            }
            let scene = self.scene();
            let gesture = self.pending_gesture.take();
            if let Some(gesture) = gesture.or_else(|| self.front.poll(scene, Instant::now())) {
                return self.gesture(gesture);
            }
            let deadline = self.supervisor.next_deadline();
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Event::DeadlinePassed;
            }
            let deadlines = [deadline, self.front.next_deadline(), Some(self.next_report)];
            let next = deadlines.into_iter().flatten().min();
            let next = next.expect("the next report is one");
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
            self.note_state(before.0);
            for action in actions {
                events.extend(self.perform(action));
            }
        }
        self.show();
    }

    /// What the button asks for.
    fn gesture(&self, gesture: Gesture) -> Event {
        const BY: &str = "by its button";
        match gesture {
            Gesture::StartStop => {
                let wish = match self.supervisor.desired().state {
                    DesiredState::Started => DesiredState::Stopped,
                    DesiredState::Stopped => DesiredState::Started,
                };
                Event::Wish(wish, BY)
            }
            Gesture::RestartNetworking => Event::Refresh(BY),
            Gesture::ShutDown => Event::PowerOff(BY),
        }
    }

    fn scene(&self) -> Scene {
        let filming = |parts: &DeviceParts| parts.capture.gauges().filming();
        Sight {
            state: self.supervisor.state(),
            service: self.service.as_ref(),
            online: self.care.online(),
            beginning: self.beginning,
            camera_waits: self.camera_waits,
            grade: self.care.grade(),
            filming: self.parts.as_ref().is_some_and(filming),
            viewers: self.viewers,
        }
        .scene()
    }

    /// Shows how the camera is to those who do not ask.
    fn show(&mut self) {
        let status = self.status();
        let helper = &self.places.privileged_socket;
        self.front.show(&status, helper, Instant::now());
    }

    /// Looks after the threads; a stuck one is the service manager's to end.
    fn look_after(&mut self) {
        let beats = self.parts.as_ref().map(DeviceParts::beats);
        let beats = beats.as_ref().map_or(&[][..], |beats| beats);
        let stuck = self.front.look_after(beats, Instant::now());
        if let (Some(thread), Some(parts)) = (stuck, &mut self.parts) {
            let text = format!(
                "the {thread} thread made no progress for {} s: the watchdog will restart the program",
                SILENCE_LIMIT.as_secs()
            );
            error!("{text}");
            parts.state_file.record(&text);
        }
    }

    /// Keeps what the camera does for the case that it ends without notice. A
    /// connection that is on its way, or comes and goes, is not worth wearing the
    /// card.
    fn note_state(&mut self, before: State) {
        let state = self.supervisor.state();
        if (before, state) == (State::Streaming, State::Connecting) {
            self.care.lost_connection();
        }
        let passing = matches!(
            (before, state),
            (State::Starting | State::Streaming, State::Connecting)
        );
        if let Some(parts) = &mut self.parts
            && state != before
            && !passing
        {
            parts.state_file.set_doing(state.word());
        }
    }

    /// Logs every transition, and a new reason to stay where somebody has to
    /// act. The uplink logs its own.
    fn log_change(&self, (before, reason_before): &(State, String)) {
        let (state, reason) = (self.supervisor.state(), self.supervisor.reason());
        let (same_state, same_reason) = (state == *before, reason == reason_before);
        let word = state.word();
        match state {
            State::NeedsConfiguration if same_state && !same_reason => {
                error!("{word}: {reason}");
            }
            State::CameraFault if !same_state || !same_reason => warn!("{word}: {reason}"),
            _ if !same_state => info!("{word}: {reason}"),
            _ => {}
        }
    }

    /// Does one thing; returns what came of it.
    fn perform(&mut self, action: Action) -> Option<Event> {
        match (action, &mut self.parts) {
            (Action::ReadConfiguration, _) => return Some(self.configure()),
            (Action::Release(bye), _) => self.release(bye, false),
            (Action::Exit(bye), _) => {
                self.front.service_manager.stopping();
                self.release(bye, true);
                self.ended = true;
            }
            (Action::RestartNetworking, _) => {
                let helper = &self.places.privileged_socket;
                privileged::ask_in_background(helper, Word::RestartWpaSupplicant);
            }
            (Action::PowerOff, _) => self.power_off = true,
            (_, None) => {}
            (Action::OpenCamera, Some(_)) => self.open_camera(),
            (Action::CloseCamera, Some(parts)) => {
                self.camera_waits = false;
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
        let started = self.start_parts();
        self.beginning = false;
        match started {
            Ok(configured) => configured,
            Err(problem) => Event::ConfigurationProblem(problem.to_string()),
        }
    }

    fn start_parts(&mut self) -> anyhow::Result<Event> {
        self.listen()?;
        self.front
            .configure(config::gpio(&self.config_path), Instant::now());
        let path = self.config_path.clone();
        let (read, _) = self.meanwhile("configuration", || false, move || config::read(&path))?;
        let mut settings = read?;
        settings.start_on_boot &= !self.configured;
        let (parts, configured) = DeviceParts::start(
            settings,
            &mut self.clock,
            self.capture_events.0.clone(),
            self.uplink_events.0.clone(),
        )?;
        self.care.begin(&parts.state_file);
        let Identity { camera, device, .. } = &parts.identity;
        info!(%camera, %device, "configured");
        self.parts = Some(parts);
        self.configured = true;
        Ok(configured)
    }

    /// Reads the figures when it is time.
    fn report(&mut self) {
        let now = Instant::now();
        if now < self.next_report {
            return;
        }
        let parts = self.parts.as_ref();
        let bytes = parts.map_or(0, |parts| parts.capture.gauges().captured_bytes());
        let reading = self.sampler.newest(now);
        self.next_report = match &reading {
            Some(_) => now + HEALTH_INTERVAL,
            None => now + FIRST_READING,
        };
        self.health = Health {
            bitrate_bps: self.bitrate_meter.read(now, bytes),
            ..(reading.as_ref()).map_or_else(Health::default, |reading| reading.health.clone())
        };
        if let Some(parts) = parts {
            parts.uplink.report(self.health.clone());
        }
        if let Some(reading) = reading {
            self.take_care(&reading, now);
        }
        self.show();
    }

    /// Looks after Wi-Fi and camera, and tries what is due.
    fn take_care(&mut self, reading: &Reading, now: Instant) {
        let Some(parts) = &mut self.parts else {
            self.care.look_at_link(reading.link);
            return;
        };
        let was_online = self.care.online();
        // A PC may be hotter than a Pi.
        let temperature_celsius = (reading.health.temperature_celsius)
            .filter(|_| cfg!(any(target_arch = "arm", target_arch = "aarch64")));
        let signs = Signs {
            wifi_signal_dbm: reading.health.wifi_signal_dbm,
            temperature_celsius,
            undervoltage: reading.undervoltage,
            dropped_frames: parts.capture.gauges().dropped_frames(),
            ..Signs::default()
        };
        let reached = self.service.as_ref().is_some_and(|service| service.reached);
        let camera =
            (parts.camera_has_module).then(|| (self.supervisor.state(), self.supervisor.reason()));
        let state_file = &mut parts.state_file;
        for step in (self.care).look(reading.link, signs, reached, camera, state_file, now) {
            match step {
                Step::Record(text) => {
                    warn!("{text}");
                    parts.state_file.record(&text);
                }
                // A driver that is in use cannot be unloaded.
                Step::Ask(Word::ReloadCamera) => {
                    let aside = parts.capture.stand_aside();
                    let helper = &self.places.privileged_socket;
                    privileged::ask_between(helper, Word::ReloadCamera, move || {
                        aside.wait();
                        aside
                    });
                }
                Step::Ask(word) => {
                    privileged::ask_in_background(&self.places.privileged_socket, word);
                }
            }
        }
        // Nobody should wait for the next one due.
        if !was_online && self.care.online() && !self.link_up {
            parts.check_in(&self.supervisor, self.health.clone());
        }
    }
}
