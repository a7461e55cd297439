//! What players fetch: playlists and media, from the camera's live window.

use std::{convert::Infallible, str::FromStr, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Path, State},
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::Deserialize;
use zerocam_protocol::{Run, Segment};

use super::{notice::Notice, visitor::Visitor};
use crate::{media::Window, service::Service, time::Now};

/// Playlists change all the time.
pub(super) const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// Media never change. Private, because watching is by permission.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("private, max-age=600, immutable");

const PLAYLIST: HeaderValue = HeaderValue::from_static("application/vnd.apple.mpegurl");
pub(super) const MP4: HeaderValue = HeaderValue::from_static("video/mp4");

/// Plain HLS, for any player.
pub(super) async fn plain_playlist(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
) -> Result<Response, Notice> {
    let window = window(&service, &visitor)?;
    let playlist = window.plain_playlist().ok_or_else(no_picture)?;
    let headers = [(CONTENT_TYPE, PLAYLIST), (CACHE_CONTROL, NO_CACHE)];
    Ok((headers, playlist.to_owned()).into_response())
}

/// The name of an init or a media segment.
#[derive(Debug, Deserialize)]
pub(super) struct MediaPath {
    run: String,
    file: String,
}

#[derive(Debug, PartialEq, Eq)]
enum MediaFile {
    Init(Run),
    Segment(Run, Segment),
}

impl MediaPath {
    fn parse(&self) -> Option<MediaFile> {
        let run = Run(number(&self.run)?);
        if self.file == "init.mp4" {
            return Some(MediaFile::Init(run));
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

/// An init segment or a media segment.
pub(super) async fn media(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Path(path): Path<MediaPath>,
) -> Result<Response, Notice> {
    let nothing = || Notice::not_found("there is nothing at this address");
    let file = path.parse().ok_or_else(nothing)?;
    let window = window(&service, &visitor)?;
    let found = match file {
        MediaFile::Init(run) => window.init(run).map(|init| vec![init]),
        MediaFile::Segment(run, segment) => window.segment(run, segment),
    };
    let pieces = found.ok_or_else(|| {
        Notice::not_found("this part of the video is gone from the live window, or not yet there")
    })?;
    Ok(media_response(pieces))
}

/// The pieces one behind the other, shared with all other viewers.
fn media_response(pieces: Vec<Bytes>) -> Response {
    let bytes: usize = pieces.iter().map(Bytes::len).sum();
    let headers = [
        (CONTENT_TYPE, MP4),
        (CACHE_CONTROL, IMMUTABLE),
        (CONTENT_LENGTH, HeaderValue::from(bytes)),
    ];
    let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, Infallible>)));
    (headers, body).into_response()
}

/// The camera's window; the visitor counts as watching.
fn window(service: &Service, visitor: &Visitor) -> Result<Arc<Window>, Notice> {
    let camera = service
        .cameras
        .get(&visitor.camera)
        .ok_or_else(no_picture)?;
    let now = Now::read().monotonic;
    camera.record().viewers.note(&visitor.identity, now);
    let window = camera.media.window().borrow().clone();
    Ok(window)
}

fn no_picture() -> Notice {
    Notice::not_found("there is no picture of this camera yet")
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
        assert_eq!(parse("7", "init.mp4"), Some(MediaFile::Init(Run(7))));
        assert_eq!(
            parse("7", "8.m4s"),
            Some(MediaFile::Segment(Run(7), Segment(8)))
        );
        for (run, file) in [
            ("07", "8.m4s"),
            ("7", "08.m4s"),
            ("7", "+8.m4s"),
            ("x", "8.m4s"),
            ("7", "8.mp4"),
            ("7", ".m4s"),
            ("7", "99999999999999999999.m4s"),
        ] {
            assert_eq!(parse(run, file), None, "{run}/{file}");
        }
    }
}
