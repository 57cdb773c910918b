//! How mappings begin, or fail.

use super::change::Change;
use super::pending::{Begins, Context, Piece, Wanted};
use super::{Sink, Tracker};
use crate::event::{
    Alloc, Attributes, Bounced, Device, Direction, DmaRange, HostEvent, MapPage, MapSg, MapSgFailed, Task, Tracepoint,
};
use crate::mapping::{
    Bounces, Completeness, Failure, Mapping, MappingId, MemoryEntry, Origin, State, Syncs, Translation,
};
use busdma_engine::{BusAddr, BusSize, Nanos, PhysAddr};

impl Tracker {
    pub(super) fn bounced(&mut self, device: u32, event: &HostEvent, bounced: &Bounced, sink: Sink<'_, '_>) {
        while self.pending.len() >= self.limits.pending_bounces {
            let Some((_, pieces)) = self.pending.oldest() else { break };
            self.unexplained(&pieces, sink);
        }
        let context = Context::new(device, event);
        let (piece, begins) = self.pending.add(context, event, bounced);
        self.stats.bounces.events += 1;
        self.stats.bounces.pending += 1;
        sink(Change::Asked(&piece));
        if begins == Begins::Anew {
            self.close_passed_by(context, sink);
        }
    }

    pub(super) fn map_page(&mut self, device: u32, event: &HostEvent, map: &MapPage, sink: Sink<'_, '_>) {
        self.maps_seen = true;
        let entry = MemoryEntry { start: map.phys, size: Some(map.size) };
        let given = DmaRange { start: map.dma, size: map.size };
        let context = Context::new(device, event);
        if !map.failed() {
            self.learn_shift(context, &entry, map.dma);
        }
        let pieces = self.claim(context, &[entry], 1, Completeness::Whole);
        let resource = event.point == Tracepoint::DmaMapResource || map.attributes.contains(Attributes::MMIO);
        let mut mapping = self.draft(event, &map.device, if resource { Origin::Resource } else { Origin::Page });
        mapping.direction = map.direction;
        mapping.attributes = map.attributes;
        mapping.memory = Box::new([entry]);
        mapping.size = map.size;
        mapping.bounces = bounces_of(&pieces);
        if map.failed() {
            let failure = self.why_failed(device, &pieces);
            self.fail(device, mapping, failure, &pieces, sink);
        } else {
            mapping.given = Box::new([given]);
            mapping.given_entries = 1;
            mapping.translation = self.translation(event, &mapping);
            self.begin(device, mapping, &pieces, sink);
        }
        self.close_passed_by(context, sink);
    }

    pub(super) fn map_sg(&mut self, device: u32, event: &HostEvent, map: &MapSg, sink: Sink<'_, '_>) {
        self.maps_seen = true;
        let context = Context::new(device, event);
        let memory = sg_memory(map);
        let cut = memory.len() < map.entries as usize || map.dma.len() < map.mapped as usize;
        let completeness = if cut { Completeness::Truncated } else { Completeness::Whole };
        if let ([.., entry], [.., range]) = (&*memory, &*map.dma) {
            self.learn_shift(context, entry, range.start);
        }
        let pieces = self.claim(context, &memory, map.entries, completeness);
        let mut mapping = self.draft(event, &map.device, Origin::Sg);
        mapping.direction = map.direction;
        mapping.attributes = map.attributes;
        mapping.memory = memory;
        mapping.given.clone_from(&map.dma);
        mapping.entries = map.entries;
        mapping.given_entries = map.mapped;
        mapping.size = total(map.dma.iter().map(|range| range.size));
        mapping.completeness = completeness;
        mapping.bounces = bounces_of(&pieces);
        mapping.translation = self.translation(event, &mapping);
        self.begin(device, mapping, &pieces, sink);
        self.close_passed_by(context, sink);
    }

    pub(super) fn map_sg_failed(&mut self, device: u32, event: &HostEvent, map: &MapSgFailed, sink: Sink<'_, '_>) {
        self.maps_seen = true;
        let context = Context::new(device, event);
        let memory = addresses(&map.phys);
        let pieces = self.claim(context, &memory, count(memory.len()), Completeness::Whole);
        let mut mapping = self.draft(event, &map.device, Origin::Sg);
        mapping.direction = map.direction;
        mapping.attributes = map.attributes;
        mapping.entries = count(memory.len());
        mapping.memory = memory;
        mapping.bounces = bounces_of(&pieces);
        self.fail(device, mapping, Failure::Errno(map.error), &pieces, sink);
    }

