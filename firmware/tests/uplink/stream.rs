//! Streaming, reconnecting, stopping.

use std::time::{Duration, Instant};

use zerocam::uplink::{LinkState, UplinkEvent};
use zerocam_protocol::{
    CameraMessage, Frame, Run, Segment, ServiceMessage,
    checkin::{Desired, DesiredState},
    clock::Exchange,
    message::{Bye, ByeReason, Health},
};

use crate::rig::{Incoming, Rig, numbers};

#[test]
fn frames_arrive_in_order_and_a_stop_sends_what_waits() {
    let mut rig = Rig::new();
    rig.camera.shoot(30);
    rig.start();
    let mut service = rig.accept();
    let hello = service.hello();
    assert_eq!(hello.camera.as_str(), "garden");
    assert_eq!(hello.device.as_str(), "dev-1");
    assert_eq!((hello.run, hello.connection), (Run(1000), 1));
    assert_eq!(hello.validate(), Ok(()));
    assert_eq!(hello.public_url, rig.public_url());
    service.welcome(None);
    assert_eq!(service.frames(30), numbers(0..30));

    rig.camera.shoot(5);
    rig.stop("stopped by its button");
    assert_eq!(service.frames(5), numbers(30..35));
    assert_eq!(service.bye().text, "stopped by its button");
    service.closed();
    rig.until(|event| matches!(event, UplinkEvent::State(LinkState::Idle, reason) if reason == "stopped by its button"));
}

#[test]
fn messages_of_the_service_become_events() {
    let (rig, mut service) = Rig::streaming(1);
    let desired = Desired {
        state: DesiredState::Stopped,
        version: 7,
    };
    service.say(&ServiceMessage::Viewers { count: 3 });
    service.say(&ServiceMessage::Command(desired));
    assert_eq!(
        rig.until(|event| matches!(event, UplinkEvent::Viewers(3 | 0))),
        UplinkEvent::Viewers(0)
    );
    rig.until(|event| *event == UplinkEvent::Viewers(3));
    rig.until(|event| *event == UplinkEvent::Command(desired));
}

#[test]
fn health_carries_the_figures_and_a_complete_clock_exchange() {
    let mut rig = Rig::new();
    rig.camera.shoot(1);
    rig.uplink().report(Health {
        wifi_signal_dbm: Some(-61),
        ..Health::default()
    });
    rig.start();
    let mut service = rig.accept();
    service.hello();
    service.welcome(None);
    let (clock, health) = service.health();
    assert_eq!(clock.echo, None);
    assert_eq!(health.wifi_signal_dbm, Some(-61));
    assert_eq!(
        (health.dropped_frames, health.connections),
        (Some(0), Some(1))
    );

    assert_eq!(service.frames(1), numbers(0..1));

    // The first acknowledgement is answered at once.
    let ours = Exchange {
        sent_us: 1_790_000_000_000_000,
        echo: None,
    };
    service.say(&ServiceMessage::Ack {
        clock: ours,
        have: None,
    });
    let (answer, _) = service.health();
    assert_eq!(answer.echo.unwrap().sent_us, ours.sent_us);
    assert!((clock.sent_us..=answer.sent_us).contains(&answer.echo.unwrap().received_us));
}

#[test]
fn a_clock_exchange_is_complete_before_the_first_frame() {
    let mut rig = Rig::new();
    rig.camera.shoot(1);
    rig.start();
    let mut service = rig.accept();
    service.hello();
    let clock = Exchange {
        sent_us: 1_790_000_000_000_000,
        echo: None,
    };
    service.say(&ServiceMessage::Ack { clock, have: None });
    service.welcome(None);
    let (answer, _) = service.health();
    assert_eq!(answer.echo.unwrap().sent_us, clock.sent_us);
    assert_eq!(service.frames(1), numbers(0..1));
}

#[test]
fn after_a_reconnect_the_stream_goes_on_where_the_service_says() {
    let (mut rig, mut service) = Rig::streaming(100);
    assert_eq!(service.frames(60), numbers(0..60));
    drop(service);

    let mut service = rig.accept();
    assert_eq!(service.hello().connection, 2);
    service.welcome(rig.camera.position(36));
    assert_eq!(service.frames(63), numbers(37..100));
    rig.camera.shoot(10);
    assert_eq!(service.frames(10), numbers(100..110));
}

#[test]
fn a_service_that_has_nothing_gets_at_most_ten_seconds_from_a_segment_on() {
    // 25 frames a second: 14 s.
    let (_rig, mut service) = Rig::streaming(350);
    let first = service.frames(1)[0];
    assert!(
        first >= Frame(100) && first.0.is_multiple_of(25),
        "{first:?}"
    );
    assert_eq!(service.frames(349 - first.0), numbers(first.0 + 1..350));
}

#[test]
fn a_new_run_is_announced_on_the_same_connection() {
    let (mut rig, mut service) = Rig::streaming(30);
    assert_eq!(service.frames(30), numbers(0..30));
    rig.camera.begin_run(Run(1001));
    rig.camera.shoot(3);
    let hello = service.hello();
    assert_eq!((hello.run, hello.connection), (Run(1001), 1));
    service.welcome(None);
    assert_eq!(service.frames(3), numbers(0..3));
}

