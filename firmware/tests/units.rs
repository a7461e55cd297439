//! What systemd is given: the units are right and tight, and the helper does
//! exactly its six words.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::{
    fs,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{MetadataExt, PermissionsExt},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
};

use tempfile::TempDir;
use zerocam::privileged::{self, PrivilegedError, STATUS_FILE_BYTES, Word};

const UNITS: [&str; 3] = [
    "zerocam.service",
    "zerocam-privileged.socket",
    "zerocam-privileged@.service",
];

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../systemd")
        .join(name)
}

fn run(command: &mut Command) -> Output {
    match command.output() {
        Ok(output) => output,
        Err(error) => panic!("{command:?} cannot be run, install it: {error}"),
    }
}

fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr]
        .map(String::from_utf8_lossy)
        .concat()
}

/// A system with nothing but our files and systemd's own targets.
struct Root(TempDir);

impl Root {
    fn new() -> Self {
        let root = Self(tempfile::tempdir().unwrap());
        for unit in UNITS {
            root.install(&shipped(unit), &format!("etc/systemd/system/{unit}"));
        }
        root.install(&shipped("privileged"), "usr/lib/zerocam/privileged");
        root.install(
            &shipped("zerocam.sysusers"),
            "usr/lib/sysusers.d/zerocam.conf",
        );
        root.install(Path::new(env!("CARGO_BIN_EXE_zerocam")), "usr/bin/zerocam");
        for file in fs::read_dir("/usr/lib/systemd/system").unwrap() {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            if name.ends_with(".target") {
                root.install(&file.path(), &format!("usr/lib/systemd/system/{name}"));
            }
        }
        root
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn install(&self, from: &Path, to: &str) {
        let to = self.path(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }

    fn analyze(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("systemd-analyze");
        command.args(arguments).arg("--no-pager");
        command.arg("--root").arg(self.0.path());
        run(&mut command)
    }

    fn verify(&self) -> Output {
        self.analyze(&[&["verify", "--man=no"][..], &UNITS].concat())
    }
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let root = Root::new();
    let output = root.verify();
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(text(&output), "");

    // It does look.
    let unit = root.path("etc/systemd/system/zerocam.service");
    let wrong = fs::read_to_string(&unit).unwrap();
    fs::write(&unit, wrong.replace("WatchdogSec=", "WatchdogSecs=")).unwrap();
    assert!(text(&root.verify()).contains("WatchdogSecs"));
    fs::remove_file(root.path("usr/lib/zerocam/privileged")).unwrap();
    assert!(text(&root.verify()).contains("/usr/lib/zerocam/privileged"));
}

#[test]
fn what_the_units_are_exposed_to_is_bounded() {
    let root = Root::new();
    // Tenths. The daemon has devices, the network and the clock; the
    // helper is root.
    for (unit, bound) in [
        ("zerocam.service", "26"),
        ("zerocam-privileged@.service", "30"),
    ] {
        let threshold = format!("--threshold={bound}");
        let output = root.analyze(&["security", "--offline=true", &threshold, unit]);
        let text = text(&output);
        assert!(output.status.success(), "{text}");
        assert!(text.contains("Overall exposure level"), "{text}");
    }
}

#[test]
fn the_user_has_camera_and_pins() {
    let root = Root::new();
    let mut command = Command::new("systemd-sysusers");
    let output = run(command.arg("--root").arg(root.0.path()));
    assert!(output.status.success(), "{}", text(&output));
    let groups = fs::read_to_string(root.path("etc/group")).unwrap();
    for group in ["gpio", "video"] {
        let member =
            |line: &str| line.starts_with(&format!("{group}:")) && line.ends_with(":zerocam");
        assert!(groups.lines().any(member), "{groups}");
    }
}

/// udev reports a rule that it does not understand in its log, where nobody
/// looks, and leaves it out. (`udevadm verify` came with systemd 254.)
#[test]
fn udev_understands_the_rules() {
    let rules = fs::read_to_string(shipped("60-zerocam.rules")).unwrap();
    let rules: Vec<&str> = rules
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(rules.len(), 3, "{rules:?}");
    for rule in rules {
        let (mut compares, mut assigns) = (0, 0);
        for term in rule
            .split_inclusive("\", ")
            .map(|term| term.trim_end_matches(", "))
        {
            let (left, value) = term.strip_suffix('"').unwrap().split_once('"').unwrap();
            assert!(!value.is_empty() && !value.contains('"'), "{term}");
            match left {
                "SUBSYSTEM==" | "KERNEL==" | "ACTION==" => compares += 1,
                "GROUP=" => assert_eq!(value, "gpio", "a group that is made"),
                "MODE=" => assert!(u32::from_str_radix(value, 8).is_ok(), "{term}"),
                // udev knows no search path, and no shell.
                "RUN+=" => assert!(
                    Path::new(value.split(' ').next().unwrap()).is_file(),
                    "{term}"
                ),
                _ => panic!("not for udev: {term}"),
            }
            assigns += usize::from(!left.ends_with("=="));
        }
        assert!(compares > 0 && assigns > 0, "{rule}");
    }
}

#[test]
fn the_helper_is_a_clean_script() {
    let output = run(Command::new("shellcheck")
        .args(["--shell=sh", "--severity=style"])
        .arg(shipped("privileged")));
    assert_eq!(text(&output), "");
    let mode = fs::metadata(shipped("privileged")).unwrap().mode();
    assert_eq!(mode & 0o111, 0o111, "executable");
}

/// The real helper behind a socket, as systemd starts it, among commands that
/// only note how they were called.
struct Bench {
    directory: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(bench.path("bin")).unwrap();
        fs::write(bench.path("calls"), "").unwrap();
        for name in ["systemctl", "modprobe", "mount"] {
            bench.command(name, "true");
        }
        fs::write(bench.path("status.txt"), [b' '; STATUS_FILE_BYTES]).unwrap();
        bench.mount("ro");
        let listener = UnixListener::bind(bench.path("socket")).unwrap();
        let (bin, status) = (bench.path("bin"), bench.path("status.txt"));
        let (calls, mounts) = (bench.path("calls"), bench.path("mounts"));
        let modules = bench.path("modules");
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let answers = OwnedFd::from(client.try_clone().unwrap());
                let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
                let _ = Command::new(shipped("privileged"))
                    .env("PATH", path)
                    .env("CALLS", &calls)
                    .env("ZEROCAM_STATUS_FILE", &status)
                    .env("ZEROCAM_MOUNTS", &mounts)
                    .env("ZEROCAM_MODULES", &modules)
                    .stdin(OwnedFd::from(client))
                    .stdout(answers)
                    .status()
                    .unwrap();
            }
        });
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, name: &str, then: &str) {
        let path = self.path("bin").join(name);
        let script = format!("#!/bin/sh\necho \"{name} $*\" >>\"$CALLS\"\n{then}\n");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// How the kernel says that the status file's partition is mounted; only the
    /// last of several mounts is to be seen.
    fn mount(&self, how: &str) {
        let partition = self.directory.path().display();
        let other = if how == "ro" { "rw" } else { "ro" };
        let mounts = format!(
            "/dev/root / squashfs {other},noatime 0 0\n\
             none {partition} autofs {other},relatime 0 0\n\
             /dev/mmcblk0p1 {partition} vfat {how},noatime,umask=0027 0 0\n\
             /dev/mmcblk0p3 {partition}/state ext4 {other} 0 0\n"
        );
        fs::write(self.path("mounts"), mounts).unwrap();
    }

    fn ask(&self, word: &Word) -> Result<(), PrivilegedError> {
        privileged::ask(&self.path("socket"), word)
    }

    /// How commands were called since the last look.
    fn calls(&self) -> String {
        let calls = fs::read_to_string(self.path("calls")).unwrap();
        fs::write(self.path("calls"), "").unwrap();
        calls
    }

    /// What the helper says to bytes that the daemon would never send.
    fn answers(&self, request: &[u8]) -> String {
        use std::io::{Read, Write};
        let mut stream = std::os::unix::net::UnixStream::connect(self.path("socket")).unwrap();
        stream.write_all(request).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

#[test]
fn every_word_does_one_thing() {
    let bench = Bench::new();
    let table = [
        (Word::Reboot, "systemctl --no-block reboot\n"),
        (Word::PowerOff, "systemctl --no-block poweroff\n"),
        (
            Word::RestartWpaSupplicant,
            "systemctl --no-block restart zerocam-provision*.service wpa_supplicant*.service\n",
        ),
        (
            Word::ReloadCamera,
            "modprobe --remove bcm2835_v4l2\nmodprobe bcm2835_v4l2\n",
        ),
        (
            Word::ReloadWifi,
            "modprobe --remove brcmfmac_wcc\nmodprobe --remove brcmfmac\nmodprobe brcmfmac\n",
        ),
    ];
    for (word, calls) in table {
        bench.ask(&word).unwrap();
        assert_eq!(bench.calls(), calls, "{word:?}");
    }
}

#[test]
fn nothing_else_is_done() {
    let bench = Bench::new();
    let requests: [&[u8]; 13] = [
        b"",
        b"\n",
        b"reboot",
        b"Reboot\n",
        b"reboot now\n",
        b" reboot\n",
        b"reboot\r\n",
        b"reboot; poweroff\n",
        b"$(reboot)\n",
        b"*\n",
        b"dance\nreboot\n",
        b"\0reboot \n",
        &[b'x'; 100_000],
    ];
    for request in requests {
        let answer = bench.answers(request);
        let shown = String::from_utf8_lossy(&request[..request.len().min(20)]);
        assert!(
            ["no word came\n", "that is no word that is known here\n"].contains(&answer.as_str()),
            "{shown:?}: {answer:?}"
        );
        assert_eq!(bench.calls(), "", "{shown:?}");
    }
}

#[test]
fn the_status_file_is_rewritten_in_place() {
    let bench = Bench::new();
    let path = bench.path("status.txt");
    let before = fs::metadata(&path).unwrap();
    let remounts = format!(
        "mount -o remount,rw {0}\nmount -o remount,ro {0}\n",
        bench.directory.path().display()
    );
    // Cut between two letters that take two bytes each.
    let long = format!("x{}", "é".repeat(STATUS_FILE_BYTES));
    let cut = format!("x{}", "é".repeat((STATUS_FILE_BYTES - 2) / 2));
    for (text, expected) in [
        ("STREAMING   connected\n$(reboot) `reboot`\n", None),
        ("short\n", None),
        ("", None),
        (&long, Some(cut)),
    ] {
        bench.ask(&Word::WriteStatus(text.into())).unwrap();
        assert_eq!(bench.calls(), remounts);
        let expected = expected.unwrap_or_else(|| text.into());
        let padding = " ".repeat(STATUS_FILE_BYTES - expected.len());
        assert_eq!(fs::read_to_string(&path).unwrap(), expected + &padding);
        let after = fs::metadata(&path).unwrap();
        assert_eq!((after.ino(), after.len()), (before.ino(), 4096));
    }
    // As on Raspberry Pi OS: others write there, too.
    bench.mount("rw");
    bench.ask(&Word::WriteStatus("writable".into())).unwrap();
    assert_eq!(bench.calls(), "", "it stays as it is");
    assert!(fs::read_to_string(&path).unwrap().starts_with("writable "));

    fs::remove_file(&path).unwrap();
    let error = bench.ask(&Word::WriteStatus("x".into())).unwrap_err();
    let reason = format!("there is no {}", path.display());
    assert!(error.to_string().ends_with(&reason), "{error}");
    assert!(!path.exists(), "it is never made");
}

#[test]
fn what_fails_is_told() {
    let bench = Bench::new();
    bench.command("systemctl", "exit 1");
    bench.command("modprobe", "exit 1");
    for (word, expected) in [
        (
            Word::PowerOff,
            "the helper did not do `power-off`: systemctl poweroff failed",
        ),
        (
            Word::ReloadWifi,
            "the helper did not do `reload-wifi`: brcmfmac cannot be loaded",
        ),
    ] {
        assert_eq!(bench.ask(&word).unwrap_err().to_string(), expected);
    }

    // What does not go was not loaded anew.
    fs::create_dir_all(bench.path("modules/bcm2835_v4l2")).unwrap();
    let error = bench.ask(&Word::ReloadCamera).unwrap_err().to_string();
    let in_use = "the helper did not do `reload-camera`: bcm2835_v4l2 is in use";
    assert_eq!(error, in_use);

    let nowhere = bench.path("nowhere");
    let error = privileged::ask(&nowhere, &Word::Reboot).unwrap_err();
    assert!(matches!(error, PrivilegedError::NoHelper { .. }), "{error}");

    // One that ends without a word.
    let mute = UnixListener::bind(&nowhere).unwrap();
    thread::spawn(move || drop(mute.accept()));
    let error = privileged::ask(&nowhere, &Word::Reboot).unwrap_err();
    assert!(matches!(error, PrivilegedError::NoAnswer { .. }), "{error}");
}
