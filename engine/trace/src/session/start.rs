//! The state that a scenario starts from: from the header to the engine's own form, with names, pages and frames.

use super::arguments::{address_filter, alignment, boundary, lock_function, tag_flags};
use crate::error::{IdKind, OperationError};
use crate::format::{
    AllocatorCall, AllocatorName, LoadRequest, MallocFlag, MapStateWord, MapWord, MemAttr, Name, Reach, State,
    StateMap, StateMemory, StatePage, StateTag, StateWait, StateZone,
};
use crate::machine::TraceMachine;
use crate::names::Names;
use crate::request::page_address;
use busdma_engine::state::{
    BouncePage, ClientBytes, Dmamem, EngineState, ReachTest, SavedMap, SavedMapState, SavedTag, SavedZone, StoredMem,
    SyncRange,
};
use busdma_engine::{
    AddressSpace, AllocatorClass, AllocatorFill, AllocatorWait, BusAddr, BusSize, DmamemRegion, DmamemRequest,
    ExclusionWindow, MapForm, MapId, MemoryAttribute, Nanos, PageCount, PhysAddr, Segment, SegmentLimit, TagId,
    VirtAddr, ZoneId,
};
use rustc_hash::FxHashMap;

/// What there is of the scenario so far.
pub(super) struct Start<'s> {
    pub(super) names: &'s mut Names,
    pub(super) machine: &'s mut TraceMachine,
}

impl Start<'_> {
    /// Takes a state over. Its tags and maps are numbered as they are listed.
    pub(super) fn read(mut self, state: &State<'_>) -> Result<EngineState, OperationError> {
        self.machine.set_frames_taken(state.frames_taken);
        for run in &state.kernel {
            let pages = run.pages.iter().map(|&page| page_address(page)).collect::<Result<Vec<_>, _>>()?;
            self.machine.map_range(AddressSpace::Kernel, VirtAddr::new(run.vaddr.0), pages);
        }
        let mut tag_ids = FxHashMap::default();
        for (tag, id) in state.tags.iter().zip((0..).map(tag_at)) {
            self.names.check_new_tag(tag.tag.as_str())?;
            self.names.add_tag(tag.tag.as_str(), Some(id));
            tag_ids.insert(tag.tag.as_str(), id);
        }
        let mut map_ids = FxHashMap::default();
        let mut maps = Vec::with_capacity(state.maps.len());
        for (map, id) in state.maps.iter().zip((0..).map(map_at)) {
            map_ids.insert(map.map.as_str(), id);
            maps.push(self.map(map, id, &tag_ids)?);
        }
        let tags = state.tags.iter().map(|tag| saved_tag(tag, &tag_ids));
        Ok(EngineState {
            now: Nanos::new(state.now),
            tags: tags.collect::<Result<_, _>>()?,
            vacant_tags: Vec::new(),
            maps,
            vacant_maps: Vec::new(),
            zones: state.zones.iter().map(saved_zone).collect::<Result<_, _>>()?,
            waiters: queue(&state.waiting, &map_ids)?,
            ready: queue(&state.ready, &map_ids)?,
        })
    }

    fn map(
        &mut self,
        map: &StateMap<'_>,
        id: MapId,
        tags: &FxHashMap<&str, TagId>,
    ) -> Result<SavedMap, OperationError> {
        let (name, tag) = (map.map.as_str(), map.tag.as_str());
        self.names.check_new_map(name)?;
        self.names.add_map(name, tag, Some(id));
        let state = match map.state {
            MapStateWord::Idle => SavedMapState::Idle,
            MapStateWord::Loaded => SavedMapState::Loaded,
            MapStateWord::Deferred => self.waits(name, map.waits.as_ref())?,
        };
        let dmamem = map.memory.as_ref().map(|memory| self.memory(memory, tag, id)).transpose()?;
        Ok(SavedMap {
            id,
            // FreeBSD can free a tag under its maps.
            tag: tags.get(tag).copied().unwrap_or(TagId::GONE),
            form: match map.form {
                MapWord::Null => MapForm::Null,
                MapWord::Real => MapForm::Real,
            },
            zone: map.zone.map(ZoneId::new),
            state,
            pages_needed: PageCount::new(map.pagesneeded),
            pages_reserved: PageCount::new(map.pagesreserved),
            segments: map
                .segs
                .iter()
                .map(|seg| Segment { addr: BusAddr::new(seg.0.0), len: BusSize::new(seg.1) })
                .collect(),
            pages: map.pages.iter().map(bounce_page).collect(),
            sync_ranges: map
                .sync_list
                .iter()
                .map(|range| SyncRange {
                    vaddr: range.vaddr.map(|vaddr| VirtAddr::new(vaddr.0)),
                    paddr: PhysAddr::new(range.paddr.0),
                    len: BusSize::new(range.len),
                })
                .collect(),
            sync_count: map.sync_count,
            dmamem,
        })
    }

    /// What a map waits with becomes its last request; its pages are mapped.
    fn waits(&mut self, map: &str, waits: Option<&StateWait>) -> Result<SavedMapState, OperationError> {
        let Some((wait, (_, entry))) = waits.zip(self.names.map(map).ok()) else {
            return Ok(SavedMapState::Deferred { mem: StoredMem::default(), queued_at: Nanos::default() });
        };
        let desc = entry.request.set(&LoadRequest::Mem(wait.mem.clone()), self.machine)?;
        Ok(SavedMapState::Deferred { mem: StoredMem::new(&desc.mem()), queued_at: Nanos::new(wait.t) })
    }

    fn memory(&mut self, memory: &StateMemory<'_>, tag: &str, map: MapId) -> Result<Dmamem, OperationError> {
        let name = memory.dmamem.as_str();
        self.names.check_new_dmamem(name)?;
        self.names.add_dmamem(name, tag, Some(map));
        let region = DmamemRegion {
            vaddr: VirtAddr::new(memory.vaddr.0),
            paddr: PhysAddr::new(memory.paddr.0),
            pages: memory.pages.iter().map(|&page| page_address(page)).collect::<Result<_, _>>()?,
        };
        self.machine.map_range(AddressSpace::Kernel, region.vaddr, region.pages.iter().copied());
        Ok(Dmamem { region, request: request(&memory.alloc, name)? })
    }
}

