//! Reads what the kernel tells of the device, in a thread of its own.
//!
//! A Wi-Fi driver whose radio hangs holds up whoever asks for the signal, for
//! seconds or for good. Button and light must not wait with it, and the remedies
//! are for this very fault: a thread that is silent for too long is what such a
//! driver looks like, and is told as [`Link::DriverSilent`].

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use zerocam_protocol::{limits::HEALTH_INTERVAL, message::Health};

use crate::{
    link::{self, Link},
    telemetry::{self, Telemetry},
};

/// How long a reading may take. A driver that gives its radio up answers sooner.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// What was read at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The figures, without those that are known elsewhere.
    pub health: Health,
    /// Whether the supply voltage is too low.
    pub undervoltage: bool,
    /// How the way out stands.
    pub link: Link,
}

/// The thread, and its newest reading.
#[derive(Debug)]
pub struct Sampler {
    newest: Arc<Mutex<Option<(Instant, Reading)>>>,
    started: Instant,
}

impl Sampler {
    /// Reads this machine, again and again.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub fn of_this_machine() -> io::Result<Self> {
        let root = Path::new("/");
        let mut telemetry = Telemetry::new();
        let mut watch = link::Watch::new(root);
        Self::spawn(move || Reading {
            health: telemetry.sample(),
            undervoltage: telemetry::undervoltage(root),
            link: watch.look(),
        })
    }

    fn spawn(mut read: impl FnMut() -> Reading + Send + 'static) -> io::Result<Self> {
        let newest = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&newest);
        thread::Builder::new()
            .name("sampler".into())
            .spawn(move || {
                loop {
                    let reading = read();
                    let read = Some((Instant::now(), reading));
                    *shared.lock().unwrap_or_else(PoisonError::into_inner) = read;
                    thread::sleep(HEALTH_INTERVAL);
                }
            })?;
        Ok(Self {
            newest,
            started: Instant::now(),
        })
    }

    /// What is known at `now`; nothing before the first reading.
    #[must_use]
    pub fn newest(&self, now: Instant) -> Option<Reading> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let since = newest.as_ref().map_or(self.started, |(at, _)| *at);
        if now.saturating_duration_since(since) < PATIENCE {
            return newest.as_ref().map(|(_, reading)| reading.clone());
        }
        Some(Reading {
            health: Health::default(),
            undervoltage: false,
            link: Link::DriverSilent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_that_hangs_holds_nobody_up_and_is_told() {
        let well = Reading {
            health: Health {
                wifi_signal_dbm: Some(-56),
                ..Health::default()
            },
            undervoltage: true,
            link: Link::Open,
        };
        let (give, readings) = crossbeam_channel::bounded(0);
        let (ask, asked) = crossbeam_channel::unbounded();
        let sampler = Sampler::spawn(move || {
            let _ = ask.send(());
            readings.recv().unwrap_or_else(|_| {
                loop {
                    thread::park();
                }
            })
        })
        .unwrap();
        let silent = Some(Link::DriverSilent);
        let link = |at| sampler.newest(at).map(|reading| reading.link);
        assert_eq!(link(sampler.started), None);
        assert_eq!(link(sampler.started + PATIENCE), silent);

        asked.recv().unwrap();
        give.send(well.clone()).unwrap();
        // The next one is asked for once this one is kept.
        asked.recv().unwrap();
        let now = Instant::now();
        assert_eq!(sampler.newest(now), Some(well));
        assert_eq!(link(now + PATIENCE), silent, "the second one hangs");
        assert_eq!(
            sampler.newest(now + PATIENCE).unwrap().health,
            Health::default()
        );
    }

    #[test]
    fn this_machine_is_read() {
        let sampler = Sampler::of_this_machine().unwrap();
        let deadline = Instant::now() + 10 * PATIENCE;
        while sampler.newest(sampler.started).is_none() {
            assert!(Instant::now() < deadline);
            thread::sleep(Duration::from_millis(10));
        }
        let reading = sampler.newest(sampler.started).unwrap();
        assert!(reading.health.uptime_s.is_some());
    }
}
