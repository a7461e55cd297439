//! The capture thread: owns the camera, numbers its pictures and offers them to
//! the uplink's queue.
//!
//! It never waits for the network, and looks for commands at least every
//! 100 ms. A camera that fails, or gives nothing that can be decoded for 10 s
//! beyond its keyframe interval, is closed and opened anew with growing pauses. It
//! leaves out whether to capture (the supervisor says so) and what becomes of a
//! picture (the queue).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use tracing::{info, warn};
use zerocam_protocol::{
    AccessUnit, Header, Segment,
    h264::{InvalidSps, ParameterSets},
    limits::MAX_PICTURE_SIDE,
};

use crate::{
    backoff::Backoff,
    camera::{self, BitrateChange, Camera, CameraError, Picture},
    config::{CameraSettings, EncoderSettings},
    heartbeat::Heartbeat,
    timeline::{Encoding, Place, Timeline},
    uplink::{CapturedFrame, FrameSender, Offer, RunInfo},
};

/// Longest wait in the camera before commands are looked at.
const PATIENCE: Duration = Duration::from_millis(100);

/// A camera that gives nothing decodable for so long, beyond its keyframe interval,
/// is taken for dead.
const PICTURE_DEADLINE: Duration = Duration::from_secs(10);

/// Pauses before a failed camera is opened anew.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A camera that ran for so long is well again.
const RECOVERED_AFTER: Duration = Duration::from_secs(30);

/// How long the thread may take to end: one patience and closing the camera.
const END_DEADLINE: Duration = Duration::from_secs(3);

/// The running capture thread.
#[derive(Debug)]
pub struct Capture {
    commands: Sender<Command>,
    gauges: Gauges,
    thread: JoinHandle<()>,
    ended: Receiver<()>,
}

/// What can be read of the thread at any time. Clones read the same.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    captured_bytes: Arc<AtomicUsize>,
    dropped_frames: Arc<AtomicUsize>,
    filming: Arc<AtomicBool>,
    /// Beats while the thread makes progress.
    pub heartbeat: Heartbeat,
}

impl Gauges {
    /// Bytes of pictures captured, counting on from `usize::MAX` to 0.
    #[must_use]
    pub fn captured_bytes(&self) -> usize {
        self.captured_bytes.load(Ordering::Relaxed)
    }

    /// Pictures that found no room on their way to the upload thread, counting on
    /// from `usize::MAX` to 0.
    #[must_use]
    pub fn dropped_frames(&self) -> usize {
        self.dropped_frames.load(Ordering::Relaxed)
    }

    /// Whether frames may leave the sensor: from before the camera is opened
    /// until after it is closed, whatever the reason.
    #[must_use]
    pub fn filming(&self) -> bool {
        self.filming.load(Ordering::Relaxed)
    }
}

/// What the supervisor hears.
#[derive(Debug, Clone, PartialEq)]
pub enum CaptureEvent {
    /// Pictures flow; a run began.
    Running(Arc<RunInfo>),
    /// A segment began.
    Segment(Segment),
    /// The camera failed; it is opened anew after a pause. One line for people.
    Fault(String),
}

#[derive(Debug)]
enum Command {
    Open { first: Segment },
    Close,
    RaiseFloor(Segment),
    SetBitrate { bitrate_bps: u32 },
    StandAside(Standing),
}

/// The capture thread's end of an [`Aside`].
#[derive(Debug)]
struct Standing {
    over: Receiver<()>,
    /// Dropped once the camera is closed.
    closed: Sender<()>,
}

/// While it lives, the camera is closed for somebody else. What is asked of the
/// capture thread meanwhile counts as ever, as soon as it is over.
#[derive(Debug)]
pub struct Aside {
    /// Dropped when it is over.
    _over: Sender<()>,
    closed: Receiver<()>,
}

impl Aside {
    /// Waits until the camera is closed, 3 s at most.
    pub fn wait(&self) {
        // Disconnected is what it looks like.
        let _ = self.closed.recv_timeout(END_DEADLINE);
    }
}

