//! The engine as a [`Subject`]: handles become numbers, outcomes become answers.

use crate::answer::{
    Answer, CallbackView, Event, FreedTo, Handle, LoadView, MapNo, MapView, MemoryView, PieceView, SegmentView,
    Snapshot, SyncView, TagNo, TagView, ZoneView,
};
use crate::machine::{Machine, MachineSpec};
use crate::ops::Copies;
use crate::request::Request;
use crate::subject::Subject;
use busdma_engine::addr::{BusSize, Nanos};
use busdma_engine::constraints::{Boundary, TagTemplate};
use busdma_engine::decision::{Decision, Observer};
use busdma_engine::error::{Errno, LoadError, MapError, MemError, SyncError, TagError};
use busdma_engine::hazard::Hazard;
use busdma_engine::load::WaitPolicy;
use busdma_engine::map::{MapForm, MapState};
use busdma_engine::mem::{AllocationAlignment, MemFlags, MemFreed};
use busdma_engine::memdesc::CallbackShape;
use busdma_engine::platform::Memory;
use busdma_engine::profile::Switches;
use busdma_engine::segment::Segment;
use busdma_engine::sync::{SyncOps, SyncPlan};
use busdma_engine::{CallView, Completion, DeferredClient, Engine, MapId, StateError, TagId, ZoneStats};
use std::collections::HashMap;

/// Keeps the hazards it hears of; decisions are too many to keep.
#[derive(Clone, Debug, Default)]
pub struct Hazards {
    /// In order.
    pub raised: Vec<Hazard>,
}

impl Observer for Hazards {
    fn decision(&mut self, _: Nanos, _: &Decision) {}

    fn hazard(&mut self, _: Nanos, hazard: &Hazard) {
        self.raised.push(*hazard);
    }
}

/// The engine on a machine, with the hazards it raises.
#[derive(Debug)]
pub struct EngineSide {
    engine: Engine<Machine, Hazards>,
    tags: Numbers<TagId>,
    maps: Numbers<MapId>,
    last_load_error: Option<LoadError>,
    verbs: u64,
}

/// Handles by number, and back.
#[derive(Clone, Debug)]
struct Numbers<H> {
    handles: HashMap<u32, H>,
    numbers: HashMap<H, u32>,
}

impl<H: Copy + Eq + std::hash::Hash> Numbers<H> {
    fn new() -> Self {
        Self { handles: HashMap::new(), numbers: HashMap::new() }
    }

    fn insert(&mut self, number: u32, handle: H) {
        self.handles.insert(number, handle);
        self.numbers.insert(handle, number);
    }

    fn handle(&self, number: u32) -> H {
        self.handles[&number]
    }

    fn number(&self, handle: H) -> u32 {
        self.numbers[&handle]
    }
}

impl EngineSide {
    /// An engine with these switches on an empty machine.
    pub fn new(spec: MachineSpec, switches: Switches) -> Self {
        let limits = spec.limits();
        Self {
            engine: Engine::with_observer(Machine::new(spec), Hazards::default(), limits, switches),
            tags: Numbers::new(),
            maps: Numbers::new(),
            last_load_error: None,
            verbs: 0,
        }
    }

    /// The same engine on a copy of its machine, put together again from its state.
    ///
    /// # Errors
    /// The engine refuses its own state.
    pub fn restored(&self) -> Result<Self, StateError> {
        let (machine, hazards) = (self.engine.platform().clone(), self.engine.observer().clone());
        let limits = machine.spec().limits();
        Ok(Self {
            engine: Engine::restore(machine, hazards, limits, *self.engine.switches(), &self.engine.state())?,
            tags: self.tags.clone(),
            maps: self.maps.clone(),
            last_load_error: self.last_load_error,
            verbs: self.verbs,
        })
    }

    /// The engine itself.
    pub fn engine(&self) -> &Engine<Machine, Hazards> {
        &self.engine
    }

