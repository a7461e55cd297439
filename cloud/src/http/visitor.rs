//! Who asks: a visitor by the links in cookies or in the path, a camera by its
//! key in `Authorization`.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::{ConnectInfo, FromRequestParts, RawPathParams},
    http::{
        HeaderMap, HeaderName,
        header::{AUTHORIZATION, COOKIE, USER_AGENT},
        request::Parts,
    },
};
use tracing::warn;
use zerocam_protocol::{
    CameraName,
    token::{Grant, Link},
};

use super::notice::Notice;
use crate::{
    access::{Denied, Permission, permit_feed, permit_manage, permit_visit},
    service::Service,
    time::Now,
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The camera in the path, which may not exist.
#[derive(Debug)]
pub(super) struct Named(pub(super) CameraName);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Notice;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Notice> {
        let camera = path_value(parts, state, "camera").await?;
        match camera.unwrap_or_default().parse() {
            Ok(camera) => Ok(Self(camera)),
            Err(invalid) => Err(Notice::not_found(format!("{invalid}"))),
        }
    }
}

/// Somebody whose link is good for the camera in the path.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) camera: CameraName,
    pub(super) permission: Permission,
    pub(super) link: Link,
    /// Tells visitors apart: address, browser, link. Only good for counting:
    /// a client can claim any address.
    pub(super) identity: [String; 3],
}

impl FromRequestParts<Arc<Service>> for Visitor {
    type Rejection = Notice;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Notice> {
        let Named(camera) = Named::from_request_parts(parts, service).await?;
        let token = match path_value(parts, service, "token").await? {
            Some(token) => token,
            None => cookie(&parts.headers, &cookie_name(&camera)).ok_or(Denied::NoLink)?,
        };
        let (permission, link) = check_link(service, &camera, &token)?;
        let text = |name| {
            let value = parts.headers.get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let socket = || {
            let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
            peer.map(|peer| peer.0.ip().to_string())
        };
        let address = text(X_FORWARDED_FOR).or_else(socket).unwrap_or_default();
        let browser = text(USER_AGENT).unwrap_or_default();
        Ok(Self {
            camera,
            permission,
            link,
            identity: [address, browser, token],
        })
    }
}

/// The cameras that a visitor may see, and what the visitor may do there:
/// those whose cookies hold a good link, or the one of the link in the path.
#[derive(Debug)]
pub(super) struct Visible(pub(super) BTreeMap<CameraName, Permission>);

impl FromRequestParts<Arc<Service>> for Visible {
    type Rejection = Notice;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Notice> {
        if let Some(token) = path_value(parts, service, "token").await? {
            let grant = verify(service, &token)?;
            let camera = grant.camera.clone();
            let (permission, _) = permit_visit(grant, &camera)?;
            return Ok(Self(BTreeMap::from([(camera, permission)])));
        }
        let mut cameras = BTreeMap::new();
        for (name, token) in cookies(&parts.headers) {
            let camera = name.strip_prefix(COOKIE_PREFIX).map(str::parse);
            let Some(Ok(camera)) = camera else { continue };
            match check_link(service, &camera, token) {
                Ok((permission, _)) => _ = cameras.insert(camera, permission),
                // Not a link that has ended.
                Err(Denied::NotKnownYet) => return Err(Denied::NotKnownYet.into()),
                Err(_) => {}
            }
        }
        Ok(Self(cameras))
    }
}

/// What a link permits at a camera.
pub(super) fn check_link(
    service: &Service,
    camera: &CameraName,
    token: &str,
) -> Result<(Permission, Link), Denied> {
    permit_visit(verify(service, token)?, camera)
}

/// How long a link is good for from now on: to the end of its last second.
/// `None` is for ever.
pub(super) fn time_left(link: &Link, now: Now) -> Option<Duration> {
    let expires_unix_s = link.expires_unix_s?;
    let over = Duration::from_secs(expires_unix_s.saturating_add(1));
    Some(over.saturating_sub(now.since_epoch()))
}

fn verify(service: &Service, token: &str) -> Result<Grant, Denied> {
    let key = &service.settings.signing_key;
    let grant = key.verify(token, Now::read().unix_s())?;
    service.memory.permit(&grant)?;
    Ok(grant)
}

const COOKIE_PREFIX: &str = "zerocam_";

/// The cookie that holds the link for a camera: one each, so that one browser
/// can watch several.
pub(super) fn cookie_name(camera: &CameraName) -> String {
    format!("{COOKIE_PREFIX}{camera}")
}

/// A camera with its own key.
#[derive(Debug)]
pub(super) struct Feeder {
    pub(super) camera: CameraName,
    pub(super) generation: u32,
}

impl FromRequestParts<Arc<Service>> for Feeder {
    type Rejection = Notice;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Notice> {
        let Named(camera) = Named::from_request_parts(parts, service).await?;
        // Who has no key is no camera: a browser, a scanner.
        let key = bearer(&parts.headers).ok_or(Denied::NoKey)?;
        match verify(service, key).and_then(|grant| permit_feed(&grant, &camera)) {
            Ok(generation) => Ok(Self { camera, generation }),
            Err(denied) => {
                if service.cameras.note_refused(&camera, Now::read()) {
                    warn!(%camera, why = %denied, "a camera was refused");
                }
                Err(denied.into())
            }
        }
    }
}

/// Who holds the signing key, and gives an order for the camera in the path.
#[derive(Debug)]
pub(super) struct Owner(pub(super) CameraName);

impl FromRequestParts<Arc<Service>> for Owner {
    type Rejection = Notice;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Notice> {
        let Named(camera) = Named::from_request_parts(parts, service).await?;
        let token = bearer(&parts.headers).ok_or(Denied::NotTheOwner)?;
        permit_manage(&verify(service, token)?, &camera, Now::read().unix_s())?;
        Ok(Self(camera))
    }
}

async fn path_value<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    name: &str,
) -> Result<Option<String>, Notice> {
    let path = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| Notice::bad_request("the address is not UTF-8 text"))?;
    Ok(path
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned()))
}

