//! Tells raw H.264 from what people take for it: by the first bytes of a file.
//!
//! A container's bytes hold start codes too, by chance or because it carries
//! H.264 in pieces, so that only the very beginning tells them apart.

/// So much of a file's beginning is needed.
pub(super) const BEGINNING_BYTES: usize = TS_PACKET_BYTES + 1;

/// A packet of an MPEG transport stream (ITU-T H.222.0, 2.4.3.2).
const TS_PACKET_BYTES: usize = 188;

/// Whether raw H.264 begins so: with a start code (ITU-T H.264, annex B).
pub(super) fn is_annex_b(beginning: &[u8]) -> bool {
    let zeros = beginning.iter().take_while(|&&byte| byte == 0).count();
    zeros >= 2 && beginning.get(zeros) == Some(&1)
}

/// The container that begins so, as people call it, with its article.
pub(super) fn name(beginning: &[u8]) -> Option<&'static str> {
    let has = |at: usize, mark: &[u8]| {
        beginning
            .get(at..)
            .is_some_and(|bytes| bytes.starts_with(mark))
    };
    if has(4, b"ftyp") {
        Some("an MP4")
    } else if has(0, &[0x1a, 0x45, 0xdf, 0xa3]) {
        Some("a Matroska")
    } else if has(0, b"RIFF") {
        Some("an AVI")
    } else if has(0, b"FLV") {
        Some("an FLV")
    } else if has(0, &[0x47]) && has(TS_PACKET_BYTES, &[0x47]) {
        Some("an MPEG-TS")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings() {
        let packets = [[0x47; 1].as_slice(), &[0; 187], &[0x47, 0, 0, 1]].concat();
        for (beginning, annex_b, container) in [
            (b"\0\0\0\x01\x67".as_slice(), true, None),
            (b"\0\0\x01\x67", true, None),
            (b"\0\0\0\0\0\0\x01\x67", true, None),
            (b"\0\x01", false, None),
            (b"\0\0", false, None),
            (b"", false, None),
            (b"\x65\0\0\x01\x67", false, None),
            (b"\0\0\0\x20ftypisom", false, Some("an MP4")),
            (b"\x1a\x45\xdf\xa3\x93", false, Some("a Matroska")),
            (b"RIFF\x01\x02\x03\x04AVI ", false, Some("an AVI")),
            (b"FLV\x01", false, Some("an FLV")),
            (packets.as_slice(), false, Some("an MPEG-TS")),
            (b"Good", false, None),
        ] {
            assert_eq!(is_annex_b(beginning), annex_b, "{beginning:02x?}");
            assert_eq!(name(beginning), container, "{beginning:02x?}");
        }
    }
}