    /// Its handle for a map.
    pub fn map_id(&self, map: MapNo) -> MapId {
        self.maps.handle(map.0)
    }

    /// Its handle for a tag.
    pub fn tag_id(&self, tag: TagNo) -> TagId {
        self.tags.handle(tag.0)
    }

    /// What the map is doing.
    pub fn map_state(&self, map: MapNo) -> MapState {
        self.engine.map(self.map_id(map)).map_or(MapState::Idle, busdma_engine::DmaMap::state)
    }

    /// Why the last load failed, in the engine's own words.
    pub fn last_load_error(&self) -> Option<LoadError> {
        self.last_load_error
    }

    /// The engine, a millisecond after it was last asked for.
    fn verb(&mut self) -> &mut Engine<Machine, Hazards> {
        self.verbs += 1;
        self.engine.at(Nanos::new(self.verbs * 1_000_000))
    }
}

impl Subject for EngineSide {
    fn create_tag(&mut self, no: TagNo, parent: Option<TagNo>, template: &TagTemplate) -> Answer {
        let parent = parent.map(|parent| self.tag_id(parent));
        let id = match self.verb().create_tag(parent, template) {
            Ok(id) => id,
            Err(TagError::NoSuchTag(_)) => return Answer::Refused,
            Err(error) => return Answer::Error(error.errno()),
        };
        self.tags.insert(no.0, id);
        let Some(tag) = self.engine.tag(id) else { return Answer::Refused };
        let constraints = tag.constraints();
        Answer::Tag(TagView {
            alignment: constraints.alignment().bytes(),
            boundary: constraints.boundary().map_or(0, Boundary::bytes),
            lowaddr: constraints.window().lowaddr.raw(),
            highaddr: constraints.window().highaddr.raw(),
            maxsegsz: constraints.maxsegsz().raw(),
            could_bounce: tag.could_bounce(),
            chain_parent: tag.chain_parent().map(|id| TagNo(self.tags.number(id))),
            zone: tag.zone().map(busdma_engine::ZoneId::index),
        })
    }

    fn destroy_tag(&mut self, tag: TagNo) -> Answer {
        let id = self.tag_id(tag);
        match self.verb().destroy_tag(id) {
            Ok(freed) => Answer::TagDestroyed(freed.tags.iter().map(|&id| TagNo(self.tags.number(id))).collect()),
            Err(TagError::NoSuchTag(_)) => Answer::Refused,
            Err(error) => Answer::Error(error.errno()),
        }
    }

    fn create_map(&mut self, no: MapNo, tag: TagNo) -> Answer {
        let tag = self.tag_id(tag);
        match self.verb().create_map(tag) {
            Ok(id) => {
                self.maps.insert(no.0, id);
                Answer::Map(self.handle_view(id))
            }
            Err(error) => map_refusal(error),
        }
    }

    fn destroy_map(&mut self, map: MapNo) -> Answer {
        let id = self.map_id(map);
        self.verb().destroy_map(id).map_or_else(map_refusal, |()| Answer::MapDestroyed)
    }

    fn load(&mut self, map: MapNo, request: &Request, wait: WaitPolicy) -> Answer {
        let id = self.map_id(map);
        let desc = request.desc();
        let outcome = self.verb().load(id, &desc, wait);
        let error = outcome.as_ref().err().copied();
        let view = CallView::new(&desc, &outcome).map(|view| LoadView {
            returned: view.returned,
            callback: view.callback.map(|callback| CallbackView {
                error: callback.error,
                segments: callback.segments.map(segment_views),
                mapsize: callback.mapsize.map(BusSize::raw),
            }),
            direct: None,
        });
        self.last_load_error = error;
        match (view, error) {
            (Err(panic), _) => Answer::Panic(panic),
            (_, Some(LoadError::StillDeferred | LoadError::Invalid(_) | LoadError::NoSuchMap(_))) => Answer::Refused,
            (Ok(mut view), _) => {
                if desc.callback_shape() == CallbackShape::Direct {
                    view.direct = self.engine.map(id).map(|map| segment_views(map.filled_segments()));
                }
                Answer::Load(view)
            }
        }
    }

