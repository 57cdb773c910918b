//! One load on a fresh machine, and everything that was decided on the way, as plain data.

use super::machine::PlanMachine;
use super::pieces::{Piece, PlannedSegment, pieces_and_segments};
use super::request::{Buffer, PlanRequest};
use crate::args::LoadKind;
use busdma_engine::addr::{BusSize, PageCount, PhysAddr};
use busdma_engine::constraints::{Alignment, Boundary, SegmentLimit};
use busdma_engine::decision::Log;
use busdma_engine::error::{Errno, KernelPanic, LoadError, MapError, SyncError, TagError};
use busdma_engine::hazard::Hazard;
use busdma_engine::memdesc::{
    Bio, Ccb, CcbData, CcbDirection, CcbFunction, Mbuf, MemDesc, PacketHeader, Uio, UioSpace, VirtRange,
};
use busdma_engine::sync::{SyncOps, SyncPlan};
use busdma_engine::{Constraints, DmaMap, DmaTag, Engine, LoadOutcome, MapId, Profile, TagId};

/// What one load came to.
#[derive(Clone, Debug)]
pub struct Run {
    /// Whose answers these are.
    pub profile: Profile,
    /// The constraints of each tag of the chain, root first, as far as the tags could be made.
    pub levels: Vec<EffectiveConstraints>,
    /// Whether the leaf tag could bounce at all.
    pub could_bounce: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// The segments, also those filled before a load failed.
    pub segments: Vec<PlannedSegment>,
    /// The pieces the buffer was cut into, in order.
    pub pieces: Vec<Piece>,
    /// The bounce pool while the mapping was held; `None` when the tag has none.
    pub pool: Option<PoolUse>,
    /// What went wrong on the way.
    pub hazards: Vec<Hazard>,
}

/// What holds for a tag after inheritance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EffectiveConstraints {
    /// Addresses must be multiples of it.
    pub alignment: Alignment,
    /// No segment crosses a multiple of it.
    pub boundary: Option<Boundary>,
    /// Last address below the excluded window.
    pub lowaddr: PhysAddr,
    /// Last excluded address.
    pub highaddr: PhysAddr,
    /// Bytes of a mapping.
    pub maxsize: BusSize,
    /// Segments of a mapping.
    pub nsegments: SegmentLimit,
    /// Bytes of a segment.
    pub maxsegsz: BusSize,
}

/// How a load ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The device may use the segments.
    Loaded,
    /// The load waits for bounce pages. Nobody else is on the machine to free any: it waits for ever.
    Deferred {
        /// Pages it needs.
        needed: PageCount,
        /// Pages the zone has in all.
        total: PageCount,
    },
    /// A tag of the chain could not be made.
    TagRefused {
        /// Its position, from the root.
        level: usize,
        /// Why.
        error: TagError,
    },
    /// The map could not be made.
    MapRefused(MapError),
    /// The load failed.
    LoadFailed(LoadError),
    /// The load went well, a sync of it stops the kernel.
    SyncFailed(SyncError),
}

/// The answer in one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// The device may use the segments.
    Loaded,
    /// It waits, here for ever.
    Deferred,
    /// It failed with this error.
    Failed(Errno),
    /// FreeBSD's kernel stops.
    Panic,
}

/// The bounce zone of the leaf tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PoolUse {
    /// Its number.
    pub zone: usize,
    /// Pages it has in all.
    pub total: PageCount,
    /// Pages this load holds.
    pub used: PageCount,
    /// Pages this load holds reserved.
    pub reserved: PageCount,
    /// Pages left.
    pub free: PageCount,
    /// Highest address of its pages.
    pub lowaddr: PhysAddr,
}

impl Outcome {
    /// The answer in one word.
    pub fn word(&self) -> Word {
        let errno = match self {
            Self::Loaded => return Word::Loaded,
            Self::Deferred { .. } => return Word::Deferred,
            Self::TagRefused { error, .. } => Some(error.errno()),
            Self::MapRefused(error) => error.errno(),
            Self::LoadFailed(error) => error.errno(),
            Self::SyncFailed(SyncError::Panic(_)) => None,
            Self::SyncFailed(_) => Some(Errno::Einval),
        };
        errno.map_or(Word::Panic, Word::Failed)
    }

    /// The panic, where FreeBSD's kernel stops.
    pub fn panic(&self) -> Option<KernelPanic> {
        match self {
            Self::MapRefused(MapError::Panic(panic))
            | Self::LoadFailed(LoadError::Panic(panic))
            | Self::SyncFailed(SyncError::Panic(panic)) => Some(*panic),
            _ => None,
        }
    }
}

impl Run {
    /// The constraints that hold for the load; `None` when the leaf tag could not be made.
    pub fn effective(&self, request: &PlanRequest) -> Option<EffectiveConstraints> {
        if self.levels.len() == request.chain.len() { self.levels.last().copied() } else { None }
    }

    /// Bytes that reached a segment.
    pub fn mapped_bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len).sum()
    }

    /// Bytes that go through bounce pages.
    pub fn bounced_bytes(&self) -> u64 {
        self.bounced_pieces().map(|piece| piece.len).sum()
    }

    /// The pieces that go through bounce pages, one page each.
    pub fn bounced_pieces(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().filter(|piece| piece.bounced.is_some())
    }
}

/// Makes the tags, a map and the load on a fresh machine, then syncs both ways and unloads.
pub fn run(request: &PlanRequest, profile: Profile) -> Run {
    let mut attempt = Attempt::new(request, profile);
    let outcome = attempt.load(request).unwrap_or_else(|outcome| outcome);
    attempt.into_run(request, outcome)
}

