//! What `rpicam-vid` says on standard error, and what it means. Pure.

/// How much of it is kept: it begins with a dozen lines that are no complaint.
const MAX_BYTES: usize = 4096;

/// How much of it is reported.
const MAX_LINES: usize = 2;

/// The end of what a program said.
#[derive(Debug, Default)]
pub(super) struct LastWords {
    bytes: Vec<u8>,
}

/// What it complained of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// There is no camera.
    NoCamera,
    /// Another program has it.
    Busy,
    /// Something else, in its own words.
    Other(String),
}

impl LastWords {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let surplus = self.bytes.len().saturating_sub(MAX_BYTES);
        self.bytes.drain(..surplus);
    }

    pub(super) fn complaint(&self) -> Complaint {
        let text = String::from_utf8_lossy(&self.bytes);
        if text.contains("no cameras available") {
            return Complaint::NoCamera;
        }
        let busy = [
            "in use by another process",
            "failed to acquire camera",
            "Device or resource busy",
        ];
        if busy.iter().any(|words| text.contains(words)) {
            return Complaint::Busy;
        }
        let told = |line: &&str| !line.is_empty() && !line.contains(" INFO ");
        let lines: Vec<_> = text.lines().map(str::trim).filter(told).collect();
        let last = &lines[lines.len().saturating_sub(MAX_LINES)..];
        Complaint::Other(if last.is_empty() {
            "it gave no reason".to_owned()
        } else {
            last.join("; ")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGINNING: &str = "\
[0:19:06.390293141] [2746]  INFO Camera camera_manager.cpp:293 libcamera v0.0.1+54-d528119f
[0:19:06.419578012] [2747]  INFO RPI raspberrypi.cpp:1414 Registered camera /base/soc/i2c0mux
";

    fn complaint(text: &str) -> Complaint {
        let mut words = LastWords::default();
        words.push(BEGINNING.as_bytes());
        words.push(text.as_bytes());
        words.complaint()
    }

    #[test]
    fn complaints_are_understood() {
        let other = |text: &str| Complaint::Other(text.to_owned());
        let table = [
            ("ERROR: *** no cameras available ***\n", Complaint::NoCamera),
            (
                "[0:19:06.4] [2746]  INFO Camera camera.cpp:839 Pipeline handler in use by another process\nERROR: *** failed to acquire camera /base/soc ***\n",
                Complaint::Busy,
            ),
            (
                "ERROR: *** failed to start camera: Device or resource busy ***\n",
                Complaint::Busy,
            ),
            (
                "ERROR: *** unrecognised option '--flush' ***\n\n",
                other("ERROR: *** unrecognised option '--flush' ***"),
            ),
            ("one\ntwo\nthree\n", other("two; three")),
            ("", other("it gave no reason")),
        ];
        for (text, expected) in table {
            assert_eq!(complaint(text), expected, "{text}");
        }
    }

    #[test]
    fn only_the_end_is_kept() {
        let mut words = LastWords::default();
        for number in 0..10_000 {
            words.push(format!("line {number}\n").as_bytes());
        }
        assert_eq!(words.bytes.len(), MAX_BYTES);
        let expected = Complaint::Other("line 9998; line 9999".to_owned());
        assert_eq!(words.complaint(), expected);
        words.push(&[0xff; 3]);
        assert!(matches!(words.complaint(), Complaint::Other(_)));
    }
}
