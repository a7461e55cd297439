//! The `zerocam` command.

fn main() {}
