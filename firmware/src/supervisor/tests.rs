//! The supervisor's transitions as a table.

use super::*;
use State::{
    CameraFault, Connecting, NeedsConfiguration, ShuttingDown, Starting, Stopped, Streaming,
};

const STATES: [State; 7] = [
    NeedsConfiguration,
    Stopped,
    Starting,
    Connecting,
    Streaming,
    CameraFault,
    ShuttingDown,
];

const STARTED: Desired = Desired {
    state: DesiredState::Started,
    version: 4,
};
const STOPPED: Desired = Desired {
    state: DesiredState::Stopped,
    version: 4,
};

/// A machine in the middle of its life.
fn in_state(state: State, now: Instant) -> Supervisor {
    Supervisor {
        state,
        reason: "before".into(),
        desired: match state {
            NeedsConfiguration => Desired::FIRST,
            Stopped => STOPPED,
            _ => STARTED,
        },
        deadline: Some(now),
    }
}

fn configured(desired: Desired) -> Event {
    Event::Configured {
        desired,
        on_boot: false,
    }
}

fn newer(desired: Desired, state: DesiredState) -> Desired {
    desired.superseded_by(state)
}

fn words(actions: &[Action]) -> String {
    let words = actions.iter().map(|action| match action {
        Action::ReadConfiguration => "read".to_owned(),
        Action::OpenCamera => "open".into(),
        Action::CloseCamera => "close".into(),
        Action::Connect => "connect".into(),
        Action::Disconnect(bye) => format!("bye({:?})", bye.reason),
        Action::Store(desired) => format!("store({:?} {})", desired.state, desired.version),
        Action::Record(text) => format!("record({text})"),
        Action::CheckIn => "check in".into(),
        Action::Release(bye) => format!("release({:?})", bye.reason),
        Action::RestartNetworking => "restart networking".into(),
        Action::Exit(bye) => format!("exit({:?})", bye.reason),
        Action::PowerOff => "power off".into(),
    });
    words.collect::<Vec<_>>().join(", ")
}

#[test]
fn transitions() {
    let start = || Event::Wish(DesiredState::Started, "by hand");
    let stop = || Event::Wish(DesiredState::Stopped, "by hand");
    let fault = || Event::CameraFault("no cable".into());
    let lost = || Event::LinkDown("no network".into());
    let stopping = "store(Stopped 5), close, bye(Stopped), check in";
    let exit = "close, check in, exit(ShutDown)";
    let power_off = "close, check in, exit(ShutDown), power off";
    let refresh = "release(ShutDown), restart networking, read";
    let table: Vec<(State, Event, State, &str)> = vec![
        (
            NeedsConfiguration,
            Event::DeadlinePassed,
            NeedsConfiguration,
            "read",
        ),
        (
            NeedsConfiguration,
            Event::ConfigurationProblem("line 3".into()),
            NeedsConfiguration,
            "",
        ),
        (NeedsConfiguration, configured(STOPPED), Stopped, "check in"),
        (
            NeedsConfiguration,
            configured(STARTED),
            Starting,
            "open, check in",
        ),
        (NeedsConfiguration, start(), NeedsConfiguration, ""),
        (NeedsConfiguration, Event::Terminate, ShuttingDown, exit),
        (
            NeedsConfiguration,
            Event::Refresh("by hand"),
            NeedsConfiguration,
            "restart networking, read",
        ),
        (
            NeedsConfiguration,
            Event::PowerOff("by hand"),
            ShuttingDown,
            power_off,
        ),
        (
            Stopped,
            Event::Refresh("by hand"),
            NeedsConfiguration,
            refresh,
        ),
        (
            Streaming,
            Event::Refresh("by hand"),
            NeedsConfiguration,
            refresh,
        ),
        (
            Streaming,
            Event::PowerOff("by hand"),
            ShuttingDown,
            power_off,
        ),
        (ShuttingDown, Event::PowerOff("by hand"), ShuttingDown, ""),
        (ShuttingDown, Event::Refresh("by hand"), ShuttingDown, ""),
        (
            Stopped,
            start(),
            Starting,
            "store(Started 5), open, check in",
        ),
        (Stopped, stop(), Stopped, ""),
        (
            Stopped,
            Event::ServiceWish(newer(STOPPED, DesiredState::Started)),
            Starting,
            "store(Started 5), open, check in",
        ),
        (
            Stopped,
            Event::ServiceWish(newer(STOPPED, DesiredState::Stopped)),
            Stopped,
            "store(Stopped 5)",
        ),
        (Stopped, Event::ServiceWish(STARTED), Stopped, ""),
        (Stopped, Event::DeadlinePassed, Stopped, "check in"),
        (Stopped, Event::CameraRuns, Stopped, ""),
        (Stopped, fault(), Stopped, ""),
        (Stopped, Event::LinkUp, Stopped, ""),
        (Stopped, lost(), Stopped, ""),
        (Stopped, Event::Terminate, ShuttingDown, exit),
        (Starting, Event::CameraRuns, Connecting, "connect"),
        (
            Starting,
            fault(),
            CameraFault,
            "record(camera fault: no cable), check in",
        ),
        (Starting, stop(), Stopped, stopping),
        (Starting, start(), Starting, ""),
        (Starting, Event::LinkUp, Starting, ""),
        (Starting, Event::DeadlinePassed, Starting, "check in"),
        (Connecting, Event::LinkUp, Streaming, "check in"),
        (Connecting, lost(), Connecting, ""),
        (Connecting, Event::CameraRuns, Connecting, ""),
        (
            Connecting,
            fault(),
            CameraFault,
            "record(camera fault: no cable), bye(CameraFault), check in",
        ),
        (Connecting, stop(), Stopped, stopping),
        (Connecting, Event::DeadlinePassed, Connecting, "check in"),
        (Streaming, lost(), Connecting, "check in"),
        (Streaming, Event::LinkUp, Streaming, ""),
        (Streaming, Event::CameraRuns, Streaming, ""),
        (
            Streaming,
            fault(),
            CameraFault,
            "record(camera fault: no cable), bye(CameraFault), check in",
        ),
        (Streaming, stop(), Stopped, stopping),
        (
            Streaming,
            Event::ServiceWish(newer(STARTED, DesiredState::Stopped)),
            Stopped,
            stopping,
        ),
        (Streaming, Event::ServiceWish(STOPPED), Streaming, ""),
        (Streaming, configured(STOPPED), Streaming, ""),
        (Streaming, Event::Terminate, ShuttingDown, exit),
        (
            CameraFault,
            Event::CameraRuns,
            Connecting,
            "connect, check in",
        ),
        (
            CameraFault,
            fault(),
            CameraFault,
            "record(camera fault: no cable)",
        ),
        (CameraFault, stop(), Stopped, stopping),
        (CameraFault, Event::LinkUp, CameraFault, ""),
        (CameraFault, Event::DeadlinePassed, CameraFault, "check in"),
        (ShuttingDown, Event::CameraRuns, ShuttingDown, ""),
        (ShuttingDown, start(), ShuttingDown, ""),
        (ShuttingDown, Event::Terminate, ShuttingDown, ""),
    ];
    for (from, event, to, expected) in table {
        let now = Instant::now();
        let mut supervisor = in_state(from, now);
        let actions = supervisor.handle(event.clone(), now);
        let case = format!("{from:?} and {event:?}");
        assert_eq!(supervisor.state(), to, "{case}");
        assert_eq!(words(&actions), expected, "{case}");
        assert_eq!(
            from != to,
            supervisor.reason() != "before" && from != to,
            "{case}"
        );
    }
}

