//! From the capture clock to the picture on screen: every way to watch, beside
//! a known hobby design.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use tempfile::TempDir;
use zerocam::{
    camera::{
        Camera as _,
        pattern::{Pattern, Size},
    },
    config::{BitrateMode, EncoderSettings},
};
use zerocam_e2e::{
    Device,
    screen::{Player, Shown, watch},
    service::ServiceHome,
};

use crate::{processes::percentile, web_server::WebServer};

/// Players seek and change their pace at the beginning.
const SETTLING: Duration = Duration::from_secs(10);

const SIZE: Size = Size {
    width: 640,
    height: 360,
};
const FRAME_RATE_HZ: f64 = 25.0;
const BITRATE_BPS: u32 = 2_000_000;

/// Prints the table.
pub(crate) fn run(duration: Duration) {
    println!(
        "{:<44} {:>8} {:>8} {:>8} {:>12}",
        "capture to screen", "p50 s", "p95 s", "max s", "pictures/s"
    );
    product(duration);
    hobby(duration);
}

fn product(duration: Duration) {
    let home = ServiceHome::new();
    let service = home.start(0);
    let device = Device::new(&format!(
        "[cloud]\nurl = \"{}\"\nkey = \"{}\"\n\
         [camera]\nbackend = \"pattern\"\nwidth = {}\nheight = {}\nframe_rate_hz = {FRAME_RATE_HZ}\n\
         [stream]\nkeyframe_interval_s = 1\nbitrate_bps = {BITRATE_BPS}\n",
        service.url(),
        home.camera_key("garden"),
        SIZE.width,
        SIZE.height,
    ));
    let daemon = device.start();
    daemon.wait_for_line("STOPPED", SETTLING);
    let _ = device.ask("start");
    service.wait_until_live("garden");
    let link = service.link("garden");
    let plain = service.playlist_url("garden");
    for (name, player, url) in [
        ("instant, the page", Player::Page, format!("{link}#instant")),
        (
            "Low-Latency HLS, the page",
            Player::Page,
            format!("{link}#ll-hls"),
        ),
        ("plain HLS, hls.js as it comes", Player::HlsJs, plain),
    ] {
        print(name, duration, &watch(player, &url, SETTLING, duration));
    }
}

/// `ffmpeg -c:v copy -f hls -hls_time 1 -hls_list_size 5` as files.
fn hobby(duration: Duration) {
    let directory = TempDir::new().expect("room for temporary files");
    let playlist = directory.path().join("stream.m3u8");
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-f", "h264", "-r"])
        .arg(FRAME_RATE_HZ.to_string())
        .args("-i pipe:0 -c:v copy -f hls -hls_time 1 -hls_list_size 5".split(' '))
        .arg(&playlist)
        .stdin(Stdio::piped())
        .spawn()
        .expect("ffmpeg is installed");
    let mut input = ffmpeg.stdin.take().expect("it is piped");
    let stop = AtomicBool::new(false);
    let server = WebServer::of(directory);
    thread::scope(|scope| {
        scope.spawn(|| {
            let encoder = EncoderSettings {
                bitrate_bps: BITRATE_BPS,
                bitrate_mode: BitrateMode::Variable,
                keyframe_interval: Duration::from_secs(1),
            };
            let mut camera = Pattern::open(SIZE, FRAME_RATE_HZ, &encoder).expect("ffmpeg runs");
            while !stop.load(Ordering::Relaxed) {
                let picture = camera.next_picture(Duration::from_secs(1));
                if let Some(picture) = picture.expect("the test picture is painted") {
                    let bytes = [picture.parameter_sets, picture.bytes].concat();
                    input.write_all(&bytes).expect("ffmpeg reads");
                }
            }
            drop(input);
        });
        while !playlist.exists() {
            thread::sleep(Duration::from_millis(100));
        }
        let url = format!("http://{}/stream.m3u8", server.address);
        let shown = watch(Player::HlsJs, &url, SETTLING, duration);
        print("ffmpeg -f hls -hls_time 1, hls.js", duration, &shown);
        stop.store(true, Ordering::Relaxed);
    });
    let _ = ffmpeg.wait();
}

fn print(name: &str, duration: Duration, shown: &[Shown]) {
    let mut ages_ms: Vec<i64> = shown.iter().map(|it| it.age_ms as i64).collect();
    assert!(!ages_ms.is_empty(), "{name}: no picture with a bar code");
    let [p50, p95, max] =
        [50, 95, 100].map(|percent| percentile(&mut ages_ms, percent) as f64 / 1e3);
    println!(
        "{name:<44} {p50:>8.2} {p95:>8.2} {max:>8.2} {:>12.1}",
        shown.len() as f64 / duration.as_secs_f64()
    );
}
