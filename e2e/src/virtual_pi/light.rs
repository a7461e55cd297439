//! What an LED was seen to do, and which row of the table that is. Pure.

use std::{
    fmt,
    time::{Duration, Instant},
};

use zerocam::led::table::Look;

/// Light that does not change for so long is steady: no rhythm has a longer pause.
const STEADY: Duration = Duration::from_secs(4);
/// How far the mean of a mark or gap may be off, besides an eighth: an emulated
/// processor is late now and then, but not always.
const LATE: Duration = Duration::from_millis(20);
/// A rhythm is one when it was seen so often, and for so long, without a break.
const ROUNDS: usize = 2;
const ENOUGH: Duration = Duration::from_secs(2);
/// How many changes a failing test prints.
const PRINTED: usize = 40;

/// A light that is being watched.
#[derive(Debug)]
pub(super) struct Rhythm {
    /// Whether it was lit, and for how long; the first one is cut off.
    intervals: Vec<(bool, Duration)>,
    lit: bool,
    since: Instant,
}

impl Rhythm {
    pub(super) fn new(lit: bool, now: Instant) -> Self {
        Self {
            intervals: Vec::new(),
            lit,
            since: now,
        }
    }

    pub(super) fn see(&mut self, lit: bool, now: Instant) {
        if lit != self.lit {
            self.intervals.push((self.lit, now - self.since));
            (self.lit, self.since) = (lit, now);
        }
    }

    /// Whether the last that was seen is this row of the table.
    pub(super) fn shows(&self, look: Look, now: Instant) -> bool {
        let marks_ms = look.row().marks_ms;
        if marks_ms.is_empty() {
            return self.lit == look.films() && now - self.since >= STEADY;
        }
        let expected: Vec<Duration> = marks_ms
            .iter()
            .map(|&ms| Duration::from_millis(ms.into()))
            .collect();
        let period: Duration = expected.iter().sum();
        let rounds = ROUNDS.max(ENOUGH.div_duration_f64(period).ceil() as usize);
        let Some(first) = self.intervals.len().checked_sub(rounds * expected.len()) else {
            return false;
        };
        // The very first interval was not seen from its beginning.
        let seen = &self.intervals[first..];
        first > 0
            && (0..expected.len()).any(|start| {
                expected.iter().enumerate().all(|(at, &length)| {
                    let mark = at % 2 == 0;
                    let here = (at + expected.len() - start) % expected.len();
                    let all = seen.iter().skip(here).step_by(expected.len());
                    let mean: Duration =
                        all.clone().map(|(_, took)| took).sum::<Duration>() / rounds as u32;
                    all.clone().all(|&(lit, _)| lit == (mark != look.films()))
                        && mean.abs_diff(length) <= LATE + length / 8
                })
            })
    }
}

impl fmt::Display for Rhythm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.intervals.len().saturating_sub(PRINTED);
        for (lit, took) in &self.intervals[first..] {
            let word = if *lit { "lit" } else { "dark" };
            write!(f, "{word} {} ms, ", took.as_millis())?;
        }
        f.write_str(if self.lit { "then lit" } else { "then dark" })
    }
}

#[cfg(test)]
mod tests {
    use zerocam::led::{Scene, State};

    use super::*;

    /// Watches what the firmware's own table plays, each change seen up to 30 ms
    /// late.
    fn seen(scene: Scene) -> (Rhythm, Instant) {
        let end = Duration::from_secs(12);
        let start = Instant::now();
        let pattern = scene.pattern(None);
        let first = start + Duration::from_millis(330);
        let mut rhythm = Rhythm::new(pattern.light(start, first).lit, first);
        let mut now = first;
        while let Some(until) = pattern
            .light(start, now)
            .until
            .filter(|it| *it < start + end)
        {
            now = until;
            let late = Duration::from_millis((now - start).as_millis() as u64 * 7 % 31);
            rhythm.see(pattern.light(start, now).lit, now + late);
        }
        (rhythm, start + end)
    }

    #[test]
    fn every_state_shows_its_own_row_and_no_other() {
        let table = [
            (State::Starting, false, Look::Starting),
            (State::NeedsConfiguration, false, Look::NeedsConfiguration),
            (State::WifiConnecting, false, Look::WifiConnecting),
            (State::CloudConnecting, false, Look::CloudConnecting),
            (State::Ready, false, Look::Ready),
            (State::Streaming, false, Look::Streaming),
            (State::Streaming, true, Look::StreamingWatched),
            (State::Degraded, false, Look::Degraded),
            (State::Degraded, true, Look::DegradedWatched),
            (State::CameraFault, false, Look::CameraFault),
            (State::Fatal, false, Look::Fatal),
            (State::ShuttingDown, false, Look::ShuttingDown),
        ];
        for (state, watched, expected) in table {
            let filming = expected.films();
            let scene = Scene {
                state,
                filming,
                watched,
            };
            let (rhythm, now) = seen(scene);
            for look in Look::ALL {
                assert_eq!(
                    rhythm.shows(look, now),
                    look == expected,
                    "{state:?} as {look:?}: {rhythm}"
                );
            }
        }
    }
}
