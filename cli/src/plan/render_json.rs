//! A plan as one JSON object: snake_case keys, addresses as `"0x…"`, `null` for what there is not.

use super::comparison::Difference;
use super::pieces::PlannedSegment;
use super::provenance::{Field, Origin};
use super::remedy::{Change, Remedy};
use super::report::PlanReport;
use super::request::{PlanRequest, arch_name};
use super::simulate::{PoolUse, Run, Word};
use super::words;
use crate::args::LoadKind;
use busdma_engine::constraints::{LockFunction, SegmentLimit};
use busdma_engine::hazard::{Hazard, Severity};
use busdma_engine::{TagTemplate, WaitPolicy};
use busdma_presets::NamedTag;
use busdma_presets::flags::FLAGS;
use serde::Serialize;
use std::fmt::Display;

/// The report as pretty-printed JSON with a line feed at the end.
///
/// # Errors
///
/// Never in practice: every key is a string.
pub fn render(report: &PlanReport) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(&Object::of(report))? + "\n")
}

#[derive(Serialize)]
struct Object<'a> {
    request: Request,
    tags: Vec<Tag<'a>>,
    constraints: Option<Constraints<'a>>,
    can_bounce: bool,
    outcome: Outcome,
    segments: Vec<Segment>,
    totals: Totals,
    pool: Option<Pool>,
    hazards: Vec<HazardObject>,
    comparison: ComparisonObject,
}

#[derive(Serialize)]
struct Request {
    length: u64,
    vaddr: String,
    offset: u64,
    layout: String,
    kind: &'static str,
    arch: &'static str,
    profile: &'static str,
    maxmem: String,
    pool: u32,
    nowait: bool,
}

#[derive(Serialize)]
struct Tag<'a> {
    name: &'a str,
    alignment: u64,
    boundary: Option<String>,
    lowaddr: String,
    highaddr: String,
    maxsize: u64,
    nsegments: Option<u32>,
    maxsegsz: u64,
    flags: Vec<&'static str>,
    filter: bool,
    lock: bool,
}

#[derive(Serialize)]
struct Constraints<'a> {
    alignment: Number<'a>,
    boundary: Address<'a>,
    lowaddr: Address<'a>,
    highaddr: Address<'a>,
    maxsize: Number<'a>,
    nsegments: Number<'a>,
    maxsegsz: Number<'a>,
}

/// A constraint; `from` is the tag that gave it, `null` when none did, `boundary` when that caps it.
#[derive(Serialize)]
struct Number<'a> {
    value: Option<u64>,
    from: Option<&'a str>,
}

#[derive(Serialize)]
struct Address<'a> {
    value: Option<String>,
    from: Option<&'a str>,
}

#[derive(Serialize)]
struct Outcome {
    result: &'static str,
    errno: Option<&'static str>,
    message: String,
    remedies: Vec<RemedyObject>,
}

#[derive(Serialize)]
struct RemedyObject {
    change: &'static str,
    value: Option<u64>,
    segments: usize,
    message: String,
}

#[derive(Serialize)]
struct Segment {
    index: usize,
    addr: String,
    len: u64,
    offset: u64,
    source_pages: Vec<String>,
    ended_by: &'static str,
    bounced_bytes: u64,
    bounce_reasons: Vec<&'static str>,
}

#[derive(Serialize)]
struct Totals {
    segments: usize,
    nsegments: Option<u32>,
    bytes: u64,
    bounced_bytes: u64,
    bounced_pages: usize,
}

#[derive(Serialize)]
struct Pool {
    zone: usize,
    lowaddr: String,
    total_pages: u32,
    used_pages: u32,
    reserved_pages: u32,
    free_pages: u32,
}

#[derive(Serialize)]
struct HazardObject {
    kind: &'static str,
    severity: &'static str,
    message: String,
    advice: &'static str,
}

#[derive(Serialize)]
struct ComparisonObject {
    profile: &'static str,
    same: bool,
    result: &'static str,
    segments: usize,
    bounced_bytes: u64,
    message: String,
}

impl<'a> Object<'a> {
    fn of(report: &'a PlanReport) -> Self {
        let PlanReport { request, run, .. } = report;
        Self {
            request: Request::of(request),
            tags: request.chain.iter().map(Tag::of).collect(),
            constraints: Constraints::of(request, run),
            can_bounce: run.could_bounce,
            outcome: Outcome::of(report),
            segments: run
                .segments
                .iter()
                .enumerate()
                .map(|(i, segment)| Segment::of(request, run, i, segment))
                .collect(),
            totals: Totals::of(request, run),
            pool: run.pool.as_ref().map(Pool::of),
            hazards: run.hazards.iter().map(HazardObject::of).collect(),
            comparison: ComparisonObject::of(report),
        }
    }
}

impl Request {
    fn of(request: &PlanRequest) -> Self {
        let buffer = &request.buffer;
        Self {
            length: buffer.length,
            vaddr: hex(buffer.start.raw()),
            offset: buffer.offset(),
            layout: buffer.layout.to_string(),
            kind: match buffer.kind {
                LoadKind::Buffer => "buffer",
                LoadKind::Bio => "bio",
                LoadKind::Ccb => "ccb",
                LoadKind::Mbuf => "mbuf",
                LoadKind::Uio => "uio",
            },
            arch: arch_name(request.machine.arch),
            profile: request.profile.name(),
            maxmem: hex(request.machine.maxmem),
            pool: request.machine.pool,
            nowait: request.wait == WaitPolicy::NoWait,
        }
    }
}

