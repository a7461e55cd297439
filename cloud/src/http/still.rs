//! A keyframe as a film of one frame: a poster that any `<video>` shows.
//!
//! `still.mp4` is the newest one, which stays when the camera has long stopped.
//! `still.mp4?run=RUN&segment=SEGMENT` is the first of that segment, as long as
//! it is in the live window. It never changes: players fetch a film in several
//! ranges, which must not be of different ones.

use std::sync::Arc;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE},
    },
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use zerocam_protocol::{Run, Segment};

use super::{
    notice::Notice,
    range,
    visitor::Visitor,
    watch::{IMMUTABLE, MP4, NO_CACHE},
};
use crate::{
    media::{
        Window,
        window::{Content, FrameFragment, RunInit},
    },
    service::Service,
};

/// The segment, as `newest` of the status has it.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    run: Option<Run>,
    segment: Option<Segment>,
}

/// Safari plays nothing that it cannot ask for in ranges. Looking at a still is
/// not watching.
pub(super) async fn still(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    wanted: Result<Query<Wanted>, QueryRejection>,
    mut request: HeaderMap,
) -> Result<Response, Notice> {
    let Query(wanted) = wanted.map_err(|rejection| Notice::bad_request(rejection.body_text()))?;
    let camera = service.cameras.get(&visitor.camera);
    let window = camera.map(|camera| camera.media.window().borrow().clone());
    let window = window.unwrap_or_default();
    let (found, caching) = match (wanted.run, wanted.segment) {
        (None, None) => (newest(&window), NO_CACHE),
        (Some(run), Some(segment)) => (first_of(&window, run, segment), IMMUTABLE),
        _ => {
            let text = "a still is named by `run` and `segment`, both or none";
            return Err(Notice::bad_request(text));
        }
    };
    let (run, keyframe) = found.ok_or_else(|| Notice::not_found("there is no such picture"))?;
    let etag = format!("\"{}-{}\"", run.format.run, keyframe.frame);
    let etag = HeaderValue::try_from(etag).expect("digits are printable");
    let headers = [(ETAG, etag.clone()), (CACHE_CONTROL, caching)];
    if request.get(IF_NONE_MATCH) == Some(&etag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    if request.get(IF_RANGE) == Some(&etag) {
        request.remove(IF_RANGE);
    }
    let film = vec![run.init.clone(), keyframe.bytes.clone()];
    let kind = [(CONTENT_TYPE, MP4)];
    Ok(range::answer((headers, kind), film, &request))
}

fn newest(window: &Window) -> Option<(&RunInit, &FrameFragment)> {
    let keyframe = window.keyframe()?;
    Some((&keyframe.run, &keyframe.fragment))
}

/// A segment that begins without a keyframe has no still.
fn first_of(window: &Window, run: Run, segment: Segment) -> Option<(&RunInit, &FrameFragment)> {
    let mut newest_first = window
        .open()
        .into_iter()
        .chain(window.segments().iter().rev());
    let entry = newest_first.find(|it| it.number == segment && it.run.format.run == run)?;
    let Content::Frames(frames) = &entry.content else {
        return None;
    };
    let first = frames.fragments.first()?;
    first.is_keyframe.then_some((&*entry.run, first))
}
