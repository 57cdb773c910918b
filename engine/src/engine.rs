//! The engine: tags, maps and zones of one machine, and a method for every verb of bus_dma(9).

use crate::addr::{AddressSpace, BusAddr, BusSize, Nanos, PageCount, PhysAddr};
use crate::bounce::BouncePool;
use crate::constraints::{TagFlags, TagTemplate};
use crate::decision::{Decision, NoObserver, Observer, Told};
use crate::defer::{WaitQueues, Waking};
use crate::error::{KernelPanic, LoadError, MapError, SyncError, TagError};
use crate::findings;
use crate::growth::Growing;
use crate::hazard::Hazard;
use crate::ids::{Arena, MapId, TagId, ZoneId};
use crate::load::{ALWAYS_WALKABLE, Loading, Progress, WaitPolicy};
use crate::map::{Bouncing, DmaMap, MapForm, MapOrigin, MapState};
use crate::memdesc::{Ccb, CcbDirection, Mem, MemDesc, VirtRange};
pub use crate::platform::MachineLimits;
use crate::platform::Platform;
use crate::profile::{
    Chunking, DmamemMap, FailedLoad, MapHandle, Profile, SecondLoad, Switches, TagReferences, Waiting,
};
use crate::segment::Segment;
use crate::stats::ZoneStats;
use crate::sync::{AtOnce, SyncOps, SyncPlan, SyncReport, SyncSink, Syncing};
use crate::tag::DmaTag;

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

/// Whether a load is the driver's call, or taken up again after it was deferred.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attempt {
    /// The driver's call.
    First,
    /// Taken up again; pages on the map are then its own, from before it was deferred.
    Resumed,
}

/// What an unload did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UnloadReport {
    /// Bounce pages given back.
    pub released: PageCount,
    /// Deferred loads that got their pages by it.
    pub woken: u32,
}

/// A tag that was destroyed and whose memory went, with the ancestors that went with it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FreedTags {
    /// The freed tags in order; empty while others still refer to the tag.
    pub tags: Vec<TagId>,
}

/// One client page's worth of bytes on a bounce page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BouncedPiece {
    /// Where the device sees them.
    pub bounce: BusAddr,
    /// Where the client's first byte lies.
    pub client: PhysAddr,
    /// How many.
    pub len: BusSize,
}

/// The parts that growing a pool touches, borrowed one by one so that a tag can be borrowed beside them.
macro_rules! growing {
    ($engine:expr) => {
        Growing {
            pool: &mut $engine.pool,
            frames: &mut $engine.platform,
            told: &mut $engine.told,
            limits: &$engine.limits,
            switches: &$engine.switches,
        }
    };
}

/// One simulated host's bus_dma(9).
///
/// `P` supplies memory and frames, `O` hears what is decided. The engine does no I/O, reads no clock and has no threads.
#[derive(Debug)]
pub struct Engine<P, O = NoObserver> {
    pub(crate) platform: P,
    pub(crate) told: Told<O>,
    pub(crate) limits: MachineLimits,
    pub(crate) switches: Switches,
    pub(crate) tags: Arena<DmaTag>,
    pub(crate) maps: Arena<DmaMap>,
    pub(crate) pool: BouncePool,
    pub(crate) queues: WaitQueues,
}

impl<P: Platform> Engine<P> {
    /// An empty machine that nobody observes.
    pub fn new(platform: P, limits: MachineLimits, profile: Profile) -> Self {
        Self::with_observer(platform, NoObserver, limits, profile.switches())
    }
}

impl<P: Platform, O: Observer> Engine<P, O> {
    /// An empty machine: no tags, no zones, and the clock at 0.
    pub fn with_observer(platform: P, observer: O, limits: MachineLimits, switches: Switches) -> Self {
        Self {
            platform,
            told: Told { observer, now: Nanos::default() },
            limits,
            switches,
            tags: Arena::new(),
            maps: Arena::new(),
            pool: BouncePool::default(),
            queues: WaitQueues::default(),
        }
    }

    /// Says what time it is for the verbs that follow.
    pub fn at(&mut self, now: Nanos) -> &mut Self {
        self.told.now = now;
        self
    }

