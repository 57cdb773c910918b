//! A correlation as plain values, to be printed as text or JSON. Addresses are hexadecimal strings, times nanoseconds.

use super::{Bounced, Correlation, DeviceLedger, Finding, Sample, SourceReport};
use crate::event::{Device, Tracepoint};
use crate::limits::{AddressBits, BouncePool, DeviceLimits};
use crate::mapping::{Mapping, Origin};
use crate::pool::{Bucket, Full, FullMoments};
use crate::tracker::DeviceTotals;
use crate::verdict::{VerdictKind, Weight};
use busdma_engine::Nanos;
use serde::Serialize;
use std::collections::BTreeMap;

/// Live mappings that are listed, oldest first.
const LIVE_LISTED: usize = 8;

/// Stretches in which the pool was full that are listed.
const EPISODES_LISTED: usize = 16;

/// Moments so far apart belong to different stretches, nanoseconds.
const EPISODE_GAP: u64 = 100_000_000;

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

/// One device's share.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DeviceReport {
    /// Its name.
    pub device: String,
    /// Its driver, where that is known.
    pub driver: Option<String>,
    /// Its address bits, where they are known.
    pub dma_mask_bits: Option<u8>,
    /// Its IOMMU group: `none`, `NUMBER:TYPE`, or nothing where that is not known.
    pub iommu_group: Option<String>,
    /// Mappings made, allocations left out.
    pub mapped: u64,
    /// Allocations made.
    pub allocated: u64,
    /// Mappings and allocations that are over.
    pub unmapped: u64,
    /// Mappings and allocations that were never made.
    pub failed: u64,
    /// Mappings and allocations in use.
    pub live: u64,
    /// Mappings and allocations that are over; the event that ended them was lost.
    pub superseded: u64,
    /// Bytes of the mappings made, as far as they are told.
    pub mapped_bytes: u64,
    /// Mappings made whose bytes were not all told.
    pub cut: u64,
    /// Bounced by force.
    pub forced: BouncedReport,
    /// Bounced for the mask.
    pub masked: BouncedReport,
    /// Mappings and allocations that an IOMMU translates.
    pub translated: u64,
    /// Mappings made of fewer entries than were asked for.
    pub merged: u64,
    /// Part of the mappings made that bounced, 0 to 1.
    pub bounce_share: f64,
    /// Part of their bytes, 0 to 1.
    pub bounce_share_bytes: f64,
    /// Verdicts by kind.
    pub verdicts: BTreeMap<&'static str, u64>,
    /// Ends and syncs of mappings that nobody knows.
    pub unknown_ends: u64,
}

/// What was bounced for one cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct BouncedReport {
    /// Times that room was asked for, successfully or not.
    pub events: u64,
    /// Mappings made.
    pub mappings: u64,
    /// Their bytes for which room was asked.
    pub bytes: u64,
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

/// The bounce pool, in slots of 2 KiB.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PoolReport {
    /// Slots in all, where that is known.
    pub slots: Option<u64>,
    /// Whether there is a pool, where that is known.
    pub present: Option<bool>,
    /// Slots in use at the end.
    pub used: u64,
    /// The most that were in use at once.
    pub high_water: u64,
    /// Times that there was no room.
    pub full: u64,
    /// Of those, times that there were slots enough, but not next to each other.
    pub fragmented: u64,
    /// Stretches of time in which there was no room, the latest that are kept.
    pub episodes: Vec<EpisodeReport>,
    /// Slots in use over time; where nothing changed there is no stretch.
    pub history: Vec<HistoryReport>,
    /// What debugfs said last.
    pub debugfs: Option<PoolReadingReport>,
}

/// Slots in use in a stretch of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct HistoryReport {
    /// Its beginning.
    pub start_ns: u64,
    /// The most in it.
    pub most: u64,
    /// Those at its end.
    pub last: u64,
}

/// A stretch of time in which the pool had no room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct EpisodeReport {
    /// The first time that there was none.
    pub first_ns: u64,
    /// The last.
    pub last_ns: u64,
    /// How often there was none.
    pub times: u64,
    /// Of those, how often there were slots enough, but not next to each other.
    pub fragmented: u64,
    /// The fewest slots in use then.
    pub used_least: u64,
    /// The most.
    pub used_most: u64,
    /// The most slots that were asked for in one piece.
    pub wanted_most: u64,
    /// Who asked.
    pub devices: Vec<String>,
}

/// What `/sys/kernel/debug/swiotlb` said.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PoolReadingReport {
    /// When, in the words of who read it.
    pub label: String,
    /// Slots in use.
    pub used: Option<u64>,
    /// The most that ever were in use.
    pub high_water: Option<u64>,
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

