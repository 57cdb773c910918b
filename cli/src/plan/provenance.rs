//! Which tag of the chain each effective constraint comes from, and which ones were lost on the way down.

use super::request::PlanRequest;
use super::simulate::{EffectiveConstraints, Run};
use busdma_engine::TagTemplate;
use busdma_engine::constraints::{Boundary, SegmentLimit};

/// The constraints of a tag, in the order of `bus_dma_tag_create`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// Addresses must be multiples of it.
    Alignment,
    /// No segment crosses a multiple of it.
    Boundary,
    /// Last address below the excluded window.
    Lowaddr,
    /// Last excluded address.
    Highaddr,
    /// Bytes of a mapping.
    Maxsize,
    /// Segments of a mapping.
    Nsegments,
    /// Bytes of a segment.
    Maxsegsz,
}

/// Where a constraint comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A tag, by its position from the root.
    Tag(usize),
    /// `maxsegsz` only: a boundary is smaller than what any tag asked for.
    ClampedToBoundary,
    /// No tag asked for anything.
    Unconstrained,
}

/// An ancestor's constraint that is tighter than what holds, because it was not passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lost {
    /// The ancestor, by its position from the root.
    pub level: usize,
    /// Which constraint.
    pub field: Field,
    /// What the ancestor asks for.
    pub value: u64,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Alignment,
        Self::Boundary,
        Self::Lowaddr,
        Self::Highaddr,
        Self::Maxsize,
        Self::Nsegments,
        Self::Maxsegsz,
    ];

    /// Its name in bus_dma(9).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alignment => "alignment",
            Self::Boundary => "boundary",
            Self::Lowaddr => "lowaddr",
            Self::Highaddr => "highaddr",
            Self::Maxsize => "maxsize",
            Self::Nsegments => "nsegments",
            Self::Maxsegsz => "maxsegsz",
        }
    }

    /// The value that holds; `None` where there is no limit.
    pub fn value(self, held: &EffectiveConstraints) -> Option<u64> {
        let asked = match self {
            Self::Alignment => held.alignment.bytes(),
            Self::Boundary => held.boundary.map_or(0, Boundary::bytes),
            Self::Lowaddr => held.lowaddr.raw(),
            Self::Highaddr => held.highaddr.raw(),
            Self::Maxsize => held.maxsize.raw(),
            Self::Nsegments => nsegments(held.nsegments),
            Self::Maxsegsz => held.maxsegsz.raw(),
        };
        self.limited(asked)
    }

    /// The value a tag asks for, addresses rounded to pages as the engine does; `None` where it does not.
    pub fn asked(self, template: &TagTemplate) -> Option<u64> {
        let asked = match self {
            Self::Alignment => template.alignment.bytes(),
            Self::Boundary => template.boundary.map_or(0, Boundary::bytes),
            Self::Lowaddr => template.window.lowaddr.page_last().raw(),
            Self::Highaddr => template.window.highaddr.page_last().raw(),
            Self::Maxsize => template.maxsize.raw(),
            Self::Nsegments => nsegments(template.nsegments),
            Self::Maxsegsz => template.maxsegsz.raw(),
        };
        self.limited(asked)
    }

    fn limited(self, value: u64) -> Option<u64> {
        let no_limit = match self {
            Self::Alignment => 1,
            Self::Boundary => 0,
            Self::Lowaddr | Self::Highaddr | Self::Nsegments => u64::MAX,
            Self::Maxsize | Self::Maxsegsz => u64::from(u32::MAX),
        };
        (value != no_limit).then_some(value)
    }

    /// Where the value that holds for the load comes from.
    pub fn origin(self, request: &PlanRequest, held: &EffectiveConstraints) -> Origin {
        let Some(value) = self.value(held) else { return Origin::Unconstrained };
        let givers = request.chain.iter().rposition(|tag| self.asked(&tag.template) == Some(value));
        match givers {
            Some(level) => Origin::Tag(level),
            None => Origin::ClampedToBoundary,
        }
    }
}

/// What ancestors ask for and the profile does not pass on.
pub fn lost(request: &PlanRequest, run: &Run) -> Vec<Lost> {
    let Some(held) = run.effective(request) else { return Vec::new() };
    let ancestors = &request.chain[..request.chain.len() - 1];
    let mut lost = Vec::new();
    for (level, tag) in ancestors.iter().enumerate() {
        for field in [Field::Alignment, Field::Maxsize, Field::Nsegments, Field::Maxsegsz] {
            let Some(value) = field.asked(&tag.template) else { continue };
            let tighter = match (field, field.value(&held)) {
                (_, None) => true,
                (Field::Alignment, Some(held)) => value > held,
                (_, Some(held)) => value < held,
            };
            if tighter {
                lost.push(Lost { level, field, value });
            }
        }
    }
    lost
}

fn nsegments(limit: SegmentLimit) -> u64 {
    match limit {
        SegmentLimit::Max(limit) => u64::from(limit),
        SegmentLimit::Unrestricted => u64::MAX,
    }
}
