//! Splits a byte stream of H.264 (ITU-T H.264, annex B) into access units.
//!
//! The stream of a file or a pipe marks where NAL units begin, not where
//! pictures end. An access unit ends where the next one begins: at the first
//! delimiter, parameter set, SEI message or first slice behind a slice
//! (section 7.4.1.2.3). So the splitter hands out a picture when it has seen
//! the head of the next, one frame later, or at the end of the input.
//!
//! Every byte is searched once; memory is bounded by [`MAX_UNIT_BYTES`] and one
//! read. Data partitioning and field pictures are left out: no live camera
//! makes them.

use std::io::{self, Read};

use zerocam_protocol::{
    access_unit::HEADER_BYTES,
    h264::{NalKind, find_start_code, slice_start},
    limits::MAX_ACCESS_UNIT_BYTES,
};

use super::parameter_sets::{MAX_PARAMETER_SETS_BYTES, NewestParameterSets, TooManyParameterSets};

/// Largest access unit, so that it still fits on the wire with its header and
/// with parameter sets in front.
pub const MAX_UNIT_BYTES: usize = MAX_ACCESS_UNIT_BYTES - HEADER_BYTES - MAX_PARAMETER_SETS_BYTES;

/// Input without a single start code is given up after this many bytes.
const MAX_PREAMBLE_BYTES: usize = 64 * 1024;

/// How much is asked of the input at once.
const READ_BYTES: usize = 16 * 1024;

/// Enough of a NAL unit to read its type and how its slice starts, even with
/// emulation prevention bytes among them.
const HEAD_BYTES: usize = 12;

/// Takes bytes in any portions and gives access units back.
#[derive(Debug, Default)]
pub struct Splitter {
    /// Begins with the access unit in progress, or with the one handed out
    /// last.
    buffer: Vec<u8>,
    /// Length of the access unit that was handed out last.
    handed_out: usize,
    /// Up to here the buffer was searched for start codes.
    searched: usize,
    progress: Progress,
    complete: Option<Complete>,
    ended: bool,
    parameter_sets: NewestParameterSets,
}

/// What is known of the access unit in progress.
#[derive(Debug, Default)]
struct Progress {
    begun: bool,
    has_slice: bool,
    idr: bool,
    bidirectional: bool,
}

/// The access unit that is handed out next.
#[derive(Debug)]
struct Complete {
    end: usize,
    kind: PictureKind,
    lacks_parameter_sets: bool,
    bidirectional: bool,
}

/// One coded picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit<'a> {
    /// Parameter sets to put in front, with start codes: empty unless this is
    /// a keyframe that came without its own.
    pub parameter_sets: &'a [u8],
    /// The picture as it was in the stream, beginning with a start code.
    pub bytes: &'a [u8],
    /// Whether a decoder can start here.
    pub kind: PictureKind,
    /// Whether a slice refers to later pictures (a B slice).
    pub bidirectional: bool,
}

/// Whether a decoder can start with a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureKind {
    /// An IDR picture, and its parameter sets are known.
    Keyframe,
    /// An IDR picture before any parameter set: of no use.
    KeyframeWithoutParameterSets,
    /// A picture that needs earlier ones.
    Delta,
}

