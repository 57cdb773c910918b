//! A naive model of FreeBSD's bus_dma, written from descriptions of its behaviour and from nothing of the engine's.
//!
//! It is slow, literal and as plain as can be: vectors, loops and numbers. Its only purpose is to disagree with the engine
//! when one of the two is wrong. It covers FreeBSD 11.0 and 12.1 on amd64 and 12.1 on arm64, quirks included; the strict
//! profile has no model, only the checkers.
//!
//! | module | holds |
//! |---|---|
//! | `tags` | creation, inheritance, the filter chain, references |
//! | `pools` | bounce zones and their growth, maps |
//! | `parts` | each kind of request as calls of three primitives |
//! | `loads` | counting, reserving, cutting, segments |
//! | `queue` | unload, wake-up, deferred callbacks, and giving up before them |
//! | `copies` | sync |
//! | `dmamem` | allocator classes |
//! | `findings` | hazards |

mod copies;
mod dmamem;
mod findings;
mod loads;
mod parts;
mod pools;
mod queue;
mod tags;

use crate::answer::{Answer, Handle, MapNo, MapView, PieceView, SegmentView, Snapshot, TagNo, ZoneView};
use crate::machine::{Machine, MachineSpec};
use crate::ops::Copies;
use crate::request::Request;
use crate::subject::Subject;
use busdma_engine::addr::{AddressSpace, VirtAddr};
use busdma_engine::constraints::{LockFunction, TagFlags, TagTemplate};
use busdma_engine::hazard::HazardKind;
use busdma_engine::load::WaitPolicy;
use busdma_engine::mem::MemFlags;
use busdma_engine::platform::Memory;
use busdma_engine::profile::{KernelAssertions, Profile};
use busdma_engine::sync::SyncOps;
use std::collections::BTreeMap;

const PAGE: u64 = 4096;

/// Which kernel is modelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kernel {
    /// 11.0 on amd64 or i386.
    Amd64Release11,
    /// 12.1 on amd64.
    Amd64Release12,
    /// 12.1 on arm64.
    Arm64Release12,
}

impl Kernel {
    /// The kernel that a profile reproduces; `None` for the strict one, which no kernel is.
    pub fn of(profile: Profile) -> Option<Self> {
        match profile {
            Profile::Freebsd11 => Some(Self::Amd64Release11),
            Profile::Freebsd12 => Some(Self::Amd64Release12),
            Profile::Arm64Freebsd12 => Some(Self::Arm64Release12),
            Profile::Strict => None,
        }
    }

    fn is_arm64(self) -> bool {
        self == Self::Arm64Release12
    }
}

/// The model: one kernel on one machine.
#[derive(Clone, Debug)]
pub struct Reference {
    kernel: Kernel,
    assertions: KernelAssertions,
    machine: Machine,
    tags: BTreeMap<TagNo, Tag>,
    pools: Vec<Pool>,
    maps: BTreeMap<MapNo, Map>,
    /// Maps that wait for pages, of all pools.
    waiting: Vec<MapNo>,
    /// Maps whose pages are complete and whose callback has yet to run.
    ripe: Vec<MapNo>,
    /// Hazards that nobody asked about yet.
    met: Vec<HazardKind>,
}

#[derive(Clone, Debug)]
struct Tag {
    alignment: u64,
    boundary: u64,
    lowaddr: u64,
    highaddr: u64,
    /// Ranges the driver's filter denies; `None` is no filter.
    filter: Option<Vec<(u64, u64)>>,
    maxsize: u64,
    nsegments: u64,
    maxsegsz: u64,
    /// Its own; `COHERENT` is also an ancestor's.
    flags: TagFlags,
    lock: LockFunction,
    /// Whose test comes next.
    next_test: Option<TagNo>,
    /// Its own and those of tags made below it. With none left its memory is gone.
    references: i64,
    maps: i64,
    can_bounce: bool,
    /// The pool got its first pages on behalf of this tag.
    first_pages_done: bool,
    /// dmamem once came from the page allocator.
    used_kmem: bool,
    pool: Option<usize>,
}

#[derive(Clone, Debug)]
struct Pool {
    lowaddr: u64,
    alignment: u64,
    /// Bounce pages that are on no map, next one first.
    unused: Vec<u64>,
    total: i64,
    free: i64,
    reserved: i64,
    active: i64,
    bounced: i64,
    deferred: i64,
    maps: i64,
}

#[derive(Clone, Debug)]
struct Map {
    tag: TagNo,
    origin: Origin,
    needed: i64,
    reserved: i64,
    pieces: Vec<Piece>,
    /// arm64: what sync keeps coherent, as far as the list reaches.
    ranges: Vec<CacheRange>,
    /// arm64: `sync_count`, which may exceed the list by one.
    range_count: u64,
    kept: Option<Request>,
    mapping: Vec<SegmentView>,
}

/// Where a map came from, and so what it can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    /// amd64: `NULL`, from `bus_dmamap_create`.
    Null,
    /// amd64: `NULL`, from `bus_dmamem_alloc`.
    NullMemory,
    /// `bus_dmamap_create` on a tag that can bounce.
    Bouncing,
    /// arm64: `bus_dmamap_create` on a tag that cannot.
    Direct,
    /// arm64: `bus_dmamem_alloc`.
    Memory,
}

