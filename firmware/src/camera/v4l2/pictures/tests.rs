use super::*;

const SPS: &[u8] = &[0, 0, 0, 1, 0x67, 1, 2, 3];
const PPS: &[u8] = &[0, 0, 0, 1, 0x68, 4];
const SEI: &[u8] = &[0, 0, 0, 1, 0x06, 5];
const IDR: &[u8] = &[0, 0, 0, 1, 0x65, 0x88, 0x44];
const DELTA: &[u8] = &[0, 0, 1, 0x41, 0x9a, 0x11];

/// What comes of one buffer.
#[derive(Debug, Clone, PartialEq)]
enum Got {
    Nothing,
    Keyframe { joined: Vec<u8> },
    Delta,
}
use Got::{Delta, Nothing};

fn keyframe(joined: &[&[u8]]) -> Got {
    Got::Keyframe {
        joined: joined.concat(),
    }
}

/// A buffer of the table: its content, and what is odd about it.
#[derive(Clone)]
struct Odd {
    memory: Vec<u8>,
    used_bytes: usize,
    damaged: bool,
    skipped: u32,
}

fn sound(nals: &[&[u8]]) -> Odd {
    let mut memory = nals.concat();
    let used_bytes = memory.len();
    memory.extend([0xee; 100]);
    Odd {
        memory,
        used_bytes,
        damaged: false,
        skipped: 0,
    }
}

fn clock() -> Clock {
    Clock {
        instant: Instant::now(),
        monotonic: Duration::from_secs(1000),
    }
}

fn feed(pictures: &mut Pictures, buffers: &[Odd]) -> Vec<Got> {
    let mut sequence = pictures.last_sequence.unwrap_or(u32::MAX - 2);
    let mut all = Vec::new();
    for odd in buffers {
        sequence = sequence.wrapping_add(1 + odd.skipped);
        let buffer = Buffer {
            memory: &odd.memory,
            used_bytes: odd.used_bytes,
            damaged: odd.damaged,
            sequence,
            stamp: None,
        };
        all.push(match pictures.take_in(buffer, Instant::now()).unwrap() {
            None => Nothing,
            Some(picture) => {
                assert_eq!(picture.bytes, &odd.memory[..odd.used_bytes]);
                if picture.keyframe {
                    keyframe(&[picture.parameter_sets])
                } else {
                    assert!(picture.parameter_sets.is_empty());
                    Delta
                }
            }
        });
    }
    all
}

