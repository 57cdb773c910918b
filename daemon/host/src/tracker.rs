//! Events become lives: what was mapped, for how long, and what swiotlb and an IOMMU had to do with it.
//!
//! Events come in the order of their source. Nothing is assumed of what was before the first one, and lost events cost
//! only the mappings that they concern: each mapping, bounce and event is counted once, and memory is bounded.

mod begin;
mod block;
mod change;
mod devices;
mod end;
mod live;
mod pending;
mod stats;
mod translation;

pub use block::{RequestCounts, Requests};
pub use change::Change;
pub use pending::Piece;
pub use stats::{BounceCounts, DeviceTotals, Failures, Lives, Origins, TrackerStats, TranslationCounts, Unknown};

use crate::event::{EventKind, HostEvent};
use crate::mapping::{Mapping, MappingId};
use busdma_engine::Nanos;
use devices::Devices;
use live::Live;
use pending::Pending;
use std::collections::VecDeque;
use translation::Translations;

/// Follows mappings through events.
#[derive(Clone, Debug)]
pub struct Tracker {
    limits: TrackerLimits,
    now: Nanos,
    mappings: u64,
    /// Whether the source tells of mappings at all; some tell only of bounces.
    maps_seen: bool,
    devices: Devices,
    live: Live,
    pending: Pending,
    iommu: Translations,
    doubts: VecDeque<Doubt>,
    requests: Requests,
    stats: TrackerStats,
}

/// How much a tracker keeps, and for how long it waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrackerLimits {
    /// Live mappings; the oldest are forgotten.
    pub live: usize,
    /// Entries in the lists of live mappings together; the oldest mappings are forgotten.
    pub live_entries: usize,
    /// Bounces whose mapping has not been seen; those that have waited longest are forgotten.
    pub pending_bounces: usize,
    /// IOMMU mappings whose DMA mapping has not been seen; all are forgotten.
    pub pending_translations: usize,
    /// Block requests in flight; the oldest are forgotten.
    pub requests: usize,
    /// Devices; events of further ones are not looked at.
    pub devices: usize,
    /// Nanoseconds after which a bounce without a mapping is a scatter list that failed.
    pub unmapped_bounce: u64,
    /// Nanoseconds for which evidence that something is over waits for an event that says so.
    pub settle: u64,
}

/// A mapping whose addresses were given out again.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    at: Nanos,
    id: MappingId,
}

/// Whom a tracker tells of changes.
type Sink<'s, 'f> = &'s mut (dyn FnMut(Change<'_>) + 'f);

impl Tracker {
    /// A tracker that has seen nothing.
    pub fn new(limits: TrackerLimits) -> Self {
        Self {
            limits,
            now: Nanos::default(),
            mappings: 0,
            maps_seen: false,
            devices: Devices::default(),
            live: Live::default(),
            pending: Pending::default(),
            iommu: Translations::default(),
            doubts: VecDeque::new(),
            requests: Requests::default(),
            stats: TrackerStats::default(),
        }
    }

