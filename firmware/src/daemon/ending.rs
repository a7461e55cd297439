//! How the camera ends what it does: each step has a deadline.

use std::{thread, time::Duration};

use crossbeam_channel::bounded;
use tracing::warn;
use zerocam_protocol::message::{Bye, Health};

use super::{Daemon, DaemonError, EVENTS};
use crate::{
    privileged::{self, Word},
    telemetry::BitrateMeter,
};

/// Pause before the helper is asked once more.
const SECOND_TRY: Duration = Duration::from_secs(1);

impl Daemon {
    /// Ends everything that the configuration was for, the LED alive meanwhile.
    pub(super) fn release(&mut self, bye: Bye, checking_in: bool) {
        let Some(parts) = self.parts.take() else {
            return;
        };
        let gauges = parts.capture.gauges().clone();
        // On an open stream, the farewell says all.
        let checking_in = checking_in && !self.link_up;
        let ended = self.meanwhile(
            "ending",
            move || gauges.filming(),
            move || parts.end(bye, checking_in),
        );
        if let Err(error) = ended {
            warn!("no farewell: the system has no more threads: {error}");
        }
        // What the old threads had to say is over.
        self.camera_waits = false;
        self.capture_events = bounded(EVENTS);
        self.uplink_events = bounded(EVENTS);
        self.bitrate_meter = BitrateMeter::default();
        self.health = Health::default();
        self.link_up = false;
        self.service = None;
        self.video = None;
        self.viewers = 0;
    }

    /// Lets the system switch itself off. Whoever waits for the light to stay dark
    /// has nobody else to ask: the helper may just be busy.
    pub(super) fn switch_off(&mut self) -> Result<(), DaemonError> {
        let helper = self.places.privileged_socket.clone();
        let asked = self.meanwhile(
            "power-off",
            || false,
            move || {
                privileged::ask(&helper, &Word::PowerOff).or_else(|error| {
                    warn!("{error}");
                    thread::sleep(SECOND_TRY);
                    privileged::ask(&helper, &Word::PowerOff)
                })
            },
        );
        let (asked, _) = asked?;
        Ok(asked?)
    }
}