fn tag_at(index: u32) -> TagId {
    TagId::from_parts(index, 1).unwrap_or(TagId::GONE)
}

fn map_at(index: u32) -> MapId {
    MapId::from_parts(index, 1).unwrap_or(MapId::GONE)
}

fn queue(names: &[Name<'_>], maps: &FxHashMap<&str, MapId>) -> Result<Vec<MapId>, OperationError> {
    let unknown = |name: &Name<'_>| OperationError::UnknownId { kind: IdKind::Map, id: name.to_string() };
    names.iter().map(|name| maps.get(name.as_str()).copied().ok_or_else(|| unknown(name))).collect()
}

/// The tag of that name; the empty name is that of one that is gone.
fn link(name: Option<&Name<'_>>, tags: &FxHashMap<&str, TagId>) -> Result<Option<TagId>, OperationError> {
    let Some(name) = name.map(Name::as_str) else { return Ok(None) };
    match tags.get(name) {
        Some(&tag) => Ok(Some(tag)),
        None if name.is_empty() => Ok(Some(TagId::GONE)),
        None => Err(OperationError::UnknownId { kind: IdKind::Tag, id: name.to_owned() }),
    }
}

fn saved_tag(tag: &StateTag<'_>, tags: &FxHashMap<&str, TagId>) -> Result<SavedTag, OperationError> {
    Ok(SavedTag {
        id: tags.get(tag.tag.as_str()).copied().unwrap_or(TagId::GONE),
        parent: link(tag.parent.as_ref(), tags)?,
        chain_parent: link(tag.chain_parent.as_ref(), tags)?,
        own: reach(&tag.own)?,
        chain: tag.chain.iter().map(reach).collect::<Result<_, _>>()?,
        boundary: boundary(tag.boundary)?,
        maxsize: BusSize::new(tag.maxsize),
        nsegments: SegmentLimit::from_nsegments(tag.nsegments),
        maxsegsz: BusSize::new(tag.maxsegsz),
        flags: tag_flags(tag.flags),
        lock: lock_function(tag.lock),
        coherent: tag.coherent,
        could_bounce: tag.could_bounce,
        initial_pages_done: tag.min_alloc_comp,
        allocated_pages: tag.kmem_alloc,
        zone: tag.zone.map(ZoneId::new),
        map_count: tag.map_count,
        references: tag.references,
    })
}

fn reach(reach: &Reach) -> Result<ReachTest, OperationError> {
    Ok(ReachTest {
        window: ExclusionWindow { lowaddr: PhysAddr::new(reach.lowaddr.0), highaddr: PhysAddr::new(reach.highaddr.0) },
        alignment: alignment(reach.alignment)?,
        filter: reach.filter.as_ref().map(address_filter),
    })
}

fn saved_zone(zone: &StateZone) -> Result<SavedZone, OperationError> {
    Ok(SavedZone {
        lowaddr: PhysAddr::new(zone.lowaddr.0),
        alignment: alignment(zone.alignment)?,
        free_list: zone.free.iter().map(|frame| PhysAddr::new(frame.0)).collect(),
        reserved_bpages: PageCount::new(zone.reserved),
        active_bpages_max: PageCount::new(zone.active_max),
        total_bounced: zone.bounced,
        total_deferred: zone.deferred,
        map_count: zone.map_count,
        deferred_ns: zone.deferred_ns,
    })
}

fn bounce_page(page: &StatePage) -> BouncePage {
    BouncePage {
        frame: PhysAddr::new(page.frame.0),
        offset: page.offset,
        len: BusSize::new(page.len),
        client: ClientBytes {
            vaddr: page.vaddr.map(|vaddr| VirtAddr::new(vaddr.0)),
            first: PhysAddr::new(page.client.0),
            second: page.second.map(|second| PhysAddr::new(second.0)),
        },
    }
}

/// The allocator call that an `alloc` object tells of.
fn request(call: &AllocatorCall, dmamem: &str) -> Result<DmamemRequest, OperationError> {
    let lacks = |field| OperationError::StateAllocator { dmamem: dmamem.to_owned(), field };
    let high = || call.high.map(|high| PhysAddr::new(high.0)).ok_or_else(|| lacks("high"));
    let attribute = || match call.attr {
        Some(MemAttr::Default) => Ok(MemoryAttribute::Default),
        Some(MemAttr::Uncacheable) => Ok(MemoryAttribute::Uncacheable),
        None => Err(lacks("attr")),
    };
    let class = match call.class {
        AllocatorName::Malloc => AllocatorClass::Malloc,
        AllocatorName::KmemAttr => AllocatorClass::Pages { high: high()?, attribute: attribute()? },
        AllocatorName::KmemContig => AllocatorClass::Contiguous {
            high: high()?,
            alignment: alignment(call.alignment.ok_or_else(|| lacks("alignment"))?)?,
            boundary: boundary(call.boundary.ok_or_else(|| lacks("boundary"))?)?,
            attribute: attribute()?,
        },
    };
    let waits = !call.mflags.contains(MallocFlag::NoWait);
    Ok(DmamemRequest {
        class,
        size: BusSize::new(call.size),
        wait: if waits { AllocatorWait::MaySleep } else { AllocatorWait::NoWait },
        fill: if call.mflags.contains(MallocFlag::Zero) { AllocatorFill::Zero } else { AllocatorFill::Leftover },
    })
}
