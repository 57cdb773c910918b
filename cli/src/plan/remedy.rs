//! What would make a failing load fit: single changes, each tried on a fresh machine.

use super::request::PlanRequest;
use super::simulate::{self, Outcome, Run, Word};
use crate::layout::Layout;
use busdma_engine::addr::{BusSize, PAGE_SIZE};
use busdma_engine::constraints::SegmentLimit;
use busdma_engine::error::{Errno, LoadError, MapError, TagError};

/// A change with which the load goes through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remedy {
    /// The change.
    pub change: Change,
    /// Segments of the mapping then.
    pub segments: usize,
}

/// One change of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// The leaf tag's `nsegments`; the least that suffices.
    Nsegments(u32),
    /// The leaf tag's `maxsize`, bytes, from which the pool is made.
    Maxsize(u64),
    /// Pages to be had for bounce pages.
    Pool(u32),
    /// A buffer that begins on a page.
    PageAligned,
    /// A buffer in one physical piece.
    Contiguous,
    /// A shorter buffer, bytes; the longest that loads.
    Length(u64),
}

/// The single changes that make `run`'s failing load go through, most telling first; none for a load that went well.
pub fn remedies(request: &PlanRequest, run: &Run) -> Vec<Remedy> {
    let mut found = Vec::new();
    if run.outcome == Outcome::Loaded {
        return found;
    }
    let mut candidates = Vec::new();
    if run.outcome.word() == Word::Failed(Errno::Efbig) {
        candidates.extend(segments_needed(request).map(Change::Nsegments));
    }
    candidates.extend(pool_changes(request, &run.outcome));
    if request.buffer.offset() != 0 {
        candidates.push(Change::PageAligned);
    }
    if !matches!(request.buffer.layout, Layout::Contiguous { .. }) {
        candidates.push(Change::Contiguous);
    }
    for change in candidates {
        found.extend(try_change(request, change));
    }
    found.extend(longest_that_loads(request).and_then(|length| try_change(request, Change::Length(length))));
    found
}

/// The segments the load would need if there were no limit.
fn segments_needed(request: &PlanRequest) -> Option<u32> {
    let mut freed = request.clone();
    freed.chain.last_mut()?.template.nsegments = SegmentLimit::Unrestricted;
    let run = simulate::run(&freed, request.profile);
    if run.outcome == Outcome::Loaded { u32::try_from(run.segments.len()).ok() } else { None }
}

/// What makes the pool suffice: more memory for it, or a `maxsize` from which it is made as large as this buffer needs.
fn pool_changes(request: &PlanRequest, outcome: &Outcome) -> Vec<Change> {
    let whole_buffer = request.buffer.pages.len() as u64;
    let (frames, needed) = match outcome {
        Outcome::TagRefused { error: TagError::NoBouncePages { wanted, .. }, .. }
        | Outcome::MapRefused(MapError::NoBouncePages { wanted, .. }) => (u32::try_from(*wanted).ok(), whole_buffer),
        Outcome::Deferred { needed, total } if needed > total => (None, u64::from(needed.raw())),
        Outcome::Deferred { .. } => (None, whole_buffer),
        Outcome::LoadFailed(LoadError::NoBouncePages { needed, .. } | LoadError::NeverSatisfiable { needed, .. }) => {
            (None, u64::from(needed.raw()))
        }
        _ => return Vec::new(),
    };
    frames.map(Change::Pool).into_iter().chain([Change::Maxsize(needed * PAGE_SIZE)]).collect()
}

/// The longest beginning of the buffer that loads, by bisection.
fn longest_that_loads(request: &PlanRequest) -> Option<u64> {
    let (mut loads, mut fails) = (0, request.buffer.length);
    while fails - loads > 1 {
        let length = loads + (fails - loads) / 2;
        match try_change(request, Change::Length(length)) {
            Some(_) => loads = length,
            None => fails = length,
        }
    }
    (loads > 0).then_some(loads)
}

fn try_change(request: &PlanRequest, change: Change) -> Option<Remedy> {
    let run = simulate::run(&changed(request, change)?, request.profile);
    (run.outcome == Outcome::Loaded).then_some(Remedy { change, segments: run.segments.len() })
}

fn changed(request: &PlanRequest, change: Change) -> Option<PlanRequest> {
    let mut changed = request.clone();
    let leaf = changed.chain.last_mut()?;
    match change {
        Change::Nsegments(limit) => leaf.template.nsegments = SegmentLimit::Max(limit),
        Change::Maxsize(bytes) => leaf.template.maxsize = BusSize::new(bytes),
        Change::Pool(pages) => changed.machine.pool = pages,
        Change::PageAligned => changed.buffer = request.buffer.page_aligned(),
        Change::Contiguous => {
            changed.buffer.layout = Layout::Contiguous { start: None };
            let needed = changed.buffer.pages.len() as u64;
            changed.buffer.pages = changed.buffer.layout.place(needed, request.machine.maxmem).ok()?;
        }
        Change::Length(length) => changed.buffer = request.buffer.shortened(length),
    }
    Some(changed)
}
