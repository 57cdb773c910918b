//! What a mapping should have come to, by the device's limits and Linux's own rules.
//!
//! An IOMMU that translates decides alone: neither `swiotlb=force` nor a small mask matters behind it. Without one,
//! `swiotlb=force` bounces everything; else what lies above the device's mask is bounced, which `reach` asks the engine
//! about; and where there is no pool to bounce through, mapping it fails. Memory from `dma_alloc` is made within reach and
//! never bounces. Source: `kernel/dma/{direct,swiotlb,mapping}.c` and `drivers/iommu/dma-iommu.c` of Linux 6.12.
//!
//! Facts that nobody told are inferred from the mappings, and a prediction says which it rests on.

mod reach;

pub use reach::{Fit, Reach, Reached};

use crate::event::{BounceCause, Device};
use crate::limits::host::{SLOT_BYTES, SLOTS_PER_MAPPING, slots_needed};
use crate::limits::{AddressBits, BouncePolicy, BouncePool, DeviceLimits, Facts, IommuPolicy};
use crate::mapping::{Completeness, Mapping, Origin, Translation};
use busdma_engine::{BusAddr, BusSize, PhysAddr, PhysRange};
use rustc_hash::FxHashMap;

/// Predicts mappings.
#[derive(Clone, Debug)]
pub struct Shadow {
    facts: Facts,
    devices: FxHashMap<Device, Learnt>,
}

/// What a mapping should have come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prediction {
    /// How the device should get at the bytes.
    pub route: Route,
    /// What that rests on.
    pub basis: Basis,
    /// Entries that the device should be given; `None` where there is nothing to count.
    pub given: Option<EntryRange>,
    /// Whether the mapping keeps to what the driver said its device takes.
    pub fit: Fit,
    /// The highest address that the device reaches, inclusive.
    pub mask: Option<BusAddr>,
}

/// How a device gets at the bytes of a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// There are no bytes of memory: the mapping is of registers.
    Registers,
    /// The memory was made for both sides.
    Coherent,
    /// At their physical addresses.
    Direct,
    /// Through the bounce pool.
    Bounced {
        /// Why.
        cause: BounceCause,
        /// Entries of the mapping that are bounced, of those that were told.
        entries: u32,
    },
    /// At addresses that an IOMMU translates.
    Translated,
    /// Not at all.
    Fails(ExpectedFailure),
    /// That cannot be said.
    Unknown(Missing),
}

/// Why mapping should fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExpectedFailure {
    /// The device does not reach the bytes, and there is no bounce pool.
    Unreachable {
        /// The first byte out of reach.
        first: PhysAddr,
    },
    /// It would have to be bounced, and is larger than what can be bounced in one piece.
    TooLarge {
        /// Bytes of the piece.
        size: BusSize,
        /// Bytes that can be bounced in one piece.
        most: BusSize,
    },
}

/// What is missing for a prediction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// The device's mask: it was given an address that not every device reaches.
    Mask {
        /// The highest byte of the mapping.
        highest: PhysAddr,
    },
    /// Where the bytes are.
    Addresses,
}

/// What a prediction rests on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Basis {
    /// Facts that were told.
    Known,
    /// Facts of which one or more were inferred from the mappings themselves.
    Inferred,
}

/// From `least` to `most` entries, both inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryRange {
    /// The fewest.
    pub least: u32,
    /// The most.
    pub most: u32,
}

/// What the mappings of a device said about it.
#[derive(Debug, Default)]
struct Learnt {
    forced: bool,
    mask: Option<BusAddr>,
    reach: Option<Reach>,
}

impl Clone for Learnt {
    /// Without the engine, which is made when it is asked and answers the same each time.
    fn clone(&self) -> Self {
        Self { forced: self.forced, mask: self.mask, reach: None }
    }
}

/// A fact, and where it came from.
#[derive(Clone, Copy, Debug)]
struct Sourced<T> {
    value: T,
    basis: Basis,
}

/// Devices beyond this many at a time have their engines made anew.
const ENGINES_MAX: usize = 256;

/// What every device is taken to reach of which nothing is known: Linux gives devices 32 bits until their driver asks for
/// something else.
const REACHED_BY_ALL: PhysAddr = PhysAddr::new(0xffff_ffff);

