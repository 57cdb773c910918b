//! What was seen, as the interface tells it.

use super::activity::Activity;
use super::{facts, words};
use busdma_api::Hex;
use busdma_api::host::{
    BlockTotals, Correlation, CorrelationReply, DeviceInfo, DeviceVerdicts, Difference, EventCount, Finding,
    FullMoment, HostError, MappingInfo, MappingState, Mappings, MappingsReply, PoolEstimate, QueueLimits, Totals,
    VerdictCount,
};
use busdma_engine::Nanos;
use busdma_host::correlation::DeviceLedger;
use busdma_host::event::{Device, Tracepoint};
use busdma_host::limits::{AddressBits, DeviceLimits, DomainType, IommuMembership};
use busdma_host::mapping::{Mapping, Origin, State};
use busdma_host::tracker::DeviceTotals;
use busdma_host::verdict::{Verdict, VerdictKind, Weight};
use busdma_probes::Program;
use busdma_probes::totals::Subject;
use std::collections::BTreeSet;

/// Mappings listed when nobody says how many.
const MAPPINGS_DEFAULT: u32 = 100;

/// Mappings listed at most.
const MAPPINGS_MAX: u32 = 10_000;

/// Pieces of a mapping that are listed.
const PIECES: usize = 16;

/// Times at which the pool was full that are listed.
const MOMENTS: usize = 32;

/// Which devices are told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    /// Those that sysfs knows, too.
    Known,
    /// Those that mapped something.
    Active,
}

impl Activity {
    /// Devices by name.
    pub(crate) fn devices(&self, scope: Scope, now: Nanos) -> Vec<DeviceInfo> {
        let known = self.correlation().shadow().facts();
        let mut names: BTreeSet<&Device> =
            self.correlation().tracker().devices().map(|totals| &totals.device).collect();
        let counted = self.kernel_totals().iter().filter_map(|total| match &total.subject {
            Subject::Device(device) => Some(device),
            _ => None,
        });
        names.extend(counted);
        if scope == Scope::Known {
            names.extend(known.devices().map(|(device, _)| device));
        }
        names.into_iter().map(|device| self.device(device, now)).collect()
    }

    fn device(&self, device: &Device, now: Nanos) -> DeviceInfo {
        let correlation = self.correlation();
        let unknown = DeviceLimits::default();
        let limits = correlation.shadow().facts().device(device).unwrap_or(&unknown);
        let kernel = self.counted_by_kernel(device);
        let totals = correlation.tracker().devices().find(|totals| totals.device == *device);
        let ledger = correlation.devices().find(|ledger| ledger.device == *device);
        let (group, domain) = match limits.iommu {
            IommuMembership::Group(group) => (Some(group.number.to_string()), Some(group.domain)),
            IommuMembership::None | IommuMembership::Unknown => (None, None),
        };
        let mask = |bits: Option<AddressBits>| bits.map(|bits| Hex(bits.highest().raw()));
        DeviceInfo {
            device: device.name().to_owned(),
            driver: limits.driver.as_deref().map(str::to_owned),
            dma_mask: mask(limits.mask),
            coherent_mask: mask(limits.coherent_mask),
            iommu_group: group,
            iommu_domain: domain.map(|domain: DomainType| domain.name().to_owned()),
            queues: limits.disks.iter().map(queue_limits).collect(),
            totals: kernel.unwrap_or_else(|| totals_of(totals, ledger)),
            rates: self.rates(device, now),
        }
    }

    /// What the kernel has counted of a device by itself, where it was asked to.
    fn counted_by_kernel(&self, device: &Device) -> Option<Totals> {
        let mut sum = None::<Totals>;
        for total in self.kernel_totals() {
            if !matches!(&total.subject, Subject::Device(of) if of == device) {
                continue;
            }
            let sum = sum.get_or_insert_default();
            match total.program {
                Program::DmaMapPage | Program::DmaMapPhys | Program::DmaMapSg => {
                    sum.mapped += total.count;
                    sum.mapped_bytes += total.bytes;
                }
                Program::DmaUnmapPage | Program::DmaUnmapPhys | Program::DmaUnmapSg => sum.unmapped += total.count,
                Program::DmaMapSgErr => sum.failed += total.count,
                Program::SwiotlbBounced => sum.bounced_bytes += total.bytes,
                _ => {}
            }
        }
        sum
    }