    pub(super) fn alloc(&mut self, device: u32, event: &HostEvent, alloc: &Alloc, sink: Sink<'_, '_>) {
        let mut mapping = self.draft_alloc(event, alloc);
        mapping.given = Box::new([DmaRange { start: alloc.dma, size: alloc.size }]);
        mapping.given_entries = 1;
        mapping.translation = self.translation(event, &mapping);
        self.begin(device, mapping, &[], sink);
    }

    pub(super) fn alloc_failed(&mut self, device: u32, event: &HostEvent, alloc: &Alloc, sink: Sink<'_, '_>) {
        let mapping = self.draft_alloc(event, alloc);
        self.fail(device, mapping, Failure::Untold, &[], sink);
    }

    /// Closes attempts that no mapping claimed: each was a scatter list for which there was no room.
    pub(super) fn close(&mut self, context: Context, pieces: &[Piece], sink: Sink<'_, '_>) {
        if !self.maps_seen {
            return self.unexplained(pieces, sink);
        }
        let device = context.device();
        for attempt in pieces.chunk_by(|a, b| a.attempt == b.attempt) {
            let name = self.devices.get(device).map(|record| record.totals.device.clone());
            let (Some(name), Some(first)) = (name, attempt.first()) else {
                continue;
            };
            let mut mapping = self.empty(name, Origin::Sg, first.at, first.task);
            mapping.memory = attempt.iter().map(Piece::entry).collect();
            mapping.entries = count(attempt.len());
            mapping.size = total(attempt.iter().map(|piece| piece.size));
            mapping.completeness = Completeness::Truncated;
            mapping.bounces = bounces_of(attempt);
            self.fail(device, mapping, Failure::PoolFull, attempt, sink);
        }
    }

    pub(super) fn unexplained(&mut self, pieces: &[Piece], sink: Sink<'_, '_>) {
        self.stats.bounces.pending -= pieces.len() as u64;
        self.stats.bounces.given_up += pieces.len() as u64;
        sink(Change::Unexplained(pieces));
    }

    fn begin(&mut self, device: u32, mapping: Mapping, pieces: &[Piece], sink: Sink<'_, '_>) {
        self.stats.bounces.pending -= pieces.len() as u64;
        self.stats.bounces.mapped += pieces.len() as u64;
        self.stats.lives.made();
        if let Some(record) = self.devices.get_mut(device) {
            record.totals.made(&mapping);
            record.translation = mapping.translation;
        }
        sink(Change::Began { mapping: &mapping, pieces });
        let evicted = self.live.insert(device, mapping);
        self.doubt(&evicted);
        self.make_room(sink);
    }

    fn fail(&mut self, device: u32, mut mapping: Mapping, failure: Failure, pieces: &[Piece], sink: Sink<'_, '_>) {
        mapping.state = State::Failed { failure };
        self.stats.bounces.pending -= pieces.len() as u64;
        self.stats.bounces.failed += pieces.len() as u64;
        self.stats.lives.failed();
        self.stats.failures.count(failure);
        if let Some(record) = self.devices.get_mut(device) {
            record.totals.failed(mapping.origin, failure);
        }
        sink(Change::Failed { mapping: &mapping, pieces });
    }

    fn claim(
        &mut self,
        context: Context,
        entries: &[MemoryEntry],
        total: u32,
        completeness: Completeness,
    ) -> Vec<Piece> {
        let shift = self.devices.get(context.device()).map_or(0, |record| record.shift);
        self.pending.claim(context, Wanted { entries, total, completeness, shift })
    }

    /// Evidence that older attempts of the context failed, unless they ended only just now: then it may be an interrupt
    /// in the middle of one, or one that has an entry twice.
    fn close_passed_by(&mut self, context: Context, sink: Sink<'_, '_>) {
        if let Some(before) = self.before(self.limits.settle) {
            let pieces = self.pending.passed_by(context, before);
            self.close(context, &pieces, sink);
        }
    }

