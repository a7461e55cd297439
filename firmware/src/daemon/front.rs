//! The front of the camera: what people touch and see (button, LEDs, the status
//! file on the card) and what the service manager hears.

use std::{path::Path, time::Instant};

use crate::{
    button::Gesture,
    gpio::{self, Host, panel::Panel},
    led::{self, Scene},
    privileged::{self, Word},
    status::{ServiceStatus, Status},
    status_file::StatusFile,
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
}

impl Front {
    pub(super) fn new(gpio: gpio::Configuration, now: Instant) -> Self {
        Self {
            panel: Some(Panel::new(&gpio, &Host::this(), now)),
            gpio,
            watchdog: Watchdog::new(ServiceManager::patience()),
            service_manager: ServiceManager::default(),
            status_file: StatusFile::default(),
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
        let text = status.lasting().to_string();
        if self.status_file.is_due(&text, now) {
            privileged::ask_in_background(helper, Word::WriteStatus(text));
        }
    }
}

/// What the LED tells. `online` says whether the device has a way out.
pub(super) fn scene(
    state: State,
    service: Option<&ServiceStatus>,
    online: bool,
    filming: bool,
    viewers: u32,
) -> Scene {
    let on_the_way = if online {
        led::State::CloudConnecting
    } else {
        led::State::WifiConnecting
    };
    Scene {
        state: match state {
            State::NeedsConfiguration => led::State::NeedsConfiguration,
            State::Stopped => match service {
                None => led::State::Starting,
                Some(ServiceStatus { reached: true, .. }) => led::State::Ready,
                Some(ServiceStatus { reached: false, .. }) => on_the_way,
            },
            State::Starting => led::State::Starting,
            State::Connecting => on_the_way,
            State::Streaming => led::State::Streaming,
            State::CameraFault => led::State::CameraFault,
            State::ShuttingDown => led::State::ShuttingDown,
        },
        filming,
        watched: viewers > 0,
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
        let table = [
            (
                State::NeedsConfiguration,
                &unknown,
                true,
                led::State::NeedsConfiguration,
            ),
            (State::Stopped, &unknown, true, led::State::Starting),
            (State::Stopped, &reached, true, led::State::Ready),
            (State::Stopped, &lost, true, led::State::CloudConnecting),
            (State::Stopped, &lost, false, led::State::WifiConnecting),
            (State::Starting, &reached, true, led::State::Starting),
            (State::Connecting, &lost, true, led::State::CloudConnecting),
            (State::Connecting, &lost, false, led::State::WifiConnecting),
            (State::Streaming, &reached, true, led::State::Streaming),
            (State::CameraFault, &reached, true, led::State::CameraFault),
            (
                State::ShuttingDown,
                &reached,
                true,
                led::State::ShuttingDown,
            ),
        ];
        for (state, service, online, expected) in table {
            for filming in [false, true] {
                for viewers in [0, 1, 2] {
                    let scene = scene(state, service.as_ref(), online, filming, viewers);
                    let expected = Scene {
                        state: expected,
                        filming,
                        watched: viewers > 0,
                    };
                    assert_eq!(scene, expected, "{state:?} {service:?} {online}");
                }
            }
        }
    }
}
