//! What a panic leaves for the next start: one line in a file beside the state,
//! because the process is gone before anything could be told.

use std::{
    fs, panic,
    path::{Path, PathBuf},
};

/// Longest text that is kept.
const MAX_CHARS: usize = 200;

/// From now on a panic writes its message into `directory`, too.
pub fn keep_in(directory: &Path) {
    let path = file_in(directory);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        before(panic);
        // Nobody is left to hear of a failure.
        let _ = fs::write(&path, one_line(&panic.to_string()));
    }));
}

/// The message of the last panic, which is forgotten here.
#[must_use]
pub fn take(directory: &Path) -> Option<String> {
    let path = file_in(directory);
    let words = fs::read_to_string(&path).ok()?;
    let _ = fs::remove_file(&path);
    Some(one_line(&words)).filter(|words| !words.is_empty())
}

fn file_in(directory: &Path) -> PathBuf {
    directory.join("last-words.txt")
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(MAX_CHARS).collect()
}

// Where a panic aborts, the test would end with it.
#[cfg(all(test, panic = "unwind"))]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_kept_once() {
        let directory = tempfile::tempdir().unwrap();
        keep_in(directory.path());
        let panicked = std::thread::spawn(|| panic!("no such\nframe {}", "x".repeat(1000))).join();
        let _ = panic::take_hook();
        assert!(panicked.is_err());
        let words = take(directory.path()).unwrap();
        assert!(words.contains("src/last_words.rs:"), "{words}");
        assert!(words.contains("no such frame xxx"), "{words}");
        assert_eq!(words.chars().count(), MAX_CHARS);
        assert_eq!(take(directory.path()), None);
    }
}
