mod diagram;

use super::*;
use crate::uplink::connection::line::MOVE_AGAIN;
use diagram::{EVENTS, STATES, TRANSITIONS};

struct Bench {
    connection: Connection,
    now: Instant,
}

impl Bench {
    fn after(events: &str) -> Self {
        let mut bench = Self {
            connection: Connection::new(fastrand::Rng::with_seed(7)),
            now: Instant::now(),
        };
        for event in events.split(", ").filter(|event| !event.is_empty()) {
            bench.feed(event);
        }
        bench
    }

    fn feed(&mut self, event: &str) -> Vec<String> {
        let (name, number) = match event.rsplit_once(' ') {
            Some((name, digit)) if digit.parse::<u64>().is_ok() => (name, digit.parse().unwrap()),
            _ => (event, 0),
        };
        let lost = |remedy, text: &str| {
            LineEvent::Lost(Loss {
                remedy,
                text: text.into(),
            })
        };
        let event = match name {
            "start" => Event::Start,
            "stop" => Event::Stop(Bye::new(ByeReason::Stopped, "enough")),
            "border" => Event::Border { ready: false },
            "border, ready" => Event::Border { ready: true },
            "deadline" => {
                self.now = self.connection.next_deadline().unwrap_or(self.now);
                Event::Tick
            }
            line => Event::Line(
                Number(number),
                match line {
                    "connected" => LineEvent::Connected,
                    "greeted" => LineEvent::Greeted,
                    "welcomed" => LineEvent::Welcomed { move_after: None },
                    "heard" => LineEvent::Heard,
                    "blocked" => LineEvent::Blocked,
                    "progress" => LineEvent::Progress,
                    "move" => LineEvent::Move,
                    "lost" => lost(Remedy::Retry, "cable cut"),
                    "key refused" => lost(Remedy::Key, "wrong key"),
                    other => unreachable!("{other}"),
                },
            ),
        };
        let mut actions = self.connection.handle(event, self.now);
        // As the upload thread does, after everything.
        actions.extend(self.connection.handle(Event::Tick, self.now));
        actions.iter().map(words).collect()
    }

    fn wait(&mut self, time: Duration) -> Vec<String> {
        self.now += time;
        let actions = self.connection.handle(Event::Tick, self.now);
        actions.iter().map(words).collect()
    }

    fn state(&self) -> String {
        let word = |line: &Line| match line {
            Line::Waiting { .. } => "waiting",
            Line::Connecting { .. } => "connecting",
            Line::AwaitingWelcome { .. } => "awaiting welcome",
            Line::Streaming { .. } => "streaming",
        };
        match &self.connection.state {
            State::Idle => "idle".into(),
            State::Wanted {
                line,
                successor: None,
            } => word(line).into(),
            State::Wanted {
                line,
                successor: Some(next),
            } => format!("{}, next {}", word(line), word(next)),
        }
    }

    /// Until the next attempt.
    fn pause(&self) -> Duration {
        assert_eq!(self.state(), "waiting");
        self.connection.next_deadline().unwrap() - self.now
    }
}

fn words(action: &Action) -> String {
    match action {
        Action::Connect(number) => format!("connect {}", number.0),
        Action::Leave(number, bye) => format!("leave {}: {}", number.0, bye.text),
        Action::HandOver { from, to } => format!("hand over {} to {}", from.0, to.0),
        Action::Abandon(number) => format!("abandon {}", number.0),
        Action::KeyRefused(text) => format!("key refused: {text}"),
        Action::Report(state, text) => match state {
            LinkState::Idle => format!("idle: {text}"),
            LinkState::Connecting { attempt } => format!("connecting, attempt {attempt}: {text}"),
            LinkState::Connected => format!("connected: {text}"),
            LinkState::Waiting { .. } => format!("waiting: {text}"),
        },
    }
}

#[test]
fn every_state_and_event() {
    for (state, way) in STATES {
        assert_eq!(Bench::after(way).state(), state, "{way}");
        for event in EVENTS {
            let row = TRANSITIONS
                .iter()
                .find(|row| (row.0, row.1) == (state, event));
            let (expected_state, expected_actions) =
                row.map_or((state, &[][..]), |row| (row.2, row.3));
            let mut bench = Bench::after(way);
            let actions = bench.feed(event);
            assert_eq!(bench.state(), expected_state, "{state} + {event}");
            assert_eq!(actions, expected_actions, "{state} + {event}");
        }
    }
    for (state, event, ..) in TRANSITIONS {
        assert!(STATES.iter().any(|known| known.0 == *state), "{state}");
        assert!(EVENTS.contains(event), "{event}");
    }
}

#[test]
fn pauses_double_up_to_half_a_minute_and_are_half_chance() {
    let mut bench = Bench::after("start, lost 1");
    for longest in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0] {
        let pause = bench.pause().as_secs_f64();
        assert!(
            (longest / 2.0..=longest).contains(&pause),
            "{pause} of {longest}"
        );
        bench.feed("deadline");
        let number = bench.connection.connections();
        bench.feed(&format!("lost {number}"));
    }
}

#[test]
fn only_a_lasting_connection_ends_a_series_of_failures() {
    let mut bench =
        Bench::after("start, lost 1, deadline, lost 2, deadline, connected 3, welcomed 3");
    bench.wait(LASTING - Duration::from_secs(1));
    bench.feed("lost 3");
    assert!(bench.pause() >= Duration::from_secs(1));
    bench.feed("deadline");
    bench.feed("connected 4");
    bench.feed("welcomed 4");
    for _ in 0..10 {
        bench.wait(Duration::from_secs(1));
        bench.feed("heard 4");
    }
    bench.feed("lost 4");
    assert!(bench.pause() <= FIRST_PAUSE);
}

