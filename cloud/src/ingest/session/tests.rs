//! The connection's behaviour as a table of events and what they lead to.

use zerocam_protocol::{
    Frame, Run,
    access_unit::Header,
    checkin::DesiredState,
    lease::{Lease, decide},
};

use super::*;
use crate::ingest::tests::hello;

const FACTS: Facts = Facts {
    standing: Standing::Counts,
    floor: Segment(0),
    have: None,
    viewers: 0,
    desired: None,
    moves: 0,
};

struct Bench {
    session: Session,
    now: Now,
}

impl Bench {
    fn new() -> Self {
        let now = Now {
            monotonic: Instant::now(),
            unix_us: 1_790_000_000_000_000,
        };
        Self {
            session: Session::new(1, 3000, now),
            now,
        }
    }

    fn open() -> Self {
        let mut bench = Self::new();
        bench.hello(Verdict::Hold, FACTS);
        bench
    }

    fn handle(&mut self, event: Event) -> Vec<Action> {
        self.session.handle(event, self.now)
    }

    fn hello(&mut self, verdict: Verdict, facts: Facts) -> Vec<Action> {
        self.handle(greet(hello("a", 5, 1), verdict, facts))
    }

    /// Ticks on time until `seconds` have passed; what the last tick led to.
    fn pass(&mut self, seconds: u64, facts: &Facts) -> Vec<Action> {
        let end = self.now.plus(Duration::from_secs(seconds));
        let mut last = Vec::new();
        while self.now.monotonic < end.monotonic {
            self.now = self.now.plus(ACK_INTERVAL);
            last = self.handle(Event::Tick(facts.clone()));
        }
        last
    }
}

fn greet(hello: Hello, verdict: Verdict, facts: Facts) -> Event {
    Event::Hello(Box::new(Greeting {
        hello,
        verdict,
        facts,
        dating: None,
    }))
}

fn unit(run: u64, capture_time_us: u64) -> AccessUnit {
    let header = Header {
        run: Run(run),
        capture_time_us,
        ..Header::default()
    };
    AccessUnit::new(header, &[&[1]])
}

fn frame(run: u64, capture_time_us: u64) -> Event {
    Event::AccessUnit(unit(run, capture_time_us))
}

/// The frame passes on, captured at this date.
fn fed(run: u64, captured_unix_us: i64) -> [Action; 1] {
    [Action::Feed {
        unit: unit(run, 0),
        captured_unix_us,
    }]
}

fn health() -> Event {
    Event::Health {
        clock: Exchange::default(),
        health: Health::default(),
    }
}

fn have(frame: u64) -> Option<Position> {
    Some(Position {
        run: Run(5),
        frame: Frame(frame),
    })
}

/// The reason of the one farewell, which nothing but the close follows.
#[track_caller]
fn bye(actions: &[Action]) -> (ByeReason, &str) {
    match actions {
        [Action::Send(ServiceMessage::Bye(bye)), Action::Close] => (bye.reason, &bye.text),
        other => panic!("no farewell: {other:?}"),
    }
}

