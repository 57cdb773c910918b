//! Loads and unloads: what surrounds [`crate::load`], the main path itself.

use super::Engine;
use crate::addr::{AddressSpace, PageCount};
use crate::decision::{Decision, Observer};
use crate::defer::Waking;
use crate::error::{KernelPanic, LoadError, MapError};
use crate::findings;
use crate::ids::MapId;
use crate::load::{ALWAYS_WALKABLE, Loading, Progress, WaitPolicy};
use crate::map::{Bouncing, MapState};
use crate::memdesc::{Ccb, CcbDirection, Mem, MemDesc, VirtRange};
use crate::platform::Platform;
use crate::profile::{Chunking, FailedLoad, SecondLoad};
use crate::segment::Segment;

/// How a load went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadOutcome<'e> {
    /// The device may use these segments until the map is unloaded.
    Loaded(&'e [Segment]),
    /// The map waits for bounce pages (`EINPROGRESS`); [`Engine::drain_ready`] brings the outcome.
    Deferred,
    /// A control block that moves no data (`CAM_DIR_NONE`): there is nothing to map.
    NoData,
}

/// What an unload did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UnloadReport {
    /// Bounce pages given back.
    pub released: PageCount,
    /// Deferred loads that got their pages by it.
    pub woken: u32,
}

/// Whether a load is the driver's call, or taken up again after it was deferred.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attempt {
    /// The driver's call.
    First,
    /// Taken up again; pages on the map are then its own, from before it was deferred.
    Resumed,
}

impl<P: Platform, O: Observer> Engine<P, O> {
    /// Maps memory for the device: `bus_dmamap_load` and its kin, by the shape of `desc`.
    ///
    /// mbuf and uio loads never wait, whatever `wait` says. [`CallView`](crate::CallView) casts the outcome into what C's
    /// call returns and its callback is given.
    ///
    /// # Errors
    /// [`LoadError`]; under FreeBSD's profiles a failed load may leave pages and counts on the map, which is a hazard.
    #[doc(alias = "bus_dmamap_load")]
    #[inline]
    pub fn load(&mut self, map: MapId, desc: &MemDesc<'_>, wait: WaitPolicy) -> Result<LoadOutcome<'_>, LoadError> {
        let wait = match desc {
            MemDesc::Buffer(range) => return self.load_buffer(map, *range, wait),
            MemDesc::Mbuf(_) | MemDesc::MbufSg(_) | MemDesc::Uio(_) => WaitPolicy::NoWait,
            MemDesc::Ccb(Ccb { direction: CcbDirection::None, .. }) => return self.load_no_data(map),
            _ => wait,
        };
        desc.check(&self.switches)?;
        self.map_memory(map, &desc.mem(), wait, Attempt::First)
    }

    /// Releases a mapping (`bus_dmamap_unload`). It copies nothing; unloading an idle map does nothing.
    ///
    /// # Errors
    /// [`MapError::NoSuchMap`].
    #[doc(alias = "bus_dmamap_unload")]
    #[inline]
    pub fn unload(&mut self, map_id: MapId) -> Result<UnloadReport, MapError> {
        let map = self.maps.get_mut(map_id).ok_or(MapError::NoSuchMap(map_id))?;
        if map.state == MapState::Loaded {
            map.state = MapState::Idle;
        }
        map.sync_list.clear();
        let report = if map.pages.is_empty() { UnloadReport::default() } else { self.release_pages(map_id) };
        self.told.decision(|| Decision::Unloaded { map: map_id, released: report.released });
        Ok(report)
    }

    #[inline]
    fn load_buffer(&mut self, map_id: MapId, range: VirtRange, wait: WaitPolicy) -> Result<LoadOutcome<'_>, LoadError> {
        if self.load_plain(map_id, range).is_some() {
            return self.mapping(map_id);
        }
        self.map_memory(map_id, &Mem::Vaddr(range), wait, Attempt::First)
    }

    /// The short way for an unobserved load of which nothing needs to be bounced or cut inside a page, which is most
    /// loads. `None` sends it the long way, which starts afresh.
    #[inline]
    fn load_plain(&mut self, map_id: MapId, range: VirtRange) -> Option<()> {
        let map = self.maps.get_mut(map_id)?;
        let tag = self.tags.get(map.tag)?;
        if O::ENABLED || !tag.plain || map.state == MapState::Deferred || map.pages_needed != 0 {
            return None;
        }
        let (memory, kernel, len) = (&self.platform, AddressSpace::Kernel, range.len.raw());
        let looks_out = map.bouncing == Bouncing::Possible;
        if len.wrapping_sub(1) < range.start.left_in_page().raw() {
            let paddr = memory.translate(kernel, range.start)?;
            if looks_out && tag.constraints.bounces(paddr) {
                return None;
            }
            map.segments.fill_with_one(paddr.to_bus(), len)?;
        } else {
            let start = range.start.raw();
            let end = start.checked_add(len).filter(|_| len <= ALWAYS_WALKABLE)?;
            if looks_out {
                map.segments.fill_with_pages(&tag.shape, (start, end), |vaddr| {
                    memory.translate(kernel, vaddr).filter(|&paddr| !tag.constraints.bounces(paddr))
                })?;
            } else {
                map.segments.fill_with_pages(&tag.shape, (start, end), |vaddr| memory.translate(kernel, vaddr))?;
            }
        }
        map.state = MapState::Loaded;
        Some(())
    }

