//! A camera's computer: its configuration and its disk, on which the real
//! daemon is started any number of times.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{Footage, Program, Service, TlsFront, program::built, tls_front::Authority};

/// The disk, and the environment of what is run on it.
#[derive(Debug)]
pub struct Device {
    directory: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Device {
    /// A device that nobody ever started. `sections` are those of the
    /// configuration that say where pictures come from and go to; the program's
    /// own, `[daemon]`, is added.
    ///
    /// # Panics
    /// When there is no room for temporary files.
    #[must_use]
    pub fn new(sections: &str) -> Self {
        let device = Self {
            directory: TempDir::new().expect("room for temporary files"),
            environment: Vec::new(),
        };
        device.configure(sections);
        device
    }

    /// A device that plays footage to a service as `camera`, over TLS that ends
    /// in front of the service.
    ///
    /// # Panics
    /// When there is no room for temporary files.
    #[must_use]
    pub fn over_tls(service: &Service<'_>, camera: &str, footage: &Footage) -> (Self, TlsFront) {
        let authority = Authority::new("private");
        let front = TlsFront::before(service.address, authority.certify("localhost"));
        let device = Self::new("");
        let ca_file = device.path().join("ca.pem");
        authority.write(&ca_file);
        device.configure(&format!(
            "[cloud]\nurl = \"https://localhost:{}\"\nkey = \"{}\"\nca_file = \"{}\"\n\
             [camera]\nbackend = \"replay\"\nfile = \"{}\"\n",
            front.address().port(),
            service.home.camera_key(camera),
            ca_file.display(),
            footage.path.display(),
        ));
        (device, front)
    }

    /// Writes the configuration anew.
    ///
    /// # Panics
    /// When there is no room for temporary files.
    pub fn configure(&self, sections: &str) {
        let here = self.directory.path().display();
        let daemon = format!(
            "[daemon]\nstate_dir = \"{here}\"\nsocket = \"{here}/control.sock\"\ndevice_id = \"device-1\"\n"
        );
        fs::write(self.config(), format!("{sections}\n{daemon}"))
            .expect("room for temporary files");
    }

    /// Gives programs that are started from now on a further variable.
    pub fn set(&mut self, variable: &'static str, value: impl ToString) {
        self.environment.push((variable, value.to_string()));
    }

    /// Its disk.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    fn config(&self) -> PathBuf {
        self.path().join("zerocam.toml")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(built("zerocam"));
        command.arg("--config").arg(self.config());
        command
    }

    /// Starts the daemon.
    #[must_use]
    pub fn start(&self) -> Program {
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        Program::start("zerocam", self.command().envs(environment).arg("run"))
    }

    /// Runs another of the daemon's commands; gives what it printed to either
    /// stream.
    ///
    /// # Panics
    /// When the program is missing.
    #[must_use]
    pub fn ask(&self, word: &str) -> String {
        let output = self
            .command()
            .arg(word)
            .output()
            .expect("the program was built");
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    }
}
