//! Make before break.

use zerocam::uplink::UplinkEvent;
use zerocam_protocol::{Frame, ServiceMessage, clock::Exchange, message::ByeReason};

use crate::rig::{Rig, numbers};

fn acknowledgement(rig: &Rig, frame: u64) -> ServiceMessage {
    ServiceMessage::Ack {
        clock: Exchange {
            sent_us: 1,
            echo: None,
        },
        have: rig.camera.position(frame),
    }
}

#[test]
fn a_move_opens_the_next_connection_first_and_loses_nothing() {
    let (mut rig, mut first) = Rig::streaming(30);
    assert_eq!(first.frames(30), numbers(0..30));
    first.say(&ServiceMessage::Move);

    let mut second = rig.accept();
    assert_eq!(second.hello().connection, 2);
    rig.camera.shoot(5);
    assert_eq!(first.frames(5), numbers(30..35));
    // The same service: it has what it acknowledged.
    second.welcome(rig.camera.position(32));
    assert_eq!(second.frames(2), numbers(33..35));
    rig.camera.shoot(30);
    // Until the border, both; from there on only the second.
    assert_eq!(first.frames(15), numbers(35..50));
    assert_eq!(first.bye().reason, ByeReason::Superseded);
    assert_eq!(second.frames(30), numbers(35..65));
    first.closed();
    rig.camera.shoot(5);
    assert_eq!(second.frames(5), numbers(65..70));
}

#[test]
fn a_fresh_service_is_filled_before_it_takes_over() {
    let mut rig = Rig::new();
    rig.camera.shoot(60);
    rig.start();
    let mut first = rig.accept();
    first.hello();
    first.welcome_to_move_after(1);
    assert_eq!(first.frames(60), numbers(0..60));
    let mut second = rig.accept();
    second.hello();
    second.welcome(None);
    assert_eq!(second.frames(60), numbers(0..60));
    rig.camera.shoot(20);
    assert_eq!(first.frames(15), numbers(60..75));
    assert_eq!(first.bye().reason, ByeReason::Superseded);
    assert_eq!(second.frames(20), numbers(60..80));
}

#[test]
fn a_fresh_instance_gets_what_nobody_has_seen_and_takes_over_at_once() {
    // Eight seconds.
    let (mut rig, mut first) = Rig::streaming(200);
    assert_eq!(first.frames(200), numbers(0..200));
    // Megabytes, so that the next one cannot get all of it before the border.
    rig.camera.payload_bytes = 100_000;
    rig.camera.shoot(10);
    assert_eq!(first.frames(10), numbers(200..210));
    first.say(&acknowledgement(&rig, 208));
    first.say(&ServiceMessage::Move);
    let mut second = rig.accept();
    second.hello();
    second.welcome(None);
    // Not all there is, but whole segments.
    let Frame(begin) = second.frames(1)[0];
    assert!(
        begin.is_multiple_of(25) && (100..200).contains(&begin),
        "{begin}"
    );
    rig.camera.shoot(20);
    assert_eq!(first.frames(15), numbers(210..225));
    assert_eq!(first.bye().reason, ByeReason::Superseded);
    // Nothing is left out, although the first one got it.
    assert_eq!(second.frames_until(Frame(229)), numbers(begin + 1..230));
}

#[test]
fn an_acknowledgement_that_overtakes_the_welcome_makes_no_other_service_of_it() {
    let (mut rig, mut first) = Rig::streaming(200);
    assert_eq!(first.frames(200), numbers(0..200));
    first.say(&ServiceMessage::Move);
    let mut second = rig.accept();
    second.hello();
    // It had nothing when it heard the hello.
    first.say(&acknowledgement(&rig, 198));
    first.say(&ServiceMessage::Viewers { count: 3 });
    rig.until(|event| *event == UplinkEvent::Viewers(3));
    second.welcome(None);
    assert_eq!(second.frames(200), numbers(0..200));
    rig.camera.shoot(10);
    assert_eq!(second.frames(10), numbers(200..210));
}

#[test]
fn a_line_that_breaks_while_its_successor_is_on_the_way_is_replaced_by_it() {
    let (rig, mut first) = Rig::streaming(30);
    assert_eq!(first.frames(30), numbers(0..30));
    first.say(&ServiceMessage::Move);
    let mut second = rig.accept();
    second.hello();
    drop(first);
    second.welcome(rig.camera.position(27));
    assert_eq!(second.frames(2), numbers(28..30));
}
