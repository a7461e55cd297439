//! What the service manager hears: ready, how the camera is in plain words, a
//! sign of life, and that it ends. Without `$NOTIFY_SOCKET` nobody listens, and
//! nothing is said.

use std::time::Duration;

use sd_notify::NotifyState;

/// systemd's ear.
#[derive(Debug, Default)]
pub struct ServiceManager {
    status: Option<String>,
    /// Whether the last message failed.
    deaf: bool,
}

impl ServiceManager {
    /// How long it waits for a sign of life before it restarts the daemon.
    #[must_use]
    pub fn patience() -> Option<Duration> {
        sd_notify::watchdog_enabled()
    }

    /// The daemon runs and answers.
    pub fn ready(&mut self) {
        self.say(NotifyState::Ready);
    }

    /// How the camera is, one line; only news is said.
    pub fn status(&mut self, text: &str) {
        if self.status.as_deref() != Some(text) {
            self.say(NotifyState::Status(text));
            self.status = Some(text.into());
        }
    }

    /// Every watched thread makes progress.
    pub fn alive(&mut self) {
        self.say(NotifyState::Watchdog);
    }

    /// The daemon ends as it was asked to.
    pub fn stopping(&mut self) {
        self.say(NotifyState::Stopping);
    }

    fn say(&mut self, message: NotifyState<'_>) {
        let said = sd_notify::notify(&[message]);
        if let Err(error) = &said
            && !self.deaf
        {
            tracing::warn!("the service manager is not reached: {error}");
        }
        self.deaf = said.is_err();
    }
}
