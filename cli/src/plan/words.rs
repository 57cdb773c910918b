//! What a plan says, in words: the same sentences for people and in JSON.

use super::comparison::{Comparison, Difference};
use super::pieces::{PlannedSegment, SegmentEnd};
use super::provenance::{Field, Lost, Origin};
use super::remedy::{Change, Remedy};
use super::request::PlanRequest;
use super::simulate::{Outcome, Run, Word};
use crate::args::LoadKind;
use crate::size;
use crate::tag_spec;
use crate::text::counted;
use busdma_engine::Profile;
use busdma_engine::constraints::{BounceReason, SegmentLimit};
use busdma_engine::error::{Errno, KernelPanic, LoadError};
use std::collections::BTreeSet;

/// The answer as one word, as in JSON.
pub(super) fn result(word: Word) -> &'static str {
    match word {
        Word::Loaded => "loaded",
        Word::Deferred => "deferred",
        Word::Failed(Errno::Efbig) => "efbig",
        Word::Failed(Errno::Enomem) => "enomem",
        Word::Failed(Errno::Ebusy) => "ebusy",
        Word::Failed(Errno::Einval | Errno::Einprogress) => "einval",
        Word::Panic => "panic",
    }
}

/// The answer as a heading.
pub(super) fn headline(outcome: &Outcome) -> String {
    match outcome.word() {
        Word::Loaded => "loaded".to_owned(),
        Word::Deferred => "deferred, for ever".to_owned(),
        Word::Failed(errno) => errno.name().to_owned(),
        Word::Panic if outcome.panic().is_some_and(KernelPanic::is_assertion) => {
            "panic, in a kernel with INVARIANTS".to_owned()
        }
        Word::Panic => "panic".to_owned(),
    }
}

/// What happened, as a sentence.
pub(super) fn outcome(request: &PlanRequest, run: &Run) -> String {
    match &run.outcome {
        Outcome::Loaded => loaded(run),
        Outcome::Deferred { needed, total } if needed > total => format!(
            "the load waits for {}, and the pool has {} in all: nobody can ever free enough",
            counted(needed.raw().into(), "bounce page"),
            total
        ),
        Outcome::Deferred { needed, .. } => format!(
            "the load waits for {} more, but it holds the pool's other pages itself",
            counted(needed.raw().into(), "bounce page")
        ),
        Outcome::TagRefused { level, error } => {
            format!("bus_dma_tag_create fails for {}: {error}", request.chain[*level].name)
        }
        Outcome::MapRefused(error) => format!("bus_dmamap_create fails: {error}"),
        Outcome::LoadFailed(error) => load_failed(request, run, error),
        Outcome::SyncFailed(error) => format!("the load goes well, but the first sync of it: {error}"),
    }
}

fn loaded(run: &Run) -> String {
    let segments = counted(run.segments.len() as u64, "segment");
    match (run.bounced_bytes(), run.mapped_bytes()) {
        (0, _) => format!("{segments}, nothing is bounced"),
        (bounced, mapped) if bounced == mapped => format!("{segments}, every byte is bounced"),
        (bounced, mapped) => format!("{segments}, {bounced} of {mapped} bytes are bounced"),
    }
}

fn load_failed(request: &PlanRequest, run: &Run, error: &LoadError) -> String {
    match error {
        LoadError::TooManySegments { limit, filled, .. } => {
            let mapped = run.mapped_bytes();
            let told = match request.buffer.kind {
                LoadKind::Mbuf | LoadKind::Uio => "",
                LoadKind::Buffer | LoadKind::Bio | LoadKind::Ccb => {
                    "; the call itself returns 0, only the callback is told"
                }
            };
            format!(
                "{filled} of {} segments are filled after {mapped} of {} bytes{told}",
                limit_words(*limit),
                request.buffer.length
            )
        }
        error => error.to_string(),
    }
}

