use proptest::prelude::*;
use zerocam_protocol::checkin::CameraState;

use super::*;

const NOW_US: i64 = 1_790_000_000 * SECOND_US;

fn now() -> Now {
    Now {
        unix_us: NOW_US,
        ..Now::read()
    }
}

fn name(text: &str) -> CameraName {
    text.parse().unwrap()
}

fn link(id: &str, expires_unix_s: Option<u64>) -> Link {
    Link {
        id: id.into(),
        expires_unix_s,
    }
}

fn entry(text: &str) -> BlackBoxEntry {
    BlackBoxEntry {
        unix_s: None,
        text: text.into(),
    }
}

/// Seen that many seconds ago.
fn seen(seconds: i64) -> LastSeen {
    LastSeen {
        at_unix_us: NOW_US - seconds * SECOND_US,
        device: Some("dev-a".parse().unwrap()),
        word: Some(Word {
            state: CameraState::Stopped,
            reason: "stopped by its button".into(),
            at_unix_us: NOW_US - seconds * SECOND_US,
        }),
        health: Health {
            wifi_signal_dbm: Some(-82),
            cpu_percent: Some(12.3),
            ..Health::default()
        },
        black_box: vec![entry("power lost")],
    }
}

#[test]
fn golden_text() {
    let mut document = Document::default();
    let garden = name("garden");
    document.replace_key(&garden).unwrap();
    document.end_link(&garden, &link("x7Kq2m", None)).unwrap();
    document
        .end_link(&garden, &link("y", Some(1_790_000_000)))
        .unwrap();
    document.note(&garden, seen(0)).unwrap();
    let json = concat!(
        r#"{"version":1,"cameras":{"garden":{"key_generation":2,"#,
        r#""ended_links":{"x7Kq2m":null,"y":1790000000},"#,
        r#""last_seen":{"at_unix_us":1790000000000000,"device":"dev-a","#,
        r#""word":{"state":"stopped","reason":"stopped by its button","at_unix_us":1790000000000000},"#,
        r#""health":{"wifi_signal_dbm":-82,"cpu_percent":12.3},"#,
        r#""black_box":[{"text":"power lost"}]}}}}"#,
    );
    assert_eq!(String::from_utf8(document.to_json()).unwrap(), json);
    assert_eq!(Document::parse(json.as_bytes()), Ok(document));
}

