//! An engine inside this process.

use super::Seen;
use super::host::{Answered, Copied, Ended, Host, Loaded, Refusal, Step, TOUCHED_BYTES, pattern};
use anyhow::bail;
use busdma_api::Hex;
use busdma_api::monitor::ZoneInfo;
use busdma_engine::constraints::TagTemplate;
use busdma_engine::memdesc::{MemDesc, VirtRange};
use busdma_engine::{
    Completion, Decision, DeferredClient, Engine, Hazard, LoadError, LoadOutcome, MapError, MapId, MemError, MemFlags,
    Nanos, Observer, PhysAddr, Profile, TagId, WaitPolicy, ZoneStats,
};
use busdma_sim::machine::{Machine, MachineSpec};
use busdma_sim::request::Request;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

type SharedEngine = Arc<Mutex<Engine<Machine, Hazards>>>;

/// Counts what is found wrong.
#[derive(Clone, Debug, Default)]
pub(super) struct Hazards(BTreeMap<&'static str, u64>);

impl Observer for Hazards {
    fn decision(&mut self, _: Nanos, _: &Decision) {}

    fn hazard(&mut self, _: Nanos, hazard: &Hazard) {
        *self.0.entry(hazard.kind().name()).or_default() += 1;
    }
}

/// A client's machine.
#[derive(Debug)]
pub(super) struct LocalHost {
    engine: SharedEngine,
    started: Instant,
    /// Where the CPU finds the first byte of what a map was last loaded with, and how many bytes lie there.
    first_bytes: HashMap<MapId, (PhysAddr, u64)>,
    memory: HashMap<MapId, VirtRange>,
    deferred_at: HashMap<MapId, Nanos>,
    ended: HashMap<MapId, Ended>,
}

impl LocalHost {
    /// An empty machine.
    pub(super) fn new(spec: MachineSpec) -> Self {
        let (limits, switches) = (spec.limits(), Profile::default().switches());
        let engine = Engine::with_observer(Machine::new(spec), Hazards::default(), limits, switches);
        Self {
            engine: Arc::new(Mutex::new(engine)),
            started: Instant::now(),
            first_bytes: HashMap::new(),
            memory: HashMap::new(),
            deferred_at: HashMap::new(),
            ended: HashMap::new(),
        }
    }

    /// The engine, for who wants to look at its zones.
    pub(super) fn engine(&self) -> SharedEngine {
        Arc::clone(&self.engine)
    }

    fn now(&self) -> Nanos {
        Nanos::new(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// Keeps the ends of deferred loads that have come.
    fn drain(&mut self) -> anyhow::Result<()> {
        let now = self.now();
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

    fn answer(&mut self, map: MapId, outcome: Result<Loaded, LoadError>) -> Answered<Loaded> {
        if outcome == Ok(Loaded::Later) {
            self.deferred_at.insert(map, self.now());
        }
        match outcome {
            Ok(loaded) => Ok(Ok(loaded)),
            Err(error) => Ok(Err(load_refusal(error)?)),
        }
    }
}

impl Host for LocalHost {
    type Tag = TagId;
    type Map = MapId;

    fn create_tag(&mut self, parent: Option<TagId>, template: &TagTemplate) -> anyhow::Result<TagId> {
        let now = self.now();
        Ok(lock(&self.engine).at(now).create_tag(parent, template)?)
    }

    fn create_map(&mut self, tag: TagId) -> Answered<MapId> {
        let now = self.now();
        match lock(&self.engine).at(now).create_map(tag) {
            Ok(map) => Ok(Ok(map)),
            Err(MapError::NoBouncePages { .. }) => Ok(Err(Refusal::PoolNotFilled)),
            Err(error) => Err(error.into()),
        }
    }

    fn alloc_memory(&mut self, tag: TagId, flags: MemFlags) -> Answered<MapId> {
        let now = self.now();
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

    fn load_memory(&mut self, map: MapId, wait: WaitPolicy) -> Answered<Loaded> {
        let Some(&range) = self.memory.get(&map) else { bail!("map {map} came with no memory") };
        let now = self.now();
        let outcome = lock(&self.engine).at(now).load(map, &MemDesc::Buffer(range), wait).map(loaded);
        self.answer(map, outcome)
    }

    fn load(&mut self, map: MapId, request: &Request, wait: WaitPolicy) -> Answered<Loaded> {
        let now = self.now();
        if let Some(first) = request.client_bytes().first() {
            self.first_bytes.insert(map, (first.start, first.len.raw()));
        }
        let mut engine = lock(&self.engine);
        engine.platform_mut().map_request(request);
        let outcome = engine.at(now).load(map, &request.desc(), wait).map(loaded);
        drop(engine);
        self.answer(map, outcome)
    }

    fn collect(&mut self, map: MapId) -> anyhow::Result<Option<Ended>> {
        if !self.ended.contains_key(&map) {
            self.drain()?;
        }
        Ok(self.ended.remove(&map))
    }

    fn carry_out(&mut self, map: MapId, steps: &[Step]) -> anyhow::Result<Copied> {
        let now = self.now();
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

/// The machines' zones and what was found wrong on them.
pub(super) fn look(engines: &[SharedEngine]) -> Seen {
    let mut seen = Seen::default();
    for (engine, nth) in engines.iter().zip(1..) {
        let engine = lock(engine);
        let zones = engine.zones().map(|zone| zone_info(&engine, zone)).collect();
        seen.pools.push((format!("local{nth}"), zones));
        for (&kind, count) in &engine.observer().0 {
            *seen.findings.entry(kind.to_owned()).or_default() += count;
        }
    }
    seen
}

fn zone_info(engine: &Engine<Machine, Hazards>, zone: &ZoneStats) -> ZoneInfo {
    let zone_of = |map: MapId| engine.tag(engine.map(map)?.tag())?.zone();
    let waiters = engine.waiters().filter(|&map| zone_of(map) == Some(zone.zone)).count();
    ZoneInfo {
        zone: u32::try_from(zone.zone.index()).unwrap_or(u32::MAX),
        lowaddr: Hex(zone.lowaddr.raw()),
        alignment: zone.alignment.bytes(),
        total_bpages: zone.total_bpages().raw(),
        free_bpages: zone.free_bpages().raw(),
        reserved_bpages: zone.reserved_bpages().raw(),
        active_bpages: zone.active_bpages().raw(),
        active_bpages_max: zone.active_bpages_max().raw(),
        total_bounced: zone.total_bounced,
        total_deferred: zone.total_deferred,
        total_deferred_time: zone.deferred_ns / 1000,
        map_count: zone.map_count,
        waiters: u32::try_from(waiters).unwrap_or(u32::MAX),
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

fn load_refusal(error: LoadError) -> anyhow::Result<Refusal> {
    match error {
        LoadError::NoBouncePages { .. } => Ok(Refusal::NoBouncePages),
        LoadError::TooManySegments { .. } => Ok(Refusal::TooManySegments),
        error => Err(error.into()),
    }
}

fn touched(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX).min(TOUCHED_BYTES)
}

fn lock(engine: &SharedEngine) -> MutexGuard<'_, Engine<Machine, Hazards>> {
    engine.lock().unwrap_or_else(PoisonError::into_inner)
}
