//! The scripts for Cloud Run, with a stand-in for Google's command: it keeps one
//! secret, one bucket and one service, and writes down what it is asked for. The
//! service itself is the real one.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;
use zerocam_cloud::{access::SigningKey, config::Configuration, time::Now};
use zerocam_protocol::token::{Grant, Link, Right};

use super::bench::Service;

const GCLOUD: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
printf '%s\n' "$*" >>calls
case $* in
*"secrets describe"* | *"versions access"*) cat secret ;;
*"secrets create"*) cat >secret ;;
*"projects describe"*) echo 123456 ;;
*"buckets describe"*) cat bucket ;;
*"buckets create"*) echo "$*" >bucket ;;
*"run services describe"*"env[].name"*) cat variables ;;
*"run services describe"*) cat url ;;
*"run deploy"*)
    echo https://zerocam-123456.europe-west1.run.app >url
    echo "ZEROCAM_SIGNING_KEY;ZEROCAM_MEMORY" >variables
    ;;
esac
"#;

/// A project, which is empty at first.
struct Project {
    directory: TempDir,
}

impl Project {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let project = Self { directory };
        project.install("gcloud", GCLOUD);
        project
    }

    /// One whose service runs here.
    fn deployed(memory: Option<&Path>) -> (Self, Service) {
        let project = Self::new();
        project.prints("deploy-cloud-run", &["project-1", "europe-west1"]);
        let configuration = Configuration {
            memory: memory.map(|path| path.to_str().unwrap().to_owned()),
            ..Configuration::default()
        };
        let service = Service::signing(configuration, None, project.file("secret"));
        fs::write(project.directory.path().join("url"), service.url("")).unwrap();
        (project, service)
    }

    /// A program that the scripts find before the system's own.
    fn install(&self, name: &str, script: &str) {
        let path = self.directory.path().join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join(name)).unwrap()
    }

    fn run(&self, script: &str, arguments: &[&str]) -> Output {
        let path = std::env::var("PATH").unwrap();
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts");
        Command::new(scripts.join(script))
            .args(arguments)
            .env(
                "PATH",
                format!("{}:{path}", self.directory.path().display()),
            )
            .output()
            .unwrap()
    }

    #[track_caller]
    fn prints(&self, script: &str, arguments: &[&str]) -> String {
        let output = self.run(script, arguments);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// What follows the last `before` in a line of the text, up to a quote or the
/// line's end.
#[track_caller]
fn after<'a>(text: &'a str, before: &str) -> &'a str {
    let line = text.lines().find(|line| line.contains(before));
    let line = line.unwrap_or_else(|| panic!("no {before:?} in {text}"));
    let (_, rest) = line.rsplit_once(before).unwrap();
    rest.trim_end_matches('"')
}

#[test]
fn a_new_project_and_the_same_again() {
    let project = Project::new();
    let target = ["project-1", "europe-west1"];
    let said = project.prints("deploy-cloud-run", &target);
    let next = "scripts/cloud-run-links project-1 europe-west1 garden\n";
    assert!(said.contains(next), "{said}");
    let first = project.file("calls");
    let account = "--member serviceAccount:123456-compute@developer.gserviceaccount.com";
    for call in [
        "services enable run.googleapis.com cloudbuild.googleapis.com",
        "secrets create zerocam-signing-key --data-file=-",
        &format!("projects add-iam-policy-binding project-1 --role roles/run.builder {account}"),
        &format!("--role roles/secretmanager.secretAccessor {account}"),
        "--region europe-west1 --execution-environment gen2",
        "--timeout 3600 --concurrency 1000 --min-instances 0 --max-instances 1",
        "--update-secrets ZEROCAM_SIGNING_KEY=zerocam-signing-key:latest",
        "storage buckets create gs://zerocam-memory-123456 --location europe-west1 --uniform-bucket-level-access --public-access-prevention",
        &format!(
            "storage buckets add-iam-policy-binding gs://zerocam-memory-123456 --role roles/storage.objectUser {account}"
        ),
        "--update-env-vars ZEROCAM_MEMORY=gs://zerocam-memory-123456",
        "--cpu 1 --memory 512Mi",
    ] {
        assert!(first.contains(call), "{call}: {first}");
    }
    let project_is_named = |call: &str| call.starts_with("--project project-1 --quiet ");
    assert!(first.lines().all(project_is_named), "{first}");
    let secret = project.file("secret");
    SigningKey::parse(&secret).unwrap();

    // The owner may have given it more memory, and another place for what it keeps.
    project.prints("deploy-cloud-run", &target);
    assert_eq!(project.file("secret"), secret);
    let both = project.file("calls");
    let again = both.strip_prefix(&first).unwrap();
    assert!(again.contains("run deploy zerocam --source"), "{again}");
    assert!(!again.contains("--memory"), "{again}");
    assert!(!again.contains("ZEROCAM_MEMORY"), "{again}");
    assert!(!again.contains("storage buckets"), "{again}");

    // It may be from before it kept anything.
    fs::write(
        project.directory.path().join("variables"),
        "ZEROCAM_SIGNING_KEY\n",
    )
    .unwrap();
    project.prints("deploy-cloud-run", &target);
    let all = project.file("calls");
    let third = all.strip_prefix(&both).unwrap();
    let memory = "--update-env-vars ZEROCAM_MEMORY=gs://zerocam-memory-123456";
    assert!(third.contains(memory), "{third}");
    assert!(!third.contains("buckets create"), "{third}");
    assert!(!third.contains("--cpu"), "{third}");
}

