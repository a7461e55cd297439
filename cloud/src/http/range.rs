//! Bytes of a file that is at hand in pieces: all of them, or the range that a
//! player asks for (RFC 9110, section 14). Nothing is copied.

use std::{convert::Infallible, ops::RangeInclusive};

use axum::{
    body::{Body, Bytes},
    http::{
        HeaderMap, StatusCode,
        header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, IF_RANGE, RANGE},
    },
    response::{IntoResponse, Response},
};
use futures_util::stream;

/// The pieces one behind the other, shared with all other viewers.
pub(super) fn answer(pieces: Vec<Bytes>, headers: &HeaderMap) -> Response {
    let length: usize = pieces.iter().map(Bytes::len).sum();
    let (status, range) = match wanted(headers, length) {
        Wanted::All => {
            let header = [(ACCEPT_RANGES, "bytes".to_owned())];
            return (header, body(pieces, length)).into_response();
        }
        Wanted::Range(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Nothing => {
            let header = [(CONTENT_RANGE, format!("bytes */{length}"))];
            return (StatusCode::RANGE_NOT_SATISFIABLE, header).into_response();
        }
    };
    let (first, last) = (*range.start(), *range.end());
    let header = [(CONTENT_RANGE, format!("bytes {first}-{last}/{length}"))];
    let body = body(cut(pieces, range), last - first + 1);
    (status, header, body).into_response()
}

enum Wanted {
    All,
    Range(RangeInclusive<usize>),
    Nothing,
}

/// What is not understood, or is several ranges, is answered with all. So is
/// If-Range: there is nothing that it could be compared with.
fn wanted(headers: &HeaderMap, length: usize) -> Wanted {
    let ranges = headers
        .get(RANGE)
        .filter(|_| !headers.contains_key(IF_RANGE))
        .and_then(|range| range.to_str().ok())
        .and_then(|range| http_range_header::parse_range_header(range).ok());
    let Some(ranges) = ranges else {
        return Wanted::All;
    };
    match ranges.validate(length as u64).as_deref() {
        Ok([range]) => Wanted::Range(*range.start() as usize..=*range.end() as usize),
        Ok(_) => Wanted::All,
        Err(_) => Wanted::Nothing,
    }
}

fn cut(pieces: Vec<Bytes>, range: RangeInclusive<usize>) -> Vec<Bytes> {
    let mut begin = 0;
    let cut = |piece: Bytes| {
        let end = begin + piece.len();
        let (from, to) = (begin.max(*range.start()), end.min(range.end() + 1));
        let part = (from < to).then(|| piece.slice(from - begin..to - begin));
        begin = end;
        part
    };
    pieces.into_iter().filter_map(cut).collect()
}

fn body(pieces: Vec<Bytes>, length: usize) -> Response {
    let pieces = stream::iter(pieces.into_iter().map(Ok::<_, Infallible>));
    let header = [(CONTENT_LENGTH, length)];
    (header, Body::from_stream(pieces)).into_response()
}