impl Shadow {
    /// A shadow of a host of which these facts are known.
    pub fn new(facts: Facts) -> Self {
        Self { facts, devices: FxHashMap::default() }
    }

    /// What is known of the host.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Takes in a device that was not known before, or has changed.
    pub fn learn_device(&mut self, device: Device, limits: DeviceLimits) {
        self.devices.remove(&device);
        self.facts.insert(device, limits);
    }

    /// What a mapping should have come to. Mappings of a device are best shown in the order in which they were made: what
    /// the first say of it is used for those that follow.
    pub fn predict(&mut self, mapping: &Mapping) -> Prediction {
        self.learn(mapping);
        let unknown = DeviceLimits::default();
        let limits = self.facts.device(&mapping.device).unwrap_or(&unknown);
        let learnt = self.devices.entry(mapping.device.clone()).or_default();
        let mask = mask(mapping, limits, learnt);
        let case = Case { facts: &self.facts, limits, mapping, mask };
        match mapping.origin {
            Origin::Resource => case.prediction(Route::Registers, Basis::Known, Fit::Unknown),
            Origin::Alloc => case.prediction(Route::Coherent, Basis::Known, Fit::Unknown),
            Origin::Page | Origin::Sg => case.predict_memory(learnt),
        }
    }

    fn learn(&mut self, mapping: &Mapping) {
        if self.devices.len() > ENGINES_MAX {
            self.devices.values_mut().for_each(|learnt| learnt.reach = None);
        }
        let learnt = self.devices.entry(mapping.device.clone()).or_default();
        learnt.forced |= mapping.bounces.cause == Some(BounceCause::Forced);
        learnt.mask = mapping.bounces.mask.or(learnt.mask);
    }
}

/// The mask that held for this mapping: its own bounce events know best, for drivers change masks while they start.
fn mask(mapping: &Mapping, limits: &DeviceLimits, learnt: &Learnt) -> Option<Sourced<BusAddr>> {
    let known = |value| Sourced { value, basis: Basis::Known };
    let own = mapping.bounces.mask.map(known);
    let told = limits.mask.map(AddressBits::highest).map(known);
    let before = learnt.mask.map(|value| Sourced { value, basis: Basis::Inferred });
    own.or(told).or(before)
}

/// One mapping and all that is known about it.
struct Case<'a> {
    facts: &'a Facts,
    limits: &'a DeviceLimits,
    mapping: &'a Mapping,
    mask: Option<Sourced<BusAddr>>,
}

