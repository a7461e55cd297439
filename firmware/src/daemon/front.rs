//! The front of the camera: what people touch and see (button, LEDs, the status
//! file on the card) and what the service manager hears.

use std::{path::Path, time::Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use tracing::{info, warn};

use super::care::Grade;
use crate::{
    button::Gesture,
    gpio::{self, Host, panel::Panel},
    led::{self, Scene},
    privileged::{self, PrivilegedError, Word},
    status::{ServiceStatus, Status},
    status_file::{News, StatusFile},
    supervisor::State,
    systemd::ServiceManager,
    watchdog::{Beats, Watchdog},
};

/// See the module.
pub(super) struct Front {
    /// `None` only between two configurations: pins are given back before they
    /// are taken again.
    panel: Option<Panel>,
    gpio: gpio::Configuration,
    watchdog: Watchdog,
    pub(super) service_manager: ServiceManager,
    status_file: StatusFile,
    written: (Sender<Written>, Receiver<Written>),
}

/// What came of writing the status file.
type Written = Result<(), PrivilegedError>;

impl Front {
    pub(super) fn new(gpio: gpio::Configuration, now: Instant) -> Self {
        Self {
            panel: Some(Panel::new(&gpio, &Host::this(), now)),
            gpio,
            watchdog: Watchdog::new(ServiceManager::patience()),
            service_manager: ServiceManager::default(),
            status_file: StatusFile::default(),
            written: bounded(1),
        }
    }

    /// Takes other pins, if others are configured.
    pub(super) fn configure(&mut self, gpio: gpio::Configuration, now: Instant) {
        if gpio != self.gpio {
            self.panel = None;
            self.panel = Some(Panel::new(&gpio, &Host::this(), now));
            self.gpio = gpio;
        }
    }

    /// Looks at the button and sets the LEDs.
    pub(super) fn poll(&mut self, scene: Scene, now: Instant) -> Option<Gesture> {
        self.panel.as_mut()?.poll(scene, now)
    }

    /// Feeds the watchdog as long as it deserves it. Names a thread that was
    /// just found to be stuck.
    pub(super) fn look_after(&mut self, threads: &[Beats], now: Instant) -> Option<&'static str> {
        let verdict = self.watchdog.look(threads, now);
        if verdict.feed {
            self.service_manager.alive();
        }
        verdict.stuck
    }

    /// When to poll and to look again, at the latest.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let panel = self.panel.as_ref().map(Panel::next_deadline);
        [panel, self.watchdog.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn problems(&self) -> Vec<String> {
        let problems = self.panel.iter().flat_map(Panel::problems);
        problems.map(str::to_owned).collect()
    }

    /// Shows how the camera is to those who do not ask.
    pub(super) fn show(&mut self, status: &Status, helper: &Path, now: Instant) {
        self.service_manager.status(&status.headline());
        if let Ok(written) = self.written.1.try_recv() {
            self.tell(&written);
        }
        let text = status.lasting().to_string();
        if self.status_file.is_due(&text, now) {
            let written = self.written.0.clone();
            privileged::ask_and_then(helper, Word::WriteStatus(text), move |answer| {
                // One is under way at a time: each ends within the interval.
                let _ = written.try_send(answer);
            });
        }
    }

    fn tell(&mut self, written: &Written) {
        match (self.status_file.ended(written.is_ok()), written) {
            (Some(News::Fails), Err(error)) => warn!("the status file is not written: {error}"),
            (Some(_), _) => info!("the status file is written again"),
            (None, _) => {}
        }
    }
}

/// Everything that the LED could tell of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) state: State,
    /// Whether no configuration was read yet.
    pub(super) beginning: bool,
    pub(super) service: Option<&'a ServiceStatus>,
    /// Whether the device has a way out.
    pub(super) online: bool,
    /// Whether the camera waits for the service to tell the time.
    pub(super) camera_waits: bool,
    pub(super) grade: Grade,
    pub(super) filming: bool,
    pub(super) viewers: u32,
}

