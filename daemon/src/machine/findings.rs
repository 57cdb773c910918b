//! What was found wrong on a machine, each kind and object once.

use super::objects::Objects;
use busdma_api::SessionId;
use busdma_api::monitor::{Finding, Severity};
use busdma_engine::{Hazard, HazardKind, Nanos};
use rustc_hash::FxHashMap;

/// Findings kept; a machine with more wrong than this needs no longer list.
const KEPT: usize = 1024;

/// The findings of a machine.
#[derive(Debug, Default)]
pub(crate) struct FindingLog {
    findings: Vec<Finding>,
    index: FxHashMap<(HazardKind, Option<u32>, Option<u32>), usize>,
    lost: u64,
    totals: FxHashMap<HazardKind, u64>,
}

impl FindingLog {
    /// Adds a hazard.
    pub(super) fn add(&mut self, hazard: &Hazard, objects: &Objects, session: Option<SessionId>, at: Nanos) {
        let kind = hazard.kind();
        *self.totals.entry(kind).or_default() += 1;
        let map = hazard.map().and_then(|map| objects.map_numbers.get(&map)).copied();
        let tag = hazard.tag().and_then(|tag| objects.tag_numbers.get(&tag)).copied();
        if let Some(&index) = self.index.get(&(kind, map, tag)) {
            let finding = &mut self.findings[index];
            finding.last_ns = at.raw();
            finding.count += 1;
            return;
        }
        if self.findings.len() == KEPT {
            self.lost += 1;
            return;
        }
        self.index.insert((kind, map, tag), self.findings.len());
        self.findings.push(Finding {
            machine: Some(objects.machine),
            kind: kind.name().to_owned(),
            severity: severity(kind),
            message: hazard.to_string(),
            advice: kind.advice().to_owned(),
            map: map.map(|map| objects.map_ref(map)),
            tag: tag.map(|tag| objects.tag_ref(tag)),
            session,
            first_ns: at.raw(),
            last_ns: at.raw(),
            count: 1,
        });
    }

    /// All of them, as they were found.
    pub(crate) fn all(&self) -> &[Finding] {
        &self.findings
    }

    /// Findings that there was no room for.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    /// How often each kind was found.
    pub(crate) fn totals(&self) -> impl Iterator<Item = (HazardKind, u64)> {
        HazardKind::ALL.into_iter().filter_map(|kind| Some((kind, *self.totals.get(&kind)?)))
    }
}

const fn severity(kind: HazardKind) -> Severity {
    match kind.severity() {
        busdma_engine::Severity::Warning => Severity::Warning,
        busdma_engine::Severity::Error => Severity::Error,
        busdma_engine::Severity::Corruption => Severity::Corruption,
    }
}
