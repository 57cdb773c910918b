//! Live mappings, found by what the events that concern them tell.

use crate::event::{DmaRange, UnmapPage, UnmapSg};
use crate::mapping::{Mapping, MappingId, Origin, Translation};
use crate::pool::extents::Extents;
use crate::pool::slots::span;
use busdma_engine::{BusAddr, PhysAddr};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Live mappings. The same memory may be mapped several times at once; an end takes the oldest that fits.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    mappings: BTreeMap<MappingId, Kept>,
    /// By device and address, with the end, exclusive.
    by_dma: BTreeMap<(u32, u64, MappingId), u64>,
    /// Scatter lists by device and first physical address, oldest first.
    by_phys: FxHashMap<(u32, u64), Vec<MappingId>>,
    /// Who was given which part of the bounce pool, whatever the device.
    pool: Extents<MappingId>,
    entries: usize,
}

#[derive(Clone, Debug)]
struct Kept {
    device: u32,
    mapping: Mapping,
}

/// A mapping that an event ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ending {
    pub(super) id: MappingId,
    pub(super) fit: Fit,
}

/// How well an end fits its mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fit {
    /// In all that it tells.
    Exact,
    /// In its addresses, not in size, direction or number of entries.
    Odd,
}

impl Live {
    pub(super) fn len(&self) -> usize {
        self.mappings.len()
    }

    /// Entries in the lists of all mappings.
    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    pub(super) fn get(&self, id: MappingId) -> Option<&Mapping> {
        self.mappings.get(&id).map(|kept| &kept.mapping)
    }

    pub(super) fn get_mut(&mut self, id: MappingId) -> Option<(u32, &mut Mapping)> {
        self.mappings.get_mut(&id).map(|kept| (kept.device, &mut kept.mapping))
    }

    pub(super) fn oldest(&self) -> Option<MappingId> {
        self.mappings.keys().next().copied()
    }

