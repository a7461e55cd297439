//! The instant stream in a browser, with the simplest player there can be.

use std::time::Duration;

use zerocam_e2e::{
    Device,
    screen::{Player, watch},
    service::ServiceHome,
};

use crate::stage::{GARDEN, PATTERN, check_no_secrets, cloud, stream};

#[test]
fn media_source_plays_the_instant_stream() {
    let home = ServiceHome::new();
    let service = home.start(0);
    let device = Device::new(&(cloud(&home, service.address) + PATTERN));
    let daemon = stream(&device, &service);
    let playlist = service.playlist_url(GARDEN);
    let url = playlist.replace("plain.m3u8", "live.mp4");
    let shown = watch(
        Player::Source,
        &url,
        Duration::from_secs(2),
        Duration::from_secs(10),
    );
    // At 15 pictures a second, on a busy machine.
    assert!(shown.len() >= 30, "{} pictures", shown.len());
    let in_order = shown.windows(2).all(|pair| pair[0].code <= pair[1].code);
    assert!(in_order, "{shown:?}");
    let mut ages_ms: Vec<f64> = shown.iter().map(|it| it.age_ms).collect();
    ages_ms.sort_by(f64::total_cmp);
    println!(
        "{} pictures, capture to screen: median {:.0} ms, 95 % within {:.0} ms",
        shown.len(),
        ages_ms[ages_ms.len() / 2],
        ages_ms[ages_ms.len() * 95 / 100],
    );
    check_no_secrets(&home, &[&daemon, &service.program]);
}
