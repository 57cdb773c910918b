//! Operations: every verb of bus_dma(9), aimed at "the n-th that exists" so that any sequence means something.

use crate::request::Request;
use busdma_engine::constraints::TagTemplate;
use busdma_engine::load::WaitPolicy;
use busdma_engine::mem::MemFlags;
use busdma_engine::sync::SyncOps;

/// One operation. An index names a live object modulo how many there are; with none, the operation does nothing.
#[derive(Clone, Debug)]
pub enum Op {
    /// `bus_dma_tag_create`.
    CreateTag {
        /// The parent among the live tags; `None` makes a root.
        parent: Option<u8>,
        /// What the driver asks for.
        template: TagTemplate,
    },
    /// `bus_dma_tag_destroy`.
    DestroyTag {
        /// Among the live tags.
        tag: u8,
    },
    /// `bus_dmamap_create`.
    CreateMap {
        /// Among the live tags.
        tag: u8,
    },
    /// `bus_dmamap_destroy`.
    DestroyMap {
        /// Among the live maps, those of dmamem included.
        map: u8,
    },
    /// One of the `bus_dmamap_load*`.
    Load {
        /// Among the live maps, those of dmamem included.
        map: u8,
        /// What to load.
        request: Request,
        /// Whether the load may be deferred.
        wait: WaitPolicy,
    },
    /// `bus_dmamap_load` of memory from `bus_dmamem_alloc`, with the map it came with.
    LoadMemory {
        /// Among the live dmamem allocations.
        memory: u8,
        /// First byte, modulo the allocation's size.
        offset: u16,
        /// Bytes, cut to the allocation; `None` loads all of it from the start.
        len: Option<u16>,
        /// Whether the load may be deferred.
        wait: WaitPolicy,
    },
    /// `bus_dmamap_unload`.
    Unload {
        /// Among the live maps.
        map: u8,
    },
    /// `bus_dmamap_sync`.
    Sync {
        /// Among the live maps.
        map: u8,
        /// The operations, in one call.
        ops: SyncOps,
        /// Who makes the copies.
        copies: Copies,
    },
    /// `bus_dmamem_alloc`.
    AllocMemory {
        /// Among the live tags.
        tag: u8,
        /// Flags of the call.
        flags: MemFlags,
    },
    /// `bus_dmamem_free`.
    FreeMemory {
        /// Among the live dmamem allocations.
        memory: u8,
        /// A map to pass instead of the allocation's own, among the maps made by `bus_dmamap_create`.
        instead: Option<u8>,
    },
    /// The software interrupt that runs deferred callbacks.
    RunDeferred,
    /// A deferred load is given up; no call of FreeBSD's.
    Cancel {
        /// Among the deferred maps; among all live maps when none is deferred.
        map: u8,
    },
    /// The CPU writes a pattern into the client bytes of the map's last request.
    Fill {
        /// Among the live maps.
        map: u8,
        /// Pattern.
        seed: u32,
    },
    /// The device writes a pattern through the map's segments.
    DeviceWrite {
        /// Among the live maps.
        map: u8,
        /// Pattern.
        seed: u32,
    },
    /// The device reads through the map's segments.
    DeviceRead {
        /// Among the live maps.
        map: u8,
    },
}

/// Who makes the copies of a sync.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Copies {
    /// The engine, through its memory (`Engine::sync`).
    ByEngine,
    /// The caller, from the plan (`Engine::plan_sync`).
    FromPlan,
}
