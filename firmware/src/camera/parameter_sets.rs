//! The parameter sets (SPS and PPS) that a decoder needs, remembered for
//! keyframes that come without them.
//!
//! Only what stands in front of the picture data is read: most bytes of a
//! stream are never touched here.

use zerocam_protocol::h264::{NalKind, find_start_code};

/// Bound of what is remembered. A camera's take 20 to 60 bytes.
pub(super) const MAX_PARAMETER_SETS_BYTES: usize = 4096;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// The newest SPS and all parameter sets since, with start codes.
#[derive(Debug, Default)]
pub(super) struct NewestParameterSets {
    bytes: Vec<u8>,
}

/// What an access unit, or a part of one, holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Content {
    /// Whether it brings an SPS.
    pub(super) own_sps: bool,
    /// The kind of its first slice; `None` when it holds no picture data.
    pub(super) slice: Option<NalKind>,
}

impl NewestParameterSets {
    /// With start codes; empty when there was no SPS so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Remembers the parameter sets in front of the first slice.
    pub(super) fn take_in(&mut self, annex_b: &[u8]) -> Result<Content, TooManyParameterSets> {
        let mut own_sps = false;
        let mut next = find_start_code(annex_b, 0);
        while let Some((_, begin)) = next {
            let kind = NalKind::of(&annex_b[begin..]);
            if kind.is_some_and(NalKind::is_slice) {
                return Ok(Content {
                    own_sps,
                    slice: kind,
                });
            }
            next = find_start_code(annex_b, begin);
            let end = next.map_or(annex_b.len(), |(code, _)| code);
            match kind {
                Some(NalKind::Sps) if !own_sps => {
                    own_sps = true;
                    self.bytes.clear();
                }
                Some(NalKind::Sps) => {}
                Some(NalKind::Pps) if !self.bytes.is_empty() => {}
                _ => continue,
            }
            let zeros = annex_b[begin..end].iter().rev();
            let zeros = zeros.take_while(|&&byte| byte == 0).count();
            let nal = &annex_b[begin..end - zeros];
            if self.bytes.len() + START_CODE.len() + nal.len() > MAX_PARAMETER_SETS_BYTES {
                return Err(TooManyParameterSets);
            }
            self.bytes.extend_from_slice(&START_CODE);
            self.bytes.extend_from_slice(nal);
        }
        Ok(Content {
            own_sps,
            slice: None,
        })
    }
}

/// Parameter sets beyond any camera's need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has more than {MAX_PARAMETER_SETS_BYTES} bytes of parameter sets")]
pub struct TooManyParameterSets;
