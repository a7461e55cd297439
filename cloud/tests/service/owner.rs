//! The owner's commands, against the running program: with its memory in a
//! directory, on a full disk, in a bucket, and with one that hangs.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Output},
    thread,
    time::Instant,
};

use rustix::process::{Pid, Signal, kill_process};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;
use zerocam_cloud::access::SigningKey;
use zerocam_protocol::token::{Grant, Link, Right};

use super::{
    bucket::Bucket,
    process::{KEY, listening, prints, program, refuses},
};

/// An address at which nobody answers, and nobody will as long as it is held.
fn held() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// The running program. It is killed when dropped.
struct Running {
    child: Child,
    port: u16,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let (child, port) = listening(&mut command);
        Self { child, port }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A status, and what was said.
    fn get(&self, path: &str) -> (u16, String) {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .new_agent();
        let mut answer = agent.get(format!("{}{path}", self.url())).call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), text)
    }

    /// Ends it as a host does; gives its log.
    fn end(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let mut log = String::new();
        let mut errors = self.child.stderr.take().unwrap();
        errors.read_to_string(&mut log).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{log}");
        log
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with a memory.
fn remembering(place: impl AsRef<Path>) -> Command {
    let mut program = program();
    program.env("ZEROCAM_MEMORY", place.as_ref());
    program
}

/// A command for the service at that port.
fn command(place: impl AsRef<Path>, port: u16, arguments: &[&str]) -> Command {
    let mut command = remembering(place);
    command.env("PORT", port.to_string()).args(arguments);
    command
}

fn output(place: impl AsRef<Path>, port: u16, arguments: &[&str]) -> Output {
    command(place, port, arguments).output().unwrap()
}

fn a_link() -> String {
    prints(program().args(["link", "garden", "--url", "https://cam.example"]))
}

/// What a visitor with that link gets.
fn visit(service: &Running, link: &str) -> (u16, String) {
    let (_, token) = link.trim_end().split_once("token=").unwrap();
    service.get(&format!("/t/{token}/api/cameras/garden"))
}

const ENDED: &str = "ended: this link to camera garden is refused from now on, and who watches by it is cut off within a minute\n";

#[test]
fn links_and_keys_end_by_a_command() {
    let directory = TempDir::new().unwrap();
    let service = Running::start(remembering(&directory));
    let says = |arguments: &[&str]| prints(&mut command(&directory, service.port, arguments));
    let link = a_link();
    assert_eq!(visit(&service, &link).0, 200);
    assert_eq!(says(&["revoke", &link]), ENDED);
    let (status, text) = visit(&service, &link);
    assert_eq!(
        (status, text.as_str()),
        (
            410,
            "this link was ended by the camera's owner: ask for a new one\n"
        )
    );
    assert_eq!(
        says(&["revoke", &link]),
        "this link to camera garden was ended before\n"
    );

    let first = says(&["key", "garden"]);
    assert_eq!(first, "camera.garden.1.4WGTLHdeI9LNahEFsUascw\n");
    let second = says(&["key", "garden", "--new"]);
    assert!(second.starts_with("camera.garden.2."), "{second}");
    assert_eq!(says(&["key", "garden"]), second);
    assert_eq!(says(&["key", "door"]).split('.').nth(2), Some("1"));

    // By its address, as from another machine; and where viewers reach it.
    let anywhere = ["key", "garden", "--url", &service.url()];
    assert_eq!(prints(program().args(anywhere)), second);
    let (_held, nobody) = held();
    let file = directory.path().join("cloud.toml");
    let url = service.url();
    let text = format!("listen = \"{nobody}\"\npublic_url = \"{url}\"\nplain_http = true\n");
    std::fs::write(&file, text).unwrap();
    let mut elsewhere = remembering(&directory);
    elsewhere.arg("--config").arg(&file).args(["key", "garden"]);
    assert_eq!(prints(&mut elsewhere), second);

    let log = service.end();
    assert!(
        log.contains("the owner ended a link") && !log.contains("token"),
        "{log}"
    );
    let again = Running::start(remembering(&directory));
    assert_eq!(visit(&again, &link).0, 410);
    assert_eq!(
        prints(&mut command(&directory, again.port, &["key", "garden"])),
        second
    );
}

#[test]
fn what_cannot_be_ended() {
    let directory = TempDir::new().unwrap();
    let service = Running::start(remembering(&directory));
    let ask = |arguments: &[&str]| output(&directory, service.port, arguments);
    let key = prints(program().args(["key", "garden"]));
    refuses(
        &ask(&["revoke", key.trim_end()]),
        64,
        "this is no link for watching: `zerocam-cloud key garden --new` ends a camera's key",
    );
    refuses(
        &ask(&["revoke", "https://cam.example/watch/garden/"]),
        64,
        "not a zerocam key or link",
    );
    let foreign = "view.garden.x7Kq2m.0.AAAAAAAAAAAAAAAAAAAAAA";
    refuses(&ask(&["revoke", foreign]), 64, "the signature is wrong");
    let past = SigningKey::parse(KEY).unwrap().sign(&Grant {
        camera: "garden".parse().unwrap(),
        right: Right::View(Link {
            id: "past".into(),
            expires_unix_s: Some(1_000_000_000),
        }),
    });
    let expired = prints(&mut command(&directory, service.port, &["revoke", &past]));
    assert!(
        expired.starts_with("nothing to end: this link expired"),
        "{expired}"
    );

    let link = a_link();
    let lost = [
        &["revoke", &link][..],
        &["key", "garden"],
        &["key", "garden", "--new"],
    ];
    let (_held, stranger) = held();
    for arguments in lost {
        let text = format!("the service does not answer at http://{stranger}");
        refuses(&output(&directory, stranger.port(), arguments), 74, &text);
    }
    // Nothing is remembered here.
    for arguments in [lost[0], lost[2]] {
        let output = program().args(arguments).output().unwrap();
        refuses(
            &output,
            78,
            "set `memory` in its configuration, or ZEROCAM_MEMORY",
        );
    }
    refuses(
        &output("here", 1, &["key", "garden"]),
        78,
        "\"here\" is neither a directory",
    );
    let other = Running::start(program());
    refuses(
        &output(&directory, other.port, &["key", "garden"]),
        74,
        "refuses, with status 501: this service has no memory",
    );
    let page = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = page.local_addr().unwrap().port();
    let answering = thread::spawn(move || {
        let (mut peer, _) = page.accept().unwrap();
        let mut head = [0; 4096];
        let _ = peer.read(&mut head).unwrap();
        peer.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 15\r\n\r\n<!doctype html>")
            .unwrap();
    });
    refuses(
        &output(&directory, port, &["key", "garden"]),
        74,
        "is not zerocam-cloud: add `--url` with its address",
    );
    answering.join().unwrap();
    let wrong = command(&directory, service.port, &["key", "garden"])
        .env("ZEROCAM_SIGNING_KEY", KEY.replace('A', "B"))
        .output();
    refuses(&wrong.unwrap(), 78, "the signing key is not one");
}

#[test]
fn on_a_full_disk_nothing_is_said_to_be_done() {
    let directory = TempDir::new().unwrap();
    let mut full = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\"";
    full.args(["-c", script, env!("CARGO_BIN_EXE_zerocam-cloud")])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("ZEROCAM_SIGNING_KEY", KEY)
        .env("ZEROCAM_MEMORY", directory.path());
    let service = Running::start(full);
    let link = a_link();
    let refused = output(&directory, service.port, &["revoke", &link]);
    refuses(&refused, 74, "File too large");
    assert_eq!(visit(&service, &link).0, 200);
    let left = std::fs::read_dir(&directory).unwrap().count();
    assert_eq!(left, 0);
    let log = service.end();
    assert!(log.contains("the memory cannot be used"), "{log}");
}

#[test]
fn a_bucket_is_spoken_to_as_google_wants_it() {
    let bucket = Bucket::start("cam-7");
    let service = Running::start(bucket.program());
    let says = |arguments: &[&str]| prints(&mut command("gs://cam-7", service.port, arguments));
    let link = a_link();
    assert_eq!(visit(&service, &link).0, 200);
    assert_eq!(says(&["revoke", &link]), ENDED);
    for generation in 2..8 {
        let key = says(&["key", "garden", "--new"]);
        assert_eq!(key.split('.').nth(2), Some(generation.to_string().as_str()));
    }
    let names: Vec<String> = (4..8)
        .map(|version| format!("memory-{version:020}.json"))
        .collect();
    assert_eq!(bucket.names(), names);
    // Another instance was faster.
    let (newest, document) = bucket.newest();
    let ours = document.replace("\"key_generation\":7", "\"key_generation\":20");
    assert_ne!(ours, document);
    bucket.put_before_the_next(&newest.replace("7.json", "8.json"), &ours);
    assert!(says(&["key", "garden", "--new"]).starts_with("camera.garden.21."));
    drop(service);

    let again = Running::start(bucket.program());
    assert_eq!(visit(&again, &link).0, 410);
    assert!(
        prints(&mut command("gs://cam-7", again.port, &["key", "garden"]))
            .starts_with("camera.garden.21.")
    );
    drop(again);
    bucket.is_content();
}

#[test]
fn a_bucket_that_refuses_says_so() {
    let bucket = Bucket::start("cam-7");
    bucket.answer_all_with("403 Forbidden", "<Error><Code>AccessDenied</Code></Error>");
    let service = Running::start(bucket.program());
    assert_eq!(service.get("/health/ready").0, 503);
    let refused = output("gs://cam-7", service.port, &["key", "garden"]);
    refuses(&refused, 74, "gs://cam-7: ");
    refuses(&refused, 74, "403 Forbidden");
}

#[test]
fn a_bucket_that_hangs_holds_up_nobody_for_long() {
    // Connections are accepted by the system, and nobody reads.
    let hung = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = hung.local_addr().unwrap();
    let mut program = remembering("gs://cam-7");
    program
        .env("GOOGLE_BEARER_TOKEN", "test")
        .env("GOOGLE_BASE_URL", format!("http://{address}"));
    let service = Running::start(program);
    let begun = Instant::now();
    let link = a_link();
    assert_eq!(visit(&service, &link).0, 503);
    assert_eq!(service.get("/health/live").0, 200);
    let refused = output("gs://cam-7", service.port, &["revoke", &link]);
    println!("refused after {:?}", begun.elapsed());
    refuses(&refused, 74, "refuses, with status 503");
    let log = service.end();
    println!("ended after {:?}\n{log}", begun.elapsed());
}
