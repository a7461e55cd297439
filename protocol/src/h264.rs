//! H.264 as far as both sides need it: NAL units in Annex B bytes, what kind
//! they are, and what the sequence parameter set says of the picture.
//!
//! Never decodes a picture and never allocates per NAL unit.

use h264_reader::{
    nal::{Nal, RefNal, sps::SeqParameterSet},
    rbsp::BitReaderError,
};

/// The kinds of NAL unit (ITU-T H.264, table 7-1) that are told apart here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NalKind {
    /// Part of a picture that refers to others.
    Slice,
    /// Part of a picture that a decoder can start with.
    IdrSlice,
    /// Supplemental enhancement information.
    Sei,
    /// Sequence parameter set.
    Sps,
    /// Picture parameter set.
    Pps,
    /// Marks where an access unit begins.
    Delimiter,
    /// Stuffing.
    Filler,
    /// Anything else, by its number.
    Other(u8),
}

impl NalKind {
    /// The kind of a NAL unit, from its first byte. `None` for an empty one.
    #[must_use]
    pub fn of(nal: &[u8]) -> Option<Self> {
        Some(match nal.first()? & 0x1f {
            1 => Self::Slice,
            5 => Self::IdrSlice,
            6 => Self::Sei,
            7 => Self::Sps,
            8 => Self::Pps,
            9 => Self::Delimiter,
            12 => Self::Filler,
            other => Self::Other(other),
        })
    }

    /// Whether it carries picture data.
    #[must_use]
    pub const fn is_slice(self) -> bool {
        matches!(self, Self::Slice | Self::IdrSlice)
    }
}

/// The NAL units between the start codes of Annex B bytes, in order, without
/// start codes and trailing zeros. Bytes in front of the first start code are
/// skipped.
pub fn nal_units(annex_b: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = find_start_code(annex_b, 0).map(|(_, after)| after);
    std::iter::from_fn(move || {
        loop {
            let from = start?;
            let (end, next) = match find_start_code(annex_b, from) {
                Some((at, after)) => (at, Some(after)),
                None => (annex_b.len(), None),
            };
            start = next;
            let nal = &annex_b[from..end];
            let zeros = nal.iter().rev().take_while(|&&byte| byte == 0).count();
            if zeros < nal.len() {
                return Some(&nal[..nal.len() - zeros]);
            }
        }
    })
}

/// The next three-byte start code at or after `from`: where it begins, and
/// where the NAL unit behind it begins.
#[must_use]
pub fn find_start_code(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    // Looks at every third byte while it is large: no start code can end there.
    while let Some(&third) = bytes.get(at + 2) {
        match third {
            0 => at += 1,
            1 if bytes[at] == 0 && bytes[at + 1] == 0 => return Some((at, at + 3)),
            _ => at += 3,
        }
    }
    None
}

/// The first SPS and PPS of an access unit, as they stand between start codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSets {
    /// Sequence parameter set with its NAL header.
    pub sps: Box<[u8]>,
    /// Picture parameter set with its NAL header.
    pub pps: Box<[u8]>,
}

impl ParameterSets {
    /// Takes them from Annex B bytes; `None` unless both are there.
    #[must_use]
    pub fn find(annex_b: &[u8]) -> Option<Self> {
        let first = |kind| nal_units(annex_b).find(|nal| NalKind::of(nal) == Some(kind));
        Some(Self {
            sps: first(NalKind::Sps)?.into(),
            pps: first(NalKind::Pps)?.into(),
        })
    }

    /// What the SPS says of the picture.
    ///
    /// # Errors
    /// [`InvalidSps`] when it cannot be read.
    pub fn video_format(&self) -> Result<VideoFormat, InvalidSps> {
        VideoFormat::from_sps(&self.sps)
    }
}

/// What a sequence parameter set says of the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoFormat {
    /// RFC 6381 name, such as `avc1.42e01f`.
    pub codec: String,
    /// Luma samples across, after cropping.
    pub width: u32,
    /// Luma samples down, after cropping.
    pub height: u32,
    /// Frames per second from the VUI's timing, when it has one.
    pub frame_rate_hz: Option<f64>,
}

impl VideoFormat {
    fn from_sps(sps: &[u8]) -> Result<Self, InvalidSps> {
        let &[_, profile, constraints, level, ..] = sps else {
            return Err(InvalidSps);
        };
        let bits = RefNal::new(sps, &[], true).rbsp_bits();
        let read = SeqParameterSet::from_bits(bits).map_err(|_| InvalidSps)?;
        let (width, height) = read.pixel_dimensions().map_err(|_| InvalidSps)?;
        let frame_rate_hz = read.fps().filter(|fps| fps.is_finite() && *fps > 0.0);
        Ok(Self {
            codec: format!("avc1.{profile:02x}{constraints:02x}{level:02x}"),
            width,
            height,
            frame_rate_hz,
        })
    }
}

/// A sequence parameter set that cannot be read. What its reader says of it are
/// names in a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sequence parameter set (SPS) cannot be read: it is damaged, or no H.264")]
pub struct InvalidSps;

