//! Bad networks: what the camera still has arrives exactly once, what it had to
//! give up is a numbered gap, and its memory stays bounded.

use std::{thread, time::Duration};

use zerocam_e2e::{Camera, FaultProxy, Footage, Viewer, fault_proxy::Fault, service::ServiceHome};

use crate::stage::{
    GARDEN, GOP, RATE, check_arrived, check_no_secrets, follow, follow_to_the_end, holes, settings,
};

const NONE: [u64; 0] = [];
/// Far beyond the ring (6 MB) and the program; in a debug build.
const MOST_MEMORY_BYTES: u64 = 64 * 1024 * 1024;

/// What a bad network left.
struct Outcome {
    /// Numbers of pictures that were captured and never arrived.
    holes: Vec<u64>,
    /// How often the camera said hello.
    connections: usize,
}

/// Streams, lets `trouble` happen, streams on, and checks what always holds.
fn through(trouble: impl FnOnce(&FaultProxy), replay_ring_s: u32) -> Outcome {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    let service = home.start(0);
    let proxy = FaultProxy::before(service.address);
    let mut camera = Camera::start(&zerocam_e2e::camera::CameraSettings {
        replay_ring_s,
        ..settings(&home, proxy.address(), &footage)
    });
    let mut viewer = Viewer::of(&service.playlist_url(GARDEN));
    follow(&mut viewer, 3 * GOP);

    let since = std::time::Instant::now();
    trouble(&proxy);
    let captured = since.elapsed().as_secs() * RATE;
    let (_, before) = viewer.pictures.last().expect("it followed").0;
    follow(&mut viewer, before + captured + 4 * GOP);

    let peak = camera.program.peak_memory_bytes();
    let sent = follow_to_the_end(&mut camera, &proxy, &mut viewer);
    let unseen = check_arrived(&sent, &viewer);
    let outcome = Outcome {
        holes: holes(&viewer),
        connections: sent.hellos.len(),
    };
    println!(
        "{} pictures arrived over {} connections, {} did not, {} gaps; the camera took {} KiB at most",
        viewer.pictures.len(),
        outcome.connections,
        outcome.holes.len(),
        viewer.gaps.len(),
        peak / 1024,
    );
    // What left the camera and was lost on the way stays lost as a hole.
    assert!(
        unseen
            .iter()
            .all(|(_, frame)| outcome.holes.contains(frame))
    );
    assert!(peak < MOST_MEMORY_BYTES, "{peak} bytes");
    check_no_secrets(&home, &service, &[&camera.program]);
    outcome
}

#[test]
fn after_a_reset_nothing_is_missing() {
    let outcome = through(|proxy| proxy.apply(&Fault::Reset), 20);
    assert_eq!(outcome.holes, NONE);
    assert_eq!(outcome.connections, 2);
}

#[test]
fn after_five_seconds_without_network_nothing_is_missing() {
    let outcome = through(
        |proxy| {
            proxy.apply(&Fault::Blackout(true));
            proxy.apply(&Fault::Reset);
            thread::sleep(Duration::from_secs(5));
            proxy.apply(&Fault::Blackout(false));
        },
        20,
    );
    assert_eq!(outcome.holes, NONE);
}

#[test]
fn a_blackout_beyond_the_ring_leaves_a_numbered_gap() {
    let outcome = through(
        |proxy| {
            proxy.apply(&Fault::Blackout(true));
            proxy.apply(&Fault::Reset);
            thread::sleep(Duration::from_secs(12));
            proxy.apply(&Fault::Blackout(false));
        },
        3,
    );
    assert!(!outcome.holes.is_empty());
}

#[test]
fn a_stalled_connection_drops_old_pictures_and_recovers() {
    through(
        |proxy| {
            proxy.apply(&Fault::Stall(true));
            thread::sleep(Duration::from_secs(4));
            proxy.apply(&Fault::Stall(false));
        },
        20,
    );
}

#[test]
fn a_connection_that_leads_nowhere_is_replaced() {
    let outcome = through(
        |proxy| {
            proxy.apply(&Fault::HalfOpen);
            thread::sleep(Duration::from_secs(5));
        },
        20,
    );
    assert!(outcome.connections >= 2);
}

#[test]
fn too_little_bandwidth_drops_the_ends_of_groups_of_pictures() {
    let outcome = through(
        |proxy| {
            // Half of what the footage takes.
            proxy.apply(&Fault::Rate(Some(125_000)));
            thread::sleep(Duration::from_secs(8));
            proxy.apply(&Fault::Rate(None));
        },
        20,
    );
    assert!(!outcome.holes.is_empty());
}
