//! Who may start and stop the camera: its owner at the camera, at the page, and
//! the newest of them counts. What is wished survives everything.

use rustix::process::Signal;
use zerocam_e2e::{Device, Tab, service::ServiceHome, within};
use zerocam_protocol::limits::CHECKIN_INTERVAL;

use crate::stage::{
    GARDEN, PATTERN, SOON, camera_says, check_no_secrets, cloud, service_says, stream, wish,
};

#[test]
fn the_newest_wish_counts_and_survives_a_kill() {
    let home = ServiceHome::new();
    let service = home.start(0);
    let device = Device::new(&(cloud(&home, service.address) + PATTERN));
    let mut daemon = stream(&device, &service);

    // The service after the camera, the camera after the service.
    let wished = wish(&service, "stopped");
    camera_says(&device, "stopped from its page", SOON);
    let status = service_says(&service, "stopped", SOON);
    assert_eq!(status["state"], "offline", "{status}");
    assert_eq!(status["desired"], wished);
    let _ = device.ask("start");
    let status = service.wait_until_live(GARDEN);
    assert_eq!(status["desired"]["state"], "started", "{status}");
    assert!(status["desired"]["version"].as_u64() > wished["version"].as_u64());

    // Killed while it streams, it streams again.
    daemon.signal(Signal::KILL);
    daemon.wait_for_end(SOON);
    daemon = device.start();
    camera_says(&device, "STREAMING", SOON);
    service.wait_until_live(GARDEN);

    // What is wished while it is away is heard when it comes back, ...
    daemon.signal(Signal::KILL);
    daemon.wait_for_end(SOON);
    let _ = wish(&service, "stopped");
    daemon = device.start();
    camera_says(&device, "stopped from its page", SOON);
    service_says(&service, "stopped", SOON);

    // ... and kept, without the service too.
    daemon.signal(Signal::KILL);
    daemon.wait_for_end(SOON);
    drop(service);
    let daemon = device.start();
    camera_says(&device, "it was stopped before", SOON);
    check_no_secrets(&home, &[&daemon]);
}

#[test]
fn the_button_on_the_page_stops_and_starts_the_camera() {
    let home = ServiceHome::new();
    let service = home.start(0);
    let device = Device::new(&(cloud(&home, service.address) + PATTERN));
    let daemon = stream(&device, &service);
    let mut tab = Tab::open(&service.link(GARDEN));
    let page_says = |tab: &mut Tab, state: &str, designed| {
        within(designed, &format!("the page says {state:?}"), || {
            let now = tab.look();
            (now.state == state).then_some(now)
        })
    };
    page_says(&mut tab, "live", 2 * SOON);

    tab.click("#command[data-wish=stopped]");
    let stopped = page_says(&mut tab, "offline", SOON);
    assert_eq!(stopped.reason, "stopped");
    camera_says(&device, "stopped from its page", SOON);

    // A stopped camera asks twice a minute.
    tab.click("#command[data-wish=started]");
    camera_says(&device, "STREAMING", CHECKIN_INTERVAL);
    let live = page_says(&mut tab, "live", 2 * SOON);
    within(SOON, "the picture moves again", || {
        (tab.look().frames > live.frames + 10).then_some(())
    });
    assert_eq!(tab.look().loads, 1, "the page was not loaded again");
    check_no_secrets(&home, &[&daemon, &service.program]);
}
