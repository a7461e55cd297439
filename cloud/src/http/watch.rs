//! What players fetch: playlists and media, from the camera's live window.
//!
//! What is not there yet but will be is waited for: blocking reloads and
//! preload hints of Low-Latency HLS (RFC 8216bis, section 6.2.5), the first
//! picture of a camera that starts, and the last one that another instance had
//! before the camera came here. A wait ends after [`LONGEST_WAIT`] with 503,
//! also while the camera is stopped: the specification wants an error rather
//! than a playlist without what was asked for, and players ask again after a
//! 5xx, but give up after a 404. Who asks without waiting for anything gets the
//! unchanged playlist of a stopped camera at once.

use std::{str::FromStr, sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{
        HeaderMap, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tokio::{select, time::sleep};
use zerocam_protocol::{Frame, Run, Segment};

use super::{notice::Notice, range, visitor::Visitor};
use crate::{
    access::Denied,
    cameras::Camera,
    media::{
        Newest, Window,
        playlist::{LowLatency, Place},
        window::MediaFile,
    },
    service::Service,
    status::ELSEWHERE,
    time::Now,
};

/// hls.js takes a service that does not answer within ten seconds for dead,
/// AVPlayer does so a little earlier.
const LONGEST_WAIT: Duration = Duration::from_millis(7500);

/// A window whose newest picture is older than this is not live.
const LIVE_US: i64 = 3_000_000;

/// Playlists change all the time.
pub(super) const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// Media never change. Private, because watching is by permission.
pub(super) const IMMUTABLE: HeaderValue =
    HeaderValue::from_static("private, max-age=600, immutable");

const PLAYLIST: HeaderValue = HeaderValue::from_static("application/vnd.apple.mpegurl");
pub(super) const MP4: HeaderValue = HeaderValue::from_static("video/mp4");

/// What a window says to a request.
enum Found<T> {
    Here(T),
    ToCome,
    Never(Notice),
}

/// Plain HLS, for any player.
pub(super) async fn plain_playlist(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
) -> Result<Response, Notice> {
    expect_pictures(&service, &visitor, |window| {
        window.plain_playlist().is_some()
    })?;
    let find = |camera: &Camera, window: &Window| match window.plain_playlist() {
        Some(playlist) if !is_catching_up(&service, camera, window) => Found::Here(playlist),
        _ => Found::ToCome,
    };
    Ok(playlist(wait_for(&service, &visitor, find).await?))
}

/// Low-Latency HLS.
pub(super) async fn low_latency_playlist(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    directives: Result<Query<Directives>, QueryRejection>,
) -> Result<Response, Notice> {
    let Query(directives) =
        directives.map_err(|rejection| Notice::bad_request(rejection.body_text()))?;
    let place = directives.place()?;
    // A player that names a place knows the stream from another instance.
    if place.is_none() {
        expect_pictures(&service, &visitor, |window| window.low_latency().is_some())?;
    }
    let find = |camera: &Camera, window: &Window| reload(&service, camera, window, place);
    let found = wait_for(&service, &visitor, find).await?;
    Ok(playlist(if directives.wants_delta() {
        found.delta()
    } else {
        found.full()
    }))
}

/// An init, a media segment or a part.
pub(super) async fn media(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Path(path): Path<MediaPath>,
    headers: HeaderMap,
) -> Result<Response, Notice> {
    let nothing = || Notice::not_found("there is nothing at this address");
    let file = path.parse().ok_or_else(nothing)?;
    let find = |_: &Camera, window: &Window| {
        let found = match file {
            MediaFile::Init(run) => window.init(run).map(|init| vec![init]),
            MediaFile::Segment(run, segment) => window.segment(run, segment),
            MediaFile::Part(run, name) => window.part(run, name),
        };
        match found {
            Some(pieces) => Found::Here(pieces),
            None if window.may_come(file) => Found::ToCome,
            None => Found::Never(Notice::not_found(
                "this part of the video is gone from the live window",
            )),
        }
    };
    let pieces = wait_for(&service, &visitor, find).await?;
    let kind = [(CONTENT_TYPE, MP4), (CACHE_CONTROL, IMMUTABLE)];
    Ok(range::answer(kind, pieces, &headers))
}

/// Delivery directives (RFC 8216bis, section 6.2.5), as they came.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Directives {
    #[serde(rename = "_HLS_msn")]
    msn: Option<String>,
    #[serde(rename = "_HLS_part")]
    part: Option<String>,
    #[serde(rename = "_HLS_skip")]
    skip: Option<String>,
}

impl Directives {
    /// What to wait for.
    fn place(&self) -> Result<Option<Place>, Notice> {
        let number = |name: &str, value: &Option<String>| {
            let Some(text) = value else { return Ok(None) };
            text.parse()
                .map(Some)
                .map_err(|_| Notice::bad_request(format!("{name} is a whole number, not {text:?}")))
        };
        let part = number("_HLS_part", &self.part)?;
        match number("_HLS_msn", &self.msn)? {
            Some(msn) => Ok(Some(Place {
                segment: Segment(msn),
                part,
            })),
            None if part.is_some() => Err(Notice::bad_request(
                "_HLS_part counts the parts of a segment: _HLS_msn has to say which",
            )),
            None => Ok(None),
        }
    }

    /// There are no date ranges that only `v2` would skip.
    fn wants_delta(&self) -> bool {
        matches!(self.skip.as_deref(), Some("YES" | "v2"))
    }
}

/// Whether a playlist has what a player waits for.
fn reload(
    service: &Service,
    camera: &Camera,
    window: &Window,
    place: Option<Place>,
) -> Found<Arc<LowLatency>> {
    let Some(playlist) = window.low_latency() else {
        return Found::ToCome;
    };
    match place {
        Some(place) if !playlist.has(place) => {
            if playlist.is_far_beyond(place) && is_live(service, camera, window) {
                return Found::Never(Notice::bad_request(format!(
                    "segment {} is too far ahead: the last one is {}",
                    place.segment,
                    playlist.last()
                )));
            }
            Found::ToCome
        }
        None if is_catching_up(service, camera, window) => Found::ToCome,
        _ => Found::Here(playlist.clone()),
    }
}

/// Whether a window ends before what another instance had: players that come
/// from there would find a list that has gone back, and ask again too late.
fn is_catching_up(service: &Service, camera: &Camera, window: &Window) -> bool {
    let (newest, visited) = (window.newest(), service.first_visit().unix_us);
    newest.is_some_and(|newest| {
        let record = camera.record();
        record.is_catching_up(newest.date_unix_us, visited)
    })
}

/// Whether a window shows what the camera films now.
fn is_live(service: &Service, camera: &Camera, window: &Window) -> bool {
    let age_us = |newest: Newest| Now::read().unix_us.saturating_sub(newest.date_unix_us);
    let is_fresh = window.newest().map(age_us) < Some(LIVE_US);
    is_fresh && camera.record().is_dated() && !is_catching_up(service, camera, window)
}

/// Waits until the window of the camera has what `find` looks for. The visitor
/// counts as watching.
async fn wait_for<T>(
    service: &Service,
    visitor: &Visitor,
    find: impl FnMut(&Camera, &Window) -> Found<T>,
) -> Result<T, Notice> {
    let mut stopping = service.stopping();
    select! {
        biased;
        found = follow(service, visitor, find) => found,
        () = sleep(LONGEST_WAIT) => Err(Notice::unavailable(
            "the camera sent nothing new for some seconds: ask again",
        )),
        () = service.memory.ended(&visitor.camera, &visitor.link) => Err(Denied::LinkEnded.into()),
        _ = stopping.wait_for(|stopping| *stopping) => Err(Notice::unavailable(
            "the service is stopping: ask again",
        )),
    }
}

async fn follow<T>(
    service: &Service,
    visitor: &Visitor,
    mut find: impl FnMut(&Camera, &Window) -> Found<T>,
) -> Result<T, Notice> {
    let camera = service.cameras.met(&visitor.camera).await;
    let now = Now::read().monotonic;
    camera.record().viewers.note(&visitor.identity, now);
    let mut window = camera.media.files();
    loop {
        match find(&camera, &window.borrow_and_update()) {
            Found::Here(found) => return Ok(found),
            Found::Never(notice) => return Err(notice),
            Found::ToCome if camera.record().moved_away => {
                return Err(Notice::unavailable(
                    "the camera sends to another instance: ask again",
                ));
            }
            Found::ToCome => {}
        }
        if window.changed().await.is_err() {
            return Err(Notice::unavailable("the service is stopping: ask again"));
        }
    }
}

/// Refuses what no wait would bring: the first picture of a camera that does
/// not send. After a deploy viewers come before their cameras.
fn expect_pictures(
    service: &Service,
    visitor: &Visitor,
    has: impl FnOnce(&Window) -> bool,
) -> Result<(), Notice> {
    let expected = service.expects_cameras()
        || service.cameras.get(&visitor.camera).is_some_and(|camera| {
            has(&camera.media.window().borrow()) || camera.record().is_sending()
        });
    if expected {
        Ok(())
    } else if service.has_sibling() {
        Err(Notice::unavailable(ELSEWHERE))
    } else {
        let text = "there is no picture of this camera yet";
        Err(Notice::not_found(text))
    }
}

fn playlist(text: Bytes) -> Response {
    let headers = [(CONTENT_TYPE, PLAYLIST), (CACHE_CONTROL, NO_CACHE)];
    (headers, text).into_response()
}

/// The name of a media file.
#[derive(Debug, Deserialize)]
pub(super) struct MediaPath {
    run: String,
    file: String,
}

impl MediaPath {
    fn parse(&self) -> Option<MediaFile> {
        let run = Run(number(&self.run)?);
        if self.file == "init.mp4" {
            return Some(MediaFile::Init(run));
        }
        if let Some(name) = self.file.strip_suffix(".part.m4s") {
            return Some(MediaFile::Part(run, Frame(number(name)?)));
        }
        let segment = number(self.file.strip_suffix(".m4s")?)?;
        Some(MediaFile::Segment(run, Segment(segment)))
    }
}

/// A number as playlists write it: one text per number.
fn number(text: &str) -> Option<u64> {
    let number = u64::from_str(text).ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_names() {
        let parse = |run: &str, file: &str| {
            let (run, file) = (run.into(), file.into());
            MediaPath { run, file }.parse()
        };
        let table = [
            ("init.mp4", MediaFile::Init(Run(7))),
            ("8.m4s", MediaFile::Segment(Run(7), Segment(8))),
            ("0.part.m4s", MediaFile::Part(Run(7), Frame(0))),
        ];
        for (file, expected) in table {
            assert_eq!(parse("7", file), Some(expected));
        }
        for (run, file) in [
            ("07", "8.m4s"),
            ("7", "08.m4s"),
            ("7", "+8.m4s"),
            ("x", "8.m4s"),
            ("7", "8.mp4"),
            ("7", ".m4s"),
            ("7", ".part.m4s"),
            ("7", "part.m4s"),
            ("7", "08.part.m4s"),
            ("7", "8.part.part.m4s"),
            ("7", "99999999999999999999.m4s"),
        ] {
            assert_eq!(parse(run, file), None, "{run}/{file}");
        }
    }

    #[test]
    fn directives() {
        let read = |query: &str| {
            let uri = format!("http://x/?{query}").parse().unwrap();
            let Query(directives) = Query::<Directives>::try_from_uri(&uri).unwrap();
            let place = directives.place();
            place.map(|place| {
                (
                    place.map(|it| (it.segment.0, it.part)),
                    directives.wants_delta(),
                )
            })
        };
        let table = [
            ("", None, false),
            ("other=1", None, false),
            ("_HLS_skip=YES", None, true),
            ("_HLS_skip=v2&_HLS_msn=7", Some((7, None)), true),
            (
                "_HLS_skip=NO&_HLS_msn=7&_HLS_part=0",
                Some((7, Some(0))),
                false,
            ),
        ];
        for (query, place, delta) in table {
            assert_eq!(read(query).unwrap(), (place, delta), "{query}");
        }
        for query in [
            "_HLS_part=3",
            "_HLS_msn=seven",
            "_HLS_msn=",
            "_HLS_msn=-1",
            "_HLS_msn=7.0",
            "_HLS_msn=99999999999999999999",
            "_HLS_msn=7&_HLS_part=x",
        ] {
            assert!(read(query).is_err(), "{query}");
        }
    }
}
