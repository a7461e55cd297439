//! docs/led.md says what the code does: its tables are made from the code's own.
//!
//! `ZEROCAM_WRITE_DOCS=1 cargo test -p zerocam --test led_document` writes them.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::{env, fs, time::Duration};

use zerocam::{
    button::{RESTART_NETWORKING_AFTER, SHUT_DOWN_AFTER, STUCK_AFTER},
    led::table::Look,
};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/led.md");

#[test]
fn the_document_has_the_tables_of_the_code() {
    let text = fs::read_to_string(DOCUMENT).unwrap();
    let expected = with_table(
        &with_table(&text, "led", &led_table()),
        "button",
        &button_table(),
    );
    if env::var_os("ZEROCAM_WRITE_DOCS").is_some() {
        fs::write(DOCUMENT, &expected).unwrap();
    } else {
        assert_eq!(text, expected, "run this test with ZEROCAM_WRITE_DOCS=1");
    }
}

/// Replaces what stands between `<!-- table: NAME -->` and the next `<!-- end -->`.
fn with_table(text: &str, name: &str, table: &str) -> String {
    let begin = format!("<!-- table: {name} -->\n");
    let (before, rest) = text.split_once(&begin).unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    format!("{before}{begin}{table}<!-- end -->{after}")
}

fn led_table() -> String {
    let mut table = String::from("| State | Looks like | | Meaning |\n|---|---|---|---|\n");
    for look in Look::ALL {
        let row = look.row();
        table += &format!(
            "| {} | {} | `{}` | {} |\n",
            row.name,
            row.looks,
            picture(row.marks_ms, look.films()),
            row.meaning
        );
    }
    table
}

/// Two seconds and more: as many whole rounds as it takes.
fn picture(marks_ms: &[u16], lit_ground: bool) -> String {
    const CHARACTER_MS: u32 = 50;
    let period: u32 = marks_ms.iter().map(|&ms| u32::from(ms)).sum();
    let rounds = if period == 0 {
        0
    } else {
        2000_u32.div_ceil(period)
    };
    let (mut picture, mut at) = (String::new(), 0);
    let mut lit = !lit_ground;
    for ms in marks_ms.repeat(rounds as usize) {
        at += u32::from(ms);
        let filled = picture.chars().count() as u32;
        let glyph = if lit { "█" } else { "·" };
        picture += &glyph.repeat((at.div_ceil(CHARACTER_MS).saturating_sub(filled)) as usize);
        lit = !lit;
    }
    if picture.is_empty() {
        picture = "█".repeat(2000 / CHARACTER_MS as usize);
    }
    picture
}

fn button_table() -> String {
    let seconds = |duration: Duration| duration.as_secs();
    format!(
        "| Held | On release |\n\
         |---|---|\n\
         | shorter than {networking} s | starts or stops the stream |\n\
         | {networking} s ({blinks}) | restarts networking and reads the configuration again |\n\
         | {shut_down} s ({flickers}) | shuts down; the power can be cut when the LED has been dark for ten seconds |\n\
         | {stuck} s | nothing: this takes it back |\n",
        networking = seconds(RESTART_NETWORKING_AFTER),
        shut_down = seconds(SHUT_DOWN_AFTER),
        stuck = seconds(STUCK_AFTER),
        blinks = Look::HeldForNetworking.row().looks,
        flickers = Look::ShuttingDown.row().looks,
    )
}