impl<'a> Tag<'a> {
    fn of(tag: &'a NamedTag) -> Self {
        let TagTemplate { alignment, boundary, window, filter, maxsize, nsegments, maxsegsz, flags, lock } =
            &tag.template;
        Self {
            name: &tag.name,
            alignment: alignment.bytes(),
            boundary: boundary.map(|boundary| hex(boundary.bytes())),
            lowaddr: hex(window.lowaddr.raw()),
            highaddr: hex(window.highaddr.raw()),
            maxsize: maxsize.raw(),
            nsegments: count(*nsegments),
            maxsegsz: maxsegsz.raw(),
            flags: FLAGS.iter().filter(|(_, flag)| flags.contains(*flag)).map(|(name, _)| *name).collect(),
            filter: filter.is_some(),
            lock: *lock == LockFunction::Provided,
        }
    }
}

impl<'a> Constraints<'a> {
    fn of(request: &'a PlanRequest, run: &Run) -> Option<Self> {
        let held = run.effective(request)?;
        let from = |field: Field| match field.origin(request, &held) {
            Origin::Tag(level) => request.chain.get(level).map(|tag| tag.name.as_str()),
            Origin::ClampedToBoundary => Some("boundary"),
            Origin::Unconstrained => None,
        };
        let number = |field: Field, value: u64| Number { value: Some(value), from: from(field) };
        let address = |field: Field| Address { value: field.value(&held).map(hex), from: from(field) };
        Some(Self {
            alignment: number(Field::Alignment, held.alignment.bytes()),
            boundary: address(Field::Boundary),
            lowaddr: address(Field::Lowaddr),
            highaddr: address(Field::Highaddr),
            maxsize: number(Field::Maxsize, held.maxsize.raw()),
            nsegments: Number { value: count(held.nsegments).map(u64::from), from: from(Field::Nsegments) },
            maxsegsz: number(Field::Maxsegsz, held.maxsegsz.raw()),
        })
    }
}

impl Outcome {
    fn of(report: &PlanReport) -> Self {
        let PlanReport { request, run, .. } = report;
        let word = run.outcome.word();
        Self {
            result: words::result(word),
            errno: match word {
                Word::Failed(errno) => Some(errno.name()),
                Word::Deferred => Some("EINPROGRESS"),
                Word::Loaded | Word::Panic => None,
            },
            message: words::outcome(request, run),
            remedies: report.remedies.iter().map(|remedy| RemedyObject::of(request, remedy)).collect(),
        }
    }
}

impl RemedyObject {
    fn of(request: &PlanRequest, remedy: &Remedy) -> Self {
        let (change, value) = match remedy.change {
            Change::Nsegments(limit) => ("nsegments", Some(u64::from(limit))),
            Change::Maxsize(bytes) => ("maxsize", Some(bytes)),
            Change::Pool(pages) => ("pool", Some(u64::from(pages))),
            Change::PageAligned => ("page_aligned", None),
            Change::Contiguous => ("contiguous", None),
            Change::Length(length) => ("length", Some(length)),
        };
        Self { change, value, segments: remedy.segments, message: words::remedy(request, remedy) }
    }
}

impl Segment {
    fn of(request: &PlanRequest, run: &Run, index: usize, segment: &PlannedSegment) -> Self {
        let (bounced_bytes, reasons) = words::bounces(run, segment);
        let mut bounce_reasons: Vec<_> = reasons.into_iter().map(words::bounce_key).collect();
        bounce_reasons.dedup();
        Self {
            index,
            addr: hex(segment.addr.raw()),
            len: segment.len,
            offset: segment.offset,
            source_pages: request.buffer.pages_of(segment.offset, segment.len).iter().map(text).collect(),
            ended_by: words::end_key(segment.end),
            bounced_bytes,
            bounce_reasons,
        }
    }
}

impl Totals {
    fn of(request: &PlanRequest, run: &Run) -> Self {
        Self {
            segments: run.segments.len(),
            nsegments: run.effective(request).and_then(|held| count(held.nsegments)),
            bytes: run.mapped_bytes(),
            bounced_bytes: run.bounced_bytes(),
            bounced_pages: run.bounced_pieces().count(),
        }
    }
}

impl Pool {
    fn of(pool: &PoolUse) -> Self {
        Self {
            zone: pool.zone,
            lowaddr: text(&pool.lowaddr),
            total_pages: pool.total.raw(),
            used_pages: pool.used.raw(),
            reserved_pages: pool.reserved.raw(),
            free_pages: pool.free.raw(),
        }
    }
}

impl HazardObject {
    fn of(hazard: &Hazard) -> Self {
        let kind = hazard.kind();
        let severity = match kind.severity() {
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Corruption => "corruption",
        };
        Self { kind: kind.name(), severity, message: hazard.to_string(), advice: kind.advice() }
    }
}

impl ComparisonObject {
    fn of(report: &PlanReport) -> Self {
        let other = &report.comparison.run;
        Self {
            profile: other.profile.name(),
            same: report.comparison.difference == Difference::None,
            result: words::result(other.outcome.word()),
            segments: other.segments.len(),
            bounced_bytes: other.bounced_bytes(),
            message: words::comparison(&report.run, &report.comparison),
        }
    }
}

fn count(limit: SegmentLimit) -> Option<u32> {
    match limit {
        SegmentLimit::Max(limit) => Some(limit),
        SegmentLimit::Unrestricted => None,
    }
}

fn hex(raw: u64) -> String {
    format!("{raw:#x}")
}

fn text(address: &impl Display) -> String {
    address.to_string()
}