#[test]
fn buffers_become_pictures() {
    let empty = sound(&[]);
    let lying = Odd {
        used_bytes: 1_000_000,
        ..sound(&[DELTA])
    };
    let full = Odd {
        memory: DELTA.to_vec(),
        used_bytes: DELTA.len(),
        ..sound(&[])
    };
    let damaged = Odd {
        damaged: true,
        ..sound(&[DELTA])
    };
    let after_a_gap = Odd {
        skipped: 1,
        ..sound(&[DELTA])
    };
    let keyframe_after_a_gap = Odd {
        skipped: 7,
        ..sound(&[IDR])
    };
    let other_sps: &[u8] = &[0, 0, 0, 1, 0x67, 9, 9, 9];
    let head = [sound(&[SPS, PPS]), sound(&[IDR])];
    let with = |rest: &[Odd]| [&head[..], rest].concat();
    let began = |rest: &[Got]| [&[Nothing, keyframe(&[SPS, PPS])], rest].concat();
    let table: [(&str, Vec<Odd>, Vec<Got>); 13] = [
        (
            "parameter sets in a buffer of their own are joined",
            with(&[sound(&[DELTA]), sound(&[SPS, PPS]), sound(&[IDR])]),
            began(&[Delta, Nothing, keyframe(&[SPS, PPS])]),
        ),
        (
            "a keyframe with its own needs none",
            vec![sound(&[SPS, PPS, SEI, IDR]), sound(&[DELTA])],
            vec![keyframe(&[]), Delta],
        ),
        (
            "later keyframes without any get the newest",
            vec![sound(&[SPS, PPS, IDR]), sound(&[SEI, IDR])],
            vec![keyframe(&[]), keyframe(&[SPS, PPS])],
        ),
        (
            "a new SPS voids the old",
            with(&[sound(&[other_sps, PPS]), sound(&[IDR])]),
            began(&[Nothing, keyframe(&[other_sps, PPS])]),
        ),
        (
            "one NAL unit a buffer",
            vec![sound(&[SPS]), sound(&[PPS]), sound(&[IDR])],
            vec![Nothing, Nothing, keyframe(&[SPS, PPS])],
        ),
        (
            "nothing before the first keyframe, nor before parameter sets",
            vec![sound(&[DELTA]), sound(&[IDR]), sound(&[DELTA])],
            vec![Nothing, Nothing, Nothing],
        ),
        (
            "an empty buffer is no loss",
            with(&[empty, sound(&[DELTA])]),
            began(&[Nothing, Delta]),
        ),
        (
            "more bytes than the buffer has: lost",
            with(&[lying, sound(&[DELTA]), sound(&[IDR])]),
            began(&[Nothing, Nothing, keyframe(&[SPS, PPS])]),
        ),
        (
            "a full buffer is truncated: lost",
            with(&[full, sound(&[DELTA]), sound(&[IDR])]),
            began(&[Nothing, Nothing, keyframe(&[SPS, PPS])]),
        ),
        (
            "a damaged buffer: lost",
            with(&[damaged, sound(&[DELTA]), sound(&[IDR])]),
            began(&[Nothing, Nothing, keyframe(&[SPS, PPS])]),
        ),
        (
            "a gap in the sequence: lost",
            with(&[after_a_gap, sound(&[DELTA]), sound(&[IDR])]),
            began(&[Nothing, Nothing, keyframe(&[SPS, PPS])]),
        ),
        (
            "a gap right before a keyframe costs no more",
            with(&[sound(&[DELTA]), keyframe_after_a_gap, sound(&[DELTA])]),
            began(&[Delta, keyframe(&[SPS, PPS]), Delta]),
        ),
        (
            "bytes that are no H.264, and messages alone, are no pictures",
            with(&[sound(&[b"hello"]), sound(&[SEI]), sound(&[DELTA])]),
            began(&[Nothing, Nothing, Delta]),
        ),
    ];
    for (name, buffers, expected) in table {
        let mut pictures = Pictures::new(clock());
        assert_eq!(feed(&mut pictures, &buffers), expected, "{name}");
    }
}

#[test]
fn a_stream_that_begins_anew_begins_with_a_keyframe() {
    let mut pictures = Pictures::new(clock());
    feed(&mut pictures, &[sound(&[SPS, PPS, IDR])]);
    pictures.begin_anew();
    let got = feed(&mut pictures, &[sound(&[DELTA]), sound(&[IDR])]);
    assert_eq!(got, [Nothing, keyframe(&[SPS, PPS])]);
}

#[test]
fn a_device_without_parameter_sets_is_found_out() {
    let mut pictures = Pictures::new(clock());
    let odd = sound(&[IDR]);
    let mut take = || {
        let buffer = Buffer {
            memory: &odd.memory,
            used_bytes: odd.used_bytes,
            damaged: false,
            sequence: 0,
            stamp: None,
        };
        pictures
            .take_in(buffer, Instant::now())
            .map(|got| got.is_some())
    };
    for _ in 1..MAX_ORPHAN_KEYFRAMES {
        assert_eq!(take(), Ok(false));
    }
    assert_eq!(take(), Err(NoParameterSets));
}

#[test]
fn too_many_parameter_sets_are_refused() {
    let mut large = SPS.to_vec();
    large.extend([1; 5000]);
    let mut pictures = Pictures::new(clock());
    let got = feed(&mut pictures, &[sound(&[&large]), sound(&[IDR])]);
    assert_eq!(got, [Nothing, Nothing]);
}

#[test]
fn stamps_become_instants() {
    let clock = clock();
    let second = Duration::from_secs(1);
    let now = clock.instant + 100 * second;
    let table = [
        ("a sound stamp", Some(1099 * second), now - second),
        ("none", None, now),
        ("zero", Some(Duration::ZERO), now),
        ("from the future", Some(1101 * second), now),
        ("far back", Some(1094 * second), now),
        ("impossible", Some(Duration::MAX), now),
    ];
    for (name, stamp, expected) in table {
        assert_eq!(clock.captured(stamp, now), expected, "{name}");
    }
    let early = clock.captured(Some(999 * second), clock.instant);
    assert_eq!(
        early,
        clock.instant - second,
        "taken before the clock was read"
    );
}
