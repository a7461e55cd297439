//! A deploy, while the camera's network carries little more than the stream.

use std::{
    fs,
    time::{Duration, Instant},
};

use zerocam_e2e::{
    Deployment, FaultProxy, Footage, deployment, fault_proxy::Fault, service::ServiceHome, within,
};

use crate::stage::{Audience, GARDEN, GOP, RATE, camera, check_what_is_lost};

/// What the network carries of what the camera makes.
const RATIO: f64 = 1.3;

/// Catching up takes 15 s at most, after a move of three.
const RECOVERED: Duration = Duration::from_secs(18);

#[test]
fn plain_hls_never_stops_at_a_deploy() {
    /// Besides the pictures: their headers, those of WebSocket, and health.
    const OVERHEAD: f64 = 1.01;
    let (footage, home) = (Footage::bikes(), ServiceHome::new());
    let mut deployment = Deployment::new(&home, Duration::from_secs(3600));
    let uplink = FaultProxy::before(deployment.address());
    let bytes = fs::metadata(&footage.path).expect("footage").len();
    let lasts_s = footage.pictures.len() as f64 / RATE as f64;
    let rate = RATIO * OVERHEAD * bytes as f64 / lasts_s;
    uplink.apply(&Fault::Rate(Some(rate as u64)));
    let mut camera = camera(&home, uplink.address(), &footage);
    deployment.current().wait_until_live(GARDEN);
    let mut audience = Audience::new(&deployment.watch_url(GARDEN));
    audience.follow(4 * GOP);
    audience.report_no_stop("undisturbed");

    let since = Instant::now();
    let replaced = deployment.deploy();
    within(RECOVERED, "the camera has moved and caught up", || {
        audience.viewer.look();
        let age_ms = deployment.current().status(GARDEN)["age_ms"].as_i64()?;
        (age_ms < 700).then_some(())
    });
    println!("from the deploy on: {:.1} s", since.elapsed().as_secs_f64());
    audience.follow(4 * GOP);
    deployment::end(replaced);
    audience.report_no_stop("a deploy");
    check_what_is_lost(&mut camera, deployment.front(), &mut audience.viewer);
}
