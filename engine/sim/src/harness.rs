//! Runs operations on the engine and the reference model side by side and stops at the first disagreement.
//!
//! Under FreeBSD's profiles every answer, every counter, every map and every byte is compared. Under the strict profile
//! the checkers judge instead. The engine's own invariants are checked after every operation in any case.

mod judge;

use crate::answer::{Answer, Event, Handle, MapNo, MapView, SegmentView, Snapshot, TagNo, ZoneView};
use crate::checkers::{Broken, Contract, check_no_trace};
use crate::engine_side::EngineSide;
use crate::machine::{Machine, MachineSpec};
use crate::ops::Op;
use crate::reference::{Kernel, Reference};
use crate::request::{Buffer, Request};
use crate::subject::Subject;
use busdma_engine::addr::{BusSize, PAGE_SIZE, VirtAddr};
use busdma_engine::check::InvariantViolation;
use busdma_engine::constraints::TagTemplate;
use busdma_engine::error::LoadError;
use busdma_engine::hazard::{Hazard, HazardKind};
use busdma_engine::load::WaitPolicy;
use busdma_engine::map::MapState;
use busdma_engine::platform::DmamemRegion;
use busdma_engine::profile::{KernelAssertions, Profile, Switches};
use std::collections::BTreeMap;
use std::fmt;
use thiserror::Error;

/// What the operations run on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rig {
    /// Which bus_dma(9).
    pub profile: Profile,
    /// Whether its kernel has assertions.
    pub assertions: KernelAssertions,
    /// The machine.
    pub spec: MachineSpec,
}

impl Rig {
    /// A profile on the usual machine, with assertions.
    pub const fn usual(profile: Profile) -> Self {
        Self { profile, assertions: KernelAssertions::On, spec: MachineSpec::usual() }
    }

    fn switches(&self) -> Switches {
        Switches { assertions: self.assertions, ..self.profile.switches() }
    }
}

/// What a run came to, for tests that want to know whether it exercised anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Operations that found something to act on.
    pub operations: u64,
    /// Loads that ended with segments, deferred ones included.
    pub loaded: u64,
    /// Loads that failed.
    pub failed: u64,
    /// Loads that were deferred.
    pub deferred: u64,
    /// Deferred callbacks that ran.
    pub callbacks: u64,
    /// Loads that used bounce pages.
    pub bounced: u64,
    /// Hazards the engine raised.
    pub hazards: u64,
    /// Runs that came to where FreeBSD's kernel stops.
    pub panics: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.operations += other.operations;
        self.loaded += other.loaded;
        self.failed += other.failed;
        self.deferred += other.deferred;
        self.callbacks += other.callbacks;
        self.bounced += other.bounced;
        self.hazards += other.hazards;
        self.panics += other.panics;
    }
}

/// What was wrong after an operation.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum Fault {
    /// The two gave different answers.
    #[error("the answers differ\n  model  {model:?}\n  engine {engine:?}")]
    Answers {
        /// The model's.
        model: Box<Answer>,
        /// The engine's.
        engine: Box<Answer>,
    },
    /// Their zones differ.
    #[error("the zones differ\n  model  {model:?}\n  engine {engine:?}")]
    Zones {
        /// The model's.
        model: Vec<ZoneView>,
        /// The engine's.
        engine: Vec<ZoneView>,
    },
    /// Their waiting lists differ.
    #[error("the waiting lists differ\n  model  {model:?}\n  engine {engine:?}")]
    Waiting {
        /// The model's.
        model: Vec<MapNo>,
        /// The engine's.
        engine: Vec<MapNo>,
    },
    /// A map differs.
    #[error("{map:?} differs\n  model  {model:?}\n  engine {engine:?}")]
    Map {
        /// Which.
        map: MapNo,
        /// The model's.
        model: Box<MapView>,
        /// The engine's.
        engine: Box<MapView>,
    },
    /// A tag's count of maps differs.
    #[error("{tag:?} counts {model} maps in the model, {engine} in the engine")]
    TagCount {
        /// Which.
        tag: TagNo,
        /// The model's count.
        model: i64,
        /// The engine's count.
        engine: i64,
    },
    /// They met different kinds of hazards.
    #[error("the hazards differ\n  model  {model:?}\n  engine {engine:?}")]
    Hazards {
        /// The model's.
        model: Vec<HazardKind>,
        /// The engine's.
        engine: Vec<HazardKind>,
    },
    /// Their memory differs.
    #[error("the byte at {addr:#x} is {model:#04x} in the model, {engine:#04x} in the engine")]
    Byte {
        /// Where.
        addr: u64,
        /// The model's.
        model: u8,
        /// The engine's.
        engine: u8,
    },
    /// After a sync the device and the client do not see the same byte.
    #[error("after the sync byte {position} of {map:?} is {client:#04x} for the client, {device:#04x} for the device")]
    NotInSync {
        /// The map.
        map: MapNo,
        /// Which byte of the request.
        position: usize,
        /// What the client sees.
        client: u8,
        /// What the device sees.
        device: u8,
    },
    /// The engine's state contradicts itself.
    #[error("an invariant of the engine does not hold: {0:?}")]
    Invariant(InvariantViolation),
    /// A promise of bus_dma(9) was broken.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The strict profile refused for a reason that does not hold.
    #[error("{map:?} was refused without reason: {error}")]
    Unjustified {
        /// The map.
        map: MapNo,
        /// The refusal.
        error: LoadError,
    },
    /// The strict profile deferred or took a load it should not have.
    #[error("{map:?} is {state:?} after a load that should have been answered otherwise")]
    WrongOutcome {
        /// The map.
        map: MapNo,
        /// What came of it.
        state: busdma_engine::MapState,
    },
    /// The strict profile raised a hazard that it promises not to have.
    #[error("a hazard under the strict profile: {0}")]
    StrictHazard(Hazard),
}

