//! Which hazards a scenario has met: a line lists those seen there first.

use crate::format::Name;
use busdma_engine::{Hazard, HazardKind};

/// A set of kinds of hazards that busdma-trace v1 marks; a recorder keeps one a scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HazardSet(u32);

impl HazardSet {
    /// Adds the kinds of `hazards` and returns those that were new.
    #[must_use = "a line names the new ones"]
    pub fn add(&mut self, hazards: &[Hazard]) -> Self {
        let kinds = hazards.iter().map(Hazard::kind).filter(|kind| kind.in_trace_v1());
        let new = kinds.fold(0, |set, kind| set | bit(kind)) & !self.0;
        self.0 |= new;
        Self(new)
    }

    /// The kinds of those names; a name that is not known is left out.
    pub fn of_names(names: &[Name<'_>]) -> Self {
        let kinds = names.iter().filter_map(|name| HazardKind::from_name(name.as_str()));
        Self(kinds.filter(|kind| kind.in_trace_v1()).fold(0, |set, kind| set | bit(kind)))
    }

    /// Their names, in alphabetical order.
    pub fn names(self) -> Vec<Name<'static>> {
        let kinds = HazardKind::ALL.into_iter().filter(|&kind| self.0 & bit(kind) != 0);
        let mut names: Vec<_> = kinds.map(|kind| kind.name().into()).collect();
        names.sort_unstable();
        names
    }

    /// Their names for people.
    pub fn text(self) -> String {
        let names: Vec<_> = self.names().iter().map(Name::to_string).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }
}

const fn bit(kind: HazardKind) -> u32 {
    1 << kind as u32
}