#[test]
fn keys_and_links_are_those_of_the_service() {
    let (project, service) = Project::deployed(None);
    let key = service.key.clone();
    let camera: zerocam_protocol::CameraName = "garden".parse().unwrap();
    let target = ["project-1", "europe-west1", "garden"];

    let text = project.prints("cloud-run-links", &target);
    let url = service.url("");
    assert_eq!(after(&text, "url = \""), url);
    assert_eq!(after(&text, "key = \""), key.camera_key(camera.clone(), 1));
    let now_s = Now::read().unix_s();
    let (view, control) = (after(&text, "=view."), after(&text, "=control."));
    let link = |right: &str, rest: &str| {
        let Grant { camera: of, right } = key.verify(&format!("{right}.{rest}"), now_s).unwrap();
        assert_eq!(of, camera);
        match right {
            Right::View(link) => (false, link),
            Right::Control(link) => (true, link),
            Right::Feed { .. } | Right::Manage(_) => panic!("no link"),
        }
    };
    let (may_control, Link { id, expires_unix_s }) = link("view", view);
    assert_eq!((may_control, expires_unix_s), (false, None));
    let (may_control, other) = link("control", control);
    assert!(may_control && other.id != id, "{other:?}");
    let player = format!("{url}/t/view.{view}/watch/garden/plain.m3u8");
    assert!(text.lines().any(|line| line == player), "{text}");

    let text = project.prints("cloud-run-links", &[&["--days", "7"], &target[..]].concat());
    let (_, week) = link("view", after(&text, "=view."));
    let (least_s, passed_s) = (now_s + 7 * 86_400, Now::read().unix_s() - now_s);
    let end = week.expires_unix_s.unwrap();
    assert!((least_s..=least_s + passed_s).contains(&end), "{text}");
}

#[test]
fn a_link_and_a_key_are_ended_without_the_services_program() {
    let memory = TempDir::new().unwrap();
    let (project, service) = Project::deployed(Some(memory.path()));
    let target = ["project-1", "europe-west1", "garden"];
    let links = |arguments: &[&str]| {
        let arguments = [arguments, &target[..]].concat();
        project.prints("cloud-run-links", &arguments)
    };
    let text = links(&[]);
    let view = format!("view.{}", after(&text, "=view."));
    let visit = |token: &str| {
        service
            .get(&format!("/t/{token}/api/cameras/garden"))
            .status
    };
    assert_eq!(visit(&view), 200);
    let link = format!("https://view.example/watch/garden/?token={view}");
    let said = links(&["--revoke", &link]);
    assert!(
        said.starts_with("Ended: this link to camera garden"),
        "{said}"
    );
    assert_eq!(visit(&view), 410);

    let camera: zerocam_protocol::CameraName = "garden".parse().unwrap();
    let key = |generation| service.key.camera_key(camera.clone(), generation);
    assert_eq!(after(&text, "key = \""), key(1));
    let text = links(&["--new-key"]);
    assert_eq!(after(&text, "key = \""), key(2));
    assert!(!text.contains("/watch/"), "{text}");
    assert_eq!(after(&links(&[]), "key = \""), key(2));
}

#[test]
fn what_cannot_be_ended_is_said() {
    let (project, mut service) = Project::deployed(None);
    let refuses = |arguments: &[&str], text: &str| {
        let target = ["project-1", "europe-west1", "garden"];
        let output = project.run("cloud-run-links", &[arguments, &target[..]].concat());
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert!(complaint.contains(text), "{complaint}");
        assert!(output.stdout.is_empty());
    };
    let view = service.view("garden");
    refuses(
        &["--revoke", &view],
        "this service has no memory: set `memory`",
    );
    refuses(&["--new-key"], "this service has no memory: set `memory`");
    refuses(
        &["--revoke", &service.view("door")],
        "this is no link to camera garden",
    );
    refuses(&["--revoke", ""], "--revoke wants a link");
    service.ask_to_stop();
    service.join();
    refuses(&[], "the service does not answer");
    refuses(&["--revoke", &view], "the service does not answer");
}

#[test]
fn no_secret_stands_in_the_list_of_processes() {
    let (project, _service) = Project::deployed(None);
    // Whatever the script starts writes down how it was started.
    for program in ["python3", "curl", "head", "base64", "tr", "date"] {
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$0 $*\" >>\"$(dirname \"$0\")/started\"\n\
             PATH=${{PATH#*:}} exec {program} \"$@\"\n"
        );
        project.install(program, &script);
    }
    project.prints("cloud-run-links", &["project-1", "europe-west1", "garden"]);
    let started = project.file("started");
    for program in ["/python3 ", "/curl "] {
        assert!(started.contains(program), "{started}");
    }
    for secret in [
        project.file("secret").as_str(),
        "manage.",
        "view.",
        "control.",
        "camera.",
    ] {
        assert!(!started.contains(secret), "{started}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let project = Project::new();
    for (arguments, code, text) in [
        (
            &["project-1", "europe-west1"][..],
            64,
            "cloud-run-links [--days DAYS]",
        ),
        (
            &["project-1", "europe-west1", "My Garden"],
            1,
            "cannot name a camera",
        ),
        (&["--days", "soon", "p", "r", "garden"], 1, "--days wants"),
    ] {
        let output = project.run("cloud-run-links", arguments);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{complaint}");
        assert!(complaint.contains(text), "{complaint}");
    }
    // Before anything is deployed there is no address.
    let early = project.run("cloud-run-links", &["project-1", "europe-west1", "garden"]);
    assert!(!early.status.success() && early.stdout.is_empty());
}
