//! How old the pictures on a screen are: `e2e/browser/screen.mjs` plays a stream
//! of the test picture in Debian's Chromium and reads each picture's bar code.

use std::{process::Command, time::Duration};

use serde::Deserialize;

use crate::{Program, program::repository};

/// What plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Player {
    /// The camera's page; the address is its link with the engine behind a `#`.
    Page,
    /// hls.js as it comes; the address is a playlist.
    HlsJs,
    /// MediaSource and no more; the address is an instant stream.
    Source,
}

/// A picture that was presented.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// When it was captured, Unix milliseconds modulo 2^32.
    pub code: u32,
    /// From then to its presentation.
    pub age_ms: f64,
}

/// Watches for a while, once the picture moves and has had time to settle.
///
/// # Panics
/// When nothing plays.
#[must_use]
pub fn watch(player: Player, url: &str, settle: Duration, duration: Duration) -> Vec<Shown> {
    let player = match player {
        Player::Page => "page",
        Player::HlsJs => "hls.js",
        Player::Source => "source",
    };
    let printed = Program::run(
        Command::new("node")
            .arg(repository().join("e2e/browser/screen.mjs"))
            .args(["--player", player, "--url", url])
            .args(["--settle", &settle.as_secs_f64().to_string()])
            .args(["--seconds", &duration.as_secs_f64().to_string()]),
    );
    serde_json::from_str(&printed).expect("the driver prints what it saw")
}
