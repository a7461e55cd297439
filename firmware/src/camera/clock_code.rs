//! A capture time that a program reads back from a picture: the bar code of the
//! test picture.
//!
//! ```text
//! +--------------------------------------+
//! |               picture                |
//! |                                      |  40 cells of equal width side by side
//! +--+--+--+--+--+--+--+-- ... -+--+--+--+  over the whole width; their height is
//! |  |##|  |##|##|  |  |        |##|  |##|  1/10 of the picture, at its bottom edge
//! +--+--+--+--+--+--+--+-- ... -+--+--+--+
//!  cell 0 .. 31                 32 .. 39
//! ```
//!
//! A white cell is 1, a black one 0. Cells 0 to 31 hold the capture time, Unix
//! milliseconds modulo 2^32, most significant bit first. Cells 32 to 39 hold a
//! CRC-8 of those four bytes (polynomial 0x07, initial value 0xff, not
//! reflected, no final XOR), so that a picture without a code, black or white
//! included, is not taken for one.
//!
//! To read it from a screenshot, cut out the picture without letterbox and
//! compare, for each cell `i`, the brightness at `((i + 0.5) / 40 * width,
//! 0.95 * height)` with half of full brightness. At 40 cells the pictures of
//! the test camera have whole cells down to 160 pixels, and a page on a phone
//! of 390 pixels still shows more than 9 for each.

/// How many cells stand side by side.
pub const CELLS: usize = 40;

/// The code's height is the picture's divided by this.
pub const HEIGHT_DIVISOR: usize = 10;

/// The cells for a capture time in Unix milliseconds, from left to right;
/// `true` is white.
#[must_use]
pub fn encode(unix_ms: u64) -> [bool; CELLS] {
    let bytes = (unix_ms as u32).to_be_bytes();
    let word = u64::from(u32::from_be_bytes(bytes)) << 8 | u64::from(crc8(bytes));
    std::array::from_fn(|cell| word >> (CELLS - 1 - cell) & 1 == 1)
}

/// A picture's brightness: 8 bits a sample, rows from the top.
#[derive(Debug, Clone, Copy)]
pub struct Luma<'a> {
    /// At least `stride * height` samples.
    pub samples: &'a [u8],
    /// Samples from one row to the next.
    pub stride: usize,
    /// Picture width in samples.
    pub width: usize,
    /// Picture height in samples.
    pub height: usize,
}

/// Reads the capture time from a picture, Unix milliseconds modulo 2^32; `None`
/// when it shows no valid code.
#[must_use]
pub fn decode(picture: Luma<'_>) -> Option<u32> {
    let Luma { width, height, .. } = picture;
    let row = height - height / (2 * HEIGHT_DIVISOR);
    let mut word = 0_u64;
    for cell in 0..CELLS {
        let column = (2 * cell + 1) * width / (2 * CELLS);
        let sample = picture.samples.get(row * picture.stride + column)?;
        word = word << 1 | u64::from(*sample >= 128);
    }
    let unix_ms = (word >> 8) as u32;
    (crc8(unix_ms.to_be_bytes()) == word as u8).then_some(unix_ms)
}

fn crc8(bytes: [u8; 4]) -> u8 {
    bytes.into_iter().fold(0xff, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| {
            if crc & 0x80 == 0 {
                crc << 1
            } else {
                crc << 1 ^ 0x07
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paint(cells: [bool; CELLS], width: usize, height: usize) -> Vec<u8> {
        let top = height - height / HEIGHT_DIVISOR;
        (0..width * height)
            .map(
                |at| match (at / width >= top, cells[at % width * CELLS / width]) {
                    (true, true) => 235,
                    (true, false) => 16,
                    (false, _) => 99,
                },
            )
            .collect()
    }

    fn read(samples: &[u8], width: usize, height: usize) -> Option<u32> {
        decode(Luma {
            samples,
            stride: width,
            width,
            height,
        })
    }

    #[test]
    fn golden_cells() {
        // Another reader of the code, written from the description, must find
        // the same.
        let text: String = encode(0x0001_0203_0405_0607)
            .map(|white| if white { '1' } else { '0' })
            .into_iter()
            .collect();
        assert_eq!(text, format!("{:032b}{:08b}", 0x0405_0607, 0x22));
    }

    #[test]
    fn a_plain_picture_holds_no_code() {
        for brightness in [0, 16, 128, 235, 255] {
            assert_eq!(read(&vec![brightness; 160 * 120], 160, 120), None);
        }
        assert_eq!(read(&[], 160, 120), None);
        assert_eq!(read(&[], 0, 0), None);
    }

    proptest! {
        #[test]
        fn what_is_painted_is_read(unix_ms: u64, width in 160..700_usize, height in 90..400_usize) {
            let picture = paint(encode(unix_ms), width, height);
            prop_assert_eq!(read(&picture, width, height), Some(unix_ms as u32));
        }

        #[test]
        fn a_wrong_cell_is_noticed(unix_ms: u64, wrong in 0..CELLS) {
            let mut cells = encode(unix_ms);
            cells[wrong] ^= true;
            prop_assert_eq!(read(&paint(cells, 320, 240), 320, 240), None);
        }
    }
}
