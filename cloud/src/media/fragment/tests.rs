use mp4_atom::{Any, DecodeMaybe};
use proptest::prelude::*;

use super::*;

/// What ffmpeg 5.1 writes with the service's arguments: the init and five
/// frames at 40, 80, 120, 200 and 240 ms, the first and the fourth keyframes.
const GOLDEN: &[u8] = include_bytes!("golden/ffmpeg-5.1.mp4");
const INIT_BYTES: usize = 28 + 708;

fn split(chunks: &[&[u8]]) -> Result<Vec<Piece>, Garbage> {
    let (mut splitter, mut pieces) = (Splitter::default(), Vec::new());
    for chunk in chunks {
        splitter.push(chunk);
        while let Some(piece) = splitter.next_piece()? {
            pieces.push(piece);
        }
    }
    Ok(pieces)
}

fn fragments(bytes: &[u8]) -> Vec<Fragment> {
    let pieces = split(&[bytes]).unwrap();
    let fragment = |piece| match piece {
        Piece::Init(_) => None,
        Piece::Fragment(fragment) => Some(fragment),
    };
    pieces.into_iter().filter_map(fragment).collect()
}

#[test]
fn reads_what_ffmpeg_writes() {
    let pieces = split(&[GOLDEN]).unwrap();
    assert_eq!(pieces[0], Piece::Init(GOLDEN[..INIT_BYTES].into()));
    let fragments = fragments(GOLDEN);
    let times: Vec<_> = fragments.iter().map(Fragment::decode_time).collect();
    assert_eq!(times, [40, 80, 120, 200, 240].map(|ms| ms * 16));
    let durations: Vec<_> = fragments.iter().map(Fragment::duration).collect();
    assert_eq!(durations, [40, 40, 80, 40, 40].map(|ms| Some(ms * 16)));
    let samples: Vec<_> = fragments.iter().map(|f| f.sample().len()).collect();
    assert_eq!(samples, [287, 14, 10, 289, 13]);
}

#[test]
fn golden_fragment_under_the_cameras_number() {
    let written = fragments(GOLDEN)[2].write(Frame(0x0102_0303), 0x0a0b);
    let golden = [
        0, 0, 0, 100, b'm', b'o', b'o', b'f', //
        0, 0, 0, 16, b'm', b'f', b'h', b'd', 0, 0, 0, 0, 1, 2, 3, 4, // the frame's number + 1
        0, 0, 0, 76, b't', b'r', b'a', b'f', //
        0, 0, 0, 28, b't', b'f', b'h', b'd', 0, 2, 0, 0x38, 0, 0, 0, 1, // track 1
        0, 0, 0x0a, 0x0b, 0, 0, 0, 10, 1, 1, 0, 0, // duration, size, not a keyframe
        0, 0, 0, 20, b't', b'f', b'd', b't', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x07,
        0x80, // 120 ms
        0, 0, 0, 20, b't', b'r', b'u', b'n', 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,
        108, // one sample
        0, 0, 0, 18, b'm', b'd', b'a', b't',
    ];
    assert_eq!(written[..108], golden);
    assert_eq!(written[108..], GOLDEN[INIT_BYTES + 399 + 122 + 108..][..10]);
}

#[test]
fn what_is_written_is_read_again() {
    for (number, fragment) in fragments(GOLDEN).into_iter().enumerate() {
        let written = fragment.write(Frame(number as u64), 333);
        let file = [&GOLDEN[..INIT_BYTES], &written].concat();
        let again = &fragments(&file)[0];
        assert_eq!(again.duration(), Some(333));
        assert_eq!(again.decode_time(), fragment.decode_time());
        assert_eq!(again.sample(), fragment.sample());
        assert_eq!(again.write(Frame(number as u64), 333), written);
        // Keyframes stay keyframes: their run carries flags of its own.
        let flags = |f: &Fragment| f.moof.traf[0].trun[0].samples.get(0).unwrap().flags;
        assert_eq!(flags(again), flags(&fragment));
        assert_eq!(flags(again).is_some(), number % 3 == 0);
        let mut rest = &written[..];
        while Any::decode_maybe(&mut rest).unwrap().is_some() {}
        assert!(rest.is_empty(), "boxes and nothing else");
    }
}

