//! From a state to an engine: built part by part, each part checked against those before it.

use super::{BouncePage, EngineState, SavedMap, SavedMapState, SavedTag, SavedZone, StateError};
use crate::addr::{Nanos, PAGE_SIZE, PageCount};
use crate::bounce::{BouncePool, BounceZone, PageIdx};
use crate::constraints::{Alignment, Constraints};
use crate::decision::{Observer, Told};
use crate::defer::{WaitQueues, Waiter};
use crate::engine::Engine;
use crate::ids::{Arena, MapId, TagId, VacantSlot, ZoneId};
use crate::map::{Bouncing, DmaMap, MapForm, MapOrigin, MapState, SyncList};
use crate::memdesc::StoredMem;
use crate::platform::{MachineLimits, Platform};
use crate::profile::{DmamemMap, FailedLoad, Switches};
use crate::segment::SegmentList;
use crate::stats::ZoneStats;
use crate::tag::DmaTag;
use std::collections::{HashSet, VecDeque};

/// Counts of maps and references beyond this are none: what is counted takes memory. It leaves room to count on.
const COUNT_MAX: u32 = 1 << 30;

/// The most bytes a map keeps coherent: as many as the largest range the engine walks has.
const COHERENT_BYTES_MAX: u64 = (1 << 24) * PAGE_SIZE;

impl<P: Platform, O: Observer> Engine<P, O> {
    /// An engine that goes on from `state` as the one it was taken of would have, where `platform`, `limits` and `switches`
    /// are as that one's were.
    ///
    /// # Errors
    /// [`StateError`] when no engine could have come to that state. It never panics, whatever the state says.
    pub fn restore(
        platform: P,
        observer: O,
        limits: MachineLimits,
        switches: Switches,
        state: &EngineState,
    ) -> Result<Self, StateError> {
        let mut parts = Parts {
            switches: &switches,
            pool: BouncePool::default(),
            frames: HashSet::new(),
            tags: Arena::new(),
            maps: Arena::new(),
        };
        parts.restore_zones(&state.zones)?;
        parts.restore_tags(state)?;
        parts.restore_maps(state)?;
        parts.check_tag_counts(&state.maps)?;
        parts.check_high_water()?;
        let queues = parts.queues(state)?;
        let Parts { pool, tags, maps, .. } = parts;
        let told = Told { observer, now: state.now };
        let engine = Self { platform, told, limits, switches, tags, maps, pool, queues };
        engine.check_invariants()?;
        Ok(engine)
    }
}

/// What there is of the engine so far.
struct Parts<'s> {
    switches: &'s Switches,
    pool: BouncePool,
    frames: HashSet<u64>,
    tags: Arena<DmaTag>,
    maps: Arena<DmaMap>,
}

