//! The text of wpa_supplicant's configuration file.

use std::fmt::Write as _;

use crate::config::{AuthMethod, Wifi, WifiConfiguration, is_raw_key};

/// All of the file. Without a control socket, nobody can change what it says.
pub(super) fn configuration(wifi: &Wifi) -> String {
    let mut text = String::from("# Made from zerocam.toml at every start.\n");
    if let Some(country) = &wifi.country {
        text += &format!("country={country}\n");
    }
    for (client, priority) in wifi.clients.iter().zip((1..=wifi.clients.len()).rev()) {
        text += &network(client, priority);
    }
    text
}

/// A name is written in hexadecimal digits, and a password between quotes: the
/// last quote of the line ends it, so that neither has to be escaped.
fn network(client: &WifiConfiguration, priority: usize) -> String {
    let mut text = String::from("network={\n\tssid=");
    for byte in client.ssid.bytes() {
        let _ = write!(text, "{byte:02x}");
    }
    text += "\n";
    if client.hidden {
        text += "\tscan_ssid=1\n";
    }
    text += match client.auth_method {
        AuthMethod::None => "\tkey_mgmt=NONE\n",
        AuthMethod::WpaWpa2Personal => "\tkey_mgmt=WPA-PSK\n",
        AuthMethod::Wpa2Personal => "\tkey_mgmt=WPA-PSK\n\tproto=RSN\n",
        AuthMethod::Wpa2Wpa3Personal => {
            "\tkey_mgmt=WPA-PSK WPA-PSK-SHA256 SAE\n\tproto=RSN\n\tieee80211w=1\n"
        }
        AuthMethod::Wpa3Personal => "\tkey_mgmt=SAE\n\tproto=RSN\n\tieee80211w=2\n",
    };
    let password = client.password.expose();
    if is_raw_key(password) {
        text += &format!("\tpsk={password}\n");
    } else if client.auth_method != AuthMethod::None {
        text += &format!("\tpsk=\"{password}\"\n");
    }
    text + &format!("\tpriority={priority}\n}}\n")
}
