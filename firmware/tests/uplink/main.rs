//! The uplink against real servers on loopback, played by the tests.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helper functions fail the test"
)]

mod certificates;
mod checkin;
mod hand_over;
mod refusals;
mod rig;
mod stream;