#[test]
fn every_end_has_a_reason() {
    let taken = decide(
        &hello("b", 1, 1),
        Some((&Lease::from(&hello("a", 5, 1)), Duration::ZERO)),
    );
    let replaced = Facts {
        standing: Standing::Replaced,
        ..FACTS
    };
    let superseded = Facts {
        standing: Standing::Superseded,
        ..FACTS
    };
    let revoked = Facts {
        standing: Standing::KeyReplaced,
        ..FACTS
    };
    let greet = |verdict| greet(hello("a", 5, 1), verdict, FACTS);
    let refuse = || Event::Refuse(ByeReason::ProtocolError, "no parameter sets".into());
    use ByeReason::{KeyRevoked, NameTaken, ProtocolError, ServiceStopping, StaleRun, Superseded};
    type Phase = fn() -> Bench;
    let table: [(Phase, Event, ByeReason, &str); 13] = [
        (Bench::new, frame(5, 0), ProtocolError, "say hello"),
        (Bench::new, health(), ProtocolError, "say hello"),
        (Bench::new, refuse(), ProtocolError, "no parameter sets"),
        (
            Bench::new,
            Event::ServiceStopping,
            ServiceStopping,
            "connect again",
        ),
        (
            Bench::new,
            greet(taken),
            NameTaken,
            "already fed by device a",
        ),
        (
            Bench::new,
            greet(Verdict::Superseded),
            Superseded,
            "newer connection",
        ),
        (
            Bench::open,
            frame(4, 0),
            StaleRun,
            "run 4 after hello for run 5",
        ),
        (
            Bench::open,
            frame(6, 0),
            ProtocolError,
            "run 6 without its hello",
        ),
        (Bench::open, refuse(), ProtocolError, "no parameter sets"),
        (
            Bench::open,
            Event::Tick(replaced),
            NameTaken,
            "another device",
        ),
        (
            Bench::open,
            Event::Tick(superseded),
            Superseded,
            "newer connection",
        ),
        (
            Bench::open,
            Event::Tick(revoked),
            KeyRevoked,
            "replaced by a newer one",
        ),
        (
            Bench::open,
            Event::ServiceStopping,
            ServiceStopping,
            "connect again",
        ),
    ];
    for (bench, event, reason, text) in table {
        let mut bench = bench();
        let label = format!("{event:?}");
        let actions = bench.handle(event);
        let (said, because) = bye(&actions);
        assert_eq!(said, reason, "{label}");
        assert!(because.contains(text), "{label}: {because}");
        assert_eq!(bench.handle(frame(5, 0)), [], "{label}: closed is closed");
        assert_eq!(bench.handle(Event::Tick(FACTS)), []);
    }
}

#[test]
fn hello_is_answered_with_all_that_the_camera_needs() {
    let desired = Desired {
        state: DesiredState::Stopped,
        version: 3,
    };
    let facts = Facts {
        floor: Segment(9),
        have: have(7),
        viewers: 2,
        desired: Some(desired),
        ..FACTS
    };
    let mut bench = Bench::new();
    let welcome = Welcome {
        floor: Segment(9),
        have: have(7),
        viewers: 2,
        move_after_s: 3000,
        version: 1,
    };
    let ack = ServiceMessage::Ack {
        clock: Exchange {
            sent_us: bench.now.unix_us,
            echo: None,
        },
        have: have(7),
    };
    let expected = [
        Action::Send(ack),
        Action::Send(ServiceMessage::Welcome(welcome)),
        Action::Send(ServiceMessage::Command(desired)),
    ];
    assert_eq!(bench.hello(Verdict::TakeOver, facts.clone()), expected);
    // Nothing of it is news afterwards, until something changes.
    assert_eq!(bench.pass(1, &facts), []);
    let changed = Facts {
        viewers: 3,
        desired: Some(desired.superseded_by(DesiredState::Started)),
        ..facts
    };
    let news = bench.handle(Event::Tick(changed.clone()));
    let expected = [
        Action::Send(ServiceMessage::Viewers { count: 3 }),
        Action::Send(ServiceMessage::Command(changed.desired.unwrap())),
    ];
    assert_eq!(news, expected);
}

#[test]
fn frames_are_dated_and_acknowledged() {
    let mut bench = Bench::open();
    let captured = bench.now.unix_us;
    assert_eq!(bench.handle(frame(5, 0)), fed(5, captured));
    let published = Facts {
        have: have(1),
        ..FACTS
    };
    let acks = |actions: Vec<Action>| {
        let is_ack = |action: &&Action| matches!(action, Action::Send(ServiceMessage::Ack { .. }));
        actions.iter().filter(is_ack).count()
    };
    assert_eq!(acks(bench.handle(Event::Tick(published.clone()))), 1);
    assert_eq!(acks(bench.handle(Event::Tick(published.clone()))), 0);
    // A report is answered even when nothing new is published.
    assert_eq!(bench.handle(health()), [Action::Report(Health::default())]);
    assert_eq!(acks(bench.handle(Event::Tick(published))), 1);
}

