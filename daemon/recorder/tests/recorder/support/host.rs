//! A machine with an owner, as the daemon has them, and a set of such machines.

use busdma_engine::{
    AddressSpace, BusSize, Engine, FreedTags, Log, MapId, MapState, MemDesc, MemFlags, Nanos, PAGE_SIZE, PhysAddr,
    SyncPlan, TagId, TagTemplate, VirtAddr, VirtRange, WaitPolicy,
};
use busdma_recorder::{
    LoadEnd, MachineDescription, MapNumber, MemoryNumber, NumberedMap, Numbers, Recorder, Region, SessionNumber, Start,
    TagNumber, Tape, TapeSource, TapedOperation, TapedVerb,
};
use busdma_sim::ops::Op;
use busdma_sim::request::{Buffer, Request};
use busdma_trace::TraceMachine;
use busdma_trace::drain::drain;
use busdma_trace::format::AfterPanic;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

const SPACES: [AddressSpace; 2] = [AddressSpace::Kernel, AddressSpace::User];

/// One machine.
pub(crate) struct Host {
    pub(crate) engine: Engine<TraceMachine, Log>,
    pub(crate) tape: Tape,
    tags: Vec<(TagId, TagNumber)>,
    maps: Vec<NumberedMap>,
    memory: Vec<Memory>,
    /// Client pages that are mapped, by page number: the kernel's and the user's.
    mapped: [BTreeMap<u64, PhysAddr>; 2],
    next_number: u64,
    clock: u64,
    plan: SyncPlan,
    /// Verbs told to the tape.
    pub(crate) told: u64,
}

/// dmamem with what a driver knows of it.
#[derive(Clone, Debug)]
struct Memory {
    map: MapId,
    number: MemoryNumber,
    vaddr: VirtAddr,
    pages: Vec<PhysAddr>,
    size: u64,
}

impl Host {
    pub(crate) fn new(recorder: &Recorder, machine: MachineDescription) -> Self {
        let limits = TraceMachine::limits(&machine.model);
        let memory = TraceMachine::new(&machine.model).unwrap();
        Self {
            engine: Engine::with_observer(memory, Log::default(), limits, machine.profile.switches()),
            tape: recorder.tape(machine),
            tags: Vec::new(),
            maps: Vec::new(),
            memory: Vec::new(),
            mapped: [BTreeMap::new(), BTreeMap::new()],
            next_number: 0,
            clock: 0,
            plan: SyncPlan::default(),
            told: 0,
        }
    }

    /// Carries out one operation; one that finds nothing to act on does nothing.
    pub(crate) fn apply(&mut self, op: &Op) {
        match op {
            Op::CreateTag { parent, template } => {
                let parent = parent.and_then(|index| nth(&self.tags, index)).map(|(tag, _)| tag);
                self.create_tag(parent, template);
            }
            Op::DestroyTag { tag } => {
                if let Some((tag, _)) = nth(&self.tags, *tag) {
                    self.destroy_tag(tag);
                }
            }
            Op::CreateMap { tag } => {
                if let Some(tag) = nth(&self.tags, *tag) {
                    self.create_map(tag);
                }
            }
            Op::DestroyMap { map } => self.on_map(*map, Self::destroy_map),
            Op::Load { map, request, wait } if request.is_sane() => {
                self.map_request(request);
                self.on_map(*map, |host, map| host.load(map, request, *wait));
            }
            Op::LoadMemory { memory, offset, len, wait } => self.load_memory(*memory, *offset, *len, *wait),
            Op::Unload { map } => self.on_map(*map, |host, map| {
                let result = host.verb().unload(map);
                host.tell(TapedVerb::Unload { map, result });
            }),
            Op::Sync { map, ops, .. } => self.on_map(*map, |host, map| {
                let mut plan = std::mem::take(&mut host.plan);
                let result = host.verb().plan_sync(map, *ops, &mut plan);
                host.tell(TapedVerb::Sync { map, ops: *ops, plan: &plan, result });
                host.plan = plan;
            }),
            Op::Cancel { map } => {
                let deferred: Vec<_> = self
                    .maps
                    .iter()
                    .map(|numbered| numbered.map)
                    .filter(|&map| self.engine.map(map).is_some_and(|map| map.state() == MapState::Deferred))
                    .collect();
                if let Some(map) = nth(&deferred, *map) {
                    let result = self.verb().cancel(map);
                    self.tell(TapedVerb::Cancel { map, result });
                }
            }
            Op::AllocMemory { tag, flags } => {
                if let Some(tag) = nth(&self.tags, *tag) {
                    self.alloc_memory(tag, *flags);
                }
            }
            Op::FreeMemory { memory, instead } => self.free_memory(*memory, *instead),
            Op::RunDeferred => {
                let drained = drain(self.verb(), AfterPanic::GoesOn);
                self.tell(TapedVerb::RunDeferred { drained: &drained });
            }
            // Bytes are not recorded, and requests that make no sense the daemon refuses.
            Op::Load { .. } | Op::Fill { .. } | Op::DeviceWrite { .. } | Op::DeviceRead { .. } => {}
        }
    }

