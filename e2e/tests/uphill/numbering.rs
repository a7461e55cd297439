//! Players keep playing when a run ends and another begins.

use std::thread;

use zerocam_e2e::{Device, Tab, Viewer, service::ServiceHome, within};

use crate::stage::{GARDEN, PATTERN, SOON, camera_says, check_no_secrets, cloud, stream};

/// Pictures that show that it plays: two seconds.
const SOME: u64 = 30;

/// Pictures that are listed before the browser's own player begins, four
/// seconds: RFC 8216, section 6.2.2, wants three target durations, and Chromium
/// ends with DEMUXER_ERROR_COULD_NOT_PARSE ("segment queue never had any data")
/// when it has fetched all of a shorter list before the next segment.
const ENOUGH: usize = 60;

/// The page with its own player, the browser's player, and one that checks
/// every number.
struct Audience {
    page: Tab,
    native: Option<Tab>,
    viewer: Viewer,
}

impl Audience {
    /// All see newer pictures than there are now, and never reloaded.
    fn goes_on(&mut self, occasion: &str) {
        let page = ("page", &mut self.page);
        let native = self.native.iter_mut().map(|tab| ("native player", tab));
        for (name, tab) in std::iter::once(page).chain(native) {
            let before = tab.look();
            let after = within(4 * SOON, &format!("the {name} plays on {occasion}"), || {
                self.viewer.look();
                let now = tab.look();
                assert_eq!(now.error, None, "{name} {occasion}");
                (now.frames >= before.frames + SOME).then_some(now)
            });
            println!(
                "  {} pictures, media time {:.1} to {:.1} s by {}",
                after.frames, before.media_time_s, after.media_time_s, after.engine
            );
            assert_eq!(after.loads, 1, "the {name} was not loaded again");
        }
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
    let playlist = service.playlist_url(GARDEN);
    let mut viewer = Viewer::of(&playlist);
    within(2 * SOON, "four seconds are listed", || {
        viewer.look();
        (viewer.pictures.len() >= ENOUGH).then_some(())
    });
    let mut audience = thread::scope(|scope| {
        let native = scope.spawn(|| Tab::play(&playlist));
        Audience {
            page: Tab::open(&service.link(GARDEN)),
            native: Some(native.join().expect("the browser starts")),
            viewer,
        }
    });
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

    // A bare <video> gives up at the first playlist that it cannot have; only
    // the page outlives the service.
    audience.native = None;
    let port = service.address.port();
    drop(service);
    let service = home.start(port);
    audience.viewer.expect_new_dates();
    camera_says(&device, "STREAMING", 2 * SOON);
    audience.goes_on("after the service's restart");
    check_no_secrets(&home, &[&daemon, &service.program]);
}
