//! What traffic is carried out on.

use crate::request::Request;
use busdma_engine::constraints::TagTemplate;
use busdma_engine::{MemFlags, Nanos, SyncOps, WaitPolicy};

use serde::Serialize;

/// A machine with bus_dma(9): the daemon's, or one inside this process.
pub trait Host {
    /// A tag's handle.
    type Tag: Copy + Send;
    /// A map's handle.
    type Map: Copy + Send;
    /// What a driver need not expect, and what ends the traffic.
    type Error;

    /// Says what time it is for the calls that follow. A host with a clock of its own does not listen.
    fn at(&mut self, now: Nanos);

    /// `bus_dma_tag_create`.
    ///
    /// # Errors
    /// [`Self::Error`].
    fn create_tag(&mut self, parent: Option<Self::Tag>, template: &TagTemplate) -> Result<Self::Tag, Self::Error>;

    /// `bus_dmamap_create`.
    ///
    /// # Errors
    /// [`Self::Error`].
    fn create_map(&mut self, tag: Self::Tag) -> Answered<Self::Map, Self::Error>;

    /// `bus_dmamem_alloc`: the map that came with the memory.
    ///
    /// # Errors
    /// [`Self::Error`].
    fn alloc_memory(&mut self, tag: Self::Tag, flags: MemFlags) -> Answered<Self::Map, Self::Error>;

    /// Loads all of the memory that the map came with.
    ///
    /// # Errors
    /// [`Self::Error`].
    fn load_memory(&mut self, map: Self::Map, wait: WaitPolicy) -> Answered<Loaded, Self::Error>;

    /// One of the `bus_dmamap_load*`, of memory that belongs to the map.
    ///
    /// # Errors
    /// [`Self::Error`].
    fn load(&mut self, map: Self::Map, request: &Request, wait: WaitPolicy) -> Answered<Loaded, Self::Error>;

    /// The end of a deferred load, once it has come.
    ///
    /// # Errors
    /// [`Self::Error`].
    fn collect(&mut self, map: Self::Map) -> Result<Option<Ended>, Self::Error>;

    /// Carries out steps on a map that is loaded, in order.
    ///
    /// # Errors
    /// [`Self::Error`].
    fn carry_out(&mut self, map: Self::Map, steps: &[Step]) -> Result<Copied, Self::Error>;
}

/// An answer that a driver has to expect, or a failure that ends the traffic.
pub type Answered<T, E> = Result<Result<T, Refusal>, E>;

/// How a load went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loaded {
    /// The device may begin.
    Now,
    /// It waits for bounce pages.
    Later,
}

/// The end of a deferred load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// How it went.
    pub result: Result<(), Refusal>,
    /// How long it has waited, nanoseconds.
    pub waited_ns: u64,
}

/// An error that a driver has to expect.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub enum Refusal {
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
pub enum Step {
    /// The CPU writes the first bytes.
    Fill {
        /// What to write.
        seed: u32,
    },
    /// `bus_dmamap_sync`.
    Sync(SyncOps),
    /// The device writes the first bytes.
    DeviceWrite {
        /// What to write.
        seed: u32,
    },
    /// The device reads the first bytes.
    DeviceRead,
    /// `bus_dmamap_unload`.
    Unload,
}

/// What syncs copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Copied {
    /// Bounce pages.
    pub pages: u64,
    /// Bytes.
    pub bytes: u64,
}

/// How many bytes CPU and device touch of a transfer: enough to be seen, few enough to cost nothing.
pub const TOUCHED_BYTES: usize = 64;

/// The bytes that a step writes.
pub fn pattern(seed: u32) -> [u8; TOUCHED_BYTES] {
    let mut bytes = [0; TOUCHED_BYTES];
    for (chunk, nth) in bytes.chunks_exact_mut(4).zip(0..) {
        chunk.copy_from_slice(&seed.wrapping_add(nth).to_le_bytes());
    }
    bytes
}
