//! What a scenario starts from, where that is not an empty machine: an addition to busdma-trace v1, under `state` in the
//! header.
//!
//! It is the engine's [`EngineState`](busdma_engine::EngineState) with the ids of the trace in place of handles, and with
//! what the machine model has to know besides.

use super::{AllocatorCall, Filter, Flag, Hex, MapStateWord, MapWord, MemRequest, Name, Seg, WordList};
use serde::{Deserialize, Serialize};

/// What a scenario starts from.
///
/// Nothing of it counts as reported: the first line that can carries `zones`, and `waiting` where a map waits. Hazards are
/// counted afresh. Memory is zero, and of maps that do not wait no request is known, so that a `fill` writes nothing and a
/// sync reports no hashes before their next load. dmamem starts at its base again: a recorder says where each allocation
/// lies.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct State<'a> {
    /// The time of the last call, nanoseconds on the clock of `t`.
    pub now: u64,
    /// Bounce frames handed out so far: the next is this one, counted from 0.
    pub frames_taken: u64,
    /// Tags that have not been freed.
    #[serde(borrow)]
    pub tags: Vec<StateTag<'a>>,
    /// Bounce zones in creation order.
    pub zones: Vec<StateZone>,
    /// Maps that have not been destroyed, those of dmamem included.
    #[serde(borrow)]
    pub maps: Vec<StateMap<'a>>,
    /// Maps that wait for pages, head first.
    #[serde(borrow)]
    pub waiting: Vec<Name<'a>>,
    /// Maps that have their pages and wait to be taken up, head first.
    #[serde(borrow)]
    pub ready: Vec<Name<'a>>,
    /// Kernel memory that bounce pages on maps stand for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernel: Vec<PageRun>,
}

/// Neighbouring virtual pages.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct PageRun {
    /// First address of the first page.
    pub vaddr: Hex,
    /// The physical page behind each.
    pub pages: Vec<Hex>,
}

/// A tag.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[expect(clippy::struct_excessive_bools, reason = "FreeBSD's own flag bits, each independent of the others")]
pub struct StateTag<'a> {
    /// Its id.
    #[serde(borrow)]
    pub tag: Name<'a>,
    /// The tag it was created below; the empty string when that is gone.
    #[serde(borrow)]
    pub parent: Option<Name<'a>>,
    /// The tag its filter chain continues with; the empty string when that is gone.
    #[serde(borrow)]
    pub chain_parent: Option<Name<'a>>,
    /// Its own test of addresses, after inheritance.
    pub own: Reach,
    /// The tests of its ancestors that the chain visits, nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Reach>,
    /// Bytes; a power of two, or 0 for none; after inheritance.
    pub boundary: Hex,
    /// Bytes of the largest mapping.
    pub maxsize: u64,
    /// Most segments; 0xffffffff is unrestricted.
    pub nsegments: u32,
    /// Bytes of the largest segment.
    pub maxsegsz: u64,
    /// Flags it was created with.
    pub flags: WordList<Flag>,
    /// Whether a lock function was given.
    pub lock: bool,
    /// Whether it or an ancestor is coherent.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub coherent: bool,
    /// `BUS_DMA_COULD_BOUNCE`.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub could_bounce: bool,
    /// `BUS_DMA_MIN_ALLOC_COMP`.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub min_alloc_comp: bool,
    /// `BUS_DMA_KMEM_ALLOC`.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub kmem_alloc: bool,
    /// Its bounce zone.
    pub zone: Option<u32>,
    /// `map_count`.
    pub map_count: i32,
    /// `ref_count`.
    pub references: i32,
}

/// A test of addresses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct Reach {
    /// Bytes; a power of two.
    pub alignment: u64,
    /// Last reachable address below the excluded window.
    pub lowaddr: Hex,
    /// Last excluded address.
    pub highaddr: Hex,
    /// The address filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
}

/// A bounce zone. Its pages are those on its free list and those on maps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct StateZone {
    /// Last address its pages may have.
    pub lowaddr: Hex,
    /// Alignment of its pages.
    pub alignment: u64,
    /// Frames that no map holds, the one to be taken next first.
    pub free: Vec<Hex>,
    /// How many of them are promised.
    pub reserved: u32,
    /// The most pages that were ever on maps at once.
    pub active_max: u32,
    /// `total_bounced`.
    pub bounced: u32,
    /// `total_deferred`.
    pub deferred: u32,
    /// `map_count`.
    pub map_count: i32,
    /// Nanoseconds that resumed loads have waited in all.
    pub deferred_ns: u64,
}

/// A map.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct StateMap<'a> {
    /// Its id.
    #[serde(borrow)]
    pub map: Name<'a>,
    /// Its tag. FreeBSD can free that under the map: it is then not among the tags.
    #[serde(borrow)]
    pub tag: Name<'a>,
    /// What it is.
    pub form: MapWord,
    /// Its bounce zone; absent when it never bounces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<u32>,
    /// What it is doing.
    pub state: MapStateWord,
    /// `pagesneeded`.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub pagesneeded: u32,
    /// `pagesreserved`.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub pagesreserved: u32,
    /// What the last load filled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segs: Vec<Seg>,
    /// The bounce pages it holds, in list order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<StatePage>,
    /// arm64: what sync keeps coherent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sync_list: Vec<StateRange>,
    /// arm64: `sync_count`.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub sync_count: u32,
    /// The memory it came with.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<StateMemory<'a>>,
    /// What it waits with; there when it is deferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<StateWait>,
}

/// A bounce page on a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct StatePage {
    /// First byte of the frame.
    pub frame: Hex,
    /// Offset in it at which the client's bytes begin.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub offset: u64,
    /// Client bytes it stands for.
    pub len: u64,
    /// Physical address of the first of them.
    pub client: Hex,
    /// Its kernel address, where the client has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vaddr: Option<Hex>,
    /// First byte of the second client page, where one was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<Hex>,
}

/// A range that arm64 keeps coherent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct StateRange {
    /// Kernel address, where the client has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vaddr: Option<Hex>,
    /// First physical address.
    pub paddr: Hex,
    /// Bytes.
    pub len: u64,
}

/// Memory that came with a map.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct StateMemory<'a> {
    /// Its id.
    #[serde(borrow)]
    pub dmamem: Name<'a>,
    /// Kernel address.
    pub vaddr: Hex,
    /// Physical address.
    pub paddr: Hex,
    /// The pages.
    pub pages: Vec<Hex>,
    /// The allocator call it came from.
    pub alloc: AllocatorCall,
}

/// What a deferred load waits with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct StateWait {
    /// Since when, on the clock of `t`.
    pub t: u64,
    /// What will be loaded, with the pages behind it.
    pub mem: MemRequest,
}
