//! The whole product under test: the real daemon, the real service with the
//! real ffmpeg, real footage, and a real browser.
//!
//! ```text
//! footage ─▶ Camera ─▶ FaultProxy ─▶ Service ─▶ Viewer (HLS over HTTP)
//!  (sent, from the       │                  └─▶ Browser
//!   file)                ▼
//!                     WireTap (sent, as it left the camera)
//! ```
//!
//! Each part starts what it needs in directories of its own, on ports that the
//! system picks, and ends it when dropped. Nothing waits without a deadline and
//! no test asserts a time: deadlines are ten times what the design promises,
//! and what was measured is printed.
//!
//! `scripts/test e2e` builds the programs and fetches what the tests need.

#![allow(
    clippy::print_stdout,
    reason = "measured times and captured logs are what a test prints"
)]

pub mod browser;
pub mod camera;
mod companion;
pub mod deployment;
pub mod device;
pub mod fault_proxy;
pub mod footage;
pub mod patience;
pub mod plain_player;
pub mod processes;
pub mod program;
pub mod recorder;
pub mod screen;
pub mod service;
pub mod tab;
pub mod tls_front;
pub mod viewer;
pub mod virtual_pi;
pub mod watcher;
pub mod wire_tap;

pub use browser::Browser;
pub use camera::Camera;
pub use deployment::Deployment;
pub use device::Device;
pub use fault_proxy::FaultProxy;
pub use footage::Footage;
pub use patience::within;
pub use plain_player::PlainPlayer;
pub use program::Program;
pub use recorder::Recorder;
pub use service::Service;
pub use tab::Tab;
pub use tls_front::TlsFront;
pub use viewer::Viewer;
pub use virtual_pi::{Card, VirtualPi};
pub use watcher::Watcher;
