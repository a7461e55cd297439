use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Instant,
};

use tungstenite::{
    Error, Message, WebSocket,
    handshake::server::{Request, Response},
    protocol::{CloseFrame, frame::coding::CloseCode},
};
use zerocam_protocol::{
    AccessUnit, CameraMessage, Frame, Segment, ServiceMessage,
    clock::Exchange,
    message::{self, Bye, Health, Hello, Position, Welcome},
    version::{CURRENT, SUBPROTOCOL},
};

use super::{KEY, PATIENCE};

/// The service's end of one connection, played by the test.
pub(crate) struct Service<S: Read + Write> {
    socket: WebSocket<S>,
}

/// What the camera sends.
#[derive(Debug)]
pub(crate) enum Incoming {
    Json(CameraMessage),
    Frame(AccessUnit),
    Closed,
}

impl Service<TcpStream> {
    pub(crate) fn accept(tcp: TcpStream) -> Self {
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::over(tcp)
    }
}

impl<S: Read + Write> Service<S> {
    #[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
    pub(crate) fn over(stream: S) -> Self {
        let check = |request: &Request, mut response: Response| {
            assert_eq!(request.uri().path(), "/api/cameras/garden/stream");
            let header = |name| request.headers().get(name).unwrap().to_str().unwrap();
            assert_eq!(header("Authorization"), format!("Bearer {KEY}"));
            assert_eq!(header("Sec-WebSocket-Protocol"), SUBPROTOCOL);
            let protocol = SUBPROTOCOL.parse().unwrap();
            response
                .headers_mut()
                .insert("Sec-WebSocket-Protocol", protocol);
            Ok(response)
        };
        let Ok(socket) = tungstenite::accept_hdr(stream, check) else {
            panic!("the camera's upgrade is refused");
        };
        Self { socket }
    }

    pub(crate) fn next(&mut self) -> Incoming {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline);
            match self.socket.read() {
                Ok(Message::Text(text)) => return Incoming::Json(message::decode(&text).unwrap()),
                Ok(Message::Binary(bytes)) => {
                    return Incoming::Frame(AccessUnit::decode(bytes).unwrap());
                }
                Ok(Message::Close(_)) => {}
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    panic!("the camera says nothing");
                }
                Err(_) => return Incoming::Closed,
            }
        }
    }

    pub(crate) fn say(&mut self, message: &ServiceMessage) {
        self.socket
            .send(Message::text(message::encode(message)))
            .unwrap();
    }

    pub(crate) fn welcome(&mut self, have: Option<Position>) {
        self.say_welcome(Segment(0), have, 0);
    }

    pub(crate) fn welcome_above(&mut self, floor: Segment) {
        self.say_welcome(floor, None, 0);
    }

    pub(crate) fn welcome_to_move_after(&mut self, seconds: u32) {
        self.say_welcome(Segment(0), None, seconds);
    }

    fn say_welcome(&mut self, floor: Segment, have: Option<Position>, move_after_s: u32) {
        self.say(&ServiceMessage::Welcome(Welcome {
            floor,
            have,
            viewers: 0,
            move_after_s,
            version: CURRENT,
        }));
    }

    pub(crate) fn close(mut self, reason: &str) {
        let frame = CloseFrame {
            code: CloseCode::Away,
            reason: reason.into(),
        };
        self.socket.send(Message::Close(Some(frame))).unwrap();
        while !matches!(self.next(), Incoming::Closed) {}
    }

    pub(crate) fn hello(&mut self) -> Hello {
        self.find("hello", |incoming| match incoming {
            Incoming::Json(CameraMessage::Hello(hello)) => Some(hello),
            _ => None,
        })
    }

    pub(crate) fn health(&mut self) -> (Exchange, Health) {
        self.find("health", |incoming| match incoming {
            Incoming::Json(CameraMessage::Health { clock, health }) => Some((clock, health)),
            _ => None,
        })
    }

    pub(crate) fn bye(&mut self) -> Bye {
        self.find("bye", |incoming| match incoming {
            Incoming::Json(CameraMessage::Bye(bye)) => Some(bye),
            _ => None,
        })
    }

    /// Passes over health; anything else must fit.
    fn find<T>(&mut self, what: &str, fit: impl Fn(Incoming) -> Option<T>) -> T {
        loop {
            let incoming = self.next();
            let passable = matches!(&incoming, Incoming::Json(CameraMessage::Health { .. }));
            let words = format!("{incoming:?}");
            match fit(incoming) {
                Some(found) => return found,
                None => assert!(passable, "{words} in place of {what}"),
            }
        }
    }

    /// The numbers of the next frames.
    pub(crate) fn frames(&mut self, count: u64) -> Vec<Frame> {
        (0..count).map(|_| self.frame()).collect()
    }

    /// The numbers of the frames up to and with `last`.
    pub(crate) fn frames_until(&mut self, last: Frame) -> Vec<Frame> {
        let mut frames = Vec::new();
        while frames.last() != Some(&last) {
            frames.push(self.frame());
        }
        frames
    }

    fn frame(&mut self) -> Frame {
        self.find("a frame", |incoming| match incoming {
            Incoming::Frame(unit) => {
                let frame = unit.header().frame;
                assert!(unit.payload().iter().all(|&byte| byte == frame.0 as u8));
                Some(frame)
            }
            _ => None,
        })
    }

    /// The camera closes.
    pub(crate) fn closed(&mut self) {
        assert!(matches!(self.next(), Incoming::Closed));
    }
}
