//! One coded picture on the wire: a fixed header, then Annex B bytes.
//!
//! ```text
//! offset  size  field
//!      0     1  version
//!      1     1  flags: bit 0 keyframe, bit 1 starts a segment; others are 0
//!      2     8  run                  \
//!     10     8  segment               | unsigned, big-endian
//!     18     8  frame                 |
//!     26     8  capture time in us   /  since the run's start, CLOCK_MONOTONIC
//!     34     -  H.264 Annex B (ITU-T H.264, annex B), SPS and PPS in front of
//!               every keyframe
//! ```
//!
//! Encoding leaves exactly one copy of the payload: the camera's buffer is
//! appended behind the header, and the same [`Bytes`] travel to the socket.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{Frame, Run, Segment, limits, version};

/// Bytes in front of the Annex B payload.
pub const HEADER_BYTES: usize = 34;

/// What a receiver must know of a picture before it looks inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// An IDR picture with its parameter sets in front.
    pub keyframe: bool,
    /// The first captured frame of its segment.
    pub starts_segment: bool,
}

/// Where a picture stands in the camera's timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// See [`Flags`].
    pub flags: Flags,
    /// The unbroken encoding it belongs to.
    pub run: Run,
    /// The segment it belongs to.
    pub segment: Segment,
    /// Its number in the run.
    pub frame: Frame,
    /// Microseconds from the run's start to its capture, CLOCK_MONOTONIC.
    pub capture_time_us: u64,
}

/// A header and its payload in one shared buffer.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessUnit {
    header: Header,
    message: Bytes,
}

impl AccessUnit {
    /// Builds the wire message from a header and the parts of its payload,
    /// which are concatenated (parameter sets that arrive in a buffer of their
    /// own, then the picture).
    #[must_use]
    pub fn new(header: Header, payload: &[&[u8]]) -> Self {
        let payload_bytes: usize = payload.iter().map(|part| part.len()).sum();
        let mut message = BytesMut::with_capacity(HEADER_BYTES + payload_bytes);
        message.put_u8(version::CURRENT);
        message
            .put_u8(u8::from(header.flags.keyframe) | u8::from(header.flags.starts_segment) << 1);
        message.put_u64(header.run.0);
        message.put_u64(header.segment.0);
        message.put_u64(header.frame.0);
        message.put_u64(header.capture_time_us);
        for part in payload {
            message.put_slice(part);
        }
        Self {
            header,
            message: message.freeze(),
        }
    }

    /// Reads a binary message without copying it.
    ///
    /// # Errors
    /// [`DecodeError`] when the message is too short, too long, of a version
    /// that is not understood, or has flags that are not defined.
    pub fn decode(message: Bytes) -> Result<Self, DecodeError> {
        if message.len() > limits::MAX_ACCESS_UNIT_BYTES {
            return Err(DecodeError::TooLong {
                bytes: message.len(),
            });
        }
        let Some((fixed, payload)) = message.split_first_chunk::<HEADER_BYTES>() else {
            return Err(DecodeError::TooShort {
                bytes: message.len(),
            });
        };
        if payload.is_empty() {
            return Err(DecodeError::Empty);
        }
        if !(version::OLDEST..=version::CURRENT).contains(&fixed[0]) {
            return Err(DecodeError::Version { theirs: fixed[0] });
        }
        if fixed[1] > 0b11 {
            return Err(DecodeError::Flags { flags: fixed[1] });
        }
        let number = |at: usize| {
            u64::from_be_bytes(
                fixed[at..at + 8]
                    .try_into()
                    .expect("eight bytes were sliced"),
            )
        };
        let header = Header {
            flags: Flags {
                keyframe: fixed[1] & 1 != 0,
                starts_segment: fixed[1] & 2 != 0,
            },
            run: Run(number(2)),
            segment: Segment(number(10)),
            frame: Frame(number(18)),
            capture_time_us: number(26),
        };
        Ok(Self { header, message })
    }

    /// Where the picture stands in the timeline.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The whole binary message.
    #[must_use]
    pub const fn message(&self) -> &Bytes {
        &self.message
    }

