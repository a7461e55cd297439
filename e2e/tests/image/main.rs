//! The SD card's image on an emulated Pi Zero W: from power to picture, as the
//! owner of a card meets it.
//!
//! One computer at a time, three starts in all: a start takes minutes here.

#![allow(
    clippy::print_stdout,
    reason = "measured values are what a test prints"
)]

mod first_use;
mod stage;
mod start_time;
mod wrong_configuration;
