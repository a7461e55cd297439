//! A board made of files, for a computer without pins.
//!
//! The button is pressed while the file `button` exists (`touch`, `rm`); `led`
//! and `viewer-led` hold `1` while lit and `0` while dark. A file comes and goes
//! in one step and is replaced by renaming, so nobody ever reads a half of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Chip, GpioError, Input, Line, Output, Remedy};

pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    pub(super) fn open(path: &Path) -> Result<Self, GpioError> {
        fs::create_dir_all(path)
            .map_err(|source| GpioError::at(path, "make directory", Remedy::Directory, source))?;
        Ok(Self { path: path.into() })
    }
}

impl Chip for Directory {
    fn input(&self, line: &Line) -> Result<Box<dyn Input>, GpioError> {
        let path = self.path.join(line.role.name());
        Ok(Box::new(File { path }))
    }

    fn output(&self, line: &Line) -> Result<Box<dyn Output>, GpioError> {
        let path = self.path.join(line.role.name());
        let mut file = File { path };
        file.set_active(false)?;
        Ok(Box::new(file))
    }
}

struct File {
    path: PathBuf,
}

impl Input for File {
    fn is_active(&mut self) -> Result<bool, GpioError> {
        self.path
            .try_exists()
            .map_err(|source| GpioError::at(&self.path, "look for", Remedy::Directory, source))
    }
}

impl Output for File {
    fn set_active(&mut self, active: bool) -> Result<(), GpioError> {
        let new = self.path.with_extension("new");
        fs::write(&new, if active { "1\n" } else { "0\n" })
            .and_then(|()| fs::rename(&new, &self.path))
            .map_err(|source| GpioError::at(&self.path, "write", Remedy::Directory, source))
    }
}
