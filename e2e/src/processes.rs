//! The processes of this machine, as /proc shows them.

use std::fs;

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The program's name.
    pub name: String,
    /// `R`, `S`, `T` (stopped), `Z` (ended, and nobody asked how), ...
    pub state: char,
    parent: u32,
}

/// A process that exists now.
#[must_use]
pub fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in brackets, and may hold spaces and brackets.
    let (head, tail) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let mut fields = tail.split_whitespace();
    Some(Process {
        pid,
        name: name.to_owned(),
        state: fields.next()?.chars().next()?,
        parent: fields.next()?.parse().ok()?,
    })
}

/// What a process started and has not taken leave of.
///
/// # Panics
/// Without /proc.
#[must_use]
pub fn children_of(parent: u32) -> Vec<Process> {
    fs::read_dir("/proc")
        .expect("Linux has /proc")
        .filter_map(|entry| process(entry.ok()?.file_name().to_str()?.parse().ok()?))
        .filter(|process| process.parent == parent)
        .collect()
}
