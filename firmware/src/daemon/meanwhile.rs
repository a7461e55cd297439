//! What takes seconds on a Pi: it is done in a thread of its own, with light and
//! watchdog alive meanwhile.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use tracing::warn;

use super::Daemon;
use crate::{button::Gesture, gpio::panel::POLL_EVERY, led::Scene};

/// Nothing is worth waiting for any longer: from then on the watchdog starves.
const LONGEST: Duration = Duration::from_secs(90);

impl Daemon {
    /// Does `work`, and polls the panel until it is done. Gives what came of it,
    /// and what the button said last in that time.
    pub(super) fn meanwhile<T: Send + 'static>(
        &mut self,
        name: &str,
        filming: impl Fn() -> bool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<(T, Option<Gesture>)> {
        let working = thread::Builder::new().name(name.into()).spawn(work)?;
        let begin = Instant::now();
        let mut gesture = None;
        while !working.is_finished() {
            let now = Instant::now();
            let scene = Scene {
                filming: filming(),
                ..self.scene()
            };
            gesture = self.front.poll(scene, now).or(gesture);
            if now.duration_since(begin) < LONGEST {
                let _ = self.front.look_after(&[], now);
            }
            thread::sleep(POLL_EVERY);
        }
        let done = working.join().map_err(|_| io::Error::other("it panicked"));
        Ok((done?, gesture))
    }

    /// Waits until the card has all that has changed, light and button alive
    /// meanwhile: a slow card must not swallow a stop.
    pub(super) fn keep_state(&mut self) {
        let Some(parts) = &mut self.parts else { return };
        let gauges = parts.capture.gauges().clone();
        let writer = parts.state_file.store();
        if writer.is_idle() {
            return;
        }
        let waited = self.meanwhile("keeping", move || gauges.filming(), move || writer.finish());
        match waited {
            Ok(((), gesture)) => self.pending_gesture = gesture.or(self.pending_gesture),
            Err(error) => {
                warn!("the system has no more threads: {error}");
                if let Some(parts) = &mut self.parts {
                    parts.state_file.keep();
                }
            }
        }
    }
}
