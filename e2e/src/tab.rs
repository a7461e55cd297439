//! One tab of Debian's Chromium that stays open while the world around it
//! changes, driven through `e2e/browser/tab.mjs`.

use std::{
    io::{BufRead, BufReader, Cursor, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use png::{ColorType, Decoder, Transformations};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use zerocam::camera::clock_code::{Luma, decode};

use crate::program::repository;

/// How long the browser may take to close.
const END: Duration = Duration::from_secs(10);

/// An open tab. Closed when dropped.
#[derive(Debug)]
pub struct Tab {
    driver: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The tab at one moment.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Glance {
    /// Documents that were loaded so far: more than one after a reload.
    pub loads: u32,
    /// What a camera's page says of itself, such as `live`.
    pub state: String,
    /// Why, one word.
    pub reason: String,
    /// What plays.
    pub engine: String,
    /// The age of the picture on screen, as the page shows it.
    pub age_ms: Option<f64>,
    /// Pictures shown so far.
    pub frames: u64,
    /// The media's own clock, seconds.
    pub media_time_s: f64,
    /// Why the video element gave up.
    pub error: Option<String>,
    /// The browser's clock, Unix milliseconds.
    pub now_unix_ms: u64,
}

/// How smooth playback was.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stops {
    /// How often it stopped because the data had run out.
    pub count: u32,
    /// The longest time from one new picture to the next.
    pub longest_ms: f64,
}

/// What was on screen some time between two glances.
#[derive(Debug)]
pub struct Photograph {
    /// The picture without anything over or around it.
    pub png: Vec<u8>,
    /// Just before.
    pub before: Glance,
    /// Just after.
    pub after: Glance,
}

impl Photograph {
    /// What the bar code in the picture says; `None` when there is none, as in a
    /// picture that is being painted over by its successor.
    ///
    /// # Panics
    /// When a browser's PNG is none.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        let mut decoder = Decoder::new(Cursor::new(&self.png));
        decoder.set_transformations(Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a picture of a screen")];
        let info = reader.next_frame(&mut pixels).expect("a whole PNG");
        let bytes_per_pixel = match info.color_type {
            ColorType::Rgb => 3,
            ColorType::Rgba => 4,
            other => panic!("{other:?} from a browser"),
        };
        // The code is black and white: green is as good as brightness.
        let samples: Vec<u8> = pixels
            .iter()
            .skip(1)
            .step_by(bytes_per_pixel)
            .copied()
            .collect();
        decode(Luma {
            samples: &samples,
            stride: info.width as usize,
            width: info.width as usize,
            height: info.height as usize,
        })
    }
}

impl Tab {
    /// Opens a camera's page by its link.
    #[must_use]
    pub fn open(link: &str) -> Self {
        let mut tab = Self::new();
        tab.go(link);
        tab
    }

    /// Lets the browser's own player play a playlist: a bare `<video>` without
    /// any script.
    #[must_use]
    pub fn play(playlist_url: &str) -> Self {
        let mut tab = Self::new();
        tab.order(&json!({ "command": "play", "url": playlist_url }));
        tab
    }

    /// Plays a playlist with hls.js alone, without the page around it.
    #[must_use]
    pub fn play_hls(playlist_url: &str) -> Self {
        let mut tab = Self::new();
        tab.order(&json!({ "command": "playHls", "url": playlist_url }));
        tab
    }

    fn new() -> Self {
        let mut driver = Command::new("node")
            .arg(repository().join("e2e/browser/tab.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is installed");
        let answers = BufReader::new(driver.stdout.take().expect("it is piped"));
        Self {
            commands: driver.stdin.take(),
            driver,
            answers,
        }
    }

    /// What the tab is like now.
    ///
    /// # Panics
    /// When the browser has gone.
    pub fn look(&mut self) -> Glance {
        self.ask(&json!({ "command": "look" }))
    }

    /// How smooth playback was since the last time this was asked.
    ///
    /// # Panics
    /// When the browser has gone.
    pub fn take_stops(&mut self) -> Stops {
        self.ask(&json!({ "command": "takeStops" }))
    }

    /// Clicks what a CSS selector selects, once it can be clicked.
    ///
    /// # Panics
    /// When it never can.
    pub fn click(&mut self, selector: &str) {
        self.order(&json!({ "command": "click", "selector": selector }));
    }

    /// Presses a key, by its name in a keyboard event.
    pub fn press(&mut self, key: &str) {
        self.order(&json!({ "command": "press", "key": key }));
    }

    /// Goes to another address.
    pub fn go(&mut self, url: &str) {
        self.order(&json!({ "command": "open", "url": url }));
    }

    /// The text or value of what a CSS selector selects, once it is there;
    /// nothing when it is hidden.
    ///
    /// # Panics
    /// When it never is there.
    pub fn read(&mut self, selector: &str) -> String {
        self.ask(&json!({ "command": "read", "selector": selector }))
    }

    /// What axe-core finds wrong with the page, light and dark.
    ///
    /// # Panics
    /// When the browser has gone.
    pub fn audit(&mut self) -> Vec<String> {
        self.ask(&json!({ "command": "audit" }))
    }

    /// Photographs the picture.
    ///
    /// # Panics
    /// When the browser has gone.
    pub fn photograph(&mut self) -> Photograph {
        #[derive(Deserialize)]
        struct Answer {
            png: String,
            before: Glance,
            after: Glance,
        }
        let Answer { png, before, after } = self.ask(&json!({ "command": "photograph" }));
        Photograph {
            png: BASE64_STANDARD
                .decode(png)
                .expect("the driver writes Base64"),
            before,
            after,
        }
    }

    fn order(&mut self, command: &Value) {
        let () = self.ask(command);
    }

    /// The driver bounds how long a command takes; its own words on standard
    /// error say what went wrong.
    fn ask<T: DeserializeOwned>(&mut self, command: &Value) -> T {
        let commands = self.commands.as_mut().expect("open until dropped");
        writeln!(commands, "{command}").expect("the browser's driver runs");
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        assert!(matches!(read, Ok(1..)), "the driver gave up on {command}");
        serde_json::from_str(&line).expect("the driver answers as agreed")
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        // The end of its input.
        self.commands = None;
        let until = Instant::now() + END;
        while Instant::now() < until {
            if !matches!(self.driver.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        // Fails only for a process that is gone, which is the aim.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
