//! Deferral: waiters in order, woken as pages come back, and taken up again by whoever drains them.

use crate::addr::PageCount;
use crate::bounce::{BouncePool, Commit};
use crate::constraints::LockFunction;
use crate::decision::{Decision, Observer};
use crate::engine::{Engine, Told};
use crate::error::{KernelPanic, LoadError};
use crate::hazard::Hazard;
use crate::ids::{Arena, MapId, TagId, ZoneId};
use crate::load::WaitPolicy;
use crate::map::{DmaMap, MapState};
use crate::platform::Platform;
use crate::profile::{Counters, Switches, Waiting};
use crate::segment::Segment;
use crate::tag::DmaTag;
use std::collections::VecDeque;

/// Maps that wait for pages, and maps that have them and wait to be taken up.
#[derive(Clone, Debug, Default)]
pub(crate) struct WaitQueues {
    /// Waiters with the zone they wait for, in order of arrival (`bounce_map_waitinglist`).
    pub(crate) waiters: VecDeque<Waiter>,
    /// Waiters that have all their pages (`bounce_map_callbacklist`).
    pub(crate) ready: VecDeque<MapId>,
}

/// A map in the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Waiter {
    pub(crate) map: MapId,
    pub(crate) zone: ZoneId,
}

/// The parts of the machine that waking touches.
pub(crate) struct Waking<'e, O> {
    pub(crate) queues: &'e mut WaitQueues,
    pub(crate) maps: &'e mut Arena<DmaMap>,
    pub(crate) pool: &'e mut BouncePool,
    pub(crate) told: &'e mut Told<O>,
    pub(crate) switches: &'e Switches,
}

impl<O: Observer> Waking<'_, O> {
    /// Puts a map at the end of the queue.
    pub(crate) fn enqueue(&mut self, map: MapId, tag_id: TagId, tag: &DmaTag, zone: ZoneId) {
        let in_the_way = self.queues.waiters.iter().filter(|waiter| self.blocks(waiter, zone)).count();
        self.queues.waiters.push_back(Waiter { map, zone });
        if self.switches.waiting == Waiting::QueuePerZone && in_the_way == 0 {
            self.top_up(map, zone);
        }
        let Some(waiting) = self.maps.get(map) else { return };
        let (needed, reserved) = (waiting.pages_needed(), waiting.pages_reserved());
        if self.switches.counters == Counters::AsNamed {
            let stats = &mut self.pool.zone_mut(zone).stats;
            stats.total_deferred = stats.total_deferred.wrapping_add(1);
        }
        self.told.decision(|| Decision::Deferred { map, zone, needed, reserved, ahead: in_the_way });
        self.warn(map, tag_id, tag, zone, needed);
    }

    fn warn(&mut self, map: MapId, tag_id: TagId, tag: &DmaTag, zone: ZoneId, needed: PageCount) {
        let total = self.pool.zone(zone).stats.total_bpages();
        if needed > total {
            self.told.hazard(|| Hazard::NeverSatisfiable { map, zone, needed, total });
        }
        if let Some(head) = self.queues.waiters.front().copied().filter(|head| head.zone != zone)
            && self.switches.waiting == Waiting::OneGlobalQueue
        {
            self.told.hazard(|| Hazard::WaitsBehindOtherZone { map, zone, head: head.map, head_zone: head.zone });
        }
        if tag.lock == LockFunction::PanicsWhenCalled {
            self.told.hazard(|| Hazard::DeferredWithoutLockFunction { map, tag: tag_id });
        }
    }

    /// Takes every page off a map, waking whom each one serves; says how many pages and waiters it was.
    pub(crate) fn release_pages(&mut self, map: MapId, zone: ZoneId) -> Released {
        let mut released = Released::default();
        let Some(pages) = self.maps.get_mut(map).map(|map| std::mem::take(&mut map.pages)) else { return released };
        for &page in &pages {
            self.pool.put_page(zone, page);
            released.woken += self.wake(zone);
        }
        released.pages = PageCount::new(u32::try_from(pages.len()).unwrap_or(u32::MAX));
        if let Some(map) = self.maps.get_mut(map) {
            map.pages = pages;
            map.pages.clear();
        }
        released
    }

    /// Serves waiters after a page of `zone` came back; says how many became ready.
    pub(crate) fn wake(&mut self, zone: ZoneId) -> u32 {
        match self.switches.waiting {
            Waiting::OneGlobalQueue => self.serve_global_head(zone),
            Waiting::QueuePerZone => self.serve_zone(zone),
        }
    }

    /// `free_bounce_page`: one look at the head of the list, whatever zone it waits for, and its success is credited to
    /// the zone that freed the page.
    #[inline]
    fn serve_global_head(&mut self, freeing: ZoneId) -> u32 {
        let Some(&head) = self.queues.waiters.front() else { return 0 };
        if !self.top_up(head.map, head.zone) {
            return 0;
        }
        self.queues.waiters.pop_front();
        self.queues.ready.push_back(head.map);
        let stats = &mut self.pool.zone_mut(freeing).stats;
        stats.total_deferred = stats.total_deferred.wrapping_add(1);
        self.told.decision(|| Decision::Woken { map: head.map, zone: freeing });
        1
    }

    fn serve_zone(&mut self, zone: ZoneId) -> u32 {
        let mut woken = 0;
        while let Some(position) = self.queues.waiters.iter().position(|waiter| waiter.zone == zone) {
            let map = self.queues.waiters[position].map;
            if !self.top_up(map, zone) {
                break;
            }
            self.queues.waiters.remove(position);
            self.queues.ready.push_back(map);
            self.told.decision(|| Decision::Woken { map, zone });
            woken += 1;
        }
        woken
    }

    /// Reserves what is free for a waiter; says whether it now has all it needs.
    fn top_up(&mut self, map_id: MapId, zone: ZoneId) -> bool {
        let Some(map) = self.maps.get_mut(map_id) else { return true };
        let reservation = self.pool.reserve(zone, map, Commit::Partial);
        if reservation.promised > PageCount::ZERO {
            self.told.decision(|| Decision::Reserved { map: map_id, zone, pages: reservation.promised });
        }
        reservation.lacking == PageCount::ZERO
    }

    fn blocks(&self, waiter: &Waiter, zone: ZoneId) -> bool {
        self.switches.waiting == Waiting::OneGlobalQueue || waiter.zone == zone
    }
}

