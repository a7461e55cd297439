//! In which order a service's addresses are tried, and how long each is waited
//! for: so that a network whose IPv6 leads nowhere does not keep the camera from
//! an IPv4 that works.

use std::{net::SocketAddr, time::Duration};

/// The wait for one address is between these, as far as the time allows it.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5);

/// One family after the other by turns, else as they come: the system puts what
/// it prefers first (RFC 6724; the turns are those of RFC 8305, section 4).
pub(super) fn by_turns(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses.into_iter().peekable();
    let v6_first = addresses.peek().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.partition(|address| address.is_ipv6() == v6_first);
    let mut second = second.into_iter();
    let mut turns = Vec::new();
    for address in first {
        turns.push(address);
        turns.extend(second.next());
    }
    turns.extend(second);
    turns
}

/// The wait for the first of `addresses` that are left to try, in the time left.
pub(super) fn patience(left: Duration, addresses: usize) -> Duration {
    let share = left / u32::try_from(addresses.max(1)).unwrap_or(u32::MAX);
    share.clamp(SHORTEST, LONGEST).min(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let table = [
            ("", ""),
            ("4a", "4a"),
            ("6a 6b 6c 4a", "6a 4a 6b 6c"),
            ("6a 6b 4a 4b 4c", "6a 4a 6b 4b 4c"),
            ("4a 6a 4b 6b", "4a 6a 4b 6b"),
            ("4a 4b 6a", "4a 6a 4b"),
        ];
        let address = |name: &str| -> SocketAddr {
            let (family, host) = name.split_at(1);
            match family {
                "6" => format!("[fd00::{host}]:443"),
                _ => format!("10.0.0.{}:443", u32::from_str_radix(host, 16).unwrap()),
            }
            .parse()
            .unwrap()
        };
        for (found, expected) in table {
            let [found, expected] = [found, expected]
                .map(|names| names.split_whitespace().map(address).collect::<Vec<_>>());
            assert_eq!(by_turns(found), expected);
        }
    }

    #[test]
    fn the_time_is_shared() {
        let table = [
            (15_000, 1, 5000),
            (15_000, 2, 5000),
            (15_000, 6, 2500),
            (15_000, 30, 1000),
            (700, 1, 700),
            (700, 3, 700),
            (0, 1, 0),
        ];
        for (left_ms, addresses, expected_ms) in table {
            let expected = Duration::from_millis(expected_ms);
            let found = patience(Duration::from_millis(left_ms), addresses);
            assert_eq!(found, expected, "{left_ms} ms for {addresses}");
        }
    }
}
