//! The task of one camera: carries out what the packager decides, keeps the
//! window, and lets the camera wait while the path is full.
//!
//! It takes no commands while a flush is under way, so that runs never mix.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use tokio::sync::{mpsc, oneshot, watch};
use zerocam_protocol::{AccessUnit, CameraName, Segment};

use super::{
    MediaConfig, Rejected, RunFormat, Spawner, Window,
    ffmpeg::{Child, ChildEvent, FfmpegError},
    intake::{Intake, Unit, Verdict},
    packager::{Action, Event, Failure, Packager},
    window::LiveWindow,
};

/// What the task is asked.
#[derive(Debug)]
pub(super) enum Command {
    Begin(RunFormat, oneshot::Sender<()>),
    Push(AccessUnit, i64, oneshot::Sender<Result<(), Rejected>>),
    Flush(oneshot::Sender<()>),
    MoveAway(oneshot::Sender<()>),
}

/// What waits for a flush to end.
#[derive(Debug)]
struct AfterFlush {
    begin: Option<RunFormat>,
    reply: oneshot::Sender<()>,
}

/// Wakes the readers of the window.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    frames: watch::Sender<Arc<Window>>,
    files: watch::Sender<Arc<Window>>,
}

impl Publisher {
    /// Readers that see every change.
    pub(super) fn frames(&self) -> watch::Receiver<Arc<Window>> {
        self.frames.subscribe()
    }

    /// Readers that see every change but frames that complete no part.
    pub(super) fn files(&self) -> watch::Receiver<Arc<Window>> {
        self.files.subscribe()
    }

    fn show(&self, window: Arc<Window>) {
        let before = self.frames.send_replace(window.clone());
        let is_mere_frame = window.newest() != before.newest() && window.files() == before.files();
        if !is_mere_frame {
            self.files.send_replace(window);
        }
    }
}

#[derive(Debug)]
pub(super) struct Session {
    camera: CameraName,
    config: MediaConfig,
    spawner: Spawner,
    publisher: Publisher,
    window: LiveWindow,
    /// The current run.
    intake: Option<Intake>,
    /// From the run's first keyframe on.
    packager: Option<Packager>,
    child: Option<Child>,
    after_flush: Option<AfterFlush>,
    /// The camera sends to another instance since its last unit here.
    moved_away: bool,
}

