//! Who may feed, watch and control which camera.
//!
//! Every right is a token that only the holder of the signing key can make:
//! HMAC-SHA256 over its readable part (see [`zerocam_protocol::token`]), cut to
//! 16 bytes. Nothing is open without one. Errors say what is wrong with a token
//! and never repeat it. Left out: how a token travels (see [`crate::http`]), and
//! which ones the owner has ended before their time (see [`crate::memory`]).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use subtle::ConstantTimeEq;
use zerocam_protocol::{
    CameraName,
    token::{Grant, Link, Malformed, Right, Token},
};

/// Bytes of the authentication code that a token carries. 128 bits cannot be
/// guessed, and keep a link short enough for a small QR code.
const MAC_BYTES: usize = 16;

/// Random bytes of a signing key: the block that SHA-256 produces.
const SIGNING_KEY_BYTES: usize = 32;

/// Random bytes in a link's id: enough that no two links share one.
const LINK_ID_BYTES: usize = 9;

/// Longest life of a token that manages a camera.
const LONGEST_MANAGE_S: u64 = 900;

/// The secret behind every camera key and link.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// Makes the text of a fresh signing key.
    ///
    /// # Errors
    /// [`NoRandomness`] when the system gives no random numbers.
    pub fn generate() -> Result<String, NoRandomness> {
        Ok(BASE64_URL_SAFE_NO_PAD.encode(random::<SIGNING_KEY_BYTES>()?))
    }

    /// Reads a signing key's text.
    ///
    /// # Errors
    /// [`InvalidSigningKey`] when it is not what [`Self::generate`] makes.
    pub fn parse(text: &str) -> Result<Self, InvalidSigningKey> {
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(text.trim())
            .map_err(|_| InvalidSigningKey)?;
        if bytes.len() != SIGNING_KEY_BYTES {
            return Err(InvalidSigningKey);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The token for a grant.
    #[must_use]
    pub fn sign(&self, grant: &Grant) -> String {
        let signed = grant.to_string();
        let mac = self.prove(&signed);
        format!("{signed}.{mac}")
    }

    /// The key that lets a camera feed its stream.
    #[must_use]
    pub fn camera_key(&self, camera: CameraName, generation: u32) -> String {
        self.sign(&Grant {
            camera,
            right: Right::Feed { generation },
        })
    }

    /// Checks a token's form, signature and expiry, in this order.
    ///
    /// # Errors
    /// [`Denied`], which says what is wrong and does not repeat the token.
    pub fn verify(&self, token: &str, unix_s: u64) -> Result<Grant, Denied> {
        let token = Token::parse(token)?;
        if !self.is_proven(token.signed, token.mac) {
            return Err(Denied::Signature);
        }
        match &token.grant.right {
            Right::View(Link {
                expires_unix_s: Some(expires),
                ..
            })
            | Right::Control(Link {
                expires_unix_s: Some(expires),
                ..
            })
            | Right::Manage(Link {
                expires_unix_s: Some(expires),
                ..
            }) if *expires < unix_s => Err(Denied::Expired {
                since_s: unix_s - expires,
            }),
            _ => Ok(token.grant),
        }
    }

    /// Proves to those who have the same key that somebody with it says this. It
    /// must not begin as a token does.
    #[must_use]
    pub fn prove(&self, says: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.mac(says))
    }

    /// Whether that is what [`Self::prove`] makes.
    #[must_use]
    pub fn is_proven(&self, says: &str, proof: &str) -> bool {
        let mac = BASE64_URL_SAFE_NO_PAD.decode(proof);
        mac.is_ok_and(|mac| mac.ct_eq(&self.mac(says)).into())
    }

    fn mac(&self, signed: &str) -> [u8; MAC_BYTES] {
        *hmac::sign(&self.0, signed.as_bytes())
            .as_ref()
            .first_chunk()
            .expect("SHA-256 makes 32 bytes")
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// A fresh id for a link.
///
/// # Errors
/// [`NoRandomness`] when the system gives no random numbers.
pub fn link_id() -> Result<String, NoRandomness> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(random::<LINK_ID_BYTES>()?))
}

fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// What a visitor of one camera may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Watch.
    View,
    /// Watch, start and stop.
    Control,
}