    /// Maps a descriptor onto a map and settles the map's state.
    #[inline]
    pub(crate) fn map_memory(
        &mut self,
        map_id: MapId,
        mem: &Mem<'_>,
        wait: WaitPolicy,
        attempt: Attempt,
    ) -> Result<LoadOutcome<'_>, LoadError> {
        let map = self.maps.get_mut(map_id).ok_or(LoadError::NoSuchMap(map_id))?;
        if map.state == MapState::Deferred {
            return Err(LoadError::StillDeferred);
        }
        let tag = self.tags.get(map.tag).ok_or(LoadError::NoSuchMap(map_id))?;
        if map.state == MapState::Loaded && self.switches.second_load == SecondLoad::Refused {
            return Err(LoadError::AlreadyLoaded);
        }
        if O::ENABLED && attempt == Attempt::First {
            findings::before_load(&mut self.told, map_id, map);
        }
        map.state = MapState::Idle;
        let mut loading = Loading {
            id: map_id,
            map,
            tag,
            pool: &mut self.pool,
            memory: &self.platform,
            told: &mut self.told,
            switches: &self.switches,
            wait,
        };
        let progress = match self.switches.chunking {
            Chunking::AsFreebsd => loading.request(mem),
            Chunking::Exact => loading.request_exactly(mem),
        };
        match progress {
            Ok(Progress::Mapped) => self.mapped(map_id),
            Ok(Progress::MustWait) => self.wait_for_pages(map_id, mem),
            Err(error) => self.failed(map_id, error),
        }
    }

    #[inline]
    fn mapped(&mut self, map_id: MapId) -> Result<LoadOutcome<'_>, LoadError> {
        let map = self.maps.get_mut(map_id).ok_or(LoadError::NoSuchMap(map_id))?;
        map.state = MapState::Loaded;
        if O::ENABLED
            && let Some(tag) = self.tags.get(map.tag)
        {
            findings::of_mapping(&mut self.told, map_id, map, tag);
        }
        self.mapping(map_id)
    }

    #[cold]
    fn wait_for_pages(&mut self, map_id: MapId, mem: &Mem<'_>) -> Result<LoadOutcome<'_>, LoadError> {
        let now = self.told.now;
        let map = self.maps.get_mut(map_id).ok_or(LoadError::NoSuchMap(map_id))?;
        map.state = MapState::Deferred;
        map.queued_at = now;
        map.waiting.store(mem);
        let tag_id = map.tag;
        let Some(tag) = self.tags.get(tag_id) else { return Err(LoadError::NoSuchMap(map_id)) };
        let zone = tag.zone.ok_or(LoadError::Panic(KernelPanic::NoReservedPage))?;
        let mut waking = Waking {
            queues: &mut self.queues,
            maps: &mut self.maps,
            pool: &mut self.pool,
            told: &mut self.told,
            switches: &self.switches,
        };
        waking.enqueue(map_id, tag_id, tag, zone);
        Ok(LoadOutcome::Deferred)
    }

    #[cold]
    fn failed(&mut self, map_id: MapId, error: LoadError) -> Result<LoadOutcome<'_>, LoadError> {
        if self.switches.failed_load == FailedLoad::RollsBack
            && let Some(zone) = self.maps.get(map_id).and_then(|map| map.zone)
        {
            self.waking().wake(zone);
        }
        if O::ENABLED {
            self.told.decision(|| Decision::Rejected { map: map_id, error });
            if let Some(map) = self.maps.get(map_id) {
                findings::of_leftovers(&mut self.told, map_id, map);
            }
        }
        Err(error)
    }

    fn load_no_data(&mut self, map_id: MapId) -> Result<LoadOutcome<'_>, LoadError> {
        let map = self.maps.get_mut(map_id).ok_or(LoadError::NoSuchMap(map_id))?;
        if map.state == MapState::Deferred {
            return Err(LoadError::StillDeferred);
        }
        map.segments.clear();
        Ok(LoadOutcome::NoData)
    }

    #[inline]
    fn mapping(&self, map_id: MapId) -> Result<LoadOutcome<'_>, LoadError> {
        let map = self.maps.get(map_id).ok_or(LoadError::NoSuchMap(map_id))?;
        Ok(LoadOutcome::Loaded(map.segments.as_slice()))
    }

    #[inline(never)]
    fn release_pages(&mut self, map_id: MapId) -> UnloadReport {
        let Some(zone) = self.maps.get(map_id).and_then(|map| map.zone) else { return UnloadReport::default() };
        let released = self.waking().release_pages(map_id, zone);
        UnloadReport { released: released.pages, woken: released.woken }
    }
}
