//! What the engine decided and why, told to an [`Observer`] as it happens.

use crate::addr::{BusAddr, BusSize, Nanos, PageCount, PhysAddr};
use crate::constraints::{BounceReason, Boundary};
use crate::error::LoadError;
use crate::hazard::Hazard;
use crate::ids::{MapId, TagId, ZoneId};

/// One thing decided, with its reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// A tag got its bounce zone: the first in creation order that fits, or a new one.
    ZoneChosen {
        /// The tag.
        tag: TagId,
        /// Its zone.
        zone: ZoneId,
        /// Whether the zone was made for it.
        origin: ZoneOrigin,
    },
    /// A bounce pool was grown.
    PoolGrown {
        /// The zone.
        zone: ZoneId,
        /// Pages wanted.
        wanted: u64,
        /// Pages added.
        added: u32,
    },
    /// A load counted the bounce pages it will need.
    Counted {
        /// The map.
        map: MapId,
        /// Pages needed.
        pages_needed: PageCount,
    },
    /// A load reserved bounce pages.
    Reserved {
        /// The map.
        map: MapId,
        /// The zone they are promised from.
        zone: ZoneId,
        /// Pages newly promised.
        pages: PageCount,
    },
    /// A load has to wait.
    Deferred {
        /// The map.
        map: MapId,
        /// The zone it waits for.
        zone: ZoneId,
        /// Pages it needs in all.
        needed: PageCount,
        /// Pages it holds reserved while it waits.
        reserved: PageCount,
        /// Waiters ahead of it in its queue.
        ahead: usize,
    },
    /// A waiter has all its pages and will be loaded again.
    Woken {
        /// The map.
        map: MapId,
        /// The zone whose page woke it.
        zone: ZoneId,
    },
    /// A deferred load is taken up again.
    Resumed {
        /// The map.
        map: MapId,
        /// How long it waited.
        waited_ns: u64,
    },
    /// A piece of client memory goes through a bounce page.
    Bounced {
        /// The map.
        map: MapId,
        /// Where the client's bytes lie.
        client: PhysAddr,
        /// Where the device will find them.
        bounce: BusAddr,
        /// Bytes.
        len: BusSize,
        /// Why.
        reason: BounceReason,
    },
    /// A piece begins a new segment.
    Split {
        /// The map.
        map: MapId,
        /// Index of the new segment.
        segment: usize,
        /// Its first address.
        addr: BusAddr,
        /// Bytes of the piece.
        len: BusSize,
        /// Why it does not continue the segment before.
        reason: SplitReason,
    },
    /// A piece continues the segment before.
    Coalesced {
        /// The map.
        map: MapId,
        /// Index of the segment.
        segment: usize,
        /// First address of the piece.
        addr: BusAddr,
        /// Bytes of the piece.
        len: BusSize,
    },
    /// A load ended with a mapping.
    Loaded {
        /// The map.
        map: MapId,
        /// Segments of the mapping.
        segments: usize,
        /// Bounce pages on the map.
        bounce_pages: PageCount,
    },
    /// A load failed.
    Rejected {
        /// The map.
        map: MapId,
        /// Why.
        error: LoadError,
    },
    /// A map was unloaded.
    Unloaded {
        /// The map.
        map: MapId,
        /// Bounce pages given back.
        released: PageCount,
    },
    /// A deferred load was given up before it came to its end.
    Cancelled {
        /// The map.
        map: MapId,
        /// Pages given back: those promised to the map, and those it already held.
        released: PageCount,
    },
    /// A sync copied bounce pages.
    Copied {
        /// The map.
        map: MapId,
        /// Which way.
        direction: CopyDirection,
        /// Bounce pages copied.
        pages: PageCount,
        /// Bytes copied.
        bytes: BusSize,
    },
}

impl Decision {
    /// The map it is about; none where it is about a zone.
    pub const fn map(&self) -> Option<MapId> {
        match *self {
            Self::ZoneChosen { .. } | Self::PoolGrown { .. } => None,
            Self::Counted { map, .. }
            | Self::Reserved { map, .. }
            | Self::Deferred { map, .. }
            | Self::Woken { map, .. }
            | Self::Resumed { map, .. }
            | Self::Bounced { map, .. }
            | Self::Split { map, .. }
            | Self::Coalesced { map, .. }
            | Self::Loaded { map, .. }
            | Self::Rejected { map, .. }
            | Self::Unloaded { map, .. }
            | Self::Cancelled { map, .. }
            | Self::Copied { map, .. } => Some(map),
        }
    }

    /// The tag it names itself; that of a map is the map's to tell.
    pub const fn tag(&self) -> Option<TagId> {
        match *self {
            Self::ZoneChosen { tag, .. } => Some(tag),
            _ => None,
        }
    }
}

/// Where a tag's zone came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ZoneOrigin {
    /// An earlier tag's zone fitted.
    Shared,
    /// None fitted.
    Created,
}

/// Why a piece begins a new segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum SplitReason {
    /// It is the first piece of the mapping.
    First,
    /// Its address does not continue the segment before.
    Discontiguous,
    /// The two together would cross a multiple of the boundary.
    Boundary(Boundary),
    /// The two together would be longer than a segment may be. FreeBSD joins a piece whole or not at all.
    MaxSegSize(BusSize),
}

/// Which way a sync copies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum CopyDirection {
    /// From the client to the bounce page (`PREWRITE`).
    ToBounce,
    /// From the bounce page to the client (`POSTREAD`).
    FromBounce,
}

/// Hears of every decision and hazard. The engine is generic over it, and [`NoObserver`] compiles away.
pub trait Observer {
    /// Whether decisions and hazards are worked out at all.
    const ENABLED: bool = true;

    /// Hears a decision taken at `now`.
    fn decision(&mut self, now: Nanos, decision: &Decision);

    /// Hears a hazard found at `now`.
    fn hazard(&mut self, now: Nanos, hazard: &Hazard);
}

/// Hears nothing and costs nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    const ENABLED: bool = false;

    #[inline]
    fn decision(&mut self, _: Nanos, _: &Decision) {}

    #[inline]
    fn hazard(&mut self, _: Nanos, _: &Hazard) {}
}

/// Keeps what it hears, for tools that show it and tests that check it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Log {
    /// Decisions in order.
    pub decisions: Vec<Decision>,
    /// Hazards in order.
    pub hazards: Vec<Hazard>,
}

impl Log {
    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.decisions.clear();
        self.hazards.clear();
    }
}

impl Observer for Log {
    fn decision(&mut self, _: Nanos, decision: &Decision) {
        self.decisions.push(*decision);
    }

    fn hazard(&mut self, _: Nanos, hazard: &Hazard) {
        self.hazards.push(*hazard);
    }
}

/// The observer and the time at which it is told.
#[derive(Debug)]
pub(crate) struct Told<O> {
    pub(crate) observer: O,
    pub(crate) now: Nanos,
}

impl<O: Observer> Told<O> {
    #[inline]
    pub(crate) fn decision(&mut self, decision: impl FnOnce() -> Decision) {
        if O::ENABLED {
            self.observer.decision(self.now, &decision());
        }
    }

    #[inline]
    pub(crate) fn hazard(&mut self, hazard: impl FnOnce() -> Hazard) {
        if O::ENABLED {
            self.observer.hazard(self.now, &hazard());
        }
    }
}