/// Lets a camera feed the stream of that name; says which generation its key is
/// of.
///
/// # Errors
/// [`Denied::OtherCamera`] or [`Denied::NotACameraKey`].
pub fn permit_feed(grant: &Grant, camera: &CameraName) -> Result<u32, Denied> {
    same_camera(grant, camera)?;
    match grant.right {
        Right::Feed { generation } => Ok(generation),
        Right::View(_) | Right::Control(_) | Right::Manage(_) => Err(Denied::NotACameraKey),
    }
}

/// Lets the owner end a camera's links and keys. What permits that is short-lived,
/// so that none can be kept.
///
/// # Errors
/// [`Denied::OtherCamera`] or [`Denied::NotTheOwner`].
pub fn permit_manage(grant: &Grant, camera: &CameraName, unix_s: u64) -> Result<(), Denied> {
    same_camera(grant, camera)?;
    match grant.right {
        Right::Manage(Link {
            expires_unix_s: Some(expires),
            ..
        }) if expires <= unix_s.saturating_add(LONGEST_MANAGE_S) => Ok(()),
        Right::Feed { .. } | Right::View(_) | Right::Control(_) | Right::Manage(_) => {
            Err(Denied::NotTheOwner)
        }
    }
}

/// What a visitor with this grant may do with that camera, and by which link.
///
/// # Errors
/// [`Denied::OtherCamera`] or [`Denied::NotALink`].
pub fn permit_visit(grant: Grant, camera: &CameraName) -> Result<(Permission, Link), Denied> {
    same_camera(&grant, camera)?;
    match grant.right {
        Right::Feed { .. } | Right::Manage(_) => Err(Denied::NotALink),
        Right::View(link) => Ok((Permission::View, link)),
        Right::Control(link) => Ok((Permission::Control, link)),
    }
}

fn same_camera(grant: &Grant, camera: &CameraName) -> Result<(), Denied> {
    if grant.camera == *camera {
        return Ok(());
    }
    Err(Denied::OtherCamera {
        asked: camera.clone(),
        granted: grant.camera.clone(),
    })
}

/// Why a request was turned away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No camera key came with a camera's request.
    #[error(
        "no camera key: send it as `Authorization: Bearer KEY`; `zerocam-cloud key CAMERA` makes one"
    )]
    NoKey,
    /// No link came with a visitor's request.
    #[error("open the link that the camera's owner gave you: this browser has none for it")]
    NoLink,
    /// The text has another form.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It was made with another signing key, or changed.
    #[error(
        "the signature is wrong: the key or link was not copied whole, or was made by another service"
    )]
    Signature,
    /// A link past its date.
    #[error("the link expired {} ago: ask the camera's owner for a new one", crate::text::duration(*since_s))]
    Expired {
        /// Seconds since it expired.
        since_s: u64,
    },
    /// A link that its owner has ended.
    #[error("this link was ended by the camera's owner: ask for a new one")]
    LinkEnded,
    /// A camera's key that its owner has replaced.
    #[error("this key was replaced by a newer one: put that into the camera's zerocam.toml")]
    KeyReplaced,
    /// Nobody knows yet whether this link was ended.
    #[error("the service cannot read yet which links were ended: try again in a moment")]
    NotKnownYet,
    /// A genuine token for another camera.
    #[error("this key or link is for camera {granted}, not for {asked}")]
    OtherCamera {
        /// The camera in the address.
        asked: CameraName,
        /// The camera in the token.
        granted: CameraName,
    },
    /// A link where a camera key belongs.
    #[error("this is a link for watching; a camera needs the key from `zerocam-cloud key CAMERA`")]
    NotACameraKey,
    /// Somebody who has not the signing key, or had it long ago.
    #[error(
        "only the holder of the signing key may do this: use `zerocam-cloud revoke` or `zerocam-cloud key`"
    )]
    NotTheOwner,
    /// A camera key where a link belongs.
    #[error("this is a camera's key; watching needs the link from `zerocam-cloud link CAMERA`")]
    NotALink,
    /// A link for watching where a control link belongs.
    #[error(
        "this link is for watching only; `zerocam-cloud link CAMERA --control` makes one that may start and stop"
    )]
    ViewOnly,
}

