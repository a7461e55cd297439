//! Every bound that both sides rely on, with its unit and its reason.
//!
//! A value belongs here when changing it on one side alone would break the
//! other. Bounds that concern one program only live in that program.

use std::time::Duration;

/// Largest access unit with its header, in bytes. A 1080p keyframe at 25 Mb/s
/// stays below 1 MiB; twice that is room, and still a bound.
pub const MAX_ACCESS_UNIT_BYTES: usize = 2 * 1024 * 1024;

/// Largest JSON message, in bytes. The longest, a check-in with a full black
/// box, is about 8 KiB.
pub const MAX_JSON_BYTES: usize = 32 * 1024;

/// Longest camera name, in characters. It is part of URLs, cookies and files.
pub const MAX_CAMERA_NAME_CHARS: usize = 32;

/// Longest device id, in characters.
pub const MAX_DEVICE_ID_CHARS: usize = 64;

/// Longest human-readable text in a message, in characters.
pub const MAX_TEXT_CHARS: usize = 300;

/// Most black-box entries in one check-in.
pub const MAX_BLACK_BOX_ENTRIES: usize = 32;

/// The service sends a WebSocket ping this often.
pub const PING_INTERVAL: Duration = Duration::from_secs(5);

/// The camera takes a connection for dead after this long without a byte from
/// the service: two pings.
pub const CONNECTION_SILENCE: Duration = Duration::from_secs(10);

/// A camera that delivered a frame within this time holds its name against
/// other devices.
pub const LEASE_ALIVE: Duration = Duration::from_secs(10);

/// A device that was refused because another one holds the name waits this
/// long before it tries again.
pub const NAME_TAKEN_BACKOFF: Duration = Duration::from_secs(60);

/// The service acknowledges published frames about this often.
pub const ACK_INTERVAL: Duration = Duration::from_millis(250);

/// While it streams, the camera reports its health this often; each report
/// also carries one clock exchange.
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(2);

/// While it does not stream, the camera checks in this often.
pub const CHECKIN_INTERVAL: Duration = Duration::from_secs(30);

/// The service says `welcome` and the camera says `hello` within this time
/// after the WebSocket opened.
pub const HELLO_DEADLINE: Duration = Duration::from_secs(10);

/// A segment is cut at the first keyframe this long after its first frame, in
/// microseconds. A little under one second, because a camera whose keyframes
/// come every 0.9999 s would otherwise make segments of two.
pub const MIN_SEGMENT_US: u64 = 900_000;

/// How far a segment may exceed the target duration when no keyframe comes, in
/// microseconds: HLS compares the duration *rounded to the nearest second*
/// (RFC 8216, section 4.3.3.1), and this still rounds down.
pub const SEGMENT_OVERRUN_US: u64 = 450_000;

/// Longest target duration that a camera may announce, in seconds.
pub const MAX_TARGET_DURATION_S: u32 = 10;

/// Highest frame rate that a camera may announce, in frames per second.
pub const MAX_FRAME_RATE_HZ: f64 = 120.0;

/// Largest picture that a camera may announce, in luma samples per side.
pub const MAX_PICTURE_SIDE: u32 = 4096;

/// A run ends before this age: FLV timestamps, in milliseconds, would reach
/// half of their 32 bits.
pub const MAX_RUN_AGE: Duration = Duration::from_secs(24 * 24 * 3600);

/// The camera stores a segment floor this far ahead of the segments it makes,
/// so that it writes its card about once an hour. One segment lasts about one
/// second.
pub const FLOOR_AHEAD_SEGMENTS: u64 = 3600;

/// After a reconnect the camera re-sends at most this much, in microseconds of
/// capture time.
pub const MAX_BACKFILL_US: u64 = 10_000_000;
