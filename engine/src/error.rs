//! Everything that can go wrong, as values: one enum per family of verbs, each with the numbers involved.

use crate::addr::{AddressSpace, BusSize, PageCount, PhysAddr, VirtAddr};
use crate::constraints::{BounceReason, SegmentLimit};
use crate::ids::{MapId, TagId, ZoneId};
use crate::platform::DmamemRequest;
use std::fmt;
use thiserror::Error;

/// FreeBSD's error numbers, as far as bus_dma(9) returns them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Errno {
    /// Out of bounce pages or memory.
    Enomem,
    /// The request or the tag makes no sense.
    Einval,
    /// The mapping needs more segments than the tag allows.
    Efbig,
    /// Something is still in use.
    Ebusy,
    /// The load was deferred. Not an error of this crate; see [`LoadOutcome::Deferred`](crate::LoadOutcome::Deferred).
    Einprogress,
}

impl Errno {
    /// The name as in `errno.h`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enomem => "ENOMEM",
            Self::Einval => "EINVAL",
            Self::Efbig => "EFBIG",
            Self::Ebusy => "EBUSY",
            Self::Einprogress => "EINPROGRESS",
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// FreeBSD's kernel stops here: a panic(9), or an assertion of a kernel with `INVARIANTS`.
///
/// The engine refuses instead, and leaves the state as it was before the operation where it can.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum KernelPanic {
    /// `bus_dma_dflt_lock`: a deferred load reached its callback on a tag without a lock function.
    #[error("panic: the tag has no lock function, yet a deferred load came to its callback (dflt_lock)")]
    DefaultLockCalled,
    /// `_bus_dmamap_load_ccb`: a function code that carries no data.
    #[error("panic: CAM function code {code:#x} is not supported by bus_dmamap_load_ccb")]
    UnsupportedCcbFunction {
        /// The code.
        code: u32,
    },
    /// `_bus_dmamap_load_ccb`: data flags that mean nothing.
    #[error("panic: the CAM data flags name no data type that bus_dmamap_load_ccb knows")]
    UnimplementedCcbData,
    /// `bounce_bus_dmamem_free` or `bounce_bus_dmamap_destroy`: a map of the other kind.
    #[error("panic: the map was not made by the matching call (bus_dmamem_alloc or bus_dmamap_create)")]
    InvalidMapFreed,
    /// `dma_dcache_sync` (arm64): an operation mix it has no cache operation for.
    #[error("panic: arm64 has no cache operation for this combination of sync operations")]
    UnsupportedSyncOperations,
    /// `add_bounce_page`: more pages wanted than were counted or reserved.
    #[error("panic: the load takes more bounce pages than it reserved")]
    NoReservedPage,
    /// Assertion of `_bus_dmamap_load_vlist`.
    #[error("assertion: the offset into a list element is not below the element's length")]
    InvalidMidSegmentOffset,
    /// Assertion of `_bus_dmamap_count_ma` and `bounce_bus_dmamap_load_ma`.
    #[error("assertion: a bounced piece of an unmapped buffer has a length that breaks the alignment")]
    SegmentSizeUnaligned,
    /// Assertion of `bounce_bus_dmamap_sync`.
    #[error("assertion: a bounce page holds bytes of a second client page that was not recorded")]
    BounceSizeMismatch,
    /// Assertion of `bus_dmamap_load_mbuf`.
    #[error("assertion: the mbuf chain has no packet header")]
    NoPacketHeader,
    /// Assertion of `_bus_dmamap_load_uio`.
    #[error("assertion: a user-space uio names no thread")]
    UserspaceWithoutThread,
    /// Assertion of `add_bounce_page`: `KEEP_PG_OFFSET` with two client pages.
    #[error("assertion: a page that keeps its offset cannot gather two client pages")]
    TwoPagesKeepOffset,
}

impl KernelPanic {
    /// Whether only a kernel with `INVARIANTS` stops here.
    pub const fn is_assertion(self) -> bool {
        matches!(
            self,
            Self::InvalidMidSegmentOffset
                | Self::SegmentSizeUnaligned
                | Self::BounceSizeMismatch
                | Self::NoPacketHeader
                | Self::UserspaceWithoutThread
                | Self::TwoPagesKeepOffset
        )
    }
}