    /// Live mappings, oldest first.
    pub(crate) fn mappings(&mut self, call: &Mappings, now: Nanos) -> MappingsReply {
        let age = call.older_than_ms.unwrap_or(0).saturating_mul(1_000_000);
        let limit = call.limit.unwrap_or(MAPPINGS_DEFAULT).min(MAPPINGS_MAX) as usize;
        let wanted = |mapping: &&Mapping| {
            call.device.as_ref().is_none_or(|device| mapping.device.name() == device)
                && call.bounced.is_none_or(|bounced| mapping.bounced() == bounced)
        };
        let found = self.correlation().tracker().older_than(now, age).filter(wanted);
        let (mut total, mut listed) = (0, Vec::new());
        for mapping in found {
            total += 1;
            if listed.len() < limit {
                listed.push(mapping.clone());
            }
        }
        let mappings = listed.iter().map(|mapping| mapping_info(mapping, &self.verdict(mapping), now)).collect();
        MappingsReply { mappings, total }
    }

    /// Everything compared.
    pub(crate) fn correlation_reply(&self, call: &Correlation, now: Nanos) -> Result<CorrelationReply, HostError> {
        let correlation = self.correlation();
        let wanted = |device: &Device| call.device.as_ref().is_none_or(|name| device.name() == name);
        if let Some(name) = &call.device {
            self.check_known(name)?;
        }
        let counted =
            Tracepoint::ALL.iter().map(|&point| (point, correlation.count(point))).filter(|(_, count)| *count > 0);
        let differences = correlation.samples().filter(|sample| wanted(&sample.device)).map(|sample| Difference {
            device: sample.device.name().to_owned(),
            t_ns: sample.at.raw(),
            pid: sample.task.pid,
            task: sample.task.name.to_string(),
            size: sample.size.raw(),
            entries: sample.entries,
            verdict: sample.verdict.kind().name().to_owned(),
            weight: sample.verdict.kind().weight().map(words::weight),
            sentence: sample.verdict.sentence(),
            advice: sample.verdict.advice().unwrap_or_default().to_owned(),
        });
        let unknown = &correlation.tracker().stats().unknown;
        Ok(CorrelationReply {
            t_ns: now.raw(),
            events: counted.map(|(point, count)| EventCount { event: point.name().to_owned(), count }).collect(),
            devices: correlation.devices().filter(|ledger| wanted(&ledger.device)).map(verdicts).collect(),
            differences: differences.collect(),
            findings: self.findings(wanted),
            disks: self.disks(),
            pool: self.pool(),
            unmatched: unknown.unmap_page + unknown.unmap_sg + unknown.free + unknown.sync,
        })
    }

    fn findings(&self, wanted: impl Fn(&Device) -> bool) -> Vec<Finding> {
        let found = self.correlation().findings().into_iter();
        let found = found.filter(|finding| finding.device.as_ref().is_none_or(&wanted)).map(|finding| Finding {
            kind: finding.kind.name().to_owned(),
            weight: Some(words::weight_of_finding(finding.kind.weight())),
            device: finding.device.as_ref().map(|device| device.name().to_owned()),
            sentence: finding.sentence(),
            advice: finding.advice().map(str::to_owned),
        });
        found.collect()
    }

    fn disks(&self) -> Vec<BlockTotals> {
        let disks = self.correlation().disks().map(|totals| BlockTotals {
            disk: totals.disk.to_string(),
            issued: totals.issues,
            reissued: totals.reissues,
            completed: totals.completed,
            errors: totals.errors,
        });
        disks.collect()
    }

    /// The pool as estimated, beside what the kernel says of it.
    pub(crate) fn pool(&self) -> PoolEstimate {
        let pool = self.correlation().pool();
        let reading = facts::pool_reading();
        let slots = reading.as_ref().and_then(|reading| reading.slots).or(pool.size().map(|size| size.slots));
        let full = pool.full();
        let moments = full.latest.iter().rev().take(MOMENTS).map(|moment| FullMoment {
            t_ns: moment.at.raw(),
            device: moment.device.name().to_owned(),
            wanted: moment.wanted.raw(),
            used_slots: moment.used,
        });
        PoolEstimate {
            total_slots: slots,
            used_slots: pool.used(),
            high_water_slots: pool.high_water(),
            kernel_used_slots: reading.as_ref().and_then(|reading| reading.used),
            kernel_high_water_slots: reading.as_ref().and_then(|reading| reading.high_water),
            full: full.count,
            fragmented: full.fragmented,
            moments: moments.collect(),
        }
    }