    /// Creates a tag (`bus_dma_tag_create`).
    ///
    /// # Errors
    /// [`TagError::ZeroMaxSegSize`] (`EINVAL`), [`TagError::NoBouncePages`] (`ENOMEM`) when `ALLOC_NOW` cannot fill the
    /// pool, [`TagError::NoSuchTag`] for the parent.
    #[doc(alias = "bus_dma_tag_create")]
    pub fn create_tag(&mut self, parent: Option<TagId>, template: &TagTemplate) -> Result<TagId, TagError> {
        let above = match parent {
            Some(id) => Some((id, self.tags.get(id).ok_or(TagError::NoSuchTag(id))?)),
            None => None,
        };
        let tag = DmaTag::build(template, above, &self.limits, &self.switches)?;
        let fill_now = tag.could_bounce && template.flags.contains(TagFlags::ALLOC_NOW);
        if let Some(parent) = parent.and_then(|id| self.tags.get_mut(id)) {
            parent.references += 1;
        }
        let chain_parent = tag.chain_parent;
        let (id, slot) = self.tags.insert();
        *slot = tag;
        if fill_now && let Err(error) = growing!(self).for_tag(id, slot) {
            self.forget_unborn(id, parent);
            return Err(error);
        }
        let zone = slot.zone;
        if let Some(chained) = chain_parent.and_then(|id| self.tags.get_mut(id)) {
            chained.chain_referrers += 1;
        }
        self.serve_grown(zone);
        Ok(id)
    }

    /// Destroys a tag (`bus_dma_tag_destroy`). It lives on while others refer to it.
    ///
    /// # Errors
    /// [`TagError::Busy`] (`EBUSY`) while maps belong to it, [`TagError::NoSuchTag`].
    #[doc(alias = "bus_dma_tag_destroy")]
    pub fn destroy_tag(&mut self, tag: TagId) -> Result<FreedTags, TagError> {
        let map_count = self.tags.get(tag).ok_or(TagError::NoSuchTag(tag))?.map_count;
        if map_count != 0 {
            return Err(TagError::Busy { maps: map_count.unsigned_abs() });
        }
        let mut freed = FreedTags::default();
        let mut next = Some(tag);
        while let Some(id) = next.take() {
            let Some(dying) = self.tags.get_mut(id) else { break };
            dying.references -= 1;
            if dying.references == 0 {
                next = match self.switches.tag_references {
                    TagReferences::ChainParent => dying.chain_parent,
                    TagReferences::Parent => dying.parent,
                };
                self.free_tag(id);
                freed.tags.push(id);
            }
        }
        Ok(freed)
    }

    /// Creates a map (`bus_dmamap_create`).
    ///
    /// # Errors
    /// [`MapError::NoBouncePages`] (`ENOMEM`) when the tag's first map cannot fill the pool, [`MapError::NoSuchTag`].
    #[doc(alias = "bus_dmamap_create")]
    #[inline]
    pub fn create_map(&mut self, tag_id: TagId) -> Result<MapId, MapError> {
        let tag = self.tags.get_mut(tag_id).ok_or(MapError::NoSuchTag(tag_id))?;
        if tag.could_bounce {
            return self.create_bouncing_map(tag_id);
        }
        tag.map_count += 1;
        let (id, map) = self.maps.insert();
        map.tag = tag_id;
        map.bouncing = Bouncing::Never;
        map.form = match self.switches.map_handle {
            MapHandle::NullWhenNeverBouncing => MapForm::Null,
            MapHandle::AlwaysReal => MapForm::Real,
        };
        Ok(id)
    }

    /// Destroys a map (`bus_dmamap_destroy`).
    ///
    /// # Errors
    /// [`MapError::StillLoaded`] (`EBUSY`), [`MapError::StillDeferred`], [`MapError::NoSuchMap`], and
    /// [`MapError::Panic`] for a map that came with dmamem on arm64.
    #[doc(alias = "bus_dmamap_destroy")]
    #[inline]
    pub fn destroy_map(&mut self, map_id: MapId) -> Result<(), MapError> {
        let map = self.maps.get(map_id).ok_or(MapError::NoSuchMap(map_id))?;
        let from_dmamem = matches!(map.origin, MapOrigin::Dmamem(_));
        if from_dmamem && self.switches.dmamem_map == DmamemMap::RealAndCounted {
            return Err(KernelPanic::InvalidMapFreed.into());
        }
        if map.state == MapState::Deferred {
            return Err(MapError::StillDeferred);
        }
        let loaded = self.switches.second_load == SecondLoad::Refused && map.state == MapState::Loaded;
        if !map.pages.is_empty() || map.sync_list.count != 0 || loaded {
            return Err(MapError::StillLoaded {
                bounce_pages: map.bounce_page_count(),
                sync_ranges: map.sync_list.count,
            });
        }
        let (tag, form) = (map.tag, map.form);
        if let Some(tag) = self.tags.get_mut(tag) {
            tag.map_count -= 1;
            if form == MapForm::Real
                && let Some(zone) = tag.zone
            {
                self.pool.zone_mut(zone).stats.map_count -= 1;
            }
        }
        // The memory behind a NULL map outlives it: only free_mem gives it back.
        if !from_dmamem {
            self.maps.remove(map_id);
        }
        Ok(())
    }

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

