//! The zerocam daemon as a library, so that tests reach its parts.

pub mod button;
pub mod gpio;
pub mod led;
pub mod uplink;
