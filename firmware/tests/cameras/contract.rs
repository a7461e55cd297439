//! What every camera keeps, whatever makes its pictures.

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use zerocam::camera::{BitrateChange, Camera};
use zerocam_protocol::h264::{NalKind, ParameterSets, nal_units, slice_start};

use crate::{
    back_ends::{BackEnd, HEIGHT, WIDTH},
    fake_rpicam::PATIENCE,
};

type Test = fn(&BackEnd);

pub(crate) const CONTRACT: [(&str, Test); 7] = [
    ("begins_with_a_keyframe", begins_with_a_keyframe),
    ("pictures_are_whole", pictures_are_whole),
    ("every_picture_decodes", every_picture_decodes),
    ("capture_times_grow", capture_times_grow),
    ("keyframes_keep_the_pace", keyframes_keep_the_pace),
    ("waits_no_longer_than_asked", waits_no_longer_than_asked),
    (
        "opens_again_and_takes_another_bitrate",
        opens_again_and_takes_another_bitrate,
    ),
];

/// A picture of its own.
struct Taken {
    parameter_sets: Vec<u8>,
    bytes: Vec<u8>,
    keyframe: bool,
    captured: Instant,
    arrived: Instant,
}

impl Taken {
    fn unit(&self) -> Vec<u8> {
        [&self.parameter_sets[..], &self.bytes].concat()
    }

    fn slices(&self) -> Vec<&[u8]> {
        nal_units(&self.bytes)
            .filter(|nal| NalKind::of(nal).is_some_and(NalKind::is_slice))
            .collect()
    }
}

fn take(camera: &mut dyn Camera, count: usize) -> Vec<Taken> {
    let deadline = Instant::now() + PATIENCE;
    let mut taken = Vec::new();
    while taken.len() < count {
        assert!(Instant::now() < deadline, "{} of {count}", taken.len());
        let picture = camera.next_picture(Duration::from_millis(100));
        if let Some(picture) = picture.unwrap_or_else(|error| panic!("{error}")) {
            taken.push(Taken {
                parameter_sets: picture.parameter_sets.to_vec(),
                bytes: picture.bytes.to_vec(),
                keyframe: picture.keyframe,
                captured: picture.captured,
                arrived: Instant::now(),
            });
        }
    }
    taken
}

fn begins_with_a_keyframe(back_end: &BackEnd) {
    let source = back_end.source();
    let pictures = take(&mut *source.open(), 1);
    assert!(pictures[0].keyframe);
    let sets = ParameterSets::find(&pictures[0].unit()).expect("parameter sets");
    let format = sets.video_format().unwrap();
    assert!(format.codec.starts_with("avc1."), "{}", format.codec);
    if back_end.obeys() {
        assert_eq!((format.width, format.height), (WIDTH, HEIGHT));
    }
}

fn pictures_are_whole(back_end: &BackEnd) {
    let source = back_end.source();
    for picture in take(&mut *source.open(), 30) {
        let slices = picture.slices();
        let firsts = slices
            .iter()
            .filter(|slice| slice_start(slice).is_some_and(|start| start.first_in_picture));
        assert_eq!(firsts.count(), 1, "one picture, no more and no less");
        let idr = slices
            .iter()
            .all(|slice| NalKind::of(slice) == Some(NalKind::IdrSlice));
        assert_eq!(picture.keyframe, idr);
        let sets = ParameterSets::find(&picture.unit());
        assert!(!picture.keyframe || sets.is_some(), "a viewer may start");
        assert!(picture.keyframe || picture.parameter_sets.is_empty());
        let bidirectional =
            |slice: &&[u8]| slice_start(slice).is_some_and(|start| start.bidirectional);
        assert!(!slices.iter().any(bidirectional));
    }
}

fn every_picture_decodes(back_end: &BackEnd) {
    let source = back_end.source();
    let pictures = take(&mut *source.open(), 40);
    let stream: Vec<u8> = pictures.iter().flat_map(Taken::unit).collect();
    let sets = ParameterSets::find(&stream).unwrap();
    let format = sets.video_format().unwrap();
    let mut ffmpeg = Command::new("ffmpeg")
        .args(
            "-v error -f h264 -i pipe:0 -f rawvideo -pix_fmt gray -fps_mode passthrough".split(' '),
        )
        .arg("pipe:1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ffmpeg is installed");
    let mut stdin = ffmpeg.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(&stream).unwrap());
    let output = ffmpeg.wait_with_output().unwrap();
    writer.join().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let decoded = output.stdout.len() / (format.width * format.height) as usize;
    assert_eq!(decoded, pictures.len());
}

fn capture_times_grow(back_end: &BackEnd) {
    let source = back_end.source();
    let pictures = take(&mut *source.open(), 30);
    for pair in pictures.windows(2) {
        assert!(pair[0].captured < pair[1].captured);
    }
    for picture in &pictures {
        // The pictures that arrived together are told apart by a millisecond.
        let slack = Duration::from_millis(30);
        assert!(picture.captured <= picture.arrived + slack);
        let age = picture.arrived.saturating_duration_since(picture.captured);
        assert!(age < PATIENCE, "{age:?}");
    }
}

fn keyframes_keep_the_pace(back_end: &BackEnd) {
    let source = back_end.source();
    let mut camera = source.open();
    let pace = camera.pace();
    assert!(pace.frame_rate_hz > 0.0 && pace.keyframe_interval > Duration::ZERO);
    if !back_end.obeys() {
        return;
    }
    assert_eq!(pace.frame_rate_hz, 25.0);
    assert_eq!(pace.keyframe_interval, Duration::from_millis(400));
    let pictures = take(&mut *camera, 41);
    let keyframes: Vec<_> = (0..pictures.len())
        .filter(|&at| pictures[at].keyframe)
        .collect();
    assert_eq!(keyframes, [0, 10, 20, 30, 40]);
}

fn waits_no_longer_than_asked(back_end: &BackEnd) {
    let source = back_end.source();
    let mut camera = source.open();
    take(&mut *camera, 1);
    let deadline = Instant::now() + PATIENCE;
    // Asked faster than pictures come, it has none most of the time.
    let mut none = 0;
    while none < 20 {
        assert!(Instant::now() < deadline);
        let picture = camera.next_picture(Duration::ZERO);
        none += usize::from(picture.unwrap_or_else(|error| panic!("{error}")).is_none());
    }
}

fn opens_again_and_takes_another_bitrate(back_end: &BackEnd) {
    let source = back_end.source();
    let mut camera = source.open();
    take(&mut *camera, 5);
    // Closing hands the camera back at once.
    drop(camera);
    let mut camera = source.open();
    assert!(take(&mut *camera, 5)[0].keyframe);
    let change = camera.set_bitrate(1_500_000);
    if back_end.obeys() {
        assert_ne!(change, BitrateChange::Done);
    }
    let pictures = take(&mut *camera, 30);
    assert!(pictures.iter().any(|picture| picture.keyframe));
}