#[test]
fn what_cannot_be_read() {
    let parse = |json: &str| Document::parse(json.as_bytes()).unwrap_err();
    assert_eq!(parse(r#"{"version":2,"more":[]}"#), Unreadable::Newer(2));
    for damaged in [
        "",
        "[]",
        "{}",
        r#"{"version":1}"#,
        r#"{"version":1,"cameras":{},"more":1}"#,
        r#"{"version":1,"cameras":{"Not A Name":{"key_generation":1}}}"#,
        r#"{"version":1,"cameras":{"garden":{"key_generation":1,"ended":{}}}}"#,
        r#"{"version":1,"cameras":{"garden":{"key_gener"#,
    ] {
        let unreadable = parse(damaged);
        assert!(
            matches!(unreadable, Unreadable::Damaged(_)),
            "{unreadable:?}"
        );
    }
}

#[test]
fn what_is_permitted() {
    let garden = name("garden");
    let grant = |camera: &str, right| Grant {
        camera: name(camera),
        right,
    };
    let mut document = Document::default();
    assert_eq!(document.end_link(&garden, &link("a", None)), Ok(true));
    assert_eq!(document.end_link(&garden, &link("a", None)), Ok(false));
    assert_eq!(document.replace_key(&garden), Ok(2));
    let feed = |generation| Right::Feed { generation };
    let table = [
        ("garden", feed(1), Err(Denied::KeyReplaced)),
        ("garden", feed(2), Ok(())),
        // Made while nothing was remembered.
        ("garden", feed(3), Ok(())),
        ("door", feed(1), Ok(())),
        (
            "garden",
            Right::View(link("a", None)),
            Err(Denied::LinkEnded),
        ),
        // The same link, passed on or with another end.
        (
            "garden",
            Right::Control(link("a", Some(1))),
            Err(Denied::LinkEnded),
        ),
        ("garden", Right::View(link("b", None)), Ok(())),
        ("door", Right::View(link("a", None)), Ok(())),
        ("garden", Right::Manage(link("a", Some(1))), Ok(())),
    ];
    for (camera, right, expected) in table {
        let grant = grant(camera, right);
        assert_eq!(document.permit(&grant), expected, "{grant}");
    }
}

#[test]
fn what_is_forgotten() {
    const NOW_S: u64 = 1_790_000_000;
    const DAY_S: u64 = 86_400;
    let mut document = Document::default();
    let garden = name("garden");
    for (id, end) in [
        ("gone", Some(NOW_S - DAY_S - 1)),
        ("just", Some(NOW_S - DAY_S)),
        ("later", Some(u64::MAX)),
        ("never", None),
    ] {
        document.end_link(&garden, &link(id, end)).unwrap();
    }
    let year = 401 * 86_400;
    document.note(&name("old"), seen(year)).unwrap();
    document.note(&name("replaced"), seen(year)).unwrap();
    document.replace_key(&name("replaced")).unwrap();
    document.note(&name("recent"), seen(year / 2)).unwrap();
    document.forget(now());
    let left: Vec<&str> = document.cameras.keys().map(CameraName::as_str).collect();
    assert_eq!(left, ["garden", "recent", "replaced"]);
    let left: Vec<&String> = document.cameras[&garden].ended_links.keys().collect();
    assert_eq!(left, ["just", "later", "never"]);
}

#[test]
fn it_is_bounded() {
    let mut document = Document::default();
    let garden = name("garden");
    for number in 0..MOST_ENDED_LINKS {
        let link = link(&number.to_string(), None);
        document.end_link(&garden, &link).unwrap();
    }
    assert_eq!(document.end_link(&garden, &link("x", None)), Err(Full));
    assert_eq!(document.end_link(&garden, &link("0", None)), Ok(false));
    for number in 1..MOST_CAMERAS {
        let mut seen = seen(0);
        seen.black_box = vec![entry(&"x".repeat(200)); MAX_BLACK_BOX_ENTRIES];
        document
            .note(&name(&format!("cam-{number}")), seen)
            .unwrap();
    }
    assert_eq!(document.note(&name("door"), seen(0)), Err(Full));
    assert_eq!(document.replace_key(&name("door")), Err(Full));
    assert_eq!(document.replace_key(&garden), Ok(2));
    let bytes = document.to_json().len();
    assert!(bytes < MAX_BYTES, "{bytes}");
}

#[test]
fn what_is_news() {
    let known = seen(300);
    let at = |seconds: i64| LastSeen {
        at_unix_us: NOW_US - seconds * SECOND_US,
        ..known.clone()
    };
    let said = |state, reason: &str| LastSeen {
        word: Some(Word {
            state,
            reason: reason.into(),
            at_unix_us: NOW_US,
        }),
        ..at(0)
    };
    let fault = LastSeen {
        black_box: vec![entry("power lost"), entry("camera unplugged")],
        ..at(0)
    };
    let warmer = LastSeen {
        health: Health {
            temperature_celsius: Some(50.0),
            ..Health::default()
        },
        ..at(0)
    };
    let table = [
        (known.clone(), false, "nothing was heard since"),
        (at(0), false, "five minutes later, and there may be more"),
        (at(61), true, "and silent since"),
        (
            LastSeen {
                at_unix_us: NOW_US + 300 * SECOND_US,
                ..known.clone()
            },
            true,
            "ten minutes later",
        ),
        (
            said(CameraState::Stopped, "stopped by its button"),
            false,
            "the same again",
        ),
        (
            said(CameraState::Stopped, "stopped from the page"),
            true,
            "another reason",
        ),
        (
            said(CameraState::Streaming, "stopped by its button"),
            true,
            "another state",
        ),
        (
            LastSeen {
                device: None,
                ..at(0)
            },
            true,
            "another device",
        ),
        (fault, true, "an entry in its black box"),
        (warmer, false, "figures alone"),
    ];
    for (seen, expected, why) in table {
        assert_eq!(seen.is_news(Some(&known), now()), expected, "{why}");
    }
    assert!(known.is_news(None, now()));
}

#[test]
fn black_boxes_continue() {
    let read = |text: &str| -> Vec<BlackBoxEntry> {
        text.chars()
            .map(|letter| entry(&letter.to_string()))
            .collect()
    };
    for (known, own, expected) in [
        ("", "", ""),
        ("abc", "", "abc"),
        ("", "abc", "abc"),
        ("ab", "cd", "abcd"),
        ("abc", "bcd", "abcd"),
        ("abc", "abc", "abc"),
        ("abb", "bb", "abb"),
        ("bcd", "abcd", "bcdabcd"),
    ] {
        assert_eq!(
            continued(&read(known), &read(own)),
            read(expected),
            "{known} {own}"
        );
    }
    let long = vec![entry("x"); MAX_BLACK_BOX_ENTRIES];
    let all = continued(&long, &read("ab"));
    assert_eq!(all.len(), MAX_BLACK_BOX_ENTRIES);
    assert!(all.ends_with(&read("ab")));
}

fn documents() -> impl Strategy<Value = Document> {
    let ids = prop::collection::btree_map("[ab]", prop::option::of(0..4_u64), 0..3);
    let seen = (0..3_i64, "[xy]?").prop_map(|(at_unix_us, reason)| LastSeen {
        at_unix_us,
        health: Health {
            cpu_percent: Some(0.1 + at_unix_us as f32 / 3.0),
            ..Health::default()
        },
        black_box: vec![entry(&reason)],
        ..seen(0)
    });
    let camera = (1..4_u32, ids, prop::option::of(seen));
    let camera = camera.prop_map(|(key_generation, ended_links, last_seen)| Remembered {
        key_generation,
        ended_links,
        last_seen,
    });
    let names = "[pq]".prop_map(|text| name(&text));
    prop::collection::btree_map(names, camera, 0..3).prop_map(|cameras| Document { cameras })
}

fn joined(a: &Document, b: &Document) -> Document {
    let mut both = a.clone();
    both.join(b.clone());
    both
}

#[test]
fn a_link_stays_ended_until_the_last_of_its_id_is_over() {
    let (garden, now) = (name("garden"), Now::read());
    let over = now.unix_s() - 2 * FORGET_LINK_AFTER_S;
    let mut document = Document::default();
    assert_eq!(document.end_link(&garden, &link("a", Some(over))), Ok(true));
    assert_eq!(document.end_link(&garden, &link("a", None)), Ok(false));
    document.forget(now);
    assert!(document.has_ended(&garden, &link("a", None)));
}

proptest! {
    #[test]
    fn a_join_knows_no_order(a in documents(), b in documents(), c in documents()) {
        prop_assert_eq!(joined(&a, &b), joined(&b, &a));
        prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
        prop_assert_eq!(joined(&a, &a), a);
    }

    #[test]
    fn a_join_revokes_all_that_either_revokes(a in documents(), b in documents()) {
        let both = joined(&a, &b);
        for camera in ["p", "q"].map(name) {
            for id in ["a", "b"] {
                let link = link(id, None);
                let either = a.has_ended(&camera, &link) || b.has_ended(&camera, &link);
                prop_assert_eq!(both.has_ended(&camera, &link), either);
            }
            let newest = a.key_generation(&camera).max(b.key_generation(&camera));
            prop_assert_eq!(both.key_generation(&camera), newest);
        }
    }

    #[test]
    fn what_is_written_is_read(document in documents()) {
        prop_assert_eq!(Document::parse(&document.to_json()), Ok(document));
    }

    #[test]
    fn a_changed_byte_is_refused_or_read_for_what_it_says(
        document in documents(),
        place: prop::sample::Index,
        byte in b' '..=b'~',
    ) {
        let mut json = document.to_json();
        let place = place.index(json.len());
        json[place] = byte;
        if let Ok(read) = Document::parse(&json) {
            prop_assert_eq!(Document::parse(&read.to_json()), Ok(read));
        }
    }
}