    fn unload(&mut self, map: MapNo) -> Answer {
        let id = self.map_id(map);
        match self.verb().unload(id) {
            Ok(report) => Answer::Unloaded { released: report.released.raw(), woken: report.woken },
            Err(error) => map_refusal(error),
        }
    }

    fn sync(&mut self, map: MapNo, ops: SyncOps, copies: Copies) -> Answer {
        let id = self.map_id(map);
        let mut plan = SyncPlan::default();
        let outcome = match copies {
            Copies::ByEngine => self.verb().sync(id, ops),
            Copies::FromPlan => self.verb().plan_sync(id, ops, &mut plan),
        };
        match outcome {
            Ok(_) if copies == Copies::ByEngine => Answer::SyncedUnseen,
            Ok(_) => {
                for step in &plan.moves {
                    self.engine.platform_mut().copy(step.from, step.to, step.len);
                }
                Answer::Synced(SyncView { copies: plan.copies, cache: plan.cache })
            }
            Err(SyncError::Panic(panic)) => Answer::Panic(panic),
            Err(SyncError::Invalid(_) | SyncError::NoSuchMap(_)) => Answer::Refused,
        }
    }

    fn alloc_memory(&mut self, no: MapNo, tag: TagNo, flags: MemFlags) -> Answer {
        let tag = self.tag_id(tag);
        match self.verb().alloc_mem(tag, flags) {
            Ok(memory) => {
                self.maps.insert(no.0, memory.map);
                Answer::Memory(MemoryView {
                    request: memory.request,
                    region: memory.region,
                    map: self.handle_view(memory.map),
                    misaligned: memory.alignment == AllocationAlignment::Missed,
                })
            }
            Err(MemError::NoMemory { request }) => Answer::NoMemory(request),
            Err(error) => mem_refusal(error),
        }
    }

    fn free_memory(&mut self, memory: MapNo, passed: MapNo) -> Answer {
        let (memory, passed) = (self.map_id(memory), self.map_id(passed));
        match self.verb().free_mem(memory, passed) {
            Ok(MemFreed::Malloc) => Answer::MemoryFreed(FreedTo::Malloc),
            Ok(MemFreed::Pages { size }) => Answer::MemoryFreed(FreedTo::Kmem { size: size.raw() }),
            Err(error) => mem_refusal(error),
        }
    }

    fn run_deferred(&mut self) -> Answer {
        let mut client = Recorder { events: Vec::new(), panic: None };
        let outcome = self.verb().drain_ready(&mut client);
        if let Some(panic) = client.panic.or(outcome.err()) {
            return Answer::Panic(panic);
        }
        let events = client.events.into_iter().map(|event| match event {
            Recorded::Lock(tag) => Event::Lock(TagNo(self.tags.number(tag))),
            Recorded::Callback(map, view) => Event::Callback(MapNo(self.maps.number(map)), view),
            Recorded::Unlock(tag) => Event::Unlock(TagNo(self.tags.number(tag))),
        });
        Answer::Drained(events.collect())
    }

    fn cancel(&mut self, map: MapNo) -> Answer {
        let id = self.map_id(map);
        match self.verb().cancel(id) {
            Ok(report) => Answer::Cancelled { released: report.released.raw(), woken: report.woken },
            Err(error) => map_refusal(error),
        }
    }

    fn snapshot(&self, tags: &[TagNo], maps: &[MapNo]) -> Snapshot {
        Snapshot {
            zones: self.engine.zones().map(zone_view).collect(),
            waiting: self.engine.waiters().map(|id| MapNo(self.maps.number(id))).collect(),
            maps: maps.iter().map(|&map| (map, self.map_view(map))).collect(),
            tags: tags.iter().map(|&tag| (tag, self.counted_maps(tag))).collect(),
        }
    }

