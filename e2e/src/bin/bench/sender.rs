//! A camera that knows when it sent what: footage in real time over one
//! connection.

use std::{
    net::TcpStream,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tungstenite::{ClientRequestBuilder, Message, WebSocket, http::Uri};
use zerocam::camera::{Camera as _, replay::Replay};
use zerocam_e2e::{Footage, Service, service::ServiceHome};
use zerocam_protocol::{
    AccessUnit, CameraMessage, Flags, Frame, Header, Run, Segment, ServiceMessage,
    h264::ParameterSets,
    message::{self, Hello},
    version::SUBPROTOCOL,
};

/// Its name.
pub(crate) const CAMERA: &str = "bench";

/// Its run.
pub(crate) const RUN: Run = Run(1_000_000);

/// Sends until it is dropped.
#[derive(Debug)]
pub(crate) struct Sender {
    sent: Arc<Mutex<Vec<Instant>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sender {
    /// Begins to send the footage, over and over.
    pub(crate) fn start(home: &ServiceHome, service: &Service<'_>, footage: &Footage) -> Self {
        let mut socket = connect(home, service);
        let hello = hello(service, footage);
        let hello = message::encode(&CameraMessage::Hello(hello));
        say(&mut socket, Message::text(hello));
        let sent = Arc::<Mutex<Vec<Instant>>>::default();
        let stop = Arc::<AtomicBool>::default();
        let thread = {
            let (sent, stop, path) = (sent.clone(), stop.clone(), footage.path.clone());
            thread::spawn(move || send(socket, path, &sent, &stop))
        };
        Self {
            sent,
            stop,
            thread: Some(thread),
        }
    }

    /// When each frame was sent, up to now.
    pub(crate) fn sent(&self) -> Vec<Instant> {
        self.sent.lock().expect("nobody panicked").clone()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            println!("the camera has failed");
        }
    }
}

fn send(
    mut socket: WebSocket<TcpStream>,
    footage: PathBuf,
    sent: &Mutex<Vec<Instant>>,
    stop: &AtomicBool,
) {
    let mut camera = Replay::open(&footage, None).expect("real footage");
    let mut segment = RUN.0;
    for frame in 0.. {
        let picture = loop {
            if stop.load(Ordering::Relaxed) {
                return;
            }
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
            run: RUN,
            segment: Segment(segment),
            frame: Frame(frame),
            capture_time_us: frame * 40_000,
        };
        let unit = AccessUnit::new(header, &[picture.parameter_sets, picture.bytes]);
        sent.lock().expect("nobody panicked").push(Instant::now());
        say(&mut socket, Message::Binary(unit.message().clone()));
    }
}

fn hello(service: &Service<'_>, footage: &Footage) -> Hello {
    let stream = std::fs::read(&footage.path).expect("real footage");
    let format = ParameterSets::find(&stream)
        .and_then(|sets| sets.video_format().ok())
        .expect("real footage");
    Hello {
        camera: CAMERA.parse().expect("a name"),
        device: "device-1".parse().expect("a name"),
        run: RUN,
        connection: 1,
        run_started_us: 0,
        codec: format.codec,
        width: format.width,
        height: format.height,
        frame_rate_hz: 25.0,
        target_duration_s: 1,
        public_url: service.url(),
        software: "bench".into(),
    }
}

fn connect(home: &ServiceHome, service: &Service<'_>) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(service.address).expect("the service listens");
    stream.set_nodelay(true).expect("it is TCP");
    let uri: Uri = format!("ws://{}/api/cameras/{CAMERA}/stream", service.address)
        .parse()
        .expect("an address");
    let request = ClientRequestBuilder::new(uri)
        .with_header(
            "Authorization",
            format!("Bearer {}", home.camera_key(CAMERA)),
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
