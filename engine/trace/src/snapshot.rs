//! From a running engine to the `state` of a header: a recording can begin in the middle.
//!
//! A [`Snapshot`] is taken where the engine is, quickly; it is owned, so that another thread can find the names for it and
//! write it down.

mod mem;

use crate::format::{
    AllocatorCall, Filter, Flag, Hex, MapStateWord, MemRequest, Name, PageRun, Reach, Seg, State, StateMap,
    StateMemory, StatePage, StateRange, StateTag, StateWait, StateZone, WordList,
};
use crate::observe::{self, IdNames};
use busdma_engine::state::{
    BouncePage, Dmamem, EngineState, ReachTest, SavedMap, SavedMapState, SavedTag, SavedZone, StoredMem, SyncRange,
};
use busdma_engine::{
    AddressFilter, AddressSpace, Boundary, BusSize, Engine, LockFunction, MapId, Memory, Observer, PAGE_SIZE, PhysAddr,
    Platform, SegmentLimit, TagFlags, TagId, VirtAddr, VirtRange,
};
use mem::for_each_range;
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use thiserror::Error;

/// An engine's state, and the pages behind the memory that it will look up again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    engine: EngineState,
    frames_taken: u64,
    /// Pages of kernel memory that bounce pages on maps stand for, by page number.
    bounced: BTreeMap<u64, PhysAddr>,
    waiting: PagesBehind,
}

/// Pages of memory that loads wait with, by page number.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct PagesBehind {
    kernel: BTreeMap<u64, PhysAddr>,
    user: BTreeMap<u64, PhysAddr>,
}

/// What of a snapshot cannot be written down.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SnapshotError {
    /// A tag without an id.
    #[error("{0} has no id in the trace")]
    UnnamedTag(TagId),
    /// A map or its memory without an id.
    #[error("{0} has no id in the trace")]
    UnnamedMap(MapId),
    /// A filter that is a function.
    #[error("the filter of tag {tag:?} is a function: only ranges of addresses can be written down")]
    FilterIsFunction {
        /// The id of the tag.
        tag: String,
    },
    /// A load that waits with memory that is not all mapped.
    #[error("map {map:?} waits with memory at {vaddr:#x}, which is mapped to no page")]
    NotMapped {
        /// The id of the map.
        map: String,
        /// The first address without a page.
        vaddr: u64,
    },
}

impl Snapshot {
    /// Takes the state of an engine whose platform has handed out so many bounce frames.
    pub fn take<P: Platform, O: Observer>(engine: &Engine<P, O>, frames_taken: u64) -> Self {
        let (state, memory) = (engine.state(), engine.platform());
        let (mut bounced, mut waiting) = (BTreeMap::new(), PagesBehind::default());
        for map in &state.maps {
            for page in &map.pages {
                // No more than a page is ever copied.
                let len = page.len.min(BusSize::PAGE);
                if let Some(start) = page.client.vaddr {
                    look_up(memory, AddressSpace::Kernel, VirtRange { start, len }, &mut bounced);
                }
            }
            if let Some(mem) = waited_with(map).and_then(StoredMem::get) {
                for_each_range(&mem, &mut |space, range| look_up(memory, space, range, waiting.of_mut(space)));
            }
        }
        Self { engine: state, frames_taken, bounced, waiting }
    }

    /// The engine's state.
    pub fn engine(&self) -> &EngineState {
        &self.engine
    }

    /// The snapshot as a header holds it.
    ///
    /// # Errors
    /// [`SnapshotError`]; a snapshot of an engine that served a trace has all it needs.
    pub fn state(&self, names: &impl IdNames) -> Result<State<'static>, SnapshotError> {
        let tags = self.engine.tags.iter().map(|tag| tag.id).collect();
        let writing = Writing { names, tags, waiting: &self.waiting };
        Ok(State {
            now: self.engine.now.raw(),
            frames_taken: self.frames_taken,
            tags: self.engine.tags.iter().map(|tag| writing.tag(tag)).collect::<Result<_, _>>()?,
            zones: self.engine.zones.iter().map(zone).collect(),
            maps: self.engine.maps.iter().map(|map| writing.map(map)).collect::<Result<_, _>>()?,
            waiting: writing.queue(&self.engine.waiters)?,
            ready: writing.queue(&self.engine.ready)?,
            kernel: runs(&self.bounced),
        })
    }
}

impl PagesBehind {
    const fn of(&self, space: AddressSpace) -> &BTreeMap<u64, PhysAddr> {
        match space {
            AddressSpace::Kernel => &self.kernel,
            AddressSpace::User => &self.user,
        }
    }

