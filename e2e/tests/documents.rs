//! The documents name only what exists.

use std::{fs, path::Path};

#[test]
fn every_path_that_a_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut checked = 0;
    for document in ["ARCHITECTURE.md", "README.md", "docs/measurements.md"] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let prose: String = text.split("```").step_by(2).collect();
        for path in named_paths(&prose) {
            assert!(root.join(path).exists(), "{document} names {path}");
            checked += 1;
        }
    }
    println!("  {checked} paths");
    assert!(checked > 50);
}

/// Words in backticks, and targets of links, that look like paths of this
/// repository.
fn named_paths(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let linked = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let first_words = quoted
        .chain(linked)
        .filter_map(|words| words.split(' ').next());
    first_words.filter(|word| {
        word.contains('/')
            && word.is_ascii()
            && !word.starts_with(['/', '-'])
            && !word.contains("://")
    })
}
