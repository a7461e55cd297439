//! The JSON messages on the stream's WebSocket.
//!
//! Each message is one object with a `type`. Unknown fields are ignored, so
//! that a newer peer may add some; an unknown `type` is an error.
//!
//! The camera says `hello` first, and again on the same connection whenever
//! the access units that follow belong to another run. The service answers
//! each with `ack` and `welcome`; the camera waits only for the first, and then
//! sends `health` before any access unit. Its echo of the `ack` completes a
//! clock exchange, so that the first access unit can be dated already.

use serde::{Deserialize, Serialize};

use crate::{
    CameraName, DeviceId, Frame, Run, Segment,
    checkin::Desired,
    clock::Exchange,
    limits::{self, MAX_FRAME_RATE_HZ, MAX_PICTURE_SIDE, MAX_TARGET_DURATION_S},
};

/// From the camera to the service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CameraMessage {
    /// Who is there, and what the access units that follow are.
    Hello(Hello),
    /// How the camera fares, and one half of a clock exchange.
    Health {
        /// Clock exchange, see [`crate::clock`].
        clock: Exchange,
        /// The figures.
        #[serde(flatten)]
        health: Health,
    },
    /// The camera is about to close the connection.
    Bye(Bye),
}

/// From the service to the camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServiceMessage {
    /// The connection is accepted; what the service already has.
    Welcome(Welcome),
    /// Frames up to this one can be watched.
    Ack {
        /// Clock exchange, see [`crate::clock`].
        clock: Exchange,
        /// Last frame that is published; `None` before the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        have: Option<Position>,
    },
    /// Somebody began or ceased to watch.
    Viewers {
        /// How many watch now.
        count: u32,
    },
    /// What the owner wants the camera to do.
    Command(Desired),
    /// Connect again now, to the same address, before this connection closes.
    Move,
    /// The service is about to close the connection.
    Bye(Bye),
}

/// A frame in the camera's whole history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The run, first in order.
    pub run: Run,
    /// The frame in it.
    pub frame: Frame,
}

/// Who is there, and what the access units that follow are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// The name in the URL, repeated so that a misrouted connection shows.
    pub camera: CameraName,
    /// Which device uses that name.
    pub device: DeviceId,
    /// The run of the access units that follow.
    pub run: Run,
    /// Counts this process's connections; the higher one is the newer.
    pub connection: u64,
    /// Camera's monotonic clock at the run's start (capture time 0), in
    /// microseconds: the clock of [`Exchange`].
    pub run_started_us: u64,
    /// RFC 6381 name, `avc1.` and six hexadecimal digits from the SPS.
    pub codec: String,
    /// Picture width in luma samples, after cropping.
    pub width: u32,
    /// Picture height in luma samples, after cropping.
    pub height: u32,
    /// Nominal frame rate in frames per second.
    pub frame_rate_hz: f64,
    /// HLS target duration in seconds, constant in a run.
    pub target_duration_s: u32,
    /// The address that the camera dialled, scheme and authority: where the
    /// service finds itself from outside.
    pub public_url: String,
    /// Program name and version, for people.
    pub software: String,
}

/// What is wrong with a [`Hello`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidHello {
    /// Not H.264, or not written as RFC 6381 does.
    #[error("codec {0:?}: send H.264, named as avc1. and six hexadecimal digits")]
    Codec(String),
    /// Zero or beyond [`MAX_PICTURE_SIDE`].
    #[error("a picture of {width}x{height}: each side is 16 to {MAX_PICTURE_SIDE}")]
    Size {
        /// Announced width.
        width: u32,
        /// Announced height.
        height: u32,
    },
    /// Not a number, zero, negative or beyond [`MAX_FRAME_RATE_HZ`].
    #[error("a frame rate of {0} Hz: it is above 0 and at most {MAX_FRAME_RATE_HZ}")]
    FrameRate(f64),
    /// Zero or beyond [`MAX_TARGET_DURATION_S`].
    #[error("a target duration of {0} s: it is 1 to {MAX_TARGET_DURATION_S}")]
    TargetDuration(u32),
    /// Players freeze at media sequence number 0.
    #[error("run 0: runs are numbered from the clock's seconds and never 0")]
    RunZero,
}

