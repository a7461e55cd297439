//! A long line, and a line that is gone for longer than the camera remembers.

use std::{collections::BTreeMap, thread, time::Duration};

use zerocam_e2e::{
    Device, FaultProxy, Footage, Program, Viewer, fault_proxy::Fault, service::ServiceHome,
    wire_tap::Sent, within,
};

use crate::stage::{GARDEN, SOON, check_no_secrets, cloud, stream};

/// Pictures per second of the footage.
const RATE: usize = 25;

/// The least that can be configured is half of this: four seconds of footage.
const RING_BYTES: usize = 1_000_000;

/// What being cut off may cost: as much again, but not the three times as much
/// that are filmed meanwhile.
const CUT_OFF_BYTES: u64 = 2_000_000;

fn configuration(home: &ServiceHome, proxy: &FaultProxy, footage: &Footage) -> String {
    format!(
        "{}[camera]\nbackend = \"replay\"\nfile = \"{}\"\n[stream]\nreplay_ring_bytes = {RING_BYTES}\n",
        cloud(home, proxy.address()),
        footage.path.display()
    )
}

/// Follows until this many more pictures have arrived.
fn follow(viewer: &mut Viewer, more: usize) {
    let enough = viewer.pictures.len() + more;
    within(2 * SOON, &format!("{more} more pictures arrive"), || {
        viewer.look();
        (viewer.pictures.len() >= enough).then_some(())
    });
}

/// Ends the camera, and follows until the last picture that it sent.
fn follow_to_the_end(daemon: &mut Program, proxy: &FaultProxy, viewer: &mut Viewer) -> Sent {
    assert!(daemon.terminate(SOON).success());
    let sent = Sent::read(&proxy.uploads());
    let (&last, _) = sent.pictures.last_key_value().expect("it streamed");
    within(SOON, "the last picture arrives", || {
        viewer.look();
        (viewer.pictures.last()?.0 == last).then_some(())
    });
    sent
}

#[test]
fn over_a_long_line_everything_arrives_exactly_once() {
    let (footage, home) = (Footage::bikes(), ServiceHome::new());
    let service = home.start(0);
    let proxy = FaultProxy::before(service.address);
    proxy.apply(&Fault::Delay(Duration::from_millis(400)));
    let device = Device::new(&configuration(&home, &proxy, &footage));
    let mut daemon = stream(&device, &service);
    let mut viewer = Viewer::of(&service.playlist_url(GARDEN));
    follow(&mut viewer, 2 * RATE);
    proxy.apply(&Fault::Reset);
    follow(&mut viewer, 4 * RATE);

    let sent = follow_to_the_end(&mut daemon, &proxy, &mut viewer);
    let arrived: BTreeMap<_, _> = viewer.pictures.iter().cloned().collect();
    assert_eq!(arrived.len(), viewer.pictures.len(), "a picture came twice");
    assert!(
        arrived == sent.pictures,
        "what arrived is not what was sent"
    );
    let frames: Vec<u64> = arrived.keys().map(|(_, frame)| *frame).collect();
    assert!(
        frames.iter().copied().eq(0..frames.len() as u64),
        "{frames:?}"
    );
    println!(
        "{} pictures over {} connections",
        frames.len(),
        sent.hellos.len()
    );
    check_no_secrets(&home, &[&daemon, &service.program]);
}

#[test]
fn memory_is_bounded_and_the_gap_numbered_while_nobody_can_be_reached() {
    let (footage, home) = (Footage::bikes(), ServiceHome::new());
    let service = home.start(0);
    let proxy = FaultProxy::before(service.address);
    let device = Device::new(&configuration(&home, &proxy, &footage));
    let mut daemon = stream(&device, &service);
    let mut viewer = Viewer::of(&service.playlist_url(GARDEN));
    follow(&mut viewer, 2 * RATE);
    let before = daemon.peak_memory_bytes();
    proxy.apply(&Fault::Blackout(true));
    proxy.apply(&Fault::Reset);
    // Three times what the ring holds.
    thread::sleep(Duration::from_secs(12));
    proxy.apply(&Fault::Blackout(false));
    follow(&mut viewer, 6 * RATE);

    let grown = daemon.peak_memory_bytes() - before;
    let _ = follow_to_the_end(&mut daemon, &proxy, &mut viewer);
    println!(
        "the camera took {before} bytes at most, and {grown} more when cut off; gaps {:?}",
        viewer.gaps
    );
    assert!(grown < CUT_OFF_BYTES, "{grown} bytes more");
    assert!(!viewer.gaps.is_empty(), "12 s do not fit");
    let gap = |segment| viewer.gaps.contains(&segment);
    assert!(
        viewer
            .pictures
            .iter()
            .all(|(_, picture)| !gap(picture.segment))
    );
    check_no_secrets(&home, &[&daemon, &service.program]);
}
