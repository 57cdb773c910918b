//! What FreeBSD's own quirks, or the driver, did wrong: findings a driver author has to know of.

use crate::addr::{BusAddr, BusSize, PageCount, PhysAddr};
use crate::constraints::{Alignment, ExclusionWindow, SegmentLimit};
use crate::ids::{MapId, TagId, ZoneId};
use std::fmt;

/// How bad a hazard is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Severity {
    /// Works here, fails elsewhere or later.
    Warning,
    /// Loads will fail or wait for ever.
    Error,
    /// The device reads or writes the wrong bytes.
    Corruption,
}

/// One finding, with the numbers involved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hazard {
    /// A segment given to the driver touches an address the tag excludes.
    SegmentInExcludedWindow {
        /// The map.
        map: MapId,
        /// The segment's first address.
        addr: BusAddr,
        /// Its length.
        len: BusSize,
        /// First excluded address it touches.
        excluded: PhysAddr,
        /// The tag's window.
        window: ExclusionWindow,
    },
    /// A segment given to the driver starts at an address that breaks the tag's own alignment.
    SegmentStartMisaligned {
        /// The map.
        map: MapId,
        /// The segment's first address.
        addr: BusAddr,
        /// The tag's alignment.
        alignment: Alignment,
    },
    /// A load ended while the map still counts or reserves pages: the next load on it will not count afresh.
    StalePagesNeeded {
        /// The map.
        map: MapId,
        /// `pagesneeded` left over.
        pages_needed: PageCount,
        /// `pagesreserved` left over.
        pages_reserved: PageCount,
    },
    /// A load was deferred after it had already bounced earlier parts of the request, which it will bounce again.
    DeferredWithPagesAlreadyAdded {
        /// The map.
        map: MapId,
        /// Bounce pages added before the deferral.
        pages: PageCount,
    },
    /// A bounced piece is longer than the bounce page it goes to.
    BounceChunkLongerThanPage {
        /// The map.
        map: MapId,
        /// Where the device will look for it.
        bounce: BusAddr,
        /// Its length.
        len: BusSize,
    },
    /// A sync copies past the end of a bounce page.
    BounceCopyOverrunsPage {
        /// The map.
        map: MapId,
        /// First address of the bounced bytes.
        bounce: BusAddr,
        /// Bytes FreeBSD copies.
        len: BusSize,
    },
    /// A map that still holds bounce pages is loaded again: the pages of both loads stay on it.
    LoadOnMapHoldingPages {
        /// The map.
        map: MapId,
        /// Bounce pages it holds.
        pages: PageCount,
    },
    /// A mapping has more segments than the tag allows: FreeBSD treats `nsegments` 0 as 1.
    MoreSegmentsThanNsegments {
        /// The map.
        map: MapId,
        /// Segments of the mapping.
        segments: usize,
        /// The tag's limit.
        limit: SegmentLimit,
    },
    /// A load waits for more pages than its zone has: it will never be woken.
    NeverSatisfiable {
        /// The map.
        map: MapId,
        /// The zone it waits for.
        zone: ZoneId,
        /// Pages it needs.
        needed: PageCount,
        /// Pages of the zone.
        total: PageCount,
    },
    /// A load waits behind a waiter of another zone, which pages of its own zone will never serve.
    WaitsBehindOtherZone {
        /// The map.
        map: MapId,
        /// The zone it waits for.
        zone: ZoneId,
        /// The waiter at the head of the list.
        head: MapId,
        /// The zone the head waits for.
        head_zone: ZoneId,
    },
    /// A load was deferred on a tag without a lock function: its callback will panic.
    DeferredWithoutLockFunction {
        /// The map.
        map: MapId,
        /// The tag.
        tag: TagId,
    },
    /// The client bytes of a bounce page reach into a second page that was not recorded: FreeBSD copies too few, or those
    /// of whatever page lies behind in physical memory.
    CopyMissesSecondPage {
        /// The map.
        map: MapId,
        /// Where the client's bytes begin.
        client: PhysAddr,
        /// Bytes that should be copied.
        len: BusSize,
        /// Bytes whose page is known.
        recorded: BusSize,
    },
    /// A tag was freed while another one still consults it: FreeBSD goes on reading freed memory.
    TagFreedWhileReferenced {
        /// The freed tag.
        tag: TagId,
        /// Live tags whose filter chain still visits it.
        referrers: u32,
    },
}