    /// Takes one event in. `sink` is told of all that changes, in order.
    pub fn event(&mut self, event: &HostEvent, sink: &mut dyn FnMut(Change<'_>)) {
        self.stats.events += 1;
        self.advance(event.at, sink);
        match &event.kind {
            EventKind::IommuMap(map) => {
                let limit = self.limits.pending_translations;
                self.iommu.add(event, *map, limit, &mut self.stats.translations);
            }
            EventKind::IommuUnmap(_) => self.stats.translations.unmaps += 1,
            EventKind::BlockIssue(request) => self.requests.issue(request, self.limits.requests),
            EventKind::BlockRequeue(_) => self.requests.requeue(),
            EventKind::BlockComplete(done) => self.requests.complete(done),
            EventKind::BlockQueue(_) | EventKind::Mark(_) => {}
            _ => self.device_event(event, sink),
        }
    }

    /// Lets time pass without an event: what has waited too long is settled.
    pub fn advance(&mut self, now: Nanos, sink: &mut dyn FnMut(Change<'_>)) {
        self.now = self.now.max(now);
        while let Some((context, pieces)) =
            self.before(self.limits.unmapped_bounce).and_then(|before| self.pending.overdue(before))
        {
            self.close(context, &pieces, sink);
        }
        self.supersede(sink);
    }

    /// Settles all that waits: there are no more events. Mappings stay live.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Change<'_>)) {
        while let Some((context, pieces)) = self.pending.oldest() {
            self.close(context, &pieces, sink);
        }
        self.iommu.forget(&mut self.stats.translations);
        self.now = Nanos::new(self.now.raw().saturating_add(self.limits.settle));
        self.supersede(sink);
    }

    /// What has been seen.
    pub fn stats(&self) -> &TrackerStats {
        &self.stats
    }

    /// Block requests.
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Live mappings, oldest first.
    pub fn live(&self) -> impl Iterator<Item = &Mapping> {
        self.live.iter()
    }

    /// A live mapping.
    pub fn get(&self, id: MappingId) -> Option<&Mapping> {
        self.live.get(id)
    }

    /// Mappings that have been live for at least `age` nanoseconds at `now`: drivers that keep mappings do so on purpose,
    /// leaks are among the others. Oldest first.
    pub fn older_than(&self, now: Nanos, age: u64) -> impl Iterator<Item = &Mapping> {
        self.live.iter().filter(move |mapping| now.since(mapping.begun) >= age)
    }

    /// Every device's share, in the order in which they were first seen.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceTotals> {
        self.devices.totals()
    }

    /// The time of the latest event.
    pub fn now(&self) -> Nanos {
        self.now
    }

    fn device_event(&mut self, event: &HostEvent, sink: Sink<'_, '_>) {
        let Some(device) = event.device().and_then(|device| self.devices.number(device, self.limits.devices)) else {
            self.stats.beyond_devices += 1;
            return;
        };
        match &event.kind {
            EventKind::Bounced(bounced) => self.bounced(device, event, bounced, sink),
            EventKind::MapPage(map) => self.map_page(device, event, map, sink),
            EventKind::MapSg(map) => self.map_sg(device, event, map, sink),
            EventKind::MapSgFailed(map) => self.map_sg_failed(device, event, map, sink),
            EventKind::Alloc(alloc) => self.alloc(device, event, alloc, sink),
            EventKind::AllocFailed(alloc) => self.alloc_failed(device, event, alloc, sink),
            EventKind::UnmapPage(unmap) => self.unmap_page(device, event, unmap, sink),
            EventKind::UnmapSg(unmap) => self.unmap_sg(device, event, unmap, sink),
            EventKind::Free(free) => self.free(device, event, free, sink),
            EventKind::Sync(sync) => self.sync(device, sync, sink),
            // These name no device and are taken in before.
            EventKind::IommuMap(_)
            | EventKind::IommuUnmap(_)
            | EventKind::BlockIssue(_)
            | EventKind::BlockComplete(_)
            | EventKind::BlockRequeue(_)
            | EventKind::BlockQueue(_)
            | EventKind::Mark(_) => {}
        }
    }

    /// The time `wait` nanoseconds ago, if the clock has run that long.
    fn before(&self, wait: u64) -> Option<Nanos> {
        self.now.raw().checked_sub(wait).map(Nanos::new)
    }
}

impl Default for Tracker {
    fn default() -> Self {
        Self::new(TrackerLimits::default())
    }
}

impl Default for TrackerLimits {
    fn default() -> Self {
        Self {
            live: 1 << 18,
            live_entries: 1 << 22,
            pending_bounces: 1 << 16,
            pending_translations: 1 << 16,
            requests: 1 << 16,
            devices: 1 << 12,
            unmapped_bounce: 200_000_000,
            settle: 5_000_000,
        }
    }
}