/// A request that contradicts itself. FreeBSD reads past the end of something here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum InvalidRequest {
    /// The scatter list has fewer entries than the request says.
    #[error("the list has {entries} entries, the request says {wanted}")]
    ListTooShort {
        /// Entries there are.
        entries: usize,
        /// Entries the request names.
        wanted: usize,
    },
    /// The page list of an unmapped bio does not cover its bytes.
    #[error("the pages cover {covered} bytes after the offset, the request says {bcount}")]
    PagesTooShort {
        /// Bytes behind the offset.
        covered: BusSize,
        /// Bytes asked for.
        bcount: BusSize,
    },
    /// The offset lies behind the first list element.
    #[error("the offset {offset} lies beyond the first element's {len} bytes")]
    OffsetBeyondElement {
        /// The offset.
        offset: BusSize,
        /// The element's length.
        len: BusSize,
    },
    /// A user-space uio without a thread.
    #[error("a user-space uio names no thread")]
    NoThread,
    /// A virtual address that is mapped nowhere.
    #[error("{space:?} address {addr} is not mapped")]
    NotMapped {
        /// The address space.
        space: AddressSpace,
        /// The address.
        addr: VirtAddr,
    },
    /// A range that runs past the end of the address space.
    #[error("the range of {len} bytes at {start:#x} runs past the end of the address space")]
    RangeWraps {
        /// First address.
        start: u64,
        /// Length.
        len: BusSize,
    },
    /// A range that would be cut into more pieces than the engine is willing to walk.
    #[error("{len} bytes make {chunks} pieces, the engine walks at most {limit} in one range")]
    TooManyChunks {
        /// Length of the range.
        len: BusSize,
        /// Pieces it would make.
        chunks: u64,
        /// The engine's limit.
        limit: u64,
    },
}

/// Why a load failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum LoadError {
    /// The mapping needs more segments than the tag allows (`EFBIG`).
    #[error("more than {limit} segments needed: {filled} filled, {bytes_left} bytes of the request still unmapped")]
    TooManySegments {
        /// Segments the tag allows.
        limit: SegmentLimit,
        /// Segments filled before the limit was met.
        filled: usize,
        /// Bytes of the part at hand that were not mapped.
        bytes_left: BusSize,
    },
    /// Not enough free bounce pages, and the load may not wait (`ENOMEM`).
    #[error("{needed} bounce pages needed, {free} free, and the load may not wait")]
    NoBouncePages {
        /// Pages the load needs beyond those it holds.
        needed: PageCount,
        /// Pages free in the zone.
        free: PageCount,
    },
    /// Strict only: the whole pool is smaller than the need (`ENOMEM`). FreeBSD waits for ever.
    #[error("{needed} bounce pages needed, the whole pool has {total}: waiting would never end")]
    NeverSatisfiable {
        /// Pages the load needs.
        needed: PageCount,
        /// Pages of the zone.
        total: PageCount,
    },
    /// Strict only: the request is larger than the tag's `maxsize` (`EINVAL`). FreeBSD does not check.
    #[error("the request has {bytes} bytes, the tag's maxsize is {maxsize}")]
    ExceedsMaxSize {
        /// Bytes of the request.
        bytes: BusSize,
        /// The tag's limit.
        maxsize: BusSize,
    },
    /// Strict only: the address must be bounced, but this map cannot bounce or bouncing would not help (`EINVAL`).
    #[error("{addr} cannot be given to the device and bouncing does not help: {reason:?}")]
    Unreachable {
        /// The address.
        addr: PhysAddr,
        /// Why the device cannot use it.
        reason: BounceReason,
    },
    /// Strict only: the map still holds a mapping (`EINVAL`). FreeBSD appends to it.
    #[error("the map is still loaded; unload it first")]
    AlreadyLoaded,
    /// The map is waiting for pages (`EINVAL`). FreeBSD corrupts its waiting list here.
    #[error("the map is still waiting for its deferred load")]
    StillDeferred,
    /// The request contradicts itself (`EINVAL`).
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// FreeBSD's kernel stops here.
    #[error(transparent)]
    Panic(#[from] KernelPanic),
    /// There is no such map (`EINVAL`).
    #[error("no map {0}")]
    NoSuchMap(MapId),
}

impl LoadError {
    /// The error number, `None` where FreeBSD's kernel stops.
    pub const fn errno(&self) -> Option<Errno> {
        match self {
            Self::TooManySegments { .. } => Some(Errno::Efbig),
            Self::NoBouncePages { .. } | Self::NeverSatisfiable { .. } => Some(Errno::Enomem),
            Self::ExceedsMaxSize { .. }
            | Self::Unreachable { .. }
            | Self::AlreadyLoaded
            | Self::StillDeferred
            | Self::Invalid(_)
            | Self::NoSuchMap(_) => Some(Errno::Einval),
            Self::Panic(_) => None,
        }
    }
}

