//! The `zerocam-cloud` command.

fn main() {}
