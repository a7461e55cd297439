use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Stream {
    bitrate_bps: u32,
    #[serde(default)]
    name: String,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Config {
    stream: Stream,
}

fn read(text: &str) -> Result<Config, String> {
    parse(text, Path::new("zerocam.toml")).map_err(|error| error.to_string())
}

#[test]
fn a_file_from_any_editor() {
    let plain = "# my camera\r\n[stream]\r\nbitrate_bps = 5\r\nname = \"caf\u{e9}\"\r\n";
    let marked = format!("\u{feff}{plain}");
    let utf16 = |bytes: fn(u16) -> [u8; 2]| marked.encode_utf16().flat_map(bytes).collect();
    let files: [Vec<u8>; 6] = [
        plain.into(),
        marked.clone().into(),
        format!("{plain}\0\0\0").into(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
        plain.replace("\r\n", "\n").into(),
    ];
    for file in files {
        let stream = Stream {
            bitrate_bps: 5,
            name: "caf\u{e9}".into(),
        };
        let text = decode(&file).unwrap();
        assert_eq!(read(&text), Ok(Config { stream }), "{file:?}");
    }
}

#[test]
fn typographic_quotes_are_shown_and_never_changed() {
    for (line, quote, column, straight) in [
        ("name = \u{2018}pass\u{2019}", '\u{2018}', 8, '\''),
        ("name = \u{201c}pass\u{201d}", '\u{201c}', 8, '"'),
        ("name = \u{201e}pass\u{201c}", '\u{201e}', 8, '"'),
        ("name = \"pass\u{201d}", '\u{201d}', 13, '"'),
        ("name = \"p\u{e9}ss\u{201d} # it", '\u{201d}', 13, '"'),
        ("name = 'pass\u{2019}", '\u{2019}', 13, '\''),
        ("name = \u{201c}pass\"", '\u{201c}', 8, '"'),
    ] {
        for end in ["\n", "\r\n"] {
            let text = format!("[stream]{end}bitrate_bps = 5{end}{line}{end}");
            let expected = format!(
                "zerocam.toml, line 3: {quote} in column {column} is a typographic quote: type a straight one, {straight}"
            );
            assert_eq!(read(&text), Err(expected));
        }
    }
    for name in [
        "\"the \u{201c}big\u{201d} one\"",
        "'the \u{201c}big\u{201d} one'",
    ] {
        let text = format!("[stream]\nbitrate_bps = 5\nname = {name}\n");
        let read = read(&text).unwrap().stream.name;
        assert_eq!(read, "the \u{201c}big\u{201d} one");
    }
    let text = "[stream]\nbitrate_bps = 5\nname = \"it\u{2019}s\" x\n";
    assert!(!read(text).unwrap_err().contains("typographic"));
}

#[test]
fn errors_name_file_line_and_remedy() {
    let table = [
        (
            "[stream]\n\nbitrate_pbs = 5\n",
            "zerocam.toml, line 3: there is no key `bitrate_pbs` here; did you mean `bitrate_bps`?",
        ),
        (
            "[stream]\nbitrate_bps = 5\nq = 1\n",
            "zerocam.toml, line 3: there is no key `q` here; known are `bitrate_bps` or `name`",
        ),
        (
            "[stream]\nbitrate_bps = \"fast\"\n",
            "zerocam.toml, line 2: `bitrate_bps` cannot be \"fast\"; write a whole number from 0 to 4294967295, such as 25, without quotes",
        ),
        (
            "stream = { name = \"x\", bitrate_bps = -5 }\n",
            "zerocam.toml, line 1: `bitrate_bps` cannot be -5; write a whole number from 0 to 4294967295, such as 25",
        ),
        (
            "[stream]\nbitrate_bps = 5\nname = 7\n",
            "zerocam.toml, line 3: `name` cannot be 7; write text between quotes (\")",
        ),
        (
            "[stream]\nbitrate_bps = 5\nname = [\n7]\n",
            "zerocam.toml, line 3: `name` cannot be a list; write text between quotes (\")",
        ),
        (
            "[stream]\nname = \"x\"\n",
            "zerocam.toml, line 1: missing field `bitrate_bps`",
        ),
    ];
    for (text, message) in table {
        assert_eq!(read(text), Err(message.to_owned()));
    }
    let syntax = read("[stream]\nbitrate_bps = \n").unwrap_err();
    assert!(syntax.starts_with("zerocam.toml, line 2: "), "{syntax}");
}

#[test]
fn values_of_another_kind_are_told_in_words() {
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Method {
        None,
        WpaWpa2Personal,
        Wpa2Personal,
        Wpa2Wpa3Personal,
    }
    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Values {
        listen: Option<std::net::SocketAddr>,
        method: Option<Method>,
        on: bool,
        rate_hz: f64,
        cameras: usize,
        degrees: u16,
    }
    let listen =
        "numbers, not a name, such as \"0.0.0.0:8080\" for all networks or \"127.0.0.1:8080\"";
    let table = [
        (
            "listen = \"localhost:8080\"",
            &format!("`listen` is no address with a port; write {listen}")[..],
        ),
        (
            "listen = 8080",
            &format!("`listen` cannot be 8080; write {listen}"),
        ),
        (
            "method = \"wpa2\"",
            "`method` cannot be `wpa2`; did you mean `wpa2_personal`?",
        ),
        (
            "method = \"nnoe\"",
            "`method` cannot be `nnoe`; did you mean `none`?",
        ),
        (
            "method = \"wep\"",
            "`method` cannot be `wep`; known are `none`, `wpa_wpa2_personal`, `wpa2_personal`, `wpa2_wpa3_personal`",
        ),
        ("on = 1", "`on` cannot be 1; write true or false"),
        (
            "on = \"true\"",
            "`on` cannot be \"true\"; write true or false, without quotes",
        ),
        (
            "rate_hz = \"25\"",
            "`rate_hz` cannot be \"25\"; write a number, such as 1.5, without quotes",
        ),
        (
            "cameras = 1.5",
            "`cameras` cannot be 1.5; write a whole number, 0 or more, such as 25",
        ),
        (
            "degrees = 99999",
            "`degrees` cannot be 99999; write a whole number from 0 to 65535, such as 25",
        ),
    ];
    for (text, message) in table {
        let error = parse::<Values>(text, Path::new("x.toml")).unwrap_err();
        assert_eq!(error.to_string(), format!("x.toml, line 1: {message}"));
    }
}

#[test]
fn all_problems_are_told_in_the_order_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("zerocam.toml");
    fs::write(&path, "a = 1\n[b]\n[[w]]\nk = 1\n[[w]]\nk = 2\n").unwrap();
    let problem = |section, entry, key| Problem {
        section,
        entry,
        key,
        text: "bad".into(),
    };
    let problems = [
        problem("w", 1, "k"),
        problem("w", 0, "k"),
        problem("b", 0, "k"),
        problem("", 0, "a"),
        problem("", 0, "k"),
    ];
    let file = path.display();
    let expected = [
        format!("{file}: k: bad"),
        format!("{file}, line 1: a: bad"),
        format!("{file}, line 2: [b] k: bad"),
        format!("{file}, line 4: [w] k: bad"),
        format!("{file}, line 6: [w] k: bad"),
    ];
    let refused = refuse(&path, &problems).to_string();
    assert_eq!(refused.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn what_may_never_end_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for path in [&pipe, Path::new("/dev/zero"), directory.path()] {
        let refused = super::read::<Config>(path).unwrap_err();
        assert!(matches!(refused, ConfigError::NotAFile { .. }), "{refused}");
    }
    let file = directory.path().join("large");
    let comment = |bytes: u64| "#".repeat(usize::try_from(bytes).unwrap());
    fs::write(&file, comment(MAX_BYTES)).unwrap();
    assert_eq!(text(&file).unwrap().len() as u64, MAX_BYTES);
    fs::write(&file, comment(MAX_BYTES + 1)).unwrap();
    let refused = text(&file).unwrap_err();
    assert!(matches!(refused, ConfigError::TooLarge { .. }), "{refused}");
}

#[test]
fn unreadable_files_say_why() {
    let missing = super::read::<Config>(Path::new("/nonexistent/zerocam.toml")).unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("cannot read /nonexistent/zerocam.toml: ")
    );
    let directory = std::env::temp_dir().join(format!("zerocam-config-{}", std::process::id()));
    fs::write(&directory, [0xff, 0xfe, 0x00]).unwrap();
    let binary = super::read::<Config>(&directory).unwrap_err().to_string();
    fs::remove_file(&directory).unwrap();
    assert!(binary.ends_with("save it as UTF-8 text"), "{binary}");
}

#[test]
fn a_secret_that_is_no_text_is_not_quoted() {
    #[derive(Debug, Deserialize)]
    struct Wifi {
        #[expect(dead_code, reason = "it is never had")]
        password: Secret,
    }
    for value in [
        "12345678",
        "1234.5678",
        "true",
        "2026-11-21",
        "[12345678]",
        "{ a = 12345678 }",
    ] {
        let text = format!("# my Wi-Fi\npassword = {value}\n");
        let error = parse::<Wifi>(&text, Path::new("zerocam.toml")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "zerocam.toml, line 2: no text: write it between quotes"
        );
    }
    for value in [
        "hunter2",
        "\"hunter2",
        "hunter2\"",
        "'hunter2",
        "12345678hunter2",
        "\"a\"hunter2\"",
    ] {
        let text = format!("password = {value}\n");
        let error = parse::<Wifi>(&text, Path::new("zerocam.toml")).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn a_secret_stays_out_of_logs() {
    assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "Secret(…)");
    assert_eq!(Secret::new("hunter2".into()).expose(), "hunter2");
}
