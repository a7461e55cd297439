//! Nothing is lost, changed, doubled or renumbered from the footage's file to
//! what a player fetches.

use zerocam_e2e::{Camera, FaultProxy, Footage, Viewer, service::ServiceHome};

use crate::stage::{
    GARDEN, GOP, RATE, check_arrived, check_no_secrets, follow, follow_to_the_end, holes, settings,
};

const NONE: [u64; 0] = [];

#[test]
fn every_slice_arrives_once_in_order_with_its_number_and_time() {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    let service = home.start(0);
    let proxy = FaultProxy::before(service.address);
    let mut camera = Camera::start(&settings(&home, proxy.address(), &footage));
    service.wait_until_live(GARDEN);

    // The whole clip, and over its end.
    let length = footage.pictures.len() as u64;
    let mut viewer = Viewer::of(&service.playlist_url(GARDEN));
    follow(&mut viewer, length + 2 * GOP);
    let sent = follow_to_the_end(&mut camera, &proxy, &mut viewer);

    assert_eq!(check_arrived(&sent, &viewer), [], "sent and never arrived");
    assert_eq!(holes(&viewer), NONE, "captured and never arrived");
    assert_eq!(viewer.gaps, NONE);
    let (&(run, first), picture) = sent.pictures.first_key_value().unwrap();
    assert_eq!((first, picture.captured_ms), (0, 0));
    let mut late_ms = 0;
    for ((of_run, frame), picture) in &sent.pictures {
        assert_eq!(*of_run, run);
        let original = &footage.pictures[(frame % length) as usize];
        assert_eq!(picture.slices, *original, "picture {frame}");
        // A new segment with every keyframe, beginning with the run's number.
        assert_eq!(picture.segment, run + frame / GOP);
        assert_eq!(picture.keyframe, frame % GOP == 0);
        // On the footage's beat, unless this machine was held up for a second.
        let late = picture.captured_ms - frame * 1000 / RATE;
        assert!(late >= late_ms, "picture {frame} jumped back");
        late_ms = late;
    }
    println!(
        "{} pictures with {} slices compared, camera held up for {late_ms} ms",
        sent.pictures.len(),
        sent.pictures
            .values()
            .map(|it| it.slices.len())
            .sum::<usize>(),
    );
    check_no_secrets(&home, &service, &[&camera.program]);
}

#[test]
fn a_camera_that_starts_again_continues_with_higher_numbers() {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    let service = home.start(0);
    let proxy = FaultProxy::before(service.address);
    let mut camera = Camera::start(&settings(&home, proxy.address(), &footage));
    let mut viewer = Viewer::of(&service.playlist_url(GARDEN));
    follow(&mut viewer, GOP);
    follow_to_the_end(&mut camera, &proxy, &mut viewer);
    let (first_run, _) = viewer.pictures.last().unwrap().0;

    // A second camera of the same device: a new card, so no memory of numbers.
    let mut camera = Camera::start(&settings(&home, proxy.address(), &footage));
    zerocam_e2e::within(
        std::time::Duration::from_secs(5),
        "the new run shows",
        || {
            viewer.look();
            let ((run, frame), _) = *viewer.pictures.last()?;
            (run > first_run && frame >= GOP).then_some(())
        },
    );
    let sent = follow_to_the_end(&mut camera, &proxy, &mut viewer);
    assert_eq!(check_arrived(&sent, &viewer), []);
}
