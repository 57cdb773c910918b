//! Chunks: what a tape hands to the recorder, some hundred operations at a time.
//!
//! A chunk is a set of columns of plain values. An operation is one [`Entry`] and, in the other columns, as many values as
//! the entry says; the reader takes them off in the same order. Nothing is encoded: writing is copying.

use crate::operation::{LoadEnd, MapNumber, MemoryNumber, SessionNumber, TagNumber};
use crate::start::{Region, Start};
use busdma_engine::engine::CancelReport;
use busdma_engine::{
    AddressSpace, BounceCopy, CacheOp, Decision, DmaTag, Hazard, KernelPanic, LoadError, MapForm, MapId, MemAllocation,
    MemDesc, MemError, MemFlags, MemFreed, Nanos, PhysAddr, PhysRange, Segment, SyncOps, TagError, TagId, TagTemplate,
    VirtAddr, VirtRange, WaitPolicy,
};
use busdma_trace::drain::{DrainEvent, Stopped};
use busdma_trace::format::{MapCounters, Ret, Zone};
use std::num::NonZeroU32;

/// Bytes of columns after which a chunk is handed over. One operation may be larger; the chunk is handed over behind it.
const CHUNK_BYTES: usize = 64 << 10;

/// Bytes of columns above which a chunk is not used again.
const RECYCLED_BYTES_MAX: usize = 4 * CHUNK_BYTES;

/// Names a tape of one recorder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(crate) struct TapeId(pub(crate) u64);

/// Entries of one tape, and the columns their values lie in.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) tape: TapeId,
    /// How many of the entries are operations.
    pub(crate) operations: u64,
    /// Bytes of columns that most operations leave alone, as last weighed.
    other_bytes: usize,
    pub(crate) entries: Vec<Entry>,
    pub(crate) records: Vec<Record>,
    pub(crate) remarks: Vec<Remark>,
    pub(crate) loads: Vec<LoadRecord>,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) hazards: Vec<Hazard>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) virt: Vec<VirtRange>,
    pub(crate) phys: Vec<PhysRange>,
    pub(crate) pages: Vec<PhysAddr>,
    pub(crate) copies: Vec<BounceCopy>,
    pub(crate) cache: Vec<CacheOp>,
    pub(crate) events: Vec<DrainEvent>,
    pub(crate) ended: Vec<EndedLoad>,
    pub(crate) stopped: Vec<Stopped>,
    pub(crate) zones: Vec<Zone>,
    pub(crate) waiting: Vec<MapId>,
    pub(crate) freed: Vec<TagId>,
    pub(crate) tags: Vec<CreatedTag>,
    pub(crate) memory: Vec<AllocatedMem>,
    pub(crate) regions: Vec<Region>,
    pub(crate) released: Vec<(AddressSpace, VirtAddr)>,
    pub(crate) starts: Vec<Start>,
}

/// One thing told to a tape; what is said of it is the next value of another column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// A fresh start, in `starts`.
    Start,
    /// Memory was registered, in `regions`.
    RegionMapped,
    /// Memory was released, in `released`.
    RegionReleased,
    /// A verb was carried out, in `records`, as most are.
    Operation,
    /// A verb was carried out, in `records`, and there is more to say of it, in `remarks`.
    RemarkableOperation,
}

/// One operation. Counts say how many values to take off the columns. There is one for every operation, so what few of them
/// have is in a [`Remark`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) session: Option<SessionNumber>,
    pub(crate) at: Nanos,
    pub(crate) body: Body,
    pub(crate) decisions: TapedDecisions,
}

/// What a chunk holds of an operation's decisions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TapedDecisions {
    /// Nothing: they are left out of the recording.
    LeftOut,
    /// Nothing, because they go without saying: [`Implied`](crate::implied::Implied) has them.
    Implied,
    /// The next of `decisions`.
    Listed(Count),
}

/// What few operations have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Remark {
    /// Where FreeBSD's kernel stopped: that is all the trace says then.
    pub(crate) panic: Option<KernelPanic>,
    pub(crate) hazards: Count,
    /// 0 when no zone has changed.
    pub(crate) zones: Count,
    /// `None` when the list of waiters has not changed.
    pub(crate) waiting: Option<Count>,
}

impl Remark {
    /// Whether there is nothing to say.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.panic.is_none() && self.hazards == Count::ZERO && self.zones == Count::ZERO && self.waiting.is_none()
    }
}

/// A verb and its result; the rarer and the larger ones are in columns of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Body {
    /// The next of `tags`.
    CreateTag,
    DestroyTag {
        tag: TagId,
        ret: Ret,
        freed: Count,
    },
    CreateMap {
        number: MapNumber,
        tag: TagId,
        ret: Ret,
        map: Option<(MapId, MapForm)>,
    },
    DestroyMap {
        map: MapId,
        ret: Ret,
        after: Existence,
    },
    /// A kernel buffer that was mapped: what most loads are.
    BufferLoaded {
        map: MapId,
        range: VirtRange,
        wait: WaitPolicy,
        segments: Count,
        counters: Option<MapCounters>,
    },
    /// The next of `loads`.
    Load,
    RunDeferred {
        events: Count,
        ended: Count,
        stopped: Count,
    },
    Sync {
        map: MapId,
        ops: SyncOps,
        ret: Ret,
        copies: Count,
        cache: Count,
    },
    Unload {
        map: MapId,
        ret: Ret,
        woken: u32,
        counters: Option<MapCounters>,
    },
    Cancel {
        map: MapId,
        ret: Ret,
        report: Option<CancelReport>,
    },
    /// The next of `memory`.
    AllocMem,
    FreeMem {
        memory: MapId,
        map: MapId,
        ret: Ret,
        freed: Option<MemFreed>,
    },
}

