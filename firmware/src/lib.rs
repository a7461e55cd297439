//! The zerocam daemon as a library, so that tests reach its parts.

pub mod backoff;
pub mod button;
pub mod camera;
pub mod capture;
pub mod clock;
pub mod condition;
pub mod config;
pub mod control;
pub mod daemon;
pub mod device;
pub mod gpio;
pub mod heartbeat;
pub mod ladder;
pub mod last_words;
pub mod led;
pub mod link;
pub mod privileged;
pub mod provision;
pub mod sampler;
pub mod self_test;
pub mod state_file;
pub mod status;
pub mod status_file;
pub mod supervisor;
pub mod systemd;
pub mod telemetry;
pub mod timeline;
pub mod uplink;
pub mod watchdog;

/// Program name and version, for people.
pub const SOFTWARE: &str = concat!("zerocam ", env!("CARGO_PKG_VERSION"));