impl Case<'_> {
    fn predict_memory(&self, learnt: &mut Learnt) -> Prediction {
        let translates = self.translates();
        if translates.value {
            return self.prediction(Route::Translated, translates.basis, Fit::Unknown);
        }
        let ranges: Vec<PhysRange> = self.mapping.ranges().collect();
        let reached = self.ask_engine(learnt, &ranges);
        let fit = reached.as_ref().map_or(Fit::Unknown, |reached| reached.fit);
        let forced = self.forced(learnt);
        if forced.value {
            let entries = u32::try_from(self.mapping.memory.len()).unwrap_or(u32::MAX);
            let route = Route::Bounced { cause: BounceCause::Forced, entries };
            return self.prediction(self.if_it_fits(route, &ranges), translates.basis.max(forced.basis), fit);
        }
        let by_mask = self.by_mask(reached.as_ref(), &ranges);
        let basis = translates.basis.max(forced.basis).max(by_mask.basis);
        self.prediction(by_mask.value, basis, fit)
    }

    /// Whether an IOMMU gives the device addresses of its own.
    fn translates(&self) -> Sourced<bool> {
        let told = self.limits.translates().or(match self.facts.host.iommu {
            Some(IommuPolicy::Off | IommuPolicy::Passthrough) => Some(false),
            Some(IommuPolicy::Default | IommuPolicy::Translate) | None => None,
        });
        match told {
            Some(value) => Sourced { value, basis: Basis::Known },
            None => Sourced { value: self.mapping.translation != Translation::None, basis: Basis::Inferred },
        }
    }

    /// Whether everything is bounced.
    fn forced(&self, learnt: &Learnt) -> Sourced<bool> {
        match self.facts.host.policy {
            Some(policy) => Sourced { value: policy == BouncePolicy::Always, basis: Basis::Known },
            None => Sourced { value: learnt.forced, basis: Basis::Inferred },
        }
    }

    fn by_mask(&self, reached: Option<&Reached>, ranges: &[PhysRange]) -> Sourced<Route> {
        let Some((mask, reached)) = self.mask.zip(reached) else { return self.without_mask(ranges) };
        let sourced = |value| Sourced { value, basis: mask.basis };
        let Some(first) = reached.first_out_of_reach else { return sourced(self.within_reach()) };
        let no_pool = self.facts.host.pool == BouncePool::Absent || self.facts.host.policy == Some(BouncePolicy::Never);
        if no_pool && !self.mapping.bounced() {
            return sourced(Route::Fails(ExpectedFailure::Unreachable { first }));
        }
        let route = Route::Bounced { cause: BounceCause::Mask, entries: reached.entries_out_of_reach };
        sourced(self.if_it_fits(route, ranges))
    }

    /// All that was told is within reach. Of a list that was cut, the rest may not be: its bounce events say so.
    fn within_reach(&self) -> Route {
        let cut = self.mapping.completeness == Completeness::Truncated;
        match self.mapping.bounces.cause {
            Some(cause) if cut => Route::Bounced { cause, entries: 0 },
            _ => Route::Direct,
        }
    }

    fn without_mask(&self, ranges: &[PhysRange]) -> Sourced<Route> {
        let highest =
            ranges.iter().map(|range| last_byte(*range)).chain(self.mapping.memory.iter().map(|e| e.start)).max();
        let route = match highest {
            None => Route::Unknown(Missing::Addresses),
            Some(highest) if highest > REACHED_BY_ALL => Route::Unknown(Missing::Mask { highest }),
            Some(_) => Route::Direct,
        };
        Sourced { value: route, basis: Basis::Inferred }
    }

    /// `route`, unless a piece is larger than what can be bounced.
    fn if_it_fits(&self, route: Route, ranges: &[PhysRange]) -> Route {
        let slots = self.facts.host.pool.slots().map_or(SLOTS_PER_MAPPING, |slots| slots.min(SLOTS_PER_MAPPING));
        let kept = self.limits.min_align_mask();
        let too_large = ranges.iter().find(|range| slots_needed(range.start.raw(), range.len.raw(), kept) > slots);
        match too_large {
            Some(range) => {
                let most = BusSize::new(slots.saturating_mul(SLOT_BYTES));
                Route::Fails(ExpectedFailure::TooLarge { size: range.len, most })
            }
            None => route,
        }
    }

    fn ask_engine(&self, learnt: &mut Learnt, ranges: &[PhysRange]) -> Option<Reached> {
        let mask = self.mask?.value;
        if ranges.is_empty() {
            return None;
        }
        if learnt.reach.as_ref().is_none_or(|reach| reach.mask() != mask) {
            learnt.reach = Reach::new(self.limits, mask);
        }
        let mut reached = learnt.reach.as_mut()?.ask(ranges);
        let all_told = ranges.len() as u64 == u64::from(self.mapping.entries);
        // Only scatter lists are made by the block layer, which keeps to the limits of the queue.
        if self.mapping.origin != Origin::Sg || !all_told {
            reached.fit = Fit::Unknown;
        }
        Some(reached)
    }

    fn prediction(&self, route: Route, basis: Basis, fit: Fit) -> Prediction {
        Prediction { route, basis, given: self.given(route), fit, mask: self.mask.map(|mask| mask.value) }
    }

    /// Only an IOMMU merges entries.
    fn given(&self, route: Route) -> Option<EntryRange> {
        let asked = self.mapping.entries;
        match (self.mapping.origin, route) {
            (Origin::Alloc | Origin::Resource, _) | (_, Route::Fails(_) | Route::Unknown(_)) => None,
            (Origin::Sg, Route::Translated) => Some(EntryRange { least: 1, most: asked }),
            (Origin::Page | Origin::Sg, _) => Some(EntryRange { least: asked, most: asked }),
        }
    }
}

impl EntryRange {
    /// Whether `entries` is among them.
    pub const fn contains(self, entries: u32) -> bool {
        self.least <= entries && entries <= self.most
    }
}

/// The last byte of a range, or its start when it is empty.
fn last_byte(range: PhysRange) -> PhysAddr {
    PhysAddr::new(range.start.raw().saturating_add(range.len.raw().saturating_sub(1)))
}