    /// All of them, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Mapping> {
        self.mappings.values().map(|kept| &kept.mapping)
    }

    /// Adds a mapping and tells whose addresses it was given: those must be over.
    pub(super) fn insert(&mut self, device: u32, mapping: Mapping) -> Vec<MappingId> {
        let mut evicted = Vec::new();
        if mapping.translation != Translation::None || mapping.origin == Origin::Alloc {
            self.same_start(device, &mapping, &mut evicted);
        }
        for range in mapping.pool_ranges() {
            let slots = span(range);
            self.pool.give(slots.start, slots.end, mapping.id, &mut evicted);
        }
        for range in &mapping.given {
            self.by_dma.insert((device, range.start.raw(), mapping.id), end_of(*range));
        }
        if let Some(key) = phys_key(device, &mapping) {
            self.by_phys.entry(key).or_default().push(mapping.id);
        }
        self.entries += weight(&mapping);
        self.mappings.insert(mapping.id, Kept { device, mapping });
        evicted
    }

    pub(super) fn remove(&mut self, id: MappingId) -> Option<(u32, Mapping)> {
        let Kept { device, mapping } = self.mappings.remove(&id)?;
        for range in mapping.pool_ranges() {
            self.pool.release(span(range).start, id);
        }
        for range in &mapping.given {
            self.by_dma.remove(&(device, range.start.raw(), id));
        }
        if let Some(key) = phys_key(device, &mapping)
            && let Some(ids) = self.by_phys.get_mut(&key)
        {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_phys.remove(&key);
            }
        }
        self.entries -= weight(&mapping);
        Some((device, mapping))
    }

    /// What unmapping a piece ends.
    pub(super) fn page(&self, device: u32, unmap: &UnmapPage, origin: Origin) -> Option<Ending> {
        let exact = |mapping: &Mapping| mapping.size == unmap.size && mapping.direction == unmap.direction;
        self.at(device, unmap.dma, origin, exact)
    }

    /// What freeing an allocation ends.
    pub(super) fn allocation(&self, device: u32, dma: BusAddr, exact: impl Fn(&Mapping) -> bool) -> Option<Ending> {
        self.at(device, dma, Origin::Alloc, exact)
    }

    /// What unmapping a scatter list ends.
    pub(super) fn sg(&self, device: u32, unmap: &UnmapSg) -> Option<Ending> {
        let first = unmap.phys.first()?;
        let ids = self.by_phys.get(&(device, first.raw()))?;
        let entries = unmap.entries.map_or(unmap.phys.len(), |entries| entries as usize);
        let fits = |mapping: &&Mapping| same_prefix(mapping, &unmap.phys);
        let exact = |mapping: &Mapping| mapping.entries as usize == entries && mapping.direction == unmap.direction;
        pick(ids.iter().filter_map(|id| self.get(*id)).filter(fits), exact)
    }

    /// The newest mapping that has the address: by its beginning, or else by a mapping around it.
    pub(super) fn around(&self, device: u32, addr: BusAddr) -> Option<MappingId> {
        /// Mappings of the same memory overlap, so the one before an address need not be the one around it.
        const LOOK_BACK: usize = 64;
        let last = (device, addr.raw(), MappingId(u64::MAX));
        let before = self.by_dma.range((device, 0, MappingId(0))..=last).rev().take(LOOK_BACK);
        before.filter(|(_, end)| **end > addr.raw()).map(|((_, _, id), _)| *id).next()
    }

    fn at(&self, device: u32, dma: BusAddr, origin: Origin, exact: impl Fn(&Mapping) -> bool) -> Option<Ending> {
        let whole = |mapping: &&Mapping| mapping.origin == origin && starts_at(mapping, dma);
        pick(self.starting(device, dma).filter(whole), exact)
    }

    /// Mappings that have a range beginning there, oldest first.
    fn starting(&self, device: u32, dma: BusAddr) -> impl DoubleEndedIterator<Item = &Mapping> {
        let keys = (device, dma.raw(), MappingId(0))..=(device, dma.raw(), MappingId(u64::MAX));
        self.by_dma.range(keys).filter_map(|((_, _, id), _)| self.get(*id))
    }

    /// The newest mapping there: those before it were found when it began.
    fn same_start(&self, device: u32, mapping: &Mapping, evicted: &mut Vec<MappingId>) {
        let Some(range) = mapping.given.first() else {
            return;
        };
        let alike = |other: &&Mapping| {
            starts_at(other, range.start)
                && (other.origin == Origin::Alloc) == (mapping.origin == Origin::Alloc)
                && (other.translation != Translation::None) == (mapping.translation != Translation::None)
        };
        evicted.extend(self.starting(device, range.start).rev().find(alike).map(|other| other.id));
    }
}

fn pick<'m>(fitting: impl Iterator<Item = &'m Mapping>, exact: impl Fn(&Mapping) -> bool) -> Option<Ending> {
    let mut odd = None;
    for mapping in fitting {
        if exact(mapping) {
            return Some(Ending { id: mapping.id, fit: Fit::Exact });
        }
        odd = odd.or(Some(mapping.id));
    }
    odd.map(|id| Ending { id, fit: Fit::Odd })
}

fn starts_at(mapping: &Mapping, dma: BusAddr) -> bool {
    mapping.given.first().is_some_and(|range| range.start == dma)
}

/// Either list may be cut short.
fn same_prefix(mapping: &Mapping, phys: &[PhysAddr]) -> bool {
    mapping.memory.iter().zip(phys).all(|(entry, phys)| entry.start == *phys)
}

fn phys_key(device: u32, mapping: &Mapping) -> Option<(u32, u64)> {
    let first = mapping.memory.first()?;
    (mapping.origin == Origin::Sg).then_some((device, first.start.raw()))
}

fn weight(mapping: &Mapping) -> usize {
    mapping.memory.len() + mapping.given.len()
}

fn end_of(range: DmaRange) -> u64 {
    range.start.raw().saturating_add(range.size.raw())
}
