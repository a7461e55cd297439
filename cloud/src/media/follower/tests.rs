use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::media::{
    packager::Packaged,
    test_units::{Shot, format},
    window::{LiveWindow, WindowLimits},
};

const UNBOUNDED: WindowLimits = WindowLimits {
    seconds: 0,
    bytes: usize::MAX,
};

const FRAME: Duration = Duration::from_millis(40);
const LIFETIME: Duration = Duration::from_secs(3000);

/// A window and what is published into it. Bytes name their frame.
struct Bench {
    live: LiveWindow,
    window: Arc<Window>,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self::bounded(UNBOUNDED)
    }

    fn bounded(limits: WindowLimits) -> Self {
        let mut bench = Self {
            live: LiveWindow::new(limits),
            window: Arc::default(),
            now: Instant::now(),
        };
        bench.begin_run(100);
        bench
    }

    fn begin_run(&mut self, run: u64) {
        self.live.begin_run(format(run), self.now);
        self.live.set_init(Bytes::from(format!("init of {run}")));
        self.show();
    }

    fn publish(&mut self, shot: Shot) {
        self.live.publish(
            Packaged {
                unit: shot.unit(),
                fragment: name(shot.frame),
                duration_ms: 40,
                ends_segment: false,
            },
            self.now,
        );
        self.show();
    }

    fn publish_all(&mut self, frames: std::ops::Range<u64>) {
        for frame in frames {
            self.publish(Shot::at(frame));
        }
    }

    fn flush(&mut self) {
        self.live.end_segment(self.now);
        self.live.set_over();
        self.show();
    }

    fn show(&mut self) {
        self.window = self.live.take_changes().unwrap_or(self.window.clone());
    }

    fn begin(&self) -> Option<(Follower, Bytes)> {
        Follower::begin(&self.window, LIFETIME, self.now)
    }

    fn follow(&self) -> Follower {
        self.begin().expect("there is a picture").0
    }

    /// Everything that is there for a viewer, and what comes after it.
    fn drain(&self, follower: &mut Follower) -> (Vec<u64>, Step) {
        let mut taken = Vec::new();
        loop {
            match follower.step(&self.window, self.now) {
                Step::Send(bytes) => taken.push(number(&bytes)),
                other => return (taken, other),
            }
        }
    }
}

fn name(frame: u64) -> Bytes {
    frame.to_string().into()
}

fn number(bytes: &Bytes) -> u64 {
    std::str::from_utf8(bytes).unwrap().parse().unwrap()
}

fn numbers(frames: std::ops::Range<u64>) -> Vec<u64> {
    frames.collect()
}

#[test]
fn it_begins_with_the_newest_keyframe_and_goes_on_frame_by_frame() {
    let mut bench = Bench::new();
    assert!(bench.begin().is_none());
    bench.publish_all(0..60);
    let (mut follower, init) = bench.begin().unwrap();
    assert_eq!(init, "init of 100");
    assert_eq!(bench.drain(&mut follower), (numbers(50..60), Step::Wait));
    for frame in 60..130 {
        bench.publish_all(frame..frame + 1);
        assert_eq!(bench.drain(&mut follower), (vec![frame], Step::Wait));
    }
    assert_eq!(follower.skipped(), 0);
}

#[test]
fn a_keyframe_in_the_middle_of_a_segment_is_one_to_begin_with() {
    let mut bench = Bench::new();
    bench.publish_all(0..5);
    bench.publish(Shot {
        keyframe: true,
        ..Shot::at(5)
    });
    bench.publish_all(6..8);
    let mut follower = bench.follow();
    assert_eq!(bench.drain(&mut follower).0, numbers(5..8));
}

#[test]
fn a_slow_viewer_goes_on_with_the_newest_keyframe() {
    let mut bench = Bench::new();
    bench.publish_all(0..30);
    let mut follower = bench.follow();
    assert_eq!(bench.drain(&mut follower).0, numbers(25..30));
    // A little late, with a keyframe among what it missed: nothing is left out.
    bench.now += MAX_LAG;
    bench.publish_all(30..51);
    assert_eq!(bench.drain(&mut follower).0, numbers(30..51));
    // Late, but there is nothing to go on with: it gets what there is.
    bench.now += 2 * MAX_LAG;
    bench.publish_all(51..75);
    let step = follower.step(&bench.window, bench.now);
    assert_eq!(step, Step::Send(name(51)));
    // By now there is.
    bench.publish_all(75..130);
    assert_eq!(bench.drain(&mut follower), (numbers(125..130), Step::Wait));
    assert_eq!(follower.skipped(), 125 - 52);
}

#[test]
fn many_frames_at_once_reach_a_viewer_that_takes_them() {
    let mut bench = Bench::new();
    bench.publish_all(0..10);
    let mut follower = bench.follow();
    bench.drain(&mut follower);
    bench.now += Duration::from_secs(8);
    let step = follower.step(&bench.window, bench.now);
    assert_eq!(step, Step::Wait);
    bench.publish_all(10..200);
    assert_eq!(bench.drain(&mut follower).0, numbers(10..200));
    assert_eq!(follower.skipped(), 0);
}