    const fn of_mut(&mut self, space: AddressSpace) -> &mut BTreeMap<u64, PhysAddr> {
        match space {
            AddressSpace::Kernel => &mut self.kernel,
            AddressSpace::User => &mut self.user,
        }
    }
}

fn waited_with(map: &SavedMap) -> Option<&StoredMem> {
    match &map.state {
        SavedMapState::Deferred { mem, .. } => Some(mem),
        SavedMapState::Idle | SavedMapState::Loaded => None,
    }
}

/// Looks up the pages of a range, up to the first that is not mapped: a range can be absurdly long.
fn look_up(memory: &impl Memory, space: AddressSpace, range: VirtRange, pages: &mut BTreeMap<u64, PhysAddr>) {
    for number in page_numbers(range) {
        let Some(page) = memory.translate(space, VirtAddr::new(number * PAGE_SIZE)) else { break };
        pages.insert(number, page);
    }
}

/// Numbers of the pages that a range's bytes lie in, as far as there are addresses.
fn page_numbers(range: VirtRange) -> std::ops::Range<u64> {
    let first = range.start.raw() / PAGE_SIZE;
    if range.len == BusSize::ZERO {
        return first..first;
    }
    first..range.start.raw().saturating_add(range.len.raw() - 1) / PAGE_SIZE + 1
}

fn runs(pages: &BTreeMap<u64, PhysAddr>) -> Vec<PageRun> {
    let mut runs: Vec<PageRun> = Vec::new();
    let mut next = None;
    for (&number, page) in pages {
        match runs.last_mut() {
            Some(run) if next == Some(number) => run.pages.push(Hex(page.raw())),
            _ => runs.push(PageRun { vaddr: Hex(number * PAGE_SIZE), pages: vec![Hex(page.raw())] }),
        }
        next = Some(number + 1);
    }
    runs
}

/// What writing a state down needs.
struct Writing<'s, N> {
    names: &'s N,
    tags: FxHashSet<TagId>,
    waiting: &'s PagesBehind,
}

impl<N: IdNames> Writing<'_, N> {
    fn tag(&self, saved: &SavedTag) -> Result<StateTag<'static>, SnapshotError> {
        let tag = match self.names.tag_name(saved.id) {
            "" => return Err(SnapshotError::UnnamedTag(saved.id)),
            name => name.to_owned(),
        };
        Ok(StateTag {
            parent: saved.parent.map(|parent| self.link(parent)),
            chain_parent: saved.chain_parent.map(|parent| self.link(parent)),
            own: reach(&saved.own, &tag)?,
            chain: saved.chain.iter().map(|test| reach(test, &tag)).collect::<Result<_, _>>()?,
            tag: tag.into(),
            boundary: Hex(saved.boundary.map_or(0, Boundary::bytes)),
            maxsize: saved.maxsize.raw(),
            nsegments: match saved.nsegments {
                SegmentLimit::Max(limit) => limit,
                SegmentLimit::Unrestricted => u32::MAX,
            },
            maxsegsz: saved.maxsegsz.raw(),
            flags: flags(saved.flags),
            lock: saved.lock == LockFunction::Provided,
            coherent: saved.coherent,
            could_bounce: saved.could_bounce,
            min_alloc_comp: saved.initial_pages_done,
            kmem_alloc: saved.allocated_pages,
            zone: saved.zone.map(zone_number),
            map_count: saved.map_count,
            references: saved.references,
        })
    }

    /// The name of a tag that is referred to; nothing is left to name where that is gone.
    fn link(&self, tag: TagId) -> Name<'static> {
        if self.tags.contains(&tag) { self.names.tag_name(tag).to_owned().into() } else { String::new().into() }
    }

    fn map(&self, saved: &SavedMap) -> Result<StateMap<'static>, SnapshotError> {
        let (state, waits) = match &saved.state {
            SavedMapState::Idle => (MapStateWord::Idle, None),
            SavedMapState::Loaded => (MapStateWord::Loaded, None),
            SavedMapState::Deferred { mem, queued_at } => {
                let mem = self.mem(saved.id, mem)?;
                (MapStateWord::Deferred, mem.map(|mem| StateWait { t: queued_at.raw(), mem }))
            }
        };
        Ok(StateMap {
            map: self.map_name(saved.id)?,
            tag: self.names.tag_name(saved.tag).to_owned().into(),
            form: observe::map_word(saved.form),
            zone: saved.zone.map(zone_number),
            state,
            pagesneeded: saved.pages_needed.raw(),
            pagesreserved: saved.pages_reserved.raw(),
            segs: saved.segments.iter().map(observe::seg).collect::<Vec<Seg>>(),
            pages: saved.pages.iter().map(page).collect(),
            sync_list: saved.sync_ranges.iter().map(range).collect(),
            sync_count: saved.sync_count,
            memory: saved.dmamem.as_ref().map(|dmamem| self.memory(saved.id, dmamem)).transpose()?,
            waits,
        })
    }

    fn map_name(&self, map: MapId) -> Result<Name<'static>, SnapshotError> {
        match self.names.map_name(map) {
            "" => Err(SnapshotError::UnnamedMap(map)),
            name => Ok(name.to_owned().into()),
        }
    }

    fn queue(&self, maps: &[MapId]) -> Result<Vec<Name<'static>>, SnapshotError> {
        maps.iter().map(|&map| self.map_name(map)).collect()
    }

    fn mem(&self, map: MapId, mem: &StoredMem) -> Result<Option<MemRequest>, SnapshotError> {
        let name = self.map_name(map)?;
        let not_mapped = |vaddr: VirtAddr| SnapshotError::NotMapped { map: name.to_string(), vaddr: vaddr.raw() };
        mem.get().map(|mem| mem::request(&mem, self.waiting).map_err(not_mapped)).transpose()
    }

    fn memory(&self, map: MapId, dmamem: &Dmamem) -> Result<StateMemory<'static>, SnapshotError> {
        let name = match self.names.memory_name(map) {
            "" => return Err(SnapshotError::UnnamedMap(map)),
            name => name.to_owned(),
        };
        let alloc: AllocatorCall = observe::allocator_call(&dmamem.request);
        Ok(StateMemory {
            dmamem: name.into(),
            vaddr: Hex(dmamem.region.vaddr.raw()),
            paddr: Hex(dmamem.region.paddr.raw()),
            pages: dmamem.region.pages.iter().map(|page| Hex(page.raw())).collect(),
            alloc,
        })
    }
}