impl Splitter {
    /// Appends bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.drop_handed_out();
        self.buffer.extend_from_slice(bytes);
    }

    /// Appends what one `read` gives; returns its length, 0 at the input's end.
    ///
    /// # Errors
    /// The input's own.
    pub fn read_from(&mut self, input: &mut impl Read) -> io::Result<usize> {
        self.drop_handed_out();
        let filled = self.buffer.len();
        self.buffer.resize(filled + READ_BYTES, 0);
        let read = input.read(&mut self.buffer[filled..]);
        self.buffer
            .truncate(filled + read.as_ref().map_or(0, |&bytes| bytes));
        read
    }

    /// Says that nothing follows, so that the last picture is complete.
    pub fn end_input(&mut self) {
        self.ended = true;
    }

    /// Whether [`end_input`](Self::end_input) was called.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// The kind of the access unit that [`next_unit`](Self::next_unit) hands
    /// out; `None` when more input is needed.
    ///
    /// # Errors
    /// [`SplitError`] when the stream is no H.264 or a picture is too large;
    /// the stream cannot be continued.
    pub fn peek(&mut self) -> Result<Option<PictureKind>, SplitError> {
        self.drop_handed_out();
        if self.complete.is_none()
            && let Some(end) = self.find_end()?
        {
            let progress = std::mem::take(&mut self.progress);
            // The start code that was found begins the next unit.
            self.progress.begun = true;
            let own_sps = self.parameter_sets.take_in(&self.buffer[..end])?.own_sps;
            self.complete = Some(Complete {
                end,
                kind: match (progress.idr, self.parameter_sets.bytes().is_empty()) {
                    (true, false) => PictureKind::Keyframe,
                    (true, true) => PictureKind::KeyframeWithoutParameterSets,
                    (false, _) => PictureKind::Delta,
                },
                lacks_parameter_sets: progress.idr && !own_sps,
                bidirectional: progress.bidirectional,
            });
        }
        Ok(self.complete.as_ref().map(|complete| complete.kind))
    }

    /// The next complete access unit; `None` when more input is needed.
    ///
    /// # Errors
    /// As [`peek`](Self::peek).
    pub fn next_unit(&mut self) -> Result<Option<Unit<'_>>, SplitError> {
        self.peek()?;
        let Some(complete) = self.complete.take() else {
            return Ok(None);
        };
        self.handed_out = complete.end;
        Ok(Some(Unit {
            parameter_sets: if complete.lacks_parameter_sets {
                self.parameter_sets.bytes()
            } else {
                &[]
            },
            bytes: &self.buffer[..complete.end],
            kind: complete.kind,
            bidirectional: complete.bidirectional,
        }))
    }

    /// Searches on for the end of the access unit in progress.
    fn find_end(&mut self) -> Result<Option<usize>, SplitError> {
        while let Some((code, nal)) = find_start_code(&self.buffer, self.searched) {
            let head_end = self.buffer.len().min(nal + HEAD_BYTES);
            if head_end < nal + HEAD_BYTES && !self.ended {
                self.searched = code;
                return self.check_length();
            }
            // A fourth byte of the start code belongs to it.
            let begin = if code > 0 && self.buffer[code - 1] == 0 {
                code - 1
            } else {
                code
            };
            let head = first_nal(&self.buffer[nal..head_end]);
            if !self.progress.begun {
                self.progress.begun = true;
                self.buffer.drain(..begin);
                self.searched = 0;
                continue;
            }
            if self.progress.has_slice && begins_unit(head) {
                self.searched = code;
                return Ok(Some(begin));
            }
            self.progress.take_in(head);
            self.searched = nal;
        }
        if self.ended && self.progress.has_slice {
            self.searched = self.buffer.len();
            return Ok(Some(self.buffer.len()));
        }
        // The last two bytes may begin a start code.
        self.searched = self.searched.max(self.buffer.len().saturating_sub(2));
        self.check_length()
    }

    fn check_length(&self) -> Result<Option<usize>, SplitError> {
        if !self.progress.begun && self.buffer.len() > MAX_PREAMBLE_BYTES {
            return Err(SplitError::NoStartCode);
        }
        if self.buffer.len() > MAX_UNIT_BYTES {
            return Err(SplitError::TooLarge);
        }
        Ok(None)
    }

    fn drop_handed_out(&mut self) {
        let gone = std::mem::take(&mut self.handed_out);
        self.buffer.drain(..gone);
        self.searched -= gone.min(self.searched);
    }
}

impl Progress {
    fn take_in(&mut self, head: &[u8]) {
        let Some(kind) = NalKind::of(head).filter(|kind| kind.is_slice()) else {
            return;
        };
        self.has_slice = true;
        self.idr |= kind == NalKind::IdrSlice;
        self.bidirectional |= slice_start(head).is_some_and(|start| start.bidirectional);
    }
}

