//! An engine as data: everything needed to go on elsewhere as if nothing had happened.
//!
//! [`Engine::state`](crate::Engine::state) takes it, [`Engine::restore`](crate::Engine::restore) makes an engine of it that
//! answers every verb as the first one would have. What the platform holds is not in it: page tables, bytes, and which
//! frames were handed out are the caller's to keep.
//!
//! A state can be written down, and so can be wrong: restoring checks all of it and refuses what no engine could have come
//! to.

mod error;
mod restore;
mod save;

pub use crate::bounce::{BouncePage, ClientBytes};
pub use crate::constraints::ReachTest;
pub use crate::ids::VacantSlot;
pub use crate::map::{Dmamem, SyncRange};
pub use crate::memdesc::StoredMem;
pub use error::StateError;

use crate::addr::{BusSize, Nanos, PageCount, PhysAddr};
use crate::constraints::{Alignment, Boundary, LockFunction, SegmentLimit, TagFlags};
use crate::ids::{MapId, TagId, ZoneId};
use crate::map::MapForm;
use crate::segment::Segment;

/// Everything an [`Engine`](crate::Engine) is, but for its platform, its observer, its limits and its switches.
///
/// Tags and maps keep their handles, so that whoever holds one can go on using it. A handle is a slot and a generation,
/// which is odd while the slot is taken and one higher each time it is taken or left. The slots of `tags` and
/// `vacant_tags` together are all there are, counted from 0, each once; and likewise for maps. Who makes up a state, such
/// as the reader of a file, numbers its objects 0, 1, 2 … in generation 1 and leaves nothing vacant. Where a handle may
/// name what is gone, it is one of an earlier generation of its slot, or [`TagId::GONE`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EngineState {
    /// The time of the last verb.
    pub now: Nanos,
    /// Tags that have not been freed, those included that were destroyed and are still referred to.
    pub tags: Vec<SavedTag>,
    /// Free slots of tags, in the order they will be taken.
    pub vacant_tags: Vec<VacantSlot>,
    /// Maps that have not been destroyed, those of dmamem included.
    pub maps: Vec<SavedMap>,
    /// Free slots of maps, in the order they will be taken.
    pub vacant_maps: Vec<VacantSlot>,
    /// Zones in creation order: a [`ZoneId`] is a position in this list.
    pub zones: Vec<SavedZone>,
    /// Maps that wait for pages, head first.
    pub waiters: Vec<MapId>,
    /// Maps that have their pages and wait to be taken up, head first.
    pub ready: Vec<MapId>,
}

/// A tag. How many tags' chains visit it next is not said: that is counted.
#[expect(clippy::struct_excessive_bools, reason = "FreeBSD's own flag bits, each independent of the others")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedTag {
    /// Its handle.
    pub id: TagId,
    /// The tag it was created below; it may be gone.
    pub parent: Option<TagId>,
    /// The tag its filter chain continues with; it may be gone.
    pub chain_parent: Option<TagId>,
    /// Its own test of addresses, after inheritance.
    pub own: ReachTest,
    /// The tests of the ancestors that the chain visits, nearest first. They hold also where an ancestor is gone.
    pub chain: Vec<ReachTest>,
    /// Multiples of this that no segment may cross, after inheritance.
    pub boundary: Option<Boundary>,
    /// Largest sum of all segment lengths, bytes.
    pub maxsize: BusSize,
    /// Largest number of segments.
    pub nsegments: SegmentLimit,
    /// Largest length of one segment, bytes; not 0.
    pub maxsegsz: BusSize,
    /// The flags it was created with.
    pub flags: TagFlags,
    /// Whether its deferred callbacks can be locked.
    pub lock: LockFunction,
    /// Whether it or an ancestor is coherent with the CPU's caches.
    pub coherent: bool,
    /// Whether some load on it might need bounce pages (`BUS_DMA_COULD_BOUNCE`).
    pub could_bounce: bool,
    /// Whether the pool once held enough for it (`BUS_DMA_MIN_ALLOC_COMP`).
    pub initial_pages_done: bool,
    /// Whether it once allocated pages (`BUS_DMA_KMEM_ALLOC`).
    pub allocated_pages: bool,
    /// Its zone; `None` before the first map of a tag that could bounce.
    pub zone: Option<ZoneId>,
    /// Maps it counts: at most those it has, and fewer where FreeBSD loses count.
    pub map_count: i32,
    /// What keeps it: itself until it is destroyed, and tags created below it; at least 1.
    pub references: i32,
}

/// A bounce zone. Its pages are those on its free list and those on maps; all but the promised ones on the list are free.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedZone {
    /// Highest address of its pages, inclusive.
    pub lowaddr: PhysAddr,
    /// At least a page.
    pub alignment: Alignment,
    /// Frames that no map holds, the one to be taken next first.
    pub free_list: Vec<PhysAddr>,
    /// How many of them are promised; under FreeBSD's profiles some of these promises may be lost.
    pub reserved_bpages: PageCount,
    /// The most pages that were ever on maps at once.
    pub active_bpages_max: PageCount,
    /// FreeBSD's `total_bounced`.
    pub total_bounced: u32,
    /// FreeBSD's `total_deferred`.
    pub total_deferred: u32,
    /// Maps it counts.
    pub map_count: i32,
    /// Nanoseconds that resumed loads have waited in all.
    pub deferred_ns: u64,
}

/// A map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedMap {
    /// Its handle.
    pub id: MapId,
    /// Its tag; FreeBSD can free that under the map.
    pub tag: TagId,
    /// What FreeBSD handed out.
    pub form: MapForm,
    /// The zone its pages come from; `None` for a map that never bounces.
    pub zone: Option<ZoneId>,
    /// What it is doing.
    pub state: SavedMapState,
    /// Bounce pages it still has to take.
    pub pages_needed: PageCount,
    /// Bounce pages promised to it.
    pub pages_reserved: PageCount,
    /// What the last load filled: the mapping, while it is loaded.
    pub segments: Vec<Segment>,
    /// The bounce pages it holds, in list order.
    pub pages: Vec<BouncePage>,
    /// arm64: ranges that sync keeps coherent.
    pub sync_ranges: Vec<SyncRange>,
    /// arm64: `sync_count`, more than there are ranges once their list has overflowed.
    pub sync_count: u32,
    /// The memory it came with; `None` for a map from `bus_dmamap_create`.
    pub dmamem: Option<Dmamem>,
}

/// What a map is doing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SavedMapState {
    /// Nothing.
    Idle,
    /// A load waits for bounce pages, or has them and waits to be taken up: the map is in one of the two queues.
    Deferred {
        /// What will be loaded.
        mem: StoredMem,
        /// Since when it waits.
        queued_at: Nanos,
    },
    /// The device may use the mapping.
    Loaded,
}
