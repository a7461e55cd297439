//! Players keep playing when a run ends and another begins.

use zerocam_e2e::{Device, Tab, Viewer, service::ServiceHome, within};

use crate::stage::{GARDEN, PATTERN, SOON, camera_says, check_no_secrets, cloud, stream};

/// Pictures that show that it plays: two seconds.
const SOME: u64 = 30;

/// The page with its own player, and one that checks every number.
struct Audience {
    page: Tab,
    viewer: Viewer,
}

impl Audience {
    /// Both see newer pictures than there are now, and the page never reloads.
    fn goes_on(&mut self, occasion: &str) {
        let before = self.page.look();
        let after = within(4 * SOON, &format!("the page plays on {occasion}"), || {
            self.viewer.look();
            let now = self.page.look();
            assert_eq!(now.error, None, "{occasion}");
            (now.frames >= before.frames + SOME).then_some(now)
        });
        println!(
            "  {} pictures, media time {:.1} to {:.1} s by {}",
            after.frames, before.media_time_s, after.media_time_s, after.engine
        );
        assert_eq!(after.loads, 1, "the page was not loaded again");
    }

    /// Looks until the viewer has seen a picture of a later run.
    fn sees_a_new_run(&mut self) -> u64 {
        let newest = |viewer: &Viewer| viewer.pictures.last().map(|((run, _), _)| *run);
        let before = newest(&self.viewer);
        within(2 * SOON, "a new run is listed", || {
            self.viewer.look();
            newest(&self.viewer).filter(|_| newest(&self.viewer) > before)
        })
    }
}

#[test]
fn players_play_on_across_new_runs_and_restarts() {
    let home = ServiceHome::new();
    let service = home.start(0);
    let device = Device::new(&(cloud(&home, service.address) + PATTERN));
    let mut daemon = stream(&device, &service);
    let mut audience = Audience {
        page: Tab::open(&service.link(GARDEN)),
        viewer: Viewer::of(&service.playlist_url(GARDEN)),
    };
    audience.goes_on("from the start");

    let _ = device.ask("stop");
    camera_says(&device, "STOPPED", SOON);
    let _ = device.ask("start");
    let second = audience.sees_a_new_run();
    audience.goes_on("in a new run of the same process");

    assert!(daemon.terminate(SOON).success());
    let daemon = device.start();
    assert!(audience.sees_a_new_run() > second);
    audience.goes_on("after the camera's restart");

    let port = service.address.port();
    drop(service);
    let service = home.start(port);
    camera_says(&device, "STREAMING", 2 * SOON);
    audience.viewer.expect_new_dates();
    audience.goes_on("after the service's restart");
    check_no_secrets(&home, &[&daemon, &service.program]);
}
