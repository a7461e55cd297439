//! A player of plain HLS without a screen, which says how much it had in hand.
//!
//! It does as hls.js does by default: begins as far behind the end as the list
//! says (three target durations where it says nothing), loads the list again
//! every target duration, or after half of it when nothing was new, and fetches
//! one segment after the other. What it has in hand depends on the service
//! alone: a browser's on a busy machine also on the browser.

use std::{
    io::{self, Read},
    thread,
    time::{Duration, Instant},
};

use m3u8_rs::MediaSegment;

use crate::companion::{Companion, Shared};

/// Before the next attempt, when nobody answers.
const PAUSE: Duration = Duration::from_millis(500);

/// hls.js gives a request up that is not answered by then.
const DEADLINE: Duration = Duration::from_secs(10);

/// A player in a thread of its own. Leaves when dropped.
#[derive(Debug)]
pub struct PlainPlayer(Companion<Option<Reserve>>);

impl PlainPlayer {
    /// Of the playlist at this address.
    #[must_use]
    pub fn of(playlist_url: &str) -> Self {
        let mut playback = Playback::of(playlist_url);
        Self(Companion::start(None, move |reserve| {
            let asked = Instant::now();
            let pause = match playback.reload(reserve) {
                Ok((target, true)) => target,
                Ok((target, false)) => target / 2,
                // What serves it is being replaced.
                Err(_) => PAUSE,
            };
            thread::sleep(pause.saturating_sub(asked.elapsed()));
        }))
    }

    /// The least that it had in hand since the last time this was asked; below
    /// zero it stood still. `None` before it plays.
    #[must_use]
    pub fn take_least(&self) -> Option<f64> {
        let mut reserve = self.0.notes();
        reserve.as_mut().map(|it| it.take_least(Instant::now()))
    }
}

/// What it plays, and how far it is.
struct Playback {
    url: String,
    /// In front of the segments' addresses.
    base: String,
    /// The number of the next segment.
    next: Option<u64>,
}

impl Playback {
    fn of(playlist_url: &str) -> Self {
        let (base, _) = playlist_url.rsplit_once('/').expect("a URL has slashes");
        Self {
            url: playlist_url.to_owned(),
            base: base.to_owned(),
            next: None,
        }
    }

    /// Takes what is new in the list: gives the target duration, and whether
    /// anything was.
    fn reload(&mut self, reserve: &Shared<Option<Reserve>>) -> io::Result<(Duration, bool)> {
        let text = get(&self.url)?;
        let (_, list) = m3u8_rs::parse_media_playlist(&text).expect("a media playlist");
        let (first, mut is_new) = (list.media_sequence, false);
        let (begin, ahead_s) = beginning(&list.segments, hold_back_s(&text));
        let from = self.next.unwrap_or(first + begin as u64);
        for (number, segment) in (first..).zip(&list.segments) {
            if number < from {
                continue;
            }
            let is_gap = segment.unknown_tags.iter().any(|it| it.tag == "X-GAP");
            if !is_gap {
                get(&format!("{}/{}", self.base, segment.uri))?;
                if let Some(reserve) = &mut *reserve.notes() {
                    reserve.add(segment.duration.into(), Instant::now());
                }
            }
            (self.next, is_new) = (Some(number + 1), true);
        }
        (reserve.notes()).get_or_insert_with(|| Reserve::new(ahead_s, Instant::now()));
        Ok((Duration::from_secs(list.target_duration), is_new))
    }
}

/// The segment in which playback begins, and how long all that follows lasts.
fn beginning(segments: &[MediaSegment], hold_back_s: f64) -> (usize, f64) {
    let mut ahead_s = 0.0;
    for (index, segment) in segments.iter().enumerate().rev() {
        ahead_s += f64::from(segment.duration);
        if ahead_s >= hold_back_s {
            return (index, hold_back_s);
        }
    }
    (0, ahead_s)
}

/// How far behind the end a player plays.
fn hold_back_s(playlist: &[u8]) -> f64 {
    const TARGET_DURATIONS: f64 = 3.0;
    let text = String::from_utf8_lossy(playlist);
    let value = |tag: &str, attribute: &str| {
        let attributes = text.lines().find_map(|line| line.strip_prefix(tag))?;
        let mut values = attributes.split(',');
        values.find_map(|it| it.strip_prefix(attribute)?.parse::<f64>().ok())
    };
    value("#EXT-X-SERVER-CONTROL:", "HOLD-BACK=")
        .or_else(|| Some(TARGET_DURATIONS * value("#EXT-X-TARGETDURATION:", "")?))
        .expect("every list has a target duration")
}

/// What a player has fetched and not played yet.
#[derive(Debug)]
struct Reserve {
    /// As of `at`; below zero since it stands still.
    seconds: f64,
    at: Instant,
    least_s: f64,
}

impl Reserve {
    fn new(seconds: f64, now: Instant) -> Self {
        Self {
            seconds,
            at: now,
            least_s: seconds,
        }
    }

    fn play(&mut self, now: Instant) {
        self.seconds -= (now - self.at).as_secs_f64();
        self.at = now;
        self.least_s = self.least_s.min(self.seconds);
    }

    fn add(&mut self, seconds: f64, now: Instant) {
        self.play(now);
        // Who stood still goes on where it stood.
        self.seconds = self.seconds.max(0.0) + seconds;
    }

    fn take_least(&mut self, now: Instant) -> f64 {
        self.play(now);
        std::mem::replace(&mut self.least_s, self.seconds)
    }
}

fn get(url: &str) -> io::Result<Vec<u8>> {
    let request = ureq::get(url).config().timeout_global(Some(DEADLINE));
    let mut answer = request.build().call().map_err(io::Error::other)?;
    let mut body = Vec::new();
    answer.body_mut().as_reader().read_to_end(&mut body)?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_played_in_real_time() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut reserve = Reserve::new(5.0, at(0));
        reserve.add(1.0, at(2));
        assert_eq!(reserve.take_least(at(4)), 2.0);
        // It stands still for two seconds, and goes on.
        reserve.add(4.0, at(8));
        assert_eq!(reserve.take_least(at(9)), -2.0);
        assert_eq!(reserve.take_least(at(9)), 3.0);
    }

    #[test]
    fn where_playback_begins() {
        let text = |tags: &str| {
            let segments = "#EXTINF:1.000,\n7.m4s\n".repeat(8);
            format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n{tags}{segments}")
        };
        for (tags, expected) in [
            ("", (5, 3.0)),
            ("#EXT-X-SERVER-CONTROL:HOLD-BACK=5.000\n", (3, 5.0)),
            (
                "#EXT-X-SERVER-CONTROL:PART-HOLD-BACK=0.6,HOLD-BACK=4.500\n",
                (3, 4.5),
            ),
            ("#EXT-X-SERVER-CONTROL:HOLD-BACK=60\n", (0, 8.0)),
        ] {
            let text = text(tags);
            let (_, list) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
            let begin = beginning(&list.segments, hold_back_s(text.as_bytes()));
            assert_eq!(begin, expected, "{tags}");
        }
    }
}
