//! What the swiotlb pool must hold, from the lives of mappings.
//!
//! The kernel tells how full its pool is only through debugfs, and not by whom it is filled. The addresses that devices
//! are given show which slots they hold, so the sum over live mappings is the pool's use: equal to `io_tlb_used` and
//! `io_tlb_used_hiwater` where no event was lost and the pool was empty before the first one. The latter can be some slots
//! more, and more than the pool has: the kernel hands slots out again a moment before it counts them as given back.

pub(crate) mod extents;
mod history;
mod log;
pub(crate) mod slots;

pub use history::{Bucket, History};
pub use slots::SLOT;

use crate::event::{Device, DmaRange};
use crate::mapping::{Failure, Mapping, MappingId, State};
use crate::tracker::{Change, Piece};
use busdma_engine::{BusAddr, BusSize, Nanos};
use extents::Extents;
use log::Log;
use rustc_hash::FxHashMap;
use slots::Offsets;
use std::collections::VecDeque;

/// An estimate of the pool, fed by a tracker's changes.
#[derive(Clone, Debug)]
pub struct PoolEstimate {
    held: FxHashMap<MappingId, Held>,
    extents: Extents<MappingId>,
    offsets: Offsets,
    log: Log,
    usage: Usage,
    extent: Option<Extent>,
}

/// How large the pool is, from outside: `io_tlb_nslabs`, or the kernel's messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PoolSize {
    /// Slots, of 2 KiB each.
    pub slots: u64,
}

/// The part of the bus that the pool was seen to cover; it may cover more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// The lowest address given out.
    pub start: BusAddr,
    /// The highest address given out, inclusive.
    pub last: BusAddr,
}

/// A moment at which the pool had no room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Full {
    /// When.
    pub at: Nanos,
    /// Who asked.
    pub device: Device,
    /// Bytes that were asked for, in one piece.
    pub wanted: BusSize,
    /// Slots that they need, next to each other.
    pub wanted_slots: u64,
    /// Slots in use at that moment, those of the failing mapping's earlier pieces too.
    pub used: u64,
    /// How large the pool is, where it is known.
    pub total: Option<PoolSize>,
}

/// How the pool was used, up to the last moment of which all is known.
#[derive(Clone, Debug)]
struct Usage {
    high_water: u64,
    full: FullMoments,
    history: History,
    size: Option<PoolSize>,
}

/// Moments at which the pool was full: counts, and the latest of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FullMoments {
    /// All of them.
    pub count: u64,
    /// Those with slots enough in all, but not next to each other; counted where the size is known.
    pub fragmented: u64,
    /// Moments that are no longer in `latest`.
    pub forgotten: u64,
    /// The latest, in order.
    pub latest: VecDeque<Full>,
}

#[derive(Clone, Debug)]
struct Held {
    slots: i64,
}

impl PoolEstimate {
    /// An estimate that keeps `points` points of history. The size may become known later.
    pub fn new(size: Option<PoolSize>, points: usize) -> Self {
        let usage = Usage { high_water: 0, full: FullMoments::default(), history: History::new(points), size };
        Self {
            held: FxHashMap::default(),
            extents: Extents::default(),
            offsets: Offsets::default(),
            log: Log::default(),
            usage,
            extent: None,
        }
    }

    /// Says how large the pool is. Moments of the past keep what was known then.
    pub fn set_size(&mut self, size: PoolSize) {
        self.usage.size = Some(size);
    }

    /// Takes in one change of a tracker. All of them must come, in order.
    pub fn change(&mut self, change: &Change<'_>) {
        match change {
            Change::Asked(piece) => self.log.awaited(piece.at, piece.number),
            Change::Began { mapping, pieces } => self.began(mapping, pieces),
            Change::Failed { mapping, pieces } => self.failed(mapping, pieces),
            Change::Ended(mapping) | Change::Superseded(mapping) => {
                if let State::Unmapped { at } | State::Superseded { at } = mapping.state {
                    self.release(mapping, at);
                }
            }
            // It may well hold its slots for ever, but nothing will tell when it does not.
            Change::GivenUp(mapping) => self.release(mapping, self.latest()),
            Change::Unexplained(pieces) => {
                for piece in *pieces {
                    self.log.resolve(piece.number, 0);
                }
            }
            Change::Synced { .. } => return,
        }
        self.log.settle(&mut self.usage);
    }

    /// Slots in use now.
    pub fn used(&self) -> u64 {
        self.log.used()
    }

    /// The most slots in use at once. It lags behind while the outcome of a bounce is not known.
    pub fn high_water(&self) -> u64 {
        self.usage.high_water
    }

    /// How large the pool is, where it is known.
    pub fn size(&self) -> Option<PoolSize> {
        self.usage.size
    }

