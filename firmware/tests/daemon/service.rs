//! A service on loopback, played by the test: it takes check-ins and streams,
//! and tells what it sees.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};
use tungstenite::{
    Error, Message,
    handshake::server::{Request, Response},
};
use zerocam_protocol::{
    AccessUnit, CameraMessage, Segment, ServiceMessage,
    checkin::{CheckinRequest, CheckinResponse, Desired},
    message::{self, Bye, Welcome},
    version::{CURRENT, SUBPROTOCOL},
};

use super::fixture::PATIENCE;

pub(crate) struct Service {
    url: String,
    seen: Receiver<Seen>,
    script: Arc<Mutex<Script>>,
}

/// What the camera does.
#[derive(Debug)]
pub(crate) enum Seen {
    CheckIn(CheckinRequest),
    Message(CameraMessage),
    Frame(AccessUnit),
}

/// What the service says.
struct Script {
    desired: Desired,
    floor: Segment,
    commands: Vec<ServiceMessage>,
}

impl Service {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, seen) = crossbeam_channel::unbounded();
        let script = Arc::new(Mutex::new(Script {
            desired: Desired::FIRST,
            floor: Segment(0),
            commands: Vec::new(),
        }));
        let shared = Arc::clone(&script);
        thread::spawn(move || {
            for tcp in listener.incoming().map_while(Result::ok) {
                let (tell, script) = (tell.clone(), Arc::clone(&shared));
                thread::spawn(move || serve(tcp, &tell, &script));
            }
        });
        Self { url, seen, script }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Answers check-ins with this from now on.
    pub(crate) fn wish(&self, desired: Desired) {
        self.script.lock().unwrap().desired = desired;
    }

    /// Knows higher numbers of the camera.
    pub(crate) fn know(&self, floor: Segment) {
        self.script.lock().unwrap().floor = floor;
    }

    /// Says something on the open stream.
    pub(crate) fn say(&self, message: ServiceMessage) {
        self.script.lock().unwrap().commands.push(message);
    }

    /// Waits for what fits.
    pub(crate) fn until<T>(&self, what: &str, fit: impl Fn(Seen) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = self.seen.recv_deadline(deadline);
            let seen = seen.unwrap_or_else(|_| panic!("the camera sends no {what}"));
            if let Some(found) = fit(seen) {
                return found;
            }
        }
    }

    pub(crate) fn check_in(&self) -> CheckinRequest {
        self.until("check-in", |seen| match seen {
            Seen::CheckIn(request) => Some(request),
            _ => None,
        })
    }

    pub(crate) fn bye(&self) -> Bye {
        self.until("farewell", |seen| match seen {
            Seen::Message(CameraMessage::Bye(bye)) => Some(bye),
            _ => None,
        })
    }

    pub(crate) fn frame(&self) -> AccessUnit {
        self.until("frame", |seen| match seen {
            Seen::Frame(unit) => Some(unit),
            _ => None,
        })
    }
}

fn serve(tcp: TcpStream, tell: &Sender<Seen>, script: &Mutex<Script>) {
    let mut beginning = [0; 4];
    while tcp.peek(&mut beginning).is_ok_and(|bytes| bytes < 4) {
        thread::yield_now();
    }
    if beginning == *b"POST" {
        take_check_in(tcp, tell, script);
    } else {
        take_stream(tcp, tell, script);
    }
}

fn take_check_in(mut tcp: TcpStream, tell: &Sender<Seen>, script: &Mutex<Script>) {
    let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
    let request = loop {
        let bytes = tcp.read(&mut chunk).unwrap();
        assert!(bytes > 0, "the request ends early");
        request.extend_from_slice(&chunk[..bytes]);
        let text = String::from_utf8_lossy(&request);
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body);
        if let Some(Ok(request)) = body.map(serde_json::from_str) {
            break request;
        }
    };
    let answer = CheckinResponse {
        desired: script.lock().unwrap().desired,
        service_time_unix_us: 1_790_000_000_000_000,
    };
    let body = serde_json::to_string(&answer).unwrap();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
    let length = body.len();
    let _ = write!(tcp, "{head}\r\nContent-Length: {length}\r\n\r\n{body}");
    let _ = tell.send(Seen::CheckIn(request));
}

#[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
fn take_stream(tcp: TcpStream, tell: &Sender<Seen>, script: &Mutex<Script>) {
    let choose = |_: &Request, mut response: Response| {
        let protocol = SUBPROTOCOL.parse().unwrap();
        (response.headers_mut()).insert("Sec-WebSocket-Protocol", protocol);
        Ok(response)
    };
    let Ok(mut socket) = tungstenite::accept_hdr(tcp, choose) else {
        return;
    };
    let often = Duration::from_millis(10);
    socket.get_ref().set_read_timeout(Some(often)).unwrap();
    loop {
        let seen = match socket.read() {
            Ok(Message::Text(text)) => Seen::Message(message::decode(&text).unwrap()),
            Ok(Message::Binary(bytes)) => Seen::Frame(AccessUnit::decode(bytes).unwrap()),
            Ok(_) => continue,
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                let commands = std::mem::take(&mut script.lock().unwrap().commands);
                for command in commands {
                    let _ = socket.send(Message::text(message::encode(&command)));
                }
                continue;
            }
            Err(_) => return,
        };
        if let Seen::Message(CameraMessage::Hello(hello)) = &seen {
            assert_eq!(hello.validate(), Ok(()));
            let welcome = ServiceMessage::Welcome(Welcome {
                floor: script.lock().unwrap().floor,
                have: None,
                viewers: 0,
                move_after_s: 0,
                version: CURRENT,
            });
            let _ = socket.send(Message::text(message::encode(&welcome)));
        }
        let _ = tell.send(seen);
    }
}
