//! The player is built by npm before cargo runs and embedded into the binary.

use std::{path::Path, process::exit};

fn main() {
    println!("cargo::rerun-if-changed=player/dist");
    if !Path::new("player/dist/index.html").exists() {
        println!("cargo::error=build the page first: scripts/build-player");
        exit(1);
    }
}