    pub(crate) fn apply_all(&mut self, ops: impl IntoIterator<Item = Op>) {
        ops.into_iter().for_each(|op| self.apply(&op));
    }

    /// Nothing happens for a while; returns what the clock shows then, nanoseconds.
    pub(crate) fn pass(&mut self, time: Duration) -> u64 {
        self.clock += u64::try_from(time.as_nanos()).unwrap();
        self.clock
    }

    /// The engine, about to carry out a verb.
    fn verb(&mut self) -> &mut Engine<TraceMachine, Log> {
        self.begin_when_needed();
        self.clock += 1000;
        self.engine.observer_mut().clear();
        self.engine.at(Nanos::new(self.clock))
    }

    fn begin_when_needed(&mut self) {
        if self.tape.needs_start() {
            self.begin();
        }
    }

    /// Gives the tape a fresh start, needed or not.
    pub(crate) fn begin(&mut self) {
        let start = self.start();
        self.tape.begin(start);
    }

    fn start(&self) -> Start {
        let numbers = Numbers {
            tags: self.tags.clone(),
            maps: self.maps.clone(),
            memory: self.memory.iter().map(|memory| (memory.map, memory.number)).collect(),
        };
        let regions = SPACES
            .into_iter()
            .zip(&self.mapped)
            .flat_map(|(space, mapped)| mapped.iter().map(move |(&page, &paddr)| region(space, page, paddr)));
        let regions = regions.collect();
        Start::take(&self.engine, Nanos::new(self.clock), numbers, regions)
    }

