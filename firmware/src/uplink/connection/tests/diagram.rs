//! The connection's diagram as a table.

/// Every state, with the events that lead there.
pub(super) const STATES: [(&str, &str); 9] = [
    ("idle", ""),
    ("connecting", "start"),
    ("awaiting welcome", "start, connected 1"),
    ("streaming", "start, connected 1, welcomed 1"),
    ("waiting", "start, lost 1"),
    (
        "streaming, next connecting",
        "start, connected 1, welcomed 1, move 1",
    ),
    (
        "streaming, next awaiting welcome",
        "start, connected 1, welcomed 1, move 1, connected 2",
    ),
    (
        "streaming, next streaming",
        "start, connected 1, welcomed 1, move 1, connected 2, welcomed 2",
    ),
    (
        "streaming, next waiting",
        "start, connected 1, welcomed 1, move 1, lost 2",
    ),
];

pub(super) const EVENTS: [&str; 22] = [
    "start",
    "stop",
    "connected 1",
    "greeted 1",
    "welcomed 1",
    "heard 1",
    "blocked 1",
    "progress 1",
    "move 1",
    "lost 1",
    "connected 2",
    "greeted 2",
    "welcomed 2",
    "heard 2",
    "blocked 2",
    "progress 2",
    "move 2",
    "lost 2",
    "key refused 1",
    "border",
    "border, ready",
    "deadline",
];

/// The diagram: state, event, the state after it, and what is done. Every pair
/// that is not listed changes nothing and does nothing.
pub(super) const TRANSITIONS: &[(&str, &str, &str, &[&str])] = &[
    (
        "idle",
        "start",
        "connecting",
        &["connect 1", "connecting, attempt 1: connecting"],
    ),
    ("connecting", "stop", "idle", &["abandon 1", "idle: enough"]),
    ("connecting", "connected 1", "awaiting welcome", &[]),
    ("connecting", "lost 1", "waiting", &["waiting: cable cut"]),
    (
        "connecting",
        "key refused 1",
        "waiting",
        &["key refused: wrong key", "waiting: wrong key"],
    ),
    (
        "connecting",
        "deadline",
        "waiting",
        &[
            "abandon 1",
            "waiting: connecting takes too long: check the network and its name server",
        ],
    ),
    (
        "awaiting welcome",
        "stop",
        "idle",
        &["leave 1: enough", "idle: enough"],
    ),
    (
        "awaiting welcome",
        "welcomed 1",
        "streaming",
        &["connected: connected"],
    ),
    (
        "awaiting welcome",
        "lost 1",
        "waiting",
        &["waiting: cable cut"],
    ),
    (
        "awaiting welcome",
        "key refused 1",
        "waiting",
        &["key refused: wrong key", "waiting: wrong key"],
    ),
    (
        "awaiting welcome",
        "deadline",
        "waiting",
        &[
            "abandon 1",
            "waiting: the camera delivers no pictures to send",
        ],
    ),
    (
        "streaming",
        "stop",
        "idle",
        &["leave 1: enough", "idle: enough"],
    ),
    (
        "streaming",
        "move 1",
        "streaming, next connecting",
        &["connect 2"],
    ),
    ("streaming", "lost 1", "waiting", &["waiting: cable cut"]),
    (
        "streaming",
        "key refused 1",
        "waiting",
        &["key refused: wrong key", "waiting: wrong key"],
    ),
    (
        "streaming",
        "deadline",
        "waiting",
        &[
            "abandon 1",
            "waiting: the service has fallen silent: check the network",
        ],
    ),
    ("waiting", "stop", "idle", &["idle: enough"]),
    (
        "waiting",
        "deadline",
        "connecting",
        &["connect 2", "connecting, attempt 2: connecting again"],
    ),
    (
        "streaming, next connecting",
        "stop",
        "idle",
        &["leave 1: enough", "abandon 2", "idle: enough"],
    ),
    (
        "streaming, next connecting",
        "connected 2",
        "streaming, next awaiting welcome",
        &[],
    ),
    (
        "streaming, next connecting",
        "lost 2",
        "streaming, next waiting",
        &["connected: the next connection failed: cable cut"],
    ),
    // The line's silence is the nearest deadline.
    (
        "streaming, next connecting",
        "deadline",
        "connecting",
        &[
            "abandon 1",
            "connecting, attempt 2: the service has fallen silent: check the network",
        ],
    ),
    (
        "streaming, next connecting",
        "lost 1",
        "connecting",
        &["connecting, attempt 2: cable cut"],
    ),
    (
        "streaming, next connecting",
        "key refused 1",
        "connecting",
        &["key refused: wrong key", "connecting, attempt 2: wrong key"],
    ),
    (
        "streaming, next awaiting welcome",
        "stop",
        "idle",
        &["leave 1: enough", "leave 2: enough", "idle: enough"],
    ),
    (
        "streaming, next awaiting welcome",
        "welcomed 2",
        "streaming, next streaming",
        &[],
    ),
    (
        "streaming, next awaiting welcome",
        "lost 2",
        "streaming, next waiting",
        &["connected: the next connection failed: cable cut"],
    ),
    (
        "streaming, next awaiting welcome",
        "lost 1",
        "awaiting welcome",
        &["connecting, attempt 2: cable cut"],
    ),
    (
        "streaming, next awaiting welcome",
        "key refused 1",
        "awaiting welcome",
        &["key refused: wrong key", "connecting, attempt 2: wrong key"],
    ),
    // Both deadlines are ten seconds away; the successor's is seen first.
    (
        "streaming, next awaiting welcome",
        "deadline",
        "waiting",
        &[
            "abandon 2",
            "connected: the next connection failed: the camera delivers no pictures to send",
            "abandon 1",
            "waiting: the service has fallen silent: check the network",
        ],
    ),
    (
        "streaming, next streaming",
        "stop",
        "idle",
        &["leave 1: enough", "leave 2: enough", "idle: enough"],
    ),
    (
        "streaming, next streaming",
        "border, ready",
        "streaming",
        &["hand over 1 to 2", "connected: moved to a new connection"],
    ),
    (
        "streaming, next streaming",
        "lost 1",
        "streaming",
        &["connected: cable cut"],
    ),
    (
        "streaming, next streaming",
        "key refused 1",
        "streaming",
        &["key refused: wrong key", "connected: wrong key"],
    ),
    (
        "streaming, next streaming",
        "lost 2",
        "streaming, next waiting",
        &["connected: the next connection failed: cable cut"],
    ),
    (
        "streaming, next streaming",
        "deadline",
        "waiting",
        &[
            "abandon 2",
            "connected: the next connection failed: the service has fallen silent: check the network",
            "abandon 1",
            "waiting: the service has fallen silent: check the network",
        ],
    ),
    (
        "streaming, next waiting",
        "stop",
        "idle",
        &["leave 1: enough", "idle: enough"],
    ),
    (
        "streaming, next waiting",
        "lost 1",
        "waiting",
        &["waiting: cable cut"],
    ),
    (
        "streaming, next waiting",
        "key refused 1",
        "waiting",
        &["key refused: wrong key", "waiting: wrong key"],
    ),
    (
        "streaming, next waiting",
        "deadline",
        "streaming, next connecting",
        &["connect 3"],
    ),
];
