//! What a camera sent, read from the bytes that passed the fault proxy.
//!
//! Only for unencrypted connections. Reads the WebSocket frames with the same
//! library as the daemon writes them.

use std::{
    collections::BTreeMap,
    io::{self, Cursor, Read, Write},
};

use tungstenite::{
    Message, WebSocket,
    protocol::{Role, WebSocketConfig},
};
use zerocam_protocol::{
    AccessUnit, CameraMessage, limits,
    message::{self, Hello},
};

use crate::footage::{SliceHash, slice_hashes};

/// A picture as one end of the product saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its segment.
    pub segment: u64,
    /// Whether a decoder can start with it.
    pub keyframe: bool,
    /// Capture time since the run's start, whole milliseconds.
    pub captured_ms: u64,
    /// The SHA-256 of each of its slices, in order.
    pub slices: Vec<SliceHash>,
}

/// Run, then frame: the order of a camera's whole history.
pub type Place = (u64, u64);

/// All that a camera sent.
#[derive(Debug, Default)]
pub struct Sent {
    /// Each picture once, however often it was sent.
    pub pictures: BTreeMap<Place, Picture>,
    /// The `hello`s, in order.
    pub hellos: Vec<Hello>,
}

impl Sent {
    /// Reads the recorded uploads of a camera's connections, in order. A
    /// connection that was cut in the middle of a message counts up to there.
    ///
    /// # Panics
    /// When a picture was sent twice and differed.
    #[must_use]
    pub fn read(uploads: &[Vec<u8>]) -> Self {
        let mut sent = Self::default();
        for upload in uploads {
            sent.read_connection(upload);
        }
        sent
    }

    fn read_connection(&mut self, upload: &[u8]) {
        const HEAD_END: &[u8] = b"\r\n\r\n";
        let Some(head) = upload
            .windows(HEAD_END.len())
            .position(|bytes| bytes == HEAD_END)
        else {
            return;
        };
        if !upload.starts_with(b"GET ") {
            return;
        }
        let recording = Recording(Cursor::new(&upload[head + HEAD_END.len()..]));
        let limits = WebSocketConfig::default()
            .max_message_size(Some(limits::MAX_ACCESS_UNIT_BYTES))
            .max_frame_size(Some(limits::MAX_ACCESS_UNIT_BYTES));
        let mut socket = WebSocket::from_raw_socket(recording, Role::Server, Some(limits));
        // Ends with an error where the recording ends.
        while let Ok(message) = socket.read() {
            match message {
                Message::Binary(bytes) => {
                    let unit = AccessUnit::decode(bytes).expect("cameras send access units");
                    self.take(&unit);
                }
                Message::Text(text) => {
                    if let CameraMessage::Hello(hello) =
                        message::decode(&text).expect("cameras send messages")
                    {
                        self.hellos.push(hello);
                    }
                }
                _ => {}
            }
        }
    }

    fn take(&mut self, unit: &AccessUnit) {
        let header = unit.header();
        let picture = Picture {
            segment: header.segment.0,
            keyframe: header.flags.keyframe,
            captured_ms: header.capture_time_us / 1000,
            slices: slice_hashes(unit.payload()),
        };
        let place = (header.run.0, header.frame.0);
        if let Some(before) = self.pictures.insert(place, picture.clone()) {
            assert_eq!(before, picture, "sent again, and different: {place:?}");
        }
    }
}

/// A socket that was: what is written to it is nobody's concern.
struct Recording<'a>(Cursor<&'a [u8]>);

impl Read for Recording<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Recording<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
