//! The pages (one camera; all cameras that a visitor may see), their assets,
//! and the way in: a link's token is taken from the address into a cookie, so
//! that it does not stay in the history, in bookmarks and in `Referer`.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{OriginalUri, Path, Query, State},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE},
    },
    response::{Html, IntoResponse, Response},
};
use rust_embed::RustEmbed;
use serde::Deserialize;

use super::{
    notice::Notice,
    visitor::{Named, Visible, Visitor, check_link, cookie_name, time_left},
};
use crate::{service::Service, time::Now};

/// The player, as `scripts/build-player` makes it.
#[derive(RustEmbed)]
#[folder = "player/dist"]
struct Player;

/// Content-Security-Policy of these pages: nothing from elsewhere, nothing
/// inline. `blob:` is how MediaSource and workers are attached.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; \
    worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Browsers keep no cookie for longer than 400 days.
const LONGEST_COOKIE: Duration = Duration::from_secs(400 * 86_400);

/// What the page's address may carry.
#[derive(Debug, Deserialize)]
pub(super) struct PageQuery {
    token: Option<String>,
}

/// The player's address ends in a slash, so that all it loads is relative.
pub(super) async fn add_slash(OriginalUri(uri): OriginalUri) -> Response {
    let query = uri
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    let location = format!("{}/{query}", uri.path());
    (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response()
}

/// The player, or why it is not shown.
pub(super) async fn player(
    State(service): State<Arc<Service>>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
    camera: Result<Named, Notice>,
    visitor: Result<Visitor, Notice>,
) -> Result<Response, Notice> {
    if let Some(token) = query.token {
        let Named(camera) = camera.map_err(Notice::into_page)?;
        let (_, link) = check_link(&service, &camera, &token)
            .map_err(|denied| Notice::from(denied).into_page())?;
        let left = time_left(&link, Now::read()).unwrap_or(LONGEST_COOKIE);
        let kept_s = left.min(LONGEST_COOKIE).as_secs();
        let secure = if service.settings.plain_http {
            ""
        } else {
            "; Secure"
        };
        let name = cookie_name(&camera);
        let cookie =
            format!("{name}={token}; Max-Age={kept_s}; HttpOnly; SameSite=Lax; Path=/{secure}");
        let headers = [(LOCATION, uri.path().to_owned()), (SET_COOKIE, cookie)];
        return Ok((StatusCode::SEE_OTHER, headers).into_response());
    }
    visitor.map_err(Notice::into_page)?;
    Ok(page("index.html"))
}

fn page(file: &str) -> Response {
    let page = Player::get(file).expect("the build refuses a player without its pages");
    Html(page.data).into_response()
}

/// A file of the player. Their names carry a hash of their content, and they
/// are the same for everybody.
pub(super) async fn asset(Path(file): Path<String>) -> Result<Response, Notice> {
    let file = Player::get(&format!("assets/{file}"))
        .ok_or_else(|| Notice::not_found("there is no such file"))?;
    let kind = HeaderValue::try_from(file.metadata.mimetype())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [
        (CONTENT_TYPE, kind),
        (
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ),
    ];
    Ok((headers, file.data).into_response())
}

/// All cameras that the visitor may see; to strangers, only how to get in.
pub(super) async fn front(visible: Result<Visible, Notice>) -> Result<Response, Notice> {
    let Visible(cameras) = visible.map_err(Notice::into_page)?;
    if !cameras.is_empty() {
        return Ok(page("cameras.html"));
    }
    let text = "This service shows cameras to those who have a link, and this browser holds none that \
                is good. Open the complete link that a camera's owner gave you, or ask for a new one.";
    let notice = Notice::new(StatusCode::OK, "Nothing to see yet", text.to_owned());
    Ok(notice.into_page().into_response())
}
