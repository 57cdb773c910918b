//! The life of one mapping: how it began, what it went through, how it ended.

use crate::event::{Attributes, BounceCause, Device, Direction, DmaRange, Task};
use busdma_engine::{BusAddr, BusSize, Nanos, PhysAddr, PhysRange};

/// A mapping's number in its tracker, from 1, in the order in which they became known. A scatter list that could not be
/// mapped becomes known only after the attempt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MappingId(pub u64);

/// A mapping, live or over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// Its number.
    pub id: MappingId,
    /// Whose it is.
    pub device: Device,
    /// What made it.
    pub origin: Origin,
    /// Which way bytes go; [`Direction::None`] where only the bounces of a failed scatter list tell of it.
    pub direction: Direction,
    /// How it was asked for.
    pub attributes: Attributes,
    /// Who asked; in an interrupt anybody.
    pub task: Task,
    /// When it was made, or tried.
    pub begun: Nanos,
    /// Where the bytes are, an entry each; see `entries` for how many there are in truth.
    pub memory: Box<[MemoryEntry]>,
    /// What the device was given.
    pub given: Box<[DmaRange]>,
    /// Entries that were asked for.
    pub entries: u32,
    /// Entries that the device was given.
    pub given_entries: u32,
    /// Bytes, as far as they are told.
    pub size: BusSize,
    /// Whether the lists are whole.
    pub completeness: Completeness,
    /// What swiotlb had to do with it.
    pub bounces: Bounces,
    /// What an IOMMU had to do with it.
    pub translation: Translation,
    /// Syncs since.
    pub syncs: Syncs,
    /// What has become of it.
    pub state: State,
}

/// What made a mapping.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Origin {
    /// `dma_map_page` or `dma_map_phys`.
    Page,
    /// `dma_map_resource`: no memory, never bounced.
    Resource,
    /// `dma_map_sg`.
    Sg,
    /// `dma_alloc` and its like.
    Alloc,
}

/// Where an entry's bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryEntry {
    /// The first byte.
    pub start: PhysAddr,
    /// Bytes; unknown for scatter lists whose entries were merged.
    pub size: Option<BusSize>,
}

/// Whether a mapping's lists are all there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Completeness {
    /// Every entry was told.
    Whole,
    /// Some were not: the kernel cut the lists, or gave up at the last entry it told of.
    Truncated,
}

/// What swiotlb had to do with a mapping.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bounces {
    /// `swiotlb_bounced` events that belong to it.
    pub events: u32,
    /// Bytes that they ask for.
    pub size: BusSize,
    /// Why, by the first of them.
    pub cause: Option<BounceCause>,
    /// The device's mask, by the first of them.
    pub mask: Option<BusAddr>,
}

/// What an IOMMU had to do with a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Translation {
    /// The device sees physical addresses, or pages of the bounce pool.
    None,
    /// It sees others: `iommu:map` events said so.
    Told {
        /// How many.
        events: u32,
    },
    /// It sees others, nothing bounced, and no event said why: iommu events were not recorded, or came from a cache.
    Inferred,
}

/// How often ownership changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Syncs {
    /// Given to the processor.
    pub for_cpu: u32,
    /// Given to the device.
    pub for_device: u32,
}

/// What has become of a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// The device may use it.
    Live,
    /// It is over.
    Unmapped {
        /// Since when.
        at: Nanos,
    },
    /// It never was.
    Failed {
        /// Why, as far as can be told.
        failure: Failure,
    },
    /// Its addresses were given out again, so it is over; the event that ended it was lost.
    Superseded {
        /// When that was seen.
        at: Nanos,
    },
}

/// Why nothing was mapped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Failure {
    /// swiotlb was asked for room, and had none in one piece.
    PoolFull,
    /// The device does not reach the bytes, and bouncing them was not even tried.
    Overflow,
    /// The kernel said which error it was.
    Errno(
        /// The negative errno.
        i32,
    ),
    /// The kernel did not say: a translated device, or an allocation.
    Untold,
}

impl Mapping {
    /// The ranges of memory whose lengths are known.
    pub fn ranges(&self) -> impl Iterator<Item = PhysRange> + '_ {
        self.memory.iter().filter_map(|entry| Some(PhysRange { start: entry.start, len: entry.size? }))
    }

    /// Whether the device may use it now.
    pub fn is_live(&self) -> bool {
        self.state == State::Live
    }

    /// Whether it was never made.
    pub fn failed(&self) -> bool {
        matches!(self.state, State::Failed { .. })
    }

    /// Whether any of it went through the bounce pool.
    pub fn bounced(&self) -> bool {
        self.bounces.events > 0
    }

    /// The ranges of the bounce pool that it was given, as far as they are told. None are told where an IOMMU translates.
    pub fn pool_ranges(&self) -> impl Iterator<Item = DmaRange> + '_ {
        let told = self.bounced() && !self.failed() && self.translation == Translation::None;
        let pairs = self.memory.iter().zip(&self.given);
        pairs.filter(move |(entry, range)| told && entry.start.to_bus() != range.start).map(|(_, range)| *range)
    }
}
