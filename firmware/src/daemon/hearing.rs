//! What the capture thread and the uplink say, as events for the supervisor; what
//! they say in passing is kept for those who ask.

use tracing::warn;
use zerocam_protocol::checkin::DesiredState;

use super::Daemon;
use crate::{
    capture::CaptureEvent,
    status::{ServiceStatus, Video},
    supervisor::Event,
    uplink::{LinkState, UplinkEvent},
};

impl Daemon {
    pub(super) fn captured(&mut self, event: CaptureEvent) -> Option<Event> {
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

    pub(super) fn uplinked(&mut self, event: UplinkEvent) -> Option<Event> {
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
                }
                self.keep_state();
                if let Some(parts) = &self.parts {
                    parts.capture.raise_floor(floor);
                }
                None
            }
            UplinkEvent::Command(desired) => Some(Event::ServiceWish(desired)),
            UplinkEvent::CheckedIn(answer) => {
                self.checked_in(true, "it answered the last check-in".into());
                self.hear_time(answer.service_time_unix_us);
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
}
