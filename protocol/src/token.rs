//! The text form of camera keys and links.
//!
//! ```text
//! camera.{camera}.{generation}.{mac}
//! view.{camera}.{link id}.{expiry}.{mac}
//! control.{camera}.{link id}.{expiry}.{mac}
//! manage.{camera}.{random id}.{expiry}.{mac}
//! ```
//!
//! Readable on purpose: an error can say which camera a key belongs to, and a
//! camera learns its name from its key. The last field authenticates all
//! before it; only the service, which holds the signing key, can make or check
//! it.

use std::{fmt, str::FromStr};

use crate::CameraName;

/// Longest token in characters.
pub const MAX_TOKEN_CHARS: usize = 128;

/// What a token permits, and for which camera; not yet proof of anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The one camera it is for.
    pub camera: CameraName,
    /// What it permits there.
    pub right: Right,
}

/// What a token permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Right {
    /// To feed the camera's stream.
    Feed {
        /// Counts the keys made for this camera, from 1. A service with a memory
        /// takes the newest only.
        generation: u32,
    },
    /// To watch.
    View(Link),
    /// To watch, start and stop.
    Control(Link),
    /// To end links and keys: the owner's, for minutes.
    Manage(Link),
}

impl Right {
    /// Whether it is a visitor's.
    #[must_use]
    pub const fn is_link(&self) -> bool {
        matches!(self, Self::View(_) | Self::Control(_))
    }
}

/// What tells one link from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Random, 1 to 16 of `A-Z`, `a-z`, `0-9`, `-`, `_`.
    pub id: String,
    /// Unix seconds after which it is refused; `None` is never.
    pub expires_unix_s: Option<u64>,
}

/// A token's text taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it claims to permit.
    pub grant: Grant,
    /// The authenticated part of the text.
    pub signed: &'a str,
    /// The authentication code, still encoded.
    pub mac: &'a str,
}

impl<'a> Token<'a> {
    /// Takes a token's text apart; whether it is genuine, only the service can
    /// tell.
    ///
    /// # Errors
    /// [`Malformed`] when the text has another form; it never repeats the text.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        if text.len() > MAX_TOKEN_CHARS {
            return Err(Malformed);
        }
        let (signed, mac) = text.rsplit_once('.').ok_or(Malformed)?;
        Ok(Self {
            grant: signed.parse()?,
            signed,
            mac,
        })
    }
}

/// The text is neither a camera key nor a link's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a zerocam key or link: copy it whole, from `camera.`, `view.` or `control.` to its end"
)]
pub struct Malformed;

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let camera = &self.camera;
        let (kind, link) = match &self.right {
            Right::Feed { generation } => return write!(f, "camera.{camera}.{generation}"),
            Right::View(link) => ("view", link),
            Right::Control(link) => ("control", link),
            Right::Manage(link) => ("manage", link),
        };
        write!(
            f,
            "{kind}.{camera}.{}.{}",
            link.id,
            link.expires_unix_s.unwrap_or(0)
        )
    }
}

impl FromStr for Grant {
    type Err = Malformed;

    fn from_str(signed: &str) -> Result<Self, Malformed> {
        let fields: Vec<&str> = signed.split('.').collect();
        let (camera, right) = match fields[..] {
            ["camera", camera, generation] => (
                camera,
                Right::Feed {
                    generation: generation.parse().map_err(|_| Malformed)?,
                },
            ),
            ["view", camera, id, expiry] => (camera, Right::View(link(id, expiry)?)),
            ["control", camera, id, expiry] => (camera, Right::Control(link(id, expiry)?)),
            ["manage", camera, id, expiry] => (camera, Right::Manage(link(id, expiry)?)),
            _ => return Err(Malformed),
        };
        let grant = Self {
            camera: camera.parse().map_err(|_| Malformed)?,
            right,
        };
        // One text per grant: `+1` or `01` would read as 1.
        if grant.to_string() == signed {
            Ok(grant)
        } else {
            Err(Malformed)
        }
    }
}

fn link(id: &str, expiry: &str) -> Result<Link, Malformed> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !(1..=16).contains(&id.len()) || !id.bytes().all(plain) {
        return Err(Malformed);
    }
    let expires: u64 = expiry.parse().map_err(|_| Malformed)?;
    Ok(Link {
        id: id.to_owned(),
        expires_unix_s: (expires > 0).then_some(expires),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn golden_texts() {
        let camera: CameraName = "garden".parse().unwrap();
        let link = |expires_unix_s| Link {
            id: "x7Kq2m".into(),
            expires_unix_s,
        };
        let golden = [
            (Right::Feed { generation: 1 }, "camera.garden.1"),
            (Right::View(link(None)), "view.garden.x7Kq2m.0"),
            (
                Right::Control(link(Some(1_790_000_000))),
                "control.garden.x7Kq2m.1790000000",
            ),
            (
                Right::Manage(link(Some(1_790_000_000))),
                "manage.garden.x7Kq2m.1790000000",
            ),
        ];
        for (right, signed) in golden {
            let text = format!("{signed}.c2lnbmF0dXJl");
            let token = Token::parse(&text).unwrap();
            assert_eq!(
                token.grant,
                Grant {
                    camera: camera.clone(),
                    right
                }
            );
            assert_eq!((token.signed, token.mac), (signed, "c2lnbmF0dXJl"));
            assert_eq!(token.grant.to_string(), signed);
        }
    }

    #[test]
    fn refusals() {
        for text in [
            "",
            "camera",
            "camera.garden.1",
            "camera.garden.x.mac",
            "camera.garden.01.mac",
            "camera.garden.+1.mac",
            "camera.Garden.1.mac",
            "look.garden.a.0.mac",
            "view.garden..0.mac",
            "view.garden.a b.0.mac",
            "view.garden.a.-1.mac",
        ] {
            assert_eq!(Token::parse(text), Err(Malformed), "{text}");
        }
        let long = format!("camera.garden.1.{}", "m".repeat(MAX_TOKEN_CHARS));
        assert_eq!(Token::parse(&long), Err(Malformed));
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_reads_back(text in "(camera|view|control|manage)?[a-z0-9.]{0,60}") {
            if let Ok(token) = Token::parse(&text) {
                prop_assert_eq!(format!("{}.{}", token.grant, token.mac), text.clone());
            }
        }
    }
}
