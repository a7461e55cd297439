//! Any text is refused, or reads back exactly: one text per grant.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zerocam_protocol::token::{MAX_TOKEN_CHARS, Token};

fuzz_target!(|text: &str| {
    if let Ok(token) = Token::parse(text) {
        assert!(text.len() <= MAX_TOKEN_CHARS);
        assert_eq!(format!("{}.{}", token.grant, token.mac), text);
        assert_eq!(token.signed, token.grant.to_string());
    }
});
