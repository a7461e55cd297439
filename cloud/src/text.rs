//! Figures in words, as pages and errors show them.

/// A time span in its largest fitting unit: `40 s`, `5 min`, `3 h`, `2 days`.
#[must_use]
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations_keep_two_of_a_unit_at_least() {
        let table = [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (172_800, "2 days"),
        ];
        for (seconds, text) in table {
            assert_eq!(super::duration(seconds), text);
        }
    }
}