/// What a change amounts to.
pub(super) fn remedy(request: &PlanRequest, remedy: &Remedy) -> String {
    let (leaf, maxsize) = request.chain.last().map_or(("", 0), |tag| (&*tag.name, tag.template.maxsize.raw()));
    let change = match remedy.change {
        Change::Nsegments(limit) => return format!("nsegments {limit} or more on {leaf}"),
        Change::Maxsize(bytes) if bytes > maxsize => {
            format!("maxsize {} or more on {leaf}, so that the pool is larger", size::prose(bytes))
        }
        Change::Maxsize(bytes) => {
            format!("maxsize {} on {leaf}, so that a smaller pool will do", size::prose(bytes))
        }
        Change::Pool(pages) => format!("{} for bounce pages (--pool {pages})", counted(pages.into(), "page")),
        Change::PageAligned => "a buffer that begins on a page (--offset 0)".to_owned(),
        Change::Contiguous => "a buffer in one physical piece (--layout contiguous)".to_owned(),
        Change::Length(length) => format!("at most {} at this offset", byte_count(length)),
    };
    format!("{change}: {}", counted(remedy.segments as u64, "segment"))
}

fn byte_count(bytes: u64) -> String {
    let prose = size::prose(bytes);
    if prose.ends_with('s') { prose } else { format!("{bytes} bytes ({prose})") }
}

/// A constraint's value, `none` without a limit.
pub(super) fn value(field: Field, value: Option<u64>) -> String {
    let Some(value) = value else {
        return match field {
            Field::Alignment => "1".to_owned(),
            Field::Nsegments => tag_spec::UNRESTRICTED.to_owned(),
            Field::Highaddr => size::address_limit(u64::MAX),
            _ => "none".to_owned(),
        };
    };
    match field {
        Field::Alignment | Field::Nsegments => value.to_string(),
        Field::Lowaddr | Field::Highaddr => match size::address_limit(value) {
            bits if bits.ends_with("-bit") => format!("{value:#x} ({bits})"),
            hex => hex,
        },
        Field::Boundary | Field::Maxsize | Field::Maxsegsz => size::prose(value),
    }
}

/// Who gave a constraint.
pub(super) fn origin(request: &PlanRequest, origin: Origin) -> String {
    match origin {
        Origin::Tag(level) => request.chain[level].name.clone(),
        Origin::ClampedToBoundary => "the boundary".to_owned(),
        Origin::Unconstrained => "-".to_owned(),
    }
}

/// A constraint that did not come down.
pub(super) fn lost(request: &PlanRequest, lost: &Lost) -> String {
    format!(
        "{} {} of {} is not passed on by {}",
        lost.field.name(),
        value(lost.field, Some(lost.value)),
        request.chain[lost.level].name,
        request.profile.name()
    )
}

/// Why the next byte is not part of a segment.
pub(super) fn end(end: SegmentEnd) -> String {
    match end {
        SegmentEnd::EndOfBuffer => "end of buffer".to_owned(),
        SegmentEnd::Boundary(boundary) => format!("boundary {}", size::short(boundary.bytes())),
        SegmentEnd::MaxSegSize(bytes) => format!("maxsegsz {}", size::short(bytes.raw())),
        SegmentEnd::Discontiguous => "next page elsewhere".to_owned(),
        SegmentEnd::BounceBegins => "next is bounced".to_owned(),
        SegmentEnd::BounceEnds => "next is not bounced".to_owned(),
        SegmentEnd::OtherBouncePage => "next bounce page".to_owned(),
        SegmentEnd::NoSegmentLeft(limit) => format!("nsegments {}", limit_words(limit)),
        SegmentEnd::LoadStopped => "load stopped".to_owned(),
    }
}

/// The end of a segment as in JSON.
pub(super) fn end_key(end: SegmentEnd) -> &'static str {
    match end {
        SegmentEnd::EndOfBuffer => "end_of_buffer",
        SegmentEnd::Boundary(_) => "boundary",
        SegmentEnd::MaxSegSize(_) => "maxsegsz",
        SegmentEnd::Discontiguous => "discontiguous",
        SegmentEnd::BounceBegins => "bounce_begins",
        SegmentEnd::BounceEnds => "bounce_ends",
        SegmentEnd::OtherBouncePage => "other_bounce_page",
        SegmentEnd::NoSegmentLeft(_) => "nsegments",
        SegmentEnd::LoadStopped => "load_stopped",
    }
}

/// Why bytes are bounced.
pub(super) fn bounce_reason(reason: BounceReason) -> String {
    match reason {
        BounceReason::Window(window) if window.highaddr.raw() == u64::MAX => {
            format!("above {}", size::address_limit(window.lowaddr.raw()))
        }
        BounceReason::Window(window) => format!(
            "in ({}, {}]",
            size::address_limit(window.lowaddr.raw()),
            size::address_limit(window.highaddr.raw())
        ),
        BounceReason::Alignment(alignment) => format!("not aligned to {alignment}"),
        BounceReason::Filter(_) => "excluded by filter".to_owned(),
    }
}

