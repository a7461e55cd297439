//! What the way from the camera to a published fragment costs: processor time
//! and memory of both programs for each minute of video, and the delay from an
//! access unit sent to its fragment published. `scripts/bench` runs it.

#![allow(
    clippy::print_stdout,
    reason = "the figures are what the program is for"
)]

use std::{
    fs,
    net::TcpStream,
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use tungstenite::{ClientRequestBuilder, Message, WebSocket, http::Uri};
use zerocam::camera::{Camera as _, replay::Replay};
use zerocam_e2e::{
    Device, Footage, Program, Service, program::peak_memory_bytes, service::ServiceHome,
};
use zerocam_protocol::{
    AccessUnit, CameraMessage, Flags, Frame, Header, Run, Segment, ServiceMessage,
    h264::ParameterSets,
    message::{self, Hello},
    version::SUBPROTOCOL,
};

/// Streams for this long before counting, so that start-up is not counted.
const SETTLING: Duration = Duration::from_secs(5);

/// The unit of /proc/PID/stat, the same on every Linux (USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;

fn main() {
    let seconds = std::env::args().find_map(|argument| argument.parse().ok());
    let duration = Duration::from_secs(seconds.unwrap_or(60));
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    cost(&home, &footage, duration);
    delay(&home, &footage, duration.min(Duration::from_secs(30)));
}

/// Streams over TLS as a camera does, without viewers.
fn cost(home: &ServiceHome, footage: &Footage, duration: Duration) {
    let service = home.start(0);
    let (device, _front) = Device::over_tls(&service, "garden", footage);
    let daemon = device.start();
    daemon.wait_for_line("STOPPED", SETTLING);
    let _ = device.ask("start");
    service.wait_until_live("garden");
    thread::sleep(SETTLING);

    let pids = [
        ("zerocam", daemon.pid()),
        ("zerocam-cloud", service.program.pid()),
        ("its ffmpeg", child_of(service.program.pid())),
    ];
    let before = pids.map(|(_, pid)| processor_time(pid));
    let since = Instant::now();
    thread::sleep(duration);
    let minutes = since.elapsed().as_secs_f64() / 60.0;
    let bitrate = service.status("garden")["bitrate_bps"]
        .as_f64()
        .unwrap_or_default();
    println!(
        "{:.1} minutes of {:.1} Mb/s over TLS, no viewer",
        minutes,
        bitrate / 1e6
    );
    println!(
        "{:<14} {:>22} {:>18}",
        "", "processor s a minute", "peak memory MiB"
    );
    for ((name, pid), before) in pids.into_iter().zip(before) {
        let spent = (processor_time(pid) - before).as_secs_f64() / minutes;
        let peak = peak_memory_bytes(pid) as f64 / f64::from(1 << 20);
        println!("{name:<14} {spent:>22.2} {peak:>18.1}");
    }
}

/// Sends the footage over an open connection and watches the status API.
fn delay(home: &ServiceHome, footage: &Footage, duration: Duration) {
    let service = home.start(0);
    let mut socket = connect(home, &service);
    let mut camera = Replay::open(&footage.path, None).expect("real footage");
    let run = Run(1_000_000);
    let stream = fs::read(&footage.path).expect("real footage");
    let format = ParameterSets::find(&stream)
        .and_then(|sets| sets.video_format().ok())
        .expect("real footage");
    let hello = Hello {
        camera: "bench".parse().expect("a name"),
        device: "device-1".parse().expect("a name"),
        run,
        connection: 1,
        run_started_us: 0,
        codec: format.codec,
        width: format.width,
        height: format.height,
        frame_rate_hz: 25.0,
        target_duration_s: 1,
        public_url: service.url(),
        software: "bench".into(),
    };
    say(
        &mut socket,
        Message::text(message::encode(&CameraMessage::Hello(hello))),
    );

    let sent: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let watcher = {
        let sent = Arc::clone(&sent);
        let status = format!(
            "{}/t/{}/api/cameras/bench",
            service.url(),
            service.token("bench")
        );
        let until = Instant::now() + duration;
        thread::spawn(move || watch(&status, &sent, until))
    };
    let started = Instant::now();
    let mut segment = run.0;
    for frame in 0.. {
        if started.elapsed() >= duration {
            break;
        }
        let picture = loop {
            let picture = camera.next_picture(Duration::from_secs(1));
            if let Some(picture) = picture.expect("the footage was checked") {
                break picture;
            }
        };
        segment += u64::from(picture.keyframe && frame > 0);
        let header = Header {
            flags: Flags {
                keyframe: picture.keyframe,
                starts_segment: picture.keyframe,
            },
            run,
            segment: Segment(segment),
            frame: Frame(frame),
            capture_time_us: frame * 40_000,
        };
        let unit = AccessUnit::new(header, &[picture.parameter_sets, picture.bytes]);
        sent.lock().expect("nobody panicked").push(Instant::now());
        say(&mut socket, Message::Binary(unit.message().clone()));
    }
    let mut delays = watcher.join().expect("the status is read");
    delays.sort();
    let percentile =
        |percent: usize| delays[(delays.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    println!(
        "access unit sent to fragment published, {} frames: p50 {:.1} ms, p99 {:.1} ms \
         (a frame lasts 40 ms)",
        delays.len(),
        percentile(50),
        percentile(99)
    );
}

fn connect(home: &ServiceHome, service: &Service<'_>) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(service.address).expect("the service listens");
    stream.set_nodelay(true).expect("it is TCP");
    let uri: Uri = format!("ws://{}/api/cameras/bench/stream", service.address)
        .parse()
        .expect("an address");
    let request = ClientRequestBuilder::new(uri)
        .with_header(
            "Authorization",
            format!("Bearer {}", home.camera_key("bench")),
        )
        .with_sub_protocol(SUBPROTOCOL);
    let (socket, _) = tungstenite::client(request, stream).expect("the service takes cameras");
    let patience = Some(Duration::from_millis(1));
    socket
        .get_ref()
        .set_read_timeout(patience)
        .expect("it is TCP");
    socket
}

/// Sends a message, and takes what came, so that pings are answered.
fn say(socket: &mut WebSocket<TcpStream>, message: Message) {
    socket.send(message).expect("the service listens");
    while let Ok(answer) = socket.read() {
        if let Message::Text(text) = answer
            && let Ok(ServiceMessage::Bye(bye)) = message::decode(&text)
        {
            panic!("the service refuses: {}", bye.text);
        }
    }
}

/// How long after it was sent each frame was published, as often as one can
/// ask; a frame that another overtook counts with it.
fn watch(status: &str, sent: &Mutex<Vec<Instant>>, until: Instant) -> Vec<Duration> {
    let agent = ureq::Agent::new_with_defaults();
    let mut delays = Vec::new();
    while Instant::now() < until {
        let mut answer = agent.get(status).call().expect("the service answers");
        let status: serde_json::Value = answer.body_mut().read_json().expect("JSON");
        let now = Instant::now();
        if let Some(newest) = status["newest"]["frame"].as_u64() {
            let sent = sent.lock().expect("nobody panicked");
            let new = delays.len()..=newest as usize;
            delays.extend(sent[new].iter().map(|sent| now - *sent));
        }
        thread::sleep(Duration::from_millis(1));
    }
    delays
}

/// The only child process.
fn child_of(pid: u32) -> u32 {
    let output = Program::run(Command::new("pgrep").args(["--parent", &pid.to_string()]));
    output.trim().parse().expect("one ffmpeg")
}

/// In user and kernel mode, so far.
fn processor_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    // Behind the name, which may have spaces: utime and stime are the 12th and 13th.
    let (_, fields) = stat.rsplit_once(')').expect("the name is in brackets");
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().expect("a number"))
        .sum();
    Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND)
}
