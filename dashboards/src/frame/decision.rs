//! One decision of an engine, as the daemon streams it and a recording holds it.

use super::Name;

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When, on the frame's clock.
    pub t_ns: u64,
    /// Where.
    pub machine: Name,
    /// Whose call brought it about, where that is known.
    pub session: Option<Name>,
    /// The map it is about.
    pub map: Option<Name>,
    /// The tag it is about.
    pub tag: Option<Name>,
    /// What was decided.
    pub what: What,
}

/// What was decided, as `busdma_engine::Decision` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the engine's decisions, documented there")]
pub enum What {
    /// A tag bounces through a zone.
    ZoneChosen { zone: u32, created: bool },
    /// A zone got pages.
    PoolGrown { zone: u32, wanted: u64, added: u64 },
    /// A load needs pages.
    Counted { pages: u32 },
    /// Pages were promised.
    Reserved { zone: u32, pages: u32 },
    /// A load waits.
    Deferred { zone: u32, needed: u32, reserved: u32, ahead: u64 },
    /// A load has its pages.
    Woken { zone: u32 },
    /// A deferred load goes on.
    Resumed { waited_ns: u64 },
    /// A piece goes through a bounce page.
    Bounced { client: u64, bounce: u64, len: u64, why: BounceWhy },
    /// A piece begins a segment.
    Split { segment: u64, addr: u64, len: u64, why: SplitWhy },
    /// A piece continues a segment.
    Coalesced { segment: u64, addr: u64, len: u64 },
    /// The device may begin. Pages where they are told.
    Loaded { segments: u64, bpages: Option<u32> },
    /// The load failed.
    Rejected { error: Name },
    /// The mapping is over. Pages where they are told.
    Unloaded { pages: Option<u32> },
    /// A deferred load was given up.
    Cancelled { pages: u32 },
    /// A sync copied.
    Copied { way: CopyWay, pages: u32, bytes: u64 },
}

/// Why a piece is bounced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the engine's reasons, documented there")]
pub enum BounceWhy {
    /// It lies in the excluded window `(lowaddr, highaddr]`.
    Window { lowaddr: u64, highaddr: u64 },
    /// The filter excludes it within that window.
    Filter { lowaddr: u64, highaddr: u64 },
    /// It is not aligned.
    Alignment { bytes: u64 },
    /// The source does not say.
    NotTold,
}

/// Why a piece begins a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the engine's reasons, documented there")]
pub enum SplitWhy {
    /// It is the first.
    First,
    /// It is not adjacent to the one before.
    Discontiguous,
    /// Together they would cross a boundary.
    Boundary { bytes: u64 },
    /// Together they would be too long.
    MaxSegSize { bytes: u64 },
    /// The source does not say.
    NotTold,
}

/// Which way a sync copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyWay {
    /// To the bounce pages.
    ToBounce,
    /// Back from them.
    FromBounce,
}

/// Kinds of decisions, by the names of the wire and of traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they are those of `What`")]
pub enum DecisionKind {
    ZoneChosen,
    PoolGrown,
    Counted,
    Reserved,
    Deferred,
    Woken,
    Resumed,
    Bounced,
    Split,
    Coalesced,
    Loaded,
    Rejected,
    Unloaded,
    Cancelled,
    Copied,
}

impl DecisionKind {
    /// `zone_chosen`, `pool_grown`, …
    pub const fn name(self) -> &'static str {
        match self {
            Self::ZoneChosen => "zone_chosen",
            Self::PoolGrown => "pool_grown",
            Self::Counted => "counted",
            Self::Reserved => "reserved",
            Self::Deferred => "deferred",
            Self::Woken => "woken",
            Self::Resumed => "resumed",
            Self::Bounced => "bounced",
            Self::Split => "split",
            Self::Coalesced => "coalesced",
            Self::Loaded => "loaded",
            Self::Rejected => "rejected",
            Self::Unloaded => "unloaded",
            Self::Cancelled => "cancelled",
            Self::Copied => "copied",
        }
    }
}

impl What {
    /// Its kind.
    pub const fn kind(&self) -> DecisionKind {
        match self {
            Self::ZoneChosen { .. } => DecisionKind::ZoneChosen,
            Self::PoolGrown { .. } => DecisionKind::PoolGrown,
            Self::Counted { .. } => DecisionKind::Counted,
            Self::Reserved { .. } => DecisionKind::Reserved,
            Self::Deferred { .. } => DecisionKind::Deferred,
            Self::Woken { .. } => DecisionKind::Woken,
            Self::Resumed { .. } => DecisionKind::Resumed,
            Self::Bounced { .. } => DecisionKind::Bounced,
            Self::Split { .. } => DecisionKind::Split,
            Self::Coalesced { .. } => DecisionKind::Coalesced,
            Self::Loaded { .. } => DecisionKind::Loaded,
            Self::Rejected { .. } => DecisionKind::Rejected,
            Self::Unloaded { .. } => DecisionKind::Unloaded,
            Self::Cancelled { .. } => DecisionKind::Cancelled,
            Self::Copied { .. } => DecisionKind::Copied,
        }
    }
}
