use super::*;

const SHIPPED: &str = include_str!("../../zerocam-cloud.toml");

fn keyed() -> Environment {
    Environment {
        signing_key: Some(Secret::new("A".repeat(43))),
        ..Environment::default()
    }
}

fn parse(text: &str) -> Configuration {
    zerocam_config_file::parse(text, Path::new("zerocam-cloud.toml")).unwrap()
}

fn refusal(text: &str) -> String {
    Settings::resolve(parse(text), &keyed())
        .unwrap_err()
        .to_string()
}

#[test]
fn the_shipped_file_states_the_built_in_defaults() {
    assert_eq!(parse(SHIPPED), Configuration::default());
    let assignments: String = SHIPPED
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .filter(|line| !line.starts_with([' ', '#']))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_eq!(parse(&assignments), Configuration::default());
}

#[test]
fn the_shipped_file_explains_every_key() {
    let unknown = zerocam_config_file::parse::<Configuration>(
        "?\n".replace('?', "zzzzzzzzzzzz=1").as_str(),
        Path::new("x"),
    )
    .unwrap_err()
    .to_string();
    let keys: Vec<&str> = unknown.split('`').skip(3).step_by(2).collect();
    assert_eq!(keys.len(), 12, "{unknown}");
    for key in keys {
        let written = SHIPPED.lines().any(|line| {
            line.trim_start_matches(['#', ' '])
                .starts_with(&format!("{key} = "))
        });
        assert!(written, "zerocam-cloud.toml does not show `{key}`");
    }
}

#[test]
fn the_environment_comes_last() {
    let configuration = parse("listen = \"127.0.0.1:80\"\nsigning_key = \"broken\"");
    let environment = Environment {
        port: Some("8081".into()),
        revision: Some("zerocam-00001".into()),
        ..keyed()
    };
    let settings = Settings::resolve(configuration, &environment).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(settings.move_after_s, 3000);
    let settings = Settings::resolve(parse("move_after_s = 20"), &environment).unwrap();
    assert_eq!(settings.move_after_s, 20);
    let settings = Settings::resolve(Configuration::default(), &keyed()).unwrap();
    assert_eq!(settings.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(settings.move_after_s, 0);
}

#[test]
fn a_signing_key_is_a_must_and_its_error_says_how_to_make_one() {
    let resolve = |text: &str| {
        Settings::resolve(parse(text), &Environment::default())
            .unwrap_err()
            .to_string()
    };
    assert!(resolve("").contains("zerocam-cloud signing-key"));
    assert!(resolve("signing_key = \"secret\"").contains("zerocam-cloud signing-key"));
    assert!(!resolve("signing_key = \"hunter2\"").contains("hunter2"));
    assert!(resolve("signing_key = \"a\"\nsigning_key_file = \"b\"").contains("keep one"));
    assert!(resolve("signing_key_file = \"/nonexistent\"").contains("/nonexistent"));
}

#[test]
fn values_out_of_range_name_key_and_range() {
    let table = [
        (
            "window_seconds = 5",
            "window_seconds: players need at least 10",
        ),
        (
            "window_seconds = 7201",
            "window_seconds: 7201 is out of range; write 0 to 7200",
        ),
        (
            "window_bytes = 1000",
            "window_bytes: 1000 is out of range; write 8388608 to",
        ),
        (
            "concurrency = 0",
            "concurrency: 0 is out of range; write 10 to 100000",
        ),
        (
            "max_cameras = 0",
            "max_cameras: 0 is out of range; write 1 to 1000",
        ),
        (
            "public_url = \"cam.example\"",
            "public_url: no public address: write scheme and host",
        ),
        (
            "public_url = \"https://cam.example/x\"",
            "public_url: no public address",
        ),
        (
            "public_url = \"ftp://cam.example\"",
            "public_url: no public address",
        ),
        (
            "public_url = \"https://user:hunter2@cam.example\"",
            "public_url: no public address",
        ),
        (
            "public_url = \"https://cam.example:99999\"",
            "public_url: no public address",
        ),
        (
            "public_url = \"http://cam.example\"",
            "set `plain_http = true`",
        ),
    ];
    for (text, message) in table {
        let refusal = refusal(text);
        assert!(refusal.contains(message), "{text}: {refusal}");
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
    let mut port = keyed();
    port.port = Some("http".into());
    let refusal = Settings::resolve(Configuration::default(), &port).unwrap_err();
    assert!(refusal.to_string().contains("PORT is \"http\""));
}

#[test]
fn public_addresses() {
    assert_eq!(
        public_url("https://cam.example/", false).unwrap(),
        "https://cam.example"
    );
    assert_eq!(
        public_url("http://10.0.0.2:8080", true).unwrap(),
        "http://10.0.0.2:8080"
    );
    assert_eq!(
        public_url("https://[fd00::1]:8443", false).unwrap(),
        "https://[fd00::1]:8443"
    );
}
