//! The control plane: `POST /api/cameras/{camera}/checkin`.
//!
//! Every 30 s while the camera is stopped, and at every change of state, it
//! says how it is and hears what it should do. The exchange doubles as the
//! check that the service is reachable and what time it is.

use serde::{Deserialize, Serialize};

use crate::{DeviceId, limits, message::Health};

/// What a camera should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DesiredState {
    /// Capture and stream.
    Started,
    /// Keep the camera closed.
    Stopped,
}

/// A wish and its age: the newest of button, command line and service wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Desired {
    /// The wish.
    pub state: DesiredState,
    /// Counts wishes. Whoever wishes anew takes the highest version it has
    /// seen plus one.
    pub version: u64,
}

impl Desired {
    /// A camera out of its box.
    pub const FIRST: Self = Self {
        state: DesiredState::Stopped,
        version: 0,
    };

    /// A new wish that supersedes this one.
    #[must_use]
    pub const fn superseded_by(self, state: DesiredState) -> Self {
        Self {
            state,
            version: self.version + 1,
        }
    }

    /// The newer of the camera's own wish and the service's. When both were
    /// made at once (same version), the person at the camera wins.
    #[must_use]
    pub const fn newest(camera: Self, service: Self) -> Self {
        if service.version > camera.version {
            service
        } else {
            camera
        }
    }
}

/// What a camera is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CameraState {
    /// Frames leave the sensor and go to the service.
    Streaming,
    /// It should stream and is on its way.
    Starting,
    /// The owner stopped it.
    Stopped,
    /// Its sensor or encoder fails; it keeps trying.
    CameraFault,
    /// It is about to power off or restart.
    ShuttingDown,
}

/// How a camera is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckinRequest {
    /// Which device speaks.
    pub device: DeviceId,
    /// What it is doing.
    pub state: CameraState,
    /// Why, for people; empty when there is nothing to add.
    #[serde(default)]
    pub reason: String,
    /// What it believes it should do.
    pub desired: Desired,
    /// The figures.
    #[serde(default)]
    pub health: Health,
    /// Restarts and faults that were not reported yet, oldest first.
    #[serde(default)]
    pub black_box: Vec<BlackBoxEntry>,
}

/// What a camera remembers across a power cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BlackBoxEntry {
    /// When, Unix seconds by the camera's clock; `None` before it was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unix_s: Option<u64>,
    /// What happened, one line.
    pub text: String,
}

/// Why a check-in was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCheckin {
    /// More entries than a camera keeps.
    #[error("{0} black-box entries, at most {max} are taken", max = limits::MAX_BLACK_BOX_ENTRIES)]
    BlackBoxEntries(usize),
    /// A text beyond one line of a page.
    #[error("a text of {0} characters, at most {max} are taken", max = limits::MAX_TEXT_CHARS)]
    Text(usize),
}

impl CheckinRequest {
    /// Checks the lengths against [`limits`].
    ///
    /// # Errors
    /// The first [`InvalidCheckin`] found.
    pub fn validate(&self) -> Result<(), InvalidCheckin> {
        if self.black_box.len() > limits::MAX_BLACK_BOX_ENTRIES {
            return Err(InvalidCheckin::BlackBoxEntries(self.black_box.len()));
        }
        let texts = self
            .black_box
            .iter()
            .map(|entry| &entry.text)
            .chain([&self.reason]);
        match texts
            .map(|text| text.chars().count())
            .find(|&n| n > limits::MAX_TEXT_CHARS)
        {
            Some(chars) => Err(InvalidCheckin::Text(chars)),
            None => Ok(()),
        }
    }
}

/// What the service answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckinResponse {
    /// What the camera should do.
    pub desired: Desired,
    /// The service's clock, Unix microseconds.
    pub service_time_unix_us: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_wish_wins_and_ties_go_to_the_camera() {
        let wish = |state, version| Desired { state, version };
        use DesiredState::{Started, Stopped};
        let newest = Desired::newest;
        assert_eq!(newest(wish(Stopped, 1), wish(Started, 2)), wish(Started, 2));
        assert_eq!(newest(wish(Stopped, 3), wish(Started, 2)), wish(Stopped, 3));
        assert_eq!(newest(wish(Stopped, 2), wish(Started, 2)), wish(Stopped, 2));
        assert_eq!(Desired::FIRST.superseded_by(Started), wish(Started, 1));
    }

    #[test]
    fn golden_checkin() {
        let request = CheckinRequest {
            device: "dev-1".parse().unwrap(),
            state: CameraState::Stopped,
            reason: "stopped by its button".into(),
            desired: Desired {
                state: DesiredState::Stopped,
                version: 2,
            },
            health: Health::default(),
            black_box: vec![BlackBoxEntry {
                unix_s: Some(5),
                text: "power lost".into(),
            }],
        };
        let text = r#"{"device":"dev-1","state":"stopped","reason":"stopped by its button","desired":{"state":"stopped","version":2},"health":{},"black_box":[{"unix_s":5,"text":"power lost"}]}"#;
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
        assert_eq!(
            serde_json::from_str::<CheckinRequest>(text).unwrap(),
            request
        );
        assert_eq!(request.validate(), Ok(()));

        let response = CheckinResponse {
            desired: Desired::FIRST,
            service_time_unix_us: 7,
        };
        let text = r#"{"desired":{"state":"stopped","version":0},"service_time_unix_us":7}"#;
        assert_eq!(serde_json::to_string(&response).unwrap(), text);
        assert_eq!(
            serde_json::from_str::<CheckinResponse>(text).unwrap(),
            response
        );
    }

    #[test]
    fn a_check_in_is_bounded() {
        let entry = BlackBoxEntry {
            unix_s: None,
            text: String::new(),
        };
        let mut request = CheckinRequest {
            device: "dev-1".parse().unwrap(),
            state: CameraState::Stopped,
            reason: String::new(),
            desired: Desired::FIRST,
            health: Health::default(),
            black_box: vec![entry; limits::MAX_BLACK_BOX_ENTRIES + 1],
        };
        assert!(matches!(
            request.validate(),
            Err(InvalidCheckin::BlackBoxEntries(_))
        ));
        request.black_box.truncate(1);
        request.black_box[0].text = "x".repeat(limits::MAX_TEXT_CHARS + 1);
        assert!(matches!(request.validate(), Err(InvalidCheckin::Text(_))));
    }
}
