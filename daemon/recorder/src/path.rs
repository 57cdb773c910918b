//! The name a client gives to a recording: a path inside the configured directory, and never outside it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;

/// Most directories in a recording's path.
pub const COMPONENTS_MAX: usize = 8;

/// Most bytes in one component of a recording's path.
pub const COMPONENT_BYTES_MAX: usize = 128;

/// A relative path of plain directory names: letters, digits, `_`, `-` and `.`, none starting with a dot.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct RecordingPath(Arc<str>);

/// Why a text is no path of a recording.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum RecordingPathError {
    /// It begins at the root of the file system.
    #[error("the path is absolute; name a directory inside the configured one")]
    Absolute,
    /// It goes too deep.
    #[error("the path has {found} components, {COMPONENTS_MAX} are the most")]
    TooDeep {
        /// Its components.
        found: usize,
    },
    /// A component is empty: there is none, or two slashes follow one another, or the last character is one.
    #[error("a component of the path is empty")]
    EmptyComponent,
    /// A component is too long.
    #[error("{component:?} has {} bytes, {COMPONENT_BYTES_MAX} are the most", component.len())]
    LongComponent {
        /// The component.
        component: String,
    },
    /// A component is hidden, or leads somewhere else, as `..` does.
    #[error("{component:?} starts with a dot")]
    LeadingDot {
        /// The component.
        component: String,
    },
    /// A character that should not be in a file name.
    #[error("a path has letters, digits, `_`, `-`, `.` and `/`; {found:?} is none of them")]
    Character {
        /// The character.
        found: char,
    },
}

impl RecordingPath {
    /// Checks a path.
    ///
    /// # Errors
    /// [`RecordingPathError`].
    pub fn parse(path: &str) -> Result<Self, RecordingPathError> {
        if path.starts_with('/') {
            return Err(RecordingPathError::Absolute);
        }
        let found = path.split('/').count();
        if found > COMPONENTS_MAX {
            return Err(RecordingPathError::TooDeep { found });
        }
        path.split('/').try_for_each(check_component)?;
        Ok(Self(path.into()))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path.
    pub fn as_path(&self) -> &Path {
        Path::new(&*self.0)
    }

    /// Its directories, outermost first.
    pub(crate) fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Display for RecordingPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_component(component: &str) -> Result<(), RecordingPathError> {
    if component.is_empty() {
        return Err(RecordingPathError::EmptyComponent);
    }
    if component.len() > COMPONENT_BYTES_MAX {
        return Err(RecordingPathError::LongComponent { component: component.to_owned() });
    }
    if component.starts_with('.') {
        return Err(RecordingPathError::LeadingDot { component: component.to_owned() });
    }
    let allowed = |found: char| found.is_ascii_alphanumeric() || "_-.".contains(found);
    match component.chars().find(|&found| !allowed(found)) {
        Some(found) => Err(RecordingPathError::Character { found }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{RecordingPath, RecordingPathError};

    #[test]
    fn paths_inside() {
        for path in ["a", "nightly/2026-11-22", "a.b/c_d-e", "1/2/3/4/5/6/7/8"] {
            assert_eq!(RecordingPath::parse(path).unwrap().as_str(), path);
        }
    }

    #[test]
    fn paths_refused() {
        let long = "x".repeat(129);
        let dot = |component: &str| RecordingPathError::LeadingDot { component: component.to_owned() };
        let cases = [
            ("", RecordingPathError::EmptyComponent),
            ("/etc", RecordingPathError::Absolute),
            ("a//b", RecordingPathError::EmptyComponent),
            ("a/", RecordingPathError::EmptyComponent),
            ("..", dot("..")),
            ("a/../../b", dot("..")),
            (".", dot(".")),
            (".hidden", dot(".hidden")),
            ("a b", RecordingPathError::Character { found: ' ' }),
            ("a\0", RecordingPathError::Character { found: '\0' }),
            ("ä", RecordingPathError::Character { found: 'ä' }),
            ("1/2/3/4/5/6/7/8/9", RecordingPathError::TooDeep { found: 9 }),
            (&long, RecordingPathError::LongComponent { component: long.clone() }),
        ];
        for (path, error) in cases {
            assert_eq!(RecordingPath::parse(path), Err(error), "{path:?}");
        }
    }
}
