//! What is said to whoever asks at the control socket.

use zerocam_protocol::checkin::DesiredState;

use super::Daemon;
use crate::{
    config,
    control::{Answer, Asked, Request},
    status::Status,
    supervisor::Event,
};

impl Daemon {
    /// Answers a client; its wish is followed first.
    pub(super) fn answer(&mut self, asked: &Asked) {
        let answer = match (asked.request, &self.parts) {
            (Request::Status, _) => Ok(()),
            (_, None) => Err(format!(
                "{}: {}",
                self.supervisor.state().word(),
                self.supervisor.reason()
            )),
            (Request::Start, Some(_)) => {
                self.wish(DesiredState::Started);
                Ok(())
            }
            (Request::Stop, Some(_)) => {
                self.wish(DesiredState::Stopped);
                Ok(())
            }
            (Request::Bitrate { bitrate_bps }, Some(parts)) => {
                if config::BITRATES_BPS.contains(&bitrate_bps) {
                    parts.capture.set_bitrate(bitrate_bps);
                    Ok(())
                } else {
                    let (lowest, highest) = config::BITRATES_BPS.into_inner();
                    Err(format!(
                        "{bitrate_bps} bits per second is out of range; ask for {lowest} to {highest}"
                    ))
                }
            }
        };
        let answer = answer.map_or_else(Answer::Refused, |()| {
            Answer::Status(Box::new(self.status()))
        });
        // The client may be gone.
        let _ = asked.answer.try_send(answer);
    }

    fn wish(&mut self, wish: DesiredState) {
        self.handle(Event::Wish(wish, "from the command line"));
        // What is confirmed survives a power cut.
        self.keep_state();
    }

    pub(super) fn status(&self) -> Status {
        Status {
            state: self.supervisor.state().word().into(),
            reason: self.supervisor.reason().into(),
            desired: self.supervisor.desired().state,
            identity: self.parts.as_ref().map(|parts| parts.identity.clone()),
            service: self.service.clone(),
            video: self.video.clone(),
            viewers: self.viewers,
            health: self.health.clone(),
            problems: [self.front.problems(), self.care.problems().collect()].concat(),
            software: crate::SOFTWARE.into(),
        }
    }
}
