//! Debian's Chromium on a camera's page, driven through playwright-core by
//! `e2e/browser/watch.mjs`.

use std::{path::PathBuf, process::Command, time::Duration};

use serde::Deserialize;

use crate::{Program, program::repository};

/// What a visit is to do.
#[derive(Debug, Clone)]
pub struct Browser {
    /// The share link.
    pub link: String,
    /// How long to watch once the page says that it is live.
    pub watch: Duration,
    /// Where screenshots go: NAME-390x844.png and NAME-1440x900.png.
    pub screenshots: PathBuf,
    /// NAME.
    pub name: String,
}

/// What was seen.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Visit {
    /// From opening the link to the page saying that it is live, milliseconds.
    pub until_live_ms: u64,
    /// How the page was, about every half second from then on.
    pub samples: Vec<Sample>,
    /// Errors on the console, uncaught exceptions, failed requests.
    pub complaints: Vec<String>,
    /// The hosts that were asked for anything.
    pub hosts: Vec<String>,
    /// The address that is left in the address bar.
    pub address: String,
}

/// The page at one moment.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// One word, such as `live`.
    pub state: String,
    /// The age of the picture on screen that the page shows.
    pub age_ms: Option<f64>,
    /// Pictures presented so far.
    pub frames: u64,
    /// Pictures that the browser decoded but could not show in time.
    pub dropped_frames: u64,
    /// The media's own clock, seconds.
    pub media_time_s: f64,
    /// What plays the video.
    pub engine: String,
}

impl Browser {
    /// Opens the link, watches, and takes screenshots.
    ///
    /// # Panics
    /// When the page does not become live.
    #[must_use]
    pub fn visit(&self) -> Visit {
        let driver = repository().join("e2e/browser/watch.mjs");
        let printed = Program::run(
            Command::new("node")
                .arg(driver)
                .args(["--link", &self.link, "--name", &self.name])
                .args(["--seconds", &self.watch.as_secs_f64().to_string()])
                .arg("--screenshots")
                .arg(&self.screenshots),
        );
        serde_json::from_str(&printed).expect("the driver prints what it saw")
    }
}
