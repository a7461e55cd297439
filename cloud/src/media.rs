//! From access units to what players fetch.
