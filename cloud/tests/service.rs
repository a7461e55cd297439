//! The whole service on a real socket, used as cameras and visitors use it.

#![allow(clippy::unwrap_used, reason = "a panic in a test is its report")]

#[allow(dead_code, reason = "shared with the tests of the media path")]
#[path = "media/footage.rs"]
mod footage;

mod service {
    mod access;
    mod bad_input;
    mod bench;
    mod bucket;
    mod camera;
    mod control;
    mod deploy;
    mod front;
    mod handover;
    mod host;
    mod instant;
    mod limits;
    mod low_latency;
    mod memory;
    mod owner;
    mod process;
    mod schema;
    mod still;
    mod stream;
}
