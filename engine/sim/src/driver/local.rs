//! An engine inside this process.

use super::host::{Answered, Copied, Ended, Host, Loaded, Refusal, Step, TOUCHED_BYTES, pattern};
use crate::machine::{Machine, MachineSpec};
use crate::request::Request;
use busdma_engine::constraints::TagTemplate;
use busdma_engine::memdesc::{MemDesc, VirtRange};
use busdma_engine::{
    Completion, DeferredClient, Engine, KernelPanic, LoadError, LoadOutcome, MapError, MapId, MemError, MemFlags,
    Nanos, Observer, PhysAddr, Profile, SyncError, TagError, TagId, WaitPolicy,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thiserror::Error;

/// An engine that can be looked at while it is driven.
pub type SharedEngine<O> = Arc<Mutex<Engine<Machine, O>>>;

/// What a well-behaved driver does not meet.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum LocalError {
    /// A tag could not be made.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// A map could not be made.
    #[error(transparent)]
    Map(#[from] MapError),
    /// No memory could be had.
    #[error(transparent)]
    Mem(#[from] MemError),
    /// A load failed.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A sync failed.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// FreeBSD would have panicked.
    #[error(transparent)]
    Panic(#[from] KernelPanic),
    /// The map came with no memory.
    #[error("map {map} came with no memory")]
    NoMemory {
        /// Which.
        map: MapId,
    },
}

/// A client's machine.
#[derive(Debug)]
pub struct LocalHost<O> {
    engine: SharedEngine<O>,
    now: Nanos,
    /// Where the CPU finds the first byte of what a map was last loaded with, and how many bytes lie there.
    first_bytes: HashMap<MapId, (PhysAddr, u64)>,
    memory: HashMap<MapId, VirtRange>,
    deferred_at: HashMap<MapId, Nanos>,
    ended: HashMap<MapId, Ended>,
}

impl<O: Observer> LocalHost<O> {
    /// An empty machine whose decisions `observer` hears.
    pub fn new(spec: MachineSpec, observer: O) -> Self {
        let (limits, switches) = (spec.limits(), Profile::default().switches());
        let engine = Engine::with_observer(Machine::new(spec), observer, limits, switches);
        Self {
            engine: Arc::new(Mutex::new(engine)),
            now: Nanos::default(),
            first_bytes: HashMap::new(),
            memory: HashMap::new(),
            deferred_at: HashMap::new(),
            ended: HashMap::new(),
        }
    }

    /// The engine, for who wants to look at its zones.
    pub fn engine(&self) -> SharedEngine<O> {
        Arc::clone(&self.engine)
    }

    /// Keeps the ends of deferred loads that have come.
    fn drain(&mut self) -> Result<(), LocalError> {
        let now = self.now;
        let mut ends = Ends(Vec::new());
        lock(&self.engine).at(now).drain_ready(&mut ends)?;
        for (map, result) in ends.0 {
            let result = match result {
                Ok(()) => Ok(()),
                Err(error) => Err(load_refusal(error)?),
            };
            let since = self.deferred_at.remove(&map).unwrap_or(now);
            self.ended.insert(map, Ended { result, waited_ns: now.since(since) });
        }
        Ok(())
    }

    fn answer(&mut self, map: MapId, outcome: Result<Loaded, LoadError>) -> Answered<Loaded, LocalError> {
        if outcome == Ok(Loaded::Later) {
            self.deferred_at.insert(map, self.now);
        }
        match outcome {
            Ok(loaded) => Ok(Ok(loaded)),
            Err(error) => Ok(Err(load_refusal(error)?)),
        }
    }
}

impl<O: Observer> Host for LocalHost<O> {
    type Tag = TagId;
    type Map = MapId;
    type Error = LocalError;

    fn at(&mut self, now: Nanos) {
        self.now = now;
    }

    fn create_tag(&mut self, parent: Option<TagId>, template: &TagTemplate) -> Result<TagId, LocalError> {
        let now = self.now;
        Ok(lock(&self.engine).at(now).create_tag(parent, template)?)
    }

    fn create_map(&mut self, tag: TagId) -> Answered<MapId, LocalError> {
        let now = self.now;
        match lock(&self.engine).at(now).create_map(tag) {
            Ok(map) => Ok(Ok(map)),
            Err(MapError::NoBouncePages { .. }) => Ok(Err(Refusal::PoolNotFilled)),
            Err(error) => Err(error.into()),
        }
    }

    fn alloc_memory(&mut self, tag: TagId, flags: MemFlags) -> Answered<MapId, LocalError> {
        let now = self.now;
        let allocation = match lock(&self.engine).at(now).alloc_mem(tag, flags) {
            Ok(allocation) => allocation,
            Err(MemError::NoMemory { .. }) => return Ok(Err(Refusal::NoMemory)),
            Err(error) => return Err(error.into()),
        };
        let range = VirtRange { start: allocation.region.vaddr, len: allocation.request.size };
        self.memory.insert(allocation.map, range);
        self.first_bytes.insert(allocation.map, (allocation.region.paddr, range.len.raw()));
        Ok(Ok(allocation.map))
    }

    fn load_memory(&mut self, map: MapId, wait: WaitPolicy) -> Answered<Loaded, LocalError> {
        let Some(&range) = self.memory.get(&map) else { return Err(LocalError::NoMemory { map }) };
        let now = self.now;
        let outcome = lock(&self.engine).at(now).load(map, &MemDesc::Buffer(range), wait).map(loaded);
        self.answer(map, outcome)
    }

    fn load(&mut self, map: MapId, request: &Request, wait: WaitPolicy) -> Answered<Loaded, LocalError> {
        let now = self.now;
        if let Some(first) = request.client_bytes().first() {
            self.first_bytes.insert(map, (first.start, first.len.raw()));
        }
        let mut engine = lock(&self.engine);
        engine.platform_mut().map_request(request);
        let outcome = engine.at(now).load(map, &request.desc(), wait).map(loaded);
        drop(engine);
        self.answer(map, outcome)
    }

    fn collect(&mut self, map: MapId) -> Result<Option<Ended>, LocalError> {
        if !self.ended.contains_key(&map) {
            self.drain()?;
        }
        Ok(self.ended.remove(&map))
    }

    fn carry_out(&mut self, map: MapId, steps: &[Step]) -> Result<Copied, LocalError> {
        let now = self.now;
        let mut copied = Copied::default();
        let mut engine = lock(&self.engine);
        for step in steps {
            let segment = engine.map(map).and_then(|map| map.segments().first().copied());
            let segment = segment.map(|segment| (segment.addr.raw(), touched(segment.len.raw())));
            match *step {
                Step::Sync(ops) => {
                    let report = engine.at(now).sync(map, ops)?;
                    copied.pages += u64::from(report.pages.raw());
                    copied.bytes += report.bytes.raw();
                }
                Step::Unload => {
                    engine.at(now).unload(map)?;
                }
                Step::Fill { seed } => {
                    if let Some(&(start, len)) = self.first_bytes.get(&map) {
                        engine.platform_mut().write(start.raw(), &pattern(seed)[..touched(len)]);
                    }
                }
                Step::DeviceWrite { seed } => {
                    if let Some((addr, len)) = segment {
                        engine.platform_mut().write(addr, &pattern(seed)[..len]);
                    }
                }
                Step::DeviceRead => {
                    if let Some((addr, len)) = segment {
                        engine.platform().read(addr, len as u64);
                    }
                }
            }
        }
        Ok(copied)
    }
}

/// Collects what the driver is told of deferred loads.
struct Ends(Vec<(MapId, Result<(), LoadError>)>);

impl DeferredClient for Ends {
    fn lock(&mut self, _: TagId) {}

    fn callback(&mut self, completion: &Completion<'_>) {
        self.0.push((completion.map, completion.result.map(drop)));
    }

    fn unlock(&mut self, _: TagId) {}
}

fn loaded(outcome: LoadOutcome<'_>) -> Loaded {
    match outcome {
        LoadOutcome::Loaded(_) | LoadOutcome::NoData => Loaded::Now,
        LoadOutcome::Deferred => Loaded::Later,
    }
}

fn load_refusal(error: LoadError) -> Result<Refusal, LocalError> {
    match error {
        LoadError::NoBouncePages { .. } => Ok(Refusal::NoBouncePages),
        LoadError::TooManySegments { .. } => Ok(Refusal::TooManySegments),
        error => Err(error.into()),
    }
}

fn touched(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX).min(TOUCHED_BYTES)
}

fn lock<O>(engine: &SharedEngine<O>) -> MutexGuard<'_, Engine<Machine, O>> {
    engine.lock().unwrap_or_else(PoisonError::into_inner)
}
