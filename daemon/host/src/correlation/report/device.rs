//! Devices, to be printed.

use super::super::{Bounced, Correlation, DeviceLedger};
use crate::event::Device;
use crate::limits::{AddressBits, DeviceLimits};
use crate::tracker::DeviceTotals;
use serde::Serialize;
use std::collections::BTreeMap;

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

/// By name: the order in which devices were first seen says nothing.
pub(super) fn devices(correlation: &Correlation) -> Vec<DeviceReport> {
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