impl Capture {
    /// Starts the thread with the camera closed. `events` needs room for a few
    /// dozen: what finds it full is lost.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub fn spawn(
        camera: CameraSettings,
        encoder: EncoderSettings,
        frames: FrameSender,
        events: Sender<CaptureEvent>,
    ) -> std::io::Result<Self> {
        let (commands, incoming) = crossbeam_channel::bounded(16);
        let (ending, ended) = crossbeam_channel::bounded(0);
        let gauges = Gauges::default();
        let worker = Worker {
            camera,
            encoder,
            timeline: None,
            run: None,
            frames,
            events,
            gauges: gauges.clone(),
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, fastrand::Rng::new()),
        };
        let thread = thread::Builder::new()
            .name("capture".into())
            .spawn(move || {
                let filming = Arc::clone(&worker.gauges.filming);
                worker.work(&incoming);
                filming.store(false, Ordering::Relaxed);
                drop::<Sender<()>>(ending);
            })?;
        Ok(Self {
            commands,
            gauges,
            thread,
            ended,
        })
    }

    /// Opens the camera and keeps it open. The process's numbers begin with
    /// `first`.
    pub fn open(&self, first: Segment) {
        self.say(Command::Open { first });
    }

    /// Closes the camera.
    pub fn close(&self) {
        self.say(Command::Close);
    }

    /// Numbers up to `floor` are taken by somebody else.
    pub fn raise_floor(&self, floor: Segment) {
        self.say(Command::RaiseFloor(floor));
    }

    /// Aims at another bitrate from now on, if the camera can: at once, or by
    /// opening it anew.
    pub fn set_bitrate(&self, bitrate_bps: u32) {
        self.say(Command::SetBitrate { bitrate_bps });
    }

    /// Closes the camera for as long as the answer lives.
    #[must_use]
    pub fn stand_aside(&self) -> Aside {
        let (over_sender, over) = crossbeam_channel::bounded(0);
        let (closed, closed_receiver) = crossbeam_channel::bounded(0);
        self.say(Command::StandAside(Standing { over, closed }));
        Aside {
            _over: over_sender,
            closed: closed_receiver,
        }
    }

    /// What can be read of the thread, also while it ends.
    #[must_use]
    pub const fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// Closes the camera and ends the thread, within 3 s.
    pub fn shut_down(self) {
        drop(self.commands);
        // Disconnected is what the thread's end looks like.
        if self.ended.recv_timeout(END_DEADLINE) == Err(RecvTimeoutError::Disconnected) {
            let _ = self.thread.join();
        }
    }

    fn say(&self, command: Command) {
        if let Err(error) = self.commands.send_timeout(command, END_DEADLINE) {
            warn!(%error, "the capture thread does not listen");
        }
    }
}

/// The thread's own state.
struct Worker {
    camera: CameraSettings,
    encoder: EncoderSettings,
    timeline: Option<Timeline>,
    run: Option<Arc<RunInfo>>,
    frames: FrameSender,
    events: Sender<CaptureEvent>,
    gauges: Gauges,
    backoff: Backoff,
}

/// What becomes of the camera.
enum Phase {
    Closed,
    Opening,
    Open {
        camera: Box<dyn Camera>,
        opened: Instant,
        last_picture: Instant,
    },
    Waiting {
        until: Instant,
    },
    Aside {
        over: Receiver<()>,
        /// Whether the camera is wanted again then.
        reopen: bool,
    },
}

impl Worker {
    /// Runs until the commands' sender is dropped.
    fn work(mut self, commands: &Receiver<Command>) {
        let mut phase = Phase::Closed;
        loop {
            self.gauges.heartbeat.beat();
            let next_beat = Instant::now() + Heartbeat::INTERVAL;
            let command = match &phase {
                Phase::Closed => wait(commands, next_beat),
                Phase::Aside { .. } => wait(commands, Instant::now() + PATIENCE),
                Phase::Waiting { until } => wait(commands, next_beat.min(*until)),
                Phase::Opening | Phase::Open { .. } => commands.try_recv(),
            };
            phase = match command {
                Ok(command) => self.obey(command, phase),
                Err(TryRecvError::Empty) => self.advance(phase),
                Err(TryRecvError::Disconnected) => return,
            };
            let filming = matches!(phase, Phase::Open { .. });
            self.gauges.filming.store(filming, Ordering::Relaxed);
        }
    }

