//! Any player works: ffprobe and ffmpeg open the playlist and decode it all.

use std::process::Command;

use serde_json::Value;
use zerocam_e2e::{Camera, FaultProxy, Footage, Program, Viewer, service::ServiceHome};

use crate::stage::{GARDEN, GOP, follow, settings};

#[test]
fn ffprobe_and_ffmpeg_decode_every_frame() {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    let service = home.start(0);
    let proxy = FaultProxy::before(service.address);
    let _camera = Camera::start(&settings(&home, proxy.address(), &footage));
    let url = service.playlist_url(GARDEN);
    follow(&mut Viewer::of(&url), 2 * GOP);

    let quiet = ["-v", "error", "-nostdin"];
    let probed = Program::run(Command::new("ffprobe").args(&quiet[..2]).args([
        "-show_streams",
        "-of",
        "json",
        &url,
    ]));
    let probed: Value = serde_json::from_str(&probed).unwrap();
    let [stream] = &probed["streams"].as_array().unwrap()[..] else {
        panic!("not one stream: {probed}");
    };
    assert_eq!(stream["codec_name"], "h264");
    assert_eq!(
        (&stream["width"], &stream["height"]),
        (&640.into(), &272.into())
    );
    assert_eq!(stream["r_frame_rate"], "25/1");

    // From the first picture on, as many as the clip has, in real time. Any
    // error in the bitstream ends it.
    let frames = footage.pictures.len().to_string();
    let decode = |input: &[&str]| {
        let mut command = Command::new("ffmpeg");
        command
            .args(quiet)
            .args(["-xerror", "-err_detect", "explode"])
            .args(input)
            .args(["-map", "0:v", "-frames:v", &frames, "-vsync", "passthrough"])
            .args(["-f", "framehash", "-hash", "sha256", "-"]);
        pictures(&Program::run(&mut command))
    };
    let watched = decode(&["-live_start_index", "0", "-i", &url]);
    let original = decode(&["-i", footage.path.to_str().unwrap()]);
    assert_eq!(watched.len(), footage.pictures.len());
    assert!(
        watched == original,
        "decoded pictures differ from the footage's"
    );
}

#[test]
fn ffmpeg_decodes_the_instant_stream() {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    let service = home.start(0);
    let _camera = Camera::start(&settings(&home, service.address, &footage));
    service.wait_until_live(GARDEN);
    let url = service.playlist_url(GARDEN);
    let url = url.replace("plain.m3u8", "live.mp4");
    let decode = |input: &str, frames: u64| {
        let mut command = Command::new("ffmpeg");
        command
            .args([
                "-v",
                "error",
                "-nostdin",
                "-xerror",
                "-err_detect",
                "explode",
            ])
            .args(["-i", input, "-map", "0:v", "-frames:v", &frames.to_string()])
            .args([
                "-vsync",
                "passthrough",
                "-f",
                "framehash",
                "-hash",
                "sha256",
                "-",
            ]);
        pictures(&Program::run(&mut command))
    };
    let watched = decode(&url, 2 * GOP);
    let clip = footage.pictures.len() as u64;
    let original = decode(footage.path.to_str().unwrap(), clip);
    // The clip is played over and over; the stream begins with a keyframe.
    let first = (0..clip)
        .step_by(GOP as usize)
        .find(|first| original[*first as usize] == watched[0])
        .expect("the first picture is a keyframe of the footage");
    let due = (first..).map(|frame| &original[(frame % clip) as usize]);
    assert!(watched.iter().eq(due.take(watched.len())), "other pictures");
    assert_eq!(watched.len() as u64, 2 * GOP);
}

/// The hash of each decoded picture in ffmpeg's list.
fn pictures(list: &str) -> Vec<String> {
    list.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.rsplit(',').next()?.trim().to_owned()))
        .collect()
}
