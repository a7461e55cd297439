//! A card whose file has a mistyped key: told by the light and on the card
//! itself; and the long press that ends it.

use std::time::Duration;

use tempfile::TempDir;
use zerocam::led::table::Look;
use zerocam_e2e::{TlsFront, service::ServiceHome, tls_front::Authority, virtual_pi::HOST};

use crate::stage::{GARDEN, SOON, card, configuration};

/// From a start to the light that says what is wrong.
const START: Duration = Duration::from_secs(150);

#[test]
fn a_mistyped_key_is_told_by_the_light_and_on_the_card() {
    let directory = TempDir::new().unwrap();
    let home = ServiceHome::new();
    let service = home.start(0);
    let front = TlsFront::before(service.address, Authority::new("ours").certify(HOST));
    let (_clip, card) = card(&directory);
    let text = configuration(&card, &home, &front).replace("\nurl = ", "\nurll = ");
    let line = 1 + text
        .lines()
        .position(|line| line.starts_with("urll"))
        .unwrap();
    card.put("zerocam.toml", &text);

    let mut pi = card.power_on();
    pi.wait_for_look(Look::NeedsConfiguration, START);
    assert_eq!(
        pi.wait_until_started(),
        "running",
        "{}",
        pi.shell("systemctl --failed")
    );
    // Eight seconds: the flicker says what letting go will do.
    pi.hold_button(true);
    pi.wait_for_look(Look::ShuttingDown, SOON);
    pi.hold_button(false);
    pi.wait_until_off();

    let status = card.read("zerocam-status.txt");
    println!("{}", status.trim_end());
    assert_eq!(status.len(), 4096, "written in place");
    for told in [
        "NEEDS CONFIGURATION",
        "urll",
        "`url`",
        &format!("line {line}"),
    ] {
        assert!(status.contains(told), "{told:?} is not in it");
    }
    assert_eq!(service.status(GARDEN)["reason"]["code"], "never_seen");
    let key = home.camera_key(GARDEN);
    for (place, text) in [("status file", status), ("console", card.console())] {
        assert!(!text.contains(&key), "the key is in the {place}");
    }
}
