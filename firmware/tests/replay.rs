//! Recorded footage as a camera: every picture, in time, over and over; and
//! what is refused.
#![allow(clippy::unwrap_used, reason = "a panic is the report")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use zerocam::camera::{
    Camera,
    replay::{Replay, ReplayError},
};
use zerocam_protocol::h264::{NalKind, nal_units};

/// Ten pictures at 50 Hz, a keyframe every four.
fn footage(directory: &TempDir, options: &str) -> PathBuf {
    let path = directory.path().join("clip.h264");
    let output = Command::new("ffmpeg")
        .args("-v error -y -f lavfi -i testsrc2=size=160x96:rate=50:duration=0.2".split(' '))
        .args("-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 4 -bf 0".split(' '))
        .args(options.split_ascii_whitespace())
        .args(["-f", "h264"])
        .arg(&path)
        .output()
        .expect("ffmpeg is installed");
    assert!(output.status.success(), "{output:?}");
    path
}

/// Parts of a file, each one NAL unit with its start code.
fn without(path: &Path, unwanted: &[NalKind]) {
    let bytes = fs::read(path).unwrap();
    let kept: Vec<u8> = nal_units(&bytes)
        .filter(|nal| !unwanted.contains(&NalKind::of(nal).unwrap()))
        .flat_map(|nal| [&[0, 0, 0, 1], nal].concat())
        .collect();
    fs::write(path, kept).unwrap();
}

#[test]
fn every_picture_in_time_and_over_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = footage(&directory, "");
    let mut camera = Replay::open(&path, None).unwrap();
    assert_eq!(camera.pace().frame_rate_hz, 50.0);
    assert_eq!(camera.pace().keyframe_interval, Duration::from_millis(80));

    let (mut bytes, mut keyframes, mut first) = (Vec::new(), Vec::new(), None);
    let mut number = 0;
    while number < 30 {
        let Some(picture) = camera.next_picture(Duration::from_millis(5)).unwrap() else {
            continue;
        };
        assert!(picture.captured <= Instant::now(), "nothing comes early");
        let since_first = picture.captured - *first.get_or_insert(picture.captured);
        assert_eq!(since_first.as_micros(), number * 20_000);
        assert!(picture.parameter_sets.is_empty());
        keyframes.push(picture.keyframe);
        bytes.extend_from_slice(picture.bytes);
        number += 1;
    }
    assert_eq!(bytes, fs::read(&path).unwrap().repeat(3));
    let group = [true, false, false, false];
    let once = [&group[..], &group, &[true, false]].concat();
    assert_eq!(keyframes, once.repeat(3));
}

#[test]
fn keyframes_without_parameter_sets_get_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = footage(&directory, "");
    let bytes = fs::read(&path).unwrap();
    let sets: Vec<&[u8]> = nal_units(&bytes)
        .filter(|nal| matches!(NalKind::of(nal), Some(NalKind::Sps | NalKind::Pps)))
        .take(2)
        .collect();
    let sets: Vec<u8> = sets
        .iter()
        .flat_map(|nal| [&[0, 0, 0, 1], *nal].concat())
        .collect();
    let expected = sets.clone();
    without(&path, &[NalKind::Sps, NalKind::Pps, NalKind::Sei]);
    fs::write(&path, [sets, fs::read(&path).unwrap()].concat()).unwrap();

    let mut camera = Replay::open(&path, None).unwrap();
    let mut keyframes = 0;
    while keyframes < 3 {
        let Some(picture) = camera.next_picture(Duration::from_secs(1)).unwrap() else {
            continue;
        };
        if picture.keyframe {
            let own = picture.bytes.starts_with(&expected);
            assert!(own != (picture.parameter_sets == expected), "once each");
            keyframes += 1;
        } else {
            assert!(picture.parameter_sets.is_empty());
        }
    }
}

#[test]
fn the_frame_rate_comes_from_the_file_or_the_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let timed = footage(&directory, "");
    let camera = Replay::open(&timed, Some(12.5)).unwrap();
    assert_eq!(
        camera.pace().frame_rate_hz,
        12.5,
        "the configuration counts more"
    );

    let untimed = footage(&directory, "");
    strip_timing(&untimed);
    let error = Replay::open(&untimed, None).unwrap_err();
    assert!(matches!(error, ReplayError::FrameRate { .. }), "{error}");
    assert!(error.to_string().ends_with("set frame_rate_hz in [camera]"));
    assert!(Replay::open(&untimed, Some(50.0)).is_ok());
}

