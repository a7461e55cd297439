//! A test picture as a camera: painted here, encoded by the local ffmpeg.
//!
//! The daemon paints raw pictures at the configured rate and pipes them into
//! ffmpeg, so that the clock in the picture is the moment of its capture, not
//! one that an encoder's buffer has aged. ffmpeg gives one access unit for each
//! picture in the same order, which is how a picture finds its capture time
//! again.
//!
//! ffmpeg lives as long as this camera: it is killed when the camera is closed,
//! and ends by itself when the daemon dies and its input closes.

mod painting;

use std::{
    io::{self, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    BitrateChange, Camera, CameraError, Pace, Picture,
    annex_b::{SplitError, Splitter},
};
use crate::config::EncoderSettings;
use painting::Painting;

/// More pictures than ever are inside ffmpeg.
const MAX_UNDER_WAY: usize = 256;

/// How much of ffmpeg's complaints is reported.
const MAX_COMPLAINT_BYTES: u64 = 2048;

/// Size of the picture in pixels, both even.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Across.
    pub width: u32,
    /// Down.
    pub height: u32,
}

/// A running test picture.
#[derive(Debug)]
pub struct Pattern {
    encoder: Child,
    stdout: ChildStdout,
    splitter: Splitter,
    pace: Pace,
    /// When the pictures that are inside ffmpeg were painted.
    captured: Receiver<Instant>,
    /// Dropped to end the painter.
    painter_stop: Option<Sender<()>>,
    painter: Option<JoinHandle<()>>,
}

impl Pattern {
    /// Starts painting and encoding.
    ///
    /// # Errors
    /// [`PatternError`] when ffmpeg cannot be run.
    pub fn open(
        size: Size,
        frame_rate_hz: f64,
        encoder: &EncoderSettings,
    ) -> Result<Self, PatternError> {
        let mut child = Command::new("ffmpeg")
            .args(arguments(size, frame_rate_hz, encoder))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(PatternError::Spawn)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("both were asked for as pipes");
        };
        let (painted, captured) = crossbeam_channel::bounded(MAX_UNDER_WAY);
        let (painter_stop, stop) = crossbeam_channel::bounded(0);
        let painter = thread::Builder::new()
            .name("pattern".into())
            .spawn(move || {
                let period = Duration::from_secs_f64(1.0 / frame_rate_hz);
                // A failed write means that ffmpeg ended; its own words say why.
                let _ = paint(Painting::new(size), period, stdin, &painted, &stop);
            });
        let mut pattern = Self {
            encoder: child,
            stdout,
            splitter: Splitter::default(),
            pace: Pace {
                frame_rate_hz,
                keyframe_interval: encoder.keyframe_interval,
            },
            captured,
            painter_stop: Some(painter_stop),
            painter: None,
        };
        pattern.painter = Some(painter.map_err(PatternError::Spawn)?);
        Ok(pattern)
    }

    /// Reads what ffmpeg has written; returns whether there was anything
    /// before `deadline`.
    fn read_on(&mut self, deadline: Instant) -> Result<bool, PatternError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).ok();
        let mut ready = [PollFd::new(&self.stdout, PollFlags::IN)];
        match poll(&mut ready, timeout.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(PatternError::Read(error.into())),
        }
        let read = self.splitter.read_from(&mut self.stdout);
        match read.map_err(PatternError::Read)? {
            0 => Err(self.complaint()),
            _ => Ok(true),
        }
    }

    /// Why ffmpeg closed its output, in its own words.
    fn complaint(&mut self) -> PatternError {
        let mut text = Vec::new();
        if let Some(stderr) = self.encoder.stderr.take() {
            // It has ended or is about to: what it said is in the pipe.
            let _ = self.encoder.kill();
            let _ = stderr.take(MAX_COMPLAINT_BYTES).read_to_end(&mut text);
        }
        let text = String::from_utf8_lossy(&text);
        PatternError::Ended {
            last_line: text.lines().last().unwrap_or("no reason given").to_owned(),
        }
    }
}

