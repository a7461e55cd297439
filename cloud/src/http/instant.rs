//! The instant stream: one endless response of fragmented MP4 that begins with
//! the newest keyframe and goes on with every frame as it is published.
//!
//! [`Follower`] decides what a viewer gets. A response occupies no more than
//! what the connection's write buffer and the kernel hold of it: frames that
//! were not written yet stay in the window, which all viewers share. It ends by
//! itself when nothing can follow, and the player asks again.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use futures_util::stream;
use tokio::{
    select,
    sync::watch,
    time::{sleep_until, timeout},
};
use tracing::debug;
use zerocam_protocol::token::Link;

use super::{
    notice::Notice,
    visitor::{Visitor, time_left},
    watch::MP4,
};
use crate::{
    cameras::viewers::Watching,
    media::{
        Window,
        follower::{Ending, Follower, Step},
    },
    memory::Memory,
    service::Service,
    time::Now,
};

/// A request waits this long for a picture: players give up after ten seconds
/// without a first byte.
const PICTURE_DEADLINE: Duration = Duration::from_secs(8);

/// Cloud Run cuts a request after an hour. Players replace a response before
/// its end; the jitter keeps those that came together from leaving together.
const LIFETIME: Duration = Duration::from_secs(50 * 60);
const LIFETIME_JITTER: Duration = Duration::from_secs(5 * 60);

/// A stream without a frame for this long has stopped. Nothing will tell when
/// its camera has lost the network and now sends to another instance.
const SILENCE: Duration = Duration::from_secs(10);

/// The same, while the service stops: cameras send until they have moved.
const SILENCE_WHILE_STOPPING: Duration = Duration::from_secs(1);

const RUN: HeaderName = HeaderName::from_static("zerocam-run");
const RUN_DATE: HeaderName = HeaderName::from_static("zerocam-run-date-unix-ms");
const CODEC: HeaderName = HeaderName::from_static("zerocam-codec");

/// For proxies that collect a response before they pass it on, such as nginx.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The endless response.
pub(super) async fn live(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let mut stopping = service.stopping();
    let begun = select! {
        begun = timeout(PICTURE_DEADLINE, begin(&service, &visitor)) => begun.ok().flatten(),
        _ = stopping.wait_for(|stopping| *stopping) => None,
    };
    let (headers, init, viewer) = begun.ok_or_else(no_picture)?;
    let frames = stream::unfold((Some(init), viewer), |(init, mut viewer)| async {
        let bytes = match init {
            Some(init) => init,
            None => viewer.next().await?,
        };
        Some((Ok::<_, Infallible>(bytes), (None, viewer)))
    });
    Ok((headers, Body::from_stream(frames)).into_response())
}

/// Waits for a picture that frames will follow.
async fn begin(service: &Service, visitor: &Visitor) -> Option<(HeaderMap, Bytes, Viewer)> {
    let camera = service.cameras.met(&visitor.camera).await;
    let watching = Watching::new(camera.clone(), &visitor.identity);
    let mut changes = camera.media.window();
    let longest = LIFETIME + LIFETIME_JITTER.mul_f64(fastrand::f64());
    loop {
        let now = Instant::now();
        let left = time_left(&visitor.link, Now::read());
        let lifetime = left.map_or(longest, |left| left.min(longest));
        let window = changes.borrow_and_update().clone();
        // The last keyframe of a camera that has vanished stays for ever.
        if let Some((follower, init)) = Follower::begin(&window, lifetime, now)
            && camera.record().feed.is_open()
        {
            let viewer = Viewer {
                follower,
                changes,
                stopping: service.stopping(),
                memory: service.memory.clone(),
                link: visitor.link.clone(),
                last_frame: now,
                watching,
            };
            return Some((headers(&window), init, viewer));
        }
        changes.changed().await.ok()?;
    }
}

fn headers(window: &Window) -> HeaderMap {
    let mut headers = HeaderMap::from_iter([
        (CONTENT_TYPE, MP4),
        (UNBUFFERED, HeaderValue::from_static("no")),
    ]);
    if let (Some(keyframe), Some(date_unix_ms)) = (window.keyframe(), window.run_date_unix_ms()) {
        let format = &keyframe.run.format;
        headers.insert(RUN, format.run.0.into());
        headers.insert(RUN_DATE, date_unix_ms.into());
        // Checked when the camera said it: printable ASCII.
        headers.extend(format.codec.parse().map(|codec| (CODEC, codec)));
    }
    headers
}

fn no_picture() -> Response {
    let notice =
        Notice::unavailable("there is no picture of this camera now: try again in a moment");
    ([(RETRY_AFTER, HeaderValue::from_static("1"))], notice).into_response()
}

/// One response.
struct Viewer {
    follower: Follower,
    changes: watch::Receiver<Arc<Window>>,
    stopping: watch::Receiver<bool>,
    memory: Arc<Memory>,
    link: Link,
    last_frame: Instant,
    watching: Watching,
}

impl Viewer {
    /// The next frame, as soon as it is there; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let now = Instant::now();
            let camera = &self.watching.camera().name;
            let step = if self.memory.has_ended(camera, &self.link) {
                Step::End(Ending::Over)
            } else {
                self.follower.step(&self.changes.borrow_and_update(), now)
            };
            let ending = match step {
                Step::Send(frame) => {
                    self.last_frame = now;
                    return Some(frame);
                }
                Step::Wait => match self.wait().await {
                    Ok(()) => continue,
                    Err(ending) => ending,
                },
                Step::End(ending) => ending,
            };
            let (camera, skipped) = (&self.watching.camera().name, self.follower.skipped());
            debug!(%camera, ?ending, skipped, "an instant stream ended");
            return None;
        }
    }

    /// Until there may be something to do.
    async fn wait(&mut self) -> Result<(), Ending> {
        let is_stopping = *self.stopping.borrow();
        let silence = if is_stopping {
            SILENCE_WHILE_STOPPING
        } else {
            SILENCE
        };
        select! {
            changed = self.changes.changed() => changed.map_err(|_| Ending::Over),
            _ = self.stopping.changed(), if !is_stopping => Ok(()),
            () = sleep_until((self.last_frame + silence).into()) => Err(Ending::Silent),
        }
    }
}
