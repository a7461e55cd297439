//! How many requests are answered at a time. A request lasts until its body
//! has left, or its client has.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequestParts, Request, State},
    http::{HeaderValue, header::RETRY_AFTER},
    middleware::Next,
    response::{IntoResponse, Response},
};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use super::{notice::Notice, visitor::Visitor};
use crate::{access::Permission, service::Service};

const FULL: &str = "too many requests at a time for this service: try again in a moment";
const FULL_FOR_VIEWERS: &str =
    "as many people watch as this service can serve: try again in a moment";

/// Answers a request if there is room.
pub(super) async fn admit(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(permit) = service.room() else {
        return refuse(FULL, &request);
    };
    let response = next.run(request).await;
    response.map(|body| {
        Body::new(Occupying {
            body,
            _permit: permit,
        })
    })
}

/// Answers a viewer's request if cameras and the owner still have room. The
/// owner is who may start and stop the camera.
pub(super) async fn keep_reserve(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    if service.has_room_for_viewers() {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let visitor = Visitor::from_request_parts(&mut parts, &service).await;
    let request = Request::from_parts(parts, body);
    match visitor {
        Ok(visitor) if visitor.permission >= Permission::Control => next.run(request).await,
        _ => refuse(FULL_FOR_VIEWERS, &request),
    }
}

fn refuse(text: &str, request: &Request) -> Response {
    let notice = Notice::unavailable(text).in_form_for(request);
    ([(RETRY_AFTER, HeaderValue::from_static("5"))], notice).into_response()
}

/// A body that occupies its place until it is dropped.
struct Occupying {
    body: Body,
    _permit: OwnedSemaphorePermit,
}

impl HttpBody for Occupying {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
