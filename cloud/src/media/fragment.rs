//! Splits ffmpeg's standard output into the init (ftyp and moov) and fragments
//! (moof and mdat), one frame each, and writes fragments out again under the
//! camera's numbers.
//!
//! Input is taken as it comes, in chunks of any size. Nothing is kept beyond
//! one box, every box has a bound, and anything unexpected is [`Garbage`]: the
//! packager then replaces the child. An index at the end (mfra) is passed over.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use mp4_atom::{
    Atom, Decode, Encode, FourCC, Ftyp, Mdat, Mdhd, Mdia, Mfhd, Mfra, Moof, Moov, Tfdt, Tfhd, Traf,
    Trak, Trun, TrunSamples,
};
use zerocam_protocol::{Frame, limits};

/// Ticks of the media clock in one millisecond: ffmpeg doubles FLV's 1000 Hz
/// until it exceeds 10 kHz.
pub const TICKS_PER_MS: u32 = 16;

const TICKS_PER_SECOND: u32 = 1000 * TICKS_PER_MS;

/// Largest ftyp or moov; ffmpeg 5.1 writes 744 bytes.
const MAX_INIT_BYTES: usize = 64 * 1024;
/// Largest moof; ffmpeg 5.1 writes 104 bytes.
const MAX_MOOF_BYTES: usize = 4 * 1024;
/// Largest mdat. A NAL unit of one byte behind a start code of three grows to
/// five, so a sample may be larger than its access unit.
const MAX_MDAT_BYTES: usize = 2 * limits::MAX_ACCESS_UNIT_BYTES;

const BOX_HEADER_BYTES: usize = 8;

/// What comes out of ffmpeg.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// ftyp and moov, as ffmpeg wrote them.
    Init(Bytes),
    /// One frame.
    Fragment(Fragment),
}

/// One frame with its metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct Fragment {
    moof: Moof,
    decode_time: u64,
    sample: Bytes,
}

impl Fragment {
    /// Accepts a moof of exactly one track, one run and one sample with a
    /// decode time: what `frag_every_frame` makes. Anything else in it is
    /// left out, so that what is kept can always be written again.
    fn new(moof: Moof, sample: Bytes) -> Result<Self, Garbage> {
        let traf = &moof.traf[0];
        let (run, Some(tfdt)) = (&traf.trun[0], &traf.tfdt) else {
            return Err(Garbage::NotOneFrame);
        };
        if run.samples.len() != 1 || run.data_offset.is_none() {
            return Err(Garbage::NotOneFrame);
        }
        Ok(Self {
            decode_time: tfdt.base_media_decode_time,
            moof,
            sample,
        })
    }

    /// When the frame is decoded, in ticks since the run's start.
    #[must_use]
    pub const fn decode_time(&self) -> u64 {
        self.decode_time
    }

    /// How long ffmpeg shows the frame, in ticks; `None` when the default of
    /// the init applies.
    #[must_use]
    pub fn duration(&self) -> Option<u32> {
        let traf = &self.moof.traf[0];
        let sample = traf.trun[0].samples.get(0)?;
        sample.duration.or(traf.tfhd.default_sample_duration)
    }

    /// The NAL units with their lengths in front.
    #[must_use]
    pub const fn sample(&self) -> &Bytes {
        &self.sample
    }