    fn obey(&mut self, command: Command, phase: Phase) -> Phase {
        match (command, phase) {
            (Command::Open { first }, phase) => {
                self.timeline.get_or_insert(Timeline::new(first));
                match phase {
                    Phase::Closed | Phase::Waiting { .. } => {
                        self.backoff.succeed();
                        Phase::Opening
                    }
                    Phase::Aside { over, .. } => Phase::Aside { over, reopen: true },
                    Phase::Opening | Phase::Open { .. } => phase,
                }
            }
            (Command::Close, Phase::Aside { over, .. }) => Phase::Aside {
                over,
                reopen: false,
            },
            (Command::Close, _) => Phase::Closed,
            (Command::RaiseFloor(floor), phase) => {
                if let Some(timeline) = &mut self.timeline {
                    timeline.raise_floor(floor);
                }
                phase
            }
            (Command::SetBitrate { bitrate_bps }, phase) => self.set_bitrate(bitrate_bps, phase),
            (Command::StandAside(Standing { over, closed }), phase) => {
                let reopen = !matches!(phase, Phase::Closed | Phase::Aside { reopen: false, .. });
                drop(phase);
                self.gauges.filming.store(false, Ordering::Relaxed);
                drop(closed);
                Phase::Aside { over, reopen }
            }
        }
    }

    fn advance(&mut self, phase: Phase) -> Phase {
        let next = match phase {
            Phase::Closed => Ok(Phase::Closed),
            Phase::Waiting { until } if Instant::now() < until => Ok(Phase::Waiting { until }),
            Phase::Aside { over, reopen } if over.try_recv() == Err(TryRecvError::Empty) => {
                Ok(Phase::Aside { over, reopen })
            }
            Phase::Aside { reopen: true, .. } => Ok(Phase::Opening),
            Phase::Aside { reopen: false, .. } => Ok(Phase::Closed),
            Phase::Waiting { .. } | Phase::Opening => self.open(),
            Phase::Open {
                camera,
                opened,
                last_picture,
            } => self.capture(camera, opened, last_picture),
        };
        next.unwrap_or_else(|fault| {
            let pause = self.backoff.fail();
            self.tell(CaptureEvent::Fault(fault.to_string()));
            Phase::Waiting {
                until: Instant::now() + pause,
            }
        })
    }

    fn set_bitrate(&mut self, bitrate_bps: u32, mut phase: Phase) -> Phase {
        self.encoder.bitrate_bps = bitrate_bps;
        let Phase::Open { camera, .. } = &mut phase else {
            return phase;
        };
        match camera.set_bitrate(bitrate_bps) {
            BitrateChange::Done => info!(bitrate_bps, "the bitrate was changed"),
            BitrateChange::NeedsReopening => {
                info!(bitrate_bps, "the camera is opened anew for its new bitrate");
                return Phase::Opening;
            }
            BitrateChange::Impossible => warn!("this camera cannot change its bitrate"),
        }
        phase
    }

    fn open(&mut self) -> Result<Phase, Fault> {
        self.gauges.filming.store(true, Ordering::Relaxed);
        let camera = camera::open(&self.camera, &self.encoder)?;
        if let Some(timeline) = &mut self.timeline {
            timeline.reopen();
        }
        let now = Instant::now();
        Ok(Phase::Open {
            camera,
            opened: now,
            last_picture: now,
        })
    }

