//! Bytes of a file that is at hand in pieces: all of them, or the range that a
//! player asks for (RFC 9110, section 14). Nothing is copied.

use std::{convert::Infallible, ops::RangeInclusive};

use axum::{
    body::{Body, Bytes},
    http::{
        HeaderMap, StatusCode,
        header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, IF_RANGE, RANGE},
    },
    response::{IntoResponse, IntoResponseParts, Response},
};
use futures_util::stream;
use http_range_header::{EndPosition, StartPosition};

/// The pieces one behind the other, shared with all other viewers, under the
/// headers of their file. A range that is not in it gets none of these.
pub(super) fn answer(
    file: impl IntoResponseParts,
    pieces: Vec<Bytes>,
    request: &HeaderMap,
) -> Response {
    let length: usize = pieces.iter().map(Bytes::len).sum();
    let (status, range) = match wanted(request, length) {
        Wanted::All => {
            let header = [(ACCEPT_RANGES, "bytes")];
            return (file, header, body(pieces, length)).into_response();
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
    (status, file, header, body).into_response()
}

#[derive(Debug, PartialEq)]
enum Wanted {
    All,
    Range(RangeInclusive<usize>),
    Nothing,
}

/// What is not understood, ends before it begins, or is several ranges, is
/// answered with all. So is If-Range: there is nothing that it could be compared
/// with.
fn wanted(request: &HeaderMap, length: usize) -> Wanted {
    let ranges = request
        .get(RANGE)
        .filter(|_| !request.contains_key(IF_RANGE))
        .and_then(|range| range.to_str().ok())
        .and_then(|range| http_range_header::parse_range_header(range).ok());
    let Some([range]) = ranges.as_ref().map(|ranges| &ranges.ranges[..]) else {
        return Wanted::All;
    };
    let last = match range.end {
        EndPosition::Index(last) => place(last),
        EndPosition::LastByte => usize::MAX,
    };
    match range.start {
        StartPosition::Index(first) if last < place(first) => Wanted::All,
        StartPosition::Index(first) if length <= place(first) => Wanted::Nothing,
        StartPosition::Index(first) => Wanted::Range(place(first)..=last.min(length - 1)),
        StartPosition::FromLast(_) if length == 0 => Wanted::Nothing,
        StartPosition::FromLast(bytes) => {
            Wanted::Range(length.saturating_sub(place(bytes))..=length - 1)
        }
    }
}

/// Nothing is as long as what does not fit.
fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
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

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn ranges_of_ten_bytes() {
        let table = [
            ("bytes=0-1", Wanted::Range(0..=1)),
            ("bytes=9-9", Wanted::Range(9..=9)),
            ("bytes=2-", Wanted::Range(2..=9)),
            ("bytes=2-99999999999999999999", Wanted::All),
            ("bytes=2-18446744073709551615", Wanted::Range(2..=9)),
            ("bytes=-3", Wanted::Range(7..=9)),
            // RFC 9110, section 14.1.2: more than there is, is all there is.
            ("bytes=-11", Wanted::Range(0..=9)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=10-20", Wanted::Nothing),
            ("bytes=18446744073709551615-", Wanted::Nothing),
            // The same, section 14.1.1: invalid, and so no range at all.
            ("bytes=5-2", Wanted::All),
            ("bytes=20-10", Wanted::All),
            ("bytes=0-1,4-5", Wanted::All),
            ("bytes=0-5,4-9", Wanted::All),
            ("bytes=-0", Wanted::All),
            ("bytes=x-2", Wanted::All),
            ("pieces=0-1", Wanted::All),
        ];
        for (text, expected) in table {
            let request = HeaderMap::from_iter([(RANGE, HeaderValue::from_static(text))]);
            assert_eq!(wanted(&request, 10), expected, "{text}");
        }
        let request = HeaderMap::from_iter([(RANGE, HeaderValue::from_static("bytes=-1"))]);
        assert_eq!(wanted(&request, 0), Wanted::Nothing);
    }
}