    /// moof and mdat with `frame` as sequence number and a duration in ticks.
    ///
    /// ffmpeg counts sequence numbers from 1 in every child; the camera's frame
    /// number makes them the same whichever child or instance wrote them. (They
    /// begin at 1, and 24 days of 120 frames a second fit 32 bits.)
    #[must_use]
    pub fn write(&self, frame: Frame, duration: u32) -> Bytes {
        let mut moof = self.moof.clone();
        moof.mfhd.sequence_number = (frame.0 as u32).wrapping_add(1);
        let traf = &mut moof.traf[0];
        traf.tfhd.default_sample_duration = Some(duration);
        let run = &mut traf.trun[0];
        if let TrunSamples::Explicit(entries) = &mut run.samples {
            for entry in entries {
                entry.duration = entry.duration.and(Some(duration));
            }
        }
        // The sample begins behind both headers, whose length is known once
        // they are written; the offset always takes four bytes.
        let moof_bytes = encode(&moof).len();
        moof.traf[0].trun[0].data_offset = Some((moof_bytes + BOX_HEADER_BYTES) as i32);
        let mdat_bytes = BOX_HEADER_BYTES + self.sample.len();
        let mut bytes = BytesMut::with_capacity(moof_bytes + mdat_bytes);
        bytes.put_slice(&encode(&moof));
        bytes.put_u32(mdat_bytes as u32);
        bytes.put_slice(b"mdat");
        bytes.put_slice(&self.sample);
        bytes.freeze()
    }
}

fn encode(moof: &Moof) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    moof.encode(&mut bytes)
        .expect("one track with times and one sample can be written");
    bytes
}

/// The incremental reader.
#[derive(Debug, Default)]
pub struct Splitter {
    buffer: BytesMut,
    state: State,
}

/// What the next box must be.
#[derive(Debug, Default)]
enum State {
    #[default]
    Ftyp,
    Moov {
        ftyp: Bytes,
    },
    Moof,
    Mdat {
        moof: Box<Moof>,
    },
    /// Passing over the rest of a box of this many bytes, before a moof.
    Skip {
        bytes: usize,
    },
}

impl Splitter {
    /// Adds output. Call [`Self::next_piece`] until it has no more.
    pub fn push(&mut self, output: &[u8]) {
        self.buffer.extend_from_slice(output);
    }

    /// The next complete piece; `None` when more output is needed.
    ///
    /// # Errors
    /// [`Garbage`]: what came is not what ffmpeg was asked for. Nothing
    /// sensible follows it.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, Garbage> {
        loop {
            if let State::Skip { bytes } = &mut self.state {
                let skipped = (*bytes).min(self.buffer.len());
                self.buffer.advance(skipped);
                *bytes -= skipped;
                if *bytes > 0 {
                    return Ok(None);
                }
                self.state = State::Moof;
            }
            let Some(kind) = self.peek()? else {
                return Ok(None);
            };
            if matches!(self.state, State::Moof) && kind.name == Mfra::KIND {
                self.state = State::Skip { bytes: kind.bytes };
                continue;
            }
            let (expected, max) = match self.state {
                State::Ftyp => (Ftyp::KIND, MAX_INIT_BYTES),
                State::Moov { .. } => (Moov::KIND, MAX_INIT_BYTES),
                State::Moof | State::Skip { .. } => (Moof::KIND, MAX_MOOF_BYTES),
                State::Mdat { .. } => (Mdat::KIND, MAX_MDAT_BYTES),
            };
            if kind.name != expected {
                return Err(Garbage::Unexpected {
                    found: kind.name,
                    expected,
                });
            }
            if kind.bytes > max {
                return Err(Garbage::TooLarge {
                    name: kind.name,
                    bytes: kind.bytes,
                });
            }
            if self.buffer.len() < kind.bytes {
                return Ok(None);
            }
            let whole = self.buffer.split_to(kind.bytes).freeze();
            match std::mem::replace(&mut self.state, State::Moof) {
                State::Ftyp => self.state = State::Moov { ftyp: whole },
                State::Moov { ftyp } => {
                    check_moov(&whole)?;
                    let init = [ftyp, whole].concat();
                    return Ok(Some(Piece::Init(init.into())));
                }
                State::Moof | State::Skip { .. } => {
                    let moof = Box::new(read_moof(&whole)?);
                    self.state = State::Mdat { moof };
                }
                State::Mdat { moof } => {
                    let sample = whole.slice(BOX_HEADER_BYTES..);
                    return Ok(Some(Piece::Fragment(Fragment::new(*moof, sample)?)));
                }
            }
        }
    }

    fn peek(&self) -> Result<Option<BoxHead>, Garbage> {
        BoxHead::of(&self.buffer)
    }
}