/// What giving pages back came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Released {
    pub(crate) pages: PageCount,
    pub(crate) woken: u32,
}

/// The driver's side of a deferred load (`busdma_swi`).
pub trait DeferredClient {
    /// The tag's lock is taken (`BUS_DMA_LOCK`).
    fn lock(&mut self, tag: TagId);

    /// The load came to its end.
    fn callback(&mut self, completion: &Completion<'_>);

    /// The tag's lock is given back (`BUS_DMA_UNLOCK`).
    fn unlock(&mut self, tag: TagId);
}

/// The end of a deferred load.
#[derive(Clone, Copy, Debug)]
pub struct Completion<'e> {
    /// The map.
    pub map: MapId,
    /// Its tag.
    pub tag: TagId,
    /// The mapping, or why there is none.
    pub result: Result<&'e [Segment], LoadError>,
}

/// A deferred load taken up by [`Engine::resume_next`].
#[derive(Clone, Copy, Debug)]
pub enum Resumed<'e> {
    /// It came to its end; the callback is due between lock and unlock.
    Completed(Completion<'e>),
    /// It has to wait again: a later part of its request needs pages too. The lock is still taken and given back.
    DeferredAgain {
        /// The map.
        map: MapId,
        /// Its tag.
        tag: TagId,
    },
}

impl<P: Platform, O: Observer> Engine<P, O> {
    /// Takes up every load that has its pages, with lock and unlock around each callback (`busdma_swi`). Says how many
    /// callbacks ran.
    ///
    /// # Errors
    /// [`KernelPanic::DefaultLockCalled`] when the next load's tag has no lock function; it is taken off the queue.
    #[doc(alias = "busdma_swi")]
    pub fn drain_ready(&mut self, client: &mut impl DeferredClient) -> Result<u32, KernelPanic> {
        let mut callbacks = 0;
        while let Some(tag) = self.next_ready()? {
            client.lock(tag);
            if let Some(Resumed::Completed(completion)) = self.resume_next() {
                client.callback(&completion);
                callbacks += 1;
            }
            client.unlock(tag);
        }
        Ok(callbacks)
    }

    /// The tag whose lock has to be taken before [`Self::resume_next`]; `None` when no load is ready.
    ///
    /// # Errors
    /// [`KernelPanic::DefaultLockCalled`] when that tag has no lock function; the load is taken off the queue.
    pub fn next_ready(&mut self) -> Result<Option<TagId>, KernelPanic> {
        while let Some(&map_id) = self.queues.ready.front() {
            let Some(map) = self.maps.get_mut(map_id) else {
                self.queues.ready.pop_front();
                continue;
            };
            let tag = map.tag;
            if self.tags.get(tag).is_some_and(|tag| tag.lock == LockFunction::PanicsWhenCalled) {
                map.state = MapState::Idle;
                self.queues.ready.pop_front();
                return Err(KernelPanic::DefaultLockCalled);
            }
            return Ok(Some(tag));
        }
        Ok(None)
    }

    /// Takes up the load at the head of the ready queue; `None` when there is none. The caller holds the tag's lock.
    pub fn resume_next(&mut self) -> Option<Resumed<'_>> {
        let map_id = self.queues.ready.pop_front()?;
        let now = self.told.now;
        let map = self.maps.get_mut(map_id)?;
        let tag = map.tag;
        let waited_ns = now.since(map.queued_at);
        map.state = MapState::Idle;
        let waiting = std::mem::take(&mut map.waiting);
        if let Some(zone) = self.tags.get(tag).and_then(|tag| tag.zone) {
            self.pool.zone_mut(zone).stats.deferred_ns += waited_ns;
        }
        self.told.decision(|| Decision::Resumed { map: map_id, waited_ns });
        let error = match waiting.get() {
            Some(mem) => self.map_memory(map_id, &mem, WaitPolicy::MayDefer).err(),
            None => Some(LoadError::NoSuchMap(map_id)),
        };
        let map = self.maps.get_mut(map_id)?;
        if map.state == MapState::Deferred {
            return Some(Resumed::DeferredAgain { map: map_id, tag });
        }
        map.waiting = waiting;
        let result = match error {
            Some(error) => Err(error),
            None => Ok(map.segments()),
        };
        Some(Resumed::Completed(Completion { map: map_id, tag, result }))
    }

    /// The maps that wait for pages, in the order they came, head first. Those that have their pages are no longer in it.
    pub fn waiters(&self) -> impl Iterator<Item = MapId> + '_ {
        self.queues.waiters.iter().map(|waiter| waiter.map)
    }

    /// The maps that have their pages and wait to be taken up, head first.
    pub fn ready(&self) -> impl Iterator<Item = MapId> + '_ {
        self.queues.ready.iter().copied()
    }
}
