//! Protocol versions: what is spoken, what is still understood, and what to
//! tell the side that is too old.

/// The version that this build speaks.
pub const CURRENT: u8 = 1;

/// The oldest version that this build still understands: the one before.
pub const OLDEST: u8 = if CURRENT > 1 { CURRENT - 1 } else { 1 };

/// The WebSocket subprotocol (RFC 6455, section 1.9) of [`CURRENT`].
pub const SUBPROTOCOL: &str = "zerocam.v1";

/// Finds the best version among the subprotocols that a camera offers.
///
/// `offered` is the value of `Sec-WebSocket-Protocol`, comma separated. Returns
/// the version to speak.
///
/// # Errors
/// [`Mismatch`] when nothing offered is understood here.
pub fn negotiate(offered: &str) -> Result<u8, Mismatch> {
    let versions = || {
        offered
            .split(',')
            .filter_map(|name| name.trim().strip_prefix("zerocam.v")?.parse::<u8>().ok())
    };
    versions()
        .filter(|version| (OLDEST..=CURRENT).contains(version))
        .max()
        .ok_or(match versions().max() {
            None => Mismatch::NoneOffered,
            Some(theirs) if theirs < OLDEST => Mismatch::CameraTooOld { theirs },
            Some(theirs) => Mismatch::ServiceTooOld { theirs },
        })
}

/// Camera and service share no version; the text says which side to update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The client is no zerocam camera, or a proxy removed the header.
    #[error("no zerocam protocol version was offered: connect with a zerocam camera")]
    NoneOffered,
    /// The camera speaks only older versions.
    #[error(
        "the camera speaks protocol version {theirs}, this service {OLDEST} to {CURRENT}: update the camera"
    )]
    CameraTooOld {
        /// Newest version of the camera.
        theirs: u8,
    },
    /// The camera speaks only newer versions.
    #[error(
        "the camera speaks protocol version {theirs}, this service {OLDEST} to {CURRENT}: update the service"
    )]
    ServiceTooOld {
        /// Newest version of the camera.
        theirs: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subprotocol_names_the_current_version() {
        assert_eq!(SUBPROTOCOL, format!("zerocam.v{CURRENT}"));
        assert_eq!(negotiate(SUBPROTOCOL), Ok(CURRENT));
    }

    #[test]
    fn the_best_common_version_wins() {
        assert_eq!(negotiate("chat, zerocam.v9 ,zerocam.v1"), Ok(1));
    }

    #[test]
    fn a_mismatch_says_which_side_to_update() {
        let text = |offered| negotiate(offered).unwrap_err().to_string();
        assert!(text("").contains("zerocam camera"));
        assert!(text("chat").contains("zerocam camera"));
        assert!(text("zerocam.v0").ends_with("update the camera"));
        assert!(text("zerocam.v2").ends_with("update the service"));
    }
}
