//! The newest keyframe as a film of one frame: a poster that any `<video>`
//! shows. It stays when the camera has long stopped.

use std::{ops::RangeInclusive, sync::Arc};

use axum::{
    body::Body,
    extract::State,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{
            ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
            IF_NONE_MATCH, IF_RANGE, RANGE,
        },
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;

use super::{
    notice::Notice,
    visitor::Visitor,
    watch::{MP4, NO_CACHE},
};
use crate::{media::window::Keyframe, service::Service};

/// A film of one frame. Looking at it is not watching.
pub(super) async fn still(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    request: HeaderMap,
) -> Result<Response, Notice> {
    let camera = service.cameras.get(&visitor.camera);
    let window = camera.map(|camera| camera.media.window().borrow().clone());
    let keyframe = window.as_ref().and_then(|window| window.keyframe());
    let keyframe =
        keyframe.ok_or_else(|| Notice::not_found("there is no picture of this camera yet"))?;
    Ok(answer(keyframe, &request))
}

/// Safari plays nothing that it cannot ask for in ranges (RFC 9110, section 14).
fn answer(keyframe: &Keyframe, request: &HeaderMap) -> Response {
    let Keyframe { run, fragment } = keyframe;
    let etag = format!("\"{}-{}\"", run.format.run, fragment.frame);
    let etag = HeaderValue::try_from(etag).expect("digits are printable");
    let constant = [
        (ETAG, etag.clone()),
        (CACHE_CONTROL, NO_CACHE),
        (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
    ];
    if request.get(IF_NONE_MATCH) == Some(&etag) {
        return (StatusCode::NOT_MODIFIED, constant).into_response();
    }
    let film = Bytes::from([&run.init[..], &fragment.bytes].concat());
    let bytes = film.len();
    let is_same = request.get(IF_RANGE).is_none_or(|known| known == etag);
    let range = request.get(RANGE).filter(|_| is_same);
    let range = range
        .and_then(|range| range.to_str().ok())
        .and_then(Range::parse);
    let (status, content, range) = match range.map(|range| range.within(bytes)) {
        None => (StatusCode::OK, film, None),
        Some(Some(range)) => {
            let text = format!("bytes {}-{}/{bytes}", range.start(), range.end());
            (StatusCode::PARTIAL_CONTENT, film.slice(range), Some(text))
        }
        Some(None) => {
            let text = format!("bytes */{bytes}");
            (StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new(), Some(text))
        }
    };
    let mut headers = HeaderMap::from_iter(constant);
    headers.insert(CONTENT_TYPE, MP4);
    headers.insert(CONTENT_LENGTH, content.len().into());
    headers.extend(range.map(|text| {
        let text = HeaderValue::try_from(text).expect("digits are printable");
        (CONTENT_RANGE, text)
    }));
    (status, headers, Body::from(content)).into_response()
}

/// One range of bytes, as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    /// From the first to the second, both included.
    Between(usize, usize),
    /// From here on.
    From(usize),
    /// The last ones.
    Last(usize),
}

impl Range {
    /// `None` for what may be answered with the whole: several ranges, other
    /// units, nonsense.
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        let number = |digits: &str| {
            let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
            digits.parse().ok().filter(|_| is_number)
        };
        match (first, last) {
            ("", last) => number(last).map(Self::Last),
            (first, "") => number(first).map(Self::From),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
        }
    }

    /// Of so many bytes; `None` when there are none of them.
    fn within(self, bytes: usize) -> Option<RangeInclusive<usize>> {
        let end = bytes.checked_sub(1)?;
        let (first, last) = match self {
            Self::Between(first, last) => (first, last.min(end)),
            Self::From(first) => (first, end),
            Self::Last(count) => (bytes.saturating_sub(count), end),
        };
        (first <= last && first <= end).then_some(first..=last)
    }
}
