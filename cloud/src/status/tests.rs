use std::time::Instant;

use super::*;

const NOW: i64 = 1_790_000_000 * SECOND_US;

fn ago(seconds: i64) -> Option<i64> {
    Some(NOW - seconds * SECOND_US)
}

fn word(state: CameraState, reason: &str, seconds_ago: i64) -> Option<Word> {
    Some(Word {
        state,
        reason: reason.into(),
        at_unix_us: NOW - seconds_ago * SECOND_US,
    })
}

#[test]
fn judgement() {
    use CameraState::{CameraFault, ShuttingDown, Starting, Stopped, Streaming};
    let nothing = Facts::default;
    let streaming = |silent_s| Facts {
        newest_unix_us: ago(silent_s),
        last_seen_unix_us: ago(silent_s),
        connected: true,
        word: word(Streaming, "", 600),
        ..nothing()
    };
    let said = |word: Option<Word>, seen_s| Facts {
        newest_unix_us: ago(seen_s + 1),
        last_seen_unix_us: ago(seen_s),
        word,
        ..nothing()
    };
    let table: Vec<(Facts, &str)> = vec![
        (
            nothing(),
            "Offline NeverSeen this camera was not seen since the service started",
        ),
        (
            Facts {
                just_started: true,
                ..nothing()
            },
            "Stale Stale the service has just started and waits for the camera",
        ),
        (
            Facts {
                just_started: true,
                key_refused_unix_us: ago(1),
                ..nothing()
            },
            "Offline KeyRefused a camera of this name tries with a wrong key: check the key in its zerocam.toml",
        ),
        (
            Facts {
                just_started: true,
                connected: false,
                ..streaming(10)
            },
            "Offline NotSeen not seen for 10 s",
        ),
        (
            Facts {
                just_started: true,
                remembered: true,
                connected: false,
                ..streaming(600)
            },
            "Stale Stale the service has just started and waits for the camera",
        ),
        (
            Facts {
                just_started: true,
                remembered: true,
                connected: false,
                wifi_signal_dbm: Some(-82),
                ..streaming(86_400)
            },
            "Offline NotSeen not seen for 24 h, last signal -82 dBm",
        ),
        (streaming(0), "Live Live live"),
        (streaming(-5), "Live Live live"),
        (streaming(2), "Live Live live"),
        (streaming(3), "Stale Stale no picture for 3 s"),
        (streaming(9), "Stale Stale no picture for 9 s"),
        (streaming(10), "Offline Starting connected, no picture yet"),
        (
            Facts {
                connected: false,
                wifi_signal_dbm: Some(-82),
                ..streaming(300)
            },
            "Offline NotSeen not seen for 5 min, last signal -82 dBm",
        ),
        (
            Facts {
                connected: false,
                ..streaming(40)
            },
            "Offline NotSeen not seen for 40 s",
        ),
        (
            Facts {
                connected: true,
                last_seen_unix_us: ago(0),
                ..nothing()
            },
            "Offline Starting connected, no picture yet",
        ),
        (
            Facts {
                fault: Some("ffmpeg is gone".into()),
                ..streaming(20)
            },
            "Offline Starting the service cannot show what the camera sends: ffmpeg is gone",
        ),
        (
            said(word(Stopped, "stopped by its button", 0), 0),
            "Offline Stopped stopped by its button",
        ),
        (said(word(Stopped, "", 60), 60), "Offline Stopped stopped"),
        (
            said(word(Stopped, "", 91), 91),
            "Offline NotSeen not seen for 91 s",
        ),
        (
            said(word(CameraFault, "", 1), 1),
            "Offline CameraFault the camera has a fault",
        ),
        (
            said(word(ShuttingDown, "", 86_400), 86_400),
            "Offline ShutDown shut down",
        ),
        (
            said(word(Starting, "", 20), 20),
            "Offline Starting starting",
        ),
        (
            said(word(Starting, "it was started before", 20), 20),
            "Offline Starting starting: it was started before",
        ),
        (
            said(word(Starting, "", 100), 100),
            "Offline NotSeen not seen for 100 s",
        ),
        // A check-in that arrived late does not hide a picture.
        (
            Facts {
                word: word(Stopped, "", 5),
                ..streaming(0)
            },
            "Live Live live",
        ),
        (
            Facts {
                key_refused_unix_us: ago(5),
                ..nothing()
            },
            "Offline KeyRefused a camera of this name tries with a wrong key: check the key in its zerocam.toml",
        ),
        (
            Facts {
                key_refused_unix_us: ago(5),
                ..streaming(0)
            },
            "Live Live live",
        ),
        (
            Facts {
                key_refused_unix_us: ago(50),
                connected: false,
                ..streaming(20)
            },
            "Offline NotSeen not seen for 20 s",
        ),
        (
            Facts {
                has_sibling: true,
                ..nothing()
            },
            "Stale Stale another instance of this service may have the camera: the owner \
             should run a single one (--max-instances 1)",
        ),
        (
            Facts {
                has_sibling: true,
                ..streaming(0)
            },
            "Live Live live",
        ),
        (
            Facts {
                has_sibling: true,
                key_refused_unix_us: ago(5),
                ..nothing()
            },
            "Offline KeyRefused a camera of this name tries with a wrong key: check the key in its zerocam.toml",
        ),
    ];
    let now = Now {
        monotonic: Instant::now(),
        unix_us: NOW,
    };
    for (facts, expected) in table {
        let (state, reason) = judge(&facts, now);
        let judged = format!("{state:?} {:?} {}", reason.code, reason.text);
        assert_eq!(judged, expected, "{facts:?}");
    }
}
