//! What an operation came to: the `out` object.
//!
//! Every operation but `fill` and the device's may also carry `zones` and `waiting`, each only when it differs from the
//! last time it was reported, and `decisions`, an addition to busdma-trace v1 that comparisons leave out.

use super::{
    AllocatorName, CacheWord, CopyDir, DecisionRecord, FreedWord, Hex, MallocFlag, MapWord, MemAttr, Name, Op, Ret,
    WordList,
};
use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The `out` object of an operation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Output<'a> {
    /// FreeBSD's kernel stopped here; any operation. The scenario ends.
    Panic(Panicked<'a>),
    /// `tag_create`.
    TagCreate(TagCreated<'a>),
    /// `tag_destroy`.
    TagDestroy(TagDestroyed<'a>),
    /// `map_create`.
    MapCreate(MapCreated<'a>),
    /// `map_destroy`.
    MapDestroy(Returned<'a>),
    /// `load`.
    Load(Loaded<'a>),
    /// `run_deferred`.
    RunDeferred(Deferred<'a>),
    /// `sync`.
    Sync(Synced<'a>),
    /// `unload`.
    Unload(Unloaded<'a>),
    /// `dmamem_alloc`.
    DmamemAlloc(Allocated<'a>),
    /// `dmamem_free`.
    DmamemFree(Freed<'a>),
    /// `fill`.
    Fill(Touched),
    /// `device_write`.
    DeviceWrite(Touched),
    /// `device_read`.
    DeviceRead(Hashed),
    /// `cancel`.
    Cancel(Cancelled<'a>),
}

impl<'a> Output<'a> {
    /// Reads the `out` object of an operation.
    ///
    /// # Errors
    /// The text is not JSON, or lacks a field, or a field has another type or range.
    pub fn from_json(op: Op, text: &'a str) -> Result<Self, serde_json::Error> {
        use serde_json::from_str;
        if from_str::<PanicKey>(text)?.panic.is_some() {
            return Ok(Self::Panic(from_str(text)?));
        }
        Ok(match op {
            Op::TagCreate => Self::TagCreate(from_str(text)?),
            Op::TagDestroy => Self::TagDestroy(from_str(text)?),
            Op::MapCreate => Self::MapCreate(from_str(text)?),
            Op::MapDestroy => Self::MapDestroy(from_str(text)?),
            Op::Load => Self::Load(from_str(text)?),
            Op::RunDeferred => Self::RunDeferred(from_str(text)?),
            Op::Sync => Self::Sync(from_str(text)?),
            Op::Unload => Self::Unload(from_str(text)?),
            Op::DmamemAlloc => Self::DmamemAlloc(from_str(text)?),
            Op::DmamemFree => Self::DmamemFree(from_str(text)?),
            Op::Fill => Self::Fill(from_str(text)?),
            Op::DeviceWrite => Self::DeviceWrite(from_str(text)?),
            Op::DeviceRead => Self::DeviceRead(from_str(text)?),
            Op::Cancel => Self::Cancel(from_str(text)?),
        })
    }
}

impl Output<'_> {
    /// What the call returned; `None` where FreeBSD's kernel stops, and for operations that return nothing.
    pub const fn ret(&self) -> Option<Ret> {
        match self {
            Self::TagCreate(output) => Some(output.ret),
            Self::TagDestroy(output) => Some(output.ret),
            Self::MapCreate(output) => Some(output.ret),
            Self::MapDestroy(output) => Some(output.ret),
            Self::Load(output) => Some(output.ret),
            Self::Sync(output) => Some(output.ret),
            Self::Unload(output) => Some(output.ret),
            Self::DmamemAlloc(output) => Some(output.ret),
            Self::DmamemFree(output) => Some(output.ret),
            Self::Cancel(output) => Some(output.ret),
            Self::Panic(_) | Self::RunDeferred(_) | Self::Fill(_) | Self::DeviceWrite(_) | Self::DeviceRead(_) => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct PanicKey {
    panic: Option<serde::de::IgnoredAny>,
}

/// FreeBSD's kernel stopped.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct Panicked<'a> {
    /// What it said.
    #[serde(borrow)]
    pub panic: Name<'a>,
    /// Whether only a kernel with `INVARIANTS` stops here.
    pub assert: bool,
}

/// A field that may be missing, `null`, or there: the three say different things.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Nullable<T> {
    /// Not on the line.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// A value.
    Value(T),
}

impl<T> Nullable<T> {
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value, if there is one.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }
}

/// `None` is written as `null`.
impl<T> From<Option<T>> for Nullable<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }
}

impl<T: Serialize> Serialize for Nullable<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Nullable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::from)
    }
}

/// Counters of a bounce zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct Zone {
    /// Position in creation order, from 0.
    pub zone: usize,
    /// `total_bpages`.
    pub total: u32,
    /// `free_bpages`.
    pub free: u32,
    /// `reserved_bpages`.
    pub reserved: u32,
    /// `active_bpages`.
    pub active: u32,
    /// `total_bounced`.
    pub bounced: u64,
    /// `total_deferred`.
    pub deferred: u64,
    /// `map_count`.
    pub map_count: i64,
    /// Last address its pages may have.
    pub lowaddr: Hex,
    /// Alignment of its pages.
    pub alignment: u64,
}

/// One segment: its first address and its length.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "a pair of an address and a length")]
pub struct Seg(pub Hex, pub u64);

/// Counters of a real map.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct MapCounters {
    /// `pagesneeded`.
    pub pagesneeded: u32,
    /// `pagesreserved`.
    pub pagesreserved: u32,
    /// Bounce pages on the map.
    pub bpages: u32,
}

macro_rules! output {
    ($(#[$doc:meta])* $name:ident { $($fields:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
        #[serde(expecting = "an object")]
        pub struct $name<'a> {
            $($fields)*
            /// All zones, when changed.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub zones: Option<Cow<'a, [Zone]>>,
            /// Maps that wait for pages, when changed.
            #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
            pub waiting: Option<Vec<Name<'a>>>,
            /// What was decided.
            #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
            pub decisions: Option<Vec<DecisionRecord<'a>>>,
        }
    };
}

output! {
    /// `tag_create`. All but `ret` only when it succeeded.
    TagCreated {
        /// What the call returned.
        pub ret: Ret,
        /// Alignment as stored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub alignment: Option<u64>,
        /// Boundary after inheritance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub boundary: Option<Hex>,
        /// `lowaddr` after rounding and inheritance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub lowaddr: Option<Hex>,
        /// `highaddr` after rounding and inheritance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub highaddr: Option<Hex>,
        /// `maxsegsz` after clamping.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub maxsegsz: Option<u64>,
        /// `BUS_DMA_COULD_BOUNCE`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub could_bounce: Option<bool>,
        /// The tag its filter chain continues with.
        #[serde(borrow, default, skip_serializing_if = "Nullable::is_absent")]
        pub chain_parent: Nullable<Name<'a>>,
        /// Its bounce zone.
        #[serde(default, skip_serializing_if = "Nullable::is_absent")]
        pub zone: Nullable<usize>,
    }
}

output! {
    /// `tag_destroy`.
    TagDestroyed {
        /// What the call returned.
        pub ret: Ret,
        /// Tags whose memory was released by it, in order.
        #[serde(borrow)]
        pub freed: Vec<Name<'a>>,
    }
}

output! {
    /// `map_create`.
    MapCreated {
        /// What the call returned.
        pub ret: Ret,
        /// What the map is, when it was created.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub map: Option<MapWord>,
    }
}

output! {
    /// `map_destroy`.
    Returned {
        /// What the call returned.
        pub ret: Ret,
    }
}

output! {
    /// `load`. With a callback, `callback` is there and `nsegs` and `segs` are not; `mbuf_sg` has it the other way round.
    Loaded {
        /// What the call returned.
        pub ret: Ret,
        /// The callback's arguments; `null` when it did not run inside the call.
        #[serde(default, skip_serializing_if = "Nullable::is_absent")]
        pub callback: Nullable<Callback<'a>>,
        /// `mbuf_sg`: `*nsegs` after the call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub nsegs: Option<usize>,
        /// `mbuf_sg`: the segments filled.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub segs: Option<Cow<'a, [Seg]>>,
        /// Counters of the map, if it is real.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub map_state: Option<MapCounters>,
    }
}

/// The arguments of a callback.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct Callback<'a> {
    /// The error.
    pub error: Ret,
    /// The number of segments.
    pub nseg: usize,
    /// The segments; `None`, written `null`, for a `NULL` pointer.
    pub segs: Option<Cow<'a, [Seg]>>,
    /// The mapped size, for a callback2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapsize: Option<u64>,
}

output! {
    /// `run_deferred`.
    Deferred {
        /// The callbacks in order.
        #[serde(borrow)]
        pub callbacks: Vec<Completed<'a>>,
        /// `lock TAG`, `callback MAP`, `unlock TAG` as they came.
        #[serde(borrow)]
        pub events: Vec<Name<'a>>,
        /// Loads at which FreeBSD's kernel stops, in order: only in recordings that go on there, an addition to busdma-trace
        /// v1. None of them has a callback; one whose tag has no lock function has no events either.
        #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
        pub panics: Vec<StoppedLoad<'a>>,
    }
}

/// A deferred load at which FreeBSD's kernel stops.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct StoppedLoad<'a> {
    /// The map.
    #[serde(borrow)]
    pub map: Name<'a>,
    /// What the kernel says.
    #[serde(borrow)]
    pub panic: Name<'a>,
    /// Whether only a kernel with `INVARIANTS` stops here.
    pub assert: bool,
}

/// The callback of a deferred load.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct Completed<'a> {
    /// The map.
    #[serde(borrow)]
    pub map: Name<'a>,
    /// The error.
    pub error: Ret,
    /// The number of segments.
    pub nseg: usize,
    /// The segments; `None`, written `null`, for a `NULL` pointer.
    pub segs: Option<Vec<Seg>>,
}

