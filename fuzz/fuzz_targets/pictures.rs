//! Any byte stream splits into the same pictures however it arrives; they stand
//! in it in order, and each has a slice.
#![no_main]

// The modules alone: all that their crate depends on would be compiled with
// counters for nothing.
#[allow(dead_code, reason = "only some of it is driven here")]
#[rustfmt::skip]
#[path = "../../firmware/src/camera/annex_b.rs"]
mod annex_b;
#[allow(dead_code, reason = "only some of it is driven here")]
#[rustfmt::skip]
#[path = "../../firmware/src/camera/parameter_sets.rs"]
mod parameter_sets;

use annex_b::{MAX_UNIT_BYTES, PictureKind, Splitter};
use libfuzzer_sys::fuzz_target;
use zerocam_protocol::h264::{NalKind, nal_units};

#[derive(Debug, PartialEq)]
struct Picture {
    parameter_sets: Vec<u8>,
    bytes: Vec<u8>,
    kind: PictureKind,
}

fuzz_target!(|input: &[u8]| {
    let Some((&portion, stream)) = input.split_first() else {
        return;
    };
    let pictures = split(&[stream]);
    let portions: Vec<&[u8]> = stream.chunks(usize::from(portion) + 1).collect();
    assert_eq!(pictures, split(&portions));

    let mut rest = stream;
    for Picture {
        parameter_sets,
        bytes,
        kind,
    } in pictures.into_iter().flatten()
    {
        assert!(bytes.len() <= MAX_UNIT_BYTES);
        let place = rest
            .windows(bytes.len())
            .position(|window| window == bytes)
            .expect("a picture stands in the stream");
        rest = &rest[place + bytes.len()..];
        let has =
            |bytes: &[u8], wanted| nal_units(bytes).any(|nal| NalKind::of(nal) == Some(wanted));
        assert!(
            nal_units(&bytes)
                .filter_map(NalKind::of)
                .any(NalKind::is_slice)
        );
        if kind == PictureKind::Keyframe {
            assert!(has(&bytes, NalKind::IdrSlice));
            assert!(has(&bytes, NalKind::Sps) || has(&parameter_sets, NalKind::Sps));
        }
    }
});

/// The pictures in a stream; `None` when it is refused.
fn split(portions: &[&[u8]]) -> Option<Vec<Picture>> {
    let (mut splitter, mut pictures) = (Splitter::default(), Vec::new());
    let mut take = |splitter: &mut Splitter| {
        while let Some(unit) = splitter.next_unit().ok()? {
            pictures.push(Picture {
                parameter_sets: unit.parameter_sets.to_vec(),
                bytes: unit.bytes.to_vec(),
                kind: unit.kind,
            });
        }
        Some(())
    };
    for portion in portions {
        splitter.push(portion);
        take(&mut splitter)?;
    }
    splitter.end_input();
    take(&mut splitter)?;
    Some(pictures)
}