/// Bytes that go through one bounce page.
#[derive(Clone, Copy, Debug)]
struct Piece {
    bus: u64,
    len: u64,
    source: Source,
    /// Physical address of the first client byte.
    client: u64,
}

/// How sync finds the client's bytes again.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// By kernel address.
    Kernel(u64),
    /// By the recorded page, and a second one if there is any.
    Pages {
        /// Start of the page that follows.
        second: Option<u64>,
    },
}

/// arm64: one entry of a map's sync list.
#[derive(Clone, Copy, Debug)]
struct CacheRange {
    /// 0 when the client has no kernel address.
    vaddr: u64,
    paddr: u64,
    len: u64,
}

impl Reference {
    /// A kernel that has just booted on the machine.
    pub fn new(kernel: Kernel, assertions: KernelAssertions, spec: MachineSpec) -> Self {
        Self {
            kernel,
            assertions,
            machine: Machine::new(spec),
            tags: BTreeMap::new(),
            pools: Vec::new(),
            maps: BTreeMap::new(),
            waiting: Vec::new(),
            ripe: Vec::new(),
            met: Vec::new(),
        }
    }

    /// Whether the map waits for pages or for its callback.
    pub fn is_queued(&self, map: MapNo) -> bool {
        self.waiting.contains(&map) || self.ripe.contains(&map)
    }

    /// Whether there is such a map.
    pub fn has_map(&self, map: MapNo) -> bool {
        self.maps.contains_key(&map)
    }

    fn tag_of(&self, map: MapNo) -> &Tag {
        &self.tags[&self.maps[&map].tag]
    }

    fn pool_of(&mut self, map: MapNo) -> Option<&mut Pool> {
        let pool = self.tag_of(map).pool?;
        Some(&mut self.pools[pool])
    }

    /// The physical address behind a virtual one. Requests bring their mappings along.
    fn translate(&self, space: AddressSpace, vaddr: u64) -> u64 {
        self.machine.translate(space, VirtAddr::new(vaddr)).expect("mapped with the request").raw()
    }

    fn map_mut(&mut self, map: MapNo) -> &mut Map {
        self.maps.get_mut(&map).expect("the harness names live maps only")
    }
}

impl Subject for Reference {
    fn create_tag(&mut self, no: TagNo, parent: Option<TagNo>, template: &TagTemplate) -> Answer {
        self.new_tag(no, parent, template)
    }

    fn destroy_tag(&mut self, tag: TagNo) -> Answer {
        self.give_up_tag(tag)
    }

    fn create_map(&mut self, no: MapNo, tag: TagNo) -> Answer {
        self.new_map(no, tag)
    }

    fn destroy_map(&mut self, map: MapNo) -> Answer {
        self.give_up_map(map)
    }

    fn load(&mut self, map: MapNo, request: &Request, wait: WaitPolicy) -> Answer {
        self.load_request(map, request, wait)
    }

    fn unload(&mut self, map: MapNo) -> Answer {
        self.release(map)
    }

    fn sync(&mut self, map: MapNo, ops: SyncOps, copies: Copies) -> Answer {
        match (self.copy_and_maintain(map, ops), copies) {
            (Answer::Synced(_), Copies::ByEngine) => Answer::SyncedUnseen,
            (answer, _) => answer,
        }
    }

    fn alloc_memory(&mut self, no: MapNo, tag: TagNo, flags: MemFlags) -> Answer {
        self.new_memory(no, tag, flags)
    }

    fn free_memory(&mut self, memory: MapNo, passed: MapNo) -> Answer {
        self.give_up_memory(memory, passed)
    }

    fn run_deferred(&mut self) -> Answer {
        self.interrupt()
    }

    fn cancel(&mut self, map: MapNo) -> Answer {
        self.give_up_load(map)
    }

    fn snapshot(&self, tags: &[TagNo], maps: &[MapNo]) -> Snapshot {
        Snapshot {
            zones: self.pools.iter().map(Pool::view).collect(),
            waiting: self.waiting.clone(),
            maps: maps.iter().map(|map| (*map, self.maps[map].view())).collect(),
            tags: tags.iter().map(|tag| (*tag, self.tags[tag].maps)).collect(),
        }
    }

    fn machine(&self) -> &Machine {
        &self.machine
    }

    fn machine_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }
}

impl Pool {
    fn view(&self) -> ZoneView {
        ZoneView {
            total: self.total,
            free: self.free,
            reserved: self.reserved,
            active: self.active,
            bounced: self.bounced,
            deferred: self.deferred,
            map_count: self.maps,
            lowaddr: self.lowaddr,
            alignment: self.alignment,
        }
    }
}

impl Map {
    fn new(tag: TagNo, origin: Origin) -> Self {
        Self {
            tag,
            origin,
            needed: 0,
            reserved: 0,
            pieces: Vec::new(),
            ranges: Vec::new(),
            range_count: 0,
            kept: None,
            mapping: Vec::new(),
        }
    }

    fn handle(&self) -> Handle {
        if matches!(self.origin, Origin::Null | Origin::NullMemory) { Handle::Null } else { Handle::Real }
    }

    fn view(&self) -> MapView {
        MapView {
            needed: self.needed,
            reserved: self.reserved,
            pieces: self
                .pieces
                .iter()
                .map(|piece| PieceView { bus: piece.bus, len: piece.len, client: piece.client })
                .collect(),
            segments: self.mapping.clone(),
        }
    }
}
