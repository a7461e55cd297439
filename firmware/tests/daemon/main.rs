//! The real binary: its exit codes, its control socket, and what survives.
#![allow(clippy::unwrap_used, reason = "a panic is the report")]

mod button;
mod camera_faults;
mod configuration;
mod control;
mod fixture;
mod helper;
mod self_test;
mod service;
mod service_manager;
mod streaming;
mod survival;
