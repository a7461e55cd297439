//! A day on Cloud Run in two minutes: requests are cut, revisions replace one
//! another, instances die.

use std::time::Duration;

use rustix::process::Signal;
use zerocam_e2e::{Camera, Deployment, Footage, deployment, service::ServiceHome, within};

use crate::stage::{Audience, GARDEN, GOP, camera, check_nothing_is_lost};

const ROLL_OVERS: usize = 10;
const DEPLOYS: usize = 5;
const KILLS: usize = 3;

/// Cloud Run cuts requests after an hour, and cameras move after 50 minutes.
const LIMIT: Duration = Duration::from_secs(10);
const MOVE_AFTER: &str = "move_after_s = 4\n";

/// How soon the camera has moved to a new revision: it is asked for every
/// second, and the move takes as long as a segment.
const MOVED: Duration = Duration::from_secs(5);

#[test]
fn viewers_see_all_of_it_through_roll_overs_deploys_and_kills() {
    let (footage, home) = (
        Footage::bikes(),
        ServiceHome::new().with_settings(MOVE_AFTER),
    );
    let mut deployment = Deployment::new(&home, LIMIT);
    let mut camera = camera(&home, deployment.address(), &footage);
    deployment.current().wait_until_live(GARDEN);
    let mut audience = Audience::new(&deployment.watch_url(GARDEN));
    audience.follow(3 * GOP);
    audience.report_no_stop("undisturbed");

    // Whoever is first hands over: the camera, or the service when it meets a
    // segment's first frame on the newer connection.
    let connections = |camera: &Camera| {
        let output = camera.program.output();
        output.matches("state=Connected").count()
    };
    let before = connections(&camera);
    while connections(&camera) < before + ROLL_OVERS {
        audience.follow(GOP);
    }
    audience.report_no_stop(&format!("{ROLL_OVERS} roll-overs"));

    for number in 1..=DEPLOYS {
        let replaced = deployment.deploy();
        // Either way the camera moves: told by the instance that ends, or by the
        // one that notices that requests go elsewhere.
        if number % 2 == 0 {
            replaced.program.signal(Signal::TERM);
        }
        within(MOVED, "the camera has moved", || {
            audience.viewer.look();
            (deployment.current().status(GARDEN)["state"] == "live").then_some(())
        });
        audience.follow(4 * GOP);
        deployment::end(replaced);
        audience.report_no_stop(&format!("deploy {number}"));
    }

    for number in 1..=KILLS {
        deployment.kill();
        audience.follow(8 * GOP);
        audience.plays_on("after a kill");
        audience.report(&format!("kill {number}"));
    }
    check_nothing_is_lost(&mut camera, deployment.front(), &mut audience.viewer);
}
