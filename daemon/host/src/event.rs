//! One thing that the kernel said about DMA, whichever way it came.
//!
//! Source: the format files of Linux 6.12 and 6.18, `include/trace/events/{dma,swiotlb,iommu,block}.h`.

mod block;
mod dma;
mod names;
mod tracepoint;

pub use block::{BlockBio, BlockCompletion, BlockRequest, Disk, Operation};
pub use dma::{
    Alloc, Attributes, BounceCause, Bounced, Direction, DmaRange, Free, IommuMap, IommuUnmap, MapPage, MapSg,
    MapSgFailed, Sync, SyncOwner, UnmapPage, UnmapSg,
};
pub use names::{Device, Task, TaskName};
pub use tracepoint::Tracepoint;

use busdma_engine::Nanos;

/// One event of one tracepoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostEvent {
    /// When, on the clock of the source. Events of one source are in order, but for small steps between processors.
    pub at: Nanos,
    /// The processor it happened on.
    pub cpu: u32,
    /// Who was running, which in an interrupt is anybody.
    pub task: Task,
    /// The tracepoint.
    pub point: Tracepoint,
    /// What it said.
    pub kind: EventKind,
}

/// What an event said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// A contiguous piece was mapped, or was not: see [`MapPage::failed`].
    MapPage(MapPage),
    /// A contiguous piece is no longer mapped.
    UnmapPage(UnmapPage),
    /// A scatter list was mapped.
    MapSg(MapSg),
    /// Mapping a scatter list failed with an error that the kernel tells of, which are few.
    MapSgFailed(MapSgFailed),
    /// A scatter list is no longer mapped.
    UnmapSg(UnmapSg),
    /// Memory for both sides was allocated (`dma_alloc`, `dma_alloc_pages`, `dma_alloc_sgt`).
    Alloc(Alloc),
    /// Such an allocation failed (`dma_alloc_sgt_err`).
    AllocFailed(Alloc),
    /// Such memory was freed.
    Free(Free),
    /// Ownership of mapped bytes changed.
    Sync(Sync),
    /// swiotlb was asked for room. It may still not have any.
    Bounced(Bounced),
    /// An IOMMU translates from here on.
    IommuMap(IommuMap),
    /// An IOMMU no longer translates.
    IommuUnmap(IommuUnmap),
    /// A request was given to a driver, perhaps once more.
    BlockIssue(BlockRequest),
    /// A request, or part of it, is done.
    BlockComplete(BlockCompletion),
    /// A driver could not take a request, which is issued again later.
    BlockRequeue(BlockRequest),
    /// A bio entered a queue.
    BlockQueue(BlockBio),
    /// Somebody wrote into `trace_marker`.
    Mark(Box<str>),
}

impl HostEvent {
    /// The device it names.
    pub fn device(&self) -> Option<&Device> {
        match &self.kind {
            EventKind::MapPage(event) => Some(&event.device),
            EventKind::UnmapPage(event) => Some(&event.device),
            EventKind::MapSg(event) => Some(&event.device),
            EventKind::MapSgFailed(event) => Some(&event.device),
            EventKind::UnmapSg(event) => Some(&event.device),
            EventKind::Alloc(event) | EventKind::AllocFailed(event) => Some(&event.device),
            EventKind::Free(event) => Some(&event.device),
            EventKind::Sync(event) => Some(&event.device),
            EventKind::Bounced(event) => Some(&event.device),
            EventKind::IommuMap(_)
            | EventKind::IommuUnmap(_)
            | EventKind::BlockIssue(_)
            | EventKind::BlockComplete(_)
            | EventKind::BlockRequeue(_)
            | EventKind::BlockQueue(_)
            | EventKind::Mark(_) => None,
        }
    }
}
