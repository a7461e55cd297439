//! What visitors do on the real pages: rewind, share, look at the list, come with
//! links that are none, and use WebKit.

use std::{process::Command, time::Duration};

use zerocam_e2e::{
    Camera, Footage, Program, Tab, program::repository, service::ServiceHome, tab::Glance, within,
};

use crate::stage::{GARDEN, check_no_secrets, settings};

/// How soon the page does what it is told.
const SOON: Duration = Duration::from_secs(6);

/// Waits for a glance of this kind.
fn sees(tab: &mut Tab, what: &str, kind: impl Fn(&Glance) -> bool) -> Glance {
    let seen = within(SOON, what, || Some(tab.look()).filter(|now| kind(now)));
    println!(
        "  {} by {}, {:?} ms old, {} pictures",
        seen.state, seen.engine, seen.age_ms, seen.frames
    );
    seen
}

#[test]
fn rewinding_shows_the_past_and_live_leads_back() {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    let service = home.start(0);
    let camera = Camera::start(&settings(&home, service.address, &footage));
    service.wait_until_live(GARDEN);
    let mut tab = Tab::open(&service.link(GARDEN));
    sees(&mut tab, "live", |now| {
        now.state == "live" && now.frames > 0
    });
    within(4 * SOON, "twelve seconds can be rewound", || {
        tab.look().frames.checked_sub(300)
    });

    tab.press("ArrowLeft");
    let rewound = |now: &Glance| now.reason == "rewound" && now.age_ms > Some(9_000.0);
    let first = sees(&mut tab, "ten seconds back", rewound);
    let second = sees(&mut tab, "the past plays on", |now| {
        rewound(now) && now.frames >= first.frames + 50
    });
    assert_ne!(second.engine, "instant");

    tab.press("l");
    let live = |now: &Glance| now.state == "live" && now.age_ms < Some(9_000.0);
    let third = sees(&mut tab, "live again", live);
    let last = sees(&mut tab, "the live picture plays on", |now| {
        live(now) && now.frames >= third.frames + 50
    });
    assert_eq!(last.loads, 1, "without a reload");
    check_no_secrets(&home, &service, &[&camera.program]);
}

#[test]
fn webkit_follows_the_camera_through_an_end_and_a_start() {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    let service = home.start(0);
    let settings = settings(&home, service.address, &footage);
    let mut camera = Camera::start(&settings);
    service.wait_until_live(GARDEN);
    let page = repository().join("cloud/player");
    let mut webkit = Program::start(
        "WebKit",
        Command::new(page.join("node_modules/.bin/vitest"))
            .args(["run", "--project", "service"])
            .current_dir(page)
            .env("LINK", service.link(GARDEN)),
    );
    webkit.wait_for_line("WebKit is live", 2 * SOON);
    camera.end();
    webkit.wait_for_line("WebKit says that the camera was shut down", SOON);
    let camera = Camera::start(&settings);
    println!("{}", webkit.wait_for_line("WebKit is live again", SOON));
    assert!(webkit.wait_for_end(SOON).success(), "{}", webkit.output());
    check_no_secrets(&home, &service, &[&camera.program]);
}

#[test]
fn a_page_whose_link_is_ended_says_so_and_shows_nothing_more() {
    let footage = Footage::bikes();
    let home = ServiceHome::new().with_memory();
    let service = home.start(0);
    let camera = Camera::start(&settings(&home, service.address, &footage));
    service.wait_until_live(GARDEN);
    let link = service.viewers_link(GARDEN);
    let mut guest = Tab::open(&link);
    let mut owner = Tab::open(&service.link(GARDEN));
    for tab in [&mut guest, &mut owner] {
        sees(tab, "live", |now| now.state == "live" && now.frames > 0);
    }
    let said = service.revoke(&link);
    assert!(said.starts_with("ended: "), "{said}");
    sees(&mut guest, "no access", |now| now.state == "no-access");
    let words = guest.read("body");
    assert!(words.contains("This link was ended"), "{words}");
    let last = guest.look();
    let later = sees(&mut owner, "the owner still watches", |now| {
        now.state == "live" && now.frames > 100
    });
    assert_eq!(later.loads, 1);
    assert_eq!(guest.look().frames, last.frames);
    // The link itself leads nowhere any more.
    guest.go(&link);
    let words = guest.read("body");
    assert!(
        words.contains("This link was ended by the camera's owner"),
        "{words}"
    );
    check_no_secrets(&home, &service, &[&camera.program]);
}

#[test]
fn a_guest_watches_by_a_shared_link_and_finds_the_camera_in_the_list() {
    let footage = Footage::bikes();
    let home = ServiceHome::new();
    let service = home.start(0);
    let camera = Camera::start(&settings(&home, service.address, &footage));
    service.wait_until_live(GARDEN);

    let mut owner = Tab::open(&service.link(GARDEN));
    sees(&mut owner, "live", |now| now.state == "live");
    assert_eq!(owner.read("#command"), "Stop camera");
    owner.click("#share");
    let link = within(SOON, "the sheet shows a link", || {
        Some(owner.read("#share-link")).filter(|link| !link.is_empty())
    });
    drop(owner);

    // Another browser, which knows nothing.
    let mut guest = Tab::open(&link);
    sees(&mut guest, "live for the guest", |now| {
        now.state == "live" && now.frames > 50
    });
    assert_eq!(guest.read("#command"), "", "a guest does not stop it");
    assert_eq!(guest.read("#all-cameras"), "", "there is only this camera");

    guest.go(&service.url());
    let card = within(SOON, "the list shows a still of the live camera", || {
        let card = guest.read(".camera");
        let still = guest.look();
        (card.contains("LIVE") && still.frames > 0 && still.error.is_none()).then_some(card)
    });
    assert!(card.contains(GARDEN), "{card}");
    assert_eq!(guest.audit(), [""; 0]);
    guest.click(".camera");
    sees(&mut guest, "from the list to the camera", |now| {
        now.state == "live" && now.frames > 0
    });

    // A second camera, which never was.
    guest.go(&service.viewers_link("shed"));
    assert_eq!(guest.read("#camera"), "shed");
    within(SOON, "the page leads to the list", || {
        Some(guest.read("#all-cameras")).filter(|words| !words.is_empty())
    });
    guest.click("#all-cameras");
    let heading = guest.read("h1");
    assert_eq!(heading, "Cameras");
    check_no_secrets(&home, &service, &[&camera.program]);
}

#[test]
fn links_that_are_none_are_explained_to_everybody() {
    let home = ServiceHome::new();
    let service = home.start(0);
    let url = service.url();
    let other = service.token("shed");
    let mut tab = Tab::open(&format!("{url}/watch/{GARDEN}/"));
    for (link, part) in [
        (service.expired_link(GARDEN), "expired"),
        (format!("{url}/watch/{GARDEN}/"), "camera's owner"),
        (format!("{url}/watch/{GARDEN}/?token={other}"), "shed"),
        (format!("{url}/watch/{GARDEN}/?token=nonsense"), "link"),
        (format!("{url}/t/nonsense/watch/{GARDEN}/"), "link"),
    ] {
        tab.go(&link);
        let text = tab.read("body");
        println!("{}", text.replace('\n', " "));
        assert!(text.contains(part), "{text}");
        assert_eq!(tab.audit(), [""; 0], "{text}");
    }
}
