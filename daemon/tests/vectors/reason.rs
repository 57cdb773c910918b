//! Scenarios that the daemon cannot be put through, and why.

use crate::memory::{Dmamem, PAGE, Plan};
use crate::scenario::{Scenario, Step};
use busdma_trace::format::{Allocated, CreateTag, Input, Output, Ret, TagCreated};
use std::collections::BTreeMap;

/// Why a scenario is left out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Reason {
    /// It has client pages where the daemon keeps dmamem.
    PageInDmamemArea,
    /// It has client pages that are bounce frames too.
    PageIsBounceFrame,
    /// Other operations come between the one that gives a deferred load its pages and the one that takes it up; the daemon
    /// takes it up at once.
    TakenUpLater,
    /// It frees dmamem with another map than the one that came with it; the interface knows no such call.
    FreedWithForeignMap,
    /// It has dmamem below the lowest that the daemon hands out.
    DmamemTooLow,
    /// It loads dmamem, and the pages that the daemon's allocator gives are cut or bounced otherwise than FreeBSD's.
    DmamemLiesElsewhere,
    /// FreeBSD's malloc(9) misses the tag's alignment; the daemon's gives whole pages.
    MallocMisaligned,
}

/// Bytes that the daemon keeps for dmamem on every machine.
const DMAMEM_BYTES: u64 = 192 << 20;

/// Why a scenario is left out from the start, if it is.
pub(crate) fn left_out(scenario: &Scenario, steps: &[Step<'_>], plan: &Plan) -> Option<Reason> {
    let bounce = scenario.model.bounce;
    let frames = bounce.base.0..bounce.base.0 + bounce.frames * bounce.stride;
    let dmamem = frames.end.next_multiple_of(1 << 20).max(64 << 20);
    if plan.pages.iter().any(|page| (dmamem..dmamem + DMAMEM_BYTES).contains(page)) {
        return Some(Reason::PageInDmamemArea);
    }
    if plan.pages.iter().any(|page| frames.contains(page) && (page - frames.start) % bounce.stride == 0) {
        return Some(Reason::PageIsBounceFrame);
    }
    if steps.iter().any(|step| has_dmamem_below(step, dmamem)) {
        return Some(Reason::DmamemTooLow);
    }
    if is_taken_up_later(steps) {
        return Some(Reason::TakenUpLater);
    }
    frees_with_foreign_map(steps).then_some(Reason::FreedWithForeignMap)
}

fn has_dmamem_below(step: &Step<'_>, lowest: u64) -> bool {
    match &step.output {
        Output::DmamemAlloc(Allocated { ret: Ret::Ok, alloc, .. }) => alloc.high.is_some_and(|high| high.0 < lowest),
        _ => false,
    }
}

/// Whether a step makes a deferred load ready to be taken up: `waiting` is the queue before it.
pub(crate) fn makes_ready(step: &Step<'_>, waiting: &[String]) -> bool {
    let woken = matches!(&step.output, Output::Unload(unloaded) if unloaded.swi);
    woken || step.waiting().is_some_and(|now| now.len() < waiting.len())
}

fn is_taken_up_later(steps: &[Step<'_>]) -> bool {
    let (mut waiting, mut ready) = (Vec::new(), false);
    for step in steps {
        let takes_up = matches!(step.input, Input::RunDeferred(_));
        if ready && !takes_up {
            return true;
        }
        ready = !takes_up && makes_ready(step, &waiting);
        if let Some(now) = step.waiting() {
            waiting = now.into_iter().map(str::to_owned).collect();
        }
    }
    ready
}

fn frees_with_foreign_map(steps: &[Step<'_>]) -> bool {
    let mut maps = BTreeMap::new();
    steps.iter().any(|step| match &step.input {
        Input::DmamemAlloc(input) => {
            maps.insert(input.dmamem.as_str(), input.map.as_str());
            false
        }
        Input::DmamemFree(input) => maps.get(input.dmamem.as_str()) != Some(&input.map.as_str()),
        _ => false,
    })
}

/// A tag's constraints, as far as they meet addresses.
#[derive(Clone, Copy)]
pub(crate) struct Reach {
    alignment: u64,
    boundary: u64,
    lowaddr: u64,
    highaddr: u64,
    filtered: bool,
}

impl Reach {
    /// The reach of a tag that was created below a parent.
    pub(crate) fn of(input: &CreateTag<'_>, output: &TagCreated<'_>, parent: Option<Self>) -> Self {
        Self {
            alignment: output.alignment.unwrap(),
            boundary: output.boundary.unwrap().0,
            lowaddr: output.lowaddr.unwrap().0,
            highaddr: output.highaddr.unwrap().0,
            filtered: input.filter.is_some() || parent.is_some_and(|parent| parent.filtered),
        }
    }

    /// Whether a load of dmamem is cut and bounced the same at the daemon's addresses as at FreeBSD's.
    pub(crate) fn is_met_alike(&self, dmamem: &Dmamem) -> bool {
        let pairs = dmamem.pairs();
        let inside = self.boundary != 0 && self.boundary < PAGE;
        let same = |of: &dyn Fn(u64) -> u64| pairs.iter().all(|&(ours, theirs)| of(ours) == of(theirs));
        let same_step = |of: &dyn Fn(u64, u64) -> bool| {
            pairs.windows(2).all(|pair| of(pair[0].0, pair[1].0) == of(pair[0].1, pair[1].1))
        };
        let excluded = |addr: u64| u64::from(self.lowaddr < addr && addr <= self.highaddr);
        !self.filtered
            && pairs.len() == dmamem.pages.len()
            && (!inside || same(&|addr| addr % PAGE))
            && same(&|addr| u64::from(addr % self.alignment == 0))
            && same(&excluded)
            && same_step(&|before, addr| before & !(PAGE - 1) == (addr & !(PAGE - 1)).wrapping_sub(PAGE))
            && same_step(&|before, addr| self.boundary != 0 && before / self.boundary != addr / self.boundary)
    }
}
