//! The program as it is started and stopped.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub(super) const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The program with nothing in its environment but PATH and a signing key.
pub(super) fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_zerocam-cloud"));
    program
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("ZEROCAM_SIGNING_KEY", KEY)
        .stdin(Stdio::null());
    program
}

#[track_caller]
pub(super) fn refuses(output: &Output, code: i32, text: &str) {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{complaint}");
    assert!(complaint.contains(text), "{complaint}");
    assert!(output.stdout.is_empty());
}

pub(super) fn prints(program: &mut Command) -> String {
    let output = program.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn keys_and_links() {
    assert_eq!(
        prints(program().args(["key", "garden"])),
        "camera.garden.1.4WGTLHdeI9LNahEFsUascw\n"
    );
    let link = prints(program().args(["link", "garden", "--url", "https://cam.example/"]));
    assert!(
        link.starts_with("https://cam.example/watch/garden/?token=view.garden."),
        "{link}"
    );
    let link = ["link", "garden", "--control", "--expires", "7d", "--qr"];
    let link = prints(program().args(link).args(["--url", "https://cam.example"]));
    assert!(link.contains("?token=control.garden."), "{link}");
    assert!(
        link.contains('\u{2580}') && link.contains('\u{2588}'),
        "{link}"
    );
    let player = ["link", "garden", "--player", "--url", "https://cam.example"];
    let player = prints(program().args(player));
    assert!(
        player.starts_with("https://cam.example/t/view.garden.")
            && player.ends_with("/watch/garden/plain.m3u8\n"),
        "{player}"
    );
    let fresh = prints(
        program()
            .arg("signing-key")
            .env_remove("ZEROCAM_SIGNING_KEY"),
    );
    assert_eq!(fresh.trim_end().len(), KEY.len());
}

#[test]
fn wrong_usage_is_64() {
    const URL: &str = "https://cam.example";
    for arguments in [
        &["dance"][..],
        &["key"],
        &["key", "Not A Name"],
        &["link", "garden", "--expires", "soon"],
        &["link", "garden", "--url", URL, "--expires", "0s"],
        &["link", "garden", "--url", URL, "--expires", "59s"],
        &["link", "garden", "--url", URL, "--expires", "101years"],
        &[
            "link",
            "garden",
            "--url",
            URL,
            "--expires",
            "99999999999years",
        ],
        &["link", "garden"],
    ] {
        let output = program().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
    let negative = ["link", "garden", "--url", URL, "--expires", "-1d"];
    refuses(
        &program().args(negative).output().unwrap(),
        64,
        "write a time of at least a minute, such as 12h",
    );
    for time in ["1m", "99years"] {
        prints(program().args(["link", "garden", "--url", URL, "--expires", time]));
    }
    assert!(prints(program().arg("--help")).contains("signing-key"));
}

#[test]
fn wrong_configuration_is_78() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("cloud.toml");
    let with_file = |text: &str| {
        std::fs::write(&file, text).unwrap();
        program()
            .arg("--config")
            .arg(&file)
            .arg("check")
            .output()
            .unwrap()
    };
    refuses(
        &with_file("\nwindow_secs = 5\n"),
        78,
        "cloud.toml, line 2: there is no key `window_secs` here; did you mean `window_seconds`?",
    );
    refuses(
        &with_file("concurrency = 1\n"),
        78,
        "cloud.toml, line 1: concurrency: 1 is out of range; write 10 to 100000",
    );
    refuses(
        &with_file("\npublic_url = \"https://me:pw@cam.example\"\n"),
        78,
        "cloud.toml, line 2: public_url: no public address: write scheme and host",
    );
    refuses(
        &with_file("listen = \"localhost:8080\"\n"),
        78,
        "cloud.toml, line 1: `listen` is no address with a port; write numbers",
    );
    refuses(
        &with_file("ffmpeg = \"/nonexistent/ffmpeg\"\n"),
        78,
        "apt install ffmpeg",
    );
    let missing = program()
        .args(["--config", "/nonexistent.toml", "check"])
        .output()
        .unwrap();
    refuses(&missing, 78, "cannot read /nonexistent.toml");
    let keyless = program()
        .env_remove("ZEROCAM_SIGNING_KEY")
        .output()
        .unwrap();
    refuses(&keyless, 78, "run `zerocam-cloud signing-key` once");
    let http = ["link", "garden", "--url", "http://cam.example"];
    refuses(
        &program().args(http).output().unwrap(),
        78,
        "set `plain_http = true`",
    );

    std::fs::write(&file, "public_url = \"https://cam.example\"\n").unwrap();
    let mut check = program();
    check.env("ZEROCAM_CLOUD_CONFIG", &file).arg("check");
    assert!(prints(&mut check).starts_with(
        "good: listens on 0.0.0.0:8080, reached at https://cam.example\nffmpeg version"
    ));
}

#[test]
fn a_taken_port_is_74() {
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = program().env("PORT", &port).output().unwrap();
    refuses(
        &output,
        74,
        &format!("0.0.0.0:{port} is taken by another program"),
    );
}

/// The running program, and the port that it named.
pub(super) fn listening(program: &mut Command) -> (Child, u16) {
    let mut child = program
        .env("PORT", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let port = line.trim_end().strip_prefix("listening on http://0.0.0.0:");
    let port: u16 = port.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
    assert_ne!(port, 0);
    (child, port)
}

/// The running program, and a connection to it.
fn running() -> (Child, TcpStream) {
    let (child, port) = listening(&mut program());
    let connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
    (child, connection)
}

fn ends(child: Child, signal: Signal) {
    kill_process(Pid::from_child(&child), signal).unwrap();
    let output = child.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(log.contains("stopping"), "{log}");
    assert!(!log.contains("not finished"), "{log}");
}

#[test]
fn it_ends_when_asked() {
    for signal in [Signal::TERM, Signal::INT] {
        let (child, _idle) = running();
        ends(child, signal);
    }
}

#[test]
fn clients_that_never_finish_do_not_hold_up_the_end() {
    for started in [
        "GET / HTTP/1.1\r\nHost:",
        "POST /api/cameras/garden/checkin HTTP/1.1\r\nHost: x\r\n",
        "POST /api/cameras/garden/checkin HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
    ] {
        let (child, mut client) = running();
        client.write_all(started.as_bytes()).unwrap();
        ends(child, Signal::TERM);
    }
}

#[test]
fn a_client_that_takes_nothing_does_not_hold_up_the_end() {
    let (child, mut client) = running();
    // Answers fill all buffers on the way, and then requests do.
    client
        .set_write_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let requests = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    while client.write_all(requests.as_bytes()).is_ok() {}
    ends(child, Signal::TERM);
}
