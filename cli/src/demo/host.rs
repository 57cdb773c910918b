//! What traffic is carried out on.

use busdma_engine::constraints::TagTemplate;
use busdma_engine::{MemFlags, SyncOps, WaitPolicy};
use busdma_sim::request::Request;
use serde::Serialize;

/// A machine with bus_dma(9): the daemon's, or one inside this process.
pub(super) trait Host {
    /// A tag's handle.
    type Tag: Copy + Send;
    /// A map's handle.
    type Map: Copy + Send;

    /// `bus_dma_tag_create`.
    fn create_tag(&mut self, parent: Option<Self::Tag>, template: &TagTemplate) -> anyhow::Result<Self::Tag>;

    /// `bus_dmamap_create`.
    fn create_map(&mut self, tag: Self::Tag) -> Answered<Self::Map>;

    /// `bus_dmamem_alloc`: the map that came with the memory.
    fn alloc_memory(&mut self, tag: Self::Tag, flags: MemFlags) -> Answered<Self::Map>;

    /// Loads all of the memory that the map came with.
    fn load_memory(&mut self, map: Self::Map, wait: WaitPolicy) -> Answered<Loaded>;

    /// One of the `bus_dmamap_load*`, of memory that belongs to the map.
    fn load(&mut self, map: Self::Map, request: &Request, wait: WaitPolicy) -> Answered<Loaded>;

    /// The end of a deferred load, once it has come.
    fn collect(&mut self, map: Self::Map) -> anyhow::Result<Option<Ended>>;

    /// Carries out steps on a map that is loaded, in order.
    fn carry_out(&mut self, map: Self::Map, steps: &[Step]) -> anyhow::Result<Copied>;
}

/// An answer that a driver has to expect, or a failure that ends the demonstration.
pub(super) type Answered<T> = anyhow::Result<Result<T, Refusal>>;

/// How a load went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Loaded {
    /// The device may begin.
    Now,
    /// It waits for bounce pages.
    Later,
}

/// The end of a deferred load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ended {
    pub(super) result: Result<(), Refusal>,
    pub(super) waited_ns: u64,
}

/// An error that a driver has to expect.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub(super) enum Refusal {
    /// ENOMEM: no bounce pages are free, and the load may not wait.
    NoBouncePages,
    /// ENOMEM: the pool of a new map could not be filled.
    PoolNotFilled,
    /// ENOMEM: no memory meets the tag's restrictions.
    NoMemory,
    /// EFBIG.
    TooManySegments,
}

/// One step of a transfer on a loaded map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// The CPU writes the first bytes.
    Fill { seed: u32 },
    /// `bus_dmamap_sync`.
    Sync(SyncOps),
    /// The device writes the first bytes.
    DeviceWrite { seed: u32 },
    /// The device reads the first bytes.
    DeviceRead,
    /// `bus_dmamap_unload`.
    Unload,
}

/// What syncs copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Copied {
    pub(super) pages: u64,
    pub(super) bytes: u64,
}

/// How many bytes CPU and device touch of a transfer: enough to be seen, few enough to cost nothing.
pub(super) const TOUCHED_BYTES: usize = 64;

/// The bytes that a step writes.
pub(super) fn pattern(seed: u32) -> [u8; TOUCHED_BYTES] {
    let mut bytes = [0; TOUCHED_BYTES];
    for (chunk, nth) in bytes.chunks_exact_mut(4).zip(0..) {
        chunk.copy_from_slice(&seed.wrapping_add(nth).to_le_bytes());
    }
    bytes
}