/// A run that came to a fault, with everything needed to run it again.
#[derive(Debug)]
pub struct Failure {
    /// What it ran on.
    pub rig: Rig,
    /// The operations, up to and including the one at fault.
    pub ops: Vec<Op>,
    /// What was wrong.
    pub fault: Fault,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.ops.len().saturating_sub(1);
        writeln!(f, "after operation {last}: {}", self.fault)?;
        writeln!(f, "{:?}", self.rig)?;
        self.ops.iter().enumerate().try_for_each(|(index, op)| writeln!(f, "{index:3} {op:?}"))
    }
}

impl std::error::Error for Failure {}

/// Runs the operations in order.
///
/// # Errors
/// The first fault, with the operations that led to it.
pub fn run(rig: &Rig, ops: &[Op]) -> Result<Tally, Box<Failure>> {
    let mut bench = Bench::new(rig.clone());
    for (index, op) in ops.iter().enumerate() {
        bench.apply(op).map_err(|fault| Box::new(Failure { rig: rig.clone(), ops: ops[..=index].to_vec(), fault }))?;
    }
    Ok(bench.tally)
}

/// The engine and the model, and what a driver would remember.
#[derive(Debug)]
pub struct Bench {
    rig: Rig,
    engine: EngineSide,
    /// `None` under the strict profile, and after FreeBSD's state became undefined.
    model: Option<Reference>,
    tags: Vec<TagNo>,
    maps: Vec<MapNo>,
    made: BTreeMap<TagNo, Made>,
    tag_of: BTreeMap<MapNo, TagNo>,
    handles: BTreeMap<MapNo, Handle>,
    memory: BTreeMap<MapNo, DmamemRegion>,
    requests: BTreeMap<MapNo, Request>,
    next_tag: u32,
    next_map: u32,
    seen: Snapshot,
    hazards_seen: usize,
    tally: Tally,
}

/// A tag as the driver asked for it.
#[derive(Clone, Debug)]
struct Made {
    parent: Option<TagNo>,
    template: TagTemplate,
}

impl Bench {
    /// Nothing made yet.
    pub fn new(rig: Rig) -> Self {
        let model = Kernel::of(rig.profile).map(|kernel| Reference::new(kernel, rig.assertions, rig.spec.clone()));
        Self {
            engine: EngineSide::new(rig.spec.clone(), rig.switches()),
            model,
            tags: Vec::new(),
            maps: Vec::new(),
            made: BTreeMap::new(),
            tag_of: BTreeMap::new(),
            handles: BTreeMap::new(),
            memory: BTreeMap::new(),
            requests: BTreeMap::new(),
            next_tag: 0,
            next_map: 0,
            seen: Snapshot::default(),
            hazards_seen: 0,
            tally: Tally::default(),
            rig,
        }
    }

    /// What was done so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The engine.
    pub fn engine(&self) -> &EngineSide {
        &self.engine
    }

    /// Live tags; an operation's index counts along this list.
    pub fn tags(&self) -> &[TagNo] {
        &self.tags
    }