struct BoxHead {
    name: FourCC,
    /// The whole box, this head included.
    bytes: usize,
}

impl BoxHead {
    fn of(bytes: &[u8]) -> Result<Option<Self>, Garbage> {
        let Some(head) = bytes.first_chunk::<BOX_HEADER_BYTES>() else {
            return Ok(None);
        };
        let [size, name] = [0, 4].map(|at| [head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let bytes = u32::from_be_bytes(size) as usize;
        // 0 (until the end) and 1 (64 bits) are meant for files.
        if bytes < BOX_HEADER_BYTES {
            return Err(Garbage::Size { bytes });
        }
        Ok(Some(Self {
            name: FourCC::from(name),
            bytes,
        }))
    }
}

/// The one box of a kind in another box. Its siblings are passed over: ffmpeg
/// writes none that matter, and the library believes the counts in some of them
/// and asks for as much memory.
fn only(parent: &[u8], name: FourCC) -> Result<&[u8], Garbage> {
    let (mut found, mut count) = (parent, 0);
    let mut rest = &parent[BOX_HEADER_BYTES..];
    while let Some(head) = BoxHead::of(rest)? {
        let (child, after) = rest
            .split_at_checked(head.bytes)
            .ok_or(Garbage::Size { bytes: head.bytes })?;
        if head.name == name {
            (found, count) = (child, count + 1);
        }
        rest = after;
    }
    match count {
        1 => Ok(found),
        _ => Err(Garbage::NotOne { name, count }),
    }
}

fn read<A: Atom>(parent: &[u8]) -> Result<A, Garbage> {
    A::decode(&mut only(parent, A::KIND)?).map_err(|error| Garbage::Unreadable {
        name: A::KIND,
        error: error.to_string(),
    })
}

fn read_moof(moof: &[u8]) -> Result<Moof, Garbage> {
    let traf = only(moof, Traf::KIND)?;
    Ok(Moof {
        mfhd: read::<Mfhd>(moof)?,
        traf: vec![Traf {
            tfhd: read::<Tfhd>(traf)?,
            tfdt: Some(read::<Tfdt>(traf)?),
            trun: vec![read::<Trun>(traf)?],
            ..Traf::default()
        }],
    })
}

fn check_moov(moov: &[u8]) -> Result<(), Garbage> {
    let media = only(only(moov, Trak::KIND)?, Mdia::KIND)?;
    match read::<Mdhd>(media)?.timescale {
        TICKS_PER_SECOND => Ok(()),
        ticks_per_second => Err(Garbage::Timescale { ticks_per_second }),
    }
}

/// Why output is not what ffmpeg was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Garbage {
    /// A box of another kind.
    #[error("box {found} where {expected} belongs")]
    Unexpected {
        /// What came.
        found: FourCC,
        /// What belongs there.
        expected: FourCC,
    },
    /// A size that no box of a stream has.
    #[error("a box of {bytes} bytes")]
    Size {
        /// The size as written.
        bytes: usize,
    },
    /// Beyond the bound of its kind.
    #[error("box {name} of {bytes} bytes")]
    TooLarge {
        /// Its kind.
        name: FourCC,
        /// The whole box.
        bytes: usize,
    },
    /// Its content makes no sense.
    #[error("box {name} cannot be read: {error}")]
    Unreadable {
        /// Its kind.
        name: FourCC,
        /// What the reader says.
        error: String,
    },
    /// None, or several, of a box that there must be one of, such as a track.
    #[error("{count} boxes {name} instead of one")]
    NotOne {
        /// Its kind.
        name: FourCC,
        /// How many there are.
        count: usize,
    },
    /// A media clock that decode times cannot be compared with.
    #[error("a media clock of {ticks_per_second} Hz instead of {TICKS_PER_SECOND}")]
    Timescale {
        /// Its rate.
        ticks_per_second: u32,
    },
    /// A fragment of several frames, or without the fields that are compared.
    #[error("a fragment that is not exactly one frame with its time")]
    NotOneFrame,
}

#[cfg(test)]
mod tests;