    /// The Annex B bytes.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.message[HEADER_BYTES..]
    }
}

impl std::fmt::Debug for AccessUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessUnit")
            .field("header", &self.header)
            .field("payload_bytes", &self.payload().len())
            .finish()
    }
}

/// Why a binary message is no access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not even a header.
    #[error("a message of {bytes} bytes is shorter than an access unit's header ({HEADER_BYTES})")]
    TooShort {
        /// Length of the message.
        bytes: usize,
    },
    /// A header and nothing behind it.
    #[error("an access unit without a picture")]
    Empty,
    /// Over [`limits::MAX_ACCESS_UNIT_BYTES`].
    #[error(
        "a message of {bytes} bytes is larger than an access unit may be ({max}): lower the bitrate",
        max = limits::MAX_ACCESS_UNIT_BYTES
    )]
    TooLong {
        /// Length of the message.
        bytes: usize,
    },
    /// A version of another era.
    #[error("access unit of protocol version {theirs}, understood are {min} to {max}", min = version::OLDEST, max = version::CURRENT)]
    Version {
        /// The version in the message.
        theirs: u8,
    },
    /// Bits that this version does not define.
    #[error("access unit with undefined flags {flags:#010b}")]
    Flags {
        /// The whole flag byte.
        flags: u8,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: Header = Header {
        flags: Flags {
            keyframe: true,
            starts_segment: true,
        },
        run: Run(0x0102_0304_0506_0708),
        segment: Segment(0x1112_1314_1516_1718),
        frame: Frame(0x2122_2324_2526_2728),
        capture_time_us: 0x3132_3334_3536_3738,
    };

    #[test]
    fn golden_bytes() {
        let unit = AccessUnit::new(HEADER, &[&[0, 0, 0, 1], &[0x65, 0x88]]);
        let golden = [
            1, 3, //
            0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, //
            0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, //
            0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, //
            0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, //
            0, 0, 0, 1, 0x65, 0x88,
        ];
        assert_eq!(unit.message()[..], golden);
        assert_eq!(unit.payload(), [0, 0, 0, 1, 0x65, 0x88]);
    }

    #[test]
    fn refusals() {
        let decode = |bytes: &[u8]| AccessUnit::decode(Bytes::copy_from_slice(bytes)).unwrap_err();
        let good = AccessUnit::new(HEADER, &[&[1]]).message().to_vec();
        assert_eq!(decode(&good[..33]), DecodeError::TooShort { bytes: 33 });
        assert_eq!(decode(&good[..34]), DecodeError::Empty);
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        assert_eq!(decode(&with(0, 2)), DecodeError::Version { theirs: 2 });
        assert_eq!(decode(&with(1, 4)), DecodeError::Flags { flags: 4 });
        let huge = vec![0; limits::MAX_ACCESS_UNIT_BYTES + 1];
        assert_eq!(decode(&huge), DecodeError::TooLong { bytes: huge.len() });
    }

    proptest! {
        #[test]
        fn decoding_gives_back_what_was_encoded(
            keyframe: bool, starts_segment: bool, run: u64, segment: u64, frame: u64,
            capture_time_us: u64, payload in prop::collection::vec(any::<u8>(), 1..2000),
        ) {
            let header = Header {
                flags: Flags { keyframe, starts_segment },
                run: Run(run), segment: Segment(segment), frame: Frame(frame), capture_time_us,
            };
            let unit = AccessUnit::new(header, &[&payload]);
            let read = AccessUnit::decode(unit.message().clone()).unwrap();
            prop_assert_eq!(read.header(), &header);
            prop_assert_eq!(read.payload(), &payload[..]);
        }

        #[test]
        fn any_bytes_are_refused_or_encode_back(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(unit) = AccessUnit::decode(Bytes::from(bytes.clone())) {
                let again = AccessUnit::new(*unit.header(), &[unit.payload()]);
                prop_assert_eq!(&again.message()[..], &bytes[..]);
            }
        }
    }
}
