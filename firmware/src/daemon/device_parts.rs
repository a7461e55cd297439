//! Everything that needs a configuration: the state file, the capture thread
//! and the uplink, started together.

use std::{
    io,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crossbeam_channel::Sender;
use zerocam_protocol::{
    Segment,
    checkin::{CheckinRequest, DesiredState},
    limits::MAX_TEXT_CHARS,
    message::{Bye, Health},
};

use crate::{
    capture::{Capture, CaptureEvent},
    clock::{Clock, Word},
    config::{CameraSettings, Settings},
    device,
    state_file::StateFile,
    status::Identity,
    supervisor::{Event, Supervisor},
    uplink::{QueueLimits, Uplink, UplinkConfig, UplinkError, UplinkEvent, queue},
    watchdog::Beats,
};

/// How long the end waits for the last check-in.
const LAST_CHECKIN: Duration = Duration::from_secs(2);

pub(super) struct DeviceParts {
    pub(super) identity: Identity,
    pub(super) state_file: StateFile,
    pub(super) capture: Capture,
    pub(super) uplink: Uplink,
    /// Whether the camera's driver is a kernel module that can be loaded anew.
    pub(super) camera_has_module: bool,
    /// With which number this process began.
    first_number: Option<Segment>,
}

impl DeviceParts {
    /// Starts the threads, with the camera closed and nothing connected;
    /// returns what the camera should do, too, as an event.
    pub(super) fn start(
        settings: Settings,
        clock: &mut Clock,
        capture_events: Sender<CaptureEvent>,
        uplink_events: Sender<UplinkEvent>,
    ) -> Result<(Self, Event), StartError> {
        let mut state_file = StateFile::open(&settings.state_dir);
        if let Some(unix_s) = state_file.time_unix_s() {
            clock.hear(UNIX_EPOCH + Duration::from_secs(unix_s), Word::Hearsay);
        }
        let mut desired = state_file.desired();
        let on_boot = settings.start_on_boot && desired.state == DesiredState::Stopped;
        if on_boot {
            desired = desired.superseded_by(DesiredState::Started);
            state_file.set_desired(desired);
        }
        let device = (settings.device_id)
            .or_else(|| device::board_serial(Path::new("/")))
            .unwrap_or_else(|| state_file.device(device::random));
        let identity = Identity {
            camera: settings.camera_name,
            device: device.clone(),
            url: settings.uplink.url.clone(),
        };
        let (frames, queued) = queue(QueueLimits::default());
        let uplink = UplinkConfig {
            device,
            ..settings.uplink
        };
        let uplink = Uplink::spawn(uplink, queued, uplink_events)?;
        let camera_has_module = matches!(settings.camera, CameraSettings::V4l2 { .. });
        let capture = Capture::spawn(settings.camera, settings.encoder, frames, capture_events)?;
        state_file.begin(device::boot(Path::new("/")).as_deref());
        let parts = Self {
            identity,
            state_file,
            capture,
            uplink,
            camera_has_module,
            first_number: None,
        };
        Ok((parts, Event::Configured { desired, on_boot }))
    }

    /// Claims the process's numbers, which the state file has to keep before the
    /// camera is opened; whether that was still to do. Not before it is needed: by
    /// then the clock has been set.
    pub(super) fn claim_numbers(&mut self) -> bool {
        let claims = self.first_number.is_none();
        if claims {
            let unix = SystemTime::now().duration_since(UNIX_EPOCH);
            let unix_s = unix.unwrap_or_default().as_secs();
            self.first_number = Some(self.state_file.claim_first_number(unix_s));
        }
        claims
    }

    /// Opens the camera, once the numbers are claimed.
    pub(super) fn open_camera(&self) {
        if let Some(first) = self.first_number {
            self.capture.open(first);
        }
    }

    /// The threads to watch.
    pub(super) fn beats(&self) -> [Beats; 2] {
        [
            ("capture", self.capture.gauges().heartbeat.count()),
            ("upload", self.uplink.heartbeat().count()),
        ]
    }

    /// Ends all threads, each within its deadline; `checking_in`, after the last
    /// check-in.
    pub(super) fn end(self, bye: Bye, checking_in: bool) {
        self.capture.shut_down();
        if checking_in {
            self.uplink.finish_check_ins(LAST_CHECKIN);
        }
        self.uplink.shut_down(bye);
        self.state_file.end();
    }

    /// Tells the service how the camera is and why.
    pub(super) fn check_in(&mut self, supervisor: &Supervisor, health: Health) {
        let Some(state) = supervisor.state().for_service() else {
            return;
        };
        self.uplink.check_in(CheckinRequest {
            device: self.identity.device.clone(),
            state,
            reason: supervisor.reason().chars().take(MAX_TEXT_CHARS).collect(),
            desired: supervisor.desired(),
            health,
            black_box: self.state_file.unreported(),
        });
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error(transparent)]
    Uplink(#[from] UplinkError),
    #[error("cannot start the capture thread: {0}")]
    Capture(#[from] io::Error),
}
