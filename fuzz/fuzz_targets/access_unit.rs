//! Any binary message is refused, or encodes back to the same bytes.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use zerocam_protocol::AccessUnit;

fuzz_target!(|message: &[u8]| {
    let Ok(unit) = AccessUnit::decode(Bytes::copy_from_slice(message)) else {
        return;
    };
    assert!(!unit.payload().is_empty());
    let (front, back) = unit.payload().split_at(unit.payload().len() / 2);
    let again = AccessUnit::new(*unit.header(), &[front, back]);
    assert_eq!(again.message()[..], *message);
});
