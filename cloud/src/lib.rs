//! The zerocam service as a library, so that tests reach its parts.

pub mod media;
