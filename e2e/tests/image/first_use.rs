//! The life of a good card: first start while the service is down, a press and
//! a picture, another press, the registers instead of the character device, and
//! a power cut while it films.

use std::{
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tempfile::TempDir;
use zerocam::led::table::Look;
use zerocam_e2e::{
    Footage, Tab, TlsFront, Viewer, VirtualPi,
    service::{Service, ServiceHome, status_at},
    tls_front::Authority,
    virtual_pi::HOST,
    within,
};

use crate::{
    stage::{CLIP, GARDEN, SOON, card, configuration},
    start_time,
};

/// From a start to the light of a state that needs the network.
const START: Duration = Duration::from_secs(150);
/// Light that lasts longer is no flash.
const STEADY: Duration = Duration::from_millis(300);
/// How many pictures are compared.
const PICTURES: usize = 60;
/// How many photographs of the screen are compared.
const PHOTOGRAPHS: usize = 5;
/// How far a date or a clock may be from the service's clock.
const RIGHT: Duration = Duration::from_secs(60);

#[test]
fn press_watch_and_a_power_cut() {
    let directory = TempDir::new().unwrap();
    let home = ServiceHome::new();
    // A port of its own, at which nothing listens yet.
    let address = home.start(0).address;
    let ours = Authority::new("ours");
    let front = TlsFront::before(address, ours.certify(HOST));
    let (clip, card) = card(&directory);
    card.put("ca.pem", &ours.pem());
    card.put("zerocam.toml", &configuration(&card, &home, &front));

    let pi = card.power_on();
    assert_eq!(
        pi.wait_until_started(),
        "running",
        "{}",
        pi.shell("systemctl --failed")
    );
    pi.wait_for_look(Look::CloudConnecting, START);
    // As without a file that keeps the time, and where no time server is reached:
    // the service's certificate is not valid yet.
    pi.run("systemctl stop systemd-timesyncd; date --set=@1000000");
    let service = home.start(address.port());
    pi.wait_for_look(Look::Ready, SOON);
    start_time::print(&pi);
    runs_unprivileged(&pi);
    the_sensors_bus_is_left_alone(&pi);

    let mut tab = Tab::open(&service.link(GARDEN));
    let press = pi.press();
    picture_after(press, &pi, &service, &mut tab);
    pi.wait_for_look(Look::StreamingWatched, SOON);
    screen_shows(&clip, &mut tab);
    player_gets(&clip, &service);
    println!(
        "{}",
        pi.shell("grep -E '^Vm(HWM|RSS)' /proc/$(pidof zerocam)/status")
            .trim()
    );
    clock_is_right(&pi);

    drop(tab);
    pi.wait_for_look(Look::Streaming, SOON);
    pi.press();
    pi.wait_for_look(Look::Ready, SOON);
    service.wait_for_state(GARDEN, "offline", SOON);
    assert_eq!(service.status(GARDEN)["reason"]["code"], "stopped");

    through_registers_as_root(&pi, &service);

    // Back the shipped way, and the plug is pulled while it films.
    pi.run("systemctl stop zerocam-registers; systemctl start zerocam");
    pi.wait_for_look(Look::Ready, SOON);
    pi.press();
    service.wait_for_state(GARDEN, "live", SOON);
    drop(pi);
    service.wait_for_state(GARDEN, "offline", SOON);
    let pi = card.power_on();
    service.wait_for_state(GARDEN, "live", START);
    println!(
        "from power to live, unasked: {:.1} s",
        pi.since.elapsed().as_secs_f64()
    );
    pi.wait_for_look(Look::Streaming, SOON);
    assert_eq!(
        pi.wait_until_started(),
        "running",
        "{}",
        pi.shell("systemctl --failed")
    );
}

/// The service has told the time.
fn clock_is_right(pi: &VirtualPi) {
    let shown: u64 = pi.shell("date +%s").trim().parse().expect("seconds");
    let off = Duration::from_secs(shown).abs_diff(unix_time());
    println!("its clock is {:.0} s off", off.as_secs_f64());
    assert!(off < RIGHT, "the clock is {off:?} off");
}

fn unix_time() -> Duration {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.expect("it is not 1970 here")
}

/// A user of its own, the character device, and no root; the clock for itself
/// and for nobody it starts.
fn runs_unprivileged(pi: &VirtualPi) {
    let ids = pi.shell("grep -E '^(Uid|CapEff|CapAmb)' /proc/$(pidof zerocam)/status");
    println!("{}", ids.trim());
    assert!(!ids.contains("Uid:\t0"), "{ids}");
    assert!(ids.contains("CapEff:\t0000000002000000"), "{ids}");
    assert!(ids.contains("CapAmb:\t0000000000000000"), "{ids}");
    let open = pi.shell("ls -l /proc/$(pidof zerocam)/fd");
    assert!(open.contains("anon_inode:gpio-line"), "{open}");
}

/// The board's firmware drives the sensor over a controller that Linux knows, too.
fn the_sensors_bus_is_left_alone(pi: &VirtualPi) {
    let drivers = pi.shell("ls /sys/bus/platform/drivers");
    assert!(drivers.contains("bcm2835-mbox"), "{drivers}");
    assert!(!drivers.contains("i2c-bcm2835"), "{drivers}");
}

/// Follows what a press brings about, up to pictures that move on the screen.
fn picture_after(press: Instant, pi: &VirtualPi, service: &Service<'_>, tab: &mut Tab) {
    let (status_url, playlist_url) = (service.status_url(GARDEN), service.playlist_url(GARDEN));
    let steps: [(&str, &mut dyn FnMut() -> bool); 4] = [
        ("the service is told", &mut || {
            status_at(&status_url)["reason"]["code"] != "stopped"
        }),
        ("the service has pictures", &mut || {
            status_at(&status_url)["state"] == "live"
        }),
        ("a player can begin", &mut || {
            ureq::get(&playlist_url).call().is_ok()
        }),
        ("pictures move in the browser", &mut || {
            let now = tab.look();
            now.state == "live" && now.frames >= 2 && now.media_time_s > 0.0
        }),
    ];
    let mut since = None;
    let lit = within(SOON, "the light is on", || {
        let since = since.get_or_insert_with(Instant::now);
        if !pi.is_lit() {
            *since = Instant::now();
        }
        // Longer than the flash of a camera that is ready.
        (since.elapsed() > STEADY).then(|| since.duration_since(press))
    });
    let mut before = Duration::ZERO;
    let mut shares = vec![("the light is on", lit)];
    for (what, seen) in steps {
        within(SOON, what, || seen().then_some(()));
        shares.push((what, press.elapsed()));
    }
    let total = press.elapsed();
    println!(
        "from the press to the picture: {:.1} s, of that",
        total.as_secs_f64()
    );
    for (what, at) in shares {
        let share = (at - before).as_secs_f64();
        before = at;
        println!(
            "  {:5.1} %  {share:5.1} s  until {what}",
            100.0 * share / total.as_secs_f64()
        );
    }
}

/// Every picture on the screen is one that was fed.
fn screen_shows(clip: &Footage, tab: &mut Tab) {
    let mut newest = None;
    for _ in 0..PHOTOGRAPHS {
        let number = within(SOON, "another picture is on screen", || {
            tab.photograph().code().filter(|code| newest != Some(*code))
        });
        println!("on screen: picture {number}");
        assert!((number as usize) < clip.pictures.len());
        newest = Some(number);
        thread::sleep(Duration::from_millis(200));
    }
}

/// What a player fetches is what was fed, bit by bit, in order; and dated by the
/// service's clock, whatever the camera's says.
fn player_gets(clip: &Footage, service: &Service<'_>) {
    let mut viewer = Viewer::of(&service.playlist_url(GARDEN));
    within(SOON, "pictures to compare", || {
        viewer.look();
        (viewer.pictures.len() >= PICTURES).then_some(())
    });
    // Pictures that follow others in the same way may be coded alike, keyframes
    // are not: the next one ahead is meant.
    let count = clip.pictures.len();
    let mut fed: Vec<usize> = Vec::new();
    for (place, picture) in &viewer.pictures {
        let next = fed.last().map_or(0, |last| last + 1);
        let mut ahead = (0..count).map(|step| (next + step) % count);
        let found = ahead.find(|&at| clip.pictures[at] == picture.slices);
        fed.push(found.unwrap_or_else(|| panic!("{place:?} was never fed")));
    }
    let (mut lost, mut dropped) = (0, 0);
    for (pair, places) in fed.windows(2).zip(viewer.pictures.windows(2)) {
        let [((run, first), _), ((next_run, second), _)] = places else {
            unreachable!("windows of two");
        };
        // A camera whose computer was frozen for a while begins anew.
        if run != next_run {
            continue;
        }
        assert!(first < second, "frame {second} after {first}");
        let numbered = (second - first) as usize;
        dropped += numbered - 1;
        // Between the numbers, only the driver can have lost one.
        lost += (pair[1] + 2 * count - pair[0] - numbered % count) % count;
    }
    println!(
        "{} pictures are the fed ones, in order; {dropped} were dropped on the way, {lost} not captured",
        fed.len()
    );
    assert!(lost < fed.len() / 2, "in order: {fed:?}");
    let now = unix_time();
    let run = viewer.pictures.last().map(|((run, _), _)| *run);
    for (dated_ms, _) in viewer.dates(run.expect("there are pictures")) {
        let dated = Duration::from_millis(u64::try_from(dated_ms).expect("not before 1970"));
        assert!(dated.abs_diff(now) < RIGHT, "dated {dated:?} at {now:?}");
    }
    let video = &service.status(GARDEN)["video"];
    assert_eq!(video["width"], CLIP.width);
    assert_eq!(video["height"], CLIP.height);
}

/// The same pins through the registers, as root: what Raspberry Pi OS offers.
fn through_registers_as_root(pi: &VirtualPi, service: &Service<'_>) {
    // With a state of its own: the daemon could not read what root has written.
    pi.run(
        r#"systemctl stop zerocam
        mkdir -p /run/zerocam /run/virtual-pi/state
        sed -e 's|^backend = "auto"|backend = "rppal"|' -e 's|^state_dir = .*|state_dir = "/run/virtual-pi/state"|' \
            /boot/firmware/zerocam.toml >/run/virtual-pi/zerocam.toml
        systemd-run --quiet --unit=zerocam-registers --property=Type=notify --property=WatchdogSec=30 \
            /usr/bin/zerocam --config /run/virtual-pi/zerocam.toml run"#,
    );
    pi.wait_for_look(Look::Ready, SOON);
    let maps = pi.shell("grep /dev/mem /proc/$(pidof zerocam)/maps");
    assert!(maps.contains("/dev/mem"), "it does not use the registers");
    pi.press();
    service.wait_for_state(GARDEN, "live", SOON);
    pi.wait_for_look(Look::Streaming, SOON);
    pi.press();
    pi.wait_for_look(Look::Ready, SOON);
}
