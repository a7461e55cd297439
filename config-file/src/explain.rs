//! A parser's messages in the words of somebody who edits a file.

/// Says it with the name of the `key` whose value it is about, if that is known,
/// and with what to write instead.
pub(crate) fn explain(message: &str, key: Option<&str>) -> String {
    let name = key.map_or_else(|| "the value".to_owned(), |key| format!("`{key}`"));
    let mismatch = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.split_once(", expected "))
        .and_then(|(found, expected)| Some((found, wanted(expected)?)));
    if let Some((found, wanted)) = mismatch {
        let unquoted = found.starts_with("string") && !wanted.contains('"');
        let hint = if unquoted { ", without quotes" } else { "" };
        format!("{name} cannot be {}; write {wanted}{hint}", value(found))
    } else if message == "invalid socket address syntax" {
        format!("{name} is no address with a port; write {SOCKET_ADDRESS}")
    } else if message.starts_with("unknown field") {
        among(message, |unknown| {
            format!("there is no key `{unknown}` here")
        })
    } else if message.starts_with("unknown variant") {
        among(message, |unknown| format!("{name} cannot be `{unknown}`"))
    } else {
        message.trim_end().to_owned()
    }
}

const SOCKET_ADDRESS: &str =
    "numbers, not a name, such as \"0.0.0.0:8080\" for all networks or \"127.0.0.1:8080\"";

/// What serde expects, as one would write it; `None` for what the type itself says.
fn wanted(expected: &str) -> Option<String> {
    let number = |range: String| Some(format!("a whole number{range}, such as 25"));
    match expected {
        "u8" => number(format!(" from 0 to {}", u8::MAX)),
        "u16" => number(format!(" from 0 to {}", u16::MAX)),
        "u32" => number(format!(" from 0 to {}", u32::MAX)),
        "i16" => number(format!(" from {} to {}", i16::MIN, i16::MAX)),
        "u64" | "usize" => number(", 0 or more".into()),
        "i32" | "i64" => number(String::new()),
        "f32" | "f64" => Some("a number, such as 1.5".into()),
        "a boolean" => Some("true or false".into()),
        "a string" | "path string" => Some("text between quotes (\")".into()),
        "socket address" => Some(SOCKET_ADDRESS.into()),
        _ => None,
    }
}

/// What serde found, such as ``integer `5` ``, as it was written.
fn value(found: &str) -> &str {
    match found {
        "sequence" => "a list",
        "map" => "a section",
        _ => ["string ", "integer ", "boolean ", "floating point "]
            .iter()
            .find_map(|kind| found.strip_prefix(kind))
            .map_or(found, |value| value.trim_matches('`')),
    }
}

/// Adds the nearest known name, or all of them, to what is said of an unknown one.
/// serde's message has all their names between backticks.
fn among(message: &str, say: impl Fn(&str) -> String) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next().unwrap_or_default();
    let begun = |known: &str| unknown.len() >= 3 && known.starts_with(unknown);
    let nearest = quoted
        .map(|known| (strsim::damerau_levenshtein(unknown, known), known))
        .filter(|(distance, known)| begun(known) || *distance <= known.len().max(unknown.len()) / 3)
        .min();
    let said = say(unknown);
    match (nearest, message.split_once(", expected ")) {
        (Some((_, known)), _) => format!("{said}; did you mean `{known}`?"),
        (None, Some((_, known))) => {
            format!("{said}; known are {}", known.trim_start_matches("one of "))
        }
        (None, None) => said,
    }
}
