//! FreeBSD's bus_dma(9) as a pure state machine.
//!
//! Under constraints ([`TagTemplate`]) a request ([`MemDesc`]) becomes segments a device may touch; what the device cannot
//! reach goes through bounce pages, and waits when there are none. [`Engine`] has a method for every verb of the manual
//! page, and answers as FreeBSD does, quirks included: [`Profile`] says which FreeBSD, or `Strict`, the contract itself.
//!
//! # Reading order
//! Constraints → pieces → bounce → segments → outcome, as a load flows:
//!
//! | module | holds |
//! |---|---|
//! | [`addr`] | addresses, sizes, counts: newtypes without `+` |
//! | [`constraints`] | what a device reaches, and `must_bounce` |
//! | [`tag`] | tags in their hierarchy |
//! | [`memdesc`] | every shape of memory, and its walk as parts |
//! | [`segment`] | pieces appended to the segment list |
//! | `bounce` | zones, their pages, promises; `growth` is when pools grow |
//! | [`map`] | maps and their states |
//! | [`load`] | **the main path**; `exact` is the strict profile's |
//! | `defer`, [`resume`] | waiters and waking; taking deferred loads up again |
//! | [`sync`] | copies and cache operations |
//! | [`mem`] | dmamem |
//! | [`platform`] | what the caller supplies |
//! | [`profile`] | every behavioural difference, one switch each |
//! | [`decision`], [`hazard`] | what was decided and what went wrong, told to an [`Observer`]; `findings` looks at ended loads |
//! | [`callback`] | outcomes as C sees them |
//! | [`engine`] | the machine, and below it the verbs, one family a file |
//! | [`stats`], [`check`] | counters, and the audit of the whole state |
//! | [`state`] | the whole state as data, taken and restored |
//!
//! # Invariants
//! The crate does no I/O, reads no clock, has no threads and no `unsafe`. No input makes it panic. Between any two verbs
//! [`Engine::check_invariants`] holds.

pub mod addr;
mod bounce;
pub mod callback;
pub mod check;
pub mod constraints;
pub mod decision;
mod defer;
pub mod engine;
pub mod error;
mod exact;
mod findings;
mod growth;
pub mod hazard;
pub mod ids;
pub mod load;
pub mod map;
pub mod mem;
pub mod memdesc;
pub mod platform;
pub mod profile;
pub mod resume;
pub mod segment;
pub mod state;
pub mod stats;
pub mod sync;
pub mod tag;

pub use addr::{AddressSpace, BusAddr, BusSize, Nanos, PAGE_SIZE, PageCount, PhysAddr, VirtAddr};
pub use callback::{CallView, CallbackView};
pub use check::InvariantViolation;
pub use constraints::{
    AddressFilter, Alignment, BounceReason, Boundary, Constraints, ExclusionWindow, FilterVerdict, LockFunction,
    SegmentLimit, TagFlags, TagTemplate,
};
pub use decision::{CopyDirection, Decision, Log, NoObserver, Observer, SplitReason, ZoneOrigin};
pub use engine::{BouncedPiece, CancelReport, Engine, Forgetting, FreedTags, LoadOutcome, UnloadReport};
pub use error::{Errno, InvalidRequest, KernelPanic, LoadError, MapError, MemError, SyncError, TagError};
pub use hazard::{Hazard, HazardKind, Severity};
pub use ids::{MapId, TagId, ZoneId};
pub use load::WaitPolicy;
pub use map::{DmaMap, MapForm, MapState};
pub use mem::{AllocationAlignment, MemAllocation, MemFlags, MemFreed};
pub use memdesc::{
    Bio, CallbackShape, Ccb, CcbData, CcbDirection, CcbFunction, Mbuf, Mem, MemDesc, PacketHeader, PhysRange, Uio,
    UioSpace, VirtRange,
};
pub use platform::{
    AllocatorClass, AllocatorFill, AllocatorWait, DmamemRegion, DmamemRequest, FrameSource, MachineLimits, Memory,
    MemoryAttribute, Platform,
};
pub use profile::{Profile, Switches};
pub use resume::{Completion, DeferredClient, Resumed};
pub use segment::Segment;
pub use state::{EngineState, StateError};
pub use stats::ZoneStats;
pub use sync::{BounceCopy, CacheOp, CacheOpKind, CopyFit, Move, SyncOps, SyncPlan, SyncReport};
pub use tag::DmaTag;
