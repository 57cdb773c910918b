//! What is wrong on a machine, each kind and object once.

use super::names;
use crate::frame::{FindingRow, Name};
use busdma_engine::{Hazard, HazardKind, MapId, Nanos, TagId};

/// Findings kept.
const KEPT: usize = 256;

/// The findings of a machine.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    rows: Vec<Found>,
    lost: u64,
}

#[derive(Clone, Debug)]
struct Found {
    kind: HazardKind,
    map: Option<MapId>,
    tag: Option<TagId>,
    row: FindingRow,
}

impl Findings {
    /// Adds a hazard of a machine.
    pub(super) fn add(&mut self, machine: &Name, session: &Name, at: Nanos, hazard: &Hazard) {
        let (kind, map, tag) = (hazard.kind(), hazard.map(), hazard.tag());
        if let Some(found) = self.rows.iter_mut().find(|found| (found.kind, found.map, found.tag) == (kind, map, tag)) {
            found.row.last_ns = at.raw();
            found.row.count += 1;
            return;
        }
        if self.rows.len() == KEPT {
            self.lost += 1;
            return;
        }
        let row = FindingRow {
            severity: kind.severity().into(),
            kind: Name::const_new(kind.name()),
            machine: Some(machine.clone()),
            object: map.map(|map| names::map(machine, map)).or_else(|| tag.map(|tag| names::tag(machine, tag))),
            session: Some(session.clone()),
            message: hazard.to_string(),
            advice: kind.advice().to_owned(),
            first_ns: at.raw(),
            last_ns: at.raw(),
            count: 1,
        };
        self.rows.push(Found { kind, map, tag, row });
    }

    /// All of them, as they were found.
    pub(super) fn rows(&self) -> impl Iterator<Item = &FindingRow> {
        self.rows.iter().map(|found| &found.row)
    }

    /// Findings that there was no room for.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }
}
