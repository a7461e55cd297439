//! What a file may say, and what is said of its mistakes.

use super::*;

/// Reads `text` as a file and gives back its mistakes without the path.
fn mistakes(text: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("zerocam.toml");
    std::fs::write(&path, text).unwrap();
    let message = read(&path).unwrap_err().to_string();
    let start = path.display().to_string();
    let bare = |line: &str| {
        let bare = line.strip_prefix(&start).unwrap();
        bare.trim_start_matches(", ").to_owned()
    };
    message.lines().map(bare).collect()
}

const CLOUD: &str = "[cloud]\nurl = \"https://cam.example\"\nkey = \"camera.garden.1.c2ln\"\n";

#[test]
fn every_mistake_is_told_with_line_and_remedy() {
    let table = [
        (
            "",
            ": [cloud] url: empty; write your service's address, such as \"https://cam.example\"",
        ),
        (
            "[cloud]\nkey = \"camera.garden.1.c2ln\"\n",
            "line 1: [cloud] url: empty; write your service's address, such as \"https://cam.example\"",
        ),
        (
            "[cloud]\nurl = \"https://cam.example\"\n",
            "line 1: [cloud] key: empty; write the line that `zerocam-cloud key CAMERA` prints",
        ),
        (
            "[cloud]\nurl = \"https://cam.example\"\nkey = \"hunter2\"\n",
            "line 3: [cloud] key: the camera key is unusable: not a zerocam key or link: copy it whole, from `camera.`, `view.` or `control.` to its end",
        ),
        (
            "[cloud]\nurl = \"https://cam.example\"\nkey = \"view.garden.x.0.c2ln\"\n",
            "line 3: [cloud] key: the configured key is a viewer's link: `zerocam-cloud key garden` makes the camera's key",
        ),
        (
            "[cloud]\nkey = \"camera.garden.1.c2ln\"\nurl = \"http://cam.example\"\n",
            "line 3: [cloud] url: http://cam.example is not encrypted, anybody on the way could watch and take the key: use https://, or set allow_plain = true on a network of your own",
        ),
        (
            "[stream]\nbitrate_bps = 5\n",
            "line 2: [stream] bitrate_bps: 5 is out of range; write 100000 to 25000000",
        ),
        (
            "[stream]\nkeyframe_interval_s = 11\n",
            "line 2: [stream] keyframe_interval_s: 11 is out of range; write 0.2 to 10",
        ),
        (
            "[stream]\nkeyframe_interval_s = nan\n",
            "line 2: [stream] keyframe_interval_s: NaN is out of range; write 0.2 to 10",
        ),
        (
            "[camera]\nwidth = 641\n",
            "line 2: [camera] width: 641 is odd; write an even number",
        ),
        (
            "[camera]\nbackend = \"replay\"\n",
            "line 1: [camera] file: missing; write the path of a raw H.264 file",
        ),
        (
            "[camera]\nbackend = \"replay\"\nfile = \"x\"\nframe_rate_hz = 0.0\n",
            "line 4: [camera] frame_rate_hz: 0 is out of range; write more than 0, up to 120",
        ),
        (
            "[camera]\nbackend = \"replya\"\n",
            "line 2: `backend` cannot be `replya`; did you mean `replay`?",
        ),
        (
            "[camera]\nbackend = \"rpicam\"\n[stream]\nbitrate_bps = 500000\n",
            "line 4: [stream] bitrate_bps: 500000 is too little for rpicam; write at least 700000",
        ),
        (
            "[stream]\nbitrate_mode = \"cbr\"\n",
            "line 2: `bitrate_mode` cannot be `cbr`; known are `variable` or `constant`",
        ),
        (
            "[camera]\nbackend = \"rpicam\"\n[picture]\nrotation_degrees = 90\n",
            "line 4: [picture] rotation_degrees: rpicam turns the picture by 0 or 180 only; write one of them, or turn the camera",
        ),
        (
            "[picture]\nrotation_degrees = 45\n",
            "line 2: [picture] rotation_degrees: 45 is impossible; write 0, 90, 180 or 270",
        ),
        (
            "[picture]\nhflip = 1\n",
            "line 2: `hflip` cannot be 1; write true or false",
        ),
        (
            "[picture]\nbrightness = 101\n",
            "line 2: [picture] brightness: 101 is out of range; write 0 to 100",
        ),
        (
            "[picture]\ncontrast = -101\n",
            "line 2: [picture] contrast: -101 is out of range; write -100 to 100",
        ),
        (
            "[picture]\nsaturation = 101\n",
            "line 2: [picture] saturation: 101 is out of range; write -100 to 100",
        ),
        (
            "[picture]\nsharpness = 101\n",
            "line 2: [picture] sharpness: 101 is out of range; write -100 to 100",
        ),
        (
            "[picture]\nexposure_time_us = 99\n",
            "line 2: [picture] exposure_time_us: 99 is out of range; write 100 to 1000000",
        ),
        (
            "[picture]\nexposure_bias_ev = nan\n",
            "line 2: [picture] exposure_bias_ev: NaN is out of range; write -4 to 4",
        ),
        (
            "[picture]\niso = 150\n",
            "line 2: [picture] iso: 150 is impossible; write 100, 200, 400 or 800",
        ),
        (
            "[picture]\nwhite_balance = \"sunny\"\n",
            "line 2: `white_balance` cannot be `sunny`; known are `auto`, `incandescent`, `fluorescent`, `daylight`, `cloudy`",
        ),
        (
            "[picture]\nscene = \"party\"\n",
            "line 2: `scene` cannot be `party`; known are `none`, `night`, `sports`",
        ),
        (
            "[picture]\nmains_frequency_hz = 55\n",
            "line 2: [picture] mains_frequency_hz: 55 is impossible; write 50 or 60",
        ),
        (
            "[daemon]\ndevice_id = \"a b\"\n",
            "line 2: [daemon] device_id: \"a b\" cannot be a device id: use 1 to 64 of A-Z, a-z, 0-9 and -",
        ),
        (
            "[[wifi]]\nssid = \"Home\"\npassword = \"secret123\"\n",
            ": country: empty; write the two letters of your country, such as \"DE\": they decide which channels the radio may use",
        ),
        (
            "country = \"Germany\"\n[[wifi]]\nssid = \"Home\"\npassword = \"secret123\"\n",
            "line 1: country: \"Germany\" is no country; write its two letters, such as \"DE\"",
        ),
        (
            "country = \"uk\"\n",
            "line 1: country: the United Kingdom's two letters are GB; write \"GB\"",
        ),
        (
            "country = \"XX\"\n",
            "line 1: country: \"XX\" is no country; write its two letters, such as \"DE\"",
        ),
        (
            "country = \"DE\"\n[[wifi]]\nssid = \"Home\"\nauth_method = \"wpa3_personal\"\npassword = \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF\"\n",
            "line 5: [wifi] password: 64 hexadecimal digits are a key of WPA2; WPA3 needs the password that it was made from",
        ),
        (
            "country = \"DE\"\n[[wifi]]\nssid = \"Home\"\npassword = \"secret123\"\n[[wifi]]\nssid = \"Away\"\npassword = \"short\"\n",
            "line 7: [wifi] password: too short or too long; a Wi-Fi's password has 8 to 63 characters",
        ),
        (
            "[[wifi]]\nssid = \"Home\"\n",
            "line 1: [wifi] password: empty; write the password of your Wi-Fi, or auth_method = \"none\" for one without",
        ),
        (
            "[[wifi]]\npassword = \"secret123\"\n",
            "line 1: [wifi] ssid: empty; write the name of your Wi-Fi",
        ),
        (
            "[[wifi]]\nssid = \"Home\"\npassword = \"secret123\"\nauth_method = \"none\"\n",
            "line 3: [wifi] password: set, and auth_method = \"none\" says that there is none; remove one of them",
        ),
        (
            "[[wifi]]\nssid = \"Home\"\npassword = \"secret\\n123\"\n",
            "line 3: [wifi] password: has a control character, which no Wi-Fi's password has",
        ),
        (
            "[[wifi]]\nssid = \"123456789012345678901234567890123\"\n",
            "line 2: [wifi] ssid: longer than 32 bytes, which no Wi-Fi's name is",
        ),
        (
            "[[wifi]]\nsid = \"Home\"\n",
            "line 2: there is no key `sid` here; did you mean `ssid`?",
        ),
        (
            "[[wifi]]\nauth_method = \"wpa2\"\n",
            "line 2: `auth_method` cannot be `wpa2`; did you mean `wpa2_personal`?",
        ),
        (
            "[system]\nhostname = \"My Cam\"\n",
            "line 2: [system] hostname: \"My Cam\" cannot be a name in a network; use 1 to 63 of a-z, 0-9 and -",
        ),
        (
            "[system]\nssh_key = \"-----BEGIN OPENSSH PRIVATE KEY-----\"\n",
            "line 2: [system] ssh_key: no public key; write the one line of a file such as id_ed25519.pub, and never the file without .pub",
        ),
        (
            "[daemon]\nsokcet = \"x\"\n",
            "line 2: there is no key `sokcet` here; did you mean `socket`?",
        ),
    ];
    for (text, expected) in table {
        let mistakes = mistakes(text);
        assert!(mistakes.iter().any(|line| line == expected), "{mistakes:?}");
    }
}

