//! The engine and the model on one bench, and a driver's memory of what it made.

use super::{Fault, Rig, Tally};
use crate::answer::{Answer, Event, Handle, MapNo, Snapshot, TagNo};
use crate::checkers::{Contract, check_cancelled, check_no_trace};
use crate::engine_side::EngineSide;
use crate::ops::Op;
use crate::reference::{Kernel, Reference};
use crate::request::{Buffer, Request};
use crate::subject::Subject;
use busdma_engine::StateError;
use busdma_engine::addr::{BusSize, PAGE_SIZE};
use busdma_engine::constraints::TagTemplate;
use busdma_engine::error::Errno;
use busdma_engine::load::WaitPolicy;
use busdma_engine::map::MapState;
use busdma_engine::mem::MemFlags;
use busdma_engine::platform::DmamemRegion;
use busdma_engine::profile::Profile;
use std::collections::BTreeMap;

/// The engine and the model, and what a driver would remember.
#[derive(Debug)]
pub struct Bench {
    pub(super) rig: Rig,
    pub(super) engine: EngineSide,
    /// `None` under the strict profile, and after FreeBSD's state became undefined.
    pub(super) model: Option<Reference>,
    pub(super) tags: Vec<TagNo>,
    pub(super) maps: Vec<MapNo>,
    made: BTreeMap<TagNo, Made>,
    pub(super) tag_of: BTreeMap<MapNo, TagNo>,
    pub(super) handles: BTreeMap<MapNo, Handle>,
    pub(super) memory: BTreeMap<MapNo, DmamemRegion>,
    pub(super) requests: BTreeMap<MapNo, Request>,
    next_tag: u32,
    next_map: u32,
    pub(super) seen: Snapshot,
    last_answer: Option<Answer>,
    pub(super) hazards_seen: usize,
    pub(super) tally: Tally,
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
            last_answer: None,
            hazards_seen: 0,
            tally: Tally::default(),
            rig,
        }
    }

    /// The same bench with an engine that was put together again from its state.
    ///
    /// # Errors
    /// The engine refuses its own state.
    pub fn restored(&self) -> Result<Self, StateError> {
        Ok(Self {
            rig: self.rig.clone(),
            engine: self.engine.restored()?,
            model: self.model.clone(),
            tags: self.tags.clone(),
            maps: self.maps.clone(),
            made: self.made.clone(),
            tag_of: self.tag_of.clone(),
            handles: self.handles.clone(),
            memory: self.memory.clone(),
            requests: self.requests.clone(),
            next_tag: self.next_tag,
            next_map: self.next_map,
            seen: self.seen.clone(),
            last_answer: self.last_answer.clone(),
            hazards_seen: self.hazards_seen,
            tally: self.tally,
        })
    }

    /// What the engine answered last.
    pub fn last_answer(&self) -> Option<&Answer> {
        self.last_answer.as_ref()
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
                nth(&self.maps, *map).map_or(Ok(()), |map| self.load(map, request, *wait))
            }
            Op::LoadMemory { memory, offset, len, wait } => {
                let Some((map, request)) = self.request_of_memory(*memory, *offset, *len) else { return Ok(()) };
                self.load(map, &request, *wait)
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
            Op::Cancel { map } => {
                let deferred: Vec<MapNo> =
                    self.maps.iter().copied().filter(|&map| self.engine.map_state(map) == MapState::Deferred).collect();
                let among = if deferred.is_empty() { &self.maps } else { &deferred };
                nth(among, *map).map_or(Ok(()), |map| self.cancel(map))
            }
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
            for tag in freed {
                self.forget_tag(tag);
            }
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
        for map in orphans {
            self.forget_map(map);
        }
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

    fn load(&mut self, map: MapNo, request: &Request, wait: WaitPolicy) -> Result<(), Fault> {
        if !request.is_sane() {
            return self.load_insane(map, request, wait);
        }
        self.on_machines(|machine| machine.map_request(request));
        let before = std::mem::take(&mut self.seen);
        let state = self.engine.map_state(map);
        let answer = self.ask_about(|subject| subject.load(map, request, wait))?;
        self.count_load(&answer);
        let turned_away = self.engine.last_load_error().is_some() && self.engine.map_state(map) != MapState::Idle;
        if !turned_away {
            self.requests.insert(map, request.clone());
        }
        self.look()?;
        if self.rig.profile == Profile::Strict {
            self.judge_load(map, request, &before, state)?;
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
        self.last_answer = Some(self.engine.load(map, request, wait));
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
        let skipped = (start.page_start().raw() - region.vaddr.page_start().raw()) / PAGE_SIZE;
        let pages = region.pages.iter().copied().skip(usize::try_from(skipped).unwrap_or(usize::MAX)).collect();
        Some((map, Request::Buffer(Buffer::new(start, len, pages))))
    }

    fn unload(&mut self, map: MapNo) -> Result<(), Fault> {
        self.ask(|subject| subject.unload(map))
    }

    fn cancel(&mut self, map: MapNo) -> Result<(), Fault> {
        let before = std::mem::take(&mut self.seen);
        let answer = self.ask_about(|subject| subject.cancel(map))?;
        self.look()?;
        if let Answer::Cancelled { released, .. } = answer {
            self.tally.cancelled += 1;
            check_cancelled(&before, &self.seen, map, released)?;
        }
        Ok(())
    }

    fn alloc_memory(&mut self, tag: TagNo, flags: MemFlags) -> Result<(), Fault> {
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
        if view.returned == Some(Errno::Einprogress) {
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
        self.last_answer = Some(engine.clone());
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

    /// The contract of a map's tag.
    pub(super) fn contract(&self, map: MapNo) -> Contract {
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
