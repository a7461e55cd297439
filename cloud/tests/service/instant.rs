//! The instant stream over a real socket.

use std::{
    io::{self, BufReader, Read, Write},
    net::TcpStream,
    thread,
    time::Instant,
};

use mp4_atom::{Decode, Moof};
use socket2::{Domain, Socket, Type};
use zerocam_protocol::{
    AccessUnit, CameraMessage, Run,
    message::{Bye, ByeReason},
    token::Right,
};

use zerocam_cloud::{media::follower::MAX_LAG, time::Now};

use super::{
    bench::{PATIENCE, Service},
    camera::{Camera, frames, hello},
};
use crate::footage::{self, Footage};

/// Little enough that the kernel hides only some frames.
const RECEIVE_BYTES: usize = 16 * 1024;

/// One response, read box by box.
pub(super) struct Stream {
    status: String,
    headers: Vec<String>,
    body: Chunks,
    /// All that was read of it.
    film: Vec<u8>,
}

impl Stream {
    pub(super) fn open(service: &Service, camera: &str) -> Self {
        Self::open_with(service, camera, &service.view(camera))
    }

    pub(super) fn open_with(service: &Service, camera: &str, token: &str) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(RECEIVE_BYTES).unwrap();
        socket.connect(&service.address.into()).unwrap();
        let mut socket = TcpStream::from(socket);
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            socket,
            "GET /t/{token}/watch/{camera}/live.mp4 HTTP/1.1\r\nhost: zerocam\r\n\r\n"
        )
        .unwrap();
        let mut reader = BufReader::with_capacity(512, socket);
        let status = line(&mut reader);
        let headers = std::iter::repeat_with(|| line(&mut reader))
            .take_while(|line| !line.is_empty())
            .collect();
        Self {
            status,
            headers,
            body: Chunks { reader, left: 0 },
            film: Vec::new(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.headers
            .iter()
            .find_map(|line| line.strip_prefix(&prefix))
    }

    /// The number of the next frame; `None` when the response has ended.
    pub(super) fn next_frame(&mut self) -> Option<u64> {
        loop {
            let from = self.film.len();
            let mut head = [0; 8];
            if self.body.read(&mut head[..1]).unwrap() == 0 {
                return None;
            }
            self.body.read_exact(&mut head[1..]).unwrap();
            self.film.extend(head);
            let bytes = u32::from_be_bytes(head[..4].try_into().unwrap()) as usize;
            self.film.resize(from + bytes, 0);
            self.body.read_exact(&mut self.film[from + 8..]).unwrap();
            if head[4..] == *b"moof" {
                let moof = Moof::decode(&mut &self.film[from..]).unwrap();
                return Some(u64::from(moof.mfhd.sequence_number) - 1);
            }
        }
    }

    pub(super) fn rest(&mut self) -> Vec<u64> {
        std::iter::from_fn(|| self.next_frame()).collect()
    }
}

/// A body in chunks (RFC 9112, section 7.1).
struct Chunks {
    reader: BufReader<TcpStream>,
    left: usize,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            self.left = usize::from_str_radix(&line(&mut self.reader), 16).unwrap();
            if self.left == 0 {
                return Ok(0);
            }
        }
        let room = buffer.len().min(self.left);
        let read = self.reader.read(&mut buffer[..room])?;
        assert!(read > 0, "the connection ended within the response");
        self.left -= read;
        if self.left == 0 {
            assert_eq!(line(&mut self.reader), "");
        }
        Ok(read)
    }
}

fn line(reader: &mut impl Read) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        reader.read_exact(&mut byte).unwrap();
        line.extend(byte);
    }
    line.truncate(line.len() - 2);
    String::from_utf8(line).unwrap()
}

fn stop(camera: &mut Camera) {
    let bye = Bye::new(ByeReason::Stopped, "stopped by its button");
    camera.say(&CameraMessage::Bye(bye));
}

#[test]
fn every_frame_from_the_newest_keyframe_to_the_farewell() {
    let service = Service::start();
    let units = frames(110);
    let hello = hello("garden", "dev-a", 1);
    let (mut camera, _) = Camera::welcomed(&service, hello.clone());
    camera.send_frames(&units[..60]);
    camera.until_acknowledged(58);
    let mut stream = Stream::open(&service, "garden");
    assert_eq!(stream.status, "HTTP/1.1 200 OK");
    let header = |name| stream.header(name).unwrap();
    assert_eq!(header("content-type"), "video/mp4");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("zerocam-run"), hello.run.0.to_string());
    assert_eq!(header("zerocam-codec"), hello.codec);
    let newest = service.status("garden")["newest"].clone();
    let (date_ms, frame) = (&newest["date_unix_ms"], &newest["frame"]);
    assert_eq!(
        header("zerocam-run-date-unix-ms").parse::<i64>().unwrap(),
        date_ms.as_i64().unwrap() - 40 * frame.as_i64().unwrap()
    );
    let mut got: Vec<u64> = (50..=58).map(|_| stream.next_frame().unwrap()).collect();

    // One at a time: each is there before the next one is sent but one, which
    // ffmpeg waits for.
    let mut waits = Vec::new();
    for unit in &units[60..] {
        let sent = Instant::now();
        camera.send_frames([unit]);
        got.push(stream.next_frame().unwrap());
        waits.push(sent.elapsed());
    }
    waits.sort();
    println!(
        "access unit sent to the frame before it received: median {:?}",
        waits[25]
    );
    assert_eq!(service.status("garden")["viewers"], 1);
    stop(&mut camera);
    got.extend(stream.rest());
    assert_eq!(got, (50..110).collect::<Vec<_>>());
    let expected: Vec<i64> = (50..110).map(|frame| frame * 40_000).collect();
    assert_eq!(footage::decoded_times_us(&stream.film), expected);
}