/// What the beginning of a slice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceStart {
    /// Whether it begins a new picture (`first_mb_in_slice` is 0).
    pub first_in_picture: bool,
    /// Whether it may refer to later pictures (a B slice).
    pub bidirectional: bool,
}

/// Reads the first two fields of a slice header (ITU-T H.264, section 7.3.3).
/// `None` when the NAL unit is no slice or ends too early.
#[must_use]
pub fn slice_start(nal: &[u8]) -> Option<SliceStart> {
    use h264_reader::rbsp::BitRead;
    if !NalKind::of(nal)?.is_slice() {
        return None;
    }
    let read = || -> Result<SliceStart, BitReaderError> {
        let mut bits = RefNal::new(nal, &[], true).rbsp_bits();
        let first_mb = bits.read_ue("first_mb_in_slice")?;
        let slice_type = bits.read_ue("slice_type")?;
        Ok(SliceStart {
            first_in_picture: first_mb == 0,
            bidirectional: slice_type % 5 == 1,
        })
    };
    read().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 640x272, 25 fps, constrained baseline, level 2.1, made with x264.
    const SPS: [u8; 24] = [
        0x67, 0x42, 0xc0, 0x15, 0xd9, 0x00, 0xa0, 0x23, 0xb0, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01,
        0x00, 0x00, 0x03, 0x00, 0x32, 0x0f, 0x16, 0x2e, 0x48,
    ];

    #[test]
    fn splits_at_long_and_short_start_codes() {
        let bytes = [
            9, 0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 0, 1, 0x65, 0, 0, 3, 1,
        ];
        let nals: Vec<_> = nal_units(&bytes).collect();
        assert_eq!(nals, [&[0x67, 1][..], &[0x68, 2], &[0x65, 0, 0, 3, 1]]);
        assert_eq!(NalKind::of(nals[0]), Some(NalKind::Sps));
        assert_eq!(NalKind::of(nals[1]), Some(NalKind::Pps));
        assert_eq!(NalKind::of(nals[2]), Some(NalKind::IdrSlice));
        assert_eq!(nal_units(&[0, 0, 1, 0, 0, 1]).count(), 0);
        assert_eq!(nal_units(&[1, 2, 3]).count(), 0);
    }

    #[test]
    fn reads_what_an_sps_says() {
        let mut unit = vec![0, 0, 0, 1];
        unit.extend(SPS);
        assert_eq!(ParameterSets::find(&unit), None, "there is no PPS yet");
        unit.extend([0, 0, 1, 0x68, 0xce, 0x3c, 0x80]);
        let sets = ParameterSets::find(&unit).unwrap();
        let format = sets.video_format().unwrap();
        assert_eq!(format.codec, "avc1.42c015");
        assert_eq!((format.width, format.height), (640, 272));
        assert_eq!(format.frame_rate_hz, Some(25.0));
    }

    #[test]
    fn a_broken_sps_says_so() {
        for sps in [
            &[0x67][..],
            &[0x67, 0x42, 0, 30],
            &[0x67, 0xff, 0xff, 0xff, 0xff],
        ] {
            let text = VideoFormat::from_sps(sps).unwrap_err().to_string();
            assert!(text.contains("SPS"), "{text}");
        }
    }

    #[test]
    fn reads_how_a_slice_starts() {
        // ue(0) = 1; ue(5), a P slice = 00110; ue(6), a B slice = 00111.
        let p = slice_start(&[0x41, 0b1001_1010, 0]).unwrap();
        assert_eq!(
            p,
            SliceStart {
                first_in_picture: true,
                bidirectional: false
            }
        );
        let b = slice_start(&[0x01, 0b1001_1110, 0]).unwrap();
        assert_eq!(
            b,
            SliceStart {
                first_in_picture: true,
                bidirectional: true
            }
        );
        let second = slice_start(&[0x41, 0b0100_0110, 0]).unwrap();
        assert!(!second.first_in_picture);
        assert_eq!(slice_start(&[0x67, 0x80]), None);
        assert_eq!(slice_start(&[]), None);
    }

    proptest! {
        #[test]
        fn nal_units_survive_framing(nals in prop::collection::vec(prop::collection::vec(2_u8.., 1..40), 0..8)) {
            let mut bytes = Vec::new();
            for (index, nal) in nals.iter().enumerate() {
                bytes.extend_from_slice(if index % 2 == 0 { &[0, 0, 0, 1] } else { &[0, 0, 1] });
                bytes.extend_from_slice(nal);
            }
            prop_assert_eq!(nal_units(&bytes).collect::<Vec<_>>(), nals);
        }

        #[test]
        fn the_start_code_search_misses_none(bytes in prop::collection::vec(0_u8..3, 0..60)) {
            let naive = bytes.windows(3).position(|window| window == [0, 0, 1]).map(|at| (at, at + 3));
            prop_assert_eq!(find_start_code(&bytes, 0), naive);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = VideoFormat::from_sps(&bytes);
            for nal in nal_units(&bytes) {
                let _ = (NalKind::of(nal), slice_start(nal));
            }
        }
    }
}
