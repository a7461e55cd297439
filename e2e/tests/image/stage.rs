//! What the tests have in common: a card, its file filled in, and a clip.

use std::time::Duration;

use tempfile::TempDir;
use zerocam_e2e::{Card, Footage, TlsFront, footage::Clip, service::ServiceHome, virtual_pi::HOST};

/// The camera's name.
pub(crate) const GARDEN: &str = "garden";

/// How soon an emulated camera shows what was asked of it: a real one takes a
/// tenth.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// What the emulated camera plays.
pub(crate) const CLIP: Clip = Clip {
    width: 640,
    height: 360,
    frame_rate_hz: 15,
    pictures: 150,
};

/// A clip and a card whose camera plays it.
pub(crate) fn card(directory: &TempDir) -> (Footage, Card) {
    let clip = Footage::numbered(directory.path(), CLIP);
    let card = Card::new(&clip.path, (CLIP.width, CLIP.height));
    (clip, card)
}

/// The card's own `zerocam.toml`, filled in.
pub(crate) fn configuration(card: &Card, home: &ServiceHome, front: &TlsFront) -> String {
    let text = card.read("zerocam.toml");
    let url = format!("https://{HOST}:{}", front.address().port());
    let keys = [
        ("country", quoted("DE")),
        ("ssid", quoted("home")),
        ("password", quoted("correct horse")),
        ("url", quoted(&url)),
        ("key", quoted(&home.camera_key(GARDEN))),
        ("ca_file", quoted("/boot/firmware/ca.pem")),
        ("frame_rate_hz", CLIP.frame_rate_hz.to_string()),
        ("width", CLIP.width.to_string()),
        ("height", CLIP.height.to_string()),
    ];
    keys.iter()
        .fold(text, |text, (key, value)| fill_in(&text, key, value))
}

fn quoted(value: &str) -> String {
    format!("\"{value}\"")
}

/// Writes a value behind the first line with this key, and switches the line on.
pub(crate) fn fill_in(text: &str, key: &str, value: &str) -> String {
    let mut filled = false;
    let lines = text.lines().map(|line| {
        let (name, _) = line.split_once('=').unwrap_or_default();
        if filled || name.trim().trim_start_matches('#') != key {
            return line.to_owned();
        }
        filled = true;
        format!("{key} = {value}")
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    assert!(filled, "no line for {key} in the card's zerocam.toml");
    text + "\n"
}
