//! What the engine tells while it carries out one verb.

use busdma_engine::{Decision, Hazard, Nanos, Observer};

/// Keeps the decisions and hazards of the verb at hand.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    pub(crate) decisions: Vec<Decision>,
    pub(crate) hazards: Vec<Hazard>,
    pub(crate) attention: Attention,
}

/// Whether anybody wants to know of decisions. Hazards are always kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Attention {
    /// A recording or a listener does.
    Listening,
    /// Nobody does.
    #[default]
    Idle,
}

impl Ear {
    /// Forgets the verb before.
    #[inline]
    pub(crate) fn begin(&mut self, attention: Attention) {
        self.decisions.clear();
        self.hazards.clear();
        self.attention = attention;
    }
}

impl Observer for Ear {
    #[inline]
    fn decision(&mut self, _: Nanos, decision: &Decision) {
        if self.attention == Attention::Listening {
            self.decisions.push(*decision);
        }
    }

    fn hazard(&mut self, _: Nanos, hazard: &Hazard) {
        self.hazards.push(*hazard);
    }
}
