//! The clock's place in the daemon: what is heard and kept of the time, and the
//! camera that waits for it. The numbers of a run come from the clock and go into
//! the state file, so that no run may begin by a clock that is only believed.

use std::time::{Duration, UNIX_EPOCH};

use tracing::info;

use super::Daemon;
use crate::clock::Word;

impl Daemon {
    /// Opens the camera, once the clock can be trusted.
    pub(super) fn open_camera(&mut self) {
        let Some(parts) = &mut self.parts else { return };
        // In plain text nobody could ever be verified.
        self.camera_waits = parts.uplink.is_secure() && !self.clock.is_trusted();
        if self.camera_waits {
            info!("the camera is opened as soon as the service has told the time");
        } else {
            parts.open_camera();
        }
    }

    /// What the service said of the time when it answered.
    pub(super) fn hear_time(&mut self, service_time_unix_us: i64) {
        let Some(parts) = &mut self.parts else { return };
        let unix_us = u64::try_from(service_time_unix_us).unwrap_or(0);
        let since_1970 = Duration::from_micros(unix_us);
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
