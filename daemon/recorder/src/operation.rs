//! What happens on a machine, as its owner tells it to the [`Tape`](crate::Tape).
//!
//! Objects are named by the engine's own ids; the daemon's numbers are told once, when an object is made, and appear in the
//! trace as `t7`, `m7` and `d7`.

use busdma_engine::engine::CancelReport;
use busdma_engine::{
    Decision, FreedTags, Hazard, LoadError, LoadOutcome, MapError, MapId, MemAllocation, MemDesc, MemError, MemFlags,
    MemFreed, Nanos, SyncError, SyncOps, SyncPlan, SyncReport, TagError, TagId, TagTemplate, UnloadReport, WaitPolicy,
};
use busdma_trace::drain::Drained;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        pub struct $name(pub u64);
    };
}

number! {
    /// The daemon's number of a tag: never given twice on a machine, also not after an attempt that failed.
    TagNumber
}

number! {
    /// The daemon's number of a map: never given twice on a machine, also not after an attempt that failed. Maps that come
    /// with dmamem are numbered in the same sequence.
    MapNumber
}

number! {
    /// The daemon's number of a dmamem allocation: never given twice on a machine, also not after an attempt that failed.
    MemoryNumber
}

number! {
    /// The daemon's number of a session.
    SessionNumber
}

/// One verb that was carried out, and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct TapedOperation<'a> {
    /// Who asked for it; `None` for what the daemon did by itself.
    pub session: Option<SessionNumber>,
    /// When it began, as the engine was told by [`Engine::at`](busdma_engine::Engine::at).
    pub at: Nanos,
    /// What was done.
    pub verb: TapedVerb<'a>,
    /// Everything decided in it, in order, also when the recording leaves decisions out.
    pub decisions: &'a [Decision],
    /// Every hazard found in it.
    pub hazards: &'a [Hazard],
}

/// A verb with its arguments and its result. Loads leave their segments on the map, where the tape reads them.
#[derive(Clone, Copy, Debug)]
pub enum TapedVerb<'a> {
    /// [`Engine::create_tag`](busdma_engine::Engine::create_tag).
    CreateTag {
        /// The number of the new tag.
        number: TagNumber,
        /// The parent.
        parent: Option<TagId>,
        /// What was asked for.
        template: &'a TagTemplate,
        /// What came of it.
        result: Result<TagId, TagError>,
    },
    /// [`Engine::destroy_tag`](busdma_engine::Engine::destroy_tag).
    DestroyTag {
        /// The tag.
        tag: TagId,
        /// What came of it.
        result: Result<&'a FreedTags, TagError>,
    },
    /// [`Engine::create_map`](busdma_engine::Engine::create_map).
    CreateMap {
        /// The number of the new map.
        number: MapNumber,
        /// Its tag.
        tag: TagId,
        /// What came of it.
        result: Result<MapId, MapError>,
    },
    /// [`Engine::destroy_map`](busdma_engine::Engine::destroy_map).
    DestroyMap {
        /// The map.
        map: MapId,
        /// What came of it.
        result: Result<(), MapError>,
    },
    /// [`Engine::load`](busdma_engine::Engine::load).
    Load {
        /// The map.
        map: MapId,
        /// The request.
        desc: &'a MemDesc<'a>,
        /// Whether it might have been deferred.
        wait: WaitPolicy,
        /// What came of it.
        end: LoadEnd,
    },
    /// [`drain`](busdma_trace::drain::drain), which goes on where FreeBSD's kernel would stop.
    RunDeferred {
        /// What it came to.
        drained: &'a Drained,
    },
    /// [`Engine::plan_sync`](busdma_engine::Engine::plan_sync).
    Sync {
        /// The map.
        map: MapId,
        /// The operations.
        ops: SyncOps,
        /// What it was decided to copy.
        plan: &'a SyncPlan,
        /// What came of it.
        result: Result<SyncReport, SyncError>,
    },
    /// [`Engine::unload`](busdma_engine::Engine::unload).
    Unload {
        /// The map.
        map: MapId,
        /// What came of it.
        result: Result<UnloadReport, MapError>,
    },
    /// [`Engine::cancel`](busdma_engine::Engine::cancel).
    Cancel {
        /// The map.
        map: MapId,
        /// What came of it.
        result: Result<CancelReport, MapError>,
    },
    /// [`Engine::alloc_mem`](busdma_engine::Engine::alloc_mem). A trace holds one answer of the allocator: under the strict
    /// profile, which asks again when memory misses the tag's alignment, the first one has to meet it.
    AllocMem {
        /// The number of the new memory.
        number: MemoryNumber,
        /// The number of the map that comes with it.
        map_number: MapNumber,
        /// The tag.
        tag: TagId,
        /// Flags of the call.
        flags: MemFlags,
        /// What came of it.
        result: Result<&'a MemAllocation, MemError>,
    },
    /// [`Engine::free_mem`](busdma_engine::Engine::free_mem).
    FreeMem {
        /// The map that the memory came with.
        memory: MapId,
        /// The map that the caller passes.
        map: MapId,
        /// What came of it.
        result: Result<MemFreed, MemError>,
    },
}

/// How a load ended: its outcome without the segments, which stay on the map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadEnd {
    /// It is mapped.
    Loaded,
    /// It waits for pages.
    Deferred,
    /// It moves no data.
    NoData,
    /// It failed.
    Failed(LoadError),
}

impl From<&Result<LoadOutcome<'_>, LoadError>> for LoadEnd {
    fn from(outcome: &Result<LoadOutcome<'_>, LoadError>) -> Self {
        match *outcome {
            Ok(LoadOutcome::Loaded(_)) => Self::Loaded,
            Ok(LoadOutcome::Deferred) => Self::Deferred,
            Ok(LoadOutcome::NoData) => Self::NoData,
            Err(error) => Self::Failed(error),
        }
    }
}
