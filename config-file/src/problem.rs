//! Values that are understood and cannot be used: all of them are told at once,
//! each with its line, so that a file is corrected in one go.

use std::{fmt, path::Path};

use crate::{ConfigError, Mistake, text};

/// A value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The section, empty for keys in front of all sections.
    pub section: &'static str,
    /// Which of several sections of this name, from 0.
    pub entry: usize,
    /// The key in it.
    pub key: &'static str,
    /// What is wrong and what to write.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.section.is_empty() {
            write!(f, "[{}] ", self.section)?;
        }
        write!(f, "{}: {}", self.key, self.text)
    }
}

/// The problems of the file at `path`, with their lines and in the file's order.
#[must_use]
pub fn refuse(path: &Path, problems: &[Problem]) -> ConfigError {
    let text = text(path).unwrap_or_default();
    let mut mistakes: Vec<_> = problems
        .iter()
        .map(|problem| Mistake {
            line: problem.line_in(&text),
            text: problem.to_string(),
        })
        .collect();
    mistakes.sort_by_key(|mistake| mistake.line);
    ConfigError::Content {
        path: path.into(),
        mistakes,
    }
}

impl Problem {
    /// The line, from 1, where the key stands, else its section.
    fn line_in(&self, text: &str) -> Option<usize> {
        let mut inside = self.section.is_empty();
        let mut sections = 0;
        let mut section_line = None;
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            if line.starts_with('[') {
                let name = line.trim_start_matches('[').split(']').next();
                inside = name.is_some_and(|name| name.trim() == self.section);
                if inside {
                    inside = sections == self.entry;
                    sections += 1;
                }
                if inside {
                    section_line = Some(number);
                }
            } else if inside
                && line
                    .split_once('=')
                    .is_some_and(|(name, _)| name.trim() == self.key)
            {
                return Some(number);
            }
        }
        section_line
    }
}
