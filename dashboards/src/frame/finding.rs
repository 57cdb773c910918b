//! What is wrong.

use super::Name;

/// Something wrong, by kind and object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingRow {
    /// How bad it is.
    pub severity: Severity,
    /// Its kind: a hazard's name, or one of the host's.
    pub kind: Name,
    /// Where; none for the service or the host itself.
    pub machine: Option<Name>,
    /// What it is about: a map, a tag or a device.
    pub object: Option<Name>,
    /// Whose call showed it first.
    pub session: Option<Name>,
    /// What was found, one sentence.
    pub message: String,
    /// What to do about it, one sentence; may be empty.
    pub advice: String,
    /// When it was first seen, on the frame's clock.
    pub first_ns: u64,
    /// When it was last seen.
    pub last_ns: u64,
    /// How often.
    pub count: u64,
}

/// How bad a finding is, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be, and good to know.
    Note,
    /// Not what was meant.
    Warning,
    /// Calls fail or wait for ever.
    Error,
    /// Bytes go where they should not.
    Corruption,
}

impl Severity {
    /// `note`, `warning`, `error` or `corruption`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Corruption => "corruption",
        }
    }
}

impl From<busdma_engine::Severity> for Severity {
    fn from(severity: busdma_engine::Severity) -> Self {
        match severity {
            busdma_engine::Severity::Warning => Self::Warning,
            busdma_engine::Severity::Error => Self::Error,
            busdma_engine::Severity::Corruption => Self::Corruption,
        }
    }
}
