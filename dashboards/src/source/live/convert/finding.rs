//! Findings of machines and of the service.

use crate::frame::{FindingRow, Name, Severity};
use busdma_api::monitor as api;
use compact_str::ToCompactString;

impl From<api::Finding> for FindingRow {
    fn from(finding: api::Finding) -> Self {
        let map = finding.map.map(|map| map.to_compact_string());
        Self {
            severity: finding.severity.into(),
            kind: Name::from(finding.kind),
            machine: finding.machine.map(|machine| machine.to_compact_string()),
            object: map.or_else(|| finding.tag.map(|tag| tag.to_compact_string())),
            session: finding.session.map(|session| session.to_compact_string()),
            message: finding.message,
            advice: finding.advice,
            first_ns: finding.first_ns,
            last_ns: finding.last_ns,
            count: finding.count,
        }
    }
}

impl From<api::Severity> for Severity {
    fn from(severity: api::Severity) -> Self {
        match severity {
            api::Severity::Warning => Self::Warning,
            api::Severity::Error => Self::Error,
            api::Severity::Corruption => Self::Corruption,
        }
    }
}
