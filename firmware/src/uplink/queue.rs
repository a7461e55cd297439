//! The hand-over from the capture thread to the upload thread.
//!
//! Offering a frame never blocks. The queue is bounded in frames, bytes and
//! time; when it is full, the rest of the group of pictures is dropped up to
//! the next keyframe, so that whatever comes out can be decoded, and counted.
//!
//! The upload thread empties it within milliseconds into its replay ring, which
//! is where a slow network is dealt with. This queue fills only when that
//! thread itself is held up.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};
use zerocam_protocol::limits::MAX_ACCESS_UNIT_BYTES;

use super::{CapturedFrame, waker::Waker};

/// How much may wait between capture and upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Most frames.
    pub frames: usize,
    /// Most bytes. One frame is always taken by an empty queue.
    pub bytes: usize,
    /// Longest time between the capture of the oldest and the newest.
    pub age: Duration,
}

impl Default for QueueLimits {
    /// Room for the longest that the upload thread is ever away, a disk-bound
    /// library call, and for the largest frame.
    fn default() -> Self {
        Self {
            frames: 120,
            bytes: MAX_ACCESS_UNIT_BYTES + 1024 * 1024,
            age: Duration::from_millis(1500),
        }
    }
}

/// Makes a queue.
#[must_use]
pub fn queue(limits: QueueLimits) -> (FrameSender, FrameReceiver) {
    let (sender, receiver) = crossbeam_channel::bounded(limits.frames);
    let shared = Arc::<Shared>::default();
    (
        FrameSender {
            channel: sender,
            limits,
            shared: Arc::clone(&shared),
        },
        FrameReceiver {
            channel: receiver,
            shared,
        },
    )
}

/// What became of an offered frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// It is on its way.
    Queued,
    /// No room, or a frame before it in its group of pictures was dropped.
    Dropped,
}

/// The capture thread's end.
#[derive(Debug)]
pub struct FrameSender {
    channel: Sender<CapturedFrame>,
    limits: QueueLimits,
    shared: Arc<Shared>,
}

/// The upload thread's end.
#[derive(Debug)]
pub struct FrameReceiver {
    channel: Receiver<CapturedFrame>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    ledger: Mutex<Ledger>,
    waker: OnceLock<Arc<Waker>>,
}

/// What the sender knows of the frames under way. The channel tells how many of
/// them are still in it.
#[derive(Debug, Default)]
struct Ledger {
    under_way: VecDeque<(Instant, usize)>,
    bytes: usize,
    dropping: bool,
    dropped: u64,
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    fn forget_taken(&mut self, still_queued: usize) {
        while self.under_way.len() > still_queued {
            let taken = self.under_way.pop_front();
            self.bytes -= taken.map_or(0, |(_, bytes)| bytes);
        }
    }

    fn has_room(&self, frame: &CapturedFrame, limits: &QueueLimits) -> bool {
        let bytes = frame.unit.message().len();
        let Some((oldest, _)) = self.under_way.front() else {
            return bytes <= MAX_ACCESS_UNIT_BYTES;
        };
        self.under_way.len() < limits.frames
            && self.bytes + bytes <= limits.bytes
            && frame.captured.saturating_duration_since(*oldest) <= limits.age
    }
}

impl FrameSender {
    /// Queues a frame or drops it, at once. A frame beyond
    /// [`MAX_ACCESS_UNIT_BYTES`] is dropped: the service would refuse it.
    pub fn offer(&self, frame: CapturedFrame) -> Offer {
        let mut ledger = self.shared.ledger();
        ledger.forget_taken(self.channel.len());
        let decodable = !ledger.dropping || frame.unit.header().flags.keyframe;
        let entry = (frame.captured, frame.unit.message().len());
        if decodable
            && ledger.has_room(&frame, &self.limits)
            && self.channel.try_send(frame).is_ok()
        {
            ledger.under_way.push_back(entry);
            ledger.bytes += entry.1;
            ledger.dropping = false;
            drop(ledger);
            if let Some(waker) = self.shared.waker.get() {
                waker.wake();
            }
            Offer::Queued
        } else {
            ledger.dropping = true;
            ledger.dropped += 1;
            Offer::Dropped
        }
    }

    /// Frames that the upload thread has not taken yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.channel.len()
    }

    /// Frames dropped here since the queue was made.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.ledger().dropped
    }
}

impl FrameReceiver {
    /// The next frame, if one waits.
    pub(super) fn take(&self) -> Option<CapturedFrame> {
        self.channel.try_recv().ok()
    }

    /// Frames dropped here since the queue was made.
    pub(super) fn dropped(&self) -> u64 {
        self.shared.ledger().dropped
    }

    /// Every frame queued from now on wakes the upload thread.
    pub(super) fn set_waker(&self, waker: Arc<Waker>) {
        // A receiver is given to one upload thread, once.
        let _ = self.shared.waker.set(waker);
    }
}
