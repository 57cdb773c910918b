//! Reading a chunk: entry after entry, the values of each taken off the columns.

use crate::chunk::{
    AllocatedMem, Body, Chunk, Count, CreatedTag, EndedLoad, LoadRecord, Record, Remark, TapedDecisions,
};
use crate::implied::Implied;
use crate::start::{Region, Start};
use busdma_engine::{
    AddressSpace, BounceCopy, CacheOp, Decision, Hazard, KernelPanic, MapId, PhysAddr, PhysRange, Segment, TagId,
    VirtAddr, VirtRange,
};
use busdma_trace::drain::{DrainEvent, Stopped};
use busdma_trace::format::Zone;
use busdma_trace::observe::Changed;

/// What is left of a chunk's columns.
#[derive(Debug)]
pub(crate) struct Columns<'c> {
    records: &'c [Record],
    remarks: &'c [Remark],
    loads: &'c [LoadRecord],
    decisions: &'c [Decision],
    hazards: &'c [Hazard],
    segments: &'c [Segment],
    virt: &'c [VirtRange],
    phys: &'c [PhysRange],
    pages: &'c [PhysAddr],
    copies: &'c [BounceCopy],
    cache: &'c [CacheOp],
    events: &'c [DrainEvent],
    ended: &'c [EndedLoad],
    stopped: &'c [Stopped],
    zones: &'c [Zone],
    waiting: &'c [MapId],
    freed: &'c [TagId],
    tags: &'c [CreatedTag],
    memory: &'c [AllocatedMem],
    regions: &'c [Region],
    released: &'c [(AddressSpace, VirtAddr)],
    starts: &'c [Start],
}

/// One operation with the values that belong to it; what its verb does not have is empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'c> {
    pub(crate) record: &'c Record,
    /// Where FreeBSD's kernel stopped: that is all the line says then.
    pub(crate) panic: Option<KernelPanic>,
    pub(crate) decisions: ToldDecisions<'c>,
    pub(crate) hazards: &'c [Hazard],
    /// All zones, when one has changed.
    pub(crate) zones: Option<&'c [Zone]>,
    /// All waiters, when they have changed.
    pub(crate) waiting: Option<&'c [MapId]>,
    pub(crate) virt: &'c [VirtRange],
    pub(crate) phys: &'c [PhysRange],
    pub(crate) pages: &'c [PhysAddr],
    pub(crate) segments: &'c [Segment],
    pub(crate) copies: &'c [BounceCopy],
    pub(crate) cache: &'c [CacheOp],
    pub(crate) events: &'c [DrainEvent],
    pub(crate) ended: &'c [EndedLoad],
    pub(crate) stopped: &'c [Stopped],
    pub(crate) freed: &'c [TagId],
    pub(crate) tag: Option<&'c CreatedTag>,
    pub(crate) load: Option<&'c LoadRecord>,
    pub(crate) memory: Option<&'c AllocatedMem>,
}

/// What was decided in an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ToldDecisions<'c> {
    /// That is not recorded.
    LeftOut,
    /// What its result implies.
    Implied(Implied),
    /// These.
    Listed(&'c [Decision]),
}

impl ToldDecisions<'_> {
    /// Hands them out, where they are recorded.
    #[inline]
    pub(crate) fn with_all<R>(self, take: impl FnOnce(&[Decision]) -> R) -> Option<R> {
        match self {
            Self::LeftOut => None,
            Self::Implied(implied) => Some(implied.with_all(take)),
            Self::Listed(decisions) => Some(take(decisions)),
        }
    }
}

impl<'c> Told<'c> {
    /// An operation without the values that belong to it.
    #[inline]
    pub(crate) const fn of(record: &'c Record) -> Self {
        Self {
            record,
            panic: None,
            decisions: ToldDecisions::LeftOut,
            hazards: &[],
            zones: None,
            waiting: None,
            virt: &[],
            phys: &[],
            pages: &[],
            segments: &[],
            copies: &[],
            cache: &[],
            events: &[],
            ended: &[],
            stopped: &[],
            freed: &[],
            tag: None,
            load: None,
            memory: None,
        }
    }

    /// What the line reports of zones and waiters.
    pub(crate) fn changed(&self) -> Changed<'c> {
        Changed { zones: self.zones, waiting: self.waiting }
    }
}

