//! What `GET /api/cameras/{camera}` and `GET /api/cameras` say, and how a camera's state is judged:
//! a pure function of what is known and the time.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema, schema_for};
use serde::Serialize;
use zerocam_protocol::{
    CameraName, DeviceId, Frame, Run, Segment,
    checkin::{BlackBoxEntry, CameraState, Desired},
    limits::CHECKIN_INTERVAL,
    message::Health,
};

use crate::{cameras::camera::Word, media::RunFormat, text, time::Now};

/// How the cameras are that a visitor may see, by name, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CameraList {
    /// The status of each, as `GET /api/cameras/{camera}` tells it.
    #[schemars(schema_with = "statuses")]
    pub cameras: Vec<Status>,
}

/// How one camera is, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Status {
    /// The camera's name.
    pub camera: CameraName,
    /// Whether there is a picture.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// Age of the newest picture that can be watched, milliseconds.
    pub age_ms: Option<i64>,
    /// The service's clock, Unix milliseconds.
    pub service_time_unix_ms: i64,
    /// The newest picture that can be watched.
    pub newest: Option<NewestPicture>,
    /// The format of the newest run.
    pub video: Option<Video>,
    /// Bits per second of the last complete segment.
    pub bitrate_bps: Option<u64>,
    /// How many watch.
    pub viewers: u32,
    /// When the camera was last heard, by this instance or one before, Unix milliseconds.
    pub last_seen_unix_ms: Option<i64>,
    /// Which device it is.
    pub device: Option<DeviceId>,
    /// What it should do, once anybody said.
    pub desired: Option<Desired>,
    /// Its last figures.
    pub health: Health,
    /// Its last remembered restarts and faults, oldest first.
    pub black_box: Vec<BlackBoxEntry>,
    /// Whether this visitor may start and stop it.
    pub control: bool,
}

/// Whether there is a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The newest picture is younger than 3 s.
    Live,
    /// Silent for 3 to 10 s, or not heard here, but perhaps about to be: the
    /// service has just started, or another instance of it is there.
    Stale,
    /// Silent for longer, or it said goodbye.
    Offline,
}

/// Why a camera is in its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reason {
    /// For programs.
    pub code: ReasonCode,
    /// For people, one line.
    pub text: String,
}

/// For programs: why a camera is in its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// Pictures arrive.
    Live,
    /// Pictures ceased to arrive a moment ago, the service has just started, or
    /// another instance of it is there.
    Stale,
    /// It is connected or about to be; no picture yet.
    Starting,
    /// Its owner stopped it.
    Stopped,
    /// Its sensor or encoder fails.
    CameraFault,
    /// It was shut down.
    ShutDown,
    /// A camera of this name tried with a wrong key.
    KeyRefused,
    /// It vanished without a word.
    NotSeen,
    /// It was not heard since the service started.
    NeverSeen,
}

/// The newest picture that can be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NewestPicture {
    /// Its run.
    pub run: Run,
    /// Its segment.
    pub segment: Segment,
    /// Its number in the run.
    pub frame: Frame,
    /// When it was captured, by the service's clock, Unix milliseconds.
    pub date_unix_ms: i64,
}

/// The format of a run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Video {
    /// RFC 6381 name.
    pub codec: String,
    /// Luma samples across.
    pub width: u32,
    /// Luma samples down.
    pub height: u32,
    /// Nominal frames per second.
    pub frame_rate_hz: f64,
    /// HLS target duration, seconds.
    pub target_duration_s: u32,
}

impl From<&RunFormat> for Video {
    fn from(format: &RunFormat) -> Self {
        Self {
            codec: format.codec.clone(),
            width: format.width,
            height: format.height,
            frame_rate_hz: format.frame_rate_hz,
            target_duration_s: format.target_duration_s,
        }
    }
}

impl Status {
    /// A camera of which nothing is known.
    #[must_use]
    pub fn unknown(camera: CameraName, now: Now) -> Self {
        let (state, reason) = judge(&Facts::default(), now);
        Self {
            camera,
            state,
            reason,
            age_ms: None,
            service_time_unix_ms: now.unix_ms(),
            newest: None,
            video: None,
            bitrate_bps: None,
            viewers: 0,
            last_seen_unix_ms: None,
            device: None,
            desired: None,
            health: Health::default(),
            black_box: Vec::new(),
            control: false,
        }
    }
}

/// What a camera's state is judged by. Times are Unix microseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// When the newest picture that can be watched was captured.
    pub newest_unix_us: Option<i64>,
    /// When the camera was last heard.
    pub last_seen_unix_us: Option<i64>,
    /// It was heard by another instance.
    pub remembered: bool,
    /// Whether a connection is open.
    pub connected: bool,
    /// What it last said of its state.
    pub word: Option<Word>,
    /// When a wrong key was last used under its name.
    pub key_refused_unix_us: Option<i64>,
    /// Why pictures that arrive cannot be shown.
    pub fault: Option<String>,
    /// Its last Wi-Fi signal.
    pub wifi_signal_dbm: Option<i32>,
    /// The service is too young to know whether a camera that it has not heard
    /// is there: it may be on its way from another instance.
    pub just_started: bool,
    /// A camera that is not here may feed another instance of the service.
    pub has_sibling: bool,
}

/// What viewers are told who may have come to the wrong instance.
pub const ELSEWHERE: &str = "another instance of this service may have the camera: the owner \
                             should run a single one (--max-instances 1)";

const SECOND_US: i64 = 1_000_000;
const STALE_AFTER_US: i64 = 3 * SECOND_US;
const OFFLINE_AFTER_US: i64 = 10 * SECOND_US;