impl Sight<'_> {
    /// What it does tell.
    pub(super) fn scene(self) -> Scene {
        let on_the_way = if self.online {
            led::State::CloudConnecting
        } else {
            led::State::WifiConnecting
        };
        let state = match (self.state, self.grade) {
            (State::NeedsConfiguration, _) if self.beginning => led::State::Starting,
            (State::NeedsConfiguration, _) => led::State::NeedsConfiguration,
            (State::ShuttingDown, _) => led::State::ShuttingDown,
            (_, Grade::Fatal) => led::State::Fatal,
            (State::Stopped, _) => match self.service {
                None => led::State::Starting,
                Some(ServiceStatus { reached: true, .. }) => led::State::Ready,
                Some(ServiceStatus { reached: false, .. }) => on_the_way,
            },
            (State::Starting, _) if self.camera_waits => on_the_way,
            (State::Starting, _) => led::State::Starting,
            (State::Connecting, _) => on_the_way,
            (State::Streaming, Grade::Degraded) => led::State::Degraded,
            (State::Streaming, Grade::Well) => led::State::Streaming,
            (State::CameraFault, _) => led::State::CameraFault,
        };
        Scene {
            state,
            filming: self.filming,
            watched: self.viewers > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_led_tells() {
        let service = |reached| {
            Some(ServiceStatus {
                reached,
                text: String::new(),
            })
        };
        let (unknown, reached, lost) = (None, service(true), service(false));
        use State::{
            CameraFault, Connecting, NeedsConfiguration, ShuttingDown, Starting, Stopped, Streaming,
        };
        use led::State as Led;
        // State, service, way out; what shows when well, degraded, and fatal.
        let table = [
            (
                NeedsConfiguration,
                &unknown,
                true,
                [Led::NeedsConfiguration; 3],
            ),
            (
                Stopped,
                &unknown,
                true,
                [Led::Starting, Led::Starting, Led::Fatal],
            ),
            (
                Stopped,
                &reached,
                true,
                [Led::Ready, Led::Ready, Led::Fatal],
            ),
            (
                Stopped,
                &lost,
                true,
                [Led::CloudConnecting, Led::CloudConnecting, Led::Fatal],
            ),
            (
                Stopped,
                &lost,
                false,
                [Led::WifiConnecting, Led::WifiConnecting, Led::Fatal],
            ),
            (
                Starting,
                &reached,
                true,
                [Led::Starting, Led::Starting, Led::Fatal],
            ),
            (
                Connecting,
                &lost,
                true,
                [Led::CloudConnecting, Led::CloudConnecting, Led::Fatal],
            ),
            (
                Connecting,
                &lost,
                false,
                [Led::WifiConnecting, Led::WifiConnecting, Led::Fatal],
            ),
            (
                Streaming,
                &reached,
                true,
                [Led::Streaming, Led::Degraded, Led::Fatal],
            ),
            (
                CameraFault,
                &reached,
                true,
                [Led::CameraFault, Led::CameraFault, Led::Fatal],
            ),
            (ShuttingDown, &reached, true, [Led::ShuttingDown; 3]),
        ];
        let grades = [Grade::Well, Grade::Degraded, Grade::Fatal];
        for (state, service, online, expected) in table {
            for (grade, expected) in grades.into_iter().zip(expected) {
                for (filming, viewers) in [(false, 0), (false, 2), (true, 0), (true, 1)] {
                    let sight = Sight {
                        state,
                        beginning: false,
                        service: service.as_ref(),
                        online,
                        camera_waits: false,
                        grade,
                        filming,
                        viewers,
                    };
                    let expected = Scene {
                        state: expected,
                        filming,
                        watched: viewers > 0,
                    };
                    assert_eq!(sight.scene(), expected, "{sight:?}");
                }
            }
        }
    }

    #[test]
    fn before_the_configuration_is_read_and_while_the_camera_waits_for_the_time() {
        for (state, online, expected) in [
            (State::NeedsConfiguration, false, led::State::Starting),
            (State::Starting, false, led::State::WifiConnecting),
            (State::Starting, true, led::State::CloudConnecting),
        ] {
            let sight = Sight {
                state,
                beginning: true,
                service: None,
                online,
                camera_waits: true,
                grade: Grade::Well,
                filming: false,
                viewers: 0,
            };
            assert_eq!(sight.scene().state, expected);
        }
    }
}
