//! Reads a TOML file into typed configuration, with errors that a beginner can
//! act on: the file, the line, what is wrong, and the nearest known key.
//!
//! People edit these files with whatever editor their computer has: UTF-16, a byte
//! order mark and CRLF line ends are read as well. Nothing is guessed: a
//! typographic quote in place of a straight one is an error that shows where, for
//! between straight ones it may be part of a password.

mod explain;
mod problem;

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};

use explain::explain;
pub use problem::{Problem, refuse};

/// Most bytes of a file. A filled-in one has about ten thousand.
const MAX_BYTES: u64 = 1 << 20;

/// Reads and parses a configuration file.
///
/// # Errors
/// [`ConfigError`] when it cannot be read, is no TOML, has an unknown key, or
/// a value of the wrong type.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    parse(&text(path)?, path)
}

/// The file's text, in which lines are counted.
///
/// # Errors
/// [`ConfigError`] when it cannot be read, or is no text.
pub fn text(path: &Path) -> Result<String, ConfigError> {
    decode(&contents(path)?).ok_or_else(|| ConfigError::NotText { path: path.into() })
}

/// The bytes of a file; a pipe or a device might never end.
fn contents(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let unreadable = |source| ConfigError::Read {
        path: path.into(),
        source,
    };
    // Looked at before it is opened: opening a pipe waits for who writes to it.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(ConfigError::NotAFile { path: path.into() });
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ConfigError::TooLarge { path: path.into() });
    }
    Ok(bytes)
}

/// UTF-8, or UTF-16 as its byte order mark says; without that mark, and without
/// the zeros that some editors leave behind the end.
fn decode(bytes: &[u8]) -> Option<String> {
    let utf16 = |of: fn([u8; 2]) -> u16, bytes: &[u8]| {
        let (units, rest) = bytes.as_chunks();
        let units: Vec<u16> = units.iter().copied().map(of).collect();
        String::from_utf16(&units).ok().filter(|_| rest.is_empty())
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(u16::from_le_bytes, rest)?,
        [0xfe, 0xff, rest @ ..] => utf16(u16::from_be_bytes, rest)?,
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => str::from_utf8(rest).ok()?.to_owned(),
    };
    Some(text.trim_end_matches('\0').to_owned())
}

/// Parses configuration text; `path` is for error messages.
///
/// # Errors
/// As [`read`], less the file's own.
pub fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map(|span| span.start.min(text.len()));
        let line = at.map(|at| text[..at].matches('\n').count() + 1);
        let quote = at.and_then(|at| typographic_quote(text, at, error.message()));
        let key = at.and_then(|at| key_at(text, at));
        ConfigError::Content {
            path: path.into(),
            mistakes: vec![Mistake {
                line,
                text: quote.unwrap_or_else(|| explain(error.message(), key)),
            }],
        }
    })
}

/// Says so when an error at `at` is due to a typographic quote, as word processors
/// make them: one that should open stands there, one that should close before.
fn typographic_quote(text: &str, at: usize, message: &str) -> Option<String> {
    let straight = |quote| match quote {
        '\u{2018}'..='\u{201b}' => Some('\''),
        '\u{201c}'..='\u{201f}' => Some('"'),
        _ => None,
    };
    let unclosed = message.starts_with("invalid") && message.contains(" string, expected");
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let here = text[at..].chars().next().map(|quote| (at, quote));
    let before = text[line..at].char_indices().rev();
    let before = before.map(|(offset, quote)| (line + offset, quote));
    let (at, quote, straight) = here
        .into_iter()
        .chain(before.filter(|_| unclosed))
        .find_map(|(at, quote)| Some((at, quote, straight(quote)?)))?;
    let column = text[line..at].chars().count() + 1;
    Some(format!(
        "{quote} in column {column} is a typographic quote: type a straight one, {straight}"
    ))
}

/// The key whose value begins at `at`.
fn key_at(text: &str, at: usize) -> Option<&str> {
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let keys = text[line..at].trim_end().strip_suffix('=')?;
    Some(keys.rsplit(['{', ',']).next()?.trim())
}

/// Why a configuration file was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or unreadable.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no UTF-8 text.
    #[error("{} is not plain text: save it as UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Something that has no end.
    #[error("{} is no file: give the path of a configuration file", path.display())]
    NotAFile {
        /// What was given.
        path: PathBuf,
    },
    /// Something else than somebody's configuration.
    #[error("{} is no configuration: it has more than {MAX_BYTES} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// What is not understood or cannot be used: a line for each mistake.
    #[error("{}", lines(path, mistakes))]
    Content {
        /// The file.
        path: PathBuf,
        /// At least one, in the file's order.
        mistakes: Vec<Mistake>,
    },
}

/// Something in a file that has to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Line number from 1, when it is known.
    pub line: Option<usize>,
    /// What is wrong and what to write.
    pub text: String,
}

fn lines(path: &Path, mistakes: &[Mistake]) -> String {
    let path = path.display();
    let lines = mistakes.iter().map(|Mistake { line, text }| match line {
        Some(line) => format!("{path}, line {line}: {text}"),
        None => format!("{path}: {text}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A value that must never appear in a log or an error: its `Debug` hides it, and
/// so does the message about one that is no text.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // serde's own message quotes the value.
        String::deserialize(deserializer)
            .map(Self)
            .map_err(|_| D::Error::custom("no text: write it between quotes"))
    }
}

impl Secret {
    /// Wraps a value.
    #[must_use]
    pub const fn new(value: String) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() {
            "Secret(empty)"
        } else {
            "Secret(…)"
        })
    }
}

#[cfg(test)]
mod tests;
