//! What ffmpeg gave back: held against what went in, and published.

use std::time::Instant;

use bytes::Bytes;

use super::{
    Action, Child, Packaged, Packager, duration_ms,
    frame::{Problem, check},
};
use crate::media::fragment::{Fragment, Piece, TICKS_PER_MS};

impl Packager {
    pub(super) fn read(&mut self, output: &[u8], now: Instant, actions: &mut Vec<Action>) {
        let Child::Running { splitter, .. } = &mut self.child else {
            return;
        };
        splitter.push(output);
        if let Err(problem) = self.take_pieces(now, actions) {
            self.fail(problem.to_string(), now, actions);
        }
    }

    fn take_pieces(&mut self, now: Instant, actions: &mut Vec<Action>) -> Result<(), Problem> {
        loop {
            let Child::Running {
                splitter,
                discard,
                since,
                put_off,
                started,
            } = &mut self.child
            else {
                return Ok(());
            };
            let Some(piece) = splitter.next_piece()? else {
                return Ok(());
            };
            (*since, *put_off) = (now, false);
            match piece {
                Piece::Init(init) => {
                    *started = true;
                    self.take_init(init, actions)?;
                }
                Piece::Fragment(fragment) => match discard.take() {
                    Some(published) => check(&fragment, &published)?,
                    None => self.publish(&fragment, actions)?,
                },
            }
        }
    }

    fn take_init(&mut self, init: Bytes, actions: &mut Vec<Action>) -> Result<(), Problem> {
        match &self.init {
            Some(first) if *first == init => Ok(()),
            Some(_) => Err(Problem::OtherInit),
            None => {
                self.init = Some(init.clone());
                actions.push(Action::PublishInit(init));
                Ok(())
            }
        }
    }

    fn publish(&mut self, fragment: &Fragment, actions: &mut Vec<Action>) -> Result<(), Problem> {
        let oldest = self.outstanding.front().ok_or(Problem::TooMany)?;
        check(fragment, oldest)?;
        let next = self.outstanding.get(1);
        if next.is_none() && self.flush_by.is_none() {
            return Err(Problem::TooEarly);
        }
        let segment = oldest.header.segment;
        let start_ms = match self.segment_start {
            Some((current, start_ms)) if current == segment => start_ms,
            _ => oldest.time_ms,
        };
        let duration_ms = duration_ms(&self.format, start_ms, oldest, next);
        let ends_segment = next.is_none_or(|next| next.header.segment != segment);

        let unit = self
            .outstanding
            .pop_front()
            .expect("the oldest was just looked at");
        self.outstanding_bytes -= unit.tag.bytes().len();
        self.segment_start = Some((segment, start_ms));
        if unit.header.flags.keyframe {
            self.keyframe = Some(unit.clone());
        }
        self.failures_in_a_row = 0;
        actions.push(Action::Publish(Packaged {
            fragment: fragment.write(unit.header.frame, duration_ms * TICKS_PER_MS),
            unit,
            duration_ms,
            ends_segment,
        }));
        Ok(())
    }
}
