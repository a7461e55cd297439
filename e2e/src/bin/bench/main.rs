//! What streaming costs and how late it is, as tables; `scripts/bench` runs it.

#![allow(
    clippy::print_stdout,
    reason = "the figures are what the program is for"
)]

mod delay;
mod load;
mod processes;
mod sender;
mod uplink;
mod viewers;
mod web_server;

use std::time::Duration;

use clap::{Parser, Subcommand};

/// Measures the product on this machine.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What the way from the camera to a published fragment costs.
    Uplink {
        /// How long to measure, seconds.
        #[arg(default_value_t = 60)]
        seconds: u64,
    },
    /// What viewers cost, and how soon each gets what is new.
    Viewers {
        /// How long to measure each kind of viewer, seconds.
        #[arg(default_value_t = 20)]
        seconds: u64,
        /// How many viewers of each kind.
        #[arg(long, default_value_t = 1000)]
        viewers: usize,
    },
    /// How old the picture on the screen is.
    Delay {
        /// How long to look at each player, seconds.
        #[arg(default_value_t = 20)]
        seconds: u64,
    },
}

fn main() {
    match Arguments::parse().what {
        What::Uplink { seconds } => uplink::run(Duration::from_secs(seconds)),
        What::Viewers { seconds, viewers } => viewers::run(viewers, Duration::from_secs(seconds)),
        What::Delay { seconds } => delay::run(Duration::from_secs(seconds)),
    }
}
