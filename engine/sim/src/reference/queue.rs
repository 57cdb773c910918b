//! Unload, the wake-up it brings, the deferred callbacks, and giving up before them.

use super::loads::Halt;
use super::{PAGE, Reference};
use crate::answer::{Answer, CallbackView, Event, MapNo};
use crate::request::{MemRequest, Request};
use busdma_engine::constraints::LockFunction;
use busdma_engine::error::{Errno, KernelPanic};
use busdma_engine::load::WaitPolicy;

impl Reference {
    /// `bus_dmamap_unload`.
    pub(super) fn release(&mut self, map: MapNo) -> Answer {
        let pieces = std::mem::take(&mut self.map_mut(map).pieces);
        let released = u32::try_from(pieces.len()).expect("few pieces");
        let mut woken = 0;
        for piece in pieces {
            let pool = self.pool_of(map).expect("a map with pages has a pool");
            pool.unused.insert(0, piece.bus / PAGE * PAGE);
            pool.free += 1;
            pool.active -= 1;
            woken += self.serve_head(map);
        }
        let state = self.map_mut(map);
        state.ranges.clear();
        state.range_count = 0;
        state.mapping.clear();
        Answer::Unloaded { released, woken }
    }

    /// The software interrupt.
    pub(super) fn interrupt(&mut self) -> Answer {
        let mut events = Vec::new();
        while !self.ripe.is_empty() {
            let map = self.ripe.remove(0);
            let tag = self.maps[&map].tag;
            if self.tags[&tag].lock == LockFunction::PanicsWhenCalled {
                return Answer::Panic(KernelPanic::DefaultLockCalled);
            }
            events.push(Event::Lock(tag));
            match self.retry(map) {
                Err(panic) => return Answer::Panic(panic),
                Ok(callback) => events.extend(callback.map(|callback| Event::Callback(map, callback))),
            }
            events.push(Event::Unlock(tag));
        }
        Answer::Drained(events)
    }

    /// Not FreeBSD's: a deferred load whose driver is gone. Every page it was promised or holds comes back as in an unload.
    pub(super) fn give_up_load(&mut self, map: MapNo) -> Answer {
        if !self.is_queued(map) {
            return Answer::Error(Errno::Einval);
        }
        let led_the_queue = self.waiting.first() == Some(&map);
        self.waiting.retain(|&waiter| waiter != map);
        self.ripe.retain(|&ripe| ripe != map);
        let promised = std::mem::take(&mut self.map_mut(map).reserved);
        self.map_mut(map).needed = 0;
        let mut woken = 0;
        for _ in 0..promised {
            let pool = self.pool_of(map).expect("a map that waits has a pool");
            pool.reserved -= 1;
            pool.free += 1;
            woken += self.serve_head(map);
        }
        let Answer::Unloaded { released, woken: by_pages } = self.release(map) else { unreachable!("it unloads") };
        woken += by_pages;
        let released = released + u32::try_from(promised).expect("few pages");
        // Nothing came back, but whoever moved up to the head was never looked at.
        if led_the_queue && released == 0 {
            woken += self.serve_head(map);
        }
        Answer::Cancelled { released, woken }
    }

    /// A page of `map`'s pool came free: the head of the queue gets what its own pool has.
    fn serve_head(&mut self, map: MapNo) -> u32 {
        let Some(&head) = self.waiting.first() else { return 0 };
        if self.reserve(head) > 0 {
            return 0;
        }
        self.waiting.remove(0);
        self.ripe.push(head);
        self.pool_of(map).expect("a map with pages has a pool").deferred += 1;
        1
    }

    /// Loads a kept request again, by way of its memory descriptor. No callback when it is deferred once more.
    fn retry(&mut self, map: MapNo) -> Result<Option<CallbackView>, KernelPanic> {
        let kept = self.maps[&map].kept.clone().expect("a queued map keeps its request");
        let request = Request::Mem(match kept {
            Request::Buffer(buffer) => MemRequest::Vaddr(buffer),
            Request::Bio(bio) => MemRequest::Bio(bio),
            Request::Ccb(ccb) => MemRequest::Ccb(ccb),
            Request::Mem(mem) => mem,
            Request::Mbuf(_) | Request::MbufSg(_) | Request::Uio(_) => unreachable!("these never wait"),
        });
        let mut segments = Vec::new();
        let error = match self.load_parts(map, &request, WaitPolicy::MayDefer, &mut segments) {
            Ok(()) => None,
            Err(Halt::Error(Errno::Einprogress)) => return Ok(None),
            Err(Halt::Error(error)) => Some(error),
            Err(Halt::Panic(panic)) => return Err(panic),
            Err(Halt::Refused) => unreachable!("refused when it was first loaded"),
        };
        if error.is_some() {
            segments.clear();
        }
        self.map_mut(map).mapping.clone_from(&segments);
        Ok(Some(CallbackView { error, segments: Some(segments), mapsize: None }))
    }
}
