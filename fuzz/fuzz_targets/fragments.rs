//! Any output of ffmpeg splits the same way however it arrives; a fragment that
//! is written out under the camera's number reads back as it was.
#![no_main]

// The module alone: all that its crate depends on would be compiled with
// counters for nothing.
#[allow(dead_code, reason = "only some of it is driven here")]
#[rustfmt::skip]
#[path = "../../cloud/src/media/fragment.rs"]
mod fragment;

use fragment::{Garbage, Piece, Splitter};
use libfuzzer_sys::fuzz_target;
use zerocam_protocol::Frame;

fuzz_target!(|input: &[u8]| {
    let Some((&portion, output)) = input.split_last() else {
        return;
    };
    let (pieces, garbage) = split(&[output]);
    let portions: Vec<&[u8]> = output.chunks(usize::from(portion) + 1).collect();
    let (in_portions, also_garbage) = split(&portions);
    assert_eq!(in_portions, pieces);
    assert_eq!(also_garbage, garbage);

    let Some(Piece::Init(init)) = pieces.first() else {
        assert!(pieces.is_empty(), "the init comes first");
        return;
    };
    assert!(output.starts_with(init));
    for piece in &pieces[1..] {
        let Piece::Fragment(fragment) = piece else {
            panic!("a second init");
        };
        let written = fragment.write(Frame(7), 640);
        let (again, None) = split(&[init, &written]) else {
            panic!("a fragment that was written is garbage");
        };
        let [_, Piece::Fragment(again)] = &again[..] else {
            panic!("not one fragment");
        };
        assert_eq!(again.decode_time(), fragment.decode_time());
        assert_eq!(again.sample(), fragment.sample());
        assert_eq!(again.duration(), Some(640));
        assert_eq!(again.write(Frame(7), 640), written);
    }
});

/// The pieces up to where the output ends or is garbage.
fn split(portions: &[&[u8]]) -> (Vec<Piece>, Option<Garbage>) {
    let (mut splitter, mut pieces) = (Splitter::default(), Vec::new());
    for portion in portions {
        splitter.push(portion);
        loop {
            match splitter.next_piece() {
                Ok(Some(piece)) => pieces.push(piece),
                Ok(None) => break,
                Err(garbage) => return (pieces, Some(garbage)),
            }
        }
    }
    (pieces, None)
}
