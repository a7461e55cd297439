//! Whether the service manager's watchdog may be fed: only while every watched
//! thread makes progress.
//!
//! Heartbeat counts and the time go in, a verdict comes out; nothing is read or
//! sent here. Silence is counted in steps of at most [`LONGEST_STEP`], so that
//! a whole process that was frozen for a while is not taken for a stuck thread.

use std::time::{Duration, Instant};

/// A thread without a beat for so long is stuck: three times what an idle one
/// leaves between beats.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(15);

/// What two looks at the threads can add to a thread's silence.
pub const LONGEST_STEP: Duration = Duration::from_secs(1);

/// A thread's name and its heartbeat's count.
pub type Beats = (&'static str, usize);

/// See the module.
#[derive(Debug)]
pub struct Watchdog {
    feed_every: Option<Duration>,
    last_fed: Option<Instant>,
    last_look: Option<Instant>,
    watched: Vec<Watched>,
}

#[derive(Debug)]
struct Watched {
    beats: Beats,
    silent: Duration,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Feed the watchdog now.
    pub feed: bool,
    /// This thread was just found to be stuck.
    pub stuck: Option<&'static str>,
}

impl Watchdog {
    /// For a service manager that waits for `patience`, or none that does.
    #[must_use]
    pub fn new(patience: Option<Duration>) -> Self {
        Self {
            // A late turn of the main thread must not be the end.
            feed_every: patience.map(|patience| patience / 4),
            last_fed: None,
            last_look: None,
            watched: Vec::new(),
        }
    }

    /// Looks at the threads that there are now.
    pub fn look(&mut self, threads: &[Beats], now: Instant) -> Verdict {
        let step = (self.last_look.replace(now))
            .map_or(Duration::ZERO, |last| now.duration_since(last))
            .min(LONGEST_STEP);
        let mut verdict = Verdict::default();
        let before = std::mem::take(&mut self.watched);
        for &beats in threads {
            let silent = match before.iter().find(|watched| watched.beats == beats) {
                Some(watched) => watched.silent + step,
                None => Duration::ZERO,
            };
            if silent >= SILENCE_LIMIT && silent - step < SILENCE_LIMIT {
                verdict.stuck = Some(beats.0);
            }
            self.watched.push(Watched { beats, silent });
        }
        let well = |watched: &Watched| watched.silent < SILENCE_LIMIT;
        if self.watched.iter().all(well) && self.next_feed().is_some_and(|at| at <= now) {
            self.last_fed = Some(now);
            verdict.feed = true;
        }
        verdict
    }

    /// When to look again, at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let last_look = self.last_look?;
        let look = last_look + LONGEST_STEP;
        // Overdue while a thread is stuck.
        let feed = self.next_feed().filter(|at| *at > last_look);
        Some(feed.map_or(look, |feed| feed.min(look)))
    }

    fn next_feed(&self) -> Option<Instant> {
        let feed_every = self.feed_every?;
        Some(
            self.last_fed
                .map_or(self.last_look?, |fed| fed + feed_every),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One second a step: the counts of capture and upload, whether the dog is
    /// fed, who is newly stuck.
    type Row = (Option<[usize; 2]>, bool, Option<&'static str>);

    fn play(rows: impl IntoIterator<Item = Row>) {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(Some(Duration::from_secs(4)));
        for (second, (counts, feed, stuck)) in (0..).zip(rows) {
            let threads: Vec<Beats> = counts
                .map(|[capture, upload]| vec![("capture", capture), ("upload", upload)])
                .unwrap_or_default();
            let now = start + Duration::from_secs(second);
            let verdict = watchdog.look(&threads, now);
            assert_eq!(verdict, Verdict { feed, stuck }, "at {second} s");
            assert_eq!(watchdog.next_deadline(), Some(now + LONGEST_STEP));
        }
    }

    #[test]
    fn it_is_fed_while_both_threads_beat() {
        // An idle thread beats every five seconds.
        play((0..60).map(|at| (Some([at, at / 5]), true, None)));
    }

    #[test]
    fn it_is_fed_while_there_are_no_threads() {
        play((0..60).map(|_| (None, true, None)));
    }

    #[test]
    fn one_stuck_thread_starves_it_until_it_goes_on() {
        let limit = SILENCE_LIMIT.as_secs() as usize;
        for (stuck, which) in [("capture", 0), ("upload", 1)] {
            let counts = move |at: usize, halted: bool| {
                let mut counts = [at; 2];
                if halted {
                    counts[which] = 7;
                }
                Some(counts)
            };
            let beating = (0..8).map(move |at| (counts(at, false), true, None));
            let halted = (8..60).map(move |at| {
                let silent = at - 7;
                let found = (silent == limit).then_some(stuck);
                (counts(at, true), silent < limit, found)
            });
            let again = (60..70).map(move |at| (counts(at, false), true, None));
            play(beating.chain(halted).chain(again));
        }
    }

    #[test]
    fn threads_that_were_replaced_begin_anew() {
        let old = (0..10).map(|_| (Some([3, 3]), true, None));
        let gone = (10..12).map(|_| (None, true, None));
        let new = (12..24).map(|_| (Some([3, 3]), true, None));
        play(old.chain(gone).chain(new));
    }

    #[test]
    fn a_process_that_was_frozen_is_not_stuck() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(Some(Duration::from_secs(30)));
        for hour in 0..10 {
            let now = start + Duration::from_secs(3600 * hour);
            assert!(watchdog.look(&[("capture", 1)], now).feed);
        }
    }

    #[test]
    fn it_is_fed_four_times_as_often_as_needed_and_only_if_somebody_waits() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut watchdog = Watchdog::new(Some(Duration::from_secs(2)));
        assert!(watchdog.look(&[], at(0)).feed);
        assert_eq!(watchdog.next_deadline(), Some(at(500)));
        assert!(!watchdog.look(&[], at(499)).feed);
        assert!(watchdog.look(&[], at(500)).feed);

        let mut watchdog = Watchdog::new(None);
        for second in 0..=SILENCE_LIMIT.as_secs() {
            let verdict = watchdog.look(&[("upload", 1)], at(second * 1000));
            let stuck = (second == SILENCE_LIMIT.as_secs()).then_some("upload");
            assert_eq!(verdict, Verdict { feed: false, stuck }, "told all the same");
        }
    }
}