    /// Moments at which there was no room. They too lag behind.
    pub fn full(&self) -> &FullMoments {
        &self.usage.full
    }

    /// Slots in use over time.
    pub fn history(&self) -> &History {
        &self.usage.history
    }

    /// Where the pool lies, as far as it was given out.
    pub fn extent(&self) -> Option<Extent> {
        self.extent
    }

    fn began(&mut self, mapping: &Mapping, pieces: &[Piece]) {
        if !mapping.bounced() {
            return;
        }
        self.offsets.learn(mapping);
        let mut total = 0;
        let mut told = 0;
        for range in mapping.pool_ranges() {
            total += signed(slots::of_range(range));
            told += 1;
            self.widen(range);
        }
        // The kernel tells of the first entries only; every piece has an event of its own.
        let untold = pieces.get(told..).unwrap_or_default();
        total += untold.iter().map(|piece| signed(self.offsets.of_piece(&mapping.device, piece))).sum::<i64>();
        self.take_back_from_others(mapping);
        let (counted, _) = self.resolve(&mapping.device, pieces);
        self.log.known(mapping.begun, total - counted);
        self.held.insert(mapping.id, Held { slots: total });
    }

    fn failed(&mut self, mapping: &Mapping, pieces: &[Piece]) {
        let Some((last, earlier)) = pieces.split_last() else {
            return;
        };
        let (counted, before) = self.resolve(&mapping.device, earlier);
        if mapping.state != (State::Failed { failure: Failure::PoolFull }) {
            let counted = counted + self.log.resolve(last.number, before);
            return self.log.known(last.at, -counted);
        }
        let full = Full {
            at: last.at,
            device: mapping.device.clone(),
            wanted: last.size,
            wanted_slots: self.offsets.of_piece(&mapping.device, last),
            used: 0,
            total: self.usage.size,
        };
        self.log.failed(last.number, before, counted, full);
    }

    /// Each piece had its slots when the next one asked. Returns how many slots count so far, and those of the last piece.
    fn resolve(&mut self, device: &Device, pieces: &[Piece]) -> (i64, i64) {
        let mut counted = 0;
        let mut before = 0;
        for piece in pieces {
            counted += self.log.resolve(piece.number, before);
            before = signed(self.offsets.of_piece(device, piece));
        }
        (counted, before)
    }

    /// Who had the mapping's slots has them no longer, whether or not that was told: the kernel frees slots before it
    /// says so.
    fn take_back_from_others(&mut self, mapping: &Mapping) {
        let mut evicted = Vec::new();
        for range in mapping.pool_ranges() {
            let slots = slots::span(range);
            self.extents.give(slots.start, slots.end, mapping.id, &mut evicted);
        }
        for id in evicted {
            if let Some(held) = self.held.remove(&id) {
                self.log.known(mapping.begun, -held.slots);
            }
        }
    }

    fn release(&mut self, mapping: &Mapping, at: Nanos) {
        for range in mapping.pool_ranges() {
            self.extents.release(slots::span(range).start, mapping.id);
        }
        if let Some(held) = self.held.remove(&mapping.id) {
            self.log.known(at, -held.slots);
        }
    }

    fn widen(&mut self, range: DmaRange) {
        let last = range.start.raw().saturating_add(range.size.raw().max(1) - 1);
        let extent = self.extent.get_or_insert(Extent { start: range.start, last: range.start });
        extent.start = extent.start.min(range.start);
        extent.last = extent.last.max(BusAddr::new(last));
    }

    fn latest(&self) -> Nanos {
        self.usage.history.buckets().last().map_or(Nanos::default(), |bucket| bucket.start)
    }
}

impl Full {
    /// Whether there were slots enough in all: the rest lay in pieces too small. `None` where the size is not known.
    pub fn fragmented(&self) -> Option<bool> {
        self.total.map(|total| self.used.saturating_add(self.wanted_slots) <= total.slots)
    }
}

impl Usage {
    fn reached(&mut self, at: Nanos, used: i64) {
        let used = log::slots(used);
        self.high_water = self.high_water.max(used);
        self.history.add(at, used);
    }

    fn full(&mut self, full: Full) {
        self.full.count += 1;
        self.full.fragmented += u64::from(full.fragmented() == Some(true));
        if self.full.latest.len() >= FullMoments::KEPT {
            self.full.latest.pop_front();
            self.full.forgotten += 1;
        }
        self.full.latest.push_back(full);
    }
}

impl FullMoments {
    /// Moments that are kept.
    pub const KEPT: usize = 1024;
}

fn signed(slots: u64) -> i64 {
    i64::try_from(slots).unwrap_or(i64::MAX)
}
