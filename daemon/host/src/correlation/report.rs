//! A correlation as plain values, to be printed as text or JSON. Addresses are hexadecimal strings, times nanoseconds.

mod device;
mod pool;

pub use device::{BouncedReport, DeviceReport};
pub use pool::{EpisodeReport, HistoryReport, PoolReadingReport, PoolReport};

use super::{Correlation, Finding, Sample, SourceReport};
use crate::event::Tracepoint;
use crate::mapping::{Mapping, Origin};
use crate::verdict::{VerdictKind, Weight};
use busdma_engine::Nanos;
use device::devices;
use serde::Serialize;
use std::collections::BTreeMap;

/// Live mappings that are listed, oldest first.
const LIVE_LISTED: usize = 8;

/// All that a correlation found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// The inputs.
    pub sources: Vec<SourceReport>,
    /// The earliest event.
    pub first_ns: u64,
    /// The latest event.
    pub last_ns: u64,
    /// Events by tracepoint.
    pub events: BTreeMap<&'static str, u64>,
    /// Sums over all devices.
    pub totals: TotalsReport,
    /// Each device's share.
    pub devices: Vec<DeviceReport>,
    /// Mappings by verdict, agreements first.
    pub verdicts: Vec<VerdictReport>,
    /// What no single mapping shows.
    pub findings: Vec<FindingReport>,
    /// The bounce pool.
    pub pool: PoolReport,
    /// The mappings of memory that have been live longest.
    pub live: Vec<LiveReport>,
}

/// Sums over all devices.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct TotalsReport {
    /// Mappings made or tried. It is the sum of the five that follow.
    pub begun: u64,
    /// Over.
    pub unmapped: u64,
    /// Never made.
    pub failed: u64,
    /// In use by the device.
    pub live: u64,
    /// Over; the event that ended them was lost.
    pub superseded: u64,
    /// Forgotten for want of room.
    pub given_up: u64,
    /// As expected.
    pub agree: u64,
    /// Of those, resting on inferred facts.
    pub inferred: u64,
    /// Failed, whatever was expected.
    pub failures: u64,
    /// Otherwise than expected.
    pub unexplained: u64,
    /// Of devices too little is known about.
    pub unknown: u64,
}

/// Mappings of one verdict.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct VerdictReport {
    /// Its name for programs.
    pub kind: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// `agree`, `failure`, `unexplained` or `unknown`.
    pub weight: &'static str,
    /// Mappings.
    pub count: u64,
    /// What to do about it.
    pub advice: Option<&'static str>,
    /// A few of them, where they differ.
    pub samples: Vec<SampleReport>,
}

/// A mapping that differs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SampleReport {
    /// When it was made, or tried.
    pub at_ns: u64,
    /// Whose it is.
    pub device: String,
    /// Who asked, in an interrupt anybody.
    pub task: String,
    /// `page`, `sg`, `alloc` or `resource`.
    pub origin: &'static str,
    /// Bytes.
    pub size: u64,
    /// Entries that were asked for.
    pub entries: u32,
    /// Where its first byte is.
    pub phys: Option<String>,
    /// Where the device finds it.
    pub dma: Option<String>,
    /// What the verdict says.
    pub reason: String,
}

/// Something that no single mapping shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FindingReport {
    /// Its name for programs.
    pub kind: &'static str,
    /// `failure`, `unexplained` or `note`.
    pub weight: &'static str,
    /// About which device.
    pub device: Option<String>,
    /// About which disk, `MAJOR,MINOR`.
    pub disk: Option<String>,
    /// What was found.
    pub sentence: String,
    /// What to do about it.
    pub advice: Option<&'static str>,
}

/// A live mapping.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LiveReport {
    /// Whose it is.
    pub device: String,
    /// When it was made.
    pub begun_ns: u64,
    /// How long it has been live at the latest event.
    pub age_ns: u64,
    /// `page`, `sg` or `resource`.
    pub origin: &'static str,
    /// Bytes.
    pub size: u64,
    /// Where the device finds it.
    pub dma: Option<String>,
    /// Who made it.
    pub task: String,
}