impl Hello {
    /// Checks every figure against [`limits`].
    ///
    /// # Errors
    /// The first [`InvalidHello`] found.
    pub fn validate(&self) -> Result<(), InvalidHello> {
        let codec = self.codec.strip_prefix("avc1.").unwrap_or_default();
        if codec.len() != 6 || !codec.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(InvalidHello::Codec(self.codec.chars().take(40).collect()));
        }
        let side = 16..=MAX_PICTURE_SIDE;
        if !side.contains(&self.width) || !side.contains(&self.height) {
            return Err(InvalidHello::Size {
                width: self.width,
                height: self.height,
            });
        }
        if !(self.frame_rate_hz > 0.0 && self.frame_rate_hz <= MAX_FRAME_RATE_HZ) {
            return Err(InvalidHello::FrameRate(self.frame_rate_hz));
        }
        if !(1..=MAX_TARGET_DURATION_S).contains(&self.target_duration_s) {
            return Err(InvalidHello::TargetDuration(self.target_duration_s));
        }
        if self.run == Run(0) {
            return Err(InvalidHello::RunZero);
        }
        Ok(())
    }
}

/// The connection is accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// Highest segment (and run) number the service has seen of this camera.
    /// A camera whose own numbers are not beyond it, and did not make it,
    /// starts a new run above it.
    pub floor: Segment,
    /// Last frame with nothing missing before it: send from the next one on.
    /// `None` when the service holds nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub have: Option<Position>,
    /// How many watch now.
    pub viewers: u32,
    /// Open the next connection after this many seconds; 0 means never.
    pub move_after_s: u32,
    /// The protocol version that is spoken.
    pub version: u8,
}

/// Why a connection ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bye {
    /// For programs.
    pub reason: ByeReason,
    /// For people: what happened and what to do.
    pub text: String,
}

impl Bye {
    /// A farewell whose text keeps within [`limits::MAX_TEXT_CHARS`].
    #[must_use]
    pub fn new(reason: ByeReason, text: impl std::fmt::Display) -> Self {
        Self {
            reason,
            text: text
                .to_string()
                .chars()
                .take(limits::MAX_TEXT_CHARS)
                .collect(),
        }
    }
}

/// For programs: why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ByeReason {
    /// Camera: the owner stopped it.
    Stopped,
    /// Camera: it is shutting down or restarting.
    ShutDown,
    /// Camera: its sensor or encoder failed.
    CameraFault,
    /// Either: a newer connection of the same device took over.
    Superseded,
    /// Service: another device holds the name; wait
    /// [`limits::NAME_TAKEN_BACKOFF`].
    NameTaken,
    /// Service: the peer broke the protocol.
    ProtocolError,
    /// Service: the access units belong to a run that has ended.
    StaleRun,
    /// Service: it is shutting down; connect again.
    ServiceStopping,
    /// Service: the camera's key was revoked.
    KeyRevoked,
}

/// How the camera fares. Every figure is optional: a laptop has no Wi-Fi
/// signal, a Pi Zero no battery.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Health {
    /// Wi-Fi signal in dBm, about -30 (next to it) to -90 (lost).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wifi_signal_dbm: Option<i32>,
    /// Processor load in percent of all cores.
    #[serde(deserialize_with = "finite", skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f32>,
    /// Memory in use, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_used_bytes: Option<u64>,
    /// Memory in all, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_total_bytes: Option<u64>,
    /// Temperature of the processor in degrees Celsius.
    #[serde(deserialize_with = "finite", skip_serializing_if = "Option::is_none")]
    pub temperature_celsius: Option<f32>,
    /// Seconds since power-on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime_s: Option<u64>,
    /// Bits per second that the encoder produced, over the last report period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate_bps: Option<u64>,
    /// Age of the oldest frame waiting to be sent, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_age_ms: Option<u64>,
    /// Frames dropped since the daemon started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped_frames: Option<u64>,
    /// Connections made since the daemon started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
}