#[test]
fn an_index_at_the_end_is_passed_over() {
    let mfra = [&[0, 0, 0, 20][..], b"mfra", &[7; 12]].concat();
    let file = [GOLDEN, &mfra].concat();
    assert_eq!(split(&[&file]).unwrap(), split(&[GOLDEN]).unwrap());
    let (front, back) = file.split_at(file.len() - 5);
    assert_eq!(split(&[front, back]).unwrap().len(), 6);
}

#[test]
fn garbage_is_named() {
    let named = |bytes: &[u8]| split(&[bytes]).unwrap_err().to_string();
    assert_eq!(named(&GOLDEN[28..]), "box moov where ftyp belongs");
    assert_eq!(named(&[0; 8]), "a box of 0 bytes");
    assert_eq!(
        named(&[&[0xff; 4][..], b"ftyp"].concat()),
        "box ftyp of 4294967295 bytes"
    );
    let moof_twice = [&GOLDEN[..INIT_BYTES + 104], &GOLDEN[INIT_BYTES..]].concat();
    assert_eq!(named(&moof_twice), "box moof where mdat belongs");
    let mut other_clock = GOLDEN.to_vec();
    let mdhd = GOLDEN.windows(4).position(|name| name == b"mdhd").unwrap();
    other_clock[mdhd + 16..mdhd + 20].copy_from_slice(&90_000_u32.to_be_bytes());
    assert_eq!(
        named(&other_clock),
        "a media clock of 90000 Hz instead of 16000"
    );
    let mut two_samples = GOLDEN.to_vec();
    let trun = GOLDEN.windows(4).position(|name| name == b"trun").unwrap();
    two_samples[trun + 11] = 2;
    assert_eq!(
        named(&two_samples),
        "a fragment that is not exactly one frame with its time"
    );
    let damaged = |at: usize, value| {
        let mut bytes = GOLDEN.to_vec();
        bytes[at] = value;
        named(&bytes)
    };
    assert!(damaged(trun - 3, 0xff).starts_with("a box of "));
    assert!(damaged(trun + 6, 0xff).starts_with("box trun cannot be read"));
    assert_eq!(damaged(trun, b'T'), "0 boxes trun instead of one");
}

/// Found by fuzzing: the library reserves what the count in a group
/// description says.
#[test]
fn boxes_that_are_not_needed_are_not_read() {
    let moov = GOLDEN.windows(4).position(|name| name == b"moov").unwrap();
    let mut greedy = b"sgpd\x01\0\0\0roll\0\0\0\x04".to_vec();
    greedy.extend(u32::MAX.to_be_bytes());
    let size = |bytes: usize| u32::try_from(bytes).unwrap().to_be_bytes();
    let old = u32::from_be_bytes(GOLDEN[moov - 4..moov].try_into().unwrap()) as usize;
    let file = [
        &GOLDEN[..moov - 4],
        &size(old + 4 + greedy.len()),
        b"moov",
        &size(4 + greedy.len()),
        &greedy,
        &GOLDEN[moov + 4..],
    ]
    .concat();
    assert_eq!(split(&[&file]).unwrap().len(), 6);
}

proptest! {
    #[test]
    fn any_chunks_give_the_same_pieces(cuts in prop::collection::vec(0..GOLDEN.len(), 0..20)) {
        let mut cuts = cuts;
        cuts.extend([0, GOLDEN.len()]);
        cuts.sort_unstable();
        let chunks: Vec<_> = cuts.windows(2).map(|cut| &GOLDEN[cut[0]..cut[1]]).collect();
        prop_assert_eq!(split(&chunks), split(&[GOLDEN]));
    }

    #[test]
    fn damage_never_panics(
        damage in prop::collection::vec((0..GOLDEN.len(), any::<u8>()), 1..12),
        frame: u64, duration: u32,
    ) {
        let mut bytes = GOLDEN.to_vec();
        for (at, value) in damage {
            bytes[at] = value;
        }
        for piece in split(&[&bytes]).into_iter().flatten() {
            if let Piece::Fragment(fragment) = piece {
                let _ = fragment.write(Frame(frame), duration);
            }
        }
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = split(&[&bytes]);
        let _ = split(&[&GOLDEN[..INIT_BYTES], &bytes]);
    }
}
