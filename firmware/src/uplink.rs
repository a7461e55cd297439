//! From captured frames to the service.
//!
//! The capture thread offers frames to a bounded [`queue()`]; the upload thread
//! keeps the newest of them in a replay ring and owns the connection. The
//! supervisor says start and stop, reports health, and hears [`UplinkEvent`]s.
//! Nothing here ever blocks the capture thread, and no wait is without a
//! deadline. What to do is decided in [`connection`] and [`ring`], which are
//! pure; how, in [`connector`] and [`session`].
//!
//! It leaves out: what the camera should do (the supervisor decides), Wi-Fi,
//! and adapting the bitrate.

mod addresses;
mod checkin;
mod connection;
mod connector;
mod cursor;
#[cfg(test)]
mod deploy_model;
mod endpoint;
mod failure;
mod losses;
mod queue;
mod ring;
#[cfg(test)]
mod sample;
mod session;
mod tls;
mod upload;
mod waker;

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::Sender;
use rustls::ClientConfig;
use zerocam_config_file::Secret;
use zerocam_protocol::{
    AccessUnit, CameraName, DeviceId, Run, Segment,
    checkin::{CheckinRequest, CheckinResponse, Desired},
    message::{Bye, ByeReason, Health},
};

pub use checkin::probe::{Reached, probe};
pub use endpoint::InvalidEndpoint;
pub use queue::{FrameReceiver, FrameSender, Offer, QueueLimits, queue};
pub use ring::RingLimits;
pub use tls::TlsError;

use crate::heartbeat::Heartbeat;
use checkin::Checkin;
use endpoint::Endpoint;
use waker::Waker;

/// What a run's access units are; one for all frames of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunInfo {
    /// The run.
    pub run: Run,
    /// Its first segment.
    pub first_segment: Segment,
    /// Capture time 0.
    pub started: Instant,
    /// RFC 6381 name, `avc1.` and six hexadecimal digits from the SPS.
    pub codec: String,
    /// Picture width in luma samples, after cropping.
    pub width: u32,
    /// Picture height in luma samples, after cropping.
    pub height: u32,
    /// Nominal frame rate in frames per second.
    pub frame_rate_hz: f64,
    /// HLS target duration in seconds, constant in a run.
    pub target_duration_s: u32,
}

/// One coded picture with what the wire needs to know of it.
#[derive(Debug, Clone)]
pub struct CapturedFrame {
    /// The picture, ready for the wire.
    pub unit: AccessUnit,
    /// The run it belongs to.
    pub run: Arc<RunInfo>,
    /// When it was captured; its age counts from here.
    pub captured: Instant,
}

/// Where and as whom to connect.
#[derive(Debug, Clone)]
pub struct UplinkConfig {
    /// Address of the service, `https://cam.example`. `wss`, and `http` or `ws`
    /// where plain text is allowed, are understood too.
    pub url: String,
    /// The camera's key; it names the camera.
    pub key: Secret,
    /// Certificate authorities to trust besides the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Permits an unencrypted connection to other machines.
    pub allow_plain: bool,
    /// Which device this is.
    pub device: DeviceId,
    /// Bounds of the replay ring.
    pub ring: RingLimits,
    /// Program name and version, for people.
    pub software: String,
    /// Whom to trust, once that is known: reading it takes a Pi a while.
    pub trust: Option<Trust>,
}

/// The certificate authorities of the system and of `ca_file`, read.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").finish_non_exhaustive()
    }
}

impl UplinkConfig {
    /// Which camera the key is for.
    ///
    /// # Errors
    /// [`InvalidEndpoint`] when it is no camera's key.
    pub fn camera(&self) -> Result<CameraName, InvalidEndpoint> {
        endpoint::camera(&self.key)
    }

    /// Checks address, key and certificate files without connecting, and keeps
    /// what it has read.
    ///
    /// # Errors
    /// The first [`UplinkError`] found.
    pub fn validate(&mut self) -> Result<CameraName, UplinkError> {
        let endpoint = Endpoint::new(self)?;
        self.trust = Some(Trust(self.tls(&endpoint)?));
        Ok(endpoint.camera)
    }

    fn tls(&self, endpoint: &Endpoint) -> Result<Arc<ClientConfig>, TlsError> {
        match &self.trust {
            Some(Trust(tls)) => Ok(Arc::clone(tls)),
            None => tls::client_config(self.ca_file.as_deref(), endpoint.secure),
        }
    }
}

/// Why there is no uplink.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// Address or key are unusable.
    #[error(transparent)]
    Endpoint(#[from] InvalidEndpoint),
    /// No trust in anybody can be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Out of threads or file descriptors.
    #[error("cannot start the upload thread: {0}")]
    System(#[from] std::io::Error),
}

/// How the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// Not wanted.
    Idle,
    /// Under way: looked up, opened, or not yet welcomed.
    Connecting {
        /// Counts from 1 since the last lasting connection.
        attempt: u32,
    },
    /// Welcomed; frames flow.
    Connected,
    /// The last attempt or connection failed.
    Waiting {
        /// When the next attempt begins.
        until: Instant,
    },
}