impl Camera for Pattern {
    fn pace(&self) -> Pace {
        self.pace
    }

    fn next_picture(&mut self, patience: Duration) -> Result<Option<Picture<'_>>, CameraError> {
        let deadline = Instant::now() + patience;
        while self.splitter.peek().map_err(PatternError::from)?.is_none() {
            if !self.read_on(deadline)? {
                return Ok(None);
            }
        }
        let captured = (self.captured.try_recv()).map_err(|_| PatternError::TooManyPictures)?;
        let unit = self.splitter.next_unit().map_err(PatternError::from)?;
        Ok(unit.map(|unit| Picture::of(unit, captured)))
    }

    /// ffmpeg takes a bitrate only when it starts.
    fn set_bitrate(&mut self, _: u32) -> BitrateChange {
        BitrateChange::NeedsReopening
    }
}

impl Drop for Pattern {
    fn drop(&mut self) {
        self.painter_stop = None;
        let _ = self.encoder.kill();
        let _ = self.encoder.wait();
        // A write that hung on ffmpeg has failed by now.
        if let Some(painter) = self.painter.take() {
            let _ = painter.join();
        }
    }
}

/// Paints at each multiple of `period` until `stop` is dropped. Falling behind
/// skips pictures: the clock shown stays true.
fn paint(
    mut painting: Painting,
    period: Duration,
    mut encoder: ChildStdin,
    painted: &Sender<Instant>,
    stop: &Receiver<()>,
) -> io::Result<()> {
    let mut due = Instant::now();
    while stop.recv_deadline(due) == Err(RecvTimeoutError::Timeout) {
        let now = Instant::now();
        // A clock before 1970 is shown as 1970.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        let picture = painting.at(wall.unwrap_or_default());
        if let Err(TrySendError::Disconnected(_) | TrySendError::Full(_)) = painted.try_send(now) {
            break;
        }
        encoder.write_all(picture)?;
        due = (due + period).max(Instant::now());
    }
    Ok(())
}

/// How ffmpeg is called: every picture encoded as it comes, keyframes at the
/// configured interval and nowhere else, no B-frames. Not with `-fflags
/// nobuffer`: it loses the first picture, and all get their neighbour's time.
fn arguments(size: Size, frame_rate_hz: f64, encoder: &EncoderSettings) -> Vec<String> {
    let Size { width, height } = size;
    let group = encoder.group_pictures(frame_rate_hz);
    let bitrate = encoder.bitrate_bps;
    format!(
        "-hide_banner -loglevel error \
         -f rawvideo -pixel_format yuv420p -video_size {width}x{height} \
         -framerate {frame_rate_hz} -i pipe:0 -map 0:v -c:v libx264 -preset ultrafast \
         -tune zerolatency -profile:v baseline -pix_fmt yuv420p -bf 0 -g {group} \
         -keyint_min {group} -sc_threshold 0 -b:v {bitrate} -maxrate {bitrate} \
         -bufsize {bitrate} -flush_packets 1 -f h264 pipe:1"
    )
    .split_ascii_whitespace()
    .map(str::to_owned)
    .collect()
}

