//! The DMA of the host.

use crate::frame::{DeviceRow, FindingRow, HostFrame, Name, PoolRow, Probes, Severity};
use busdma_api::host as api;

/// What a reply of Watch shows. `probes` was asked for apart from it.
pub(crate) fn host_frame(reply: api::WatchReply, probes: Probes) -> HostFrame {
    HostFrame {
        probes,
        devices: reply.devices.into_iter().map(DeviceRow::from).collect(),
        pool: Some(PoolRow::from(&reply.pool)),
        delivered: reply.delivered,
        dropped: reply.dropped,
    }
}

/// A host of which nothing is known.
pub(crate) fn unavailable(probes: Probes) -> HostFrame {
    HostFrame { probes, devices: Vec::new(), pool: None, delivered: 0, dropped: 0 }
}

/// A finding of Correlation, which says neither when nor how often.
pub(crate) fn host_finding(finding: api::Finding, t_ns: u64) -> FindingRow {
    FindingRow {
        severity: Severity::Warning,
        kind: Name::from(finding.kind),
        machine: None,
        object: finding.device.map(Name::from),
        session: None,
        message: finding.sentence,
        advice: finding.advice.unwrap_or_default(),
        first_ns: t_ns,
        last_ns: t_ns,
        count: 1,
    }
}

impl From<api::DeviceInfo> for DeviceRow {
    fn from(device: api::DeviceInfo) -> Self {
        let api::Totals { mapped, mapped_bytes, failed, live, live_bytes, .. } = device.totals;
        let api::Totals { bounced_forced, bounced_mask, agree, differ, unknown, .. } = device.totals;
        Self {
            device: Name::from(device.device),
            driver: device.driver.map(Name::from),
            dma_mask: device.dma_mask.map(|mask| mask.0),
            iommu_domain: device.iommu_domain.map(Name::from),
            mappings_per_s: device.rates.mappings,
            bytes_per_s: device.rates.bytes,
            bounced_per_s: device.rates.bounced,
            failed_per_s: device.rates.failed,
            mapped,
            mapped_bytes,
            live,
            live_bytes,
            bounced: bounced_forced.saturating_add(bounced_mask),
            failed,
            agree,
            differ,
            unknown,
        }
    }
}

impl From<&api::PoolEstimate> for PoolRow {
    fn from(pool: &api::PoolEstimate) -> Self {
        Self {
            total_slots: pool.total_slots,
            used_slots: pool.used_slots,
            high_water_slots: pool.high_water_slots,
            full: pool.full,
        }
    }
}

impl From<api::ProbesReply> for Probes {
    fn from(reply: api::ProbesReply) -> Self {
        match reply.state {
            api::ProbesState::Detached => Self::Detached,
            api::ProbesState::Attached => Self::Attached,
            api::ProbesState::Unavailable => Self::Unavailable { reason: reply.reason.unwrap_or_default() },
        }
    }
}
