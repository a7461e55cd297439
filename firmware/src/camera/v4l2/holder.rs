//! Who else has a device open, so that "busy" comes with a name.
//!
//! Only who may look into the other process finds it: `zerocam self-test` as root
//! does. The daemon itself, in the sandbox of its unit, says "busy" without a name:
//! it does not even see other users' processes.

use std::{fmt, fs, path::Path};

/// Another process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PID {} ({})", self.pid, self.name)
    }
}

/// Looks through the open files of all processes below `proc` but this one.
/// `None` also when the one is another user's: the kernel hides it then.
pub(super) fn holder_of(device: &Path, proc: &Path) -> Option<Holder> {
    let device = fs::canonicalize(device).ok()?;
    let processes = fs::read_dir(proc).ok()?.flatten();
    processes
        .filter_map(|process| {
            let pid = process.file_name().to_str()?.parse().ok()?;
            (pid != std::process::id()).then_some((pid, process.path()))
        })
        .find_map(|(pid, process)| {
            let holds = fs::read_dir(process.join("fd"))
                .ok()?
                .flatten()
                .any(|file| fs::read_link(file.path()).is_ok_and(|target| target == device));
            holds.then(|| Holder {
                pid,
                name: fs::read_to_string(process.join("comm"))
                    .map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned()),
            })
        })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_holder_is_found_by_its_open_file() {
        let root = tempfile::tempdir().unwrap();
        let device = root.path().join("video0");
        fs::write(&device, "").unwrap();
        let device = fs::canonicalize(device).unwrap();
        let alias = root.path().join("by-id");
        symlink(&device, &alias).unwrap();
        let proc = root.path().join("proc");
        let process = |pid: &str, open: &Path, name: Option<&str>| {
            let directory = proc.join(pid);
            fs::create_dir_all(directory.join("fd")).unwrap();
            symlink(open, directory.join("fd/7")).unwrap();
            if let Some(name) = name {
                fs::write(directory.join("comm"), name).unwrap();
            }
        };
        process("self", &device, Some("not a number\n"));
        process(
            &std::process::id().to_string(),
            &device,
            Some("this test\n"),
        );
        process("12", Path::new("/dev/null"), Some("other\n"));
        fs::create_dir(proc.join("13")).unwrap();
        assert_eq!(holder_of(&alias, &proc), None);

        process("4711", &device, Some("motion\n"));
        let holder = holder_of(&alias, &proc).unwrap();
        assert_eq!(holder.to_string(), "PID 4711 (motion)");

        fs::remove_file(proc.join("4711/comm")).unwrap();
        let holder = holder_of(&device, &proc).unwrap();
        assert_eq!(holder.to_string(), "PID 4711 (unknown)");
        assert_eq!(holder_of(Path::new("/nowhere"), &proc), None);
    }

    #[test]
    fn a_real_process_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("video0");
        let file = fs::File::create(&path).unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .stdin(file)
            .spawn()
            .unwrap();
        let holder = holder_of(&path, Path::new("/proc"));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(holder.unwrap().pid, child.id());
    }
}