    /// Live maps, those of dmamem included.
    pub fn maps(&self) -> &[MapNo] {
        &self.maps
    }

    /// Live dmamem allocations, by the map they came with.
    pub fn memories(&self) -> Vec<MapNo> {
        self.memory.keys().copied().collect()
    }

    /// Whether the reference model still runs along: not under the strict profile, nor where FreeBSD's state is undefined.
    pub fn is_modelled(&self) -> bool {
        self.model.is_some()
    }

    /// Applies one operation; one that finds nothing to act on does nothing.
    ///
    /// # Errors
    /// What is wrong afterwards.
    pub fn apply(&mut self, op: &Op) -> Result<(), Fault> {
        match op {
            Op::CreateTag { parent, template } => {
                let parent = parent.and_then(|index| nth(&self.tags, index));
                self.create_tag(parent, template)
            }
            Op::DestroyTag { tag } => nth(&self.tags, *tag).map_or(Ok(()), |tag| self.destroy_tag(tag)),
            Op::CreateMap { tag } => nth(&self.tags, *tag).map_or(Ok(()), |tag| self.create_map(tag)),
            Op::DestroyMap { map } => nth(&self.maps, *map).map_or(Ok(()), |map| self.destroy_map(map)),
            Op::Load { map, request, wait } => {
                nth(&self.maps, *map).map_or(Ok(()), |map| self.load(map, request.clone(), *wait))
            }
            Op::LoadMemory { memory, offset, len, wait } => {
                let Some((map, request)) = self.request_of_memory(*memory, *offset, *len) else { return Ok(()) };
                self.load(map, request, *wait)
            }
            Op::Unload { map } => nth(&self.maps, *map).map_or(Ok(()), |map| self.unload(map)),
            Op::Sync { map, ops, copies } => {
                let Some(map) = nth(&self.maps, *map) else { return Ok(()) };
                self.ask(|subject| subject.sync(map, *ops, *copies))?;
                self.compare_bytes()?;
                self.check_in_sync(map, *ops)
            }
            Op::AllocMemory { tag, flags } => {
                let Some(tag) = nth(&self.tags, *tag) else { return Ok(()) };
                self.alloc_memory(tag, *flags)
            }
            Op::FreeMemory { memory, instead } => self.free_memory(*memory, *instead),
            Op::RunDeferred => self.run_deferred(),
            Op::Fill { map, seed } => {
                let Some(map) = nth(&self.maps, *map) else { return Ok(()) };
                self.write_pattern(&self.client_ranges(map), *seed);
                Ok(())
            }
            Op::DeviceWrite { map, seed } => {
                let Some(map) = nth(&self.maps, *map) else { return Ok(()) };
                self.write_pattern(&self.device_ranges(map), *seed);
                Ok(())
            }
            Op::DeviceRead { map } => nth(&self.maps, *map).map_or(Ok(()), |map| self.device_read(map)),
        }
    }

    /// The device meets the same bytes in both.
    fn device_read(&self, map: MapNo) -> Result<(), Fault> {
        let ranges = self.device_ranges(map);
        let Some(model) = &self.model else { return Ok(()) };
        if read_all(model.machine(), &ranges) == read_all(self.engine.machine(), &ranges) {
            return Ok(());
        }
        self.compare_bytes()
    }

    fn create_tag(&mut self, parent: Option<TagNo>, template: &TagTemplate) -> Result<(), Fault> {
        let no = TagNo(self.next_tag);
        self.next_tag += 1;
        let answer = self.ask_about(|subject| subject.create_tag(no, parent, template))?;
        if let Answer::Tag(_) = answer {
            self.tags.push(no);
            self.made.insert(no, Made { parent, template: template.clone() });
        }
        self.look()
    }

    fn destroy_tag(&mut self, tag: TagNo) -> Result<(), Fault> {
        let answer = self.ask_about(|subject| subject.destroy_tag(tag))?;
        if let Answer::TagDestroyed(freed) = answer {
            self.forget_tag(tag);
            freed.into_iter().for_each(|tag| self.forget_tag(tag));
        }
        self.look()
    }

    /// What a driver knows of a tag it gave up, or that FreeBSD freed under its feet, is worth nothing any more.
    fn forget_tag(&mut self, tag: TagNo) {
        self.tags.retain(|&live| live != tag);
        let orphans: Vec<MapNo> = self.maps.iter().copied().filter(|map| self.tag_of[map] == tag).collect();
        let undefined = self.model.as_ref().is_some_and(|model| orphans.iter().any(|&map| model.is_queued(map)));
        if undefined {
            self.model = None;
        }
        orphans.into_iter().for_each(|map| self.forget_map(map));
    }