/// Replaces the parameter sets by hand-made ones without timing: 160x96,
/// baseline, no VUI.
fn strip_timing(path: &Path) {
    // SPS 0, 4 bits of frame_num, order count type 2, one reference frame, no
    // gaps, 10x6 macroblocks, frames only, 8x8 inference, no cropping, no VUI.
    let sps = [
        0x67,
        0x42,
        0xc0,
        0x0a,
        0b1101_1010,
        0b0000_1010,
        0b0011_0110,
        0b0100_0000,
    ];
    let bytes = fs::read(path).unwrap();
    let replaced: Vec<u8> = nal_units(&bytes)
        .flat_map(|nal| match NalKind::of(nal) {
            Some(NalKind::Sps) => [&[0, 0, 0, 1], &sps[..]].concat(),
            _ => [&[0, 0, 0, 1], nal].concat(),
        })
        .collect();
    fs::write(path, replaced).unwrap();
}

#[test]
fn what_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let refusal = |path: &Path| Replay::open(path, None).unwrap_err();
    let convert = "convert it: `ffmpeg -i ";

    let path = footage(&directory, "");
    without(&path, &[NalKind::IdrSlice]);
    let error = refusal(&path);
    assert!(matches!(error, ReplayError::NoKeyframe { .. }), "{error}");
    assert!(error.to_string().contains(convert), "{error}");

    let path = footage(&directory, "");
    without(&path, &[NalKind::Sps, NalKind::Pps]);
    let error = refusal(&path);
    assert!(
        matches!(error, ReplayError::NoParameterSets { .. }),
        "{error}"
    );
    assert!(error.to_string().contains(convert), "{error}");

    let path = footage(&directory, "-bf 1 -x264-params b-adapt=0");
    let error = refusal(&path);
    assert!(
        matches!(error, ReplayError::Bidirectional { .. }),
        "{error}"
    );

    let path = footage(&directory, "");
    without(&path, &[NalKind::IdrSlice, NalKind::Slice]);
    let error = refusal(&path);
    assert!(matches!(error, ReplayError::NoPicture { .. }), "{error}");

    let path = directory.path().join("other");
    fs::write(&path, "no video ".repeat(20_000)).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, ReplayError::NoStartCode { .. }), "{error}");

    let damaged = [&[0, 0, 0, 1, 0x67, 0x64], &[0xff; 40][..]].concat();
    let damaged = [&damaged, &[0, 0, 1, 0x68, 1, 0, 0, 1, 0x65, 0x88, 1][..]].concat();
    fs::write(&path, damaged).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, ReplayError::Sps { .. }), "{error}");
    assert!(
        error.to_string().contains("(SPS) cannot be read: it is"),
        "{error}"
    );

    fs::write(&path, "").unwrap();
    assert!(matches!(refusal(&path), ReplayError::Empty { .. }));
    let error = refusal(directory.path());
    assert!(matches!(error, ReplayError::Unreadable { .. }), "{error}");
    let error = refusal(&directory.path().join("missing"));
    assert!(matches!(error, ReplayError::Unreadable { .. }), "{error}");
}

#[test]
fn a_container_is_named_and_the_suggested_command_works_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let clip = footage(&directory, "");
    for (format, name) in [
        ("mp4", "an MP4"),
        ("matroska", "a Matroska"),
        ("avi", "an AVI"),
        ("flv", "an FLV"),
        ("mpegts", "an MPEG-TS"),
    ] {
        let path = directory.path().join(format!("Anna's {format}"));
        let status = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(&clip)
            .args(["-c", "copy", "-f", format])
            .arg(&path)
            .status();
        assert!(status.unwrap().success());
        let error = Replay::open(&path, None).unwrap_err().to_string();
        let what = format!("{} is {name} file, not raw H.264; ", path.display());
        assert!(error.starts_with(&what), "{error}");

        let converted = directory.path().join("NEW.h264");
        let status = Command::new("sh")
            .args(["-c", error.split('`').nth(1).unwrap()])
            .current_dir(&directory)
            .stderr(std::process::Stdio::null())
            .status();
        assert!(status.unwrap().success(), "{error}");
        Replay::open(&converted, None).unwrap();
        fs::remove_file(converted).unwrap();
    }
}

#[test]
fn a_long_file_is_not_read_through_before_it_plays() {
    let directory = tempfile::tempdir().unwrap();
    let clip = fs::read(footage(&directory, "")).unwrap();
    let mut long = clip.repeat((33 << 20) / clip.len() + 1);
    long.extend(fs::read(footage(&directory, "-bf 2 -x264-params b-adapt=0")).unwrap());
    let path = directory.path().join("long.h264");
    fs::write(&path, long).unwrap();
    let camera = Replay::open(&path, None).unwrap();
    assert_eq!(camera.pace().keyframe_interval, Duration::from_millis(80));
}
