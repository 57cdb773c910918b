//! Verdicts by device and kind, and samples of what differs.

use super::Judged;
use crate::event::{BounceCause, Bounced as BouncedEvent, Device, Task};
use crate::mapping::{Completeness, Mapping, Origin};
use crate::shadow::Basis;
use crate::verdict::{Verdict, VerdictKind};
use busdma_engine::{BusAddr, BusSize, Nanos, PhysAddr};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Samples that are kept of each kind and device.
const SAMPLES_OF_A_KIND: u8 = 3;

/// Samples that are kept in all.
const SAMPLES_MAX: usize = 256;

/// Devices with a share of their own; further ones are not counted, nor does the tracker look at so many.
const DEVICES_MAX: usize = 1 << 12;

/// All devices' shares.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    numbers: FxHashMap<Device, usize>,
    devices: Vec<DeviceLedger>,
    samples: Vec<Sample>,
}

/// One device's share.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceLedger {
    /// Which.
    pub device: Device,
    /// Verdicts.
    pub verdicts: BTreeMap<VerdictKind, u64>,
    /// Agreements that rest on inferred facts.
    pub inferred: u64,
    /// Mappings of memory that were made, allocations left out.
    pub mapped: u64,
    /// Their bytes, as far as they are told.
    pub mapped_bytes: u64,
    /// Of those, mappings whose bytes were not all told.
    pub cut: u64,
    /// Of those, bounced by force.
    pub forced: Bounced,
    /// Of those, bounced for the mask.
    pub masked: Bounced,
    /// When the latest mapping of each verdict was made, or tried.
    last: BTreeMap<VerdictKind, Nanos>,
    sampled: BTreeMap<VerdictKind, u8>,
}

/// What was bounced for one cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bounced {
    /// Times that room was asked for, successfully or not.
    pub events: u64,
    /// Mappings made.
    pub mappings: u64,
    /// Their bytes for which room was asked.
    pub bytes: u64,
}

/// A mapping that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sample {
    /// Whose it is.
    pub device: Device,
    /// When it was made, or tried.
    pub at: Nanos,
    /// Who asked.
    pub task: Task,
    /// What made it.
    pub origin: Origin,
    /// Bytes.
    pub size: BusSize,
    /// Entries that were asked for.
    pub entries: u32,
    /// Where its first byte is, where that is known.
    pub phys: Option<PhysAddr>,
    /// Where the device finds it.
    pub dma: Option<BusAddr>,
    /// The verdict.
    pub verdict: Verdict,
}

impl Ledger {
    pub(super) fn devices(&self) -> impl Iterator<Item = &DeviceLedger> {
        self.devices.iter()
    }

    pub(super) fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }

    /// swiotlb was asked for room.
    pub(super) fn asked(&mut self, bounced: &BouncedEvent) {
        if let Some(device) = self.device(&bounced.device) {
            device.bounced(bounced.cause).events += 1;
        }
    }

    /// A mapping was made, or failed.
    pub(super) fn judged(&mut self, judged: &Judged<'_>) {
        let (mapping, verdict) = (judged.mapping, judged.verdict);
        let Some(device) = self.device(&mapping.device) else { return };
        *device.verdicts.entry(verdict.kind()).or_default() += 1;
        let last = device.last.entry(verdict.kind()).or_default();
        *last = mapping.begun.max(*last);
        if let Verdict::Agree { basis: Basis::Inferred, .. } = verdict {
            device.inferred += 1;
        }
        if !mapping.failed() && matches!(mapping.origin, Origin::Page | Origin::Sg) {
            device.made(mapping);
        }
        if !verdict.agrees() {
            self.sample(mapping, verdict);
        }
    }

    /// Keeps a sample, unless there are enough, or one of the same memory: attempts are repeated.
    fn sample(&mut self, mapping: &Mapping, verdict: Verdict) {
        if self.samples.len() >= SAMPLES_MAX {
            return;
        }
        let sample = Sample::of(mapping, verdict);
        let repeated = self.samples.iter().any(|other| other.repeats(&sample));
        let Some(device) = self.device(&mapping.device).filter(|_| !repeated) else { return };
        let sampled = device.sampled.entry(verdict.kind()).or_default();
        if *sampled < SAMPLES_OF_A_KIND {
            *sampled += 1;
            self.samples.push(sample);
        }
    }

    fn device(&mut self, device: &Device) -> Option<&mut DeviceLedger> {
        let number = match self.numbers.get(device) {
            Some(&number) => number,
            None if self.devices.len() < DEVICES_MAX => {
                self.devices.push(DeviceLedger::new(device.clone()));
                self.numbers.insert(device.clone(), self.devices.len() - 1);
                self.devices.len() - 1
            }
            None => return None,
        };
        self.devices.get_mut(number)
    }
}

impl DeviceLedger {
    fn new(device: Device) -> Self {
        Self {
            device,
            verdicts: BTreeMap::new(),
            inferred: 0,
            mapped: 0,
            mapped_bytes: 0,
            cut: 0,
            forced: Bounced::default(),
            masked: Bounced::default(),
            last: BTreeMap::new(),
            sampled: BTreeMap::new(),
        }
    }

    fn made(&mut self, mapping: &Mapping) {
        self.mapped += 1;
        // The kernel cuts lists short, and not what it says of their bounces.
        let bytes = mapping.size.max(mapping.bounces.size);
        self.mapped_bytes = self.mapped_bytes.saturating_add(bytes.raw());
        let all_told = mapping.completeness == Completeness::Whole || mapping.bounces.events >= mapping.entries;
        self.cut += u64::from(!all_told);
        if let Some(cause) = mapping.bounces.cause {
            let bounced = self.bounced(cause);
            bounced.mappings += 1;
            bounced.bytes = bounced.bytes.saturating_add(mapping.bounces.size.raw());
        }
    }

    fn bounced(&mut self, cause: BounceCause) -> &mut Bounced {
        match cause {
            BounceCause::Forced => &mut self.forced,
            BounceCause::Mask => &mut self.masked,
        }
    }

    /// Verdicts of one kind.
    pub fn count(&self, kind: VerdictKind) -> u64 {
        self.verdicts.get(&kind).copied().unwrap_or(0)
    }

    /// When the latest mapping of that verdict was made, or tried.
    pub fn last(&self, kind: VerdictKind) -> Option<Nanos> {
        self.last.get(&kind).copied()
    }
}

impl Sample {
    fn of(mapping: &Mapping, verdict: Verdict) -> Self {
        Self {
            device: mapping.device.clone(),
            at: mapping.begun,
            task: mapping.task,
            origin: mapping.origin,
            size: mapping.size,
            entries: mapping.entries,
            phys: mapping.memory.first().map(|entry| entry.start),
            dma: mapping.given.first().map(|range| range.start),
            verdict,
        }
    }

    fn repeats(&self, other: &Self) -> bool {
        self.device == other.device && self.verdict.kind() == other.verdict.kind() && self.phys == other.phys
    }
}