/// Cuts off what follows a short NAL unit.
fn first_nal(bytes: &[u8]) -> &[u8] {
    let end = find_start_code(bytes, 0).map_or(bytes.len(), |(code, _)| code);
    let zeros = bytes[..end].iter().rev().take_while(|&&byte| byte == 0);
    &bytes[..end - zeros.count()]
}

/// Whether a NAL unit behind a slice begins the next access unit (ITU-T H.264,
/// section 7.4.1.2.3).
fn begins_unit(head: &[u8]) -> bool {
    match NalKind::of(head) {
        Some(NalKind::Slice | NalKind::IdrSlice) => {
            slice_start(head).is_some_and(|start| start.first_in_picture)
        }
        Some(NalKind::Sei | NalKind::Sps | NalKind::Pps | NalKind::Delimiter) => true,
        Some(NalKind::Other(number)) => (14..=18).contains(&number),
        Some(NalKind::Filler) | None => false,
    }
}

/// Why a stream cannot be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Something else than Annex B bytes.
    #[error("it is no raw H.264: there is no start code in its first {MAX_PREAMBLE_BYTES} bytes")]
    NoStartCode,
    /// A picture beyond what the wire carries.
    #[error("a picture is larger than {MAX_UNIT_BYTES} bytes: lower the bitrate")]
    TooLarge,
    /// Parameter sets beyond any camera's need.
    #[error(transparent)]
    TooManyParameterSets(#[from] TooManyParameterSets),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zerocam_protocol::h264::nal_units;

    use super::*;

    // First bits of a slice: first_mb ue(0) = 1, slice_type ue(5) P = 00110,
    // ue(6) B = 00111, ue(7) I = 0001000.
    const P: &[u8] = &[0x41, 0b1001_1010, 0x11];
    const B: &[u8] = &[0x01, 0b1001_1110, 0x22];
    const P_MORE: &[u8] = &[0x41, 0b0101_0011, 0x33];
    const IDR: &[u8] = &[0x65, 0b1000_1000, 0x44];
    const SPS: &[u8] = &[0x67, 1, 2, 3];
    const PPS: &[u8] = &[0x68, 4];
    const DELIMITER: &[u8] = &[0x09, 0x10];
    const SEI: &[u8] = &[0x06, 5, 1, 7];

    fn stream(nals: &[&[u8]]) -> Vec<u8> {
        let codes: [&[u8]; 2] = [&[0, 0, 0, 1], &[0, 0, 1]];
        nals.iter()
            .enumerate()
            .flat_map(|(at, nal)| [codes[at % 2], nal].concat())
            .collect()
    }

    #[derive(Debug, Clone, PartialEq)]
    struct Owned {
        sets: Vec<u8>,
        bytes: Vec<u8>,
        kind: PictureKind,
        bidirectional: bool,
    }

    fn split(portions: &[&[u8]]) -> Result<Vec<Owned>, SplitError> {
        let mut splitter = Splitter::default();
        let mut units = Vec::new();
        let mut drain = |splitter: &mut Splitter| {
            while let Some(unit) = splitter.next_unit()? {
                units.push(Owned {
                    sets: unit.parameter_sets.to_vec(),
                    bytes: unit.bytes.to_vec(),
                    kind: unit.kind,
                    bidirectional: unit.bidirectional,
                });
            }
            Ok::<_, SplitError>(())
        };
        for portion in portions {
            splitter.push(portion);
            drain(&mut splitter)?;
        }
        splitter.end_input();
        drain(&mut splitter)?;
        Ok(units)
    }

    #[test]
    fn a_unit_ends_where_the_next_begins() {
        use PictureKind::{Delta, Keyframe};
        let pictures: [&[&[u8]]; 7] = [
            &[DELIMITER, SPS, PPS, SEI, IDR],
            &[P, P_MORE],
            &[P],
            &[DELIMITER, P],
            &[SEI, P, &[0x0c, 0xff]],
            &[SPS, PPS, IDR],
            &[P],
        ];
        let all: Vec<&[u8]> = pictures.concat();
        let units = split(&[&stream(&all)]).unwrap();
        let kinds: Vec<_> = units.iter().map(|unit| unit.kind).collect();
        assert_eq!(
            kinds,
            [Keyframe, Delta, Delta, Delta, Delta, Keyframe, Delta]
        );
        for (unit, nals) in units.iter().zip(pictures) {
            assert_eq!(nal_units(&unit.bytes).collect::<Vec<_>>(), nals);
            assert!(unit.sets.is_empty() && !unit.bidirectional);
        }
    }

    #[test]
    fn a_keyframe_without_parameter_sets_gets_the_newest() {
        let other_pps: &[u8] = &[0x68, 9];
        let units = split(&[&stream(&[
            IDR, P, SPS, PPS, IDR, other_pps, P, IDR, SPS, PPS, P, IDR,
        ])])
        .unwrap();
        assert_eq!(units[0].kind, PictureKind::KeyframeWithoutParameterSets);
        assert!(units[2].sets.is_empty());
        let sets = |at: usize| nal_units(&units[at].sets).collect::<Vec<_>>();
        assert_eq!(sets(4), [SPS, PPS, other_pps]);
        assert_eq!(sets(6), [SPS, PPS], "a new SPS voids all before it");
    }

    #[test]
    fn b_slices_are_told() {
        let units = split(&[&stream(&[SPS, PPS, IDR, P, B, P])]).unwrap();
        let flags: Vec<_> = units.iter().map(|unit| unit.bidirectional).collect();
        assert_eq!(flags, [false, false, true, false]);
    }

    #[test]
    fn what_is_no_h264_is_refused() {
        assert_eq!(split(&[]), Ok(vec![]));
        assert_eq!(split(&[&stream(&[SPS, PPS])]), Ok(vec![]), "no picture");
        let text = vec![b'x'; MAX_PREAMBLE_BYTES + 1];
        assert_eq!(split(&[&text]), Err(SplitError::NoStartCode));
        let huge = [stream(&[SPS, PPS, IDR]), vec![0xff; MAX_UNIT_BYTES]].concat();
        assert_eq!(split(&[&huge]), Err(SplitError::TooLarge));
        let large: Vec<u8> = [SPS, &[1; MAX_PARAMETER_SETS_BYTES]].concat();
        assert_eq!(
            split(&[&stream(&[&large, IDR])]),
            Err(SplitError::TooManyParameterSets(TooManyParameterSets))
        );
    }

    proptest! {
        #[test]
        fn portions_do_not_matter(
            picks in prop::collection::vec(0..9_usize, 0..40),
            cuts in prop::collection::vec(0..400_usize, 0..20),
        ) {
            let nals = [P, B, P_MORE, IDR, SPS, PPS, DELIMITER, SEI, &[0x0c, 0xff]];
            let all: Vec<&[u8]> = picks.iter().map(|&pick| nals[pick]).collect();
            let bytes = stream(&all);
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|&cut| cut < bytes.len()).collect();
            cuts.push(0);
            cuts.push(bytes.len());
            cuts.sort_unstable();
            let portions: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            let units = split(&portions).unwrap();
            prop_assert_eq!(&units, &split(&[&bytes]).unwrap());
            let together: Vec<u8> = units.iter().flat_map(|unit| unit.bytes.clone()).collect();
            prop_assert!(bytes.starts_with(&together), "nothing is lost or moved");
        }

        #[test]
        fn any_bytes_are_split_or_refused(
            bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 0..600),
        ) {
            for unit in split(&[&bytes]).unwrap_or_default() {
                prop_assert!(nal_units(&unit.bytes).any(|nal| NalKind::of(nal).unwrap().is_slice()));
            }
        }
    }
}