    /// Bounced addresses are those that the device would see. Where memory is encrypted or a bus shifts addresses they
    /// differ from physical ones by a constant, which the newest bounce of a mapping that was moved shows.
    fn learn_shift(&mut self, context: Context, entry: &MemoryEntry, given: BusAddr) {
        let Some(piece) = self.pending.last(context) else {
            return;
        };
        let shift = piece.addr.raw().wrapping_sub(entry.start.raw());
        let same = shift != 0
            && piece.addr.page_offset() == entry.start.page_offset()
            && entry.size == Some(piece.size)
            && given != entry.start.to_bus()
            && given != piece.addr;
        if same && let Some(record) = self.devices.get_mut(context.device()) {
            record.shift = shift;
        }
    }

    fn why_failed(&self, device: u32, pieces: &[Piece]) -> Failure {
        let translation = self.devices.get(device).map_or(Translation::None, |record| record.translation);
        match (pieces, translation) {
            ([_, ..], _) => Failure::PoolFull,
            ([], Translation::None) => Failure::Overflow,
            ([], Translation::Told { .. } | Translation::Inferred) => Failure::Untold,
        }
    }

    fn translation(&mut self, event: &HostEvent, mapping: &Mapping) -> Translation {
        let events = self.iommu.claim(event, &mapping.given, &mut self.stats.translations);
        let moved = mapping.memory.iter().zip(&mapping.given).any(|(entry, range)| entry.start.to_bus() != range.start);
        let merged = mapping.origin == Origin::Sg && mapping.given_entries < mapping.entries;
        if events > 0 {
            Translation::Told { events }
        } else if mapping.bounces.events == 0 && (moved || merged) {
            Translation::Inferred
        } else {
            Translation::None
        }
    }

    fn draft(&mut self, event: &HostEvent, device: &Device, origin: Origin) -> Mapping {
        self.empty(device.clone(), origin, event.at, event.task)
    }

    fn draft_alloc(&mut self, event: &HostEvent, alloc: &Alloc) -> Mapping {
        let mut mapping = self.draft(event, &alloc.device, Origin::Alloc);
        mapping.direction = alloc.direction;
        mapping.attributes = alloc.attributes;
        mapping.size = alloc.size;
        mapping.entries = count(alloc.phys.len()).max(1);
        mapping.memory = addresses(&alloc.phys);
        mapping
    }

    fn empty(&mut self, device: Device, origin: Origin, begun: Nanos, task: Task) -> Mapping {
        self.mappings += 1;
        Mapping {
            id: MappingId(self.mappings),
            device,
            origin,
            direction: Direction::None,
            attributes: Attributes::empty(),
            task,
            begun,
            memory: Box::default(),
            given: Box::default(),
            entries: 1,
            given_entries: 0,
            size: BusSize::ZERO,
            completeness: Completeness::Whole,
            bounces: Bounces::default(),
            translation: Translation::None,
            syncs: Syncs::default(),
            state: State::Live,
        }
    }
}

impl Piece {
    fn entry(&self) -> MemoryEntry {
        MemoryEntry { start: self.addr.to_phys(), size: Some(self.size) }
    }
}

/// Lengths are told of what the device was given, which are the entries' own where nothing was merged.
fn sg_memory(map: &MapSg) -> Box<[MemoryEntry]> {
    let merged = map.entries != map.mapped;
    let size = |index: usize| map.dma.get(index).filter(|_| !merged).map(|range| range.size);
    map.phys.iter().enumerate().map(|(index, &start)| MemoryEntry { start, size: size(index) }).collect()
}

fn addresses(phys: &[PhysAddr]) -> Box<[MemoryEntry]> {
    phys.iter().map(|&start| MemoryEntry { start, size: None }).collect()
}

fn bounces_of(pieces: &[Piece]) -> Bounces {
    let first = pieces.first();
    Bounces {
        events: count(pieces.len()),
        size: total(pieces.iter().map(|piece| piece.size)),
        cause: first.map(|piece| piece.cause),
        mask: first.map(|piece| piece.mask),
    }
}

fn total(sizes: impl Iterator<Item = BusSize>) -> BusSize {
    BusSize::new(sizes.fold(0, |sum, size| sum.saturating_add(size.raw())))
}

fn count(entries: usize) -> u32 {
    u32::try_from(entries).unwrap_or(u32::MAX)
}
