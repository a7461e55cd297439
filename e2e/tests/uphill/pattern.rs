//! The delay from the sensor to the screen, read from the screen.

use std::{thread, time::Duration};

use zerocam_e2e::{Device, Tab, service::ServiceHome, within};

use crate::stage::{GARDEN, PATTERN, SOON, check_no_secrets, cloud, stream};

/// Photographs taken.
const PHOTOGRAPHS: usize = 8;

/// How far what the page says may be from what its picture shows, beyond the
/// time that a photograph took.
const AGREEMENT_MS: f64 = 1500.0;

#[test]
fn the_clock_in_the_picture_is_as_old_as_the_page_says() {
    let home = ServiceHome::new();
    let service = home.start(0);
    let device = Device::new(&(cloud(&home, service.address) + PATTERN));
    let daemon = stream(&device, &service);
    let mut tab = Tab::open(&service.link(GARDEN));
    within(2 * SOON, "the page is live and says how old it is", || {
        let now = tab.look();
        (now.state == "live" && now.age_ms.is_some()).then_some(())
    });

    let mut delays_ms = Vec::new();
    let mut newest = None;
    for _ in 0..PHOTOGRAPHS {
        let photograph = within(SOON, "another picture is on screen", || {
            let photograph = tab.photograph();
            // A picture that is painted over by its successor has two codes.
            let code = photograph.code()?;
            (newest != Some(code)).then(|| {
                assert!(newest < Some(code), "{code} after {newest:?}");
                newest = Some(code);
                photograph
            })
        });
        let code = newest.expect("just read");
        // The code is Unix milliseconds modulo 2^32.
        let age = |now_unix_ms: u64| f64::from(now_unix_ms as u32 - code);
        let shown = (
            age(photograph.before.now_unix_ms),
            age(photograph.after.now_unix_ms),
        );
        let said = photograph.before.age_ms.expect("a live page knows the age");
        println!(
            "on screen: {} to {} ms old; the page says {said} ms",
            shown.0, shown.1
        );
        assert!(
            (shown.0 - AGREEMENT_MS..=shown.1 + AGREEMENT_MS).contains(&said),
            "the page says {said} ms"
        );
        delays_ms.push(shown.0);
        thread::sleep(Duration::from_millis(300));
    }
    delays_ms.sort_by(f64::total_cmp);
    println!(
        "capture to screen: {} to {} ms, median {} ms",
        delays_ms[0],
        delays_ms[PHOTOGRAPHS - 1],
        delays_ms[PHOTOGRAPHS / 2]
    );
    check_no_secrets(&home, &[&daemon, &service.program]);
}
