//! Hazards that lines tell of, each kind and object once.

use super::Word;
use crate::frame::{FindingRow, Name, Severity};
use busdma_engine::HazardKind;
use std::cmp::Reverse;

/// Findings kept; a machine with more wrong than this needs no longer list.
const KEPT: usize = 1024;

/// The findings of a machine.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    rows: Vec<FindingRow>,
    pub(super) lost: u64,
}

impl Findings {
    /// Adds a hazard that a line tells of.
    pub(super) fn add(&mut self, kind: &str, object: Option<&Word<'_>>, session: Option<&Word<'_>>, now: u64) {
        let same = |row: &&mut FindingRow| row.kind == kind && row.object.as_deref() == object.map(|object| &**object);
        if let Some(row) = self.rows.iter_mut().find(same) {
            row.last_ns = now;
            row.count += 1;
            return;
        }
        if self.rows.len() == KEPT {
            self.lost += 1;
            return;
        }
        let known = HazardKind::from_name(kind);
        self.rows.push(FindingRow {
            severity: known.map_or(Severity::Warning, |known| known.severity().into()),
            kind: Name::new(kind),
            machine: None,
            object: object.map(|object| Name::new(object)),
            session: session.map(|session| Name::new(session)),
            message: kind.replace('_', " "),
            advice: known.map_or_else(String::new, |known| known.advice().to_owned()),
            first_ns: now,
            last_ns: now,
            count: 1,
        });
    }

    /// All of them, of that machine, worst first, then newest first.
    pub(super) fn rows(&self, machine: &Name) -> Vec<FindingRow> {
        let mut rows: Vec<_> =
            self.rows.iter().map(|row| FindingRow { machine: Some(machine.clone()), ..row.clone() }).collect();
        rows.sort_by_key(|row| Reverse((row.severity, row.last_ns)));
        rows
    }

    pub(super) fn bytes(&self) -> usize {
        self.rows.iter().map(|row| size_of_val(row) + row.message.len() + row.advice.len()).sum()
    }
}