    fn forget_map(&mut self, map: MapNo) {
        self.maps.retain(|&live| live != map);
        self.memory.remove(&map);
        self.requests.remove(&map);
    }

    fn create_map(&mut self, tag: TagNo) -> Result<(), Fault> {
        let no = MapNo(self.next_map);
        self.next_map += 1;
        let answer = self.ask_about(|subject| subject.create_map(no, tag))?;
        if let Answer::Map(handle) = answer {
            self.remember_map(no, tag, handle);
        }
        self.look()
    }

    fn remember_map(&mut self, map: MapNo, tag: TagNo, handle: Handle) {
        self.maps.push(map);
        self.tag_of.insert(map, tag);
        self.handles.insert(map, handle);
    }

    fn destroy_map(&mut self, map: MapNo) -> Result<(), Fault> {
        let answer = self.ask_about(|subject| subject.destroy_map(map))?;
        let stands_for_memory = self.memory.contains_key(&map) && self.handles[&map] == Handle::Null;
        if answer == Answer::MapDestroyed && !stands_for_memory {
            self.forget_map(map);
        }
        self.look()
    }

    fn load(&mut self, map: MapNo, request: Request, wait: WaitPolicy) -> Result<(), Fault> {
        if !request.is_sane() {
            return self.load_insane(map, &request, wait);
        }
        self.on_machines(|machine| machine.map_request(&request));
        let before = std::mem::take(&mut self.seen);
        let state = self.engine.map_state(map);
        let answer = self.ask_about(|subject| subject.load(map, &request, wait))?;
        self.count_load(&answer);
        let turned_away = self.engine.last_load_error().is_some() && self.engine.map_state(map) != MapState::Idle;
        if !turned_away {
            self.requests.insert(map, request.clone());
        }
        self.look()?;
        if self.rig.profile == Profile::Strict {
            self.judge_load(map, &request, &before, state)?;
        }
        self.judge_mapping(map)
    }

    /// FreeBSD has no answer to such a request. The engine must have one, and hold together.
    fn load_insane(&mut self, map: MapNo, request: &Request, wait: WaitPolicy) -> Result<(), Fault> {
        self.model = None;
        self.tally.operations += 1;
        let before = std::mem::take(&mut self.seen);
        let idle = self.engine.map_state(map) == MapState::Idle;
        self.engine.machine_mut().map_request(request);
        self.engine.load(map, request, wait);
        self.look()?;
        let turned_away = self.engine.last_load_error().is_some() && self.engine.map_state(map) != MapState::Idle;
        if !turned_away {
            self.requests.remove(&map);
        }
        if self.rig.profile == Profile::Strict && self.engine.last_load_error().is_some() && idle {
            check_no_trace(&before, &self.seen, map)?;
        }
        Ok(())
    }

    fn request_of_memory(&self, memory: u8, offset: u16, len: Option<u16>) -> Option<(MapNo, Request)> {
        let all = self.memories();
        let map = nth(&all, memory)?;
        let region = &self.memory[&map];
        let size = self.made[&self.tag_of[&map]].template.maxsize.raw();
        let size = size.min(region.pages.len() as u64 * PAGE_SIZE - region.vaddr.page_offset());
        let (offset, len) = match len {
            None => (0, size),
            Some(len) => {
                let offset = u64::from(offset) % size.max(1);
                (offset, u64::from(len).min(size - offset))
            }
        };
        let start = region.vaddr.wrapping_add(BusSize::new(offset));
        let skipped = VirtAddr::new(start.page_start().raw() - region.vaddr.page_start().raw()).raw() / PAGE_SIZE;
        let pages = region.pages.iter().copied().skip(usize::try_from(skipped).unwrap_or(usize::MAX)).collect();
        Some((map, Request::Buffer(Buffer::new(start, len, pages))))
    }

    fn unload(&mut self, map: MapNo) -> Result<(), Fault> {
        self.ask(|subject| subject.unload(map))
    }

    fn alloc_memory(&mut self, tag: TagNo, flags: busdma_engine::MemFlags) -> Result<(), Fault> {
        let no = MapNo(self.next_map);
        self.next_map += 1;
        let answer = self.ask_about(|subject| subject.alloc_memory(no, tag, flags))?;
        if let Answer::Memory(view) = answer {
            self.remember_map(no, tag, view.map);
            self.memory.insert(no, view.region);
        }
        self.look()
    }

