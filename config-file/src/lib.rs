//! Reads a TOML file into typed configuration, with errors that a beginner can
//! act on: the file, the line, what is wrong, and the nearest known key.
//!
//! People edit these files with whatever editor their computer has, so a byte
//! order mark, CRLF line ends and typographic quotes are taken as what was
//! meant. Outside of comments nothing else is guessed.

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
    let bytes = fs::read(path).map_err(|source| ConfigError::Read {
        path: path.into(),
        source,
    })?;
    let text = String::from_utf8(bytes).map_err(|_| ConfigError::NotText { path: path.into() })?;
    parse(&text, path)
}

/// Parses configuration text; `path` is for error messages.
///
/// # Errors
/// As [`read`], less the file's own.
pub fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, ConfigError> {
    let text = plain_quotes(text.strip_prefix('\u{feff}').unwrap_or(text));
    toml::from_str(&text).map_err(|error| {
        let offset = error.span().map(|span| span.start);
        let line = offset.map(|at| text[..at.min(text.len())].matches('\n').count() + 1);
        ConfigError::Content {
            path: path.into(),
            line,
            problem: explain(error.message()),
        }
    })
}

/// Typographic double quotes, as word processors make them, become plain ones.
/// A line that has plain quotes too keeps them: there they are somebody's text,
/// such as a Wi-Fi name.
fn plain_quotes(text: &str) -> String {
    const TYPOGRAPHIC: [char; 4] = ['\u{201c}', '\u{201d}', '\u{201e}', '\u{201f}'];
    text.split_inclusive('\n')
        .map(|line| {
            if line.contains('"') {
                line.to_owned()
            } else {
                line.replace(TYPOGRAPHIC, "\"")
            }
        })
        .collect()
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
        let text = "\u{feff}# my camera\r\n[stream]\r\nbitrate_bps = 5\r\nname = \u{201c}caf\u{e9}\u{201d}\r\n";
        let stream = Stream {
            bitrate_bps: 5,
            name: "caf\u{e9}".into(),
        };
        assert_eq!(read(text), Ok(Config { stream }));
        let quoted = "[stream]\nbitrate_bps = 5\nname = \"the \u{201c}big\u{201d} one\"\n";
        assert_eq!(
            read(quoted).unwrap().stream.name,
            "the \u{201c}big\u{201d} one"
        );
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
