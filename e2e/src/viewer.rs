//! A player's view of a camera: follows the plain playlist over HTTP and takes
//! apart what it fetches.
//!
//! Every playlist is held against the one before: numbers never go back, and a
//! listed segment never changes.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
};

use m3u8_rs::{MediaPlaylist, MediaSegment};
use mp4_atom::{Any, Decode, Moof, Moov};
use zerocam_protocol::h264::NalKind;

use crate::{
    footage::slice_hash,
    wire_tap::{Picture, Place},
};

/// A player that fetches every segment once.
#[derive(Debug)]
pub struct Viewer {
    base: String,
    /// What each segment was listed as, by number.
    listed: BTreeMap<u64, Listed>,
    /// What each was dated with, Unix milliseconds.
    dates_unix_ms: BTreeMap<u64, i64>,
    first_listed: u64,
    ticks_per_second: BTreeMap<String, u64>,
    /// Each picture in the order of arrival.
    pub pictures: Vec<(Place, Picture)>,
    /// The numbers of segments that were listed as gaps.
    pub gaps: Vec<u64>,
    /// The numbers of segments that were listed after a discontinuity.
    pub discontinuities: Vec<u64>,
    /// How far services may disagree about a segment's date.
    dates_agree_ms: i64,
    /// How far they did.
    pub dates_disagreed_ms: i64,
}

#[derive(Debug, Clone, PartialEq)]
struct Listed {
    uri: String,
    duration: f32,
    is_gap: bool,
}

impl Viewer {
    /// Of the playlist at this address.
    ///
    /// # Panics
    /// When the address has no path.
    #[must_use]
    pub fn of(playlist_url: &str) -> Self {
        let (base, _) = playlist_url.rsplit_once('/').expect("a URL has slashes");
        Self {
            base: base.to_owned(),
            listed: BTreeMap::new(),
            dates_unix_ms: BTreeMap::new(),
            first_listed: 0,
            ticks_per_second: BTreeMap::new(),
            pictures: Vec::new(),
            gaps: Vec::new(),
            discontinuities: Vec::new(),
            dates_agree_ms: 0,
            dates_disagreed_ms: 0,
        }
    }

    /// Of a playlist that several services serve in turn. Each learns the
    /// camera's clock by itself, and errs by half a round trip at most.
    #[must_use]
    pub const fn with_dates_within_ms(mut self, milliseconds: i64) -> Self {
        self.dates_agree_ms = milliseconds;
        self
    }

    /// Fetches the playlist and every segment that is new in it.
    ///
    /// # Panics
    /// When the playlist breaks a rule, or what it lists cannot be had.
    pub fn look(&mut self) {
        let Ok(text) = get(&format!("{}/plain.m3u8", self.base)) else {
            return;
        };
        let (_, playlist) = m3u8_rs::parse_media_playlist(&text).expect("a media playlist");
        assert!(!playlist.end_list, "a live stream has no end");
        let first = playlist.media_sequence;
        assert!(
            first >= self.first_listed,
            "media sequence went back from {} to {first}",
            self.first_listed
        );
        self.first_listed = first;
        let MediaPlaylist {
            segments,
            target_duration,
            ..
        } = playlist;
        let mut run = None;
        for (number, segment) in (first..).zip(&segments) {
            assert!(
                segment.duration.round() as u64 <= target_duration,
                "segment {number} lasts {} s, target duration {target_duration} s",
                segment.duration
            );
            if let Some(map) = &segment.map {
                let (new, _) = map.uri.split_once('/').expect("RUN/init.mp4");
                run = Some(new.to_owned());
            }
            let run = run.as_deref().expect("an EXT-X-MAP in front");
            if self.take(number, run, segment).is_err() {
                // What serves it is being replaced: the next look gets it.
                return;
            }
        }
    }

    /// The service was started again: it knows the camera's numbers, and learns
    /// its clock anew.
    pub fn expect_new_dates(&mut self) {
        self.dates_unix_ms.clear();
    }

    /// For each segment of a run, Unix milliseconds that it is dated with and
    /// the capture time of its first picture, in milliseconds.
    pub fn dates(&self, run: u64) -> impl Iterator<Item = (i64, i64)> {
        let mut last = None;
        self.pictures
            .iter()
            .filter(move |((of, _), _)| *of == run)
            .filter(move |(_, it)| last.replace(it.segment) != Some(it.segment))
            .filter_map(|(_, it)| {
                Some((*self.dates_unix_ms.get(&it.segment)?, it.captured_ms as i64))
            })
    }

