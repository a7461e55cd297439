//! The flow of buffers, and what to do when it falters. The kernel is behind a
//! trait, so that tests can play its part.
//!
//! A failed call leaves a stream of buffers in an unknown state, so that it is
//! made anew at once, which costs one keyframe. Only a device that falters
//! again and again, or is gone, is an error.

use std::{
    io,
    time::{Duration, Instant},
};

use rustix::io::Errno;
use tracing::warn;

use super::{
    Fault,
    pictures::{Buffer, Clock, Pictures},
};
use crate::camera::Picture;

/// How often a stream is made anew before the device is given up.
const MAX_RESTARTS: u32 = 3;

/// After so many pictures without a fault, faults are counted from 0 again.
const SOUND_PICTURES: u32 = 100;

/// A running stream of buffers.
pub(super) trait Buffers {
    /// Whether a buffer is ready within `patience`.
    fn wait(&mut self, patience: Duration) -> io::Result<bool>;

    /// Gives the last buffer back and takes the next, which is ready.
    fn next(&mut self) -> io::Result<Buffer<'_>>;

    /// Makes the stream anew.
    fn restart(&mut self) -> Result<(), Fault>;
}

/// Pictures out of a stream of buffers.
#[derive(Debug)]
pub(super) struct Flow<B> {
    pub(super) buffers: B,
    pictures: Pictures,
    /// Why the stream has to be made anew.
    faltered: Option<io::Error>,
    restarts: u32,
    /// Pictures since the stream was made.
    pictures_since: u32,
}

impl<B: Buffers> Flow<B> {
    pub(super) fn new(buffers: B, clock: Clock) -> Self {
        Self {
            buffers,
            pictures: Pictures::new(clock),
            faltered: None,
            restarts: 0,
            pictures_since: 0,
        }
    }

    /// The next picture; `None` when there is none within `patience`, or in the
    /// buffer that came.
    pub(super) fn next_picture(
        &mut self,
        patience: Duration,
    ) -> Result<Option<Picture<'_>>, Fault> {
        if let Some(error) = self.faltered.take() {
            if self.restarts >= MAX_RESTARTS {
                return Err(Fault::of("get a picture", error));
            }
            self.restarts += 1;
            self.pictures_since = 0;
            warn!(%error, "the camera faltered: its stream is made anew");
            self.buffers.restart()?;
            self.pictures.begin_anew();
        }
        match self.buffers.wait(patience) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(None),
            Err(error) => return Err(Fault::of("wait for a picture", error)),
        }
        let buffer = match self.buffers.next() {
            Ok(buffer) => buffer,
            Err(error) if is_passing(&error) => {
                self.faltered = Some(error);
                return Ok(None);
            }
            Err(error) => return Err(Fault::of("get a picture", error)),
        };
        let picture = self.pictures.take_in(buffer, Instant::now());
        let picture = picture.map_err(|_| Fault::NoParameterSets)?;
        self.pictures_since += u32::from(picture.is_some());
        if self.pictures_since >= SOUND_PICTURES {
            self.restarts = 0;
            self.pictures_since = 0;
        }
        Ok(picture)
    }
}

