//! Decisions as a trace holds them: an addition to busdma-trace v1, under `decisions` in `out`.

use super::{CopyDir, Hex, Name};
use serde::{Deserialize, Serialize};

/// One decision of the engine, with ids as the trace spells them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DecisionRecord<'a> {
    /// A tag got its bounce zone.
    ZoneChosen {
        /// The tag.
        #[serde(borrow)]
        tag: Name<'a>,
        /// Its zone.
        zone: usize,
        /// Whether the zone was made for it.
        created: bool,
    },
    /// A bounce pool was grown.
    PoolGrown {
        /// The zone.
        zone: usize,
        /// Pages wanted.
        wanted: u64,
        /// Pages added.
        added: u32,
    },
    /// A load counted the bounce pages it will need.
    Counted {
        /// The map.
        #[serde(borrow)]
        map: Name<'a>,
        /// Pages needed.
        pages: u32,
    },
    /// A load reserved bounce pages.
    Reserved {
        /// The map.
        #[serde(borrow)]
        map: Name<'a>,
        /// The zone.
        zone: usize,
        /// Pages newly promised.
        pages: u32,
    },
    /// A load has to wait.
    Deferred {
        /// The map.
        #[serde(borrow)]
        map: Name<'a>,
        /// The zone it waits for.
        zone: usize,
        /// Pages it needs in all.
        needed: u32,
        /// Pages it holds reserved.
        reserved: u32,
        /// Waiters ahead of it.
        ahead: usize,
    },
    /// A waiter has all its pages.
    Woken {
        /// The map.
        #[serde(borrow)]
        map: Name<'a>,
        /// The zone whose page woke it.
        zone: usize,
    },
    /// A deferred load is taken up again.
    Resumed {
        /// The map.
        #[serde(borrow)]
        map: Name<'a>,
        /// How long it waited.
        waited_ns: u64,
    },
    /// A piece of client memory goes through a bounce page.
    Bounced {
        /// The map.
        #[serde(borrow)]
        map: Name<'a>,
        /// Where the client's bytes lie.
        client: Hex,
        /// Where the device finds them.
        bounce: Hex,
        /// Bytes.
        len: u64,
        /// Why.
        reason: ReasonRecord,
    },
    /// A piece begins a new segment.
    Split {
        /// The map.
        #[serde(borrow)]
        map: Name<'a>,
        /// Index of the segment.
        segment: usize,
        /// First address of the piece.
        addr: Hex,
        /// Bytes of the piece.
        len: u64,
        /// Why it does not continue the segment before.
        reason: ReasonRecord,
    },
    /// A piece continues the segment before.
    Coalesced {
        /// The map.
        #[serde(borrow)]
        map: Name<'a>,
        /// Index of the segment.
        segment: usize,
        /// First address of the piece.
        addr: Hex,
        /// Bytes of the piece.
        len: u64,
    },
    /// A load ended with a mapping.
    Loaded {
        /// The map.
        #[serde(borrow)]
        map: Name<'a>,
        /// Segments.
        segments: usize,
        /// Bounce pages on the map.
        bpages: u32,
    },
    /// A load failed.
    Rejected {
        /// The map.
        #[serde(borrow)]
        map: Name<'a>,
        /// Why, in words.
        #[serde(borrow)]
        error: Name<'a>,
    },
    /// A map was unloaded.
    Unloaded {
        /// The map.
        #[serde(borrow)]
        map: Name<'a>,
        /// Bounce pages given back.
        pages: u32,
    },
    /// A deferred load was given up.
    Cancelled {
        /// The map.
        #[serde(borrow)]
        map: Name<'a>,
        /// Pages given back.
        pages: u32,
    },
    /// A sync copied bounce pages.
    Copied {
        /// The map.
        #[serde(borrow)]
        map: Name<'a>,
        /// Which way.
        dir: CopyDir,
        /// Bounce pages copied.
        pages: u32,
        /// Bytes copied.
        bytes: u64,
    },
    /// A decision this version does not know.
    #[serde(other)]
    Unknown,
}

/// Why a piece was bounced or split off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum ReasonRecord {
    /// It lies in the excluded window `(lowaddr, highaddr]`.
    Window {
        /// Last reachable address below the window.
        lowaddr: Hex,
        /// Last excluded address.
        highaddr: Hex,
    },
    /// It lies in the excluded window, and the filter excludes it.
    Filter {
        /// Last reachable address below the window.
        lowaddr: Hex,
        /// Last excluded address.
        highaddr: Hex,
    },
    /// It is no multiple of the alignment.
    Alignment {
        /// The alignment.
        bytes: u64,
    },
    /// It is the first piece.
    First,
    /// Its address does not continue the segment before.
    Discontiguous,
    /// Joined, the two would cross the boundary.
    Boundary {
        /// The boundary.
        bytes: u64,
    },
    /// Joined, the two would be longer than a segment may be.
    MaxSegSize {
        /// The limit.
        bytes: u64,
    },
    /// A reason this version does not know.
    #[serde(other)]
    Unknown,
}