#[test]
fn deadlines() {
    let now = Instant::now();
    for state in STATES {
        let mut supervisor = in_state(state, now);
        supervisor.handle(Event::DeadlinePassed, now);
        let expected = match state {
            NeedsConfiguration => Some(REREAD_INTERVAL),
            Streaming => continue,
            ShuttingDown => Some(Duration::ZERO),
            _ => Some(CHECKIN_INTERVAL),
        };
        let interval = supervisor.next_deadline().map(|at| at - now);
        assert_eq!(interval, expected, "{state:?}");
    }
    let mut supervisor = in_state(Connecting, now);
    supervisor.handle(Event::LinkUp, now);
    assert_eq!(supervisor.next_deadline(), None, "the stream tells it all");
    supervisor.handle(Event::LinkDown("gone".into()), now);
    assert_eq!(supervisor.next_deadline(), Some(now + CHECKIN_INTERVAL));
}

#[test]
fn reasons_are_told() {
    let now = Instant::now();
    let mut supervisor = Supervisor::new(now);
    let mut reason = |event: Event| {
        supervisor.handle(event, now);
        supervisor.reason().to_owned()
    };
    assert_eq!(
        reason(Event::ConfigurationProblem("line 3".into())),
        "line 3"
    );
    assert_eq!(reason(configured(Desired::FIRST)), "it waits to be started");
    let wish = Event::Wish(DesiredState::Started, "by the button");
    assert_eq!(reason(wish), "started by the button");
    assert_eq!(reason(Event::CameraFault("no cable".into())), "no cable");
    assert_eq!(reason(Event::CameraRuns), "pictures are captured");
    assert_eq!(reason(Event::LinkDown("no network".into())), "no network");
    assert_eq!(reason(Event::LinkUp), "connected");
    let wish = Event::ServiceWish(newer(STARTED, DesiredState::Stopped));
    assert_eq!(reason(wish), "stopped from its page");
}

#[test]
fn why_it_begins_as_it_does() {
    for (desired, on_boot, reason) in [
        (STARTED, false, "it was started before"),
        (STARTED, true, "start_on_boot is set"),
        (STOPPED, false, "it was stopped before"),
        (Desired::FIRST, false, "it waits to be started"),
    ] {
        let now = Instant::now();
        let mut supervisor = Supervisor::new(now);
        supervisor.handle(Event::Configured { desired, on_boot }, now);
        assert_eq!(supervisor.reason(), reason);
    }
}

#[test]
fn a_fresh_start_forgets_no_wish_that_the_card_did_not_keep() {
    let now = Instant::now();
    let mut supervisor = in_state(Streaming, now);
    supervisor.handle(Event::Refresh("by hand"), now);
    supervisor.handle(configured(Desired::FIRST), now);
    assert_eq!(supervisor.state(), Starting);
    assert_eq!(supervisor.desired(), STARTED);
}
