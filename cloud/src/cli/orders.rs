//! Gives the owner's orders to the running service, which alone reads and writes
//! its memory. A token that only the signing key can make goes with each, good
//! for minutes.

use std::{
    io::{self, ErrorKind},
    net::IpAddr,
    time::Duration,
};

use serde::de::DeserializeOwned;
use ureq::http::header::AUTHORIZATION;
use zerocam_protocol::{
    CameraName,
    token::{Grant, Link, Right},
};

use super::Failure;
use crate::{
    access::{Denied, link_id, permit_visit},
    config::{self, Settings},
    http::orders::{EndLink, EndedLink, KeyGeneration},
    memory::MemoryError,
    outgoing, text,
    time::Now,
};

/// Longer than the service waits for its memory.
const TIMEOUT: Duration = Duration::from_secs(15);

/// How long an order is good for: clocks differ.
const ORDER_LIFE_S: u64 = 300;

/// Most of an answer that is read.
const MAX_ANSWER_BYTES: u64 = 4096;

/// Which of a camera's keys is good. Without a memory, the first one is.
pub(super) fn key_generation(
    settings: &Settings,
    camera: &CameraName,
    new: bool,
    url: Option<&str>,
) -> Result<u32, Failure> {
    if !new && settings.memory.is_none() && url.is_none() {
        return Ok(1);
    }
    let body = new.then(Vec::new);
    let answer: KeyGeneration = order(settings, url, camera, "key", body)?;
    Ok(answer.generation)
}

/// Ends a link; says what happened.
pub(super) fn revoke(
    settings: &Settings,
    link: &str,
    url: Option<&str>,
) -> Result<String, Failure> {
    let token = token_in(link);
    let grant = match settings.signing_key.verify(token, Now::read().unix_s()) {
        Err(Denied::Expired { since_s }) => {
            let ago = text::duration(since_s);
            return Ok(format!("nothing to end: this link expired {ago} ago"));
        }
        verified => verified?,
    };
    let camera = grant.camera.clone();
    permit_visit(grant, &camera).map_err(|_| Failure::NoLinkToRevoke(camera.clone()))?;
    let body = EndLink {
        token: token.to_owned(),
    };
    let body = serde_json::to_vec(&body).map_err(io::Error::from)?;
    let EndedLink { news } = order(settings, url, &camera, "ended-links", Some(body))?;
    Ok(if news {
        format!(
            "ended: this link to camera {camera} is refused from now on, and who watches by it is cut off within a minute"
        )
    } else {
        format!("this link to camera {camera} was ended before")
    })
}

/// The token in a whole link, in a player's address, or alone.
fn token_in(link: &str) -> &str {
    let link = link.trim();
    let (rest, ends): (&str, &[char]) = if let Some((_, rest)) = link.split_once("token=") {
        (rest, &['&', '#'])
    } else if let Some((_, rest)) = link.split_once("/t/") {
        (rest, &['/'])
    } else {
        (link, &[])
    };
    rest.split(ends).next().unwrap_or(rest)
}

/// Asks the service, or tells it something, about a camera.
fn order<T: DeserializeOwned>(
    settings: &Settings,
    url: Option<&str>,
    camera: &CameraName,
    what: &str,
    body: Option<Vec<u8>>,
) -> Result<T, Failure> {
    if settings.memory.is_none() && url.is_none() {
        return Err(MemoryError::None.into());
    }
    let token = settings.signing_key.sign(&Grant {
        camera: camera.clone(),
        right: Right::Manage(Link {
            id: link_id()?,
            expires_unix_s: Some(Now::read().unix_s() + ORDER_LIFE_S),
        }),
    });
    let agent = outgoing::agent(TIMEOUT);
    let mut nobody = Vec::new();
    for base in addresses(settings, url)? {
        let address = format!("{base}/api/cameras/{camera}/{what}");
        let bearer = format!("Bearer {token}");
        let sent = match &body {
            None => agent.get(address).header(AUTHORIZATION, bearer).call(),
            Some(body) => agent.post(address).header(AUTHORIZATION, bearer).send(body),
        };
        let mut answer = match sent {
            Ok(answer) => answer,
            Err(ureq::Error::Io(error)) if error.kind() == ErrorKind::ConnectionRefused => {
                nobody.push(base);
                continue;
            }
            // It may have been heard: nobody else is told.
            Err(error) => return Err(Failure::Unreachable(format!("{base} ({error})"))),
        };
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        let body = body.read_to_string().unwrap_or_default();
        return match serde_json::from_str(&body) {
            Ok(answer) if status == 200 => Ok(answer),
            _ if body.trim_start().starts_with('<') => Err(Failure::AnotherProgram(base)),
            _ => Err(Failure::Refused {
                base,
                status,
                text: body.lines().next().unwrap_or_default().to_owned(),
            }),
        };
    }
    Err(Failure::Unreachable(nobody.join(", nor at ")))
}

/// Where the service may be, in this order: where the owner says, or on this
/// machine, or where viewers reach it.
fn addresses(settings: &Settings, url: Option<&str>) -> Result<Vec<String>, Failure> {
    if let Some(url) = url {
        // Who writes http:// here has decided.
        return Ok(vec![config::public_url(url, true)?]);
    }
    let mut listen = settings.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.ip() {
            IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(_) => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        });
    }
    let here = (listen.port() != 0).then(|| format!("http://{listen}"));
    let known: Vec<_> = here
        .into_iter()
        .chain(settings.public_url.clone())
        .collect();
    if known.is_empty() {
        return Err(Failure::NoUrl);
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_whatever_was_copied() {
        const TOKEN: &str = "view.garden.x7Kq2m.0.GUXca5xF1JzYMsOqbYVA1A";
        for link in [
            TOKEN.to_owned(),
            format!(" {TOKEN}\n"),
            format!("https://cam.example/watch/garden/?token={TOKEN}"),
            format!("https://cam.example/watch/garden/?token={TOKEN}&a=b"),
            format!("https://cam.example/watch/garden/?a=b&token={TOKEN}#x"),
            format!("https://cam.example/t/{TOKEN}/watch/garden/plain.m3u8"),
            format!("https://cam.example/t/{TOKEN}"),
        ] {
            assert_eq!(token_in(&link), TOKEN, "{link}");
        }
    }
}