impl Parts<'_> {
    fn restore_zones(&mut self, zones: &[SavedZone]) -> Result<(), StateError> {
        for (index, saved) in zones.iter().enumerate() {
            let zone = ZoneId(u32::try_from(index).map_err(|_| StateError::TooManyPages)?);
            let SavedZone { lowaddr, alignment, map_count, .. } = *saved;
            if alignment < Alignment::PAGE || map_count.unsigned_abs() > COUNT_MAX {
                return Err(StateError::Zone { zone, alignment: alignment.bytes(), map_count });
            }
            let (reserved, listed) = (saved.reserved_bpages, saved.free_list.len());
            let total = u32::try_from(listed).map_err(|_| StateError::TooManyPages)?;
            let free = total.checked_sub(reserved.raw()).ok_or(StateError::ZonePromises { zone, reserved, listed })?;
            let mut stats = ZoneStats::new(zone, lowaddr, alignment);
            (stats.total_bpages, stats.free_bpages, stats.reserved_bpages) = (total, free, reserved.raw());
            stats.active_bpages_max = saved.active_bpages_max.raw();
            (stats.total_bounced, stats.total_deferred) = (saved.total_bounced, saved.total_deferred);
            (stats.map_count, stats.deferred_ns) = (map_count, saved.deferred_ns);
            self.pool.zones.push(BounceZone { lowaddr, alignment, free_list: VecDeque::with_capacity(listed), stats });
            for &frame in &saved.free_list {
                let page = self.add_page(zone, BouncePage::free(frame))?;
                self.pool.zone_mut(zone).free_list.push_back(page);
            }
        }
        Ok(())
    }

    fn add_page(&mut self, zone: ZoneId, page: BouncePage) -> Result<PageIdx, StateError> {
        let frame = page.frame;
        if frame.page_offset() != 0 || frame > self.pool.zone(zone).lowaddr {
            return Err(StateError::Frame { zone, frame });
        }
        if !self.frames.insert(frame.raw()) {
            return Err(StateError::FrameTwice { frame });
        }
        let index = u32::try_from(self.pool.pages.len()).map_err(|_| StateError::TooManyPages)?;
        self.pool.pages.push(page);
        Ok(PageIdx(index))
    }

    fn restore_tags(&mut self, state: &EngineState) -> Result<(), StateError> {
        let tags = state.tags.iter().map(|saved| self.tag(saved).map(|tag| (saved.id, tag)));
        let tags = tags.collect::<Result<_, _>>()?;
        self.tags = Arena::restore(tags, &state.vacant_tags).map_err(tag_slot)?;
        for SavedTag { id, parent, chain_parent, .. } in &state.tags {
            for &other in [parent, chain_parent].into_iter().flatten() {
                if self.tags.get(other).is_none() && !self.tags.is_stale(other) {
                    return Err(StateError::TagLink { tag: *id, other });
                }
            }
            if let Some(chained) = chain_parent.and_then(|id| self.tags.get_mut(id)) {
                chained.chain_referrers += 1;
            }
            if let Some(parent) = parent.and_then(|id| self.tags.get_mut(id)) {
                parent.children += 1;
            }
        }
        Ok(())
    }

    fn tag(&self, saved: &SavedTag) -> Result<DmaTag, StateError> {
        let constraints = Constraints {
            own: saved.own.clone(),
            chain: saved.chain.clone(),
            boundary: saved.boundary,
            maxsize: saved.maxsize,
            nsegments: saved.nsegments,
            maxsegsz: saved.maxsegsz,
            filter_scope: self.switches.filter_scope,
        };
        if saved.maxsegsz.raw() == 0 {
            return Err(StateError::ZeroMaxSegSize { tag: saved.id });
        }
        let (shape, plain) = DmaTag::cut(&constraints, saved.coherent, self.switches);
        let tag = DmaTag {
            constraints,
            shape,
            plain,
            flags: saved.flags,
            lock: saved.lock,
            parent: saved.parent,
            chain_parent: saved.chain_parent,
            could_bounce: saved.could_bounce,
            initial_pages_done: saved.initial_pages_done,
            allocated_pages: saved.allocated_pages,
            coherent: saved.coherent,
            zone: saved.zone,
            map_count: saved.map_count,
            references: saved.references,
            chain_referrers: 0,
            children: 0,
        };
        match saved.zone {
            Some(zone) if !self.suits(zone, &tag) => Err(StateError::TagZone { tag: saved.id, zone }),
            _ => Ok(tag),
        }
    }

    fn suits(&self, zone: ZoneId, tag: &DmaTag) -> bool {
        let zone = self.pool.zones.get(zone.index());
        tag.could_bounce && zone.is_some_and(|zone| zone.suits(tag))
    }

    fn restore_maps(&mut self, state: &EngineState) -> Result<(), StateError> {
        let maps = state.maps.iter().map(|saved| self.map(saved).map(|map| (saved.id, map)));
        let maps = maps.collect::<Result<_, _>>()?;
        self.maps = Arena::restore(maps, &state.vacant_maps).map_err(map_slot)?;
        Ok(())
    }

    fn map(&mut self, saved: &SavedMap) -> Result<DmaMap, StateError> {
        let map = saved.id;
        if self.tags.get(saved.tag).is_none() && !self.tags.is_stale(saved.tag) {
            return Err(StateError::MapTag { map, tag: saved.tag });
        }
        self.check_zone_of(saved)?;
        self.check_traces(saved)?;
        if saved.segments.iter().any(|segment| segment.len.raw() == 0) {
            return Err(StateError::EmptySegment { map });
        }
        let (state, waiting, queued_at) = match &saved.state {
            SavedMapState::Idle => (MapState::Idle, StoredMem::default(), Nanos::default()),
            SavedMapState::Loaded => (MapState::Loaded, StoredMem::default(), Nanos::default()),
            SavedMapState::Deferred { mem, .. } if mem.get().is_none() => {
                return Err(StateError::NothingDeferred { map });
            }
            SavedMapState::Deferred { mem, queued_at } => (MapState::Deferred, mem.clone(), *queued_at),
        };
        Ok(DmaMap {
            tag: saved.tag,
            zone: saved.zone,
            form: saved.form,
            bouncing: if saved.zone.is_some() { Bouncing::Possible } else { Bouncing::Never },
            state,
            pages_needed: saved.pages_needed.raw(),
            pages_reserved: saved.pages_reserved.raw(),
            segments: SegmentList::of(&saved.segments),
            pages: self.pages_of(saved)?,
            sync_list: sync_list(saved)?,
            origin: saved.dmamem.clone().map_or(MapOrigin::Created, |dmamem| MapOrigin::Dmamem(Box::new(dmamem))),
            waiting,
            queued_at,
        })
    }

    /// A map bounces with its tag's zone, or has nothing to do with bouncing.
    fn check_zone_of(&self, saved: &SavedMap) -> Result<(), StateError> {
        let holds = saved.pages_needed > PageCount::ZERO
            || saved.pages_reserved > PageCount::ZERO
            || !saved.pages.is_empty()
            || matches!(saved.state, SavedMapState::Deferred { .. });
        let right = match saved.zone {
            None => !holds,
            Some(zone) => {
                let exists = zone.index() < self.pool.zones.len();
                let of_tag = self.tags.get(saved.tag).is_none_or(|tag| tag.zone == Some(zone));
                exists && of_tag && saved.form == MapForm::Real && saved.dmamem.is_none()
            }
        };
        if right { Ok(()) } else { Err(StateError::MapZone { map: saved.id, zone: saved.zone }) }
    }

    fn check_traces(&self, saved: &SavedMap) -> Result<(), StateError> {
        let traces = match saved.state {
            SavedMapState::Deferred { .. } => !saved.pages.is_empty(),
            SavedMapState::Idle | SavedMapState::Loaded => {
                saved.pages_needed > PageCount::ZERO || saved.pages_reserved > PageCount::ZERO
            }
        };
        if traces && self.switches.failed_load == FailedLoad::RollsBack {
            return Err(StateError::Traces { map: saved.id });
        }
        Ok(())
    }

    fn pages_of(&mut self, saved: &SavedMap) -> Result<Vec<PageIdx>, StateError> {
        let Some(zone) = saved.zone else { return Ok(Vec::new()) };
        let mut pages = Vec::with_capacity(saved.pages.len());
        for &page in &saved.pages {
            let BouncePage { frame, offset, len, .. } = page;
            if offset >= PAGE_SIZE || len.raw() == 0 {
                return Err(StateError::MapPage { map: saved.id, frame, offset, len: len.raw() });
            }
            pages.push(self.add_page(zone, page)?);
            let stats = &mut self.pool.zone_mut(zone).stats;
            (stats.total_bpages, stats.active_bpages) = (stats.total_bpages + 1, stats.active_bpages + 1);
        }
        Ok(pages)
    }

    /// FreeBSD counts too few maps, never too many.
    fn check_tag_counts(&self, maps: &[SavedMap]) -> Result<(), StateError> {
        let mut maps_of = vec![0_u32; self.tags.slot_count()];
        let memory_counts = self.switches.dmamem_map == DmamemMap::RealAndCounted;
        let counted = maps.iter().filter(|map| memory_counts || map.dmamem.is_none());
        for map in counted.filter(|map| self.tags.get(map.tag).is_some()) {
            maps_of[map.tag.parts().0 as usize] += 1;
        }
        for (id, tag) in self.tags.iter::<TagId>() {
            let DmaTag { map_count, references, .. } = *tag;
            let maps = maps_of[id.parts().0 as usize];
            let too_many = i64::from(map_count) > i64::from(maps) || map_count.unsigned_abs() > COUNT_MAX;
            if too_many || references < 1 || references.unsigned_abs() > COUNT_MAX {
                return Err(StateError::TagCounts { tag: id, map_count, maps, references });
            }
        }
        Ok(())
    }

    fn check_high_water(&self) -> Result<(), StateError> {
        let zones = self.pool.zones.iter().map(|zone| &zone.stats);
        let drowned = zones.into_iter().find(|stats| stats.active_bpages > stats.active_bpages_max);
        drowned.map_or(Ok(()), |stats| {
            let (active, active_max) = (stats.active_bpages(), stats.active_bpages_max());
            Err(StateError::ZoneHighWater { zone: stats.zone, active, active_max })
        })
    }

    /// Who waits lacks pages, and who is ready lacks none.
    fn queues(&self, state: &EngineState) -> Result<WaitQueues, StateError> {
        let mut queues = WaitQueues::default();
        for &map in &state.waiters {
            let waiting = self.deferred(map)?;
            let Some(zone) = waiting.zone.filter(|_| waiting.pages_needed > waiting.pages_reserved) else {
                return Err(StateError::Queue { map });
            };
            queues.waiters.push_back(Waiter { map, zone });
        }
        for &map in &state.ready {
            let ready = self.deferred(map)?;
            if ready.pages_needed > ready.pages_reserved {
                return Err(StateError::Queue { map });
            }
            queues.ready.push_back(map);
        }
        Ok(queues)
    }

    fn deferred(&self, map: MapId) -> Result<&DmaMap, StateError> {
        self.maps.get(map).filter(|found| found.state == MapState::Deferred).ok_or(StateError::Queue { map })
    }
}

const fn tag_slot(VacantSlot { index, generation }: VacantSlot) -> StateError {
    StateError::TagSlot { index, generation }
}

const fn map_slot(VacantSlot { index, generation }: VacantSlot) -> StateError {
    StateError::MapSlot { index, generation }
}

fn sync_list(saved: &SavedMap) -> Result<SyncList, StateError> {
    let (ranges, count) = (&saved.sync_ranges, saved.sync_count);
    let bytes = ranges.iter().fold(0_u64, |bytes, range| bytes.saturating_add(range.len.raw()));
    if ranges.len() > count as usize || bytes > COHERENT_BYTES_MAX {
        return Err(StateError::SyncList { map: saved.id, ranges: ranges.len(), bytes, count });
    }
    Ok(SyncList { ranges: ranges.clone(), count })
}