#[test]
fn higher_numbers_at_the_service_ask_for_a_new_run() {
    let mut rig = Rig::new();
    rig.camera.shoot(30);
    rig.start();
    let mut service = rig.accept();
    service.hello();
    service.welcome_above(Segment(5000));
    rig.until(|event| *event == UplinkEvent::Floor(Segment(5000)));
    rig.camera.begin_run(Run(5001));
    rig.camera.shoot(2);
    assert_eq!(service.hello().run, Run(5001));
    assert_eq!(service.frames(2), numbers(0..2));
}

#[test]
fn our_own_numbers_at_the_service_do_not() {
    let (rig, mut service) = Rig::streaming(60);
    service.frames(60);
    drop(service);
    let mut service = rig.accept();
    service.hello();
    service.welcome_above(Segment(1002));
    // It lost the frames, but knows the numbers.
    assert_eq!(service.frames(60), numbers(0..60));
}

#[test]
fn a_stale_run_is_followed_by_a_new_one() {
    let (mut rig, mut service) = Rig::streaming(30);
    service.frames(30);
    service.say(&ServiceMessage::Bye(Bye::new(
        ByeReason::StaleRun,
        "run 1000 has ended",
    )));
    rig.until(|event| *event == UplinkEvent::Floor(Segment(1001)));
    rig.camera.begin_run(Run(1002));
    rig.camera.shoot(2);
    let mut service = rig.accept();
    service.hello();
    service.welcome(None);
    assert_eq!(service.frames(2), numbers(0..2));
}

#[test]
fn a_service_that_closes_in_any_state_is_connected_to_again() {
    type Close = fn(&mut Rig);
    let closings: [Close; 6] = [
        |rig| drop(rig.accept_tcp()),
        |rig| drop(rig.accept()),
        |rig| {
            rig.accept().hello();
        },
        |rig| {
            let mut service = rig.accept();
            service.hello();
            service.welcome(None);
        },
        |rig| {
            let mut service = rig.accept();
            service.hello();
            service.say(&ServiceMessage::Bye(Bye::new(
                ByeReason::ServiceStopping,
                "stopping",
            )));
        },
        |rig| {
            let mut service = rig.accept();
            service.hello();
            service.welcome(None);
            service.frames(10);
            service.close("moving house");
        },
    ];
    for close in closings {
        let mut rig = Rig::new();
        rig.camera.shoot(30);
        rig.start();
        close(&mut rig);
        let mut service = rig.accept();
        service.hello();
        service.welcome(None);
        assert_eq!(service.frames(30), numbers(0..30));
    }
}

#[test]
fn the_services_last_words_are_repeated() {
    let mut rig = Rig::new();
    rig.camera.shoot(1);
    rig.start();
    let mut service = rig.accept();
    service.hello();
    service.say(&ServiceMessage::Bye(Bye::new(
        ByeReason::KeyRevoked,
        "this key was revoked",
    )));
    rig.until(|event| matches!(event, UplinkEvent::KeyRefused(text) if text.contains("this key was revoked")));
    let waiting =
        rig.until(|event| matches!(event, UplinkEvent::State(LinkState::Waiting { .. }, _)));
    let UplinkEvent::State(LinkState::Waiting { until }, reason) = waiting else {
        unreachable!()
    };
    assert!(reason.contains("this key was revoked"));
    assert!(until - Instant::now() > Duration::from_secs(50));
}

#[test]
fn a_service_that_does_not_read_costs_bounded_memory_and_whole_group_tails() {
    let mut rig = Rig::with_ring_bytes(1_000_000);
    rig.camera.shoot(1);
    rig.start();
    let mut service = rig.accept();
    service.hello();
    service.welcome(None);
    assert_eq!(service.frames(1), numbers(0..1));

    // 10 MB into a ring of 1 MB, while nobody reads.
    rig.camera.payload_bytes = 20_000;
    rig.camera.shoot(500);
    rig.camera.wait_until_taken();
    let got = service.frames_until(Frame(500));
    assert!(got.len() < 450, "{} frames got through", got.len());
    for pair in got.windows(2) {
        let decodable = pair[1].0 == pair[0].0 + 1 || pair[1].0.is_multiple_of(25);
        assert!(decodable, "{pair:?}");
    }
    let dropped = loop {
        let (_, health) = service.health();
        if health.dropped_frames > Some(0) {
            break health.dropped_frames.unwrap();
        }
    };
    assert_eq!(dropped + got.len() as u64, 500);
}

#[test]
fn a_start_after_a_stop_connects_again() {
    let mut rig = Rig::new();
    for run in [1000, 1001, 1002] {
        rig.camera.begin_run(Run(run));
        rig.camera.shoot(3);
        rig.start();
        let mut service = rig.accept();
        assert_eq!(service.hello().run, Run(run));
        service.welcome(None);
        assert_eq!(service.frames(3), numbers(0..3));
        rig.stop("enough");
        assert!(matches!(
            service.next(),
            Incoming::Json(CameraMessage::Bye(_))
        ));
        service.closed();
    }
}

#[test]
fn shutting_down_ends_within_its_deadline_even_if_nobody_answers() {
    let (mut rig, mut service) = Rig::streaming(3);
    service.frames(3);
    // Returns at all: the service neither reads nor closes.
    rig.shut_down();
    assert_eq!(service.bye().reason, ByeReason::ShutDown);
}