#[test]
fn what_only_people_can_mend_is_retried_slowly() {
    let mut bench = Bench::after("start");
    bench.feed("key refused 1");
    assert!(bench.pause() >= SLOW_PAUSE);
    for (remedy, shortest) in [
        (Remedy::NameTaken, NAME_TAKEN_BACKOFF),
        (Remedy::Update, SLOW_PAUSE),
    ] {
        let mut bench = Bench::after("start");
        let loss = Loss {
            remedy,
            text: String::new(),
        };
        let lost = Event::Line(Number(1), LineEvent::Lost(loss));
        bench.connection.handle(lost, bench.now);
        assert!((shortest..=2 * shortest).contains(&bench.pause()));
    }
}

#[test]
fn bytes_that_do_not_go_end_the_connection() {
    let mut bench = Bench::after("start, connected 1, welcomed 1, blocked 1");
    for second in 1..10 {
        bench.wait(Duration::from_secs(1));
        bench.feed("heard 1");
        bench.feed("blocked 1");
        assert_eq!(bench.state(), "streaming", "after {second} s");
    }
    let actions = bench.wait(Duration::from_secs(1));
    assert!(
        actions[1].contains("nothing more gets through"),
        "{actions:?}"
    );

    let mut bench = Bench::after("start, connected 1, welcomed 1, blocked 1");
    for _ in 0..30 {
        bench.wait(Duration::from_secs(1));
        bench.feed("heard 1");
        bench.feed("progress 1");
        bench.feed("blocked 1");
    }
    assert_eq!(bench.state(), "streaming");
}

#[test]
fn a_frozen_process_blames_nobody() {
    for way in [
        "start",
        "start, connected 1",
        "start, connected 1, greeted 1",
        "start, connected 1, welcomed 1",
        "start, connected 1, welcomed 1, blocked 1",
    ] {
        let mut bench = Bench::after(way);
        let state = bench.state();
        assert_eq!(bench.wait(Duration::from_secs(3600)), [""; 0], "{way}");
        assert_eq!(bench.state(), state);
        // From here on the deadline counts anew.
        bench.feed("deadline");
        assert_eq!(bench.state(), "waiting", "{way}");
    }
}

#[test]
fn the_service_says_how_long_it_keeps_a_connection() {
    let mut bench = Bench::after("start, connected 1");
    let welcomed = LineEvent::Welcomed {
        move_after: Some(Duration::from_secs(5)),
    };
    bench
        .connection
        .handle(Event::Line(Number(1), welcomed), bench.now);
    let due = bench.connection.next_deadline().unwrap() - bench.now;
    assert!((5.0..=5.5).contains(&due.as_secs_f64()), "{due:?}");
    assert_eq!(bench.feed("deadline"), ["connect 2"]);
}

#[test]
fn a_successor_that_never_catches_up_takes_over_anyway() {
    let mut bench = Bench::after("start, connected 1, welcomed 1, move 1, connected 2, welcomed 2");
    let step = TAKE_OVER_WITHIN / 4;
    for _ in 0..4 {
        assert_eq!(bench.feed("border"), [""; 0]);
        bench.wait(step);
        bench.feed("heard 1");
        bench.feed("heard 2");
    }
    assert_eq!(bench.feed("border")[0], "hand over 1 to 2");
}

#[test]
fn a_service_that_falls_silent_after_hello_is_named() {
    let mut bench = Bench::after("start, connected 1, greeted 1");
    let actions = bench.feed("deadline");
    assert_eq!(
        actions[1],
        "waiting: the service does not answer: see its log"
    );
}

#[test]
fn a_move_begins_when_it_is_asked_for() {
    let mut bench = Bench::after("start, connected 1, welcomed 1");
    assert_eq!(bench.feed("move 1"), ["connect 2"]);
    let first = bench.now;
    bench.feed("connected 2");
    bench.feed("welcomed 2");
    assert_eq!(bench.connection.move_began(), Some(first));
    bench.wait(Duration::from_millis(100));
    bench.feed("move 2");
    let second = bench.now;
    bench.wait(Duration::from_millis(100));
    bench.feed("border, ready");
    // It stays for a while, is asked again, and the next connection fails once.
    bench.feed("move 2");
    assert_eq!(bench.feed("deadline"), ["connect 3"]);
    for event in ["lost 3", "deadline", "connected 4", "welcomed 4"] {
        bench.feed(event);
        assert_eq!(bench.connection.move_began(), Some(second), "{event}");
    }
    assert!(bench.now > second);
}

#[test]
fn services_that_send_a_camera_to_each_other_do_not_keep_it_busy() {
    let mut bench =
        Bench::after("start, connected 1, welcomed 1, move 1, connected 2, welcomed 2, move 2");
    bench.feed("border, ready");
    assert_eq!(bench.state(), "streaming");
    let allowed = bench.now + MOVE_AGAIN;
    assert_eq!(bench.connection.next_deadline(), Some(allowed));
    for _ in 0..100 {
        assert!(bench.feed("move 2").is_empty());
    }
    assert_eq!(bench.feed("deadline"), ["connect 3"]);
}
