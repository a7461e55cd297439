//! How the way out stands, as the kernel tells it: the radio, the routes, and
//! whether the router answers.
//!
//! It tells a link that is broken, which the device may be able to mend, from a
//! service or an internet that is: nothing on the device would help those. What
//! cannot be told counts as no fault of the link.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

/// How the way out stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// As far as the kernel can tell, the link does its part.
    Open,
    /// The Wi-Fi is connected, and its router answers nothing.
    RouterSilent,
    /// The Wi-Fi is connected, and has no address or no router.
    NoRoute,
    /// There is a radio, connected to nothing.
    Disconnected,
    /// The radio itself is missing.
    NoRadio,
    /// The kernel does not say: the radio's driver hangs.
    DriverSilent,
    /// No way out, on a machine that is not known to have a radio.
    Unplugged,
}

impl Link {
    /// What is wrong with the Wi-Fi, one clause.
    #[must_use]
    pub const fn fault(self) -> Option<&'static str> {
        match self {
            Self::Open | Self::Unplugged => None,
            Self::RouterSilent => Some("the Wi-Fi is connected, but its router does not answer"),
            Self::NoRoute => Some("the Wi-Fi is connected, but its router gives no address"),
            Self::Disconnected => Some("the Wi-Fi does not connect"),
            Self::NoRadio => Some("the Wi-Fi's radio is missing"),
            Self::DriverSilent => Some("the Wi-Fi's driver does not answer"),
        }
    }
}

/// Looks at the link, and remembers that there was a radio.
#[derive(Debug)]
pub struct Watch {
    root: PathBuf,
    had_radio: bool,
}

impl Watch {
    /// Over the `proc` and `sys` in `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        let model = read(root, "proc/device-tree/model").unwrap_or_default();
        Self {
            root: root.into(),
            // "Raspberry Pi Zero W Rev 1.1": Wi-Fi is its only way out.
            had_radio: model.contains("Zero W") || model.contains("Zero 2 W"),
        }
    }

    /// How it stands now.
    pub fn look(&mut self) -> Link {
        let radio = self.radio();
        self.had_radio |= radio.is_some();
        let ipv4 = read(&self.root, "proc/net/route").unwrap_or_default();
        let ipv6 = read(&self.root, "proc/net/ipv6_route").unwrap_or_default();
        let ways: Vec<&str> = default_routes_ipv4(&ipv4)
            .map(|(interface, _)| interface)
            .chain(default_routes_ipv6(&ipv6))
            .collect();
        let Some(radio) = radio else {
            return match ways[..] {
                [_, ..] => Link::Open,
                [] if self.had_radio => Link::NoRadio,
                [] => Link::Unplugged,
            };
        };
        if ways.iter().any(|interface| *interface != radio) {
            return Link::Open;
        }
        if !self.is_connected(&radio) {
            return Link::Disconnected;
        }
        if ways.is_empty() {
            return Link::NoRoute;
        }
        let arp = read(&self.root, "proc/net/arp").unwrap_or_default();
        if default_routes_ipv4(&ipv4).any(|(_, gateway)| is_silent(&arp, gateway)) {
            Link::RouterSilent
        } else {
            Link::Open
        }
    }

    /// The first wireless interface.
    fn radio(&self) -> Option<String> {
        let interfaces = fs::read_dir(self.root.join("sys/class/net")).ok()?;
        let mut radios: Vec<String> = interfaces
            .flatten()
            .filter(|interface| interface.path().join("phy80211").exists())
            .filter_map(|interface| interface.file_name().into_string().ok())
            .collect();
        radios.sort();
        radios.into_iter().next()
    }

    /// Whether it is associated, with its keys agreed upon.
    fn is_connected(&self, radio: &str) -> bool {
        let state = read(&self.root, &format!("sys/class/net/{radio}/operstate"));
        state.is_some_and(|state| state.trim() == "up")
    }
}

fn read(root: &Path, path: &str) -> Option<String> {
    fs::read_to_string(root.join(path)).ok()
}

/// Of /proc/net/route (interface, destination, gateway, ...): the interfaces and
/// gateways of default routes.
fn default_routes_ipv4(text: &str) -> impl Iterator<Item = (&str, Ipv4Addr)> {
    text.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace();
        let (interface, to, gateway) = (fields.next()?, fields.next()?, fields.next()?);
        // In the memory order of the machine, as the kernel has it.
        let gateway = u32::from_str_radix(gateway, 16).ok()?.to_ne_bytes();
        (to == "00000000").then_some((interface, gateway.into()))
    })
}

