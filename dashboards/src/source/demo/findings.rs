//! What is wrong on a machine, each kind and object once.

use super::names;
use crate::frame::{FindingRow, Name, Severity};
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
    object: Object,
    row: FindingRow,
}

/// What a hazard is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Object {
    Map(MapId),
    Tag(TagId),
}

impl Findings {
    /// Adds a hazard of a machine.
    pub(super) fn add(&mut self, machine: &Name, session: &Name, at: Nanos, hazard: &Hazard) {
        let (kind, object) = (hazard.kind(), object(hazard));
        if let Some(found) = self.rows.iter_mut().find(|found| (found.kind, found.object) == (kind, object)) {
            found.row.last_ns = at.raw();
            found.row.count += 1;
            return;
        }
        if self.rows.len() == KEPT {
            self.lost += 1;
            return;
        }
        let row = FindingRow {
            severity: severity(kind),
            kind: Name::const_new(kind.name()),
            machine: Some(machine.clone()),
            object: Some(match object {
                Object::Map(map) => names::map(machine, map),
                Object::Tag(tag) => names::tag(machine, tag),
            }),
            session: Some(session.clone()),
            message: hazard.to_string(),
            advice: kind.advice().to_owned(),
            first_ns: at.raw(),
            last_ns: at.raw(),
            count: 1,
        };
        self.rows.push(Found { kind, object, row });
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

const fn object(hazard: &Hazard) -> Object {
    match *hazard {
        Hazard::SegmentInExcludedWindow { map, .. }
        | Hazard::SegmentStartMisaligned { map, .. }
        | Hazard::StalePagesNeeded { map, .. }
        | Hazard::DeferredWithPagesAlreadyAdded { map, .. }
        | Hazard::BounceChunkLongerThanPage { map, .. }
        | Hazard::BounceCopyOverrunsPage { map, .. }
        | Hazard::LoadOnMapHoldingPages { map, .. }
        | Hazard::MoreSegmentsThanNsegments { map, .. }
        | Hazard::NeverSatisfiable { map, .. }
        | Hazard::WaitsBehindOtherZone { map, .. }
        | Hazard::DeferredWithoutLockFunction { map, .. }
        | Hazard::CopyMissesSecondPage { map, .. } => Object::Map(map),
        Hazard::TagFreedWhileReferenced { tag, .. } => Object::Tag(tag),
    }
}

const fn severity(kind: HazardKind) -> Severity {
    match kind.severity() {
        busdma_engine::Severity::Warning => Severity::Warning,
        busdma_engine::Severity::Error => Severity::Error,
        busdma_engine::Severity::Corruption => Severity::Corruption,
    }
}
