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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::uplink::sample::{frame, is_keyframe};

    const LIMITS: QueueLimits = QueueLimits {
        frames: 10,
        bytes: 5000,
        age: Duration::from_millis(300),
    };

    /// Offers frames 0.. of the given size until one is dropped.
    fn fill(limits: QueueLimits, payload_bytes: usize) -> u64 {
        let (sender, _receiver) = queue(limits);
        let mut offered = (0..).map(|number| sender.offer(frame(number, 5, payload_bytes)));
        offered.position(|offer| offer == Offer::Dropped).unwrap() as u64
    }

    #[test]
    fn each_bound_holds() {
        assert_eq!(fill(LIMITS, 1), 8, "0 to 280 ms");
        assert_eq!(fill(LIMITS, 966), 5, "1000 bytes each with the header");
        let patient = QueueLimits {
            age: Duration::from_secs(60),
            ..LIMITS
        };
        assert_eq!(fill(patient, 1), 10);
        assert_eq!(fill(patient, 10_000), 1, "an empty queue takes any frame");
    }

    #[test]
    fn the_rest_of_the_group_is_dropped() {
        let (sender, receiver) = queue(LIMITS);
        for number in 0..10 {
            sender.offer(frame(number, 5, 1));
        }
        assert_eq!(sender.dropped(), 2, "frames 8 and 9");
        while receiver.take().is_some() {}
        assert_eq!(
            sender.offer(frame(11, 5, 1)),
            Offer::Dropped,
            "not a keyframe"
        );
        assert_eq!(sender.offer(frame(15, 5, 1)), Offer::Queued);
        assert_eq!(sender.offer(frame(16, 5, 1)), Offer::Queued);
        assert_eq!(
            (sender.dropped(), receiver.dropped(), sender.waiting()),
            (3, 3, 2)
        );
    }

    #[test]
    fn a_frame_that_the_service_would_refuse_is_dropped() {
        let (sender, _receiver) = queue(QueueLimits::default());
        assert_eq!(
            sender.offer(frame(0, 5, MAX_ACCESS_UNIT_BYTES)),
            Offer::Dropped
        );
    }

    #[test]
    fn without_an_upload_thread_everything_is_dropped() {
        let (sender, receiver) = queue(LIMITS);
        drop(receiver);
        assert_eq!(sender.offer(frame(0, 5, 1)), Offer::Dropped);
    }

    proptest! {
        #[test]
        fn what_comes_out_can_be_decoded_and_nothing_is_lost_uncounted(
            gop in 1_u64..12,
            steps in prop::collection::vec((1_usize..2000, 0_usize..4), 1..200),
        ) {
            let (sender, receiver) = queue(LIMITS);
            let mut got = Vec::new();
            for (number, &(payload_bytes, taken)) in (0..).zip(&steps) {
                sender.offer(frame(number, gop, payload_bytes));
                prop_assert!(sender.waiting() <= LIMITS.frames);
                let before = got.len();
                got.extend((0..taken).map_while(|_| receiver.take()));
                let bytes: usize = got[before..].iter().map(|f| f.unit.message().len()).sum();
                prop_assert!(bytes <= LIMITS.bytes);
            }
            got.extend(std::iter::from_fn(|| receiver.take()));
            let numbers: Vec<_> = got.iter().map(|f| f.unit.header().frame.0).collect();
            for pair in numbers.windows(2) {
                prop_assert!(pair[0] < pair[1]);
                prop_assert!(pair[1] == pair[0] + 1 || is_keyframe(pair[1], gop), "{:?}", pair);
            }
            prop_assert_eq!(numbers.first(), Some(&0));
            prop_assert_eq!(numbers.len() as u64 + sender.dropped(), steps.len() as u64);
        }
    }
}
