//! The zerocam service as a library, so that tests reach its parts.
//!
//! A camera's WebSocket comes in at [`http`], is served by [`ingest`], which
//! passes access units to [`media`]; what comes out there is served to players
//! by [`http`] again. [`cameras`] is what the two share. [`handover`] notices when
//! viewers have begun to reach another instance. [`memory`] is what outlives all
//! of them.

pub mod access;
pub mod cameras;
pub mod cli;
pub mod config;
pub mod handover;
pub mod http;
pub mod ingest;
pub mod media;
pub mod memory;
pub mod outgoing;
pub mod server;
pub mod service;
pub mod status;
pub mod text;
pub mod time;
