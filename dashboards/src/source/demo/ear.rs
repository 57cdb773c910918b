//! Hears what an engine decides and what goes wrong, and keeps it until somebody takes it.

use busdma_engine::{Decision, Hazard, Nanos, Observer};

/// What was heard since it was last taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Ear {
    pub(super) decisions: Vec<(Nanos, Decision)>,
    pub(super) hazards: Vec<(Nanos, Hazard)>,
}

impl Ear {
    /// Takes everything.
    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

impl Observer for Ear {
    fn decision(&mut self, now: Nanos, decision: &Decision) {
        self.decisions.push((now, *decision));
    }

    fn hazard(&mut self, now: Nanos, hazard: &Hazard) {
        self.hazards.push((now, *hazard));
    }
}
