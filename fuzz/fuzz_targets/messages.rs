//! Any text is refused, or is a message that survives the wire unchanged; what
//! passes validation keeps within the limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};
use zerocam_protocol::{
    CameraMessage, ServiceMessage,
    checkin::{CheckinRequest, CheckinResponse},
    limits, message,
};

fuzz_target!(|text: &str| {
    if let Some(CameraMessage::Hello(hello)) = survives(text)
        && hello.validate().is_ok()
    {
        assert!(hello.run.0 > 0);
        assert!(hello.frame_rate_hz > 0.0 && hello.frame_rate_hz <= limits::MAX_FRAME_RATE_HZ);
        assert!((1..=limits::MAX_TARGET_DURATION_S).contains(&hello.target_duration_s));
    }
    if let Some(request) = survives::<CheckinRequest>(text)
        && request.validate().is_ok()
    {
        assert!(request.black_box.len() <= limits::MAX_BLACK_BOX_ENTRIES);
        assert!(request.reason.chars().count() <= limits::MAX_TEXT_CHARS);
    }
    survives::<ServiceMessage>(text);
    survives::<CheckinResponse>(text);
});

/// Reads a message, and asserts that writing it and reading it again gives the
/// same one.
fn survives<M>(text: &str) -> Option<M>
where
    M: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let read: M = message::decode(text).ok()?;
    let written = message::encode(&read);
    let again: M = serde_json::from_str(&written).expect("a message that was written reads");
    assert_eq!(read, again, "written as {written}");
    Some(read)
}