fn reach(test: &ReachTest, tag: &str) -> Result<Reach, SnapshotError> {
    let filter = match &test.filter {
        None => None,
        Some(AddressFilter::Deny(ranges)) => {
            Some(Filter { deny: ranges.iter().map(|(first, last)| (Hex(first.raw()), Hex(last.raw()))).collect() })
        }
        Some(AddressFilter::Custom(_)) => return Err(SnapshotError::FilterIsFunction { tag: tag.to_owned() }),
    };
    let (lowaddr, highaddr) = (Hex(test.window.lowaddr.raw()), Hex(test.window.highaddr.raw()));
    Ok(Reach { alignment: test.alignment.bytes(), lowaddr, highaddr, filter })
}

fn flags(flags: TagFlags) -> WordList<Flag> {
    let words = [
        (Flag::AllocNow, TagFlags::ALLOC_NOW),
        (Flag::Coherent, TagFlags::COHERENT),
        (Flag::KeepPageOffset, TagFlags::KEEP_PAGE_OFFSET),
    ];
    words.into_iter().filter(|(_, flag)| flags.contains(*flag)).map(|(word, _)| word).collect()
}

fn zone_number(zone: busdma_engine::ZoneId) -> u32 {
    u32::try_from(zone.index()).unwrap_or(u32::MAX)
}

fn zone(saved: &SavedZone) -> StateZone {
    StateZone {
        lowaddr: Hex(saved.lowaddr.raw()),
        alignment: saved.alignment.bytes(),
        free: saved.free_list.iter().map(|frame| Hex(frame.raw())).collect(),
        reserved: saved.reserved_bpages.raw(),
        active_max: saved.active_bpages_max.raw(),
        bounced: saved.total_bounced,
        deferred: saved.total_deferred,
        map_count: saved.map_count,
        deferred_ns: saved.deferred_ns,
    }
}

fn page(page: &BouncePage) -> StatePage {
    StatePage {
        frame: Hex(page.frame.raw()),
        offset: page.offset,
        len: page.len.raw(),
        client: Hex(page.client.first.raw()),
        vaddr: page.client.vaddr.map(|vaddr| Hex(vaddr.raw())),
        second: page.client.second.map(|second| Hex(second.raw())),
    }
}

fn range(range: &SyncRange) -> StateRange {
    StateRange { vaddr: range.vaddr.map(|vaddr| Hex(vaddr.raw())), paddr: Hex(range.paddr.raw()), len: range.len.raw() }
}
