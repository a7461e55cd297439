//! The scripts for Cloud Run, with a stand-in for Google's command: it keeps one
//! secret and one service, and writes down what it is asked for.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;
use zerocam_cloud::{access::SigningKey, time::Now};
use zerocam_protocol::token::{Grant, Link, Right};

const GCLOUD: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
printf '%s\n' "$*" >>calls
case $* in
*"secrets describe"* | *"versions access"*) cat secret ;;
*"secrets create"*) cat >secret ;;
*"projects describe"*) echo 123456 ;;
*"run services describe"*) cat url ;;
*"run deploy"*) echo https://zerocam-123456.europe-west1.run.app >url ;;
esac
"#;

/// A project, which is empty at first.
struct Project {
    directory: TempDir,
}

impl Project {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let gcloud = directory.path().join("gcloud");
        fs::write(&gcloud, GCLOUD).unwrap();
        fs::set_permissions(&gcloud, fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory }
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
        "--cpu 1 --memory 512Mi",
    ] {
        assert!(first.contains(call), "{call}: {first}");
    }
    let project_is_named = |call: &str| call.starts_with("--project project-1 --quiet ");
    assert!(first.lines().all(project_is_named), "{first}");
    let secret = project.file("secret");
    SigningKey::parse(&secret).unwrap();

    // The owner may have given it more memory.
    project.prints("deploy-cloud-run", &target);
    assert_eq!(project.file("secret"), secret);
    let both = project.file("calls");
    let again = both.strip_prefix(&first).unwrap();
    assert!(again.contains("run deploy zerocam --source"), "{again}");
    assert!(!again.contains("--memory"), "{again}");
}

#[test]
fn keys_and_links_are_those_of_the_service() {
    let project = Project::new();
    project.prints("deploy-cloud-run", &["project-1", "europe-west1"]);
    let key = SigningKey::parse(&project.file("secret")).unwrap();
    let camera: zerocam_protocol::CameraName = "garden".parse().unwrap();
    let target = ["project-1", "europe-west1", "garden"];

    let text = project.prints("cloud-run-links", &target);
    let url = "https://zerocam-123456.europe-west1.run.app";
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
