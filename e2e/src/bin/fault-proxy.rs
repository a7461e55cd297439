//! The fault proxy as a program, for trying things by hand: commands on
//! standard input, one per line, ended by the end of the input.

#![allow(clippy::print_stdout, reason = "its output is what the program is for")]

use std::{io, net::SocketAddr};

use clap::Parser;
use zerocam_e2e::{FaultProxy, fault_proxy::Fault};

/// Passes TCP connections on, and breaks them on command.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where connections lead.
    upstream: SocketAddr,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let proxy = FaultProxy::start(arguments.listen, arguments.upstream)?;
    println!("listening on {}", proxy.address());
    for line in io::stdin().lines() {
        match line?.parse::<Fault>() {
            Ok(fault) => {
                proxy.apply(&fault);
                let (up, down) = proxy.traffic_bytes();
                let connections = proxy.connections();
                println!("{fault:?}; {connections} connections, {up} bytes up, {down} down so far");
            }
            Err(unknown) => println!("{unknown}"),
        }
    }
    Ok(())
}
