//! From a correlation to what is shown of it.

use super::course::{Lately, Rates};
use crate::frame::{DeviceRow, FindingRow, HostFrame, Name, PoolRow, Probes, Severity};
use busdma_host::correlation::{Correlation, DeviceLedger, Finding, FindingWeight};
use busdma_host::event::{Device, Tracepoint};
use busdma_host::limits::{AddressBits, DeviceLimits, IommuMembership};
use busdma_host::tracker::DeviceTotals;
use busdma_host::verdict::Weight;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// The host at a moment.
pub(super) fn host(correlation: &Correlation, lately: &Lately, now: u64, dropped: u64) -> HostFrame {
    let rates = lately.rates(now);
    let ledgers: HashMap<&Device, &DeviceLedger> =
        correlation.devices().map(|ledger| (&ledger.device, ledger)).collect();
    let totals: BTreeMap<&str, &DeviceTotals> =
        correlation.tracker().devices().map(|totals| (totals.device.name(), totals)).collect();
    let devices = totals.into_values().map(|totals| {
        let limits = correlation.shadow().facts().device(&totals.device);
        let row = device(totals, limits, ledgers.get(&totals.device).copied());
        let rates = rates.get(row.device.as_str()).copied().unwrap_or_default();
        with_rates(row, rates)
    });
    HostFrame {
        probes: Probes::Captured,
        devices: devices.collect(),
        pool: Some(pool(correlation)),
        delivered: Tracepoint::ALL.iter().map(|&point| correlation.count(point)).sum(),
        dropped,
    }
}

fn pool(correlation: &Correlation) -> PoolRow {
    let pool = correlation.pool();
    PoolRow {
        total_slots: pool.size().map(|size| size.slots),
        used_slots: pool.used(),
        high_water_slots: pool.high_water(),
        full: pool.full().count,
    }
}

fn device(totals: &DeviceTotals, limits: Option<&DeviceLimits>, ledger: Option<&DeviceLedger>) -> DeviceRow {
    let domain = limits.and_then(|limits| match &limits.iommu {
        IommuMembership::Group(group) => Some(group.domain.name()),
        IommuMembership::None | IommuMembership::Unknown => None,
    });
    let mut row = DeviceRow {
        device: Name::new(totals.device.name()),
        driver: limits.and_then(|limits| limits.driver.as_deref()).map(Name::new),
        dma_mask: limits.and_then(|limits| limits.mask).map(|bits: AddressBits| bits.highest().raw()),
        iommu_domain: domain.map(Name::new),
        mappings_per_s: 0.0,
        bytes_per_s: 0.0,
        bounced_per_s: 0.0,
        failed_per_s: 0.0,
        mapped: 0,
        mapped_bytes: 0,
        live: totals.lives.live,
        live_bytes: totals.live_bytes,
        bounced: 0,
        failed: totals.lives.failed,
        agree: 0,
        differ: 0,
        unknown: 0,
    };
    if let Some(ledger) = ledger {
        (row.mapped, row.mapped_bytes) = (ledger.mapped, ledger.mapped_bytes);
        row.bounced = ledger.forced.mappings + ledger.masked.mappings;
        for (kind, count) in &ledger.verdicts {
            *match kind.weight() {
                None => &mut row.agree,
                Some(Weight::Unknown) => &mut row.unknown,
                Some(Weight::Failure | Weight::Unexplained) => &mut row.differ,
            } += count;
        }
    }
    row
}

fn with_rates(row: DeviceRow, rates: Rates) -> DeviceRow {
    DeviceRow {
        mappings_per_s: rates.mappings,
        bytes_per_s: rates.bytes,
        bounced_per_s: rates.bounced,
        failed_per_s: rates.failed,
        ..row
    }
}

/// What is wrong at a moment, worst first: what was found, and each kind of mapping that differs.
pub(super) fn findings(correlation: &Correlation, start: u64, now: u64) -> Vec<FindingRow> {
    let mut rows: Vec<FindingRow> = correlation.findings().iter().map(|finding| found(finding, start, now)).collect();
    let mut differing: BTreeMap<(&str, &str), FindingRow> = BTreeMap::new();
    for sample in correlation.samples() {
        let (device, kind) = (sample.device.name(), sample.verdict.kind());
        let severity = match kind.weight() {
            Some(Weight::Failure) => Severity::Error,
            Some(Weight::Unexplained) => Severity::Warning,
            Some(Weight::Unknown) | None => continue,
        };
        let ledger = correlation.devices().find(|ledger| ledger.device == sample.device);
        let last = ledger.and_then(|ledger| ledger.last(kind)).unwrap_or(sample.at);
        let row = differing.entry((device, kind.name())).or_insert_with(|| FindingRow {
            severity,
            kind: Name::new(kind.name()),
            machine: None,
            object: Some(Name::new(device)),
            session: None,
            message: sample.verdict.sentence(),
            advice: sample.verdict.advice().unwrap_or_default().to_owned(),
            first_ns: sample.at.raw(),
            last_ns: last.raw(),
            count: ledger.map_or(1, |ledger| ledger.count(kind)),
        });
        row.first_ns = row.first_ns.min(sample.at.raw());
    }
    rows.extend(differing.into_values());
    rows.sort_by_key(|row| Reverse((row.severity, row.last_ns)));
    rows
}

/// A finding over the whole time, of which it is not said when or how often.
fn found(finding: &Finding, start: u64, now: u64) -> FindingRow {
    let disk = finding.disk.map(|disk| Name::from(disk.to_string()));
    FindingRow {
        severity: match finding.kind.weight() {
            FindingWeight::Failure => Severity::Error,
            FindingWeight::Unexplained => Severity::Warning,
            FindingWeight::Note => Severity::Note,
        },
        kind: Name::new(finding.kind.name()),
        machine: None,
        object: finding.device.as_ref().map(|device| Name::new(device.name())).or(disk),
        session: None,
        message: finding.sentence(),
        advice: finding.advice().unwrap_or_default().to_owned(),
        first_ns: start,
        last_ns: now,
        count: 1,
    }
}
