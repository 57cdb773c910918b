//! The DMA of the host.

use crate::frame::{DeviceRow, FindingRow, HostFrame, Name, PoolRow, Probes, Severity};
use busdma_api::host as api;
use std::collections::BTreeMap;

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
        severity: finding.weight.map_or(Severity::Warning, Severity::from),
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

/// What differs, a row for each kind of each device, as a capture shows it. What cannot be judged is no finding.
pub(crate) fn host_differences(
    differences: Vec<api::Difference>,
    devices: &[api::DeviceVerdicts],
) -> impl Iterator<Item = FindingRow> {
    let mut rows = BTreeMap::new();
    for difference in differences.into_iter().filter(|difference| difference.weight != Some(api::Weight::Unknown)) {
        let api::Difference { device, verdict, t_ns, .. } = difference;
        let counted = counted(devices, &device, &verdict);
        let key = (device, verdict);
        let row = rows.entry(key.clone()).or_insert_with(|| FindingRow {
            severity: difference.weight.map_or(Severity::Warning, Severity::from),
            kind: Name::from(key.1),
            machine: None,
            object: Some(Name::from(key.0)),
            session: None,
            message: difference.sentence,
            advice: difference.advice,
            first_ns: t_ns,
            last_ns: counted.and_then(|counted| counted.last_ns).unwrap_or(t_ns),
            count: counted.map_or(1, |counted| counted.count),
        });
        row.first_ns = row.first_ns.min(t_ns);
        row.last_ns = row.last_ns.max(t_ns);
    }
    rows.into_values()
}

fn counted<'d>(devices: &'d [api::DeviceVerdicts], device: &str, verdict: &str) -> Option<&'d api::VerdictCount> {
    let device = devices.iter().find(|verdicts| verdicts.device == device)?;
    device.verdicts.iter().find(|count| count.verdict == verdict)
}

impl From<api::Weight> for Severity {
    fn from(weight: api::Weight) -> Self {
        match weight {
            api::Weight::Failure => Self::Error,
            api::Weight::Unexplained | api::Weight::Unknown => Self::Warning,
            api::Weight::Note => Self::Note,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(t_ns: u64, verdict: &str, weight: Option<api::Weight>) -> api::Difference {
        api::Difference {
            device: "0000:00:04.0".to_owned(),
            t_ns,
            pid: 1,
            task: "dd".to_owned(),
            size: 4096,
            entries: 1,
            verdict: verdict.to_owned(),
            weight,
            sentence: format!("{verdict} at {t_ns}"),
            advice: String::new(),
        }
    }

    #[test]
    fn a_finding_is_as_bad_as_the_daemon_says() {
        let check = |weight, severity| {
            let (kind, sentence) = ("retried".to_owned(), String::new());
            let finding = api::Finding { kind, weight, device: None, sentence, advice: None };
            assert_eq!(host_finding(finding, 7).severity, severity, "{weight:?}");
        };
        check(Some(api::Weight::Failure), Severity::Error);
        check(Some(api::Weight::Unexplained), Severity::Warning);
        check(Some(api::Weight::Note), Severity::Note);
        check(None, Severity::Warning);
    }

    #[test]
    fn differences_are_findings_by_kind_with_their_count_and_latest_time() {
        let count = |verdict: &str, count, last_ns| api::VerdictCount { verdict: verdict.to_owned(), count, last_ns };
        let verdicts = vec![count("failed_pool_full", 500, Some(90)), count("segments", 2, None)];
        let devices = [api::DeviceVerdicts { device: "0000:00:04.0".to_owned(), verdicts }];
        let differences = vec![
            difference(10, "failed_pool_full", Some(api::Weight::Failure)),
            difference(20, "failed_pool_full", Some(api::Weight::Failure)),
            difference(30, "limits_unknown", Some(api::Weight::Unknown)),
            difference(40, "segments", None),
        ];
        let rows: Vec<_> = host_differences(differences, &devices).collect();
        let told: Vec<_> = rows
            .iter()
            .map(|row| (&*row.kind, row.severity, row.first_ns, row.last_ns, row.count, &*row.message))
            .collect();
        assert_eq!(
            told,
            [
                ("failed_pool_full", Severity::Error, 10, 90, 500, "failed_pool_full at 10"),
                ("segments", Severity::Warning, 40, 40, 2, "segments at 40"),
            ]
        );
    }
}
