//! What the tests have in common: a camera named garden, an audience that uses
//! every way to watch, and what must hold between what was sent and what came.

use std::{collections::BTreeMap, time::Duration};

use zerocam_e2e::{
    Camera, FaultProxy, Footage, PlainPlayer, Tab, Viewer, Watcher, camera::CameraSettings,
    service::ServiceHome, tab::Stops, wire_tap::Sent, within,
};

/// The camera's name.
pub(crate) const GARDEN: &str = "garden";
/// Pictures per second of the footage.
pub(crate) const RATE: u64 = 25;
/// Pictures from keyframe to keyframe, a segment each.
pub(crate) const GOP: u64 = 25;
/// How far services may disagree about a date. Each errs by half a round trip
/// of a clock exchange at most, and a busy machine answers late.
pub(crate) const DATES_AGREE_MS: i64 = 250;

/// Starts a device that plays `footage` as the camera named garden.
pub(crate) fn camera(home: &ServiceHome, url: impl std::fmt::Display, footage: &Footage) -> Camera {
    Camera::start(&CameraSettings {
        url: format!("http://{url}"),
        key: home.camera_key(GARDEN),
        footage: &footage.path,
        device: "device-1",
        replay_ring_s: 20,
    })
}

/// Everybody who watches.
pub(crate) struct Audience {
    /// Checks every number and every picture.
    pub(crate) viewer: Viewer,
    page: Tab,
    plain: PlainPlayer,
    instant: Watcher,
    low_latency: Watcher,
}

/// How smoothly plain HLS played.
pub(crate) struct Plain {
    stops: Stops,
    /// The least that a player had in hand, seconds.
    least_s: f64,
}

impl Audience {
    /// Below an address, where the camera streams.
    pub(crate) fn new(watch_url: &str) -> Self {
        /// A player that begins with fewer has nothing in reserve.
        const SEGMENTS: u64 = 8;
        let playlist = format!("{watch_url}/plain.m3u8");
        let mut viewer = Viewer::of(&playlist).with_dates_within_ms(DATES_AGREE_MS);
        follow(&mut viewer, SEGMENTS * GOP);
        let mut audience = Self {
            viewer,
            page: Tab::play_hls(&playlist),
            plain: PlainPlayer::of(&playlist),
            instant: Watcher::instant(watch_url),
            low_latency: Watcher::low_latency(watch_url),
        };
        audience.plays_on("from the start");
        within(Duration::from_secs(3), "plain HLS is played", || {
            audience.plain.take_least()
        });
        audience.follow(2 * GOP);
        audience.report("at first");
        audience
    }

    /// Follows until this many more pictures have come.
    pub(crate) fn follow(&mut self, more: u64) {
        let frame = self.newest() + more;
        follow(&mut self.viewer, frame);
    }

    /// The number of the newest picture.
    pub(crate) fn newest(&self) -> u64 {
        self.viewer
            .pictures
            .last()
            .map_or(0, |((_, frame), _)| *frame)
    }

    /// As [`Self::report`], and plain HLS never stopped: neither in the browser
    /// nor, with time in hand, in a player that needs next to no processor.
    pub(crate) fn report_no_stop(&mut self, occasion: &str) {
        let plain = self.report(occasion);
        assert!(plain.least_s > 0.0, "{occasion}: plain HLS never stops");
        assert_eq!(plain.stops.count, 0, "{occasion}: plain HLS never stops");
    }

    /// Prints what the others have seen since the last time; gives how smoothly
    /// plain HLS played.
    pub(crate) fn report(&mut self, occasion: &str) -> Plain {
        let [instant, low_latency] = [&self.instant, &self.low_latency].map(Watcher::take);
        let page = self.page.look();
        let plain = Plain {
            stops: self.page.take_stops(),
            least_s: self.plain.take_least().expect("it plays"),
        };
        println!(
            "{occasion}: longest time without anything new: instant {:.2} s, LL-HLS {:.2} s; \
             plain HLS: at least {:.2} s in hand; {} stops in the browser, {:.2} s from picture \
             to picture at most",
            instant.longest_stop.as_secs_f64(),
            low_latency.longest_stop.as_secs_f64(),
            plain.least_s,
            plain.stops.count,
            plain.stops.longest_ms / 1000.0,
        );
        assert!(instant.pieces > 0 && low_latency.pieces > 0, "{occasion}");
        assert_eq!(page.error, None, "{occasion}");
        plain
    }

    /// The browser shows a second more of pictures.
    pub(crate) fn plays_on(&mut self, occasion: &str) {
        let before = self.page.look().frames;
        let what = format!("the browser plays on {occasion}");
        within(Duration::from_secs(10), &what, || {
            (self.page.look().frames >= before + RATE).then_some(())
        });
    }
}

/// Follows until the viewer has a picture, in real time.
pub(crate) fn follow(viewer: &mut Viewer, frame: u64) {
    let missing =
        frame.saturating_sub(viewer.pictures.last().map_or(0, |((_, newest), _)| *newest));
    let designed = Duration::from_secs(3 + missing / RATE);
    within(designed, &format!("a viewer has picture {frame}"), || {
        viewer.look();
        let (_, newest) = viewer.pictures.last()?.0;
        (newest >= frame).then_some(())
    });
}

/// As [`check_what_is_lost`]: nothing is, and none was left out before it was
/// sent. A machine that stands still for a second makes the camera begin a new
/// run; each is whole.
pub(crate) fn check_nothing_is_lost(
    camera: &mut Camera,
    tap: &FaultProxy,
    viewer: &mut Viewer,
) -> Sent {
    let sent = check_what_is_lost(camera, tap, viewer);
    let mut runs = 0;
    for run in (viewer.pictures).chunk_by(|((one, _), _), ((next, _), _)| one == next) {
        let frames = run.iter().map(|((_, frame), _)| *frame);
        assert!(
            frames.eq(0..run.len() as u64),
            "pictures that were never sent"
        );
        runs += 1;
    }
    assert_eq!(viewer.gaps, [0; 0]);
    assert!(
        viewer.discontinuities.len() < runs,
        "{:?}",
        viewer.discontinuities
    );
    sent
}

/// Ends the camera, and follows to the last picture: each one that was sent came
/// once, in order and as it was, or belongs to a segment that is listed as a gap.
pub(crate) fn check_what_is_lost(
    camera: &mut Camera,
    tap: &FaultProxy,
    viewer: &mut Viewer,
) -> Sent {
    camera.end();
    let sent = Sent::read(&tap.uploads());
    let (&(_, last), _) = sent.pictures.last_key_value().expect("pictures were sent");
    follow(viewer, last);
    let places: Vec<_> = viewer.pictures.iter().map(|(place, _)| *place).collect();
    assert!(
        places.is_sorted_by(|one, next| one < next),
        "twice or out of order"
    );
    let arrived: BTreeMap<_, _> = viewer.pictures.iter().cloned().collect();
    let (came, lost): (Vec<_>, Vec<_>) =
        (sent.pictures.iter()).partition(|(place, _)| arrived.contains_key(*place));
    assert!(came.into_iter().eq(&arrived), "changed on the way");
    let unsaid = (lost.iter()).find(|(_, picture)| !viewer.gaps.contains(&picture.segment));
    assert_eq!(unsaid, None, "lost, and not listed as a gap");
    println!(
        "{} pictures, {} more in segments listed as gaps, in {} connections; services dated segments {} ms apart at most",
        places.len(),
        lost.len(),
        sent.hellos.len(),
        viewer.dates_disagreed_ms
    );
    sent
}