#[test]
fn all_mistakes_are_told_in_the_order_of_the_file() {
    let text = r#"
country = "Germany"
[[wifi]]
ssid = "Home"
password = "short"
[[wifi]]
password = "secret123"
[cloud]
url = "cam.example"
key = "hunter2"
ca_file = "/nowhere.pem"
[camera]
backend = "rpicam"
width = 641
frame_rate_hz = 0.0
[picture]
rotation_degrees = 90
iso = 5
[stream]
bitrate_bps = 500000
keyframe_interval_s = nan
replay_ring_s = 1
replay_ring_bytes = 1
[system]
hostname = "My Cam"
ssh_key = "private"
[daemon]
device_id = "a b"
"#;
    let mistakes = mistakes(text);
    let places: Vec<_> = mistakes
        .iter()
        .map(|line| line.splitn(3, ": ").take(2).collect::<Vec<_>>().join(": "))
        .collect();
    assert_eq!(
        places,
        [
            "line 2: country",
            "line 5: [wifi] password",
            "line 6: [wifi] ssid",
            "line 9: [cloud] url",
            "line 10: [cloud] key",
            "line 11: [cloud] ca_file",
            "line 14: [camera] width",
            "line 15: [camera] frame_rate_hz",
            "line 17: [picture] rotation_degrees",
            "line 18: [picture] iso",
            "line 20: [stream] bitrate_bps",
            "line 21: [stream] keyframe_interval_s",
            "line 22: [stream] replay_ring_s",
            "line 23: [stream] replay_ring_bytes",
            "line 25: [system] hostname",
            "line 26: [system] ssh_key",
            "line 28: [daemon] device_id",
        ]
    );
}