impl Body {
    /// Whether it has values in no other columns than those of records, decisions and segments.
    #[inline]
    pub(crate) const fn is_small(&self) -> bool {
        matches!(self, Self::BufferLoaded { .. } | Self::Unload { .. })
    }
}

/// How many values of a column belong to an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Count {
    /// So an absent count takes no more room than one that is there.
    one_more: NonZeroU32,
}

impl Count {
    pub(crate) const ZERO: Self = Self { one_more: NonZeroU32::MIN };
    pub(crate) const ONE: Self = Self { one_more: NonZeroU32::MIN.saturating_add(1) };

    /// The number of these values. There are never 2^32: they are in memory, and larger than a byte.
    #[inline]
    pub(crate) fn of<T>(values: &[T]) -> Self {
        Self { one_more: NonZeroU32::MIN.saturating_add(u32::try_from(values.len()).unwrap_or(u32::MAX)) }
    }

    pub(crate) const fn get(self) -> usize {
        self.one_more.get() as usize - 1
    }
}

impl Default for Count {
    fn default() -> Self {
        Self::ZERO
    }
}

/// A load and its result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadRecord {
    pub(crate) map: MapId,
    /// Without its list.
    pub(crate) desc: MemDesc<'static>,
    pub(crate) virt: Count,
    pub(crate) phys: Count,
    pub(crate) pages: Count,
    pub(crate) wait: WaitPolicy,
    pub(crate) end: LoadEnd,
    pub(crate) segments: Count,
    pub(crate) counters: Option<MapCounters>,
}

/// What was asked of `bus_dmamem_alloc`, and the memory with what its map is.
#[derive(Debug)]
pub(crate) struct AllocatedMem {
    pub(crate) number: MemoryNumber,
    pub(crate) map_number: MapNumber,
    pub(crate) tag: TagId,
    pub(crate) flags: MemFlags,
    pub(crate) result: Result<(MemAllocation, MapForm), MemError>,
}

/// Whether a map is still there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Existence {
    Exists,
    Gone,
}

/// A deferred load that came to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndedLoad {
    pub(crate) map: MapId,
    pub(crate) tag: TagId,
    /// How many segments.
    pub(crate) result: Result<Count, LoadError>,
}

/// A tag as it was asked for, and as it is.
#[derive(Debug)]
pub(crate) struct CreatedTag {
    pub(crate) number: TagNumber,
    pub(crate) parent: Option<TagId>,
    pub(crate) template: TagTemplate,
    pub(crate) result: Result<(TagId, DmaTag), TagError>,
}

impl Chunk {
    pub(crate) fn new(tape: TapeId) -> Self {
        Self {
            tape,
            operations: 0,
            other_bytes: 0,
            entries: Vec::new(),
            records: Vec::new(),
            remarks: Vec::new(),
            loads: Vec::new(),
            decisions: Vec::new(),
            hazards: Vec::new(),
            segments: Vec::new(),
            virt: Vec::new(),
            phys: Vec::new(),
            pages: Vec::new(),
            copies: Vec::new(),
            cache: Vec::new(),
            events: Vec::new(),
            ended: Vec::new(),
            stopped: Vec::new(),
            zones: Vec::new(),
            waiting: Vec::new(),
            freed: Vec::new(),
            tags: Vec::new(),
            memory: Vec::new(),
            regions: Vec::new(),
            released: Vec::new(),
            starts: Vec::new(),
        }
    }

    /// Whether it should be handed over.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.bytes() >= CHUNK_BYTES
    }

    /// Takes account of an operation that wrote to columns which most operations leave alone.
    pub(crate) fn weigh_other_columns(&mut self) {
        self.other_bytes = size_of_val(&self.remarks[..])
            + size_of_val(&self.loads[..])
            + size_of_val(&self.hazards[..])
            + size_of_val(&self.virt[..])
            + size_of_val(&self.phys[..])
            + size_of_val(&self.pages[..])
            + size_of_val(&self.copies[..])
            + size_of_val(&self.cache[..])
            + size_of_val(&self.events[..])
            + size_of_val(&self.ended[..])
            + size_of_val(&self.zones[..])
            + size_of_val(&self.waiting[..]);
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets everything and keeps the memory for another use, unless that was an unusually large one.
    pub(crate) fn recycled(mut self: Box<Self>) -> Option<Box<Self>> {
        if self.bytes() > RECYCLED_BYTES_MAX {
            return None;
        }
        self.clear();
        Some(self)
    }

    fn clear(&mut self) {
        self.operations = 0;
        self.other_bytes = 0;
        self.entries.clear();
        self.records.clear();
        self.remarks.clear();
        self.loads.clear();
        self.decisions.clear();
        self.hazards.clear();
        self.segments.clear();
        self.virt.clear();
        self.phys.clear();
        self.pages.clear();
        self.copies.clear();
        self.cache.clear();
        self.events.clear();
        self.ended.clear();
        self.stopped.clear();
        self.zones.clear();
        self.waiting.clear();
        self.freed.clear();
        self.tags.clear();
        self.memory.clear();
        self.regions.clear();
        self.released.clear();
        self.starts.clear();
    }

    /// Bytes of the columns that grow with operations; the rest is seldom used.
    #[inline]
    fn bytes(&self) -> usize {
        size_of_val(&self.entries[..])
            + size_of_val(&self.records[..])
            + size_of_val(&self.decisions[..])
            + size_of_val(&self.segments[..])
            + self.other_bytes
    }
}