/// The kind of a [`Hazard`], without its numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum HazardKind {
    /// [`Hazard::SegmentInExcludedWindow`].
    SegmentInExcludedWindow,
    /// [`Hazard::SegmentStartMisaligned`].
    SegmentStartMisaligned,
    /// [`Hazard::StalePagesNeeded`].
    StalePagesNeeded,
    /// [`Hazard::DeferredWithPagesAlreadyAdded`].
    DeferredWithPagesAlreadyAdded,
    /// [`Hazard::BounceChunkLongerThanPage`].
    BounceChunkLongerThanPage,
    /// [`Hazard::BounceCopyOverrunsPage`].
    BounceCopyOverrunsPage,
    /// [`Hazard::LoadOnMapHoldingPages`].
    LoadOnMapHoldingPages,
    /// [`Hazard::MoreSegmentsThanNsegments`].
    MoreSegmentsThanNsegments,
    /// [`Hazard::NeverSatisfiable`].
    NeverSatisfiable,
    /// [`Hazard::WaitsBehindOtherZone`].
    WaitsBehindOtherZone,
    /// [`Hazard::DeferredWithoutLockFunction`].
    DeferredWithoutLockFunction,
    /// [`Hazard::CopyMissesSecondPage`].
    CopyMissesSecondPage,
    /// [`Hazard::TagFreedWhileReferenced`].
    TagFreedWhileReferenced,
}

impl HazardKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::SegmentInExcludedWindow,
        Self::SegmentStartMisaligned,
        Self::StalePagesNeeded,
        Self::DeferredWithPagesAlreadyAdded,
        Self::BounceChunkLongerThanPage,
        Self::BounceCopyOverrunsPage,
        Self::LoadOnMapHoldingPages,
        Self::MoreSegmentsThanNsegments,
        Self::NeverSatisfiable,
        Self::WaitsBehindOtherZone,
        Self::DeferredWithoutLockFunction,
        Self::CopyMissesSecondPage,
        Self::TagFreedWhileReferenced,
    ];

    /// The name used in traces and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SegmentInExcludedWindow => "segment_in_excluded_window",
            Self::SegmentStartMisaligned => "segment_start_misaligned",
            Self::StalePagesNeeded => "stale_pagesneeded",
            Self::DeferredWithPagesAlreadyAdded => "deferred_with_pages_already_added",
            Self::BounceChunkLongerThanPage => "bounce_chunk_longer_than_page",
            Self::BounceCopyOverrunsPage => "bounce_copy_overruns_page",
            Self::LoadOnMapHoldingPages => "load_on_map_holding_pages",
            Self::MoreSegmentsThanNsegments => "more_segments_than_nsegments",
            Self::NeverSatisfiable => "never_satisfiable",
            Self::WaitsBehindOtherZone => "waits_behind_other_zone",
            Self::DeferredWithoutLockFunction => "deferred_without_lock_function",
            Self::CopyMissesSecondPage => "copy_misses_second_page",
            Self::TagFreedWhileReferenced => "tag_freed_while_referenced",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether busdma-trace v1 marks it. The other kinds are the engine's own.
    pub const fn in_trace_v1(self) -> bool {
        (self as u8) < (Self::NeverSatisfiable as u8)
    }

    /// How bad it is.
    pub const fn severity(self) -> Severity {
        match self {
            Self::SegmentInExcludedWindow
            | Self::SegmentStartMisaligned
            | Self::BounceChunkLongerThanPage
            | Self::BounceCopyOverrunsPage
            | Self::CopyMissesSecondPage
            | Self::TagFreedWhileReferenced => Severity::Corruption,
            Self::StalePagesNeeded
            | Self::DeferredWithPagesAlreadyAdded
            | Self::MoreSegmentsThanNsegments
            | Self::NeverSatisfiable
            | Self::DeferredWithoutLockFunction => Severity::Error,
            Self::LoadOnMapHoldingPages | Self::WaitsBehindOtherZone => Severity::Warning,
        }
    }

    /// What the driver author should do about it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::SegmentInExcludedWindow => {
                "keep maxsegsz and boundary at a page or more, or unload the map after every failed load"
            }
            Self::SegmentStartMisaligned => {
                "keep maxsegsz and boundary multiples of the alignment, and the alignment at most a page"
            }
            Self::StalePagesNeeded => "destroy and create the map after a failed load; unloading does not clean it",
            Self::DeferredWithPagesAlreadyAdded => "load requests of several parts with BUS_DMA_NOWAIT and retry",
            Self::BounceChunkLongerThanPage | Self::BounceCopyOverrunsPage => {
                "keep the alignment at most a page, and 1 with BUS_DMA_KEEP_PG_OFFSET"
            }
            Self::LoadOnMapHoldingPages => "unload the map before loading it again",
            Self::MoreSegmentsThanNsegments => "give nsegments as at least 1",
            Self::NeverSatisfiable => "make maxsize a page larger, or the pool, or split the request",
            Self::WaitsBehindOtherZone => "load with BUS_DMA_NOWAIT and retry, or give both tags one zone",
            Self::DeferredWithoutLockFunction => "give the tag a lock function, or load with BUS_DMA_NOWAIT",
            Self::CopyMissesSecondPage => "align user buffers to the tag's alignment, or load them through the kernel",
            Self::TagFreedWhileReferenced => "destroy child tags only when their grandparent is no longer needed",
        }
    }
}

