//! Names and numbers that identify cameras, devices, runs, segments and frames.
//!
//! Each is a type of its own, so that the compiler tells a segment from a
//! frame; strings are checked once, where they enter.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::limits;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default,
            Serialize, Deserialize, schemars::JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The number that follows.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// One unbroken encoding with one set of parameter sets.
    ///
    /// A process's first run is max(Unix seconds, floor + 1), each later one
    /// the next number: runs never go back, even when the clock does. HLS's
    /// EXT-X-DISCONTINUITY-SEQUENCE follows from it.
    Run
}
number! {
    /// One segment; also HLS's media sequence number.
    ///
    /// A process's first segment has the number of its first run, each later
    /// one the next number, across runs.
    Segment
}
number! {
    /// One captured frame, counted from 0 in its run before anything is dropped.
    Frame
}

/// Why a camera name or a device id was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentity {
    /// A camera name that could not be part of a URL.
    #[error(
        "{0:?} cannot name a camera: use 1 to {max} of a-z, 0-9 and -, beginning with a letter or digit",
        max = limits::MAX_CAMERA_NAME_CHARS
    )]
    CameraName(String),
    /// A device id with odd characters.
    #[error(
        "{0:?} cannot be a device id: use 1 to {max} of A-Z, a-z, 0-9 and -",
        max = limits::MAX_DEVICE_ID_CHARS
    )]
    DeviceId(String),
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $error:expr, $valid:expr) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            schemars::JsonSchema,
        )]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(String);

        impl $name {
            /// The checked text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidIdentity;
            fn try_from(text: String) -> Result<Self, InvalidIdentity> {
                if $valid(&text) { Ok(Self(text)) } else { Err($error(abridged(text))) }
            }
        }

        impl FromStr for $name {
            type Err = InvalidIdentity;
            fn from_str(text: &str) -> Result<Self, InvalidIdentity> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

text! {
    /// A camera's name in URLs: 1 to 32 of `a-z`, `0-9`, `-`, not beginning
    /// with `-`.
    CameraName, InvalidIdentity::CameraName, |text: &str| {
        !text.starts_with('-')
            && (1..=limits::MAX_CAMERA_NAME_CHARS).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    }
}
text! {
    /// What tells two devices apart that use one camera name: 1 to 64 of
    /// `A-Z`, `a-z`, `0-9`, `-`. On a Pi, the SoC's serial number.
    DeviceId, InvalidIdentity::DeviceId, |text: &str| {
        (1..=limits::MAX_DEVICE_ID_CHARS).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    }
}

/// Keeps an error message short whatever was sent.
fn abridged(text: String) -> String {
    const KEEP: usize = 40;
    match text.char_indices().nth(KEEP) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn camera_names() {
        for good in ["garden", "0", "cam-2", &"a".repeat(32)] {
            assert_eq!(good.parse::<CameraName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "Garden",
            "-a",
            "a b",
            "a/b",
            "ä",
            "a.b",
            &"a".repeat(33),
        ] {
            let text = bad.parse::<CameraName>().unwrap_err().to_string();
            assert!(text.contains("cannot name a camera"), "{text}");
        }
    }

    #[test]
    fn a_long_name_is_abridged_in_its_error() {
        let text = "é"
            .repeat(5000)
            .parse::<CameraName>()
            .unwrap_err()
            .to_string();
        assert!(text.chars().count() < 200, "{text}");
    }

    #[test]
    fn device_ids() {
        assert!("00000000a1b2C3d4".parse::<DeviceId>().is_ok());
        assert!("two words".parse::<DeviceId>().is_err());
        assert!(serde_json::from_str::<DeviceId>("\"a_b\"").is_err());
    }
}