/// A signing key that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the signing key is not one that `zerocam-cloud signing-key` makes: 43 letters, digits, - and _"
)]
pub struct InvalidSigningKey;

/// The system gives no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> SigningKey {
        SigningKey::parse(&"A".repeat(43)).unwrap()
    }

    fn camera(name: &str) -> CameraName {
        name.parse().unwrap()
    }

    fn link(right: fn(Link) -> Right, expires_unix_s: Option<u64>) -> Grant {
        Grant {
            camera: camera("garden"),
            right: right(Link {
                id: "x7Kq2m".into(),
                expires_unix_s,
            }),
        }
    }

    #[test]
    fn golden_tokens() {
        // Checked with `openssl dgst -sha256 -mac HMAC -macopt hexkey:00…00`.
        assert_eq!(
            key().camera_key(camera("garden"), 1),
            "camera.garden.1.4WGTLHdeI9LNahEFsUascw"
        );
        assert_eq!(
            key().sign(&link(Right::View, None)),
            "view.garden.x7Kq2m.0.GUXca5xF1JzYMsOqbYVA1A"
        );
    }

    #[test]
    fn what_is_signed_is_verified() {
        for grant in [
            link(Right::View, None),
            link(Right::View, Some(100)),
            link(Right::Control, Some(u64::MAX)),
        ] {
            assert_eq!(key().verify(&key().sign(&grant), 100), Ok(grant));
        }
    }

    #[test]
    fn each_fault_has_its_own_error() {
        let good = key().sign(&link(Right::View, Some(100)));
        let verify = |text: &str| key().verify(text, 50).unwrap_err();
        assert_eq!(verify("garden"), Denied::Malformed(Malformed));
        assert_eq!(verify(&good.replace("100", "999")), Denied::Signature);
        assert_eq!(
            verify(&good.replace("view.", "control.")),
            Denied::Signature
        );
        assert_eq!(verify(&good[..good.len() - 1]), Denied::Signature);
        assert_eq!(verify(&format!("{good}A")), Denied::Signature);
        assert_eq!(
            key().verify(&good, 101),
            Err(Denied::Expired { since_s: 1 })
        );
        let other = SigningKey::parse(&SigningKey::generate().unwrap()).unwrap();
        assert_eq!(other.verify(&good, 50), Err(Denied::Signature));
    }

    #[test]
    fn rights_are_for_one_camera_and_one_purpose() {
        let feed = Grant {
            camera: camera("garden"),
            right: Right::Feed { generation: 1 },
        };
        let view = link(Right::View, None);
        let control = link(Right::Control, None);
        let garden = camera("garden");
        assert_eq!(permit_feed(&feed, &garden), Ok(1));
        assert_eq!(permit_feed(&view, &garden), Err(Denied::NotACameraKey));
        let permission =
            |grant: &Grant| permit_visit(grant.clone(), &garden).map(|(permission, _)| permission);
        assert_eq!(permission(&feed), Err(Denied::NotALink));
        assert_eq!(permission(&view), Ok(Permission::View));
        assert_eq!(permission(&control), Ok(Permission::Control));
        for grant in [feed, view, control] {
            let elsewhere = Denied::OtherCamera {
                asked: camera("door"),
                granted: garden.clone(),
            };
            assert_eq!(permit_feed(&grant, &camera("door")), Err(elsewhere.clone()));
            assert_eq!(permit_visit(grant, &camera("door")), Err(elsewhere));
        }
    }

    proptest! {
        #[test]
        fn a_changed_token_is_no_token(place: prop::sample::Index, letter in "[ -~]") {
            let good = key().sign(&link(Right::View, Some(100)));
            let place = place.index(good.len());
            let mut changed = good.clone();
            changed.replace_range(place..=place, &letter);
            prop_assume!(changed != good);
            prop_assert!(key().verify(&changed, 50).is_err());
        }
    }

    #[test]
    fn signing_keys() {
        let text = SigningKey::generate().unwrap();
        assert_eq!(text.len(), 43);
        assert!(SigningKey::parse(&format!(" {text}\n")).is_ok());
        for bad in ["", "secret", &text[..42], &format!("{text}A")] {
            assert!(SigningKey::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(format!("{:?}", key()), "SigningKey(…)");
        assert_ne!(link_id(), link_id());
    }
}
