//! A camera's side of the WebSocket, by hand.

use std::{
    net::TcpStream,
    time::{SystemTime, UNIX_EPOCH},
};

use tungstenite::{
    HandshakeError, Message, WebSocket, client::IntoClientRequest, error::Error as WebSocketError,
};
use zerocam_protocol::{
    AccessUnit, CameraMessage, ServiceMessage,
    clock::{Echo, Exchange},
    limits::MAX_JSON_BYTES,
    message::{self, Bye, Health, Hello, Welcome},
    version::SUBPROTOCOL,
};

use super::bench::{PATIENCE, Service};
use crate::footage::{self, Footage};

/// An open connection.
pub(crate) struct Camera {
    socket: WebSocket<TcpStream>,
    /// When the service sent its last `ack`, by its clock.
    acknowledged_us: Option<i64>,
}

/// What the service answered instead of opening one.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) text: String,
}

/// The `hello` that fits the footage.
pub(crate) fn hello(camera: &str, device: &str, connection: u64) -> Hello {
    let film = footage::Camera::default();
    let format = film.format(Footage::get());
    Hello {
        camera: camera.parse().unwrap(),
        device: device.parse().unwrap(),
        run: format.run,
        connection,
        run_started_us: 1_000_000,
        codec: format.codec,
        width: format.width,
        height: format.height,
        frame_rate_hz: format.frame_rate_hz,
        target_duration_s: format.target_duration_s,
        public_url: "http://127.0.0.1".into(),
        software: "test".into(),
    }
}

/// The service's clock, microseconds of Unix time.
pub(crate) fn unix_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}

/// The first frames of the footage.
pub(crate) fn frames(count: usize) -> Vec<AccessUnit> {
    footage::Camera::default().shoot(Footage::get(), count)
}

impl Camera {
    /// Opens a connection with a genuine key.
    pub(crate) fn connect(service: &Service, camera: &str) -> Self {
        Self::dial(
            service,
            camera,
            Some(&service.camera_key(camera)),
            SUBPROTOCOL,
        )
        .unwrap()
    }

    pub(crate) fn dial(
        service: &Service,
        camera: &str,
        key: Option<&str>,
        subprotocol: &str,
    ) -> Result<Self, Refusal> {
        let url = format!("ws://{}/api/cameras/{camera}/stream", service.address);
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", subprotocol.parse().unwrap());
        if let Some(key) = key {
            headers.insert("authorization", format!("Bearer {key}").parse().unwrap());
        }
        let stream = TcpStream::connect(service.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Self {
                socket,
                acknowledged_us: None,
            }),
            Err(HandshakeError::Failure(WebSocketError::Http(response))) => {
                let body = response.body().clone().unwrap_or_default();
                Err(Refusal {
                    status: response.status().as_u16(),
                    text: String::from_utf8(body).unwrap(),
                })
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens a connection and says hello.
    pub(crate) fn welcomed(service: &Service, hello: Hello) -> (Self, Welcome) {
        let mut camera = Self::connect(service, hello.camera.as_str());
        camera.say(&CameraMessage::Hello(hello));
        // In this order: see `zerocam_protocol::message`.
        let ack = camera.hear();
        assert!(matches!(ack, ServiceMessage::Ack { .. }), "{ack:?}");
        match camera.hear() {
            ServiceMessage::Welcome(welcome) => (camera, welcome),
            other => panic!("no welcome: {other:?}"),
        }
    }

    pub(crate) fn say(&mut self, message: &CameraMessage) {
        let text = message::encode(message);
        assert!(text.len() <= MAX_JSON_BYTES);
        self.send(Message::text(text));
    }

    pub(crate) fn send_frames<'a>(&mut self, units: impl IntoIterator<Item = &'a AccessUnit>) {
        for unit in units {
            self.send(Message::Binary(unit.message().clone()));
        }
    }

    /// Sends whatever it is. The service may have closed meanwhile, and its
    /// farewell says why.
    pub(crate) fn send(&mut self, message: Message) {
        let _ = self.socket.send(message);
    }

    /// The next message of the service.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> ServiceMessage {
        loop {
            match self.socket.read().unwrap() {
                Message::Text(text) => {
                    let message = message::decode(&text).unwrap();
                    if let ServiceMessage::Ack { clock, .. } = &message {
                        self.acknowledged_us = Some(clock.sent_us);
                    }
                    return message;
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?} before a farewell"),
            }
        }
    }

    /// The first message of which `pick` makes something.
    #[track_caller]
    pub(crate) fn until<T>(&mut self, mut pick: impl FnMut(&ServiceMessage) -> Option<T>) -> T {
        loop {
            let message = self.hear();
            if let Some(picked) = pick(&message) {
                return picked;
            }
        }
    }

    /// Lets the service know what its clock shows, in microseconds.
    pub(crate) fn tell_time(&mut self, clock_us: impl Fn() -> i64) {
        let sent_us = loop {
            match self.acknowledged_us {
                Some(sent_us) => break sent_us,
                None => drop(self.hear()),
            }
        };
        let received_us = clock_us();
        self.say(&CameraMessage::Health {
            clock: Exchange {
                sent_us: clock_us(),
                echo: Some(Echo {
                    sent_us,
                    received_us,
                }),
            },
            health: Health {
                wifi_signal_dbm: Some(-61),
                ..Health::default()
            },
        });
        // The answer to the report: the exchange is complete.
        self.until(|message| matches!(message, ServiceMessage::Ack { .. }).then_some(()));
    }

    /// Waits until this frame can be watched.
    #[track_caller]
    pub(crate) fn until_acknowledged(&mut self, frame: u64) {
        self.until(|message| match message {
            ServiceMessage::Ack { have, .. } => have.filter(|have| have.frame.0 >= frame),
            _ => None,
        });
    }

    /// Waits for the farewell, which the close follows.
    #[track_caller]
    pub(crate) fn bye(&mut self) -> Bye {
        let bye = self.until(|message| match message {
            ServiceMessage::Bye(bye) => Some(bye.clone()),
            _ => None,
        });
        match self.socket.read() {
            Ok(Message::Close(_)) | Err(_) => bye,
            other => panic!("{other:?} after the farewell"),
        }
    }
}