/// Of /proc/net/ipv6_route (destination, its length, ..., interface): the
/// interfaces of default routes. The kernel keeps a route to nowhere at `lo`.
fn default_routes_ipv6(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let (to, length, interface) = (fields.next()?, fields.next()?, fields.next_back()?);
        let default = length == "00" && to.bytes().all(|digit| digit == b'0');
        (default && interface != "lo").then_some(interface)
    })
}

/// Whether the kernel has asked for `gateway` in vain: /proc/net/arp (address,
/// type, flags, ...) has it without the flag ATF_COM. One that it never asked
/// for is not in there.
fn is_silent(arp: &str, gateway: Ipv4Addr) -> bool {
    arp.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace();
        let (address, flags) = (fields.next(), fields.nth(1));
        address.and_then(|address| address.parse().ok()) == Some(gateway) && flags == Some("0x0")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Iface\tDestination\tGateway \tFlags\n";
    const LOCAL: &str = "wlan0\t0001A8C0\t00000000\t0001\n";
    const BY_WIFI: &str = "wlan0\t00000000\t0101A8C0\t0003\n";
    const BY_CABLE: &str = "usb0\t00000000\t0202000A\t0003\n";
    const ARP: &str = "IP address       HW type     Flags       HW address            Mask     Device\n\
        192.168.1.7      0x1         0x0         00:00:00:00:00:00     *        wlan0\n";
    const ANSWERS: &str = "192.168.1.1 0x1 0x2 b8:27:eb:00:00:01 * wlan0\n";
    const SILENT: &str = "192.168.1.1 0x1 0x0 00:00:00:00:00:00 * wlan0\n";

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A machine with these files; `operstate` of its radio, if it has one.
    fn machine(operstate: Option<&str>, routes: &[&str], arp: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "sys/class/net/usb0/operstate", "up\n");
        if let Some(state) = operstate {
            let radio = "sys/class/net/wlan0";
            write(root.path(), &format!("{radio}/operstate"), state);
            fs::create_dir(root.path().join(radio).join("phy80211")).unwrap();
        }
        let routes = format!("{HEAD}{LOCAL}{}", routes.concat());
        write(root.path(), "proc/net/route", &routes);
        write(root.path(), "proc/net/arp", &format!("{ARP}{arp}"));
        root
    }

    #[test]
    fn whose_fault_it_is() {
        let table: [(Option<&str>, &[&str], &str, Link); 9] = [
            (Some("up\n"), &[BY_WIFI], ANSWERS, Link::Open),
            (Some("up\n"), &[BY_WIFI], "", Link::Open),
            (Some("up\n"), &[BY_WIFI], SILENT, Link::RouterSilent),
            (Some("up\n"), &[], "", Link::NoRoute),
            // A route may outlive its link.
            (Some("down\n"), &[BY_WIFI], ANSWERS, Link::Disconnected),
            (Some("dormant\n"), &[], "", Link::Disconnected),
            (Some("down\n"), &[BY_CABLE], "", Link::Open),
            (None, &[BY_CABLE], "", Link::Open),
            (None, &[], "", Link::Unplugged),
        ];
        for (operstate, routes, arp, expected) in table {
            let root = machine(operstate, routes, arp);
            let link = Watch::new(root.path()).look();
            assert_eq!(link, expected, "{operstate:?} {routes:?} {arp:?}");
        }
    }

    #[test]
    fn a_radio_that_was_there_is_missed() {
        let root = machine(Some("up\n"), &[BY_WIFI], ANSWERS);
        let mut watch = Watch::new(root.path());
        assert_eq!(watch.look(), Link::Open);
        fs::remove_dir_all(root.path().join("sys/class/net/wlan0")).unwrap();
        write(root.path(), "proc/net/route", HEAD);
        assert_eq!(watch.look(), Link::NoRadio);

        let root = machine(None, &[], "");
        let model = "Raspberry Pi Zero W Rev 1.1\0";
        write(root.path(), "proc/device-tree/model", model);
        assert_eq!(Watch::new(root.path()).look(), Link::NoRadio);
    }

    #[test]
    fn the_kernel_keeps_a_route_to_nowhere() {
        let zero = "0".repeat(32);
        let nowhere =
            format!("{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200 lo\n");
        let default =
            format!("{zero} 00 {zero} 00 fe80 00000400 00000001 00000000 00000003 wlan0\n");
        let root = machine(Some("up\n"), &[], "");
        write(root.path(), "proc/net/ipv6_route", &nowhere);
        assert_eq!(Watch::new(root.path()).look(), Link::NoRoute);
        write(root.path(), "proc/net/ipv6_route", &(nowhere + &default));
        assert_eq!(Watch::new(root.path()).look(), Link::Open);
    }
}