    fn take(&mut self, number: u64, run: &str, segment: &MediaSegment) -> Result<(), Missing> {
        let listed = Listed {
            uri: segment.uri.clone(),
            duration: segment.duration,
            is_gap: segment.unknown_tags.iter().any(|tag| tag.tag == "X-GAP"),
        };
        let date_unix_ms = segment
            .program_date_time
            .expect("every segment has a date")
            .timestamp_millis();
        let dated = *self.dates_unix_ms.entry(number).or_insert(date_unix_ms);
        let differs_ms = (dated - date_unix_ms).abs();
        assert!(
            differs_ms <= self.dates_agree_ms,
            "segment {number} was dated anew, {differs_ms} ms away"
        );
        self.dates_disagreed_ms = self.dates_disagreed_ms.max(differs_ms);
        if let Some(before) = self.listed.get_mut(&number) {
            // Another service may lack what this viewer has.
            if listed.is_gap && !before.is_gap && self.dates_agree_ms > 0 {
                self.gaps.push(number);
                *before = listed;
            } else {
                assert_eq!(*before, listed, "segment {number} changed");
            }
            return Ok(());
        }
        if let Some((last, before)) = self.listed.last_key_value() {
            // A camera that started again may leave numbers out; the playlist
            // then begins with its new run.
            let starts_again = number == self.first_listed && !before.uri.starts_with(run);
            assert!(
                number == last + 1 || starts_again && number > *last,
                "segment {number} of run {run} is listed after {last}"
            );
        }
        if listed.is_gap {
            self.gaps.push(number);
        } else {
            self.fetch(number, run, &listed.uri)?;
        }
        if segment.discontinuity {
            self.discontinuities.push(number);
        }
        self.listed.insert(number, listed);
        Ok(())
    }

    fn fetch(&mut self, number: u64, run: &str, uri: &str) -> Result<(), Missing> {
        if !self.ticks_per_second.contains_key(run) {
            let init = self.listed_file(&format!("{run}/init.mp4"))?;
            self.ticks_per_second
                .insert(run.to_owned(), media_timescale(&init));
        }
        let ticks_per_second = self.ticks_per_second[run];
        let media = self.listed_file(uri)?;
        let run = run.parse().expect("runs are numbers");
        for (moof, sample) in fragments(&media) {
            let [traf] = &moof.traf[..] else {
                panic!("{} tracks in a fragment", moof.traf.len());
            };
            let [samples] = &traf.trun[..] else {
                panic!("{} runs of samples in a fragment", traf.trun.len());
            };
            assert_eq!(samples.samples.len(), 1, "one picture a fragment");
            let time = traf.tfdt.as_ref().expect("a decode time");
            // The service numbers fragments by the camera's frames, from 1.
            let frame = u64::from(moof.mfhd.sequence_number) - 1;
            let picture = Picture {
                segment: number,
                keyframe: avcc_units(sample).any(|nal| NalKind::of(nal) == Some(NalKind::IdrSlice)),
                captured_ms: time.base_media_decode_time * 1000 / ticks_per_second,
                slices: avcc_units(sample).filter_map(slice_hash).collect(),
            };
            self.pictures.push(((run, frame), picture));
        }
        Ok(())
    }

    fn listed_file(&self, uri: &str) -> Result<Vec<u8>, Missing> {
        let got = get(&format!("{}/{uri}", self.base));
        assert_ne!(got, Err(Missing::Never), "{uri} is listed");
        got
    }
}

/// Why there is no body behind a URL.
#[derive(Debug, PartialEq, Eq)]
enum Missing {
    /// There is nothing.
    Never,
    /// Nobody serves it now.
    Now,
}

/// The body behind a URL.
fn get(url: &str) -> Result<Vec<u8>, Missing> {
    let mut answer = match ureq::get(url).call() {
        Ok(answer) => answer,
        Err(ureq::Error::StatusCode(404)) => return Err(Missing::Never),
        Err(ureq::Error::StatusCode(503) | ureq::Error::Io(_)) => return Err(Missing::Now),
        Err(error) => panic!("{url}: {error}"),
    };
    let mut body = Vec::new();
    match answer.body_mut().as_reader().read_to_end(&mut body) {
        Ok(_) => Ok(body),
        Err(_) => Err(Missing::Now),
    }
}

fn media_timescale(init: &[u8]) -> u64 {
    let mut input = Cursor::new(init);
    while let Ok(atom) = Any::decode(&mut input) {
        if let Any::Moov(Moov { trak, .. }) = atom {
            let [track] = &trak[..] else {
                panic!("{} tracks in the init", trak.len());
            };
            return track.mdia.mdhd.timescale.into();
        }
    }
    panic!("no moov in the init");
}

/// Each moof with the data behind it.
fn fragments(media: &[u8]) -> Vec<(Moof, &[u8])> {
    let mut fragments = Vec::new();
    let mut moof = None;
    let mut rest = media;
    while let Some((head, _)) = rest.split_first_chunk::<8>() {
        let [size @ .., k0, k1, k2, k3] = *head;
        let size = u32::from_be_bytes(size) as usize;
        let (whole, behind) = rest.split_at_checked(size).expect("whole boxes");
        match &[k0, k1, k2, k3] {
            b"moof" => moof = Some(Moof::decode(&mut Cursor::new(whole)).expect("a moof")),
            b"mdat" => fragments.push((moof.take().expect("a moof in front"), &whole[8..])),
            _ => {}
        }
        rest = behind;
    }
    assert!(
        rest.is_empty() && moof.is_none(),
        "a segment that ends early"
    );
    fragments
}

/// The NAL units in an MP4 sample, which have their length in front.
fn avcc_units(mut sample: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, behind) = sample.split_first_chunk::<4>()?;
        let (unit, rest) = behind.split_at(u32::from_be_bytes(*length) as usize);
        sample = rest;
        Some(unit)
    })
}