    /// Makes CPU and device see the same bytes (`bus_dmamap_sync`): copies bounce pages through [`Memory`](crate::Memory).
    ///
    /// # Errors
    /// [`SyncError`]; nothing is copied then.
    #[doc(alias = "bus_dmamap_sync")]
    #[inline]
    pub fn sync(&mut self, map: MapId, ops: SyncOps) -> Result<SyncReport, SyncError> {
        self.sync_into(map, ops, &mut AtOnce)
    }

    /// Decides a sync as [`Self::sync`] does, but leaves the copying to the caller: `plan` is overwritten with the steps.
    ///
    /// # Errors
    /// [`SyncError`]; the plan is empty then.
    pub fn plan_sync(&mut self, map: MapId, ops: SyncOps, plan: &mut SyncPlan) -> Result<SyncReport, SyncError> {
        plan.clear();
        let report = self.sync_into(map, ops, plan);
        if report.is_err() {
            plan.clear();
        }
        report
    }

    /// A tag.
    pub fn tag(&self, tag: TagId) -> Option<&DmaTag> {
        self.tags.get(tag)
    }

    /// A map.
    pub fn map(&self, map: MapId) -> Option<&DmaMap> {
        self.maps.get(map)
    }

    /// All tags that have not been freed.
    pub fn tags(&self) -> impl Iterator<Item = (TagId, &DmaTag)> {
        self.tags.iter()
    }

    /// All maps that have not been destroyed, those that came with dmamem included.
    pub fn maps(&self) -> impl Iterator<Item = (MapId, &DmaMap)> {
        self.maps.iter()
    }