/// JSON has no infinity, but `1e39` becomes one in 32 bits and would be written
/// as `null`.
fn finite<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<f32>, D::Error> {
    match Option::<f32>::deserialize(from)? {
        Some(number) if !number.is_finite() => {
            Err(serde::de::Error::custom("a number beyond 32-bit floats"))
        }
        number => Ok(number),
    }
}

/// Reads a JSON message of either direction.
///
/// # Errors
/// [`MessageError`] when the text is too long or no message of that direction.
pub fn decode<'a, M: Deserialize<'a>>(text: &'a str) -> Result<M, MessageError> {
    if text.len() > limits::MAX_JSON_BYTES {
        return Err(MessageError::TooLong { bytes: text.len() });
    }
    Ok(serde_json::from_str(text)?)
}

/// Writes a JSON message of either direction.
#[must_use]
pub fn encode<M: Serialize>(message: &M) -> String {
    serde_json::to_string(message).expect("messages have string keys and finite numbers only")
}

/// Why a text message was refused.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Over [`limits::MAX_JSON_BYTES`].
    #[error("a text message of {bytes} bytes, at most {max} are read", max = limits::MAX_JSON_BYTES)]
    TooLong {
        /// Length of the text.
        bytes: usize,
    },
    /// Not JSON, or JSON of another shape.
    #[error("not a message of this protocol: {0}")]
    Shape(#[from] serde_json::Error),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Echo;

    fn hello() -> Hello {
        Hello {
            camera: "garden".parse().unwrap(),
            device: "00000000a1b2c3d4".parse().unwrap(),
            run: Run(1_790_000_000),
            connection: 3,
            run_started_us: 12_345_678,
            codec: "avc1.42e01f".into(),
            width: 1280,
            height: 720,
            frame_rate_hz: 25.0,
            target_duration_s: 1,
            public_url: "https://cam.example".into(),
            software: "zerocam 0.1.0".into(),
        }
    }

    #[test]
    fn golden_camera_messages() {
        let golden = [
            (
                CameraMessage::Hello(hello()),
                r#"{"type":"hello","camera":"garden","device":"00000000a1b2c3d4","run":1790000000,"connection":3,"run_started_us":12345678,"codec":"avc1.42e01f","width":1280,"height":720,"frame_rate_hz":25.0,"target_duration_s":1,"public_url":"https://cam.example","software":"zerocam 0.1.0"}"#,
            ),
            (
                CameraMessage::Health {
                    clock: Exchange {
                        sent_us: 5,
                        echo: Some(Echo {
                            sent_us: 3,
                            received_us: 4,
                        }),
                    },
                    health: Health {
                        wifi_signal_dbm: Some(-61),
                        ..Health::default()
                    },
                },
                r#"{"type":"health","clock":{"sent_us":5,"echo":{"sent_us":3,"received_us":4}},"wifi_signal_dbm":-61}"#,
            ),
            (
                CameraMessage::Bye(Bye::new(ByeReason::Stopped, "stopped by its button")),
                r#"{"type":"bye","reason":"stopped","text":"stopped by its button"}"#,
            ),
        ];
        for (message, text) in golden {
            assert_eq!(encode(&message), text);
            assert_eq!(decode::<CameraMessage>(text).unwrap(), message);
        }
    }

    #[test]
    fn golden_service_messages() {
        let have = Some(Position {
            run: Run(7),
            frame: Frame(8),
        });
        let golden = [
            (
                ServiceMessage::Welcome(Welcome {
                    floor: Segment(9),
                    have,
                    viewers: 2,
                    move_after_s: 3000,
                    version: 1,
                }),
                r#"{"type":"welcome","floor":9,"have":{"run":7,"frame":8},"viewers":2,"move_after_s":3000,"version":1}"#,
            ),
            (
                ServiceMessage::Ack {
                    clock: Exchange {
                        sent_us: 1,
                        echo: None,
                    },
                    have,
                },
                r#"{"type":"ack","clock":{"sent_us":1},"have":{"run":7,"frame":8}}"#,
            ),
            (
                ServiceMessage::Viewers { count: 1 },
                r#"{"type":"viewers","count":1}"#,
            ),
            (
                ServiceMessage::Command(Desired {
                    state: crate::checkin::DesiredState::Started,
                    version: 4,
                }),
                r#"{"type":"command","state":"started","version":4}"#,
            ),
            (ServiceMessage::Move, r#"{"type":"move"}"#),
            (
                ServiceMessage::Bye(Bye::new(ByeReason::NameTaken, "another")),
                r#"{"type":"bye","reason":"name_taken","text":"another"}"#,
            ),
        ];
        for (message, text) in golden {
            assert_eq!(encode(&message), text);
            assert_eq!(decode::<ServiceMessage>(text).unwrap(), message);
        }
    }

    #[test]
    fn a_newer_peer_may_add_fields_but_not_types() {
        assert!(decode::<ServiceMessage>(r#"{"type":"viewers","count":1,"new":[]}"#).is_ok());
        assert!(decode::<ServiceMessage>(r#"{"type":"dance"}"#).is_err());
        let long = format!(
            r#"{{"type":"move","x":"{}"}}"#,
            "x".repeat(limits::MAX_JSON_BYTES)
        );
        assert!(matches!(
            decode::<ServiceMessage>(&long),
            Err(MessageError::TooLong { .. })
        ));
    }

    #[test]
    fn a_figure_that_could_not_be_written_back_is_refused() {
        let health = |percent| {
            decode::<CameraMessage>(&format!(
                r#"{{"type":"health","clock":{{"sent_us":1}},"cpu_percent":{percent}}}"#
            ))
        };
        assert!(health("1e38").is_ok() && health("null").is_ok());
        assert!(health("1e39").is_err());
    }

    #[test]
    fn hello_is_checked() {
        assert_eq!(hello().validate(), Ok(()));
        let broken = |change: fn(&mut Hello)| {
            let mut hello = hello();
            change(&mut hello);
            hello.validate().unwrap_err()
        };
        assert!(matches!(
            broken(|h| h.codec = "hvc1.1".into()),
            InvalidHello::Codec(_)
        ));
        assert!(matches!(broken(|h| h.width = 0), InvalidHello::Size { .. }));
        assert!(matches!(
            broken(|h| h.height = 5000),
            InvalidHello::Size { .. }
        ));
        assert!(matches!(
            broken(|h| h.frame_rate_hz = f64::NAN),
            InvalidHello::FrameRate(_)
        ));
        assert!(matches!(
            broken(|h| h.frame_rate_hz = 0.0),
            InvalidHello::FrameRate(_)
        ));
        assert!(matches!(
            broken(|h| h.target_duration_s = 11),
            InvalidHello::TargetDuration(11)
        ));
        assert!(matches!(broken(|h| h.run = Run(0)), InvalidHello::RunZero));
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_round_trips(text in ".{0,200}") {
            if let Ok(message) = decode::<CameraMessage>(&text) {
                prop_assert_eq!(decode::<CameraMessage>(&encode(&message)).unwrap(), message);
            }
        }

        #[test]
        fn a_farewell_is_never_too_long(text in ".{0,2000}") {
            prop_assert!(Bye::new(ByeReason::Stopped, text).text.chars().count() <= limits::MAX_TEXT_CHARS);
        }
    }
}
