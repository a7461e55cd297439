use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use zerocam::uplink::{CapturedFrame, FrameSender, Offer, RunInfo};
use zerocam_protocol::{AccessUnit, Flags, Frame, Header, Run, Segment, message::Position};

use super::PATIENCE;

/// 25 frames a second, a keyframe and a segment every 25.
pub(crate) struct Camera {
    pub(crate) payload_bytes: usize,
    queue: FrameSender,
    run: Arc<RunInfo>,
    next: u64,
}

const FRAME_TIME: Duration = Duration::from_millis(40);

impl Camera {
    pub(crate) fn new(queue: FrameSender) -> Self {
        Self {
            payload_bytes: 100,
            queue,
            run: run(Run(1000)),
            next: 0,
        }
    }

    pub(crate) fn begin_run(&mut self, number: Run) {
        self.run = run(number);
        self.next = 0;
    }

    /// Delivers frames as if they had been captured up to now.
    pub(crate) fn shoot(&mut self, frames: u32) {
        let newest = Instant::now();
        for left in (0..frames).rev() {
            let number = self.next;
            let keyframe = number.is_multiple_of(25);
            let header = Header {
                flags: Flags {
                    keyframe,
                    starts_segment: keyframe,
                },
                run: self.run.run,
                segment: Segment(self.run.run.0 + number / 25),
                frame: Frame(number),
                capture_time_us: number * 40_000,
            };
            let offer = self.queue.offer(CapturedFrame {
                unit: AccessUnit::new(header, &[&vec![number as u8; self.payload_bytes]]),
                run: Arc::clone(&self.run),
                captured: newest - FRAME_TIME * left,
            });
            assert_eq!(offer, Offer::Queued);
            self.next += 1;
        }
    }

    pub(crate) fn position(&self, frame: u64) -> Option<Position> {
        Some(Position {
            run: self.run.run,
            frame: Frame(frame),
        })
    }

    /// The upload thread has emptied the queue.
    pub(crate) fn wait_until_taken(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.queue.waiting() > 0 {
            assert!(Instant::now() < deadline, "the upload thread takes nothing");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn run(number: Run) -> Arc<RunInfo> {
    Arc::new(RunInfo {
        run: number,
        first_segment: Segment(number.0),
        started: Instant::now() - Duration::from_secs(30),
        codec: "avc1.42e01f".into(),
        width: 640,
        height: 360,
        frame_rate_hz: 25.0,
        target_duration_s: 1,
    })
}
