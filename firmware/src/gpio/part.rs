//! A part of the panel that may be missing, and what is told about it.

use std::collections::BTreeMap;

use super::{GpioError, Input, Line, Output};

/// A pin that is wanted, and had or missing.
pub(super) struct Part<T: ?Sized> {
    line: Line,
    held: Option<Box<T>>,
}

impl<T: ?Sized> Part<T> {
    pub(super) const fn missing(line: Line) -> Self {
        Self { line, held: None }
    }

    pub(super) const fn line(&self) -> &Line {
        &self.line
    }

    pub(super) const fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Takes the pin if it is missing.
    pub(super) fn acquire(
        &mut self,
        troubles: &mut Troubles,
        take: impl FnOnce(&Line) -> Result<Box<T>, GpioError>,
    ) {
        if self.held.is_none() {
            let taken = take(&self.line);
            self.held = self.keep(troubles, taken);
        }
    }

    /// A success ends the part's trouble, a failure is one.
    fn keep<R>(&self, troubles: &mut Troubles, result: Result<R, GpioError>) -> Option<R> {
        let subject = self.line.role.name();
        match result {
            Ok(value) => {
                troubles.clear(subject);
                Some(value)
            }
            Err(error) => {
                troubles.raise(subject, error.to_string());
                None
            }
        }
    }
}

impl Part<dyn Input> {
    /// Reads the pin; a pin that fails is given up.
    pub(super) fn is_active(&mut self, troubles: &mut Troubles) -> Option<bool> {
        let read = self.held.as_mut()?.is_active();
        let active = self.keep(troubles, read);
        if active.is_none() {
            self.held = None;
        }
        active
    }
}

impl Part<dyn Output> {
    /// Drives the pin, if it is had; a pin that fails is given up.
    pub(super) fn set_active(&mut self, troubles: &mut Troubles, active: bool) {
        if let Some(output) = &mut self.held {
            let set = output.set_active(active);
            if self.keep(troubles, set).is_none() {
                self.held = None;
            }
        }
    }
}

/// An output, dark at first, that is written to only when it changes.
pub(super) struct OnChange<O> {
    output: O,
    active: bool,
}

impl<O: Output> OnChange<O> {
    pub(super) const fn new(output: O) -> Self {
        Self {
            output,
            active: false,
        }
    }
}

impl<O: Output> Output for OnChange<O> {
    fn set_active(&mut self, active: bool) -> Result<(), GpioError> {
        if active != self.active {
            self.output.set_active(active)?;
            self.active = active;
        }
        Ok(())
    }
}

impl Output for Box<dyn Output> {
    fn set_active(&mut self, active: bool) -> Result<(), GpioError> {
        (**self).set_active(active)
    }
}

/// What does not work, by subject. Each is logged when it begins and ends, not
/// at every try in between.
#[derive(Debug, Default)]
pub(super) struct Troubles(BTreeMap<&'static str, String>);

impl Troubles {
    pub(super) fn raise(&mut self, subject: &'static str, problem: String) {
        if self.0.get(subject) != Some(&problem) {
            tracing::warn!(subject, "{problem}");
            self.0.insert(subject, problem);
        }
    }

    pub(super) fn clear(&mut self, subject: &'static str) {
        if self.0.remove(subject).is_some() {
            tracing::info!(subject, "that is mended");
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Recorder<'a>(&'a mut Vec<bool>);

    impl Output for Recorder<'_> {
        fn set_active(&mut self, active: bool) -> Result<(), GpioError> {
            self.0.push(active);
            Ok(())
        }
    }

    #[test]
    fn only_changes_are_written() {
        let mut written = vec![];
        let mut output = OnChange::new(Recorder(&mut written));
        for active in [false, true, true, false, false, true] {
            output.set_active(active).unwrap();
        }
        assert_eq!(written, [true, false, true]);
    }
}
