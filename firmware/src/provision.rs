//! Makes the system around the daemon what `zerocam.toml` says: Wi-Fi, name and
//! SSH. What is to be written is decided by [`files`], without touching
//! anything; [`run`] writes it below a directory in memory, because the card's
//! root is never written, and names the device.
//!
//! It runs at every start, in front of the network. A mistake in the file never
//! stops the boot: what is wrong is left at its default, and the light of the
//! daemon, which reads the same file, tells about it.

mod wpa_supplicant;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use zerocam_config_file::ConfigError;

use crate::config::{self, System, SystemConfiguration, Wifi};

/// Where the files are unless the command line says otherwise.
pub const DEFAULT_DIRECTORY: &str = "/run/zerocam-provision";

/// A file for one of the system's programs. Only root may read it.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// Below the directory.
    pub name: &'static str,
    /// What is in it; without it, there is no such file.
    pub text: Option<String>,
}

/// What the system's programs are told.
#[must_use]
pub fn files(wifi: &Wifi, system: &System) -> [File; 2] {
    [
        File {
            name: "wpa_supplicant.conf",
            text: Some(wpa_supplicant::configuration(wifi)),
        },
        // The daemon for SSH starts when there is somebody to let in.
        File {
            name: "ssh/authorized_keys",
            text: system.ssh_key.as_ref().map(|key| format!("{key}\n")),
        },
    ]
}

/// Applies the configuration at `config`, writing below `directory`.
///
/// # Errors
/// [`ProvisionError::Configuration`] when the file is wrong and the defaults
/// were applied in its place, [`ProvisionError::System`] when something could
/// not be done.
pub fn run(config: &Path, directory: &Path) -> Result<(), ProvisionError> {
    let read = config::surroundings(config);
    let (wifi, system) = match &read {
        Ok(surroundings) => surroundings.clone(),
        Err(_) => (Wifi::default(), default_system()),
    };
    write(&files(&wifi, &system), directory)?;
    rustix::system::sethostname(system.hostname.as_bytes()).map_err(|error| {
        ProvisionError::System {
            what: format!("name the device {}", system.hostname),
            source: error.into(),
        }
    })?;
    read.map(drop).map_err(ProvisionError::Configuration)
}

fn default_system() -> System {
    System {
        hostname: SystemConfiguration::default().hostname,
        ssh_key: None,
    }
}

fn write(files: &[File], directory: &Path) -> Result<(), ProvisionError> {
    for file in files {
        let path = directory.join(file.name);
        replace(&path, file.text.as_deref()).map_err(|source| ProvisionError::System {
            what: format!("write {}", path.display()),
            source,
        })?;
    }
    Ok(())
}

/// The whole new text or the old one is there, whoever looks.
fn replace(path: &Path, text: Option<&str>) -> io::Result<()> {
    let Some(text) = text else {
        return match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        };
    };
    if let Some(parent) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)?;
    }
    let partial = path.with_extension("partial");
    let _ = fs::remove_file(&partial);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&partial, path)
}

/// Why the configuration could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The file is wrong; the defaults are in force.
    #[error("{0}; Wi-Fi, name and SSH are at their defaults")]
    Configuration(ConfigError),
    /// The system refused.
    #[error("cannot {what}: {source}")]
    System {
        /// What.
        what: String,
        /// What it said.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// What the system is told by a file with this `text`.
    fn provisioned(text: &str) -> [File; 2] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("zerocam.toml");
        fs::write(&path, text).unwrap();
        let (wifi, system) = config::surroundings(&path).unwrap();
        files(&wifi, &system)
    }

    #[test]
    fn a_filled_in_file_as_the_system_reads_it() {
        // As an editor on Windows leaves it.
        let text = include_str!("provision/golden/zerocam.toml").replace('\n', "\r\n");
        let [wifi, ssh] = provisioned(&format!("\u{feff}{text}"));
        assert_eq!(
            wifi.text.unwrap(),
            include_str!("provision/golden/wpa_supplicant.conf")
        );
        assert_eq!(
            ssh.text.unwrap(),
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHhbvzJ0Lx5FZ3Df7lvbUX3rRJrqYwHuk9DrbxhIfrjH anna@laptop\n"
        );
    }

    #[test]
    fn the_shipped_file_connects_to_nothing_and_lets_nobody_in() {
        let shipped = provisioned(include_str!("../zerocam.toml"));
        assert_eq!(shipped, files(&Wifi::default(), &default_system()));
        let [wifi, ssh] = shipped;
        assert!(!wifi.text.unwrap().contains("network"));
        assert_eq!(ssh.text, None);
    }

    #[test]
    fn a_mistake_elsewhere_leaves_the_device_reachable() {
        let text =
            "country = \"de\"\n[[wifi]]\nssid = \"Home\"\npassword = \"secret123\"\n[clod]\n";
        let [wifi, _] = provisioned(text);
        assert!(wifi.text.unwrap().contains("country=DE\nnetwork="));
    }

    #[test]
    fn only_root_reads_what_is_written_and_what_is_not_wanted_goes() {
        let directory = tempfile::tempdir().unwrap();
        let [wifi, mut ssh] = provisioned(include_str!("provision/golden/zerocam.toml"));
        let mode = |name| {
            let metadata = fs::metadata(directory.path().join(name)).unwrap();
            metadata.permissions().mode() & 0o777
        };
        for _again in 0..2 {
            write(std::slice::from_ref(&wifi), directory.path()).unwrap();
            write(std::slice::from_ref(&ssh), directory.path()).unwrap();
            assert_eq!(mode("wpa_supplicant.conf"), 0o600);
            assert_eq!(mode("ssh"), 0o700);
            assert_eq!(mode("ssh/authorized_keys"), 0o600);
        }
        ssh.text = None;
        write(&[ssh], directory.path()).unwrap();
        assert!(!directory.path().join("ssh/authorized_keys").exists());

        let blocked = directory.path().join("wpa_supplicant.conf");
        let error = write(&[wifi], &blocked).unwrap_err().to_string();
        assert!(error.starts_with("cannot write "), "{error}");
    }
}
