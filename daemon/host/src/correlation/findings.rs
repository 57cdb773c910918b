//! What no single mapping shows: requests that were never mapped, and requests that are tried for ever.

use super::requests::{self, DiskTotals, Retried, RetryEnd};
use super::{Correlation, DeviceLedger};
use crate::event::{Device, Disk, Tracepoint};
use crate::limits::{BouncePolicy, BouncePool, DeviceLimits, Facts};
use crate::verdict::{VerdictKind, Weight};
use busdma_engine::BusAddr;
use std::collections::BTreeMap;

/// Something that no single mapping shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// About which device, where that is known.
    pub device: Option<Device>,
    /// About which disk, where it is about one.
    pub disk: Option<Disk>,
}

/// What was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FindingKind {
    /// Requests were issued, and no mapping was made for them: the device does not reach the memory, and there is nothing to
    /// bounce through. The kernel has no event for that.
    NeverMappedOverflow {
        /// Attempts without a mapping, at least.
        unmapped: u64,
        /// Attempts in all.
        issues: u64,
        /// The highest address that the device reaches, inclusive.
        mask: BusAddr,
        /// Requests that ended in an error.
        errors: u64,
    },
    /// Requests were issued and not mapped because the driver leaves the DMA API alone.
    BypassesDmaApi {
        /// Attempts.
        issues: u64,
    },
    /// Requests were issued, no mapping was seen, and nothing known explains it.
    NeverMapped {
        /// Attempts without a mapping, at least.
        unmapped: u64,
        /// Attempts in all.
        issues: u64,
    },
    /// There are block events and no DMA events: they were not recorded, or no driver uses the DMA API.
    NoDmaEvents {
        /// Attempts.
        issues: u64,
    },
    /// A request was issued again and again.
    Retried {
        /// The worst of them.
        worst: Retried,
        /// Times that any request of the disk was issued again.
        reissues: u64,
        /// Whether mappings of the device failed for want of room in the pool.
        pool_full: bool,
    },
}

/// What a finding means to a person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FindingWeight {
    /// I/O fails, or waits.
    Failure,
    /// Nothing known explains it.
    Unexplained,
    /// It is as it should be, and good to know.
    Note,
}

/// Requests may be in flight when recording starts, and so have been mapped before: this part of them is let pass.
const IN_FLIGHT_SHARE: u64 = 8;

/// A request that is issued so often is worth a finding.
const RETRIES_WORTH_TELLING: u64 = 3;

pub(super) fn find(correlation: &Correlation) -> Vec<Finding> {
    let mut found = Vec::new();
    let all_issues: u64 = correlation.disks().map(|disk| disk.issues).sum();
    if all_issues > 0 && !tells_of_dma(correlation) && !bypassed_by_all(correlation) {
        let kind = FindingKind::NoDmaEvents { issues: all_issues };
        found.push(Finding { kind, device: None, disk: None });
    } else {
        found.extend(never_mapped(correlation));
    }
    found.extend(retried(correlation));
    found.sort_by_key(|finding| finding.kind.weight());
    found
}

/// Whether any event tells of DMA.
fn tells_of_dma(correlation: &Correlation) -> bool {
    let mut points = Tracepoint::ALL.iter().filter(|point| point.group() == "dma");
    points.any(|&point| correlation.count(point) > 0)
}

/// Whether every disk belongs to a device whose driver may leave the DMA API alone.
fn bypassed_by_all(correlation: &Correlation) -> bool {
    let facts = correlation.shadow().facts();
    correlation.disks().all(|disk| {
        let limits = facts.owner(disk.disk).and_then(|owner| facts.device(owner));
        limits.is_some_and(DeviceLimits::may_bypass_the_dma_api)
    })
}

/// Every attempt to read or write takes at least one mapping of its device, made or failed: fewer are too few.
fn never_mapped(correlation: &Correlation) -> Vec<Finding> {
    let facts = correlation.shadow().facts();
    let mut owners: BTreeMap<&Device, Vec<&DiskTotals>> = BTreeMap::new();
    for disk in correlation.disks() {
        if let Some(owner) = facts.owner(disk.disk) {
            owners.entry(owner).or_default().push(disk);
        }
    }
    let found = owners.into_iter().filter_map(|(device, disks)| {
        let issues: u64 = disks.iter().map(|disk| disk.issues).sum();
        let errors = disks.iter().map(|disk| disk.errors).sum();
        let unmapped = issues.saturating_sub(attempts(correlation, device));
        if unmapped == 0 || unmapped < issues / IN_FLIGHT_SHARE {
            return None;
        }
        let limits = facts.device(device)?;
        let kind = why_never_mapped(facts, limits, Attempts { unmapped, issues, errors });
        let disk = if let [disk] = &*disks { Some(disk.disk) } else { None };
        Some(Finding { kind, device: Some(device.clone()), disk })
    });
    found.collect()
}

/// Mappings of memory for a device, made or failed, allocations left out.
fn attempts(correlation: &Correlation, device: &Device) -> u64 {
    let totals = correlation.tracker().devices().find(|totals| totals.device == *device);
    totals.map_or(0, |totals| totals.origins.page + totals.origins.sg)
}

#[derive(Clone, Copy, Debug)]
struct Attempts {
    unmapped: u64,
    issues: u64,
    errors: u64,
}