struct Attempt<'a> {
    engine: Engine<PlanMachine<'a>, Log>,
    profile: Profile,
    tags: Vec<TagId>,
    pool: Option<PoolUse>,
}

impl<'a> Attempt<'a> {
    fn new(request: &'a PlanRequest, profile: Profile) -> Self {
        let machine = PlanMachine::new(request);
        let engine = Engine::with_observer(machine, Log::default(), request.machine.limits(), profile.switches());
        Self { engine, profile, tags: Vec::new(), pool: None }
    }

    /// The driver's way, from the first tag to the last sync. The error is where it ended early.
    fn load(&mut self, request: &PlanRequest) -> Result<Outcome, Outcome> {
        for (level, tag) in request.chain.iter().enumerate() {
            let parent = self.tags.last().copied();
            let made = self.engine.create_tag(parent, &tag.template);
            self.tags.push(made.map_err(|error| Outcome::TagRefused { level, error })?);
        }
        let Some(&leaf) = self.tags.last() else { return Ok(Outcome::Loaded) };
        let map = self.engine.create_map(leaf).map_err(Outcome::MapRefused);
        self.note_pool(leaf);
        let map = map?;
        let parts = Parts::of(&request.buffer);
        let loaded = match self.engine.load(map, &parts.describe(&request.buffer), request.wait) {
            Ok(LoadOutcome::Loaded(_) | LoadOutcome::NoData) => Ok(Outcome::Loaded),
            Ok(LoadOutcome::Deferred) => Ok(self.deferred(map)),
            Err(error) => Err(Outcome::LoadFailed(error)),
        };
        self.note_pool(leaf);
        if loaded == Ok(Outcome::Loaded) {
            self.use_and_release(map)?;
        }
        loaded
    }

    fn deferred(&self, map: MapId) -> Outcome {
        let needed = self.engine.map(map).map_or(PageCount::ZERO, DmaMap::pages_needed);
        let total = self.pool.map_or(PageCount::ZERO, |pool| pool.total);
        Outcome::Deferred { needed, total }
    }

    /// Both directions, for the hazards that only a copy shows.
    fn use_and_release(&mut self, map: MapId) -> Result<(), Outcome> {
        let mut copies = SyncPlan::default();
        for ops in [SyncOps::PRE_READ | SyncOps::PRE_WRITE, SyncOps::POST_READ, SyncOps::POST_WRITE] {
            self.engine.plan_sync(map, ops, &mut copies).map_err(Outcome::SyncFailed)?;
        }
        // Unloading a map that exists cannot fail.
        let _ = self.engine.unload(map);
        Ok(())
    }

    fn note_pool(&mut self, leaf: TagId) {
        let zone = self.engine.tag(leaf).and_then(DmaTag::zone).and_then(|zone| self.engine.zone(zone));
        self.pool = zone.map(|stats| PoolUse {
            zone: stats.zone.index(),
            total: stats.total_bpages(),
            used: stats.active_bpages(),
            reserved: stats.reserved_bpages(),
            free: stats.free_bpages(),
            lowaddr: stats.lowaddr,
        });
    }

    fn into_run(self, request: &PlanRequest, outcome: Outcome) -> Run {
        let levels = self.tags.iter().filter_map(|&tag| self.engine.tag(tag));
        let levels = levels.map(|tag| EffectiveConstraints::of(tag.constraints())).collect();
        let leaf = self.tags.last().and_then(|&tag| self.engine.tag(tag));
        let could_bounce = leaf.is_some_and(DmaTag::could_bounce);
        let log = self.engine.observer();
        let (pieces, segments) = pieces_and_segments(&log.decisions, &outcome, request.buffer.length);
        let hazards = log.hazards.clone();
        Run { profile: self.profile, levels, could_bounce, outcome, segments, pieces, pool: self.pool, hazards }
    }
}

impl EffectiveConstraints {
    fn of(constraints: &Constraints) -> Self {
        Self {
            alignment: constraints.alignment(),
            boundary: constraints.boundary(),
            lowaddr: constraints.lowaddr(),
            highaddr: constraints.window().highaddr,
            maxsize: constraints.maxsize(),
            nsegments: constraints.nsegments(),
            maxsegsz: constraints.maxsegsz(),
        }
    }
}

/// The lists a descriptor points into.
struct Parts {
    ranges: Vec<VirtRange>,
}

impl Parts {
    fn of(buffer: &Buffer) -> Self {
        let ranges = match buffer.kind {
            LoadKind::Mbuf => buffer.clusters(),
            LoadKind::Buffer | LoadKind::Bio | LoadKind::Ccb | LoadKind::Uio => vec![buffer.range()],
        };
        Self { ranges }
    }

    fn describe<'a>(&'a self, buffer: &'a Buffer) -> MemDesc<'a> {
        let len = BusSize::new(buffer.length);
        match buffer.kind {
            LoadKind::Buffer => MemDesc::Buffer(buffer.range()),
            LoadKind::Bio => {
                let offset = u32::try_from(buffer.offset()).unwrap_or(u32::MAX);
                MemDesc::Bio(Bio::Unmapped { pages: &buffer.pages, offset, bcount: len })
            }
            LoadKind::Ccb => MemDesc::Ccb(Ccb {
                function: CcbFunction::ScsiIo,
                direction: CcbDirection::In,
                data: CcbData::Vaddr(buffer.start),
                dxfer_len: u32::try_from(buffer.length).unwrap_or(u32::MAX),
                sglist_cnt: 0,
            }),
            LoadKind::Mbuf => MemDesc::Mbuf(Mbuf { header: PacketHeader::Present(len), chain: &self.ranges }),
            LoadKind::Uio => MemDesc::Uio(Uio { resid: len, space: UioSpace::User, iov: &self.ranges }),
        }
    }
}
