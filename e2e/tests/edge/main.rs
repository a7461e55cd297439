//! The live edge: what viewers see when a process dies, is frozen or replaced.

#![allow(
    clippy::print_stdout,
    reason = "measured values are what a test prints"
)]

mod handover;
mod packager;
mod slow_uplink;
mod stage;
mod two_services;
