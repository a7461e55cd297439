//! Paints the test picture: colour bars, a square that moves once across in
//! four seconds, the time of day in UTC with milliseconds, and the same as a
//! [bar code](clock_code).
//!
//! Pure: the picture is a function of the time. Digits are drawn as seven
//! segments, so that no font is needed.

use std::{ops::Range, time::Duration};

use super::{super::clock_code, Size};

/// A colour: luma, blue and red difference (ITU-R BT.601, limited range).
type Colour = [u8; 3];

const BLACK: Colour = [16, 128, 128];
const WHITE: Colour = [235, 128, 128];
const PANEL: Colour = [40, 140, 124];

/// White, yellow, cyan, green, magenta, red, blue at 75 %.
const BARS: [Colour; 7] = [
    [180, 128, 128],
    [162, 44, 142],
    [131, 156, 44],
    [112, 72, 58],
    [84, 184, 198],
    [65, 100, 212],
    [35, 212, 114],
];

/// How long the square takes from edge to edge.
const SWEEP_MS: u64 = 4000;

/// The test picture in memory, planar YUV 4:2:0.
pub(super) struct Painting {
    width: usize,
    height: usize,
    samples: Vec<u8>,
}

impl Painting {
    pub(super) fn new(size: Size) -> Self {
        let (width, height) = (size.width as usize, size.height as usize);
        Self {
            width,
            height,
            samples: vec![0; width * height * 3 / 2],
        }
    }

    /// The picture at a time since 1970.
    pub(super) fn at(&mut self, unix: Duration) -> &[u8] {
        let unix_ms = unix.as_millis() as u64;
        let code_top = self.height - self.height / clock_code::HEIGHT_DIVISOR;
        let panel_top = even(code_top * 3 / 4);
        for (bar, colour) in BARS.into_iter().enumerate() {
            self.fill(self.columns(bar, BARS.len()), 0..panel_top, colour);
        }
        self.square(unix_ms, panel_top);
        self.fill(0..self.width, panel_top..code_top, PANEL);
        self.time_of_day(unix_ms, panel_top..code_top);
        for (cell, white) in clock_code::encode(unix_ms).into_iter().enumerate() {
            let columns = self.columns(cell, clock_code::CELLS);
            self.fill(
                columns,
                code_top..self.height,
                if white { WHITE } else { BLACK },
            );
        }
        &self.samples
    }

    fn square(&mut self, unix_ms: u64, panel_top: usize) {
        let side = even(panel_top / 4);
        let way = self.width - side;
        let left = even(way * (unix_ms % SWEEP_MS) as usize / SWEEP_MS as usize);
        let top = even((panel_top - side) / 2);
        self.fill(left..left + side, top..top + side, WHITE);
    }

    fn time_of_day(&mut self, unix_ms: u64, rows: Range<usize>) {
        let (ms, s) = (unix_ms % 1000, unix_ms / 1000);
        let text = format!(
            "{:02}:{:02}:{:02}.{ms:03}",
            s / 3600 % 24,
            s / 60 % 60,
            s % 60
        );
        let advance = even(self.width / (text.len() + 2));
        let stroke = even(advance / 8).max(2);
        let height = even((rows.len() * 3 / 4).min(advance * 3 / 2));
        let top = even(rows.start + (rows.len() - height) / 2);
        for (at, character) in text.bytes().enumerate() {
            let left = advance * (at + 1);
            let glyph = left..left + advance - 2 * stroke;
            for [columns, rows] in strokes(character, glyph, top..top + height, stroke) {
                self.fill(columns, rows, WHITE);
            }
        }
    }

    /// The columns of the `at`-th of `count` equal parts.
    fn columns(&self, at: usize, count: usize) -> Range<usize> {
        at * self.width / count..(at + 1) * self.width / count
    }

    fn fill(&mut self, columns: Range<usize>, rows: Range<usize>, colour: Colour) {
        let (luma, chroma) = self.samples.split_at_mut(self.width * self.height);
        for row in luma
            .chunks_exact_mut(self.width)
            .take(rows.end)
            .skip(rows.start)
        {
            row[columns.clone()].fill(colour[0]);
        }
        let half = self.width / 2;
        let (blue, red) = chroma.split_at_mut(half * self.height / 2);
        for (plane, value) in [(blue, colour[1]), (red, colour[2])] {
            let rows = rows.start / 2..rows.end / 2;
            for row in plane.chunks_exact_mut(half).take(rows.end).skip(rows.start) {
                row[columns.start / 2..columns.end / 2].fill(value);
            }
        }
    }
}

const fn even(value: usize) -> usize {
    value & !1
}

/// The rectangles that draw a digit, colon or full stop in a box.
fn strokes(
    character: u8,
    columns: Range<usize>,
    rows: Range<usize>,
    stroke: usize,
) -> impl Iterator<Item = [Range<usize>; 2]> {
    let Range {
        start: left,
        end: right,
    } = columns;
    let Range {
        start: top,
        end: bottom,
    } = rows;
    let middle = even((top + bottom - stroke) / 2);
    let centre = even((left + right - stroke) / 2);
    let dot = |at: usize| [centre..centre + stroke, at..at + stroke];
    let shapes = [
        [left..right, top..top + stroke],
        [right - stroke..right, top..middle + stroke],
        [right - stroke..right, middle..bottom],
        [left..right, bottom - stroke..bottom],
        [left..left + stroke, middle..bottom],
        [left..left + stroke, top..middle + stroke],
        [left..right, middle..middle + stroke],
        dot(even((top + middle) / 2)),
        dot(even((middle + bottom) / 2)),
        dot(bottom - stroke),
    ];
    // Which shapes are drawn: the seven segments from the top, clockwise, the
    // middle one; then the dots from the top.
    let drawn: u16 = match character {
        b'0' => 0b000_0111111,
        b'1' => 0b000_0000110,
        b'2' => 0b000_1011011,
        b'3' => 0b000_1001111,
        b'4' => 0b000_1100110,
        b'5' => 0b000_1101101,
        b'6' => 0b000_1111101,
        b'7' => 0b000_0000111,
        b'8' => 0b000_1111111,
        b'9' => 0b000_1101111,
        b':' => 0b011_0000000,
        b'.' => 0b100_0000000,
        _ => 0,
    };
    shapes
        .into_iter()
        .enumerate()
        .filter_map(move |(at, shape)| (drawn >> at & 1 == 1).then_some(shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_shows_the_code() {
        for (width, height) in [
            (160, 120),
            (162, 122),
            (640, 360),
            (1280, 720),
            (1920, 1080),
        ] {
            let mut painting = Painting::new(Size { width, height });
            for unix_ms in [0, 1_790_000_000_123, u64::from(u32::MAX)] {
                let samples = painting.at(Duration::from_millis(unix_ms));
                let (width, height) = (width as usize, height as usize);
                assert_eq!(samples.len(), width * height * 3 / 2);
                let luma = clock_code::Luma {
                    samples,
                    stride: width,
                    width,
                    height,
                };
                assert_eq!(clock_code::decode(luma), Some(unix_ms as u32));
            }
        }
    }

    #[test]
    fn it_moves() {
        let mut painting = Painting::new(Size {
            width: 320,
            height: 240,
        });
        let one = painting.at(Duration::from_millis(1000)).to_vec();
        let other = painting.at(Duration::from_millis(5000)).to_vec();
        let bars = 320 * 160;
        assert_eq!(one[..bars], other[..bars], "the square came round");
        let third = painting.at(Duration::from_millis(2000));
        assert_ne!(one[..bars], third[..bars]);
    }
}
