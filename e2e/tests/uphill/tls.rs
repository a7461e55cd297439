//! The encrypted way to the service, and what is said when it cannot be had.

use rustls::CipherSuite;
use zerocam_e2e::{
    Device, Footage, TlsFront, Viewer, service::ServiceHome, tls_front::Authority, within,
};

use crate::stage::{GARDEN, PATTERN, SOON, camera_says, check_no_secrets, cloud};

#[test]
fn bad_certificates_are_explained_and_good_ones_end_the_trouble() {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    let service = home.start(0);
    let (ours, strangers) = (Authority::new("ours"), Authority::new("theirs"));
    let front = TlsFront::before(service.address, ours.certify("barn.example"));

    let device = Device::new("");
    let ca_file = device.path().join("ca.pem");
    ours.write(&ca_file);
    device.configure(&format!(
        "[cloud]\nurl = \"https://localhost:{}\"\nkey = \"{}\"\nca_file = \"{}\"\n\
         [camera]\nbackend = \"replay\"\nfile = \"{}\"\n",
        front.address().port(),
        home.camera_key(GARDEN),
        ca_file.display(),
        footage.path.display(),
    ));
    let mut daemon = device.start();
    camera_says(&device, "STOPPED", SOON);
    let _ = device.ask("start");
    camera_says(
        &device,
        "not for localhost but for barn.example: check the service's address",
        SOON,
    );
    front.show(ours.certify_for_the_past("localhost"));
    camera_says(
        &device,
        "has expired, or this camera's clock is wrong: check the date",
        SOON,
    );
    front.show(strangers.certify("localhost"));
    camera_says(&device, "from an unknown issuer: set ca_file to", SOON);
    assert!(front.suites().is_empty(), "nobody got through");
    assert!(service.status(GARDEN)["last_seen_unix_ms"].is_null());

    front.show(ours.certify("localhost"));
    // Attempts are half a minute apart by now, at most.
    camera_says(&device, "STREAMING", 6 * SOON);
    service.wait_until_live(GARDEN);
    let mut viewer = Viewer::of(&service.playlist_url(GARDEN));
    within(SOON, "a second of it can be watched", || {
        viewer.look();
        (viewer.pictures.len() >= 25).then_some(())
    });
    assert!(
        front
            .suites()
            .iter()
            .all(|&suite| suite == CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
        "{:?}",
        front.suites()
    );
    assert!(daemon.terminate(SOON).success());
    let log = daemon.output();
    for said in ["not for localhost", "has expired", "unknown issuer"] {
        let lines = log.lines().filter(|line| line.contains(said)).count();
        println!("{lines} lines say {said:?}");
        assert!(lines > 0, "{log}");
    }
    check_no_secrets(&home, &[&daemon, &service.program]);
}

#[test]
fn plain_text_does_not_leave_the_machine_unasked() {
    const NEIGHBOUR: &str = "192.0.2.1:8080";
    let home = ServiceHome::new();
    let sections = cloud(&home, NEIGHBOUR.parse().unwrap()) + PATTERN;
    let device = Device::new(&sections);
    let refused = "is not encrypted";
    assert!(device.ask("check").contains(refused));
    let daemon = device.start();
    camera_says(&device, "NEEDS CONFIGURATION", SOON);
    camera_says(&device, refused, SOON);
    // It reads the file again by itself.
    device.configure(&sections.replace("[cloud]\n", "[cloud]\nallow_plain = true\n"));
    camera_says(&device, "STOPPED", SOON);
    check_no_secrets(&home, &[&daemon]);
}