/// Why a tag verb failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum TagError {
    /// `maxsegsz` is 0, also after it was clamped to the boundary (`EINVAL`).
    #[error("maxsegsz is 0: no segment could hold a byte")]
    ZeroMaxSegSize,
    /// `ALLOC_NOW` could not fill the pool (`ENOMEM`); the pages it got stay in the zone.
    #[error("{wanted} bounce pages wanted for {zone}, {got} were to be had")]
    NoBouncePages {
        /// The zone.
        zone: ZoneId,
        /// Pages wanted.
        wanted: u64,
        /// Pages added before memory ran out.
        got: u32,
    },
    /// Maps still belong to the tag (`EBUSY`).
    #[error("{maps} maps still belong to the tag")]
    Busy {
        /// How many.
        maps: u32,
    },
    /// There is no such tag (`EINVAL`).
    #[error("no tag {0}")]
    NoSuchTag(TagId),
}

impl TagError {
    /// The error number.
    pub const fn errno(&self) -> Errno {
        match self {
            Self::ZeroMaxSegSize | Self::NoSuchTag(_) => Errno::Einval,
            Self::NoBouncePages { .. } => Errno::Enomem,
            Self::Busy { .. } => Errno::Ebusy,
        }
    }
}

/// Why a map verb failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum MapError {
    /// The tag's first map could not fill the pool (`ENOMEM`); the pages it got stay in the zone.
    #[error("{wanted} bounce pages wanted for {zone}, {got} were to be had")]
    NoBouncePages {
        /// The zone.
        zone: ZoneId,
        /// Pages wanted.
        wanted: u64,
        /// Pages added before memory ran out.
        got: u32,
    },
    /// The map is still loaded: it holds bounce pages, or on arm64 ranges to keep coherent (`EBUSY`).
    #[error("the map is still loaded: {bounce_pages} bounce pages, {sync_ranges} ranges to keep coherent")]
    StillLoaded {
        /// Bounce pages on the map.
        bounce_pages: PageCount,
        /// arm64's `sync_count`.
        sync_ranges: u32,
    },
    /// The map is waiting for pages (`EBUSY`). FreeBSD frees it and uses it later.
    #[error("the map is still waiting for its deferred load")]
    StillDeferred,
    /// The map has no deferred load that could be cancelled (`EINVAL`).
    #[error("the map has no deferred load to cancel")]
    NotDeferred,
    /// FreeBSD's kernel stops here.
    #[error(transparent)]
    Panic(#[from] KernelPanic),
    /// There is no such tag (`EINVAL`).
    #[error("no tag {0}")]
    NoSuchTag(TagId),
    /// There is no such map (`EINVAL`).
    #[error("no map {0}")]
    NoSuchMap(MapId),
}

impl MapError {
    /// The error number, `None` where FreeBSD's kernel stops.
    pub const fn errno(&self) -> Option<Errno> {
        match self {
            Self::NoBouncePages { .. } => Some(Errno::Enomem),
            Self::StillLoaded { .. } | Self::StillDeferred => Some(Errno::Ebusy),
            Self::NotDeferred | Self::NoSuchTag(_) | Self::NoSuchMap(_) => Some(Errno::Einval),
            Self::Panic(_) => None,
        }
    }
}

/// Why a sync failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum SyncError {
    /// FreeBSD's kernel stops here.
    #[error(transparent)]
    Panic(#[from] KernelPanic),
    /// A client page went away since the load.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// There is no such map (`EINVAL`).
    #[error("no map {0}")]
    NoSuchMap(MapId),
}

/// Why a dmamem verb failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum MemError {
    /// The allocator has nothing that meets the tag's constraints (`ENOMEM`).
    #[error("{} bytes that meet the tag's constraints are not to be had", request.size)]
    NoMemory {
        /// The allocator call that failed.
        request: DmamemRequest,
    },
    /// FreeBSD's kernel stops here.
    #[error(transparent)]
    Panic(#[from] KernelPanic),
    /// The map is still loaded (`EBUSY`), strict only.
    #[error("the memory's map is still loaded; unload it first")]
    StillLoaded,
    /// There is no such tag (`EINVAL`).
    #[error("no tag {0}")]
    NoSuchTag(TagId),
    /// There is no such map (`EINVAL`).
    #[error("no map {0}")]
    NoSuchMap(MapId),
}

impl MemError {
    /// The error number, `None` where FreeBSD's kernel stops.
    pub const fn errno(&self) -> Option<Errno> {
        match self {
            Self::NoMemory { .. } => Some(Errno::Enomem),
            Self::StillLoaded => Some(Errno::Ebusy),
            Self::NoSuchTag(_) | Self::NoSuchMap(_) => Some(Errno::Einval),
            Self::Panic(_) => None,
        }
    }
}
