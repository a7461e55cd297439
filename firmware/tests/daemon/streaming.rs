//! The daemon and a service that answers.

use zerocam_protocol::{
    CameraMessage, Run, Segment, ServiceMessage,
    checkin::{CameraState, Desired, DesiredState},
    message::ByeReason,
};

use super::{
    fixture::Camera,
    service::{Seen, Service},
};

fn wish(state: DesiredState, version: u64) -> Desired {
    Desired { state, version }
}

#[test]
fn the_service_starts_and_stops_the_camera() {
    let service = Service::new();
    let camera = Camera::at(service.url());
    let daemon = camera.run_until_ready();
    let first = service.check_in();
    assert_eq!(first.device.as_str(), "dev-1");
    assert_eq!(first.state, CameraState::Stopped);
    assert_eq!(first.desired, Desired::FIRST);

    // The next check-in would be 30 s later: a wish from here brings it on.
    camera.says(&["start"]);
    // One that waits for another gives way to a newer one.
    let next = service.check_in();
    assert_eq!(next.desired, wish(DesiredState::Started, 1));
    assert!(matches!(
        next.state,
        CameraState::Starting | CameraState::Streaming
    ));

    let mut expected = service.frame().header().frame;
    for _ in 0..60 {
        let unit = service.frame();
        expected = expected.next();
        assert_eq!(unit.header().frame, expected, "nothing is lost");
    }
    let status = camera.wait_for_state("STREAMING");
    assert!(status.service.is_some_and(|service| service.reached));

    service.say(ServiceMessage::Viewers { count: 3 });
    service.say(ServiceMessage::Command(wish(DesiredState::Stopped, 2)));
    let bye = service.bye();
    assert_eq!(bye.reason, ByeReason::Stopped);
    assert_eq!(bye.text, "stopped from its page");
    service.until("check-in as stopped", |seen| match seen {
        Seen::CheckIn(request) if request.state == CameraState::Stopped => {
            assert_eq!(request.desired, wish(DesiredState::Stopped, 2));
            Some(())
        }
        _ => None,
    });
    camera.wait_for_state("STOPPED");
    drop(daemon);

    service.wish(wish(DesiredState::Started, 7));
    let _daemon = camera.run_until_ready();
    camera.wait_for_state("STREAMING");
    let state = std::fs::read_to_string(camera.path("state/state.json")).unwrap();
    assert!(
        state.contains(r#""desired":{"state":"started","version":7}"#),
        "{state}"
    );
}

#[test]
fn higher_numbers_of_the_service_are_passed() {
    let service = Service::new();
    service.know(Segment(5_000_000_000));
    let camera = Camera::at(service.url());
    let _daemon = camera.run_until_ready();
    camera.says(&["start"]);
    let header = *service.frame().header();
    assert_eq!(header.run, Run(5_000_000_001));
    assert_eq!(header.segment, Segment(5_000_000_001));
    assert_eq!((header.frame.0, header.capture_time_us), (0, 0));
    assert!(header.flags.keyframe);
}

#[test]
fn a_shut_down_is_told_on_the_stream_and_without_one() {
    let service = Service::new();
    let camera = Camera::at(service.url());
    let daemon = camera.run_until_ready();
    camera.says(&["start"]);
    service.frame();
    camera.wait_for_state("STREAMING");
    assert_eq!(daemon.terminate().code(), Some(0));
    let bye = service.bye();
    assert_eq!(bye.reason, ByeReason::ShutDown);
    assert_eq!(bye.text, "the camera was shut down");

    let daemon = camera.run_until_ready();
    camera.says(&["stop"]);
    camera.wait_for_state("STOPPED");
    assert_eq!(daemon.terminate().code(), Some(0));
    service.until("last check-in", |seen| match seen {
        Seen::CheckIn(request) => (request.state == CameraState::ShuttingDown).then_some(()),
        _ => None,
    });
}

#[test]
fn a_camera_fault_is_told_with_its_reason() {
    let service = Service::new();
    let camera = Camera::at(service.url());
    let footage = camera.path("good.h264");
    let daemon = camera.run_until_ready();
    camera.says(&["start"]);
    camera.wait_for_state("STREAMING");
    // What is being played goes on from here: the file is read in portions.
    std::fs::write(&footage, "").unwrap();
    let bye = service.bye();
    assert_eq!(bye.reason, ByeReason::CameraFault);
    assert!(bye.text.contains("good.h264 "), "{}", bye.text);
    service.until("check-in with the fault", |seen| match seen {
        Seen::CheckIn(request) if request.state == CameraState::CameraFault => {
            let entry = request.black_box.first().unwrap();
            assert!(entry.text.starts_with("camera fault: "), "{entry:?}");
            Some(())
        }
        Seen::Message(CameraMessage::Hello(_)) => panic!("it cannot stream"),
        _ => None,
    });
    daemon.wait_for_log("CAMERA FAULT: ");
}