#[test]
fn silence_ends_a_connection_but_a_frozen_process_does_not() {
    let mut bench = Bench::new();
    let late = bench.pass(HELLO_DEADLINE.as_secs(), &FACTS);
    assert!(bye(&late).1.contains("no hello within 10 s"));

    let mut bench = Bench::open();
    assert_eq!(bench.pass(5, &FACTS), [Action::Ping]);
    assert_eq!(bench.handle(Event::Heard), []);
    assert_eq!(bench.pass(9, &FACTS), []);
    let silent = bench.pass(1, &FACTS);
    assert!(bye(&silent).1.contains("nothing heard for 10 s"));

    for mut bench in [Bench::new(), Bench::open()] {
        bench.now = bench.now.plus(Duration::from_secs(600));
        let after = bench.handle(Event::Tick(FACTS));
        assert!(!after.contains(&Action::Close), "{after:?}");
        bench.now = bench.now.plus(Duration::from_secs(9));
        let after = bench.handle(Event::Tick(FACTS));
        assert!(!after.contains(&Action::Close), "{after:?}");
    }
}

#[test]
fn a_farewell_is_passed_on() {
    let farewell = Bye::new(ByeReason::Stopped, "stopped by its button");
    let actions = Bench::open().handle(Event::Bye(farewell.clone()));
    assert_eq!(actions, [Action::Farewell(farewell), Action::Close]);
}

#[test]
fn the_next_run_of_a_connection_keeps_its_clock() {
    let mut bench = Bench::open();
    bench.handle(frame(5, 0));
    let mut next = hello("a", 6, 1);
    next.run_started_us = 2_000_000;
    bench.handle(greet(next, Verdict::Hold, FACTS));
    assert_eq!(bench.session.hello().unwrap().run, Run(6));
    let began = bench.now.unix_us;
    bench.now = bench.now.plus(Duration::from_secs(3));
    assert_eq!(bench.handle(frame(6, 0)), fed(6, began + 2_000_000));
    assert!(bench.session.dating().unwrap().fits(&hello("a", 6, 2)));
}

#[test]
fn a_hello_for_another_camera_or_with_impossible_figures_is_refused() {
    let garden = "garden".parse().unwrap();
    assert_eq!(check(&hello("a", 5, 1), &garden), Ok(()));
    let door = "door".parse().unwrap();
    assert!(
        check(&hello("a", 5, 1), &door)
            .unwrap_err()
            .contains("address of camera door")
    );
    let mut wide = hello("a", 5, 1);
    wide.width = 100_000;
    assert!(check(&wide, &garden).unwrap_err().contains("100000x"));
}

#[test]
fn a_camera_is_asked_to_move_once_per_reason() {
    let mut bench = Bench::open();
    let moved = Facts { moves: 1, ..FACTS };
    let tick = |facts: &Facts| Event::Tick(facts.clone());
    let move_away = [Action::Send(ServiceMessage::Move)];
    assert_eq!(bench.handle(tick(&FACTS)), []);
    assert_eq!(bench.handle(tick(&moved)), move_away);
    assert_eq!(bench.handle(tick(&moved)), []);
    assert_eq!(bench.handle(Event::ServiceLeaving), move_away);
    assert_eq!(
        bench.handle(frame(5, 0)),
        fed(5, bench.now.unix_us),
        "it goes on"
    );
    // A connection that came after the wish, such as the camera coming back.
    let mut bench = Bench::new();
    bench.hello(Verdict::Hold, moved.clone());
    assert_eq!(bench.handle(tick(&moved)), []);
    // Nobody is there yet who could move.
    let farewell = Bench::new().handle(Event::ServiceLeaving);
    assert_eq!(bye(&farewell).0, ByeReason::ServiceStopping);
}