/// Whether a new stream may help: a signal came between, nothing was ready
/// after all, or the device had a failure that the driver takes for passing.
fn is_passing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut
        || matches!(
            Errno::from_io_error(error),
            Some(Errno::INTR | Errno::AGAIN | Errno::IO)
        )
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const IDR: &[u8] = &[0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x65, 0x88];
    const DELTA: &[u8] = &[0, 0, 1, 0x41, 0x9a];

    /// What the kernel says next.
    #[derive(Debug, Clone, Copy)]
    enum Say {
        Nothing,
        WaitFails(Errno),
        NextFails(Errno),
        NextTimesOut,
        Is(&'static [u8]),
    }
    use Say::{Is, NextFails, NextTimesOut, Nothing, WaitFails};

    #[derive(Debug, Default)]
    struct Script {
        says: VecDeque<Say>,
        memory: Vec<u8>,
        restarts: u32,
        restart_fails: bool,
    }

    impl Buffers for Script {
        fn wait(&mut self, _: Duration) -> io::Result<bool> {
            match *self.says.front().unwrap() {
                Nothing => {
                    self.says.pop_front();
                    Ok(false)
                }
                WaitFails(error) => {
                    self.says.pop_front();
                    Err(error.into())
                }
                NextFails(_) | NextTimesOut | Is(_) => Ok(true),
            }
        }

        fn next(&mut self) -> io::Result<Buffer<'_>> {
            match self.says.pop_front().unwrap() {
                NextFails(error) => Err(error.into()),
                NextTimesOut => Err(io::Error::new(io::ErrorKind::TimedOut, "VIDIOC_DQBUF")),
                Is(bytes) => {
                    self.memory = [bytes, &[0; 50]].concat();
                    Ok(Buffer {
                        memory: &self.memory,
                        used_bytes: bytes.len(),
                        damaged: false,
                        sequence: 0,
                        stamp: None,
                    })
                }
                Nothing | WaitFails(_) => unreachable!("taken by wait"),
            }
        }

        fn restart(&mut self) -> Result<(), Fault> {
            self.restarts += 1;
            if self.restart_fails {
                return Err(Fault::of("start", Errno::NODEV.into()));
            }
            Ok(())
        }
    }

    /// `k` for a keyframe, `d` for another picture, `.` for none, `!` for an
    /// error; and how often the stream was made anew.
    fn play(says: &[Say]) -> (String, u32) {
        let script = Script {
            says: says.iter().copied().collect(),
            ..Script::default()
        };
        let clock = Clock {
            instant: Instant::now(),
            monotonic: Duration::ZERO,
        };
        let mut flow = Flow::new(script, clock);
        let mut text = String::new();
        while !flow.buffers.says.is_empty() {
            let got = flow.next_picture(Duration::ZERO);
            text.push(match got {
                Ok(Some(picture)) if picture.keyframe => 'k',
                Ok(Some(_)) => 'd',
                Ok(None) => '.',
                Err(_) => '!',
            });
        }
        (text, flow.buffers.restarts)
    }

    #[test]
    fn faults_are_ridden_out_or_told() {
        let io = NextFails(Errno::IO);
        let table: [(&str, &[Say], &str, u32); 11] = [
            ("all is well", &[Is(IDR), Is(DELTA), Nothing], "kd.", 0),
            (
                "a signal while waiting",
                &[Is(IDR), WaitFails(Errno::INTR), Is(DELTA)],
                "k.d",
                0,
            ),
            (
                "the device fails while waiting",
                &[Is(IDR), WaitFails(Errno::NODEV)],
                "k!",
                0,
            ),
            (
                "a signal within a call",
                &[Is(IDR), NextFails(Errno::INTR), Is(DELTA), Is(IDR)],
                "k..k",
                1,
            ),
            (
                "no buffer after all",
                &[Is(IDR), NextTimesOut, Is(IDR), Is(DELTA)],
                "k.kd",
                1,
            ),
            (
                "another reader was faster",
                &[Is(IDR), NextFails(Errno::AGAIN), Is(IDR)],
                "k.k",
                1,
            ),
            (
                "a passing failure of the device",
                &[Is(IDR), io, Is(IDR)],
                "k.k",
                1,
            ),
            (
                "one that comes again and again",
                &[io, Is(IDR), io, Is(IDR), io, Is(IDR), io, Nothing],
                ".k.k.k.!.",
                3,
            ),
            (
                "one that does not pass",
                &[Is(IDR), io, io, io, io, Nothing],
                "k....!.",
                3,
            ),
            ("unplugged", &[Is(IDR), NextFails(Errno::NODEV)], "k!", 0),
            ("a call is refused", &[NextFails(Errno::INVAL)], "!", 0),
        ];
        for (name, says, expected, restarts) in table {
            assert_eq!(play(says), (expected.to_owned(), restarts), "{name}");
        }
    }

    #[test]
    fn rare_faults_do_not_add_up() {
        let pictures = [Is(IDR); SOUND_PICTURES as usize];
        let says: Vec<Say> = (0..6)
            .flat_map(|_| [&pictures[..], &[NextFails(Errno::IO)]].concat())
            .chain([Is(IDR)])
            .collect();
        let (text, restarts) = play(&says);
        assert!(!text.contains('!') && text.ends_with('k'), "{text}");
        assert_eq!(restarts, 6);
    }

    #[test]
    fn a_stream_that_cannot_be_made_anew_is_an_error() {
        let script = Script {
            says: [NextFails(Errno::IO)].into(),
            restart_fails: true,
            ..Script::default()
        };
        let clock = Clock {
            instant: Instant::now(),
            monotonic: Duration::ZERO,
        };
        let mut flow = Flow::new(script, clock);
        assert!(flow.next_picture(Duration::ZERO).unwrap().is_none());
        let error = flow.next_picture(Duration::ZERO).unwrap_err();
        assert!(matches!(error, Fault::Gone), "{error:?}");
    }

    #[test]
    fn keyframes_without_parameter_sets_are_told() {
        let script = Script {
            says: [Is(&[0, 0, 1, 0x65, 0x88]); 20].into(),
            ..Script::default()
        };
        let clock = Clock {
            instant: Instant::now(),
            monotonic: Duration::ZERO,
        };
        let mut flow = Flow::new(script, clock);
        let error = loop {
            match flow.next_picture(Duration::ZERO) {
                Ok(picture) => assert!(picture.is_none()),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Fault::NoParameterSets));
    }
}