impl Report {
    pub(super) fn of(correlation: &Correlation) -> Self {
        let span = correlation.span();
        Self {
            sources: correlation.sources.clone(),
            first_ns: span.map_or(0, |span| span.first.raw()),
            last_ns: span.map_or(0, |span| span.last.raw()),
            events: events(correlation),
            totals: TotalsReport::of(correlation),
            devices: devices(correlation),
            verdicts: verdicts(correlation),
            findings: correlation.findings().iter().map(FindingReport::of).collect(),
            pool: PoolReport::of(correlation),
            live: live(correlation),
        }
    }

    /// Whether anything failed, or differs without an explanation.
    pub fn has_differences(&self) -> bool {
        self.totals.failures > 0
            || self.totals.unexplained > 0
            || self.findings.iter().any(|finding| finding.weight != "note")
    }
}

fn events(correlation: &Correlation) -> BTreeMap<&'static str, u64> {
    let counts = Tracepoint::ALL.iter().map(|&point| (point.name(), correlation.count(point)));
    counts.filter(|&(_, count)| count > 0).collect()
}

impl TotalsReport {
    fn of(correlation: &Correlation) -> Self {
        let lives = correlation.tracker().stats().lives;
        let mut totals = Self {
            begun: lives.begun,
            unmapped: lives.unmapped,
            failed: lives.failed,
            live: lives.live,
            superseded: lives.superseded,
            given_up: lives.given_up,
            ..Self::default()
        };
        for ledger in correlation.devices() {
            totals.inferred += ledger.inferred;
            for (kind, count) in &ledger.verdicts {
                *match kind.weight() {
                    None => &mut totals.agree,
                    Some(Weight::Failure) => &mut totals.failures,
                    Some(Weight::Unexplained) => &mut totals.unexplained,
                    Some(Weight::Unknown) => &mut totals.unknown,
                } += count;
            }
        }
        totals
    }
}

fn verdicts(correlation: &Correlation) -> Vec<VerdictReport> {
    let count = |kind| correlation.devices().map(|ledger| ledger.count(kind)).sum::<u64>();
    let counted = VerdictKind::ALL.iter().map(|&kind| (kind, count(kind))).filter(|&(_, count)| count > 0);
    counted.map(|(kind, count)| verdict_report(correlation, kind, count)).collect()
}

fn verdict_report(correlation: &Correlation, kind: VerdictKind, count: u64) -> VerdictReport {
    let samples = correlation.samples().filter(|sample| sample.verdict.kind() == kind);
    VerdictReport {
        kind: kind.name(),
        title: kind.title(),
        weight: kind.weight().map_or("agree", Weight::name),
        count,
        advice: kind.advice(),
        samples: samples.map(SampleReport::of).collect(),
    }
}

impl SampleReport {
    fn of(sample: &Sample) -> Self {
        Self {
            at_ns: sample.at.raw(),
            device: sample.device.to_string(),
            task: format!("{:?}", sample.task),
            origin: origin(sample.origin),
            size: sample.size.raw(),
            entries: sample.entries,
            phys: sample.phys.map(|phys| phys.to_string()),
            dma: sample.dma.map(|dma| dma.to_string()),
            reason: sample.verdict.sentence(),
        }
    }
}

impl FindingReport {
    fn of(finding: &Finding) -> Self {
        Self {
            kind: finding.kind.name(),
            weight: finding.kind.weight().name(),
            device: finding.device.as_ref().map(ToString::to_string),
            disk: finding.disk.map(|disk| disk.to_string()),
            sentence: finding.sentence(),
            advice: finding.advice(),
        }
    }
}

/// Allocations are left out: drivers keep them as long as they run.
fn live(correlation: &Correlation) -> Vec<LiveReport> {
    let now = correlation.span().map_or(Nanos::default(), |span| span.last);
    let memory = correlation.tracker().live().filter(|mapping| mapping.origin != Origin::Alloc);
    memory.take(LIVE_LISTED).map(|mapping| LiveReport::of(mapping, now)).collect()
}

impl LiveReport {
    fn of(mapping: &Mapping, now: Nanos) -> Self {
        Self {
            device: mapping.device.to_string(),
            begun_ns: mapping.begun.raw(),
            age_ns: now.raw().saturating_sub(mapping.begun.raw()),
            origin: origin(mapping.origin),
            size: mapping.size.raw(),
            dma: mapping.given.first().map(|range| range.start.to_string()),
            task: format!("{:?}", mapping.task),
        }
    }
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Page => "page",
        Origin::Resource => "resource",
        Origin::Sg => "sg",
        Origin::Alloc => "alloc",
    }
}
