//! A packager with its surroundings played: a child that behaves like ffmpeg
//! until a test says otherwise, and a clock that only tests move.

use mp4_atom::{Encode, Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunSamples};

use crate::media::{
    packager::*,
    test_units::{Shot, format, sets},
};

/// The init that ffmpeg 5.1 writes (ftyp and moov).
pub(super) fn init() -> &'static [u8] {
    &include_bytes!("../../fragment/golden/ffmpeg-5.1.mp4")[..736]
}

/// Stands in for ffmpeg: one frame of delay, sequence numbers from 1.
#[derive(Debug, Default)]
pub(super) struct FakeChild {
    pub(super) fed: Vec<Bytes>,
    pub(super) written: usize,
    pub(super) closed: bool,
}

impl FakeChild {
    /// What it has written since it was last asked.
    pub(super) fn output(&mut self) -> Vec<u8> {
        let mut output = Vec::new();
        // The stream's head comes first, and the last tag is held back.
        let ready = self.fed.len().saturating_sub(usize::from(!self.closed));
        if self.written == 0 && !self.fed.is_empty() {
            assert_eq!(self.fed[0][..3], *b"FLV");
            output.extend_from_slice(init());
            self.written = 1;
        }
        while self.written < ready {
            output.extend(fragment(&self.fed[self.written], self.written as u32));
            self.written += 1;
        }
        output
    }
}

/// A tag as ffmpeg writes it.
pub(super) fn fragment(tag: &[u8], sequence_number: u32) -> Vec<u8> {
    let time_ms = u32::from_be_bytes([tag[7], tag[4], tag[5], tag[6]]);
    let sample = &tag[16..tag.len() - 4];
    let moof = Moof {
        mfhd: Mfhd { sequence_number },
        traf: vec![Traf {
            tfhd: Tfhd {
                track_id: 1,
                default_sample_duration: Some(1),
                ..Tfhd::default()
            },
            tfdt: Some(Tfdt {
                base_media_decode_time: u64::from(time_ms) * 16,
            }),
            trun: vec![Trun {
                data_offset: Some(0),
                samples: TrunSamples::Inherited {
                    count: 1,
                    first_flags: (tag[11] == 0x17).then_some(0x0200_0000),
                },
            }],
            ..Traf::default()
        }],
    };
    let mut bytes = Vec::new();
    moof.encode(&mut bytes).unwrap();
    bytes.extend((sample.len() as u32 + 8).to_be_bytes());
    bytes.extend(b"mdat");
    bytes.extend(sample);
    bytes
}

/// A packager with its surroundings, and a clock that only tests move.
pub(super) struct Bench {
    pub(super) packager: Packager,
    pub(super) now: Instant,
    pub(super) child: Option<FakeChild>,
    pub(super) spawns_fail: bool,
    pub(super) spawned: usize,
    pub(super) published: Vec<Packaged>,
    pub(super) inits: Vec<Bytes>,
    pub(super) failures: Vec<Failure>,
    pub(super) dropped: usize,
    pub(super) flushed: usize,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self {
            packager: Packager::new(format(100), sets()),
            now: Instant::now(),
            child: None,
            spawns_fail: false,
            spawned: 0,
            published: Vec::new(),
            inits: Vec::new(),
            failures: Vec::new(),
            dropped: 0,
            flushed: 0,
        }
    }

    pub(super) fn handle(&mut self, event: Event<'_>) {
        let mut actions = VecDeque::from(self.packager.handle(event, self.now));
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Spawn if self.spawns_fail => {
                    let event = Event::SpawnFailed("no ffmpeg".into());
                    actions = self.packager.handle(event, self.now).into();
                }
                Action::Spawn => {
                    assert!(self.child.is_none(), "one child at a time");
                    self.child = Some(FakeChild::default());
                    self.spawned += 1;
                }
                Action::Feed(bytes) => {
                    let child = self.child.as_mut().expect("only a child is fed");
                    assert!(!child.closed, "nothing is fed behind the end");
                    child.fed.push(bytes);
                }
                Action::CloseInput => self.child.as_mut().unwrap().closed = true,
                Action::Kill => self.child = None,
                Action::PublishInit(init) => self.inits.push(init),
                Action::Publish(frame) => self.published.push(frame),
                Action::Report(failure) => self.failures.push(failure),
                Action::Drop { units } => self.dropped += units,
                Action::Flushed => self.flushed += 1,
            }
        }
    }

    pub(super) fn push(&mut self, frames: impl IntoIterator<Item = u64>) {
        for frame in frames {
            self.handle(Event::Unit(Shot::at(frame).unit()));
        }
    }

    /// Lets the child write what it can, and end if it was asked to.
    pub(super) fn work(&mut self) {
        if let Some(child) = &mut self.child {
            let (output, closed) = (child.output(), child.closed);
            if !output.is_empty() {
                self.handle(Event::Output(&output));
            }
            if closed && self.child.is_some() {
                self.exit("exit status: 0");
            }
        }
    }

    pub(super) fn exit(&mut self, how: &str) {
        self.child = None;
        self.handle(Event::Exited(how.into()));
    }

    /// Waits for the next deadline, and this much longer.
    pub(super) fn sleep_to_deadline(&mut self, late: Duration) {
        self.now = self.packager.next_deadline().expect("a deadline") + late;
        self.handle(Event::Deadline);
    }

    pub(super) fn frames(&self) -> Vec<u64> {
        let frame = |packaged: &Packaged| packaged.unit.header.frame.0;
        self.published.iter().map(frame).collect()
    }

    pub(super) fn reasons(&self) -> Vec<&str> {
        let reasons = self.failures.iter().map(|failure| &failure.reason[..]);
        reasons.collect()
    }
}

/// What an undisturbed child gives.
pub(super) fn undisturbed(frames: std::ops::Range<u64>) -> Vec<Packaged> {
    let mut bench = Bench::new();
    bench.push(frames);
    bench.handle(Event::Flush);
    bench.work();
    bench.published
}