/// A camera that stops sending also says so; a picture dated this much after
/// that shows that it sends again.
const DATE_ERROR_US: i64 = SECOND_US;

/// A camera that is neither streaming nor checking in for this long is gone:
/// three missed check-ins.
const MISSING_AFTER_US: i64 = 3 * SECOND_US * CHECKIN_INTERVAL.as_secs().cast_signed();

/// A camera that was remembered for the last time this long ago may have streamed
/// until just now.
const EXPECTED_WITHIN_US: i64 = 15 * 60 * SECOND_US;

/// Judges a camera's state.
#[must_use]
pub fn judge(facts: &Facts, now: Now) -> (State, Reason) {
    let since = |unix_us: i64| now.unix_us.saturating_sub(unix_us).max(0);
    let silence = facts.last_seen_unix_us.map(since);
    let missing = silence.is_none_or(|silence| silence > MISSING_AFTER_US);
    let picture_age = facts.newest_unix_us.map(since);

    if let Some((word, code, text)) = facts.ending_word() {
        // After a shutdown nothing more is expected.
        if !missing || word.state == CameraState::ShuttingDown {
            return (State::Offline, reason(code, &word.reason, text));
        }
        return facts.absent(silence);
    }
    let fault = facts
        .fault
        .as_ref()
        .map(|fault| format!("the service cannot show what the camera sends: {fault}"));
    let why = |otherwise: String| fault.clone().unwrap_or(otherwise);
    match picture_age {
        Some(age) if age < STALE_AFTER_US => {
            return (State::Live, reason(ReasonCode::Live, "", "live"));
        }
        Some(age) if age < OFFLINE_AFTER_US => {
            let text = why(format!("no picture for {}", seconds(age)));
            return (State::Stale, reason(ReasonCode::Stale, "", &text));
        }
        _ => {}
    }
    if facts.connected {
        let text = why("connected, no picture yet".to_owned());
        return (State::Offline, reason(ReasonCode::Starting, "", &text));
    }
    if let Some(word) = &facts.word
        && word.state == CameraState::Starting
        && !missing
    {
        let text = match word.reason.as_str() {
            "" => "starting".to_owned(),
            why => format!("starting: {why}"),
        };
        return (State::Offline, reason(ReasonCode::Starting, "", &text));
    }
    // A remembered camera that was there a moment ago may be on its way, too.
    let expected = silence.is_none_or(|silence| facts.remembered && silence < EXPECTED_WITHIN_US);
    let is_awaited = expected && facts.key_refused_unix_us.is_none();
    if facts.just_started && is_awaited && !facts.has_sibling {
        let text = "the service has just started and waits for the camera";
        return (State::Stale, reason(ReasonCode::Stale, "", text));
    }
    facts.absent(silence)
}

impl Facts {
    /// What the camera said when it ceased to send, unless newer pictures show
    /// that it sends again.
    fn ending_word(&self) -> Option<(&Word, ReasonCode, &'static str)> {
        let word = self.word.as_ref()?;
        let (code, text) = match word.state {
            CameraState::Stopped => (ReasonCode::Stopped, "stopped"),
            CameraState::CameraFault => (ReasonCode::CameraFault, "the camera has a fault"),
            CameraState::ShuttingDown => (ReasonCode::ShutDown, "shut down"),
            CameraState::Streaming | CameraState::Starting => return None,
        };
        let newer = self
            .newest_unix_us
            .is_some_and(|newest| newest > word.at_unix_us.saturating_add(DATE_ERROR_US));
        (!newer).then_some((word, code, text))
    }

    fn absent(&self, silence: Option<i64>) -> (State, Reason) {
        let is_refused = self.key_refused_unix_us > self.last_seen_unix_us;
        if self.has_sibling && !is_refused {
            return (State::Stale, reason(ReasonCode::Stale, "", ELSEWHERE));
        }
        (State::Offline, self.why_absent(silence))
    }

    fn why_absent(&self, silence: Option<i64>) -> Reason {
        if self.key_refused_unix_us > self.last_seen_unix_us {
            let text =
                "a camera of this name tries with a wrong key: check the key in its zerocam.toml";
            return reason(ReasonCode::KeyRefused, "", text);
        }
        let Some(silence) = silence else {
            let text = "this camera was not seen since the service started";
            return reason(ReasonCode::NeverSeen, "", text);
        };
        let signal = self
            .wifi_signal_dbm
            .map_or_else(String::new, |dbm| format!(", last signal {dbm} dBm"));
        let text = format!("not seen for {}{signal}", seconds(silence));
        reason(ReasonCode::NotSeen, "", &text)
    }
}

/// The camera's own words, or ours when it gave none.
fn reason(code: ReasonCode, own: &str, ours: &str) -> Reason {
    let text = if own.is_empty() { ours } else { own };
    Reason {
        code,
        text: text.to_owned(),
    }
}

fn seconds(microseconds: i64) -> String {
    text::duration((microseconds / SECOND_US).unsigned_abs())
}

/// The JSON schemas of this module, as docs/ holds them: file name and text.
#[must_use]
pub fn schemas() -> [(&'static str, String); 2] {
    let text = |schema: Schema| {
        let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
        text.push('\n');
        text
    };
    [
        ("status.schema.json", text(schema_for!(Status))),
        ("cameras.schema.json", text(schema_for!(CameraList))),
    ]
}

fn statuses(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "$ref": "status.schema.json" } })
}

#[cfg(test)]
mod tests;