output! {
    /// `sync`.
    Synced {
        /// What the call returned; always `OK`.
        pub ret: Ret,
        /// Cache operations, on machines that need them, when there are any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub dcache: Option<Cow<'a, [CacheLine]>>,
        /// One entry a bounce page copied.
        pub copies: Cow<'a, [BounceCopy]>,
        /// Hash of the client bytes of the map's last request, after the call; only for a real map with such bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub client_hash: Option<Hex>,
        /// Hash of the bytes in its bounce pages, after the call; only where it holds some.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub bounce_hash: Option<Hex>,
    }
}

/// The copy of one bounce page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct BounceCopy {
    /// Which way.
    pub dir: CopyDir,
    /// Where the device sees the bytes.
    pub busaddr: Hex,
    /// Bytes.
    pub bytes: u64,
    /// Whether it ran past the bounce page's end.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub overrun: bool,
}

/// One cache operation: what, kernel address, bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an operation, an address and a length")]
pub struct CacheLine(pub CacheWord, pub Hex, pub u64);

output! {
    /// `unload`.
    Unloaded {
        /// What the call returned; always `OK`.
        pub ret: Ret,
        /// Whether a deferred load can now be run.
        #[serde(default, skip_serializing_if = "super::is_default")]
        pub swi: bool,
        /// Counters of the map, if it is real.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub map_state: Option<MapCounters>,
    }
}

