//! Sync: which bounce pages are copied which way, and which cache lines are written back or dropped.
use crate::addr::{BusAddr, BusSize, PageCount, PhysAddr, VirtAddr};
use crate::decision::CopyDirection;

bitflags::bitflags! {
    /// What `bus_dmamap_sync` is asked to do, seen from host memory: a read is data coming from the device.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
    pub struct SyncOps: u8 {
        /// Before the device updates memory.
        const PRE_READ = 1;
        /// After the device updated memory, before the CPU looks.
        const POST_READ = 2;
        /// After the CPU updated memory, before the device looks.
        const PRE_WRITE = 4;
        /// After the device looked.
        const POST_WRITE = 8;
    }
}

/// What one sync comes to: the copies, as FreeBSD's loop makes them, and the moves that carry them out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SyncPlan {
    /// One entry a bounce page, in list order.
    pub copies: Vec<BounceCopy>,
    /// The bytes to move: whole or part of a page each, in order.
    pub moves: Vec<Move>,
    /// Cache operations in order; empty on x86.
    pub cache: Vec<CacheOp>,
}

/// The copy of one bounce page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct BounceCopy {
    /// Which way.
    pub direction: CopyDirection,
    /// Where the device sees the bytes.
    pub bounce: BusAddr,
    /// Bytes FreeBSD copies.
    pub len: BusSize,
    /// Whether they fit the bounce page.
    pub fit: CopyFit,
}

/// Whether a copy fits its bounce page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum CopyFit {
    /// It does.
    Fits,
    /// It runs past the page's end. FreeBSD overwrites what lies there; the engine drops that part.
    Overruns,
}

/// A copy inside memory; neither range crosses a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Move {
    /// Source.
    pub from: PhysAddr,
    /// Destination.
    pub to: PhysAddr,
    /// Bytes.
    pub len: BusSize,
}

/// One cache operation (`cpu_dcache_*_range`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct CacheOp {
    /// What is done.
    pub kind: CacheOpKind,
    /// Kernel address.
    pub addr: VirtAddr,
    /// Bytes.
    pub len: BusSize,
}

/// What is done to cache lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum CacheOpKind {
    /// Written back to memory.
    WriteBack,
    /// Dropped.
    Invalidate,
    /// Written back, then dropped.
    WriteBackInvalidate,
}

/// What a sync did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SyncReport {
    /// Bounce pages copied.
    pub pages: PageCount,
    /// Bytes copied.
    pub bytes: BusSize,
}