fn why_never_mapped(facts: &Facts, limits: &DeviceLimits, attempts: Attempts) -> FindingKind {
    let Attempts { unmapped, issues, errors } = attempts;
    let cannot_bounce = facts.host.pool == BouncePool::Absent || facts.host.policy == Some(BouncePolicy::Never);
    if limits.may_bypass_the_dma_api() && unmapped == issues {
        return FindingKind::BypassesDmaApi { issues };
    }
    match limits.mask.filter(|mask| mask.bits() < 64) {
        Some(mask) if cannot_bounce && limits.translates() != Some(true) => {
            FindingKind::NeverMappedOverflow { unmapped, issues, mask: mask.highest(), errors }
        }
        _ => FindingKind::NeverMapped { unmapped, issues },
    }
}

fn retried(correlation: &Correlation) -> Vec<Finding> {
    let facts = correlation.shadow().facts();
    let worth_telling =
        requests::retried(correlation.disks()).into_iter().filter(|(_, worst)| worst.issues >= RETRIES_WORTH_TELLING);
    let found = worth_telling.map(|(disk, worst)| {
        let owner = facts.owner(disk.disk);
        let mut concerned = correlation.devices().filter(|ledger| owner.is_none_or(|owner| ledger.device == *owner));
        let pool_full = concerned.any(had_no_room);
        let kind = FindingKind::Retried { worst, reissues: disk.reissues, pool_full };
        Finding { kind, device: owner.cloned(), disk: Some(disk.disk) }
    });
    found.collect()
}

fn had_no_room(ledger: &DeviceLedger) -> bool {
    ledger.count(VerdictKind::FailedPoolFull) + ledger.count(VerdictKind::TooLarge) > 0
}

impl FindingKind {
    /// Its name for programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NeverMappedOverflow { .. } => "never_mapped_overflow",
            Self::BypassesDmaApi { .. } => "bypasses_dma_api",
            Self::NeverMapped { .. } => "never_mapped",
            Self::NoDmaEvents { .. } => "no_dma_events",
            Self::Retried { .. } => "retried",
        }
    }

    /// What it means to a person.
    pub const fn weight(&self) -> FindingWeight {
        match self {
            Self::NeverMappedOverflow { .. } | Self::Retried { .. } => FindingWeight::Failure,
            Self::NeverMapped { .. } => FindingWeight::Unexplained,
            Self::BypassesDmaApi { .. } | Self::NoDmaEvents { .. } => FindingWeight::Note,
        }
    }
}

impl FindingWeight {
    /// Its name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Unexplained => "unexplained",
            Self::Note => "note",
        }
    }
}

impl Weight {
    /// Its name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Unexplained => "unexplained",
            Self::Unknown => "unknown",
        }
    }
}

impl Finding {
    /// One sentence for a person.
    pub fn sentence(&self) -> String {
        let disk = self.disk.map_or_else(|| "its disks".to_owned(), |disk| format!("disk {disk}"));
        match self.kind {
            FindingKind::NeverMappedOverflow { unmapped, issues, mask, errors } => format!(
                "{unmapped} of {issues} attempts to read or write {disk} were never mapped, and {errors} requests failed: \
                 the device reaches {mask}, and there is nothing to bounce through"
            ),
            FindingKind::BypassesDmaApi { issues } => format!(
                "{issues} requests of {disk} were not mapped: the driver leaves the DMA API alone, so neither swiotlb nor an \
                 IOMMU has to do with them"
            ),
            FindingKind::NeverMapped { unmapped, issues } => {
                format!("{unmapped} of {issues} attempts to read or write {disk} were never mapped")
            }
            FindingKind::NoDmaEvents { issues } => {
                format!("{issues} requests were issued, and there is no event of the DMA API at all")
            }
            FindingKind::Retried { worst, reissues, .. } => {
                let end = match worst.end {
                    RetryEnd::Open => "and not done in the end",
                    RetryEnd::Done => "before it was done",
                    RetryEnd::Failed => "before it failed",
                };
                format!(
                    "requests of {disk} were issued again {reissues} times: {} of {} bytes at sector {} was issued {} times {end}",
                    worst.operation, worst.size, worst.sector, worst.issues
                )
            }
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> Option<&'static str> {
        match self.kind {
            FindingKind::NeverMappedOverflow { .. } => VerdictKind::FailedOverflow.advice(),
            FindingKind::BypassesDmaApi { .. } => None,
            FindingKind::NeverMapped { .. } => {
                Some("record the dma events too, from before the driver starts, and give the device's dma_mask_bits")
            }
            FindingKind::NoDmaEvents { .. } => {
                Some("record the events dma, swiotlb and iommu too; drivers that leave the DMA API alone have none")
            }
            FindingKind::Retried { worst: Retried { end: RetryEnd::Open, .. }, pool_full: true, .. } => Some(
                "one request needs more than the pool ever has free: give it more slots (swiotlb=SLOTS), or lower \
                     max_sectors_kb",
            ),
            FindingKind::Retried { pool_full: true, .. } => VerdictKind::FailedPoolFull.advice(),
            FindingKind::Retried { .. } => VerdictKind::FailedErrno.advice(),
        }
    }
}