impl<'c> Columns<'c> {
    /// Takes off the next operation that there is more to say of.
    pub(crate) fn take_remarkable_operation(&mut self) -> Option<Told<'c>> {
        let remark = self.take_remarks(1).first()?;
        let told = self.take_operation()?;
        Some(Told {
            panic: remark.panic,
            hazards: self.take_hazards(remark.hazards.get()),
            zones: (remark.zones != Count::ZERO).then(|| self.take_zones(remark.zones.get())),
            waiting: remark.waiting.map(|count| self.take_waiting(count.get())),
            ..told
        })
    }

    /// Takes off the next operation with all that belongs to it.
    pub(crate) fn take_operation(&mut self) -> Option<Told<'c>> {
        let record = self.take_records(1).first()?;
        let mut told = Told::of(record);
        match record.body {
            Body::BufferLoaded { segments, .. } => told.segments = self.take_segments(segments.get()),
            Body::Load => {
                let load = self.take_loads(1).first()?;
                told.load = Some(load);
                told.virt = self.take_virt(load.virt.get());
                told.phys = self.take_phys(load.phys.get());
                told.pages = self.take_pages(load.pages.get());
                told.segments = self.take_segments(load.segments.get());
            }
            Body::RunDeferred { events, ended, stopped } => {
                told.events = self.take_events(events.get());
                told.ended = self.take_ended(ended.get());
                told.stopped = self.take_stopped(stopped.get());
                let segments = told.ended.iter().filter_map(|load| load.result.ok());
                told.segments = self.take_segments(segments.map(Count::get).sum());
            }
            Body::Sync { copies, cache, .. } => {
                told.copies = self.take_copies(copies.get());
                told.cache = self.take_cache(cache.get());
            }
            Body::DestroyTag { freed, .. } => told.freed = self.take_freed(freed.get()),
            Body::CreateTag => told.tag = self.take_tags(1).first(),
            Body::AllocMem => told.memory = self.take_memory(1).first(),
            Body::CreateMap { .. }
            | Body::DestroyMap { .. }
            | Body::Unload { .. }
            | Body::Cancel { .. }
            | Body::FreeMem { .. } => {}
        }
        told.decisions = match record.decisions {
            TapedDecisions::LeftOut => ToldDecisions::LeftOut,
            TapedDecisions::Implied => ToldDecisions::Implied(Implied::by(&record.body, told.segments)?),
            TapedDecisions::Listed(count) => ToldDecisions::Listed(self.take_decisions(count.get())),
        };
        Some(told)
    }

    /// Takes off the next start.
    pub(crate) fn take_start(&mut self) -> Option<&'c Start> {
        self.take_starts(1).first()
    }

    /// Takes off the next region that was mapped.
    pub(crate) fn take_region(&mut self) -> Option<&'c Region> {
        self.take_regions(1).first()
    }

    /// Takes off where the next region that was released started.
    pub(crate) fn take_released(&mut self) -> Option<(AddressSpace, VirtAddr)> {
        self.take_released_regions(1).first().copied()
    }
}

macro_rules! columns {
    ($($take:ident, $column:ident: $value:ty;)+) => {
        impl<'c> Columns<'c> {
            /// All of a chunk.
            pub(crate) fn of(chunk: &'c Chunk) -> Self {
                Self { $($column: &chunk.$column),+ }
            }

            $(fn $take(&mut self, count: usize) -> &'c [$value] {
                take(&mut self.$column, count)
            })+
        }
    };
}

columns! {
    take_records, records: Record;
    take_remarks, remarks: Remark;
    take_loads, loads: LoadRecord;
    take_decisions, decisions: Decision;
    take_hazards, hazards: Hazard;
    take_segments, segments: Segment;
    take_virt, virt: VirtRange;
    take_phys, phys: PhysRange;
    take_pages, pages: PhysAddr;
    take_copies, copies: BounceCopy;
    take_cache, cache: CacheOp;
    take_events, events: DrainEvent;
    take_ended, ended: EndedLoad;
    take_stopped, stopped: Stopped;
    take_zones, zones: Zone;
    take_waiting, waiting: MapId;
    take_freed, freed: TagId;
    take_tags, tags: CreatedTag;
    take_memory, memory: AllocatedMem;
    take_regions, regions: Region;
    take_released_regions, released: (AddressSpace, VirtAddr);
    take_starts, starts: Start;
}

/// Takes values off the front of a column; fewer where there are not so many, which would be a defect of the tape.
fn take<'c, T>(column: &mut &'c [T], count: usize) -> &'c [T] {
    debug_assert!(count <= column.len(), "an entry counts more values than the tape wrote");
    let (taken, left) = column.split_at(count.min(column.len()));
    *column = left;
    taken
}
