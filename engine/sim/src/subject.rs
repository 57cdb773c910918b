//! What the engine and the reference model have in common: the verbs, by number instead of handle.

use crate::answer::{Answer, MapNo, Snapshot, TagNo};
use crate::machine::Machine;
use crate::ops::Copies;
use crate::request::Request;
use busdma_engine::constraints::TagTemplate;
use busdma_engine::load::WaitPolicy;
use busdma_engine::mem::MemFlags;
use busdma_engine::sync::SyncOps;

/// An implementation of bus_dma(9) on a machine of its own.
///
/// Numbers are chosen by the caller and never used twice; every number passed names something that was made and not
/// destroyed since.
pub trait Subject {
    /// `bus_dma_tag_create`.
    fn create_tag(&mut self, no: TagNo, parent: Option<TagNo>, template: &TagTemplate) -> Answer;

    /// `bus_dma_tag_destroy`.
    fn destroy_tag(&mut self, tag: TagNo) -> Answer;

    /// `bus_dmamap_create`.
    fn create_map(&mut self, no: MapNo, tag: TagNo) -> Answer;

    /// `bus_dmamap_destroy`.
    fn destroy_map(&mut self, map: MapNo) -> Answer;

    /// One of the `bus_dmamap_load*`. The mappings of the request's buffers are in place.
    fn load(&mut self, map: MapNo, request: &Request, wait: WaitPolicy) -> Answer;

    /// `bus_dmamap_unload`.
    fn unload(&mut self, map: MapNo) -> Answer;

    /// `bus_dmamap_sync`.
    fn sync(&mut self, map: MapNo, ops: SyncOps, copies: Copies) -> Answer;

    /// `bus_dmamem_alloc`; `no` is the map it comes with.
    fn alloc_memory(&mut self, no: MapNo, tag: TagNo, flags: MemFlags) -> Answer;

    /// `bus_dmamem_free` of the memory that came with `memory`, passing the map `passed`.
    fn free_memory(&mut self, memory: MapNo, passed: MapNo) -> Answer;

    /// The software interrupt that runs deferred callbacks.
    fn run_deferred(&mut self) -> Answer;

    /// A deferred load is given up.
    fn cancel(&mut self, map: MapNo) -> Answer;

    /// What can be seen of the state, of the given tags and maps.
    fn snapshot(&self, tags: &[TagNo], maps: &[MapNo]) -> Snapshot;

    /// Its machine.
    fn machine(&self) -> &Machine;

    /// Its machine, for the CPU and the device to write.
    fn machine_mut(&mut self) -> &mut Machine;
}