/// By name: the order in which devices were first seen says nothing.
fn devices(correlation: &Correlation) -> Vec<DeviceReport> {
    let ledgers: BTreeMap<&Device, &DeviceLedger> =
        correlation.devices().map(|ledger| (&ledger.device, ledger)).collect();
    let totals: BTreeMap<&Device, &DeviceTotals> =
        correlation.tracker().devices().map(|totals| (&totals.device, totals)).collect();
    let facts = correlation.shadow().facts();
    totals
        .into_iter()
        .map(|(device, totals)| device_report(totals, ledgers.get(device).copied(), facts.device(device)))
        .collect()
}

fn device_report(totals: &DeviceTotals, ledger: Option<&DeviceLedger>, limits: Option<&DeviceLimits>) -> DeviceReport {
    let (forced, masked) = ledger.map_or_else(Default::default, |ledger| (ledger.forced, ledger.masked));
    let (mapped, mapped_bytes) = ledger.map_or((0, 0), |ledger| (ledger.mapped, ledger.mapped_bytes));
    let unknown = totals.unknown;
    DeviceReport {
        device: totals.device.to_string(),
        driver: limits.and_then(|limits| limits.driver.as_deref().map(str::to_owned)),
        dma_mask_bits: limits.and_then(|limits| limits.mask).map(AddressBits::bits),
        iommu_group: limits.and_then(|limits| limits.iommu.to_text()),
        mapped,
        allocated: totals.origins.alloc,
        unmapped: totals.lives.unmapped,
        failed: totals.lives.failed,
        live: totals.lives.live,
        superseded: totals.lives.superseded,
        mapped_bytes,
        cut: ledger.map_or(0, |ledger| ledger.cut),
        forced: BouncedReport::of(forced),
        masked: BouncedReport::of(masked),
        translated: totals.translated,
        merged: totals.merged,
        bounce_share: share(forced.mappings + masked.mappings, mapped),
        bounce_share_bytes: share(forced.bytes + masked.bytes, mapped_bytes),
        verdicts: ledger.map_or_else(BTreeMap::new, |ledger| {
            ledger.verdicts.iter().map(|(kind, &count)| (kind.name(), count)).collect()
        }),
        unknown_ends: unknown.unmap_page + unknown.unmap_sg + unknown.free + unknown.sync,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share is shown with three digits")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl BouncedReport {
    fn of(bounced: Bounced) -> Self {
        Self { events: bounced.events, mappings: bounced.mappings, bytes: bounced.bytes }
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

impl PoolReport {
    fn of(correlation: &Correlation) -> Self {
        let pool = correlation.pool();
        let host = &correlation.shadow().facts().host;
        let bounced = correlation.count(Tracepoint::SwiotlbBounced) > 0;
        let debugfs = correlation.reading.as_ref().map(|reading| PoolReadingReport {
            label: reading.label.to_string(),
            used: reading.used,
            high_water: reading.high_water,
        });
        Self {
            slots: pool.size().map(|size| size.slots),
            present: if bounced && host.pool == BouncePool::Unknown { Some(true) } else { host.pool.exists() },
            used: pool.used(),
            high_water: pool.high_water(),
            full: pool.full().count,
            fragmented: pool.full().fragmented,
            episodes: episodes(pool.full()),
            history: pool.history().buckets().iter().map(HistoryReport::of).collect(),
            debugfs,
        }
    }
}

impl HistoryReport {
    fn of(bucket: &Bucket) -> Self {
        Self { start_ns: bucket.start.raw(), most: bucket.max, last: bucket.last }
    }
}

fn episodes(moments: &FullMoments) -> Vec<EpisodeReport> {
    let mut episodes: Vec<EpisodeReport> = Vec::new();
    for full in &moments.latest {
        match episodes.last_mut().filter(|last| full.at.raw().saturating_sub(last.last_ns) < EPISODE_GAP) {
            Some(last) => last.add(full),
            None => episodes.push(EpisodeReport::begin(full)),
        }
    }
    let older = episodes.len().saturating_sub(EPISODES_LISTED);
    episodes.split_off(older)
}

impl EpisodeReport {
    fn begin(full: &Full) -> Self {
        let mut episode = Self {
            first_ns: full.at.raw(),
            last_ns: full.at.raw(),
            times: 0,
            fragmented: 0,
            used_least: full.used,
            used_most: full.used,
            wanted_most: 0,
            devices: Vec::new(),
        };
        episode.add(full);
        episode
    }

    fn add(&mut self, full: &Full) {
        self.last_ns = self.last_ns.max(full.at.raw());
        self.times += 1;
        self.fragmented += u64::from(full.fragmented() == Some(true));
        self.used_least = self.used_least.min(full.used);
        self.used_most = self.used_most.max(full.used);
        self.wanted_most = self.wanted_most.max(full.wanted_slots);
        if !self.devices.iter().any(|device| device == full.device.name()) {
            self.devices.push(full.device.to_string());
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
