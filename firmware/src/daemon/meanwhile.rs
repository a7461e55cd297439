//! What takes seconds on a Pi: it is done in a thread of its own, with light and
//! watchdog alive meanwhile. What the button says in that time is lost.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use tracing::warn;

use super::Daemon;
use crate::{gpio::panel::POLL_EVERY, led::Scene};

/// Nothing is worth waiting for any longer: from then on the watchdog starves.
const LONGEST: Duration = Duration::from_secs(90);

impl Daemon {
    /// Does `work`, and polls the panel until it is done.
    pub(super) fn meanwhile<T: Send + 'static>(
        &mut self,
        name: &str,
        filming: impl Fn() -> bool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let working = thread::Builder::new().name(name.into()).spawn(work)?;
        let begin = Instant::now();
        while !working.is_finished() {
            let now = Instant::now();
            let scene = Scene {
                filming: filming(),
                ..self.scene()
            };
            let _ = self.front.poll(scene, now);
            if now.duration_since(begin) < LONGEST {
                let _ = self.front.look_after(&[], now);
            }
            thread::sleep(POLL_EVERY);
        }
        working.join().map_err(|_| io::Error::other("it panicked"))
    }

    /// Waits until the card has all that has changed, the light alive meanwhile.
    pub(super) fn keep_state(&mut self) {
        let Some(parts) = &mut self.parts else { return };
        let gauges = parts.capture.gauges().clone();
        let writer = parts.state_file.store();
        if writer.is_idle() {
            return;
        }
        let waited = self.meanwhile("keeping", move || gauges.filming(), move || writer.finish());
        if let Err(error) = waited {
            warn!("the system has no more threads: {error}");
            if let Some(parts) = &mut self.parts {
                parts.state_file.keep();
            }
        }
    }
}
