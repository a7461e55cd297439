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

/// One round, or two seconds of it if that is more.
fn picture(marks_ms: &[u16], lit_ground: bool) -> String {
    const CHARACTER_MS: u16 = 50;
    const SHOWN_MS: u16 = 2000;
    let period: u16 = marks_ms.iter().sum();
    if period == 0 {
        return "█".repeat((SHOWN_MS / CHARACTER_MS).into());
    }
    let (mark, gap) = if lit_ground {
        ("·", "█")
    } else {
        ("█", "·")
    };
    marks_ms
        .chunks(2)
        .flat_map(|pair| std::iter::zip(pair, [mark, gap]))
        .map(|(ms, glyph)| glyph.repeat((ms / CHARACTER_MS).into()))
        .collect::<String>()
        .repeat((SHOWN_MS / period).max(1).into())
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
