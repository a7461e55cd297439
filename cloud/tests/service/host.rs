//! What `cloud/host` holds for a machine of one's own: unit, configuration, and
//! a proxy that passes everything on as it comes.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{
    bench::{PATIENCE, Service},
    camera::{Camera, frames, hello},
    instant::Stream,
    process::{prints, program},
};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("host")
        .join(name)
}

#[test]
fn the_configuration_is_good() {
    let mut check = program();
    check
        .arg("--config")
        .arg(shipped("cloud.toml"))
        .arg("check");
    let said = prints(&mut check);
    let good = "good: listens on 127.0.0.1:8080, reached at https://cam.example\n";
    assert!(said.starts_with(good), "{said}");
    // systemd makes the directory that it names.
    let read = |name| fs::read_to_string(shipped(name)).unwrap();
    assert!(read("cloud.toml").contains("memory = \"/var/lib/zerocam-cloud\"\n"));
    assert!(read("zerocam-cloud.service").contains("\nStateDirectory=zerocam-cloud\n"));
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    const UNIT: &str = "zerocam-cloud.service";
    let root = TempDir::new().unwrap();
    let install = |from: &Path, to: &str| {
        let to = root.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    };
    install(&shipped(UNIT), &format!("etc/systemd/system/{UNIT}"));
    let service = Path::new(env!("CARGO_BIN_EXE_zerocam-cloud"));
    install(service, "usr/local/bin/zerocam-cloud");
    for file in fs::read_dir("/usr/lib/systemd/system").unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        if name.ends_with(".target") {
            install(&file.path(), &format!("usr/lib/systemd/system/{name}"));
        }
    }
    let analyze = |arguments: &[&str]| {
        let mut command = Command::new("systemd-analyze");
        command.args(arguments).arg("--no-pager");
        let output = command.arg("--root").arg(root.path()).arg(UNIT).output();
        let output = output.expect("systemd-analyze is installed");
        let text = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy);
        (output.status.success(), text.concat())
    };
    assert_eq!(analyze(&["verify", "--man=no"]), (true, String::new()));
    let (tight, exposure) = analyze(&["security", "--offline=true", "--threshold=20"]);
    assert!(tight, "{exposure}");
}

/// nginx with the shipped configuration, but for certificates and ports.
struct Proxy {
    address: SocketAddr,
    nginx: Child,
    _directory: TempDir,
}

impl Proxy {
    fn before(service: &Service) -> Self {
        // Free a moment ago, which is as good as one can know for nginx.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let shipped = fs::read_to_string(shipped("nginx.conf")).unwrap();
        let is_plain = |line: &&str| !line.trim_start().starts_with("ssl_certificate");
        let site: Vec<&str> = shipped.lines().filter(is_plain).collect();
        let site = site
            .join("\n")
            .replace("443 ssl http2", &address.to_string())
            .replace("127.0.0.1:8080", &service.address.to_string());
        let directory = TempDir::new().unwrap();
        let configuration = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr;\n\
             events {{}}\n\
             http {{\naccess_log off;\nclient_body_temp_path body; proxy_temp_path proxy;\n\
             fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n{site}\n}}\n"
        );
        fs::write(directory.path().join("nginx.conf"), configuration).unwrap();
        let nginx = Command::new("nginx")
            .arg("-p")
            .arg(directory.path())
            .args(["-c", "nginx.conf", "-e", "stderr"])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "nginx does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Self {
            address,
            nginx,
            _directory: directory,
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.nginx.kill();
        let _ = self.nginx.wait();
    }
}

#[test]
fn through_nginx_each_frame_comes_before_the_next_one_is_sent() {
    let mut service = Service::start();
    let proxy = Proxy::before(&service);
    service.address = proxy.address;
    let units = frames(80);
    let (mut camera, _) = Camera::welcomed(&service, hello("garden", "dev-a", 1));
    camera.send_frames(&units[..60]);
    camera.until_acknowledged(58);
    let mut stream = Stream::open(&service, "garden");
    let mut got: Vec<u64> = (50..=58).map(|_| stream.next_frame().unwrap()).collect();
    for unit in &units[60..] {
        camera.send_frames([unit]);
        got.push(stream.next_frame().unwrap());
    }
    assert_eq!(got, (50..79).collect::<Vec<_>>());
}
