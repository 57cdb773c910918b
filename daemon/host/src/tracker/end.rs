//! How mappings go on and end.

use super::change::Change;
use super::live::{Ending, Fit};
use super::stats::{Lives, Unknown};
use super::{Doubt, Sink, Tracker};
use crate::event::{Attributes, Free, HostEvent, Sync, SyncOwner, Tracepoint, UnmapPage, UnmapSg};
use crate::mapping::{Mapping, MappingId, Origin, State};

impl Tracker {
    pub(super) fn unmap_page(&mut self, device: u32, event: &HostEvent, unmap: &UnmapPage, sink: Sink<'_, '_>) {
        let resource = event.point == Tracepoint::DmaUnmapResource || unmap.attributes.contains(Attributes::MMIO);
        let origin = if resource { Origin::Resource } else { Origin::Page };
        match self.live.page(device, unmap, origin) {
            Some(ending) => self.end(event, ending, sink),
            None => self.unknown(device, |unknown| unknown.unmap_page += 1),
        }
    }

    pub(super) fn unmap_sg(&mut self, device: u32, event: &HostEvent, unmap: &UnmapSg, sink: Sink<'_, '_>) {
        match self.live.sg(device, unmap) {
            Some(ending) => self.end(event, ending, sink),
            None => self.unknown(device, |unknown| unknown.unmap_sg += 1),
        }
    }

    pub(super) fn free(&mut self, device: u32, event: &HostEvent, free: &Free, sink: Sink<'_, '_>) {
        match self.live.allocation(device, free.dma, |mapping| mapping.size == free.size) {
            Some(ending) => self.end(event, ending, sink),
            None => self.unknown(device, |unknown| unknown.free += 1),
        }
    }

    pub(super) fn sync(&mut self, device: u32, sync: &Sync, sink: Sink<'_, '_>) {
        let first = sync.ranges.first();
        let id = first.and_then(|range| self.live.around(device, range.start));
        let Some((_, mapping)) = id.and_then(|id| self.live.get_mut(id)) else {
            return self.unknown(device, |unknown| unknown.sync += 1);
        };
        let count = match sync.owner {
            SyncOwner::Cpu => &mut mapping.syncs.for_cpu,
            SyncOwner::Device => &mut mapping.syncs.for_device,
        };
        *count = count.saturating_add(1);
        sink(Change::Synced { mapping, owner: sync.owner });
        self.stats.syncs += 1;
        if let Some(record) = self.devices.get_mut(device) {
            record.totals.synced(sync.owner);
        }
    }

    /// Remembers mappings whose addresses were given out again. The event that ends one may still come: the kernel frees
    /// addresses before it says so.
    pub(super) fn doubt(&mut self, ids: &[MappingId]) {
        let at = self.now;
        self.doubts.extend(ids.iter().map(|&id| Doubt { at, id }));
    }

    /// Ends the doubted mappings whose end has not come in time.
    pub(super) fn supersede(&mut self, sink: Sink<'_, '_>) {
        let before = self.before(self.limits.settle);
        while let Some(doubt) = self.doubts.front().copied().filter(|doubt| Some(doubt.at) <= before) {
            self.doubts.pop_front();
            if let Some((device, mut mapping)) = self.live.remove(doubt.id) {
                mapping.state = State::Superseded { at: doubt.at };
                self.over(device, &mapping, Lives::superseded);
                sink(Change::Superseded(&mapping));
            }
        }
    }

    /// Forgets the oldest mappings while there are too many.
    pub(super) fn make_room(&mut self, sink: Sink<'_, '_>) {
        while self.live.len() > self.limits.live || self.live.entries() > self.limits.live_entries {
            let Some((device, mapping)) = self.live.oldest().and_then(|id| self.live.remove(id)) else {
                return;
            };
            self.over(device, &mapping, Lives::given_up);
            sink(Change::GivenUp(&mapping));
        }
    }

    fn end(&mut self, event: &HostEvent, ending: Ending, sink: Sink<'_, '_>) {
        let Some((device, mapping)) = self.live.remove(ending.id) else {
            return;
        };
        self.over(device, &mapping, Lives::unmapped);
        self.stats.odd_unmaps += u64::from(ending.fit == Fit::Odd);
        let mapping = Mapping { state: State::Unmapped { at: event.at }, ..mapping };
        sink(Change::Ended(&mapping));
    }

    fn over(&mut self, device: u32, mapping: &Mapping, count: impl Fn(&mut Lives)) {
        count(&mut self.stats.lives);
        if let Some(record) = self.devices.get_mut(device) {
            record.totals.over(mapping, count);
        }
    }

    fn unknown(&mut self, device: u32, count: impl Fn(&mut Unknown)) {
        count(&mut self.stats.unknown);
        if let Some(record) = self.devices.get_mut(device) {
            count(&mut record.totals.unknown);
        }
    }
}
