//! A person's view: Debian's Chromium opens the share link and plays.

use std::{fs, time::Duration};

use zerocam_e2e::{Browser, Camera, FaultProxy, Footage, program::built, service::ServiceHome};

use crate::stage::{GARDEN, check_no_secrets, settings};

#[test]
fn chromium_plays_for_twenty_seconds() {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    let service = home.start(0);
    let proxy = FaultProxy::before(service.address);
    let camera = Camera::start(&settings(&home, proxy.address(), &footage));
    service.wait_until_live(GARDEN);

    // target/PROFILE/PROGRAM
    let program = built("zerocam-cloud");
    let screenshots = program.ancestors().nth(2).unwrap().join("screenshots");
    fs::create_dir_all(&screenshots).unwrap();
    let visit = Browser {
        link: service.link(GARDEN),
        watch: Duration::from_secs(20),
        screenshots: screenshots.clone(),
        name: "live".into(),
    }
    .visit();

    let (first, last) = (&visit.samples[0], visit.samples.last().unwrap());
    let shown = last.frames - first.frames;
    let played_s = last.media_time_s - first.media_time_s;
    let ages = || visit.samples.iter().filter_map(|sample| sample.age_ms);
    println!(
        "live after {} ms by {}; {shown} pictures in {played_s:.1} s of video, {} dropped; \
         age {:.0} to {:.0} ms; screenshots in {}",
        visit.until_live_ms,
        last.engine,
        last.dropped_frames - first.dropped_frames,
        ages().fold(f64::INFINITY, f64::min),
        ages().fold(0.0, f64::max),
        screenshots.display(),
    );
    assert_eq!(visit.complaints, Vec::<String>::new());
    assert_eq!(visit.hosts, [service.address.to_string()]);
    assert!(!visit.address.contains("token"), "{}", visit.address);
    let advances = visit
        .samples
        .windows(2)
        .filter(|pair| pair[1].frames > pair[0].frames);
    assert!(
        2 * advances.count() > visit.samples.len(),
        "the picture stood still: {:?}",
        visit.samples
    );
    assert!(visit.samples.iter().all(|sample| sample.age_ms.is_some()));
    assert_eq!(last.state, "live", "{:?}", visit.samples);
    check_no_secrets(&home, &service, &[&camera.program]);
}
