//! Any bytes split into NAL units that stand in them, in order, without start
//! codes inside; parameter sets and slice headers are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zerocam_protocol::h264::{NalKind, ParameterSets, find_start_code, nal_units, slice_start};

fuzz_target!(|annex_b: &[u8]| {
    let mut joined = Vec::with_capacity(annex_b.len() + 1);
    let mut behind = annex_b.as_ptr() as usize;
    for nal in nal_units(annex_b) {
        let place = nal.as_ptr() as usize;
        assert!(place >= behind + 3, "a start code stands in front of each");
        behind = place + nal.len();
        assert_eq!(find_start_code(nal, 0), None);
        assert_ne!(nal.last(), Some(&0), "trailing zeros belong to the stream");
        let kind = NalKind::of(nal).expect("a NAL unit is not empty");
        assert!(kind.is_slice() || slice_start(nal).is_none());
        joined.extend_from_slice(&[0, 0, 1]);
        joined.extend_from_slice(nal);
    }
    assert!(behind <= annex_b.as_ptr() as usize + annex_b.len());
    assert!(nal_units(&joined).eq(nal_units(annex_b)));

    if let Some(sets) = ParameterSets::find(annex_b)
        && let Ok(format) = sets.video_format()
    {
        assert_eq!(format.codec.len(), "avc1.42e01f".len());
        assert!(
            format
                .frame_rate_hz
                .is_none_or(|hz| hz.is_finite() && hz > 0.0)
        );
    }
});
