//! Deferral: waiters in order, woken as pages come back.

use crate::addr::PageCount;
use crate::bounce::{BouncePool, Commit};
use crate::constraints::LockFunction;
use crate::decision::{Decision, Observer, Told};
use crate::hazard::Hazard;
use crate::ids::{Arena, MapId, TagId, ZoneId};
use crate::map::DmaMap;
use crate::profile::{Counters, Switches, Waiting};
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

impl WaitQueues {
    /// Takes a map out of the queue it is in; says whether it was the waiter at the head.
    pub(crate) fn leave(&mut self, map: MapId) -> bool {
        if let Some(position) = self.waiters.iter().position(|waiter| waiter.map == map) {
            self.waiters.remove(position);
            return position == 0;
        }
        self.ready.retain(|&ready| ready != map);
        false
    }
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

    /// Takes back every page promised to a map, waking whom each one serves.
    pub(crate) fn release_promises(&mut self, map_id: MapId, zone: ZoneId) -> Released {
        let mut released = Released::default();
        while let Some(map) = self.maps.get_mut(map_id).filter(|map| map.pages_reserved > 0) {
            self.pool.take_back_promise(zone, map);
            released += Released { pages: PageCount::new(1), woken: self.wake(zone) };
        }
        released
    }

    /// Serves waiters after a page of `zone` came back; says how many became ready.
    #[inline]
    pub(crate) fn wake(&mut self, zone: ZoneId) -> u32 {
        if self.queues.waiters.is_empty() { 0 } else { self.serve(zone) }
    }

    #[inline(never)]
    fn serve(&mut self, zone: ZoneId) -> u32 {
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

impl std::ops::AddAssign for Released {
    fn add_assign(&mut self, other: Self) {
        self.pages = PageCount::new(self.pages.raw() + other.pages.raw());
        self.woken += other.woken;
    }
}