#[test]
fn a_viewer_whose_frames_have_left_the_window_waits_for_a_keyframe() {
    let mut bench = Bench::bounded(WindowLimits {
        seconds: 0,
        bytes: 1,
    });
    let without_keyframe = |frame| Shot {
        keyframe: false,
        ..Shot::at(frame)
    };
    bench.publish_all(0..1);
    let mut follower = bench.follow();
    assert_eq!(bench.drain(&mut follower).0, [0]);
    for frame in 1..90 {
        bench.publish(without_keyframe(frame));
    }
    assert_eq!(bench.drain(&mut follower), (vec![], Step::Wait));
    bench.publish(Shot {
        keyframe: true,
        ..Shot::at(90)
    });
    bench.publish(without_keyframe(91));
    assert_eq!(bench.drain(&mut follower), (vec![90, 91], Step::Wait));
}

#[test]
fn a_hole_of_the_camera_is_passed_over() {
    let mut bench = Bench::new();
    bench.publish_all(0..10);
    let mut follower = bench.follow();
    bench.publish_all(75..80);
    let expected = [numbers(0..10), numbers(75..80)].concat();
    assert_eq!(bench.drain(&mut follower), (expected, Step::Wait));
    assert_eq!(follower.skipped(), 0);
}

#[test]
fn it_ends_for_a_reason() {
    let mut bench = Bench::new();
    bench.publish_all(0..30);
    let mut follower = bench.follow();
    bench.drain(&mut follower);

    // Only at a keyframe.
    bench.now += LIFETIME;
    bench.publish_all(30..40);
    assert_eq!(bench.drain(&mut follower), (numbers(30..40), Step::Wait));
    bench.publish_all(40..52);
    let (taken, step) = bench.drain(&mut follower);
    assert_eq!((taken, step), (numbers(40..50), Step::End(Ending::Expired)));

    // After the last frame.
    let mut follower = bench.follow();
    bench.publish_all(52..55);
    bench.flush();
    let (taken, step) = bench.drain(&mut follower);
    assert_eq!((taken, step), (numbers(50..55), Step::End(Ending::Over)));
    assert!(bench.begin().is_none());

    // The camera comes back, and begins another run.
    bench.publish_all(75..77);
    let mut follower = bench.follow();
    bench.begin_run(101);
    let (taken, step) = bench.drain(&mut follower);
    assert_eq!((taken, step), (vec![75, 76], Step::End(Ending::NewRun)));
    assert!(bench.begin().is_none(), "the keyframe is of another run");
    bench.publish(Shot {
        run: 101,
        segment: 104,
        ..Shot::at(0)
    });
    assert_eq!(bench.begin().unwrap().1, "init of 101");
}

proptest! {
    /// However rarely a viewer looks, whatever the camera drops, and however
    /// short the window is: what it gets can be decoded, in order, and the next
    /// frame is never older than the bound and a group of pictures.
    #[test]
    fn a_viewer_can_always_decode_and_is_never_far_behind(
        gop in 1..60_u64,
        frames in prop::collection::vec((any::<bool>(), 0..60_u8, 0..4_usize), 1..400),
        bytes in 1..400_usize,
    ) {
        let mut bench = Bench::bounded(WindowLimits { seconds: 0, bytes });
        let (mut frame, mut since_keyframe, mut hole) = (0, 0, false);
        let mut follower = None;
        let (mut last, mut skipped_until_now) = (None, 0);
        let mut keyframes = Vec::new();
        for (drop, dice, looks) in frames {
            let keyframe = frame == 0 || hole || since_keyframe + 1 >= gop;
            // The tail of a group of pictures, up to the next keyframe.
            if drop && dice == 0 {
                frame += 7;
                bench.now += 7 * FRAME;
                hole = true;
                continue;
            }
            since_keyframe = if keyframe { 0 } else { since_keyframe + 1 };
            hole = false;
            bench.publish(Shot { keyframe, ..Shot::at(frame) });
            if keyframe {
                keyframes.push(frame);
            }
            let newest = frame;
            frame += 1;
            bench.now += FRAME;
            let follower = follower.get_or_insert_with(|| bench.follow());
            for _ in 0..looks {
                let Step::Send(sent) = follower.step(&bench.window, bench.now) else { break };
                let sent = number(&sent);
                prop_assert!(last < Some(sent), "{sent} after {last:?}");
                if !keyframes.contains(&sent) {
                    prop_assert_eq!(last.map(|last| last + 1), Some(sent));
                }
                if follower.skipped() > skipped_until_now {
                    prop_assert!(keyframes.contains(&sent), "{sent} after a jump");
                }
                skipped_until_now = follower.skipped();
                let newest_keyframe = *keyframes.last().unwrap();
                let lag = FRAME * (newest - sent) as u32;
                prop_assert!(
                    lag <= MAX_LAG + FRAME || sent >= newest_keyframe,
                    "{lag:?} behind, although {newest_keyframe} is a keyframe"
                );
                last = Some(sent);
            }
        }
    }
}
