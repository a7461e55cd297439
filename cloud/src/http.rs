//! Everything that is served over HTTP: routes, headers, limits.
//!
//! Each route below `/watch` and `/api` asks for a right; the routes for
//! visitors exist a second time below `/t/{token}`, for players without
//! cookies. Errors are short text with a remedy, on pages a small HTML page.

mod api;
mod instant;
mod notice;
pub mod orders;
mod pages;
mod range;
mod room;
mod still;
mod visitor;
mod watch;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{
        HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL,
            CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, WWW_AUTHENTICATE,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use zerocam_protocol::limits::MAX_JSON_BYTES;

use self::notice::Notice;
use crate::service::Service;

/// What may change or is personal: errors, pages, status.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

const ANY: HeaderValue = HeaderValue::from_static("*");

/// All routes.
pub fn router(service: Arc<Service>) -> Router {
    // What fills a service: all else is answered in a moment.
    let video = Router::new()
        .route("/watch/{camera}/plain.m3u8", get(watch::plain_playlist))
        .route("/watch/{camera}/live.mp4", get(instant::live))
        .route("/watch/{camera}/still.mp4", get(still::still))
        .route(
            "/watch/{camera}/index.m3u8",
            get(watch::low_latency_playlist),
        )
        .route("/watch/{camera}/{run}/{file}", get(watch::media))
        .layer(middleware::from_fn_with_state(
            service.clone(),
            room::keep_reserve,
        ));
    let visitors = Router::new()
        .route("/watch/{camera}", get(pages::add_slash))
        .route("/watch/{camera}/", get(pages::player))
        .route("/api/cameras", get(api::list))
        .route("/api/cameras/{camera}", get(api::status))
        .route("/api/cameras/{camera}/link", get(api::pass_on))
        .route("/api/cameras/{camera}/desired", post(api::desire))
        .merge(video);
    Router::new()
        .route("/api/cameras/{camera}/stream", get(api::stream))
        .route("/api/cameras/{camera}/checkin", post(api::check_in))
        .route(
            "/api/cameras/{camera}/key",
            get(orders::key).post(orders::replace_key),
        )
        .route("/api/cameras/{camera}/ended-links", post(orders::end_link))
        .merge(visitors.clone())
        .nest(
            "/t/{token}",
            visitors.layer(middleware::map_response(open_to_pages)),
        )
        .layer(middleware::from_fn_with_state(service.clone(), room::admit))
        .route("/", get(pages::front))
        .route("/t/{token}", get(pages::add_slash))
        .route("/t/{token}/", get(pages::front))
        .route("/assets/{*file}", get(pages::asset))
        .route("/api/instance", get(api::instance))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_JSON_BYTES))
        .layer(middleware::from_fn(headers))
        .with_state(service)
}

/// Headers that hold everywhere unless a route says otherwise.
async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let is_page = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let status = response.status();
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(NO_STORE);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Addresses may carry a token.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if status == StatusCode::UNAUTHORIZED {
        // RFC 9110, section 11.6.1.
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if is_page {
        headers
            .entry(CONTENT_SECURITY_POLICY)
            .or_insert(HeaderValue::from_static(pages::POLICY));
    }
    response
}

/// Players on other sites may read what a path token gives: the address alone
/// is the permission, so nothing of the visitor's own is lent to them. Cookies
/// open nothing to other sites.
async fn open_to_pages(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANY);
    response
}

async fn live() -> &'static str {
    "live\n"
}

async fn ready(State(service): State<Arc<Service>>) -> (StatusCode, &'static str) {
    if service.is_stopping() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else if !service.memory.is_read() {
        let text = "nobody can watch yet: the memory cannot be read, and the log says why\n";
        (StatusCode::SERVICE_UNAVAILABLE, text)
    } else {
        (StatusCode::OK, "ready\n")
    }
}

async fn not_found(request: Request) -> Response {
    Notice::not_found("there is nothing at this address: check the link, or ask for it again")
        .in_form_for(&request)
        .into_response()
}

async fn method_not_allowed(method: Method, request: Request) -> Response {
    let text = format!("{method} does not work at this address");
    Notice::new(StatusCode::METHOD_NOT_ALLOWED, "NOT POSSIBLE", text)
        .in_form_for(&request)
        .into_response()
}