impl Session {
    pub(super) fn new(
        camera: CameraName,
        config: MediaConfig,
        spawner: Spawner,
        publisher: Publisher,
    ) -> Self {
        Self {
            camera,
            window: LiveWindow::new(config.window),
            config,
            spawner,
            publisher,
            intake: None,
            packager: None,
            child: None,
            after_flush: None,
            moved_away: false,
        }
    }

    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let takes_commands =
                self.after_flush.is_none() && self.packager.as_ref().is_none_or(Packager::has_room);
            let deadline = self.next_deadline();
            tokio::select! {
                // What the child has written is read before it is judged for
                // standing still, however late both are noticed. It writes only
                // what it was given, so nobody waits for ever.
                biased;
                event = next_event(&mut self.child), if self.child.is_some() => match event {
                    ChildEvent::Output(output) => self.supervise(Event::Output(&output)).await,
                    ChildEvent::Exited(how) => {
                        self.child = None;
                        self.supervise(Event::Exited(how)).await;
                    }
                },
                () = sleep_until(deadline), if deadline.is_some() => {
                    self.window.forget(Instant::now());
                    self.supervise(Event::Deadline).await;
                }
                command = commands.recv(), if takes_commands => match command {
                    Some(command) => self.obey(command).await,
                    None => break,
                },
            }
            self.show();
        }
    }

    /// Gives readers what has changed. Comes before every reply, so that who
    /// asked sees the effect.
    fn show(&mut self) {
        let pid = self.child.as_ref().and_then(Child::pid);
        self.window.set_child(pid);
        if self.moved_away {
            self.window.set_over();
        }
        if let Some(window) = self.window.take_changes() {
            self.publisher.show(window);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let packager = self.packager.as_ref().and_then(Packager::next_deadline);
        [packager, self.window.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    async fn obey(&mut self, command: Command) {
        // Whoever asked may have gone meanwhile: replies may fail.
        match command {
            Command::Push(unit, date_unix_us, reply) => {
                let result = self.push(&unit, date_unix_us).await;
                self.show();
                let _ = reply.send(result);
            }
            Command::MoveAway(reply) => {
                self.moved_away = true;
                self.show();
                let _ = reply.send(());
            }
            Command::Flush(reply) => self.flush(AfterFlush { begin: None, reply }).await,
            Command::Begin(format, reply) => {
                let current = self.intake.as_ref().map(|intake| intake.format().run);
                if current.is_some_and(|current| format.run <= current) {
                    let _ = reply.send(());
                    return;
                }
                let begin = Some(format);
                self.flush(AfterFlush { begin, reply }).await;
            }
        }
    }

    async fn push(&mut self, unit: &AccessUnit, date_unix_us: i64) -> Result<(), Rejected> {
        let Some(intake) = &mut self.intake else {
            let header = unit.header();
            return Err(Rejected::UnknownRun {
                frame: header.frame,
                run: header.run,
            });
        };
        let verdict = intake.admit(unit, date_unix_us)?;
        self.moved_away = false;
        self.window.raise_floor(intake.floor());
        match verdict {
            Verdict::Late => {}
            Verdict::Undecodable => self.drop_units(1),
            Verdict::Take(unit) => self.take(unit).await,
        }
        Ok(())
    }

    async fn take(&mut self, unit: Unit) {
        if self.packager.is_none()
            && let Some(intake) = &self.intake
            && let Some(sets) = intake.parameter_sets()
        {
            self.packager = Some(Packager::new(intake.format().clone(), sets.clone()));
        }
        self.supervise(Event::Unit(unit)).await;
    }

    async fn flush(&mut self, after: AfterFlush) {
        self.after_flush = Some(after);
        if self.packager.is_some() {
            self.supervise(Event::Flush).await;
        } else {
            self.flushed();
        }
    }

    fn flushed(&mut self) {
        let now = Instant::now();
        self.window.end_segment(now);
        let Some(AfterFlush { begin, reply }) = self.after_flush.take() else {
            return;
        };
        if let Some(format) = begin {
            let floor = self.floor();
            tracing::info!(
                camera = %self.camera, run = %format.run, codec = format.codec,
                width = format.width, height = format.height, frame_rate_hz = format.frame_rate_hz,
                "run begins"
            );
            self.window.begin_run(format.clone(), now);
            self.packager = None;
            self.intake = Some(Intake::new(format, floor, self.config.window.bytes));
        } else {
            self.window.set_over();
        }
        self.show();
        let _ = reply.send(());
    }

    fn floor(&self) -> Segment {
        self.intake.as_ref().map_or(Segment(0), Intake::floor)
    }

    /// Tells the packager what happened and does what it says.
    async fn supervise(&mut self, event: Event<'_>) {
        let Some(packager) = &mut self.packager else {
            return;
        };
        let mut actions = VecDeque::from(packager.handle(event, Instant::now()));
        while let Some(action) = actions.pop_front() {
            if let Err(error) = self.act(action).await
                && let Some(packager) = &mut self.packager
            {
                // The rest was meant for the child that does not exist.
                let event = Event::SpawnFailed(error.to_string());
                actions = packager.handle(event, Instant::now()).into();
            }
        }
    }

    async fn act(&mut self, action: Action) -> Result<(), FfmpegError> {
        let now = Instant::now();
        match action {
            Action::Spawn => {
                self.window.count(|counters| counters.children_started += 1);
                self.child = Some(self.spawner.spawn(&self.config.ffmpeg).await?);
            }
            Action::Feed(input) => {
                if let Some(child) = &mut self.child {
                    child.feed(input);
                }
            }
            Action::CloseInput => {
                if let Some(child) = &mut self.child {
                    child.close_input();
                }
            }
            Action::Kill => {
                if let Some(child) = self.child.take() {
                    child.kill();
                }
            }
            Action::PublishInit(init) => self.window.set_init(init),
            Action::Publish(frame) => self.window.publish(frame, now),
            Action::Drop { units } => self.drop_units(units),
            Action::Report(failure) => self.report(&failure),
            Action::Flushed => self.flushed(),
        }
        Ok(())
    }

    fn drop_units(&mut self, units: usize) {
        self.window
            .count(|counters| counters.units_dropped += units as u64);
    }

    fn report(&mut self, failure: &Failure) {
        self.window.count(|counters| counters.children_failed += 1);
        self.window.set_fault(&failure.reason);
        let Failure {
            reason,
            in_a_row,
            gives_up,
        } = failure;
        // A missing ffmpeg must not fill the log.
        if *in_a_row <= 3 || in_a_row.is_power_of_two() {
            let gap = gives_up.map(|segment| segment.0);
            tracing::warn!(camera = %self.camera, reason, in_a_row, gap, "ffmpeg failed, it is replaced");
        }
    }
}

async fn next_event(child: &mut Option<Child>) -> ChildEvent {
    match child {
        Some(child) => child.next().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
