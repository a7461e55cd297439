//! The whole product, end to end. See the library for its parts.

#![allow(
    clippy::print_stdout,
    reason = "measured values are what a test prints"
)]

mod bad_input;
mod browser;
mod faults;
mod full_path;
mod low_latency;
mod players;
mod stage;
mod visitors;
