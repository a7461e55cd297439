//! What is wrong with the values of a configuration: everything is looked at
//! before anything is refused, so that all of it is told at once.

use std::{fmt, ops::RangeInclusive};

use zerocam_config_file::Problem;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    /// The value that a check gives; `None` when it is one more problem.
    pub(super) fn note<T>(&mut self, checked: Result<T, Problem>) -> Option<T> {
        checked.map_err(|problem| self.0.push(problem)).ok()
    }

    /// What was made of the values, if nothing is wrong.
    pub(super) fn finish<T>(self, made: Option<T>) -> Result<T, Vec<Problem>> {
        match made {
            Some(made) if self.0.is_empty() => Ok(made),
            _ => Err(self.0),
        }
    }
}

/// A key and its section, which is empty for keys in front of all sections.
#[derive(Clone, Copy)]
pub(super) struct Key(pub(super) &'static str, pub(super) &'static str);

impl Key {
    pub(super) fn problem(self, text: impl fmt::Display) -> Problem {
        Problem {
            section: self.0,
            entry: 0,
            key: self.1,
            text: text.to_string(),
        }
    }

    pub(super) fn within<N>(self, value: N, range: RangeInclusive<N>) -> Result<N, Problem>
    where
        N: PartialOrd + fmt::Display + Copy,
    {
        if range.contains(&value) {
            return Ok(value);
        }
        let (lowest, highest) = range.into_inner();
        Err(self.problem(format_args!(
            "{value} is out of range; write {lowest} to {highest}"
        )))
    }

    pub(super) fn even_within(
        self,
        value: u32,
        range: RangeInclusive<u32>,
    ) -> Result<u32, Problem> {
        match self.within(value, range)? {
            even if even % 2 == 0 => Ok(even),
            odd => Err(self.problem(format_args!("{odd} is odd; write an even number"))),
        }
    }
}