output! {
    /// `cancel`.
    Cancelled {
        /// `OK`, or `EINVAL` when there was no deferred load.
        pub ret: Ret,
        /// Pages given back, those only promised included, when it was `OK`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub released: Option<u32>,
        /// Whether another deferred load can now be run.
        #[serde(default, skip_serializing_if = "super::is_default")]
        pub swi: bool,
    }
}

output! {
    /// `dmamem_alloc`. From `vaddr` on only when it succeeded.
    Allocated {
        /// What the call returned.
        pub ret: Ret,
        /// The allocator that was called.
        pub alloc: AllocatorCall,
        /// Kernel address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub vaddr: Option<Hex>,
        /// Physical address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub paddr: Option<Hex>,
        /// The pages.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub pages: Option<Vec<Hex>>,
        /// Whether the kernel complained that the memory breaks the tag's alignment.
        #[serde(default, skip_serializing_if = "super::is_default")]
        pub misaligned_warning: bool,
        /// What the map is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub map: Option<MapWord>,
    }
}

/// The call of a kernel allocator. `low`, `high` and `attr` are absent for malloc(9); `alignment` and `boundary` are there
/// for contiguous memory only.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct AllocatorCall {
    /// Which allocator.
    pub class: AllocatorName,
    /// Bytes.
    pub size: u64,
    /// malloc(9) flags.
    pub mflags: WordList<MallocFlag>,
    /// Lowest address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<Hex>,
    /// Highest address, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<Hex>,
    /// Caching.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attr: Option<MemAttr>,
    /// Alignment, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alignment: Option<u64>,
    /// Boundary, bytes; 0 is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<Hex>,
}

output! {
    /// `dmamem_free`.
    Freed {
        /// What the call returned; always `OK`.
        pub ret: Ret,
        /// The allocator the memory went back to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub freed: Option<FreedWord>,
        /// Bytes, for `kmem`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub size: Option<u64>,
    }
}

/// `fill`, `device_write`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct Touched {
    /// Bytes written.
    pub bytes: u64,
}

/// `device_read`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct Hashed {
    /// Bytes read.
    pub bytes: u64,
    /// Their hash.
    pub hash: Hex,
}
