//! A directory with a fake `rpicam-vid` in it.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use zerocam::config::{CameraSettings, PictureConfiguration, View};

/// Ten times what anything takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct FakeRpicam {
    directory: TempDir,
}

impl FakeRpicam {
    pub(crate) fn new(behaviour: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cameras/fake-rpicam-vid");
        let fake = Self { directory };
        symlink(program, fake.path("rpicam-vid")).unwrap();
        fs::write(fake.path("behaviour"), behaviour).unwrap();
        fake
    }

    /// Of a file in the directory; `rpicam-vid` is the program.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn settings(&self, picture: PictureConfiguration) -> CameraSettings {
        CameraSettings::Rpicam {
            program: self.path("rpicam-vid"),
            view: View {
                width: 320,
                height: 180,
                frame_rate_hz: 25.0,
                picture,
            },
        }
    }
}