#[test]
fn a_viewer_that_does_not_read_goes_on_at_a_keyframe() {
    let service = Service::start();
    let units = frames(150);
    let (mut camera, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    camera.send_frames(&units[..2]);
    camera.until_acknowledged(0);
    let mut stream = Stream::open(&service, "garden");
    assert_eq!(stream.next_frame(), Some(0));
    camera.send_frames(&units[2..]);
    camera.until_acknowledged(148);
    stop(&mut camera);
    // It is the service's own clock that makes a viewer slow.
    thread::sleep(2 * MAX_LAG);
    let got = [vec![0], stream.rest()].concat();
    let jumps: Vec<_> = got
        .windows(2)
        .filter(|pair| pair[0] + 1 != pair[1])
        .collect();
    let [jump] = jumps[..] else {
        panic!("{got:?}");
    };
    println!(
        "{} bytes reached a viewer that did not read, up to frame {}",
        stream.film.len(),
        jump[0]
    );
    assert_eq!((jump[1], got.last()), (125, Some(&149)));
    assert_eq!(footage::decoded_times_us(&stream.film).len(), got.len());
}

#[test]
fn it_waits_for_a_picture_and_ends_with_the_run() {
    let service = Service::start();
    let hello = hello("garden", "dev-a", 1);
    let (mut camera, _) = Camera::welcomed(&service, hello.clone());
    let (frames_of_run, next) = (frames(30), Run(hello.run.0 + 1));
    thread::scope(|scope| {
        let viewer = scope.spawn(|| {
            let mut stream = Stream::open(&service, "garden");
            (
                stream.header("zerocam-run").map(str::to_owned),
                stream.rest(),
            )
        });
        service.until(|service| (service.status("garden")["viewers"] == 1).then_some(()));
        camera.send_frames(&frames_of_run);
        camera.until_acknowledged(28);
        let mut next_hello = hello.clone();
        next_hello.run = next;
        camera.say(&CameraMessage::Hello(next_hello));
        let film = footage::Camera {
            run: next,
            first_segment: frames_of_run[29].header().segment.next(),
        };
        let units: Vec<AccessUnit> = film.shoot(Footage::get(), 30);
        camera.send_frames(&units);
        let (run, got) = viewer.join().unwrap();
        assert_eq!(run, Some(hello.run.to_string()));
        assert_eq!(got, (0..30).collect::<Vec<_>>());
    });
    let stream = Stream::open(&service, "garden");
    assert_eq!(stream.header("zerocam-run"), Some(&*next.to_string()));
}

#[test]
fn while_the_camera_is_stopped_it_says_so() {
    let service = Service::start();
    let path = format!("/t/{}/watch/garden/live.mp4", service.view("garden"));
    let (mut camera, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    camera.send_frames(&frames(30));
    camera.until_acknowledged(28);
    stop(&mut camera);
    service.until(|service| (service.status("garden")["newest"]["frame"] == 29).then_some(()));
    let refused = service.get(&path);
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    assert!(refused.text().contains("no picture"), "{}", refused.text());
    assert_eq!(refused.header("cache-control"), "no-store");
}

#[test]
fn it_ends_with_its_link() {
    let service = Service::start();
    let units = frames(110);
    let (mut camera, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    camera.send_frames(&units[..60]);
    camera.until_acknowledged(58);
    let end = Now::read().unix_s() + 4;
    let link = service.link("garden", Right::View, Some(end));
    let mut stream = Stream::open_with(&service, "garden", &link);
    assert_eq!(stream.next_frame(), Some(50));
    let path = format!("/t/{link}/api/cameras/garden");
    service.until(|service| (service.get(&path).status == 401).then_some(()));
    camera.send_frames(&units[60..]);
    assert_eq!(stream.rest(), (51..75).collect::<Vec<_>>());
}

#[test]
fn a_service_that_stops_ends_it() {
    let mut service = Service::start();
    let (mut camera, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    camera.send_frames(&frames(30));
    let mut stream = Stream::open(&service, "garden");
    service.ask_to_stop();
    assert!(!stream.rest().is_empty());
    service.join();
}