/// Why bytes are bounced, as in JSON.
pub(super) fn bounce_key(reason: BounceReason) -> &'static str {
    match reason {
        BounceReason::Window(_) => "window",
        BounceReason::Alignment(_) => "alignment",
        BounceReason::Filter(_) => "filter",
    }
}

/// The reasons why parts of a segment are bounced, each once, in order, with the bytes of all.
pub(super) fn bounces(run: &Run, segment: &PlannedSegment) -> (u64, Vec<BounceReason>) {
    let mut bytes = 0;
    let mut reasons: Vec<BounceReason> = Vec::new();
    for piece in &run.pieces[segment.pieces.clone()] {
        if let Some(reason) = piece.bounced {
            bytes += piece.len;
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    (bytes, reasons)
}

/// How the other profile answers.
pub(super) fn comparison(ours: &Run, comparison: &Comparison) -> String {
    let theirs = &comparison.run;
    let name = theirs.profile.name();
    match comparison.difference {
        Difference::None => format!("{name} answers the same."),
        Difference::Outcome => format!("{name} answers otherwise: {}.", short_outcome(theirs)),
        Difference::Segment(index) => {
            let (ours_count, theirs_count) = (ours.segments.len(), theirs.segments.len());
            let counts = if ours_count == theirs_count {
                "as many segments".to_owned()
            } else {
                format!("{} instead of {ours_count}", counted(theirs_count as u64, "segment"))
            };
            let (ours, theirs) = (segment_at(ours, index), segment_at(theirs, index));
            format!("{name} cuts otherwise: {counts}, and segment {index} is {theirs} instead of {ours}.")
        }
        Difference::Bouncing => format!(
            "{name} makes the same segments, but bounces {} bytes instead of {}.",
            theirs.bounced_bytes(),
            ours.bounced_bytes()
        ),
        Difference::Hazards if theirs.hazards.is_empty() => {
            format!("{name} makes the same segments, without the hazards.")
        }
        Difference::Hazards => {
            let kinds: BTreeSet<&str> = theirs.hazards.iter().map(|hazard| hazard.kind().name()).collect();
            let kinds: Vec<&str> = kinds.into_iter().collect();
            format!("{name} makes the same segments, and meets {}.", kinds.join(", "))
        }
    }
}

/// What the difference means for a driver, when it means something.
pub(super) fn verdict(ours: &Run, comparison: &Comparison) -> Option<&'static str> {
    if comparison.run.profile != Profile::Strict || comparison.difference == Difference::None {
        return None;
    }
    let refused = comparison.run.outcome.word() == Word::Failed(Errno::Einval);
    match (ours.hazards.is_empty(), refused) {
        (false, _) => Some("The hazards above are why: on real FreeBSD this is a bug you would hit."),
        (true, true) if ours.outcome == Outcome::Loaded => {
            Some("FreeBSD lets through what the manual page forbids: do not count on it.")
        }
        _ => None,
    }
}

fn short_outcome(run: &Run) -> String {
    match &run.outcome {
        Outcome::Loaded => format!("it loads, {}", loaded(run)),
        Outcome::Deferred { needed, total } => format!("it waits for {needed} bounce pages of {total}"),
        Outcome::TagRefused { error, .. } => format!("{}, {error}", error.errno()),
        Outcome::MapRefused(error) => error.to_string(),
        Outcome::LoadFailed(error) => match error.errno() {
            Some(errno) => format!("{errno}, {error}"),
            None => error.to_string(),
        },
        Outcome::SyncFailed(error) => error.to_string(),
    }
}

fn segment_at(run: &Run, index: usize) -> String {
    run.segments.get(index).map_or_else(|| "none".to_owned(), |segment| format!("{}+{}", segment.addr, segment.len))
}

/// A number of segments in words.
pub(super) fn limit_words(limit: SegmentLimit) -> String {
    match limit {
        SegmentLimit::Max(limit) => limit.to_string(),
        SegmentLimit::Unrestricted => tag_spec::UNRESTRICTED.to_owned(),
    }
}
