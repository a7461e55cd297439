//! What can go wrong with a network, and its text form for the command line.

use std::{net::SocketAddr, str::FromStr, time::Duration};

/// One change of how the network behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Everything arrives this much later. `delay 200` (milliseconds)
    Delay(Duration),
    /// Not more than this many bytes per second each way, of all connections
    /// together, each in its turn; `None` is unlimited. `rate 250000`, `rate off`
    Rate(Option<u64>),
    /// Nothing passes and nobody can connect, until it is off. What was on its
    /// way arrives then. `blackout on`, `blackout off`
    Blackout(bool),
    /// As a blackout for the connections that are open now; others work.
    /// `stall on`, `stall off`
    Stall(bool),
    /// The connections that are open now lead nowhere any more, and neither end
    /// is told. `half-open`
    HalfOpen,
    /// The connections that are open now end with a TCP reset. `reset`
    Reset,
    /// New connections lead to this address. `upstream 127.0.0.1:8080`
    Upstream(SocketAddr),
    /// A connection ends with a TCP reset at this age. `limit 10000`
    /// (milliseconds), `limit off`
    Limit(Option<Duration>),
    /// Every request that is not a WebSocket has a connection of its own, so
    /// that a new upstream gets the next one. `front on`, `front off`
    Front(bool),
}

/// Not a fault's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFault(String);

impl std::fmt::Display for UnknownFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?} is none of: delay MS, rate BYTES_PER_SECOND|off, blackout on|off, stall on|off, \
             half-open, reset, upstream ADDRESS:PORT, limit MS|off, front on|off",
            self.0
        )
    }
}

impl std::error::Error for UnknownFault {}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let switch = |word| match word {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            ["delay", ms] => ms.parse().ok().map(Duration::from_millis).map(Self::Delay),
            ["rate", "off"] => Some(Self::Rate(None)),
            ["rate", rate] => rate
                .parse()
                .ok()
                .filter(|&rate| rate > 0)
                .map(|rate| Self::Rate(Some(rate))),
            ["blackout", word] => switch(word).map(Self::Blackout),
            ["stall", word] => switch(word).map(Self::Stall),
            ["half-open"] => Some(Self::HalfOpen),
            ["reset"] => Some(Self::Reset),
            ["limit", "off"] => Some(Self::Limit(None)),
            ["limit", ms] => {
                (ms.parse().ok()).map(|ms| Self::Limit(Some(Duration::from_millis(ms))))
            }
            ["front", word] => switch(word).map(Self::Front),
            ["upstream", address] => address.parse().ok().map(Self::Upstream),
            _ => None,
        }
        .ok_or_else(|| UnknownFault(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let faults = [
            ("delay 200", Fault::Delay(Duration::from_millis(200))),
            ("rate 250000", Fault::Rate(Some(250_000))),
            ("rate off", Fault::Rate(None)),
            ("blackout on", Fault::Blackout(true)),
            ("stall off", Fault::Stall(false)),
            ("half-open", Fault::HalfOpen),
            ("reset", Fault::Reset),
            (
                "upstream 127.0.0.1:80",
                Fault::Upstream(([127, 0, 0, 1], 80).into()),
            ),
            ("limit 10000", Fault::Limit(Some(Duration::from_secs(10)))),
            ("limit off", Fault::Limit(None)),
            ("front on", Fault::Front(true)),
        ];
        for (text, fault) in faults {
            assert_eq!(text.parse(), Ok(fault));
        }
        for text in ["", "delay", "delay soon", "rate 0", "stall", "reset now"] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }
}
