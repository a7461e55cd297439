//! Who may feed a camera's stream: one device at a time, and of that device
//! its newest connection.

use std::time::Duration;

use crate::{DeviceId, Run, limits, message::Hello};

/// A claim on a camera's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The device that claims it.
    pub device: DeviceId,
    /// The run it sends.
    pub run: Run,
    /// Its connection, counted by the device.
    pub connection: u64,
}

impl From<&Hello> for Lease {
    fn from(hello: &Hello) -> Self {
        Self {
            device: hello.device.clone(),
            run: hello.run,
            connection: hello.connection,
        }
    }
}

/// What becomes of a new claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds the name now; nobody else did.
    Hold,
    /// Same device, newer connection: both stay, and the new one takes over at
    /// the next segment border.
    TakeOver,
    /// Same device, older connection: it arrived late and closes.
    Superseded,
    /// Another device, and the holder is alive.
    Refused(NameTaken),
}

/// Another device uses this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "camera {camera} is already fed by device {holder}, last frame {age_s} s ago: give each camera a name and key of its own"
)]
pub struct NameTaken {
    /// The contested name.
    pub camera: String,
    /// The device that holds it.
    pub holder: DeviceId,
    /// Whole seconds since its last frame.
    pub age_s: u64,
}

/// Decides a new claim against the present holder and the time since the
/// holder's last frame.
#[must_use]
pub fn decide(hello: &Hello, holder: Option<(&Lease, Duration)>) -> Verdict {
    let Some((lease, silence)) = holder else {
        return Verdict::Hold;
    };
    if lease.device == hello.device {
        // A run number that went back means lost state, not an old process: the
        // service's `welcome.floor` lifts it. Only within a run do connections
        // compare.
        return if hello.run == lease.run && hello.connection < lease.connection {
            Verdict::Superseded
        } else {
            Verdict::TakeOver
        };
    }
    if silence < limits::LEASE_ALIVE {
        return Verdict::Refused(NameTaken {
            camera: hello.camera.to_string(),
            holder: lease.device.clone(),
            age_s: silence.as_secs(),
        });
    }
    Verdict::Hold
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(device: &str, run: u64, connection: u64) -> Hello {
        Hello {
            camera: "garden".parse().unwrap(),
            device: device.parse().unwrap(),
            run: Run(run),
            connection,
            run_started_us: 0,
            codec: "avc1.42e01f".into(),
            width: 640,
            height: 360,
            frame_rate_hz: 30.0,
            target_duration_s: 1,
            public_url: String::new(),
            software: String::new(),
        }
    }

    #[test]
    fn the_newest_connection_of_one_device_wins() {
        let lease = Lease {
            device: "a".parse().unwrap(),
            run: Run(5),
            connection: 2,
        };
        let decide = |device, run, connection, silence_s| {
            let holder = Some((&lease, Duration::from_secs(silence_s)));
            super::decide(&hello(device, run, connection), holder)
        };
        assert_eq!(decide("a", 5, 3, 0), Verdict::TakeOver);
        assert_eq!(decide("a", 6, 1, 0), Verdict::TakeOver);
        assert_eq!(decide("a", 4, 9, 0), Verdict::TakeOver);
        assert_eq!(decide("a", 5, 1, 0), Verdict::Superseded);
        assert_eq!(decide("b", 9, 9, 10), Verdict::Hold);
        assert_eq!(super::decide(&hello("b", 1, 1), None), Verdict::Hold);
        let Verdict::Refused(taken) = decide("b", 9, 9, 9) else {
            panic!("not refused")
        };
        assert_eq!(
            taken.to_string(),
            "camera garden is already fed by device a, last frame 9 s ago: give each camera a name and key of its own"
        );
    }
}