#[test]
fn socket_and_pins_are_found_in_a_file_that_is_wrong_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("zerocam.toml");
    assert_eq!(control_socket(&path), DaemonConfiguration::default().socket);
    std::fs::write(&path, "[clod]\n[daemon]\nsocket = \"/tmp/here\"\n").unwrap();
    assert_eq!(control_socket(&path), Path::new("/tmp/here"));
    assert_eq!(gpio(&path), gpio::Configuration::default());
    std::fs::write(&path, "[clod]\n[gpio]\nled_pin = 5\n").unwrap();
    assert_eq!(gpio(&path).led_pin.number(), 5);
    std::fs::write(&path, "[gpio]\nled_pin = 5\nbutton_pin = 99\n").unwrap();
    assert_eq!(gpio(&path), gpio::Configuration::default());
}

#[test]
fn the_shipped_file_says_the_defaults() {
    let shipped = include_str!("../../zerocam.toml");
    let path = Path::new("zerocam.toml");
    let read: Configuration = zerocam_config_file::parse(shipped, path).unwrap();
    assert_eq!(read, Configuration::default());
    // With every key that is commented out, it must still be understood.
    let all: String = shipped
        .lines()
        .map(|line| match line.strip_prefix("#") {
            Some(key) if !key.starts_with(' ') => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let all: Configuration = zerocam_config_file::parse(&all, path).unwrap();
    let picture = &all.picture;
    assert!(picture.brightness.is_some() && picture.mains_frequency_hz.is_some());
    assert!(picture.white_balance.is_some() && picture.scene.is_some());
    let mut problems = Problems::default();
    picture.check(Backend::V4l2, &mut problems);
    assert_eq!(problems.finish(Some(())), Ok(()));
    assert!(all.cloud.ca_file.is_some() && all.camera.file.is_some());
    assert!(all.camera.frame_rate_hz.is_some() && all.daemon.device_id.is_some());
    assert!(all.gpio.viewer_led_pin.is_some());
}

#[test]
fn a_short_file_is_enough() {
    let configuration: Configuration =
        zerocam_config_file::parse(CLOUD, Path::new("zerocam.toml")).unwrap();
    let settings = Settings::try_from(configuration).unwrap();
    assert_eq!(settings.camera_name.as_str(), "garden");
    assert_eq!(
        settings.camera,
        CameraSettings::V4l2 {
            device: "/dev/video0".into(),
            view: View {
                width: 1280,
                height: 720,
                frame_rate_hz: 25.0,
                picture: PictureConfiguration::default(),
            },
        }
    );
}

#[test]
fn a_country_is_one_of_249() {
    let country = |name: &str| {
        let mut problems = Problems::default();
        let wifi = Wifi::new(name, Vec::new(), &mut problems);
        problems.finish(Some(wifi.country))
    };
    for name in ["DE", "de", "GB", "US", "ZW", "AD", "CD"] {
        assert_eq!(country(name), Ok(Some(name.to_ascii_uppercase())), "{name}");
    }
    assert_eq!(country(""), Ok(None));
    for name in ["E", "D E", "DE ", "AD AE", " ", "00", "EU", "Germany"] {
        assert!(country(name).is_err(), "{name}");
    }
}