impl fmt::Display for HazardKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Hazard {
    /// Its kind.
    pub const fn kind(&self) -> HazardKind {
        match self {
            Self::SegmentInExcludedWindow { .. } => HazardKind::SegmentInExcludedWindow,
            Self::SegmentStartMisaligned { .. } => HazardKind::SegmentStartMisaligned,
            Self::StalePagesNeeded { .. } => HazardKind::StalePagesNeeded,
            Self::DeferredWithPagesAlreadyAdded { .. } => HazardKind::DeferredWithPagesAlreadyAdded,
            Self::BounceChunkLongerThanPage { .. } => HazardKind::BounceChunkLongerThanPage,
            Self::BounceCopyOverrunsPage { .. } => HazardKind::BounceCopyOverrunsPage,
            Self::LoadOnMapHoldingPages { .. } => HazardKind::LoadOnMapHoldingPages,
            Self::MoreSegmentsThanNsegments { .. } => HazardKind::MoreSegmentsThanNsegments,
            Self::NeverSatisfiable { .. } => HazardKind::NeverSatisfiable,
            Self::WaitsBehindOtherZone { .. } => HazardKind::WaitsBehindOtherZone,
            Self::DeferredWithoutLockFunction { .. } => HazardKind::DeferredWithoutLockFunction,
            Self::CopyMissesSecondPage { .. } => HazardKind::CopyMissesSecondPage,
            Self::TagFreedWhileReferenced { .. } => HazardKind::TagFreedWhileReferenced,
        }
    }

    /// The map it is about; none where it is about a tag.
    pub const fn map(&self) -> Option<MapId> {
        match *self {
            Self::SegmentInExcludedWindow { map, .. }
            | Self::SegmentStartMisaligned { map, .. }
            | Self::StalePagesNeeded { map, .. }
            | Self::DeferredWithPagesAlreadyAdded { map, .. }
            | Self::BounceChunkLongerThanPage { map, .. }
            | Self::BounceCopyOverrunsPage { map, .. }
            | Self::LoadOnMapHoldingPages { map, .. }
            | Self::MoreSegmentsThanNsegments { map, .. }
            | Self::NeverSatisfiable { map, .. }
            | Self::WaitsBehindOtherZone { map, .. }
            | Self::DeferredWithoutLockFunction { map, .. }
            | Self::CopyMissesSecondPage { map, .. } => Some(map),
            Self::TagFreedWhileReferenced { .. } => None,
        }
    }

    /// The tag it names itself; that of a map is the map's to tell.
    pub const fn tag(&self) -> Option<TagId> {
        match *self {
            Self::DeferredWithoutLockFunction { tag, .. } | Self::TagFreedWhileReferenced { tag, .. } => Some(tag),
            _ => None,
        }
    }
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SegmentInExcludedWindow { addr, len, excluded, window, .. } => write!(
                f,
                "segment {addr}+{len} reaches {excluded}, inside the excluded window ({}, {}]",
                window.lowaddr, window.highaddr
            ),
            Self::SegmentStartMisaligned { addr, alignment, .. } => {
                write!(f, "segment starts at {addr}, no multiple of the alignment {alignment}")
            }
            Self::StalePagesNeeded { pages_needed, pages_reserved, .. } => write!(
                f,
                "the load ended with {pages_needed} pages still counted and {pages_reserved} still reserved; the next load will not count afresh"
            ),
            Self::DeferredWithPagesAlreadyAdded { pages, .. } => {
                write!(f, "deferred with {pages} bounce pages already filled; they will be taken a second time")
            }
            Self::BounceChunkLongerThanPage { bounce, len, .. } => {
                write!(f, "{len} bytes go to the bounce page at {bounce}, which does not hold them")
            }
            Self::BounceCopyOverrunsPage { bounce, len, .. } => {
                write!(f, "a copy of {len} bytes at {bounce} runs past the end of the bounce page")
            }
            Self::LoadOnMapHoldingPages { pages, .. } => {
                write!(f, "the map still holds {pages} bounce pages of an earlier load")
            }
            Self::MoreSegmentsThanNsegments { segments, limit, .. } => {
                write!(f, "{segments} segments given to a tag whose nsegments is {limit}")
            }
            Self::NeverSatisfiable { zone, needed, total, .. } => {
                write!(f, "the load waits for {needed} pages, {zone} has {total} in all: it will wait for ever")
            }
            Self::WaitsBehindOtherZone { zone, head_zone, .. } => write!(
                f,
                "the load waits for pages of {zone} behind a waiter of {head_zone}; pages freed in {zone} do not help it"
            ),
            Self::DeferredWithoutLockFunction { .. } => {
                f.write_str("the load was deferred on a tag without a lock function: its callback will panic")
            }
            Self::CopyMissesSecondPage { client, len, recorded, .. } => {
                write!(f, "of the {len} bytes at {client} only {recorded} lie in the page that the bounce page records")
            }
            Self::TagFreedWhileReferenced { referrers, .. } => {
                write!(f, "the tag was freed while {referrers} other tags still consult it")
            }
        }
    }
}
