//! Taking deferred loads up again: the driver's side of deferral.

use crate::constraints::LockFunction;
use crate::decision::{Decision, Observer};
use crate::engine::{Attempt, Engine};
use crate::error::{KernelPanic, LoadError};
use crate::ids::{MapId, TagId};
use crate::load::WaitPolicy;
use crate::map::MapState;
use crate::platform::Platform;
use crate::profile::FailedLoad;
use crate::segment::Segment;

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
                self.give_up(map_id);
                return Err(KernelPanic::DefaultLockCalled);
            }
            return Ok(Some(tag));
        }
        Ok(None)
    }

    /// Where failed loads leave no trace, one that cannot be taken up gives back what it was promised.
    fn give_up(&mut self, map_id: MapId) {
        if self.switches.failed_load == FailedLoad::LeavesTraces {
            return;
        }
        let Some(map) = self.maps.get_mut(map_id) else { return };
        map.pages_needed = 0;
        if let Some(zone) = map.zone {
            self.pool.cancel_reservation(zone, map);
            self.waking().wake(zone);
        }
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
        if let Some(zone) = map.zone {
            self.pool.zone_mut(zone).stats.count_wait(waited_ns);
        }
        self.told.decision(|| Decision::Resumed { map: map_id, waited_ns });
        let error = match waiting.get() {
            Some(mem) => self.map_memory(map_id, &mem, WaitPolicy::MayDefer, Attempt::Resumed).err(),
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
