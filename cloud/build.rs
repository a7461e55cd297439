//! The pages are built by npm before cargo runs and embedded into the binary.

use std::{path::Path, process::exit};

fn main() {
    println!("cargo::rerun-if-changed=player/dist");
    let pages = ["index.html", "cameras.html"];
    if !pages
        .iter()
        .all(|page| Path::new("player/dist").join(page).exists())
    {
        println!("cargo::error=build the pages first: scripts/build-player");
        exit(1);
    }
}