    fn machine(&self) -> &Machine {
        self.engine.platform()
    }

    fn machine_mut(&mut self) -> &mut Machine {
        self.engine.platform_mut()
    }
}

impl EngineSide {
    fn handle_view(&self, id: MapId) -> Handle {
        match self.engine.map(id).map(busdma_engine::DmaMap::form) {
            Some(MapForm::Null) => Handle::Null,
            Some(MapForm::Real) | None => Handle::Real,
        }
    }

    fn map_view(&self, map: MapNo) -> MapView {
        let id = self.map_id(map);
        let Some(map) = self.engine.map(id) else { return MapView::default() };
        let pieces = self.engine.bounce_pages(id).map(|piece| PieceView {
            bus: piece.bounce.raw(),
            len: piece.len.raw(),
            client: piece.client.raw(),
        });
        MapView {
            needed: map.pages_needed().raw().into(),
            reserved: map.pages_reserved().raw().into(),
            pieces: pieces.collect(),
            segments: segment_views(map.segments()),
        }
    }

    fn counted_maps(&self, tag: TagNo) -> i64 {
        self.engine.tag(self.tag_id(tag)).map_or(0, |tag| tag.map_count().into())
    }
}

/// Writes down what the driver is told.
struct Recorder {
    events: Vec<Recorded>,
    panic: Option<busdma_engine::KernelPanic>,
}

enum Recorded {
    Lock(TagId),
    Callback(MapId, CallbackView),
    Unlock(TagId),
}

impl DeferredClient for Recorder {
    fn lock(&mut self, tag: TagId) {
        self.events.push(Recorded::Lock(tag));
    }

    fn callback(&mut self, completion: &Completion<'_>) {
        let (error, segments) = match completion.result {
            Ok(segments) => (None, segment_views(segments)),
            Err(LoadError::Panic(panic)) => {
                self.panic = self.panic.or(Some(panic));
                return;
            }
            Err(error) => (error.errno(), Vec::new()),
        };
        let view = CallbackView { error, segments: Some(segments), mapsize: None };
        self.events.push(Recorded::Callback(completion.map, view));
    }

    fn unlock(&mut self, tag: TagId) {
        self.events.push(Recorded::Unlock(tag));
    }
}

fn segment_views(segments: &[Segment]) -> Vec<SegmentView> {
    segments.iter().map(|segment| (segment.addr.raw(), segment.len.raw())).collect()
}

fn zone_view(zone: &ZoneStats) -> ZoneView {
    ZoneView {
        total: zone.total_bpages().raw().into(),
        free: zone.free_bpages().raw().into(),
        reserved: zone.reserved_bpages().raw().into(),
        active: zone.active_bpages().raw().into(),
        bounced: zone.total_bounced.into(),
        deferred: zone.total_deferred.into(),
        map_count: zone.map_count.into(),
        lowaddr: zone.lowaddr.raw(),
        alignment: zone.alignment.bytes(),
    }
}

fn map_refusal(error: MapError) -> Answer {
    match error {
        MapError::Panic(panic) => Answer::Panic(panic),
        MapError::StillDeferred | MapError::NoSuchTag(_) | MapError::NoSuchMap(_) => Answer::Refused,
        MapError::NotDeferred => Answer::Error(Errno::Einval),
        MapError::NoBouncePages { .. } => Answer::Error(Errno::Enomem),
        MapError::StillLoaded { .. } => Answer::Error(Errno::Ebusy),
    }
}

fn mem_refusal(error: MemError) -> Answer {
    match error {
        MemError::Panic(panic) => Answer::Panic(panic),
        MemError::StillLoaded => Answer::Error(Errno::Ebusy),
        MemError::NoMemory { request } => Answer::NoMemory(request),
        MemError::NoSuchTag(_) | MemError::NoSuchMap(_) => Answer::Refused,
    }
}