/// Why there is no test picture.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// No ffmpeg, or no more processes.
    #[error(
        "cannot run ffmpeg, which encodes the test picture: {0}; install it, or choose another backend in [camera]"
    )]
    Spawn(#[source] io::Error),
    /// The pipe failed.
    #[error("cannot read from ffmpeg: {0}")]
    Read(#[source] io::Error),
    /// ffmpeg gave up.
    #[error("ffmpeg ended: {last_line}")]
    Ended {
        /// The last line of what it said.
        last_line: String,
    },
    /// Not one access unit for each picture.
    #[error("ffmpeg gave more pictures than it was given")]
    TooManyPictures,
    /// Its output is not H.264.
    #[error("ffmpeg's output: {0}")]
    Split(#[from] SplitError),
}

#[cfg(test)]
mod tests {
    use super::super::clock_code;
    use super::*;
    use crate::config::BitrateMode;

    const SIZE: Size = Size {
        width: 320,
        height: 180,
    };

    fn encoder() -> EncoderSettings {
        EncoderSettings {
            bitrate_bps: 1_000_000,
            bitrate_mode: BitrateMode::Variable,
            keyframe_interval: Duration::from_millis(500),
        }
    }

    #[test]
    fn golden_arguments() {
        let text = arguments(SIZE, 12.5, &encoder()).join(" ");
        assert!(text.contains("-video_size 320x180 -framerate 12.5 -i pipe:0 "));
        assert!(text.contains(" -bf 0 -g 6 -keyint_min 6 -sc_threshold 0 "));
        assert!(text.contains(" -b:v 1000000 -maxrate 1000000 "));
    }

    /// Decodes access units to luma with the local ffmpeg.
    fn decode(stream: Vec<u8>) -> Vec<Vec<u8>> {
        let mut ffmpeg = Command::new("ffmpeg")
            .args("-v error -f h264 -i pipe:0 -f rawvideo -pix_fmt gray pipe:1".split(' '))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = ffmpeg.stdin.take().unwrap();
        let writer = thread::spawn(move || stdin.write_all(&stream).unwrap());
        let output = ffmpeg.wait_with_output().unwrap();
        writer.join().unwrap();
        let frame_bytes = (SIZE.width * SIZE.height) as usize;
        output
            .stdout
            .chunks(frame_bytes)
            .map(<[u8]>::to_vec)
            .collect()
    }

    #[test]
    fn every_picture_shows_the_moment_of_its_capture() {
        let wall = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        // Where the monotonic clock stands on the wall clock.
        let (now, now_wall) = (Instant::now(), wall());
        let mut camera = Pattern::open(SIZE, 25.0, &encoder()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let (mut stream, mut captured) = (Vec::new(), Vec::new());
        let mut keyframes = Vec::new();
        while captured.len() < 40 {
            assert!(
                Instant::now() < deadline,
                "only {} pictures",
                captured.len()
            );
            let Some(picture) = camera.next_picture(Duration::from_millis(100)).unwrap() else {
                continue;
            };
            if picture.keyframe {
                keyframes.push(captured.len());
            }
            stream.extend_from_slice(picture.bytes);
            captured.push(picture.captured);
        }
        drop(camera);
        // 12.5 pictures are rounded away from zero.
        assert_eq!(keyframes, [0, 13, 26, 39]);
        let pictures = decode(stream);
        assert_eq!(pictures.len(), captured.len());
        let mut differences_ms: Vec<i32> = pictures
            .iter()
            .zip(&captured)
            .map(|(samples, captured)| {
                let shown = clock_code::decode(clock_code::Luma {
                    samples,
                    stride: SIZE.width as usize,
                    width: SIZE.width as usize,
                    height: SIZE.height as usize,
                });
                let expected = (now_wall + captured.duration_since(now)).as_millis() as u32;
                shown.expect("a valid code").wrapping_sub(expected) as i32
            })
            .collect();
        // A picture taken for its neighbour would show 40 ms. The median,
        // because the two clocks are read one after the other.
        differences_ms.sort_unstable();
        let median = differences_ms[differences_ms.len() / 2];
        assert!(median.abs() < 15, "{median} ms of {differences_ms:?}");
    }

    #[test]
    fn what_ffmpeg_refuses_is_told_in_its_words() {
        // More pictures from keyframe to keyframe than ffmpeg can count.
        let endless = EncoderSettings {
            keyframe_interval: Duration::from_secs(1 << 40),
            ..encoder()
        };
        let mut camera = Pattern::open(SIZE, 25.0, &endless).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let error = loop {
            assert!(Instant::now() < deadline);
            match camera.next_picture(Duration::from_secs(1)) {
                Ok(_) => {}
                Err(error) => break error.to_string(),
            }
        };
        assert!(
            error.starts_with("ffmpeg ended: ") && error.len() > 20,
            "{error}"
        );
    }
}
