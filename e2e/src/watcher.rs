//! Two viewers of a low delay, without a screen: they note the longest time in
//! which nothing new came.
//!
//! - *instant* reads `live.mp4`, and asks again when it ends;
//! - *low latency* asks for the next part of `index.m3u8` until it is there.

use std::{
    io::{self, Read},
    thread,
    time::{Duration, Instant},
};

use crate::companion::{Companion, Shared};

/// Before the next attempt, when nobody answers.
const PAUSE: Duration = Duration::from_millis(100);

/// Longest wait for an answer: the service's own are shorter.
const DEADLINE: Duration = Duration::from_secs(20);

/// What came so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Pieces of the stream, or playlists with something new.
    pub pieces: u64,
    /// The longest time between two.
    pub longest_stop: Duration,
    last: Option<Instant>,
}

/// A viewer in a thread of its own. Leaves when dropped.
#[derive(Debug)]
pub struct Watcher(Companion<Seen>);

impl Watcher {
    /// Of `live.mp4` below this address.
    #[must_use]
    pub fn instant(base: &str) -> Self {
        let url = format!("{base}/live.mp4");
        Self::start(move |seen| watch_instant(&url, seen))
    }

    /// Of `index.m3u8` below this address.
    #[must_use]
    pub fn low_latency(base: &str) -> Self {
        let url = format!("{base}/index.m3u8");
        let mut before = String::new();
        Self::start(move |seen| watch_low_latency(&url, &mut before, seen))
    }

    fn start(mut watch: impl FnMut(&Shared<Seen>) -> io::Result<()> + Send + 'static) -> Self {
        Self(Companion::start(Seen::default(), move |seen| {
            // Whatever ended it: a viewer asks again.
            if watch(seen).is_err() {
                thread::sleep(PAUSE);
            }
        }))
    }

    /// What came since the last time this was asked.
    pub fn take(&self) -> Seen {
        let mut seen = self.0.notes();
        let next = Seen {
            last: seen.last,
            ..Seen::default()
        };
        std::mem::replace(&mut seen, next)
    }
}

impl Seen {
    fn note(&mut self) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            self.longest_stop = self.longest_stop.max(now - last);
        }
        self.pieces += 1;
    }
}

fn watch_instant(url: &str, seen: &Shared<Seen>) -> io::Result<()> {
    let mut answer = get(url)?;
    let mut body = answer.body_mut().as_reader();
    let mut buffer = [0; 64 * 1024];
    while !seen.is_leaving() && body.read(&mut buffer)? > 0 {
        seen.notes().note();
    }
    Ok(())
}

/// One reload that waits for news.
fn watch_low_latency(url: &str, before: &mut String, seen: &Shared<Seen>) -> io::Result<()> {
    let mut next = String::new();
    if let Some((msn, part)) = newest(before) {
        next = format!("?_HLS_msn={msn}&_HLS_part={}", part + 1);
    }
    let text = get(&format!("{url}{next}"))?.body_mut().read_to_string();
    let text = text.map_err(io::Error::other)?;
    if newest(&text) > newest(before) {
        seen.notes().note();
    }
    *before = text;
    Ok(())
}

/// The number of the last segment in a playlist, be it complete or not, and how
/// many of its parts precede the last one.
fn newest(playlist: &str) -> Option<(u64, u64)> {
    let mut msn: u64 = playlist
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"))?
        .parse()
        .ok()?;
    let (mut parts, mut last) = (0, None);
    for line in playlist.lines() {
        if line.starts_with("#EXT-X-PART:") {
            last = Some((msn, parts));
            parts += 1;
        } else if !line.is_empty() && !line.starts_with('#') {
            msn += 1;
            parts = 0;
        }
    }
    last
}

fn get(url: &str) -> io::Result<ureq::http::Response<ureq::Body>> {
    let request = ureq::get(url)
        .config()
        .timeout_recv_response(Some(DEADLINE));
    request.build().call().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_part() {
        let playlist =
            "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-PART:a\n#EXT-X-PART:b\n#EXTINF:1,\n7/7.m4s\n";
        assert_eq!(newest(playlist), Some((7, 1)));
        let open = format!("{playlist}#EXT-X-PART:c\n#EXT-X-PRELOAD-HINT:TYPE=PART\n");
        assert_eq!(newest(&open), Some((8, 0)));
        assert_eq!(newest(""), None);
    }
}
