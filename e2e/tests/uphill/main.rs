//! The way up, from the camera to the service and to the screen, through what
//! can go wrong with clocks, certificates, commands and numbers.

#![allow(
    clippy::print_stdout,
    reason = "measured values are what a test prints"
)]

mod clock;
mod control;
mod faults;
mod instant;
mod numbering;
mod pattern;
mod stage;
mod strangers;
mod tls;
