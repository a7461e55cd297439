//! How the camera is, for `zerocam status`: as JSON and as a few lines.

use std::fmt;

use serde::{Deserialize, Serialize};
use zerocam_protocol::{CameraName, DeviceId, Run, checkin::DesiredState, message::Health};

/// What `zerocam status --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// One word or two for what it does, such as `STREAMING`.
    pub state: String,
    /// Why, one line; or a line for each mistake in the configuration.
    pub reason: String,
    /// What it should do.
    pub desired: DesiredState,
    /// Name and device; `None` while it needs configuration.
    pub identity: Option<Identity>,
    /// How the service was last found; `None` before that is known.
    pub service: Option<ServiceStatus>,
    /// What is captured; `None` unless pictures flow.
    pub video: Option<Video>,
    /// How many watch.
    pub viewers: u32,
    /// The figures.
    pub health: Health,
    /// What else does not work, each in a sentence that says what to do.
    #[serde(default)]
    pub problems: Vec<String>,
    /// Program name and version.
    pub software: String,
}

/// Who the camera is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The camera's name, from its key.
    pub camera: CameraName,
    /// The device's id.
    pub device: DeviceId,
    /// The service's address.
    pub url: String,
}

/// How the service was last found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Whether it was reached.
    pub reached: bool,
    /// What the last attempt gave, one line.
    pub text: String,
}

/// What is captured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Video {
    /// The run's number.
    pub run: Run,
    /// RFC 6381 name.
    pub codec: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Pictures per second.
    pub frame_rate_hz: f64,
}

impl Status {
    /// All that matters, in one line.
    #[must_use]
    pub fn headline(&self) -> String {
        let mut line = format!("{}: {}", self.state, self.reason.replace('\n', "; "));
        match self.viewers {
            0 => {}
            1 => line.push_str("; 1 viewer"),
            viewers => line.push_str(&format!("; {viewers} viewers")),
        }
        for problem in &self.problems {
            line.push_str("; ");
            line.push_str(problem);
        }
        line
    }

    /// Without what changes by the second.
    #[must_use]
    pub fn lasting(&self) -> Self {
        Self {
            video: None,
            viewers: 0,
            health: Health::default(),
            ..self.clone()
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, text: &dyn fmt::Display| writeln!(f, "{name:<12}{text}");
        let reason = self.reason.replace('\n', "\n            ");
        line(&self.state, &format_args!("{}{reason}", gap(&self.state)))?;
        if let Some(identity) = &self.identity {
            let Identity { camera, device, .. } = identity;
            line("camera", &format_args!("{camera}, device {device}"))?;
            line("service", &identity.url)?;
        }
        if let Some(service) = &self.service
            && service.text != self.reason
        {
            line("", &service.text)?;
        }
        if let Some(video) = &self.video {
            let Video { width, height, .. } = video;
            line(
                "picture",
                &format_args!("{width}x{height} at {} Hz", video.frame_rate_hz),
            )?;
        }
        let health = &self.health;
        if self.video.is_some() {
            let bits = health.bitrate_bps.unwrap_or(0);
            line("bitrate", &format_args!("{:.2} Mb/s", bits as f64 / 1e6))?;
            line("viewers", &self.viewers)?;
        }
        if let Some(dbm) = health.wifi_signal_dbm {
            line("Wi-Fi", &format_args!("{dbm} dBm"))?;
        }
        if let Some(celsius) = health.temperature_celsius {
            line("processor", &format_args!("{celsius:.0} °C"))?;
        }
        for problem in &self.problems {
            line("problem", problem)?;
        }
        line("software", &self.software)
    }
}

/// Keeps a long state and the reason behind it apart.
fn gap(state: &str) -> &'static str {
    if state.len() < 12 { "" } else { "  " }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_text() {
        let status = Status {
            state: "STREAMING".into(),
            reason: "connected".into(),
            desired: DesiredState::Started,
            identity: Some(Identity {
                camera: "garden".parse().unwrap(),
                device: "dev-1".parse().unwrap(),
                url: "https://cam.example".into(),
            }),
            service: Some(ServiceStatus {
                reached: true,
                text: "reached".into(),
            }),
            video: Some(Video {
                run: Run(7),
                codec: "avc1.42c015".into(),
                width: 640,
                height: 272,
                frame_rate_hz: 12.5,
            }),
            viewers: 2,
            health: Health {
                bitrate_bps: Some(1_234_567),
                wifi_signal_dbm: Some(-61),
                temperature_celsius: Some(48.312),
                ..Health::default()
            },
            problems: vec!["GPIO27 is taken".into()],
            software: "zerocam 0.1.0".into(),
        };
        let expected = "\
STREAMING   connected
camera      garden, device dev-1
service     https://cam.example
            reached
picture     640x272 at 12.5 Hz
bitrate     1.23 Mb/s
viewers     2
Wi-Fi       -61 dBm
processor   48 °C
problem     GPIO27 is taken
software    zerocam 0.1.0
";
        assert_eq!(status.to_string(), expected);
        assert_eq!(
            status.headline(),
            "STREAMING: connected; 2 viewers; GPIO27 is taken"
        );
        let lasting = "\
STREAMING   connected
camera      garden, device dev-1
service     https://cam.example
            reached
problem     GPIO27 is taken
software    zerocam 0.1.0
";
        assert_eq!(status.lasting().to_string(), lasting);
        let short = Status {
            state: "NEEDS CONFIGURATION".into(),
            reason: "line 3".into(),
            identity: None,
            service: None,
            video: None,
            health: Health::default(),
            problems: vec![],
            viewers: 0,
            ..status
        };
        assert_eq!(
            short.to_string(),
            "NEEDS CONFIGURATION  line 3\nsoftware    zerocam 0.1.0\n"
        );
        assert_eq!(short.headline(), "NEEDS CONFIGURATION: line 3");
        let two = Status {
            reason: "line 3\nline 5".into(),
            ..short.clone()
        };
        assert_eq!(
            two.to_string(),
            "NEEDS CONFIGURATION  line 3\n            line 5\nsoftware    zerocam 0.1.0\n"
        );
        assert_eq!(two.headline(), "NEEDS CONFIGURATION: line 3; line 5");
        let json = serde_json::to_string(&short).unwrap();
        assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), short);
    }
}
