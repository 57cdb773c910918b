//! What an operation answers and what state it leaves, in words that belong neither to the engine nor to the model.

use busdma_engine::error::{Errno, KernelPanic};
use busdma_engine::platform::{DmamemRegion, DmamemRequest};
use busdma_engine::sync::{BounceCopy, CacheOp};
use std::collections::BTreeMap;
use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

number! {
    /// A tag, numbered in the order in which creation was tried.
    TagNo, "t"
}

number! {
    /// A map, numbered in the order in which creation was tried; the maps of dmamem are among them.
    MapNo, "m"
}

/// The answer to one operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// A tag was made.
    Tag(TagView),
    /// A tag was destroyed; the tags whose memory that released, in order.
    TagDestroyed(Vec<TagNo>),
    /// A map was made.
    Map(Handle),
    /// A map was destroyed.
    MapDestroyed,
    /// A load was taken up.
    Load(LoadView),
    /// A map was unloaded.
    Unloaded {
        /// Bounce pages given back.
        released: u32,
        /// Waiters that got their last page by it.
        woken: u32,
    },
    /// A deferred load was given up.
    Cancelled {
        /// Pages given back, promised ones included.
        released: u32,
        /// Waiters that got their last page by it.
        woken: u32,
    },
    /// A map was synced, and this is how.
    Synced(SyncView),
    /// A map was synced by the subject itself: only the bytes tell.
    SyncedUnseen,
    /// Memory was allocated.
    Memory(MemoryView),
    /// The kernel's allocator had nothing.
    NoMemory(DmamemRequest),
    /// Memory was freed.
    MemoryFreed(FreedTo),
    /// The deferred callbacks ran.
    Drained(Vec<Event>),
    /// An error number.
    Error(Errno),
    /// The engine refuses what would corrupt FreeBSD's state.
    Refused,
    /// The kernel stops.
    Panic(KernelPanic),
}

/// What a new tag says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TagView {
    /// Alignment, bytes.
    pub alignment: u64,
    /// Boundary, bytes; 0 is none.
    pub boundary: u64,
    /// Last reachable address below the window.
    pub lowaddr: u64,
    /// Last excluded address.
    pub highaddr: u64,
    /// Largest segment, bytes.
    pub maxsegsz: u64,
    /// `BUS_DMA_COULD_BOUNCE`.
    pub could_bounce: bool,
    /// The tag its filter chain continues with.
    pub chain_parent: Option<TagNo>,
    /// Its bounce zone, if it has one yet.
    pub zone: Option<usize>,
}

/// What `bus_dmamap_create` handed out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handle {
    /// A `NULL` map.
    Null,
    /// A map.
    Real,
}

/// One segment: first address and length.
pub type SegmentView = (u64, u64);

/// What a load told its caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadView {
    /// The call's return value; `None` is 0.
    pub returned: Option<Errno>,
    /// The callback, when it ran inside the call.
    pub callback: Option<CallbackView>,
    /// Segments filled, for the form without a callback.
    pub direct: Option<Vec<SegmentView>>,
}

/// The arguments of a callback.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallbackView {
    /// Its error; `None` is 0.
    pub error: Option<Errno>,
    /// Its segments; `None` is a `NULL` pointer.
    pub segments: Option<Vec<SegmentView>>,
    /// The mapped size, for a callback2.
    pub mapsize: Option<u64>,
}

/// What a sync did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SyncView {
    /// Copies, one a bounce page.
    pub copies: Vec<BounceCopy>,
    /// Cache operations in order.
    pub cache: Vec<CacheOp>,
}

/// What an allocation got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemoryView {
    /// The call of the kernel's allocator.
    pub request: DmamemRequest,
    /// Where it lies.
    pub region: DmamemRegion,
    /// The map it came with.
    pub map: Handle,
    /// Whether FreeBSD prints that the alignment was missed.
    pub misaligned: bool,
}

/// Which allocator memory went back to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FreedTo {
    /// malloc(9).
    Malloc,
    /// The kernel's page allocator, with a size.
    Kmem {
        /// Bytes.
        size: u64,
    },
}

/// One step of a run of deferred callbacks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The driver's lock was taken.
    Lock(TagNo),
    /// A callback ran.
    Callback(MapNo, CallbackView),
    /// The driver's lock was given back.
    Unlock(TagNo),
}

/// The state that can be seen between operations.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Snapshot {
    /// Zones in creation order.
    pub zones: Vec<ZoneView>,
    /// Waiters, head first.
    pub waiting: Vec<MapNo>,
    /// Maps that have not been destroyed.
    pub maps: BTreeMap<MapNo, MapView>,
    /// Maps that each live tag counts.
    pub tags: BTreeMap<TagNo, i64>,
}

/// A bounce zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ZoneView {
    /// Pages.
    pub total: i64,
    /// Pages neither promised nor in use.
    pub free: i64,
    /// Pages promised to maps.
    pub reserved: i64,
    /// Pages on maps.
    pub active: i64,
    /// `total_bounced`.
    pub bounced: i64,
    /// `total_deferred`.
    pub deferred: i64,
    /// Maps, as FreeBSD counts them.
    pub map_count: i64,
    /// Highest address of its pages.
    pub lowaddr: u64,
    /// Alignment it promises.
    pub alignment: u64,
}

/// A map.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MapView {
    /// `pagesneeded`.
    pub needed: i64,
    /// `pagesreserved`.
    pub reserved: i64,
    /// Bounce pages in list order.
    pub pieces: Vec<PieceView>,
    /// The current mapping.
    pub segments: Vec<SegmentView>,
}

/// A bounce page on a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PieceView {
    /// Where the device sees the bytes.
    pub bus: u64,
    /// Bytes.
    pub len: u64,
    /// Where the first of the client's bytes lies.
    pub client: u64,
}
