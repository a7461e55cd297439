//! A service driven by the test, a camera without a sensor, and the uplink
//! between them.

mod camera;
mod service;

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use zerocam::uplink::{QueueLimits, RingLimits, Uplink, UplinkConfig, UplinkEvent, queue};
use zerocam_config_file::Secret;
use zerocam_protocol::{
    Frame,
    message::{Bye, ByeReason},
};

pub(crate) use camera::Camera;
pub(crate) use service::{Incoming, Service};

/// Nothing here takes a tenth of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const KEY: &str = "camera.garden.1.c2lnbmF0dXJl";

pub(crate) struct Rig {
    pub(crate) camera: Camera,
    uplink: Option<Uplink>,
    events: Receiver<UplinkEvent>,
    listener: TcpListener,
}

/// A configuration for a service at `url`.
pub(crate) fn config(url: &str) -> UplinkConfig {
    UplinkConfig {
        url: url.into(),
        key: Secret::new(KEY.into()),
        ca_file: None,
        allow_plain: false,
        device: "dev-1".parse().unwrap(),
        ring: RingLimits::default(),
        software: "zerocam test".into(),
        trust: None,
    }
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with_ring_bytes(bytes: usize) -> Self {
        Self::with(|config| config.ring.bytes = bytes)
    }

    pub(crate) fn with(change: impl FnOnce(&mut UplinkConfig)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut config = config(&format!("http://{}", listener.local_addr().unwrap()));
        change(&mut config);
        let (sender, receiver) = queue(QueueLimits {
            frames: 1000,
            bytes: 20_000_000,
            age: Duration::from_secs(60),
        });
        let (report, events) = crossbeam_channel::unbounded();
        Self {
            camera: Camera::new(sender),
            uplink: Some(Uplink::spawn(config, receiver, report).unwrap()),
            events,
            listener,
        }
    }

    /// A camera that has made so many frames, and is welcome at a service that
    /// has none.
    pub(crate) fn streaming(frames: u32) -> (Self, Service<TcpStream>) {
        let mut rig = Self::new();
        rig.camera.shoot(frames);
        rig.start();
        let mut service = rig.accept();
        service.hello();
        service.welcome(None);
        (rig, service)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) fn public_url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub(crate) fn uplink(&self) -> &Uplink {
        self.uplink.as_ref().unwrap()
    }

    pub(crate) fn start(&self) {
        self.uplink().start();
    }

    pub(crate) fn stop(&self, text: &str) {
        // Whatever the camera delivered is in the upload thread's hands.
        self.camera.wait_until_taken();
        self.uplink().stop(Bye::new(ByeReason::Stopped, text));
    }

    pub(crate) fn shut_down(&mut self) {
        let bye = Bye::new(ByeReason::ShutDown, "good night");
        self.uplink.take().unwrap().shut_down(bye);
    }

    pub(crate) fn accept_tcp(&self) -> TcpStream {
        self.listener.set_nonblocking(true).unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.listener.accept() {
                Ok((tcp, _)) => {
                    tcp.set_nonblocking(false).unwrap();
                    return tcp;
                }
                Err(_) => {
                    assert!(Instant::now() < deadline, "the camera does not connect");
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }

    pub(crate) fn accept(&self) -> Service<TcpStream> {
        Service::accept(self.accept_tcp())
    }

    /// Passes over events until one fits.
    pub(crate) fn until(&self, fits: impl Fn(&UplinkEvent) -> bool) -> UplinkEvent {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            match self.events.recv_deadline(deadline) {
                Ok(event) if fits(&event) => return event,
                Ok(event) => seen.push(event),
                Err(error) => panic!("{error}; events: {seen:#?}"),
            }
        }
    }
}

pub(crate) fn numbers(range: std::ops::Range<u64>) -> Vec<Frame> {
    range.map(Frame).collect()
}