/// The key in `Authorization: Bearer KEY` (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// All cookies (RFC 6265, section 5.4). Our values need no unquoting.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let (_, value) = cookies(headers).find(|(key, _)| *key == name)?;
    Some(value.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; zerocam_door=x.y"));
        headers.append(COOKIE, HeaderValue::from_static("zerocam_garden=view.z=;b"));
        let find = |name| cookie(&headers, name);
        assert_eq!(find("zerocam_garden").as_deref(), Some("view.z="));
        assert_eq!(find("zerocam_door").as_deref(), Some("x.y"));
        assert_eq!(find("b"), None);
        assert_eq!(find("zerocam_"), None);
    }

    #[test]
    fn bearer_keys() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(read("Bearer k.e.y"), Some("k.e.y".into()));
        assert_eq!(read("bearer  k.e.y "), Some("k.e.y".into()));
        assert_eq!(read("Basic a2V5"), None);
        assert_eq!(read("Bearer"), None);
    }

    #[test]
    fn a_link_is_good_until_its_last_second_is_over() {
        let left = |expires_unix_s, unix_ms: i64| {
            let link = Link {
                id: "x7Kq2m".into(),
                expires_unix_s,
            };
            let now = Now {
                unix_us: unix_ms * 1000,
                ..Now::read()
            };
            time_left(&link, now).map(|left| left.as_millis())
        };
        assert_eq!(left(None, 100_000), None);
        assert_eq!(left(Some(160), 100_000), Some(61_000));
        assert_eq!(left(Some(100), 100_999), Some(1));
        assert_eq!(left(Some(99), 100_000), Some(0));
        assert!(left(Some(u64::MAX), 100_000) > Some(u64::MAX.into()));
    }
}
