//! Reads a TOML file into typed configuration, with errors that a beginner can
//! act on: the file, the line, what is wrong, and the nearest known key.
//!
//! People edit these files with whatever editor their computer has: UTF-16, a byte
//! order mark and CRLF line ends are read as well. Nothing is guessed: a
//! typographic quote in place of a straight one is an error that shows where, for
//! between straight ones it may be part of a password.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};

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
    let bytes = fs::read(path).map_err(|source| ConfigError::Read {
        path: path.into(),
        source,
    })?;
    decode(&bytes).ok_or_else(|| ConfigError::NotText { path: path.into() })
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
        ConfigError::Content {
            path: path.into(),
            line,
            problem: quote.unwrap_or_else(|| explain(error.message())),
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

/// Adds the nearest known key to serde's message about an unknown one.
fn explain(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (true, Some(unknown)) = (message.starts_with("unknown field"), quoted.next()) else {
        return message.trim_end().to_owned();
    };
    let nearest = quoted
        .map(|known| (strsim::damerau_levenshtein(unknown, known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len().max(unknown.len()) / 2);
    match nearest {
        Some((_, known)) => format!("there is no key `{unknown}` here; did you mean `{known}`?"),
        None => format!("there is no key `{unknown}` here; {}", known_keys(message)),
    }
}

/// The tail of serde's message, `expected one of ...`, in our words.
fn known_keys(message: &str) -> String {
    message
        .split_once(", expected ")
        .map_or_else(String::new, |(_, keys)| {
            format!("known are {}", keys.trim_start_matches("one of "))
        })
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
    /// A line that is not understood.
    #[error("{}{}: {problem}", path.display(), LineSuffix(*line))]
    Content {
        /// The file.
        path: PathBuf,
        /// Line number from 1, when it is known.
        line: Option<usize>,
        /// What is wrong and what to write.
        problem: String,
    },
}

struct LineSuffix(Option<usize>);

impl fmt::Display for LineSuffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, ", line {line}"))
    }
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
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Stream {
        bitrate_bps: u32,
        #[serde(default)]
        name: String,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Config {
        stream: Stream,
    }

    fn read(text: &str) -> Result<Config, String> {
        parse(text, Path::new("zerocam.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_from_any_editor() {
        let plain = "# my camera\r\n[stream]\r\nbitrate_bps = 5\r\nname = \"caf\u{e9}\"\r\n";
        let marked = format!("\u{feff}{plain}");
        let utf16 = |bytes: fn(u16) -> [u8; 2]| marked.encode_utf16().flat_map(bytes).collect();
        let files: [Vec<u8>; 6] = [
            plain.into(),
            marked.clone().into(),
            format!("{plain}\0\0\0").into(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
            plain.replace("\r\n", "\n").into(),
        ];
        for file in files {
            let stream = Stream {
                bitrate_bps: 5,
                name: "caf\u{e9}".into(),
            };
            let text = decode(&file).unwrap();
            assert_eq!(read(&text), Ok(Config { stream }), "{file:?}");
        }
    }

    #[test]
    fn typographic_quotes_are_shown_and_never_changed() {
        for (line, quote, column, straight) in [
            ("name = \u{2018}pass\u{2019}", '\u{2018}', 8, '\''),
            ("name = \u{201c}pass\u{201d}", '\u{201c}', 8, '"'),
            ("name = \u{201e}pass\u{201c}", '\u{201e}', 8, '"'),
            ("name = \"pass\u{201d}", '\u{201d}', 13, '"'),
            ("name = \"p\u{e9}ss\u{201d} # it", '\u{201d}', 13, '"'),
            ("name = 'pass\u{2019}", '\u{2019}', 13, '\''),
            ("name = \u{201c}pass\"", '\u{201c}', 8, '"'),
        ] {
            for end in ["\n", "\r\n"] {
                let text = format!("[stream]{end}bitrate_bps = 5{end}{line}{end}");
                let expected = format!(
                    "zerocam.toml, line 3: {quote} in column {column} is a typographic quote: type a straight one, {straight}"
                );
                assert_eq!(read(&text), Err(expected));
            }
        }
        for name in [
            "\"the \u{201c}big\u{201d} one\"",
            "'the \u{201c}big\u{201d} one'",
        ] {
            let text = format!("[stream]\nbitrate_bps = 5\nname = {name}\n");
            let read = read(&text).unwrap().stream.name;
            assert_eq!(read, "the \u{201c}big\u{201d} one");
        }
        let text = "[stream]\nbitrate_bps = 5\nname = \"it\u{2019}s\" x\n";
        assert!(!read(text).unwrap_err().contains("typographic"));
    }

    #[test]
    fn errors_name_file_line_and_remedy() {
        let table = [
            (
                "[stream]\n\nbitrate_pbs = 5\n",
                "zerocam.toml, line 3: there is no key `bitrate_pbs` here; did you mean `bitrate_bps`?",
            ),
            (
                "[stream]\nbitrate_bps = 5\nq = 1\n",
                "zerocam.toml, line 3: there is no key `q` here; known are `bitrate_bps` or `name`",
            ),
            (
                "[stream]\nbitrate_bps = \"fast\"\n",
                "zerocam.toml, line 2: invalid type: string \"fast\", expected u32",
            ),
            (
                "[stream]\nname = \"x\"\n",
                "zerocam.toml, line 1: missing field `bitrate_bps`",
            ),
        ];
        for (text, message) in table {
            assert_eq!(read(text), Err(message.to_owned()));
        }
        let syntax = read("[stream]\nbitrate_bps = \n").unwrap_err();
        assert!(syntax.starts_with("zerocam.toml, line 2: "), "{syntax}");
    }

    #[test]
    fn unreadable_files_say_why() {
        let missing = super::read::<Config>(Path::new("/nonexistent/zerocam.toml")).unwrap_err();
        assert!(
            missing
                .to_string()
                .starts_with("cannot read /nonexistent/zerocam.toml: ")
        );
        let directory = std::env::temp_dir().join(format!("zerocam-config-{}", std::process::id()));
        fs::write(&directory, [0xff, 0xfe, 0x00]).unwrap();
        let binary = super::read::<Config>(&directory).unwrap_err().to_string();
        fs::remove_file(&directory).unwrap();
        assert!(binary.ends_with("save it as UTF-8 text"), "{binary}");
    }

    #[test]
    fn a_secret_that_is_no_text_is_not_quoted() {
        #[derive(Debug, Deserialize)]
        struct Wifi {
            #[expect(dead_code, reason = "it is never had")]
            password: Secret,
        }
        for value in [
            "12345678",
            "1234.5678",
            "true",
            "2026-11-21",
            "[12345678]",
            "{ a = 12345678 }",
        ] {
            let text = format!("# my Wi-Fi\npassword = {value}\n");
            let error = parse::<Wifi>(&text, Path::new("zerocam.toml")).unwrap_err();
            assert_eq!(
                error.to_string(),
                "zerocam.toml, line 2: no text: write it between quotes"
            );
        }
        for value in [
            "hunter2",
            "\"hunter2",
            "hunter2\"",
            "'hunter2",
            "12345678hunter2",
            "\"a\"hunter2\"",
        ] {
            let text = format!("password = {value}\n");
            let error = parse::<Wifi>(&text, Path::new("zerocam.toml")).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_secret_stays_out_of_logs() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "Secret(…)");
        assert_eq!(Secret::new("hunter2".into()).expose(), "hunter2");
    }
}
