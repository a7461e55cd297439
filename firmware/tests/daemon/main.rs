//! The real binary: its exit codes, its control socket, and what survives.
#![allow(clippy::unwrap_used, reason = "a panic is the report")]

mod camera_faults;
mod configuration;
mod control;
mod fixture;
mod service;
mod streaming;
mod survival;
