//! What the configuration says about the system around the daemon: Wi-Fi, the
//! device's name and SSH. `zerocam provision` applies it; the daemon only
//! checks it, so that a mistake shows on the LED.

use serde::Deserialize;
use zerocam_config_file::{Problem, Secret};

use super::problems::{Key, Problems};

/// A Wi-Fi name's most bytes (IEEE 802.11-2020, 9.4.2.2).
const MAX_SSID_BYTES: usize = 32;

/// The countries of ISO 3166-1. Where the kernel's rules have no entry for one, it
/// keeps to those that hold everywhere.
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN \
    BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ \
    DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL \
    GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM \
    JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME \
    MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP \
    NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD \
    SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO \
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// `[[wifi]]`: a Wi-Fi to connect to. One without a name is not filled in, and
/// left out.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WifiConfiguration {
    /// Its name, up to 32 bytes, in capitals and small letters as it is.
    pub ssid: String,
    /// 8 to 63 characters, or 64 hexadecimal digits, with WPA2 only. Empty for an
    /// open one.
    pub password: Secret,
    /// How it lets devices in. Default: `"wpa2_personal"`.
    pub auth_method: AuthMethod,
    /// Whether it keeps its name to itself and has to be asked by name. Default:
    /// false.
    pub hidden: bool,
}

/// How a Wi-Fi lets devices in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// Open to everybody.
    None,
    /// WPA and WPA2 with a password: routers from before 2006.
    WpaWpa2Personal,
    /// WPA2 with a password; also right for routers that offer WPA2 and WPA3.
    #[default]
    Wpa2Personal,
    /// WPA3 where it is offered, else WPA2.
    Wpa2Wpa3Personal,
    /// WPA3 only, which the Pi Zero W's own radio cannot do. The image has no
    /// firmware for others.
    Wpa3Personal,
}

/// `[system]`: the device itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SystemConfiguration {
    /// Its name in the network, 1 to 63 of `a-z`, `0-9` and `-`. Default
    /// `zerocam`.
    pub hostname: String,
    /// The public key that may log in over SSH as root, as in a `.pub` file.
    /// Default: empty, which keeps SSH off.
    pub ssh_key: String,
}

impl Default for SystemConfiguration {
    fn default() -> Self {
        Self {
            hostname: "zerocam".into(),
            ssh_key: String::new(),
        }
    }
}

/// The Wi-Fis to connect to, checked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wifi {
    /// Whose rules the radio keeps, such as `DE`; set whenever there are clients.
    pub country: Option<String>,
    /// Those that are filled in, the preferred one first.
    pub clients: Vec<WifiConfiguration>,
}

impl Wifi {
    /// Checks what is written.
    pub(super) fn new(
        country: &str,
        mut clients: Vec<WifiConfiguration>,
        problems: &mut Problems,
    ) -> Self {
        let is_filled_in = |client: &WifiConfiguration| {
            !client.ssid.is_empty() || !client.password.expose().is_empty()
        };
        for (entry, client) in clients.iter().enumerate() {
            if !is_filled_in(client) {
                continue;
            }
            let located = |name, checked: Result<(), &str>| {
                checked.map_err(|text| Problem {
                    entry,
                    ..Key("wifi", name).problem(text)
                })
            };
            problems.note(located("ssid", check_ssid(&client.ssid)));
            problems.note(located("password", check_password(client)));
        }
        clients.retain(is_filled_in);
        let code = country.to_ascii_uppercase();
        problems.note(check_country(country, &code, !clients.is_empty()));
        Self {
            country: Some(code).filter(|code| !code.is_empty()),
            clients,
        }
    }
}

fn check_ssid(ssid: &str) -> Result<(), &'static str> {
    if ssid.is_empty() {
        Err("empty; write the name of your Wi-Fi")
    } else if ssid.len() > MAX_SSID_BYTES {
        Err("longer than 32 bytes, which no Wi-Fi's name is")
    } else {
        Ok(())
    }
}

/// `code` is what is `written`, in capitals.
fn check_country(written: &str, code: &str, required: bool) -> Result<(), Problem> {
    let key = Key("", "country");
    match code {
        "" if !required => Ok(()),
        "" => Err(key.problem(
            "empty; write the two letters of your country, such as \"DE\": they decide which channels the radio may use",
        )),
        "UK" => Err(key.problem("the United Kingdom's two letters are GB; write \"GB\"")),
        code if COUNTRIES.split(' ').any(|country| country == code) => Ok(()),
        _ => Err(key.problem(format_args!(
            "\"{written}\" is no country; write its two letters, such as \"DE\""
        ))),
    }
}

fn check_password(client: &WifiConfiguration) -> Result<(), &'static str> {
    let password = client.password.expose();
    let open = client.auth_method == AuthMethod::None;
    let raw_key = is_raw_key(password);
    if open && !password.is_empty() {
        Err("set, and auth_method = \"none\" says that there is none; remove one of them")
    } else if !open && password.is_empty() {
        Err("empty; write the password of your Wi-Fi, or auth_method = \"none\" for one without")
    } else if password.chars().any(char::is_control) {
        Err("has a control character, which no Wi-Fi's password has")
    } else if raw_key && client.auth_method == AuthMethod::Wpa3Personal {
        Err(
            "64 hexadecimal digits are a key of WPA2; WPA3 needs the password that it was made from",
        )
    } else if open || (8..=63).contains(&password.len()) || raw_key {
        Ok(())
    } else {
        Err("too short or too long; a Wi-Fi's password has 8 to 63 characters")
    }
}

/// Whether it is no password but the key made from one: 64 hexadecimal digits.
#[must_use]
pub fn is_raw_key(password: &str) -> bool {
    password.len() == 64 && password.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The device itself, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct System {
    /// Its name in the network.
    pub hostname: String,
    /// Who may log in, one line without its end; nobody by default.
    pub ssh_key: Option<String>,
}

impl System {
    /// Checks what is written.
    pub(super) fn new(configuration: SystemConfiguration, problems: &mut Problems) -> Self {
        let SystemConfiguration { hostname, ssh_key } = configuration;
        let ssh_key = ssh_key.trim();
        problems.note(check_hostname(&hostname));
        if !ssh_key.is_empty() && !is_public_key(ssh_key) {
            problems.note::<()>(Err(Key("system", "ssh_key").problem(
                "no public key; write the one line of a file such as id_ed25519.pub, and never the file without .pub",
            )));
        }
        Self {
            hostname,
            ssh_key: Some(ssh_key.to_owned()).filter(|line| !line.is_empty()),
        }
    }
}

fn check_hostname(hostname: &str) -> Result<(), Problem> {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=63).contains(&hostname.len())
        && hostname.bytes().all(known)
        && !hostname.starts_with('-')
        && !hostname.ends_with('-')
    {
        return Ok(());
    }
    Err(Key("system", "hostname").problem(format_args!(
        "\"{hostname}\" cannot be a name in a network; use 1 to 63 of a-z, 0-9 and -"
    )))
}

/// The type, then the key in base64, which begins with the length of the type
/// (RFC 4253, 6.6); then whatever its owner calls it.
fn is_public_key(line: &str) -> bool {
    let mut words = line.split(' ');
    let type_is_known = words.next().is_some_and(|word| {
        ["ssh-ed25519", "ssh-rsa"].contains(&word)
            || word.starts_with("ecdsa-sha2-nistp")
            || word.starts_with("sk-ssh-ed25519")
    });
    type_is_known
        && words.next().is_some_and(|key| key.starts_with("AAAA"))
        && !line.chars().any(char::is_control)
}