/// What the supervisor hears.
#[derive(Debug, Clone, PartialEq)]
pub enum UplinkEvent {
    /// The connection's new state and the reason, one line for people.
    State(LinkState, String),
    /// How many watch now.
    Viewers(u32),
    /// What the owner wants, said over the stream.
    Command(Desired),
    /// The service knows numbers of this camera at least as high as ours: nothing is
    /// sent until a new run starts above this one.
    Floor(Segment),
    /// The service does not take the key; the text says why.
    KeyRefused(String),
    /// A check-in was answered.
    CheckedIn(CheckinResponse),
    /// A check-in failed; one line that says what to do.
    CheckinFailed(String),
}

/// Longest that a farewell may take: the frames that wait, `bye`, and closing.
const FAREWELL: Duration = Duration::from_secs(2);

/// The running uplink. Dropping it ends the upload thread without waiting.
#[derive(Debug)]
pub struct Uplink {
    mailbox: Arc<Mailbox>,
    checkin: Checkin,
    heartbeat: Heartbeat,
    thread: Option<JoinHandle<()>>,
    ended: crossbeam_channel::Receiver<()>,
}

impl Uplink {
    /// Starts the upload thread; it connects once [`start`](Self::start) is
    /// called. `events` needs room for a few dozen: an event that finds it full
    /// is logged and lost, because nothing may hold the upload thread up.
    ///
    /// # Errors
    /// [`UplinkError`] when the configuration is unusable.
    pub fn spawn(
        config: UplinkConfig,
        frames: FrameReceiver,
        events: Sender<UplinkEvent>,
    ) -> Result<Self, UplinkError> {
        let endpoint = Arc::new(Endpoint::new(&config)?);
        let tls = config.tls(&endpoint)?;
        let mailbox = Arc::new(Mailbox {
            contents: Mutex::default(),
            waker: Arc::new(Waker::new()?),
        });
        frames.set_waker(Arc::clone(&mailbox.waker));
        let checkin = Checkin::new(
            Arc::clone(&endpoint),
            config.key.clone(),
            Arc::clone(&tls),
            events.clone(),
        );
        let upload =
            upload::Upload::new(config, endpoint, tls, frames, Arc::clone(&mailbox), events);
        let heartbeat = Heartbeat::default();
        let beating = heartbeat.clone();
        let (ending, ended) = crossbeam_channel::bounded(0);
        let thread = std::thread::Builder::new()
            .name("upload".into())
            .spawn(move || {
                upload.run(&beating);
                drop::<Sender<()>>(ending);
            })?;
        Ok(Self {
            mailbox,
            checkin,
            heartbeat,
            thread: Some(thread),
            ended,
        })
    }

    /// Connects, stays connected, and sends what is captured.
    pub fn start(&self) {
        self.mailbox
            .put(|contents| contents.wish = Some(Wish::Stream));
    }

    /// Sends what waits, says `bye`, and stays closed.
    pub fn stop(&self, bye: Bye) {
        self.mailbox
            .put(|contents| contents.wish = Some(Wish::Rest(bye)));
    }

    /// Figures for the next health messages. Age of the queue, dropped frames
    /// and connections are filled in here.
    pub fn report(&self, health: Health) {
        self.mailbox.put(|contents| contents.health = health);
    }

    /// Checks in. The answer comes as [`UplinkEvent::CheckedIn`] or
    /// [`UplinkEvent::CheckinFailed`]. While one check-in is under way the
    /// newest further request waits for it, and replaces any that waited.
    pub fn check_in(&self, request: CheckinRequest) {
        self.checkin.request(request);
    }

    /// Waits until no check-in is under way any more, for so long at most.
    pub fn finish_check_ins(&self, patience: Duration) {
        self.checkin.finish(patience);
    }

    /// Whether what the service says is its own word: whether it was verified.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.checkin.is_secure()
    }

    /// Beats while the upload thread makes progress.
    #[must_use]
    pub const fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    /// As [`stop`](Self::stop), and ends the upload thread, within 3 s.
    pub fn shut_down(mut self, bye: Bye) {
        self.mailbox
            .put(|contents| contents.wish = Some(Wish::End(bye)));
        // Disconnected is what the thread's end looks like.
        let ended = self.ended.recv_timeout(FAREWELL + Duration::from_secs(1));
        if let (Err(crossbeam_channel::RecvTimeoutError::Disconnected), Some(thread)) =
            (ended, self.thread.take())
        {
            let _ = thread.join();
        }
    }
}

impl Drop for Uplink {
    fn drop(&mut self) {
        if self.thread.is_some() {
            let bye = Bye::new(ByeReason::ShutDown, "the camera is shutting down");
            self.mailbox
                .put(|contents| contents.wish = Some(Wish::End(bye)));
        }
    }
}

/// From the supervisor to the upload thread: the newest of each counts.
#[derive(Debug)]
struct Mailbox {
    contents: Mutex<Contents>,
    waker: Arc<Waker>,
}

#[derive(Debug, Default)]
struct Contents {
    wish: Option<Wish>,
    health: Health,
}

/// What the supervisor wants of the connection.
#[derive(Debug)]
enum Wish {
    Stream,
    Rest(Bye),
    End(Bye),
}

impl Mailbox {
    fn put(&self, change: impl FnOnce(&mut Contents)) {
        change(&mut self.contents());
        self.waker.wake();
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
