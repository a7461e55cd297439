//! The clock's place in the daemon: what is heard and kept of the time, and the
//! camera that waits for it. The numbers of a run come from the clock and go into
//! the state file, so that no run may begin by a clock that is only believed.

use std::time::{Duration, UNIX_EPOCH};

use tracing::{debug, info};

use super::Daemon;
use crate::{clock::Word, state_file::EARLIEST_UNIX_S};

impl Daemon {
    /// Opens the camera, once the clock can be trusted.
    pub(super) fn open_camera(&mut self) {
        let Some(parts) = &mut self.parts else { return };
        // In plain text nobody could ever be verified.
        self.camera_waits = parts.uplink.is_secure() && !self.clock.is_trusted();
        if self.camera_waits {
            info!("the camera is opened as soon as the service has told the time");
            return;
        }
        if parts.claim_numbers() {
            self.keep_state();
        }
        if let Some(parts) = &self.parts {
            parts.open_camera();
        }
    }

    /// What the service said of the time when it answered.
    pub(super) fn hear_time(&mut self, service_time_unix_us: i64) {
        let Some(parts) = &mut self.parts else { return };
        let Some(since_1970) = believable(service_time_unix_us) else {
            debug!(service_time_unix_us, "the service has no clock itself");
            return;
        };
        if parts.uplink.is_secure() {
            self.clock.hear(UNIX_EPOCH + since_1970, Word::Verified);
            parts.state_file.keep_time(since_1970.as_secs());
        } else {
            self.clock.hear(UNIX_EPOCH + since_1970, Word::Hearsay);
        }
        if self.camera_waits {
            self.open_camera();
        }
    }
}

/// A service may have no clock itself, and begin in 1970.
fn believable(service_time_unix_us: i64) -> Option<Duration> {
    let since_1970 = Duration::from_micros(u64::try_from(service_time_unix_us).ok()?);
    (since_1970.as_secs() >= EARLIEST_UNIX_S).then_some(since_1970)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_without_a_clock_is_not_believed() {
        for (unix_us, expected) in [
            (i64::MIN, None),
            (-1, None),
            (0, None),
            (1_000_000, None),
            (1_767_225_599_999_999, None),
            (1_767_225_600_000_000, Some(1_767_225_600)),
            (1_790_000_000_500_000, Some(1_790_000_000)),
        ] {
            let seconds = believable(unix_us).map(|since_1970| since_1970.as_secs());
            assert_eq!(seconds, expected, "{unix_us}");
        }
    }
}