    /// The bounced pieces of a map, in list order; none for an unknown map.
    pub fn bounce_pages(&self, map: MapId) -> impl Iterator<Item = BouncedPiece> + '_ {
        let pages = self.maps.get(map).map_or(&[][..], |map| &map.pages);
        pages.iter().map(|&index| {
            let page = &self.pool.pages[index.0 as usize];
            BouncedPiece { bounce: page.bus(), client: page.client.first, len: page.len }
        })
    }

    /// The zones' counters, in creation order.
    pub fn zones(&self) -> impl Iterator<Item = &ZoneStats> {
        self.pool.zones.iter().map(|zone| &zone.stats)
    }

    /// Counters of one zone.
    pub fn zone(&self, zone: ZoneId) -> Option<&ZoneStats> {
        self.pool.zones.get(zone.index()).map(|zone| &zone.stats)
    }

    /// What supplies memory.
    pub fn platform(&self) -> &P {
        &self.platform
    }

    /// What supplies memory, to change it.
    pub fn platform_mut(&mut self) -> &mut P {
        &mut self.platform
    }

    /// Who hears of decisions.
    pub fn observer(&self) -> &O {
        &self.told.observer
    }

    /// Who hears of decisions, to change it.
    pub fn observer_mut(&mut self) -> &mut O {
        &mut self.told.observer
    }

    /// Which bus_dma(9) this is.
    pub fn switches(&self) -> &Switches {
        &self.switches
    }

    #[inline(never)]
    fn create_bouncing_map(&mut self, tag_id: TagId) -> Result<MapId, MapError> {
        let tag = self.tags.get_mut(tag_id).ok_or(MapError::NoSuchTag(tag_id))?;
        growing!(self).for_map(tag_id, tag)?;
        tag.map_count += 1;
        let zone = tag.zone;
        let (id, map) = self.maps.insert();
        map.tag = tag_id;
        map.zone = zone;
        map.bouncing = Bouncing::Possible;
        map.form = MapForm::Real;
        self.serve_grown(zone);
        Ok(id)
    }

    /// FreeBSD leaves waiters waiting when their pool grows.
    fn serve_grown(&mut self, zone: Option<ZoneId>) {
        if let Some(zone) = zone
            && self.switches.waiting == Waiting::QueuePerZone
        {
            self.waking().wake(zone);
        }
    }

    #[inline]
    fn load_buffer(&mut self, map_id: MapId, range: VirtRange, wait: WaitPolicy) -> Result<LoadOutcome<'_>, LoadError> {
        if self.load_plain(map_id, range).is_some() {
            return self.mapping(map_id);
        }
        self.map_memory(map_id, &Mem::Vaddr(range), wait, Attempt::First)
    }

    #[inline]
    fn mapping(&self, map_id: MapId) -> Result<LoadOutcome<'_>, LoadError> {
        let map = self.maps.get(map_id).ok_or(LoadError::NoSuchMap(map_id))?;
        Ok(LoadOutcome::Loaded(map.segments.as_slice()))
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
        let start = range.start.raw();
        let end = start.checked_add(range.len.raw()).filter(|_| range.len.raw() <= ALWAYS_WALKABLE)?;
        let memory = &self.platform;
        let kernel = AddressSpace::Kernel;
        if map.bouncing == Bouncing::Possible {
            map.segments.fill_with_pages(&tag.shape, (start, end), |vaddr| {
                memory.translate(kernel, vaddr).filter(|&paddr| !tag.constraints.bounces(paddr))
            })?;
        } else {
            map.segments.fill_with_pages(&tag.shape, (start, end), |vaddr| memory.translate(kernel, vaddr))?;
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
    fn sync_into<S: SyncSink<P>>(
        &mut self,
        map_id: MapId,
        ops: SyncOps,
        sink: &mut S,
    ) -> Result<SyncReport, SyncError> {
        let map = self.maps.get(map_id).ok_or(SyncError::NoSuchMap(map_id))?;
        if map.pages.is_empty() && map.sync_list.count == 0 {
            return Ok(SyncReport::default());
        }
        self.sync_pages(map_id, ops, sink)
    }

    #[inline(never)]
    fn sync_pages<S: SyncSink<P>>(
        &mut self,
        map_id: MapId,
        ops: SyncOps,
        sink: &mut S,
    ) -> Result<SyncReport, SyncError> {
        let map = self.maps.get(map_id).ok_or(SyncError::NoSuchMap(map_id))?;
        let tag = self.tags.get(map.tag).ok_or(SyncError::NoSuchMap(map_id))?;
        let mut syncing = Syncing {
            id: map_id,
            map,
            tag,
            pool: &mut self.pool,
            memory: &mut self.platform,
            told: &mut self.told,
            switches: &self.switches,
            sink,
        };
        syncing.run(ops)
    }

    #[inline(never)]
    fn release_pages(&mut self, map_id: MapId) -> UnloadReport {
        let Some(zone) = self.maps.get(map_id).and_then(|map| map.zone) else { return UnloadReport::default() };
        let released = self.waking().release_pages(map_id, zone);
        UnloadReport { released: released.pages, woken: released.woken }
    }

    pub(crate) fn waking(&mut self) -> Waking<'_, O> {
        Waking {
            queues: &mut self.queues,
            maps: &mut self.maps,
            pool: &mut self.pool,
            told: &mut self.told,
            switches: &self.switches,
        }
    }

    /// Takes back a tag that was never handed out. FreeBSD forgets that it referenced the parent.
    fn forget_unborn(&mut self, tag: TagId, parent: Option<TagId>) {
        self.tags.remove(tag);
        if self.switches.tag_references == TagReferences::Parent
            && let Some(parent) = parent.and_then(|id| self.tags.get_mut(id))
        {
            parent.references -= 1;
        }
    }

    fn free_tag(&mut self, id: TagId) {
        let Some(tag) = self.tags.get(id) else { return };
        let (chained, referrers) = (tag.chain_parent, tag.chain_referrers);
        if referrers > 0 {
            self.told.hazard(|| Hazard::TagFreedWhileReferenced { tag: id, referrers });
        }
        if let Some(chained) = chained.and_then(|id| self.tags.get_mut(id)) {
            chained.chain_referrers -= 1;
        }
        self.tags.remove(id);
    }
}