    fn capture(
        &mut self,
        mut camera: Box<dyn Camera>,
        opened: Instant,
        mut last_picture: Instant,
    ) -> Result<Phase, Fault> {
        let pace = camera.pace();
        if let Some(picture) = camera.next_picture(PATIENCE)? {
            let sets = if picture.keyframe {
                ParameterSets::find(picture.parameter_sets)
                    .or_else(|| ParameterSets::find(picture.bytes))
            } else {
                None
            };
            let encoding = sets.map(|parameter_sets| Encoding {
                parameter_sets,
                frame_rate_hz: pace.frame_rate_hz,
                keyframe_interval: pace.keyframe_interval,
            });
            if self.take(&picture, encoding.as_ref())? {
                last_picture = Instant::now();
            }
            if last_picture.duration_since(opened) > RECOVERED_AFTER {
                self.backoff.succeed();
            }
        }
        // A keyframe may have to come first.
        let deadline = PICTURE_DEADLINE + pace.keyframe_interval;
        if last_picture.elapsed() > deadline {
            return Err(Fault::NoPicture(deadline));
        }
        Ok(Phase::Open {
            camera,
            opened,
            last_picture,
        })
    }

    /// Numbers a picture and offers it; whether it got a place, which is also
    /// whether anybody could decode it.
    fn take(&mut self, picture: &Picture<'_>, keyframe: Option<&Encoding>) -> Result<bool, Fault> {
        let Some(timeline) = &mut self.timeline else {
            return Ok(false);
        };
        let header = match timeline.place(picture.captured, keyframe) {
            Place::NeedsKeyframe => return Ok(false),
            Place::Continues(header) => header,
            Place::Begins {
                header,
                target_duration_s,
                reason,
            } => {
                let encoding = keyframe.expect("only a keyframe begins a run");
                let run = run_info(header, target_duration_s, picture.captured, encoding)?;
                info!(run = %run.run, codec = run.codec, width = run.width, height = run.height,
                    frame_rate_hz = run.frame_rate_hz, "a new run: {reason}");
                let run = Arc::new(run);
                self.run = Some(Arc::clone(&run));
                self.tell(CaptureEvent::Running(run));
                header
            }
        };
        let Some(run) = &self.run else {
            return Ok(false);
        };
        let unit = AccessUnit::new(header, &[picture.parameter_sets, picture.bytes]);
        let payload_bytes = unit.payload().len();
        (self.gauges.captured_bytes).fetch_add(payload_bytes, Ordering::Relaxed);
        let offer = self.frames.offer(CapturedFrame {
            unit,
            run: Arc::clone(run),
            captured: picture.captured,
        });
        // It shows as a hole.
        if offer == Offer::Dropped {
            (self.gauges.dropped_frames).fetch_add(1, Ordering::Relaxed);
        }
        if header.flags.starts_segment {
            self.tell(CaptureEvent::Segment(header.segment));
        }
        Ok(true)
    }

    fn tell(&self, event: CaptureEvent) {
        if let Err(error) = self.events.try_send(event) {
            warn!(%error, "the supervisor does not listen to the capture thread");
        }
    }
}

/// Waits for a command until `deadline`.
fn wait(commands: &Receiver<Command>, deadline: Instant) -> Result<Command, TryRecvError> {
    commands
        .recv_deadline(deadline)
        .map_err(|error| match error {
            RecvTimeoutError::Timeout => TryRecvError::Empty,
            RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
        })
}

fn run_info(
    header: Header,
    target_duration_s: u32,
    started: Instant,
    encoding: &Encoding,
) -> Result<RunInfo, Fault> {
    let format = encoding.parameter_sets.video_format()?;
    let (width, height) = (format.width, format.height);
    if width.max(height) > MAX_PICTURE_SIDE {
        return Err(Fault::PictureTooLarge { width, height });
    }
    Ok(RunInfo {
        run: header.run,
        first_segment: header.segment,
        started,
        codec: format.codec,
        width,
        height,
        frame_rate_hz: encoding.frame_rate_hz,
        target_duration_s,
    })
}

/// Why the camera is closed and opened anew.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Camera(#[from] CameraError),
    #[error("the camera gave no usable picture for {:.0} s", .0.as_secs_f64())]
    NoPicture(Duration),
    #[error("{0}")]
    Sps(#[from] InvalidSps),
    #[error("a picture of {width}x{height}: at most {MAX_PICTURE_SIDE} a side can be sent")]
    PictureTooLarge { width: u32, height: u32 },
}

#[cfg(test)]
mod tests;
