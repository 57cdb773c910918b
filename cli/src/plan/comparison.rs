//! The same load under the other reading of bus_dma(9): what it does against what it promises.

use super::request::{PlanRequest, freebsd_profile};
use super::simulate::{self, Run};
use busdma_engine::{Hazard, HazardKind, Profile};
use std::collections::BTreeSet;

/// How another profile answers the same request.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What it came to there.
    pub run: Run,
    /// How the two differ.
    pub difference: Difference,
}

/// The first thing in which two runs differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Difference {
    /// Nothing: outcome, segments, bounced bytes and kinds of hazards are the same.
    None,
    /// One loads, or fails otherwise.
    Outcome,
    /// Both load, this segment is the first to differ; it may be missing in one of them.
    Segment(usize),
    /// Same segments, but other bytes go through bounce pages.
    Bouncing,
    /// Same segments and bounce pages, but one meets hazards that the other does not.
    Hazards,
}

/// Runs the request under `strict`, or under FreeBSD's own profile when it was asked for `strict`.
pub fn compare(request: &PlanRequest, run: &Run) -> Comparison {
    let other = match request.profile {
        Profile::Strict => freebsd_profile(request.machine.arch),
        Profile::Freebsd11 | Profile::Freebsd12 | Profile::Arm64Freebsd12 => Profile::Strict,
    };
    let other = simulate::run(request, other);
    let difference = difference(run, &other);
    Comparison { run: other, difference }
}

fn difference(ours: &Run, theirs: &Run) -> Difference {
    if ours.outcome.word() != theirs.outcome.word() {
        return Difference::Outcome;
    }
    let longest = ours.segments.len().max(theirs.segments.len());
    let shape = |run: &Run, index: usize| run.segments.get(index).map(|segment| (segment.addr, segment.len));
    if let Some(index) = (0..longest).find(|&index| shape(ours, index) != shape(theirs, index)) {
        return Difference::Segment(index);
    }
    if ours.bounced_bytes() != theirs.bounced_bytes() {
        return Difference::Bouncing;
    }
    if hazard_kinds(ours) == hazard_kinds(theirs) { Difference::None } else { Difference::Hazards }
}

fn hazard_kinds(run: &Run) -> BTreeSet<HazardKind> {
    run.hazards.iter().map(Hazard::kind).collect()
}
