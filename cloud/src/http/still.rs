//! The newest keyframe as a film of one frame: a poster that any `<video>`
//! shows. It stays when the camera has long stopped.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE},
    },
    response::{IntoResponse, Response},
};

use super::{
    notice::Notice,
    range,
    visitor::Visitor,
    watch::{MP4, NO_CACHE},
};
use crate::service::Service;

/// Safari plays nothing that it cannot ask for in ranges. Looking at a still is
/// not watching.
pub(super) async fn still(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    mut request: HeaderMap,
) -> Result<Response, Notice> {
    let camera = service.cameras.get(&visitor.camera);
    let window = camera.map(|camera| camera.media.window().borrow().clone());
    let keyframe = window.as_ref().and_then(|window| window.keyframe());
    let keyframe =
        keyframe.ok_or_else(|| Notice::not_found("there is no picture of this camera yet"))?;
    let (run, fragment) = (&keyframe.run, &keyframe.fragment);
    let etag = format!("\"{}-{}\"", run.format.run, fragment.frame);
    let etag = HeaderValue::try_from(etag).expect("digits are printable");
    let headers = [(ETAG, etag.clone()), (CACHE_CONTROL, NO_CACHE)];
    if request.get(IF_NONE_MATCH) == Some(&etag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    if request.get(IF_RANGE) == Some(&etag) {
        request.remove(IF_RANGE);
    }
    let film = vec![run.init.clone(), fragment.bytes.clone()];
    let kind = [(CONTENT_TYPE, MP4)];
    Ok(range::answer((headers, kind), film, &request))
}
