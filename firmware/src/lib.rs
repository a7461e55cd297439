//! The zerocam daemon as a library, so that tests reach its parts.

pub mod backoff;
pub mod button;
pub mod camera;
pub mod capture;
pub mod config;
pub mod control;
pub mod daemon;
pub mod device;
pub mod gpio;
pub mod led;
pub mod state_file;
pub mod status;
pub mod supervisor;
pub mod telemetry;
pub mod timeline;
pub mod uplink;

/// Program name and version, for people.
pub const SOFTWARE: &str = concat!("zerocam ", env!("CARGO_PKG_VERSION"));