    fn free_memory(&mut self, memory: u8, instead: Option<u8>) -> Result<(), Fault> {
        let all = self.memories();
        let Some(memory) = nth(&all, memory) else { return Ok(()) };
        let created: Vec<MapNo> = self.maps.iter().copied().filter(|map| !self.memory.contains_key(map)).collect();
        let passed = instead.and_then(|index| nth(&created, index)).unwrap_or(memory);
        let answer = self.ask_about(|subject| subject.free_memory(memory, passed))?;
        if let Answer::MemoryFreed(_) = answer {
            self.forget_map(memory);
        }
        self.look()
    }

    fn run_deferred(&mut self) -> Result<(), Fault> {
        let answer = self.ask_about(|subject| subject.run_deferred())?;
        self.look()?;
        let Answer::Drained(events) = answer else { return Ok(()) };
        for event in events {
            if let Event::Callback(map, view) = event {
                self.tally.callbacks += 1;
                if view.error.is_none() {
                    self.tally.loaded += 1;
                    self.judge_mapping(map)?;
                }
            }
        }
        Ok(())
    }

    fn count_load(&mut self, answer: &Answer) {
        let Answer::Load(view) = answer else { return };
        let failed = view.callback.as_ref().is_some_and(|callback| callback.error.is_some());
        if view.returned == Some(busdma_engine::Errno::Einprogress) {
            self.tally.deferred += 1;
        } else if failed || view.returned.is_some() {
            self.tally.failed += 1;
        } else {
            self.tally.loaded += 1;
        }
    }

    /// Asks both, compares, and looks at the state.
    fn ask(&mut self, call: impl Fn(&mut dyn Subject) -> Answer) -> Result<(), Fault> {
        self.ask_about(call)?;
        self.look()
    }

    /// Asks both and compares what they say.
    fn ask_about(&mut self, call: impl Fn(&mut dyn Subject) -> Answer) -> Result<Answer, Fault> {
        self.tally.operations += 1;
        let engine = call(&mut self.engine);
        let Some(reference) = &mut self.model else { return Ok(engine) };
        let model = call(reference);
        if model != engine {
            return Err(Fault::Answers { model: Box::new(model), engine: Box::new(engine) });
        }
        if let Answer::Panic(_) = engine {
            // Behind this point FreeBSD's state is undefined; the engine must still hold together.
            self.tally.panics += 1;
            self.model = None;
        }
        Ok(engine)
    }

    fn on_machines(&mut self, act: impl Fn(&mut Machine)) {
        act(self.engine.machine_mut());
        if let Some(model) = &mut self.model {
            act(model.machine_mut());
        }
    }

    /// busdma-trace's pattern: byte `i` of a fill or a device write.
    fn write_pattern(&mut self, ranges: &[SegmentView], seed: u32) {
        let mut index = u64::from(seed);
        for &(start, len) in ranges {
            let mixed = (index..index + len).map(|index| index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let bytes: Vec<u8> = mixed.map(|mixed| (mixed ^ (mixed >> 32)).to_le_bytes()[0]).collect();
            self.on_machines(|machine| machine.write(start, &bytes));
            index += len;
        }
    }

    fn client_ranges(&self, map: MapNo) -> Vec<SegmentView> {
        let client = self.requests.get(&map).map(Request::client_bytes).unwrap_or_default();
        client.iter().map(|range| (range.start.raw(), range.len.raw())).collect()
    }

    fn device_ranges(&self, map: MapNo) -> Vec<SegmentView> {
        self.seen.maps.get(&map).map(|view| view.segments.clone()).unwrap_or_default()
    }

    /// The contract of a map's tag.
    fn contract(&self, map: MapNo) -> Contract {
        let mut line = Vec::new();
        let mut next = Some(self.tag_of[&map]);
        while let Some(made) = next.and_then(|tag| self.made.get(&tag)) {
            line.push(&made.template);
            next = made.parent;
        }
        Contract::of(line)
    }
}

fn nth<T: Copy>(list: &[T], index: u8) -> Option<T> {
    if list.is_empty() { None } else { Some(list[usize::from(index) % list.len()]) }
}

fn read_all(machine: &Machine, ranges: &[SegmentView]) -> Vec<u8> {
    ranges.iter().flat_map(|&(start, len)| machine.read(start, len)).collect()
}