    /// Refuses the name of a device that nobody has heard of.
    pub(crate) fn check_known(&self, name: &str) -> Result<(), HostError> {
        let device = Device::new(name);
        let seen = self.correlation().tracker().devices().any(|totals| totals.device == device);
        if seen || self.correlation().shadow().facts().device(&device).is_some() {
            Ok(())
        } else {
            Err(HostError::NoSuchObject { object: name.to_owned() })
        }
    }
}

fn queue_limits(disk: &busdma_host::limits::BlockDisk) -> QueueLimits {
    QueueLimits {
        disk: disk.name.to_string(),
        max_segments: disk.queue.max_segments,
        max_segment_size: disk.queue.max_segment_size,
        max_hw_sectors_kb: disk.queue.max_hw_sectors_kb,
        dma_alignment: disk.queue.dma_alignment,
        virt_boundary_mask: disk.queue.virt_boundary_mask,
    }
}

pub(super) fn totals_of(totals: Option<&DeviceTotals>, ledger: Option<&DeviceLedger>) -> Totals {
    let mut sum = Totals::default();
    if let Some(totals) = totals {
        sum.unmapped = totals.lives.unmapped;
        sum.failed = totals.lives.failed;
        sum.live = totals.lives.live;
        sum.live_bytes = totals.live_bytes;
    }
    let Some(ledger) = ledger else { return sum };
    sum.mapped = ledger.mapped;
    sum.mapped_bytes = ledger.mapped_bytes;
    sum.bounced_forced = ledger.forced.mappings;
    sum.bounced_mask = ledger.masked.mappings;
    sum.bounced_bytes = ledger.forced.bytes + ledger.masked.bytes;
    for (kind, count) in &ledger.verdicts {
        match kind.weight() {
            None => sum.agree += count,
            Some(Weight::Unknown) => sum.unknown += count,
            Some(Weight::Failure | Weight::Unexplained) => sum.differ += count,
        }
    }
    sum
}

fn verdicts(ledger: &DeviceLedger) -> DeviceVerdicts {
    let count = |(&kind, &count): (&VerdictKind, &u64)| VerdictCount {
        verdict: kind.name().to_owned(),
        count,
        last_ns: ledger.last(kind).map(Nanos::raw),
    };
    DeviceVerdicts { device: ledger.device.name().to_owned(), verdicts: ledger.verdicts.iter().map(count).collect() }
}

fn mapping_info(mapping: &Mapping, verdict: &Verdict, now: Nanos) -> MappingInfo {
    let longest = mapping.memory.len().max(mapping.given.len()).min(PIECES);
    let memory = mapping.memory.iter().map(Some).chain(std::iter::repeat(None));
    let given = mapping.given.iter().map(Some).chain(std::iter::repeat(None));
    let pieces = memory.zip(given).take(longest).map(|(memory, given)| {
        let size = memory.and_then(|memory| memory.size).or(given.map(|given| given.size));
        words::piece(memory.map(|memory| memory.start), given.map(|given| given.start), size)
    });
    MappingInfo {
        mapping: mapping.id.0,
        device: mapping.device.name().to_owned(),
        origin: origin(mapping.origin).to_owned(),
        direction: mapping.direction.name().to_owned(),
        state: state(mapping.state),
        begun_ns: mapping.begun.raw(),
        age_ns: now.since(mapping.begun),
        pid: mapping.task.pid,
        task: mapping.task.name.to_string(),
        size: mapping.size.raw(),
        entries: mapping.entries,
        given: mapping.given_entries,
        pieces: pieces.collect(),
        bounces: mapping.bounces.events,
        verdict: verdict.kind().name().to_owned(),
        sentence: verdict.sentence(),
    }
}

const fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Page => "page",
        Origin::Resource => "resource",
        Origin::Sg => "sg",
        Origin::Alloc => "alloc",
    }
}

const fn state(state: State) -> MappingState {
    match state {
        State::Live => MappingState::Live,
        State::Unmapped { .. } => MappingState::Unmapped,
        State::Failed { .. } => MappingState::Failed,
        State::Superseded { .. } => MappingState::Superseded,
    }
}
