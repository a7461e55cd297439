//! Writes access units as FLV (Adobe FLV 10.1, annex E), ffmpeg's standard input.
//!
//! FLV because it carries our own timestamps to the millisecond and ffmpeg
//! passes them on untouched and at once; raw H.264 has none, and MPEG-TS and
//! Matroska hold frames back. The bytes behind each tag's header are exactly
//! what ffmpeg must give back in `mdat`, so one buffer is fed and compared.
//!
//! Leaves out audio, metadata and composition times: cameras send no B-frames.

use bytes::{BufMut, Bytes, BytesMut};
use mp4_atom::{Atom, Avcc, AvccExt};
use zerocam_protocol::h264::{NalKind, ParameterSets, nal_units};

/// FLV version 1, video only, a header of 9 bytes, no tag before the first.
const FILE_HEADER: [u8; 13] = [b'F', b'L', b'V', 1, 0b1, 0, 0, 0, 9, 0, 0, 0, 0];
/// Tag header, then frame type, packet type and composition time.
const HEAD_BYTES: usize = 11 + 5;
/// The size of the tag, repeated behind it.
const TAIL_BYTES: usize = 4;
/// H.264's High profile: its configuration record has four more bytes.
const HIGH_PROFILE: u8 = 100;

/// What FLV calls an AVCPacketType.
#[derive(Clone, Copy)]
enum Packet {
    SequenceHeader = 0,
    Picture = 1,
}

/// What a stream begins with: the file header and the parameter sets, stamped
/// with the time of the first picture that follows.
#[must_use]
pub fn stream_head(time_ms: u32, sets: &ParameterSets) -> Bytes {
    let record = configuration_record(sets);
    let mut bytes = BytesMut::with_capacity(FILE_HEADER.len() + tag_bytes(record.len()));
    bytes.put_slice(&FILE_HEADER);
    put_tag(&mut bytes, time_ms, true, Packet::SequenceHeader, |body| {
        body.put_slice(&record);
    });
    bytes.freeze()
}

/// One access unit as an FLV tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureTag(Bytes);

impl PictureTag {
    /// Turns Annex B into a tag. Parameter sets, delimiters and filler stay
    /// behind: the first stand in the stream's head, and none of them belongs
    /// into an MP4 sample. `None` when no slice is left.
    #[must_use]
    pub fn new(time_ms: u32, keyframe: bool, annex_b: &[u8]) -> Option<Self> {
        let (mut media_bytes, mut has_slice) = (0, false);
        for (kind, nal) in kept(annex_b) {
            media_bytes += 4 + nal.len();
            has_slice |= kind.is_slice();
        }
        if !has_slice {
            return None;
        }
        let mut bytes = BytesMut::with_capacity(tag_bytes(media_bytes));
        put_tag(&mut bytes, time_ms, keyframe, Packet::Picture, |body| {
            for (_, nal) in kept(annex_b) {
                body.put_u32(u32::try_from(nal.len()).expect("access units are below 4 GiB"));
                body.put_slice(nal);
            }
        });
        Some(Self(bytes.freeze()))
    }

    /// The whole tag.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// The NAL units with their lengths in front, as an MP4 sample has them.
    #[must_use]
    pub fn sample(&self) -> &[u8] {
        &self.0[HEAD_BYTES..self.0.len() - TAIL_BYTES]
    }
}

fn kept(annex_b: &[u8]) -> impl Iterator<Item = (NalKind, &[u8])> {
    nal_units(annex_b).filter_map(|nal| match NalKind::of(nal)? {
        NalKind::Sps | NalKind::Pps | NalKind::Delimiter | NalKind::Filler => None,
        kind => Some((kind, nal)),
    })
}

const fn tag_bytes(body_bytes: usize) -> usize {
    HEAD_BYTES + body_bytes + TAIL_BYTES
}

