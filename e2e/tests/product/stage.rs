//! What the tests have in common: a camera named garden behind a fault proxy,
//! and what must hold between what it sent and what a viewer got.

use std::{collections::BTreeMap, time::Duration};

use zerocam_e2e::{
    Camera, FaultProxy, Footage, Program, Service, Viewer,
    camera::CameraSettings,
    service::ServiceHome,
    wire_tap::{Picture, Place, Sent},
    within,
};

/// The camera's name.
pub(crate) const GARDEN: &str = "garden";
/// Pictures per second of the footage.
pub(crate) const RATE: u64 = 25;
/// Pictures from keyframe to keyframe, a segment each.
pub(crate) const GOP: u64 = 25;

/// A device that plays `footage` to `url` as the camera named garden.
pub(crate) fn settings<'a>(
    home: &ServiceHome,
    url: impl std::fmt::Display,
    footage: &'a Footage,
) -> CameraSettings<'a> {
    CameraSettings {
        url: format!("http://{url}"),
        key: home.camera_key(GARDEN),
        footage: &footage.path,
        device: "device-1",
        replay_ring_s: 20,
    }
}

/// Follows until the viewer has pictures up to this number, in real time.
pub(crate) fn follow(viewer: &mut Viewer, frame: u64) {
    let designed = Duration::from_secs(5 + frame / RATE);
    within(designed, &format!("a viewer has picture {frame}"), || {
        viewer.look();
        let (_, newest) = viewer.pictures.last()?.0;
        (newest >= frame).then_some(())
    });
}

/// Ends the camera, and follows until all that it sent can be watched.
pub(crate) fn follow_to_the_end(
    camera: &mut Camera,
    proxy: &FaultProxy,
    viewer: &mut Viewer,
) -> Sent {
    camera.end();
    let sent = Sent::read(&proxy.uploads());
    let (&last, _) = sent.pictures.last_key_value().expect("pictures were sent");
    within(Duration::from_secs(3), "the last picture is shown", || {
        viewer.look();
        (viewer.pictures.last()?.0 == last).then_some(())
    });
    sent
}

/// Everything that arrived was sent just so, in order, and once. Gives what was
/// sent and did not arrive.
pub(crate) fn check_arrived(sent: &Sent, viewer: &Viewer) -> Vec<Place> {
    let mut missing: BTreeMap<Place, &Picture> = sent
        .pictures
        .iter()
        .map(|(place, it)| (*place, it))
        .collect();
    let mut before = None;
    for (place, picture) in &viewer.pictures {
        assert!(before < Some(*place), "{place:?} after {before:?}");
        before = Some(*place);
        let original = missing
            .remove(place)
            .unwrap_or_else(|| panic!("{place:?} was never sent"));
        assert_eq!(original, picture, "{place:?} changed on the way");
    }
    missing.into_keys().collect()
}

/// The numbers missing up to the last picture, of a viewer of a single run.
/// After each hole comes a keyframe.
pub(crate) fn holes(viewer: &Viewer) -> Vec<u64> {
    let mut holes = Vec::new();
    let mut due = 0;
    for ((_, frame), picture) in &viewer.pictures {
        if *frame != due {
            assert!(picture.keyframe, "picture {frame} follows a hole");
            holes.extend(due..*frame);
        }
        due = frame + 1;
    }
    holes
}

/// No log has a secret in it.
pub(crate) fn check_no_secrets(home: &ServiceHome, service: &Service<'_>, others: &[&Program]) {
    let key = home.camera_key(GARDEN);
    let (_, mac) = key.rsplit_once('.').expect("a key ends in its code");
    for program in others.iter().copied().chain([&service.program]) {
        let output = program.output();
        assert!(!output.is_empty(), "a program says that it runs");
        for secret in [home.signing_key(), mac] {
            assert!(!output.contains(secret), "a secret in a log:\n{output}");
        }
        // Links differ in their codes; what all have in common is enough.
        for link in ["view.garden.", "control.garden."] {
            assert!(!output.contains(link), "a link in a log:\n{output}");
        }
    }
}