    fn tell(&mut self, verb: TapedVerb<'_>) {
        if self.tape.is_on() {
            let Log { decisions, hazards } = self.engine.observer();
            let session = (!self.clock.is_multiple_of(3)).then_some(SessionNumber(self.clock / 1000 % 3));
            self.tape.operation(
                &self.engine,
                &TapedOperation { session, at: Nanos::new(self.clock), verb, decisions, hazards },
            );
            self.told += 1;
        }
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    fn on_map(&mut self, index: u8, act: impl FnOnce(&mut Self, MapId)) {
        if let Some(numbered) = nth(&self.maps, index) {
            act(self, numbered.map);
        }
    }

    fn create_tag(&mut self, parent: Option<TagId>, template: &TagTemplate) {
        let number = TagNumber(self.number());
        let result = self.verb().create_tag(parent, template);
        self.tell(TapedVerb::CreateTag { number, parent, template, result });
        self.tags.extend(result.map(|tag| (tag, number)));
    }

    fn destroy_tag(&mut self, tag: TagId) {
        let result = self.verb().destroy_tag(tag);
        self.tell(TapedVerb::DestroyTag { tag, result: result.as_ref().map_err(|error| *error) });
        if let Ok(FreedTags { tags }) = result {
            self.tags.retain(|(live, _)| !tags.contains(live));
        }
    }

    fn create_map(&mut self, (tag, tag_number): (TagId, TagNumber)) {
        let number = MapNumber(self.number());
        let result = self.verb().create_map(tag);
        self.tell(TapedVerb::CreateMap { number, tag, result });
        self.maps.extend(result.map(|map| NumberedMap { map, number, tag: tag_number }));
    }

    fn destroy_map(&mut self, map: MapId) {
        let result = self.verb().destroy_map(map);
        self.tell(TapedVerb::DestroyMap { map, result });
        if self.engine.map(map).is_none() {
            self.maps.retain(|live| live.map != map);
        }
    }

    fn load(&mut self, map: MapId, request: &Request, wait: WaitPolicy) {
        let desc = request.desc();
        let end = LoadEnd::from(&self.verb().load(map, &desc, wait));
        self.tell(TapedVerb::Load { map, desc: &desc, wait, end });
    }

    /// Loads a page that nobody registered: the daemon would have refused.
    pub(crate) fn load_unmapped(&mut self) {
        let map = self.maps[0].map;
        let range = VirtRange { start: VirtAddr::new(0xdead_0000), len: BusSize::PAGE };
        let (desc, wait) = (MemDesc::Buffer(range), WaitPolicy::NoWait);
        let end = LoadEnd::from(&self.verb().load(map, &desc, wait));
        self.tell(TapedVerb::Load { map, desc: &desc, wait, end });
    }

    fn load_memory(&mut self, index: u8, offset: u16, len: Option<u16>, wait: WaitPolicy) {
        let Some(Memory { map, vaddr, pages, size, .. }) = nth(&self.memory, index) else { return };
        let size = size.min(pages.len() as u64 * PAGE_SIZE - vaddr.page_offset());
        let offset = len.map_or(0, |_| u64::from(offset) % size.max(1));
        let len = len.map_or(size, |len| u64::from(len).min(size - offset));
        let start = VirtAddr::new(vaddr.raw() + offset);
        let request = Request::Buffer(Buffer::new(start, len, pages));
        if request.is_sane() {
            self.load(map, &request, wait);
        }
    }

    fn alloc_memory(&mut self, (tag, tag_number): (TagId, TagNumber), flags: MemFlags) {
        let (number, map_number) = (MemoryNumber(self.number()), MapNumber(self.number()));
        let result = self.verb().alloc_mem(tag, flags);
        self.tell(TapedVerb::AllocMem {
            number,
            map_number,
            tag,
            flags,
            result: result.as_ref().map_err(|error| *error),
        });
        if let Ok(allocation) = result {
            let (map, region) = (allocation.map, allocation.region);
            self.maps.push(NumberedMap { map, number: map_number, tag: tag_number });
            let size = allocation.request.size.raw();
            self.memory.push(Memory { map, number, vaddr: region.vaddr, pages: region.pages, size });
        }
    }

    fn free_memory(&mut self, index: u8, instead: Option<u8>) {
        let Some(Memory { map: memory, .. }) = nth(&self.memory, index) else { return };
        let created: Vec<_> = self
            .maps
            .iter()
            .map(|numbered| numbered.map)
            .filter(|map| self.memory.iter().all(|memory| memory.map != *map))
            .collect();
        let map = instead.and_then(|index| nth(&created, index)).unwrap_or(memory);
        let result = self.verb().free_mem(memory, map);
        self.tell(TapedVerb::FreeMem { memory, map, result });
        if self.engine.map(memory).is_none() {
            self.maps.retain(|live| live.map != memory);
            self.memory.retain(|live| live.map != memory);
        }
    }

    /// Registers the pages of a request, each as a region of its own.
    fn map_request(&mut self, request: &Request) {
        self.begin_when_needed();
        let Self { engine, tape, mapped, .. } = self;
        request.for_each_mapping(|space, vaddr, paddr| {
            let page = vaddr.raw() / PAGE_SIZE;
            let before = mapped[usize::from(space == AddressSpace::User)].insert(page, paddr);
            if before == Some(paddr) {
                return;
            }
            if before.is_some() {
                tape.region_released(space, vaddr);
            }
            tape.region_mapped(&region(space, page, paddr));
            engine.platform_mut().map_range(space, vaddr, [paddr]);
        });
    }
}

fn region(space: AddressSpace, page: u64, paddr: PhysAddr) -> Region {
    Region { space, start: VirtAddr::new(page * PAGE_SIZE), pages: [paddr].into() }
}

fn nth<T: Clone>(all: &[T], index: u8) -> Option<T> {
    (!all.is_empty()).then(|| all[usize::from(index) % all.len()].clone())
}

/// Machines under one lock.
#[derive(Default)]
pub(crate) struct Machines(Mutex<Vec<Host>>);

impl Machines {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Vec<Host>> {
        self.0.lock().unwrap()
    }

    pub(crate) fn told(&self) -> u64 {
        self.lock().iter().map(|host| host.told).sum()
    }
}

impl TapeSource for Machines {
    fn collect(&self, visit: &mut dyn FnMut(&mut Tape)) {
        for host in self.lock().iter_mut() {
            host.begin_when_needed();
            visit(&mut host.tape);
        }
    }
}