fn put_tag(
    bytes: &mut BytesMut,
    time_ms: u32,
    keyframe: bool,
    packet: Packet,
    body: impl FnOnce(&mut BytesMut),
) {
    const VIDEO: u8 = 9;
    const AVC: u8 = 7;
    let start = bytes.len();
    bytes.put_slice(&[VIDEO, 0, 0, 0]); // the size follows below
    let [top, time @ ..] = time_ms.to_be_bytes();
    bytes.put_slice(&time);
    bytes.put_u8(top); // the timestamp's upper byte comes last
    bytes.put_slice(&[0, 0, 0]); // stream id
    bytes.put_u8(if keyframe { 1 } else { 2 } << 4 | AVC);
    bytes.put_slice(&[packet as u8, 0, 0, 0]); // composition time 0
    body(bytes);
    let size = u32::try_from(bytes.len() - start).expect("access units are below 4 GiB");
    bytes[start + 1..start + 4].copy_from_slice(&(size - 11).to_be_bytes()[1..]);
    bytes.put_u32(size);
}

/// AVCDecoderConfigurationRecord (ISO/IEC 14496-15, section 5.3.3.1).
fn configuration_record(sets: &ParameterSets) -> Vec<u8> {
    let mut record = Avcc::new(&sets.sps, &sets.pps).expect("the intake has read this SPS");
    // Hardware encoders make 4:2:0 with 8 bits, which is the extension's default.
    record.ext = (record.avc_profile_indication == HIGH_PROFILE).then(AvccExt::default);
    let mut bytes = Vec::new();
    record
        .encode_body(&mut bytes)
        .expect("lengths of 4 bytes and 8-bit samples can be written");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(profile: u8) -> ParameterSets {
        ParameterSets {
            sps: [0x67, profile, 0xc0, 0x15, 0xaa].into(),
            pps: [0x68, 0xbb].into(),
        }
    }

    #[test]
    fn golden_stream_head() {
        let golden = [
            b'F', b'L', b'V', 1, 1, 0, 0, 0, 9, 0, 0, 0, 0, // file header
            9, 0, 0, 23, 0x34, 0x56, 0x78, 0x12, 0, 0, 0, // tag header, time 0x12345678
            0x17, 0, 0, 0, 0, // keyframe, AVC, sequence header
            1, 0x42, 0xc0, 0x15, 0xff, // version, profile, level, 4-byte lengths
            0xe1, 0, 5, 0x67, 0x42, 0xc0, 0x15, 0xaa, // one SPS
            1, 0, 2, 0x68, 0xbb, // one PPS
            0, 0, 0, 34, // size of the tag
        ];
        assert_eq!(stream_head(0x1234_5678, &sets(0x42))[..], golden);
    }

    #[test]
    fn the_high_profile_says_its_sample_format() {
        let record = configuration_record(&sets(100));
        assert_eq!(record[record.len() - 4..], [0xfd, 0xf8, 0xf8, 0]);
    }

    #[test]
    fn golden_picture() {
        let annex_b = [
            0, 0, 0, 1, 9, 0xf0, // delimiter
            0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x15, 0xaa, 0, 0, 1, 0x68, 0xbb, // parameter sets
            0, 0, 1, 6, 5, 0x80, // SEI
            0, 0, 0, 1, 0x65, 0x88, 0x01, // slice
            0, 0, 1, 12, 0xff, 0x80, // filler
            0, 0, 1, 0x65, 0x44, // slice
        ];
        let tag = PictureTag::new(0x0100_0002, true, &annex_b).unwrap();
        let golden = [
            9, 0, 0, 25, 0, 0, 2, 1, 0, 0, 0, // tag header
            0x17, 1, 0, 0, 0, // keyframe, AVC, NAL units
            0, 0, 0, 3, 6, 5, 0x80, 0, 0, 0, 3, 0x65, 0x88, 0x01, 0, 0, 0, 2, 0x65, 0x44, //
            0, 0, 0, 36,
        ];
        assert_eq!(tag.bytes()[..], golden);
        assert_eq!(tag.sample(), &golden[16..36]);
        let later = PictureTag::new(0, false, &annex_b).unwrap();
        assert_eq!(later.bytes()[11], 0x27, "not a keyframe");
    }

    #[test]
    fn no_picture_without_a_slice() {
        let parameter_sets = [0, 0, 1, 0x67, 0x42, 0xc0, 0x15, 0, 0, 1, 0x68, 0xbb];
        assert_eq!(PictureTag::new(0, true, &parameter_sets), None);
        assert_eq!(PictureTag::new(0, true, &[]), None);
    }
}
