//! Real recorded video, and what it consists of.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use ring::digest;
use zerocam::camera::clock_code;
use zerocam_protocol::h264::{NalKind, nal_units, slice_start};

use crate::{Program, program::repository};

/// SHA-256 of one slice, without start code or length.
pub type SliceHash = [u8; digest::SHA256_OUTPUT_LEN];

/// A clip and its pictures.
#[derive(Debug)]
pub struct Footage {
    /// The file, H.264 in Annex B.
    pub path: PathBuf,
    /// Its pictures in order, each by the hashes of its slices.
    pub pictures: Vec<Vec<SliceHash>>,
}

/// What a clip is to be like.
#[derive(Debug, Clone, Copy)]
pub struct Clip {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Whole pictures per second.
    pub frame_rate_hz: u32,
    /// How many there are.
    pub pictures: u32,
}

impl Footage {
    /// Cyclists on a street: 640x272, 25 pictures per second, 10 s.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn bikes() -> Self {
        Self::of("bikes")
    }

    /// An animated film: 1280x720, 25 pictures per second, 5 s.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn bigbuckbunny() -> Self {
        Self::of("bigbuckbunny")
    }

    fn of(clip: &str) -> Self {
        let script = repository().join("scripts/footage");
        let path = PathBuf::from(Program::run(Command::new(script).arg(clip)).trim());
        Self::read(path)
    }

    /// Pictures with nothing but a bar code that says which one it is, from 0;
    /// as many keyframes as seconds.
    ///
    /// # Panics
    /// When ffmpeg cannot make it.
    #[must_use]
    pub fn numbered(directory: &Path, clip: Clip) -> Self {
        let Clip {
            width,
            height,
            frame_rate_hz,
            pictures,
        } = clip;
        let path = directory.join("numbered.h264");
        let raw = directory.join("numbered.gray");
        let painted: Vec<u8> = (0..pictures)
            .flat_map(|number| {
                let cells = clock_code::encode(number.into());
                (0..width * height).map(move |at| {
                    let cell = (at % width) as usize * clock_code::CELLS / width as usize;
                    if cells[cell] { 255 } else { 0 }
                })
            })
            .collect();
        fs::write(&raw, painted).expect("room for temporary files");
        Program::run(
            Command::new("ffmpeg")
                .args([
                    "-nostdin", "-v", "error", "-f", "rawvideo", "-pix_fmt", "gray",
                ])
                .args(["-s", &format!("{width}x{height}")])
                .args(["-r", &frame_rate_hz.to_string(), "-i"])
                .arg(&raw)
                .args([
                    "-c:v",
                    "libx264",
                    "-profile:v",
                    "baseline",
                    "-pix_fmt",
                    "yuv420p",
                ])
                .args([
                    "-bf",
                    "0",
                    "-g",
                    &frame_rate_hz.to_string(),
                    "-sc_threshold",
                    "0",
                ])
                .args(["-b:v", "500k", "-f", "h264"])
                .arg(&path),
        );
        Self::read(path)
    }

    fn read(path: PathBuf) -> Self {
        let bytes = fs::read(&path).expect("it was just made");
        let pictures = pictures(&bytes)
            .into_iter()
            .map(|range| slice_hashes(&bytes[range]))
            .collect();
        Self { path, pictures }
    }
}

/// Where each picture's slices stand in Annex B bytes.
fn pictures(annex_b: &[u8]) -> Vec<Range<usize>> {
    let mut pictures: Vec<Range<usize>> = Vec::new();
    for nal in nal_units(annex_b) {
        let Some(slice) = slice_start(nal) else {
            continue;
        };
        // With its start code, so that the range is Annex B again.
        let start = nal.as_ptr() as usize - annex_b.as_ptr() as usize - 3;
        let end = start + 3 + nal.len();
        match pictures.last_mut() {
            Some(picture) if !slice.first_in_picture => picture.end = end,
            _ => pictures.push(start..end),
        }
    }
    pictures
}

/// The hashes of the slices in Annex B bytes, in order.
#[must_use]
pub fn slice_hashes(annex_b: &[u8]) -> Vec<SliceHash> {
    nal_units(annex_b).filter_map(slice_hash).collect()
}

/// The hash of a NAL unit that is a slice.
#[must_use]
pub fn slice_hash(nal: &[u8]) -> Option<SliceHash> {
    NalKind::of(nal)?.is_slice().then(|| {
        digest::digest(&digest::SHA256, nal)
            .as_ref()
            .try_into()
            .expect("SHA-256 has 32 bytes")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_told_apart_by_their_first_slice() {
        // first_mb_in_slice is ue(v): a leading 1 bit is 0.
        let (first, further) = (&[0u8, 0, 1, 0x41, 0x9a], &[0u8, 0, 1, 0x41, 0x5a]);
        let sps = &[0u8, 0, 0, 1, 0x67, 0x42];
        let stream = [&sps[..], first, further, first].concat();
        let lengths: Vec<usize> = pictures(&stream)
            .into_iter()
            .map(|range| slice_hashes(&stream[range]).len())
            .collect();
        assert_eq!(lengths, [2, 1]);
    }
}
