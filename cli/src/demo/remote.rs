//! The daemon, on private machines of one session.

use super::Seen;
use super::wire::{self, ARENA_BYTES, Arena};
use crate::daemon::{Daemon, DaemonError, InWords, by_name};
use anyhow::bail;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use busdma_api::engine::{
    AllocMem, Buffer, CreateMachine, CreateMap, CreateTag, DescribeMemory, DeviceRead, DeviceWrite, EngineError, Join,
    Layout, Load, LoadReply, Operation, OperationResult, Outcome, RegisterMemory, Scattered, Session, Submit, Sync,
    Unload, Wait, WriteMemory,
};
use busdma_api::monitor::{Findings, Snapshot};
use busdma_api::{Hex, MachineId, MapRef, MemoryRef, TagRef};
use busdma_engine::constraints::TagTemplate;
use busdma_engine::{MemFlags, Nanos, PAGE_SIZE, WaitPolicy};
use busdma_sim::driver::{Copied, Ended, Host, Loaded, Refusal, Step, TOUCHED_BYTES, pattern};
use busdma_sim::machine::MachineSpec;
use busdma_sim::request::Request;
use std::collections::{BTreeMap, HashMap};

/// The connection that looks on. Its session owns the machines, and the clients' connections join it.
#[derive(Debug)]
pub(super) struct Watcher {
    daemon: Daemon,
    token: String,
    machines: Vec<MachineId>,
}

impl Watcher {
    pub(super) fn new(mut daemon: Daemon) -> anyhow::Result<Self> {
        let token = daemon.call(&Session {})?.token;
        Ok(Self { daemon, token, machines: Vec::new() })
    }

    /// A client with a machine of its own.
    pub(super) fn host(&mut self, spec: &MachineSpec) -> anyhow::Result<RemoteHost> {
        let mut daemon = self.daemon.connect_again()?;
        daemon.call(&Join { token: self.token.clone() })?;
        let machine = CreateMachine {
            profile: None,
            memory_bytes: Some(spec.maxmem),
            max_bpages: Some(spec.max_bpages),
            bounce: Some(busdma_api::engine::BounceModel {
                base: Hex(spec.bounce_base),
                stride: spec.bounce_stride,
                frames: spec.bounce_frames,
            }),
        };
        let machine = daemon.call(&machine)?.machine;
        self.machines.push(machine);
        Ok(RemoteHost { daemon, machine, arenas: HashMap::new(), memory: HashMap::new(), loaded: HashMap::new() })
    }

    /// The machines' zones and what was found wrong on them.
    pub(super) fn look(&mut self) -> anyhow::Result<Seen> {
        let snapshot = self.daemon.call(&Snapshot { machine: None, limit: Some(0) })?;
        let ours = |machine: MachineId| self.machines.contains(&machine);
        let pools = snapshot.machines.into_iter().filter(|machine| ours(machine.machine));
        let pools = pools.map(|machine| (machine.machine.to_string(), machine.zones)).collect();
        let mut seen = Seen { pools, findings: BTreeMap::new() };
        for finding in self.daemon.call(&Findings::default())?.findings {
            if finding.machine.is_some_and(|machine| self.machines.contains(&machine)) {
                *seen.findings.entry(finding.kind).or_default() += finding.count;
            }
        }
        Ok(seen)
    }
}

/// A client's connection and machine.
#[derive(Debug)]
pub(super) struct RemoteHost {
    daemon: Daemon,
    machine: MachineId,
    /// The memory that each map's requests come from.
    arenas: HashMap<MapRef, Arena>,
    /// The memory that maps came with, and its bytes.
    memory: HashMap<MapRef, (MemoryRef, u64)>,
    loaded: HashMap<MapRef, Mapping>,
}

/// Where CPU and device find the first bytes of a mapping.
#[derive(Clone, Copy, Debug)]
struct Mapping {
    memory: MemoryRef,
    offset: u64,
    /// Of the request; the CPU touches no more.
    bytes: u64,
    /// Of the first segment; the device touches no more.
    segment_bytes: u64,
}

impl RemoteHost {
    /// The map's memory, made when it is first needed; scattered, so that some of it must be bounced.
    fn arena(&mut self, map: MapRef) -> anyhow::Result<&Arena> {
        if !self.arenas.contains_key(&map) {
            let scattered = Layout::Scattered(Scattered { seed: Some(map.number.into()) });
            let register = RegisterMemory {
                machine: Some(self.machine),
                length: ARENA_BYTES,
                layout: Some(scattered),
                ..RegisterMemory::default()
            };
            let memory = match &self.submit(vec![Operation::RegisterMemory(Box::new(register))])?[..] {
                [OperationResult::RegisterMemory(reply)] => reply.memory,
                other => bail!("busdmad answers RegisterMemory with {other:?}"),
            };
            let runs = self.daemon.call(&DescribeMemory { memory })?.runs;
            let pages = |run: &busdma_api::engine::PhysRun| {
                let start = run.paddr.0;
                (0..run.length / PAGE_SIZE).map(move |page| Hex(start + page * PAGE_SIZE))
            };
            let pages = runs.iter().flat_map(pages).collect();
            self.arenas.insert(map, Arena { memory, pages });
        }
        Ok(&self.arenas[&map])
    }

    fn submit(&mut self, operations: Vec<Operation>) -> anyhow::Result<Vec<OperationResult>> {
        let results = self.daemon.call(&Submit { operations, on_error: None })?.results;
        if let Some(OperationResult::Failed(failure)) = results.last() {
            return Err(refused(&by_name(failure)));
        }
        Ok(results)
    }

    fn send(&mut self, load: &Load, memory: MemoryRef, offset: u64, bytes: u64) -> Answered<Loaded> {
        let reply = match self.daemon.ask(load)? {
            Ok(reply) => reply,
            Err(error) => return Ok(Err(refusal(&error)?)),
        };
        self.loaded.insert(load.map, Mapping { memory, offset, bytes, segment_bytes: first_segment(&reply) });
        Ok(Ok(if reply.outcome == Outcome::Deferred { Loaded::Later } else { Loaded::Now }))
    }

    fn operation(&self, map: MapRef, step: Step) -> Option<Operation> {
        let mapping = self.loaded.get(&map)?;
        let segment_bytes = mapping.segment_bytes.min(TOUCHED_BYTES as u64);
        Some(match step {
            Step::Sync(ops) => Operation::Sync(Sync { map, ops: wire::sync_ops(ops), detail: None }),
            Step::Unload => Operation::Unload(Unload { map }),
            Step::Fill { seed } => {
                let data = encoded(seed, mapping.bytes);
                Operation::WriteMemory(WriteMemory { memory: mapping.memory, offset: Some(mapping.offset), data })
            }
            Step::DeviceWrite { .. } | Step::DeviceRead if segment_bytes == 0 => return None,
            Step::DeviceWrite { seed } => {
                let data = encoded(seed, segment_bytes);
                Operation::DeviceWrite(DeviceWrite { map, segment: 0, offset: None, data })
            }
            Step::DeviceRead => {
                Operation::DeviceRead(DeviceRead { map, segment: 0, offset: None, length: Some(segment_bytes) })
            }
        })
    }
}

impl Host for RemoteHost {
    type Tag = TagRef;
    type Map = MapRef;
    type Error = anyhow::Error;

    /// The daemon has a clock.
    fn at(&mut self, _: Nanos) {}

    fn create_tag(&mut self, parent: Option<TagRef>, template: &TagTemplate) -> anyhow::Result<TagRef> {
        let machine = parent.is_none().then_some(self.machine);
        let call = CreateTag { machine, parent, preset: None, template: Some(wire::template(template)) };
        Ok(self.daemon.call(&call)?.tag)
    }

    fn create_map(&mut self, tag: TagRef) -> Answered<MapRef> {
        match self.daemon.ask(&CreateMap { tag })? {
            Ok(reply) => Ok(Ok(reply.map)),
            Err(error) => Ok(Err(refusal(&error)?)),
        }
    }

    fn alloc_memory(&mut self, tag: TagRef, flags: MemFlags) -> Answered<MapRef> {
        match self.daemon.ask(&AllocMem { tag, flags: Some(wire::mem_flags(flags)) })? {
            Ok(reply) => {
                self.memory.insert(reply.map, (reply.memory, reply.length));
                Ok(Ok(reply.map))
            }
            Err(error) => Ok(Err(refusal(&error)?)),
        }
    }

    fn load_memory(&mut self, map: MapRef, wait: WaitPolicy) -> Answered<Loaded> {
        let Some(&(memory, length)) = self.memory.get(&map) else { bail!("map {map} came with no memory") };
        let request = busdma_api::engine::Request::Buffer(Buffer { memory, offset: None, length });
        self.send(&Load { map, request, wait: Some(wire::wait(wait)) }, memory, 0, length)
    }

    fn load(&mut self, map: MapRef, request: &Request, wait: WaitPolicy) -> Answered<Loaded> {
        let arena = self.arena(map)?;
        let memory = arena.memory;
        let translated = wire::request(request, arena)?;
        let load = Load { map, request: translated.request, wait: Some(wire::wait(wait)) };
        self.send(&load, memory, translated.offset, translated.bytes)
    }

    fn collect(&mut self, map: MapRef) -> anyhow::Result<Option<Ended>> {
        match self.daemon.ask(&Wait { map: Some(map), timeout_ms: Some(0) })? {
            Ok(reply) => {
                if let Some(mapping) = self.loaded.get_mut(&map) {
                    mapping.segment_bytes = first_segment(&reply.load);
                }
                Ok(Some(Ended { result: Ok(()), waited_ns: reply.waited_ns }))
            }
            Err(EngineError::TimedOut { .. }) => Ok(None),
            Err(EngineError::DeferredFailed { error, waited_ns, .. })
                if error == "org.busdma.Engine.TooManySegments" =>
            {
                Ok(Some(Ended { result: Err(Refusal::TooManySegments), waited_ns }))
            }
            Err(error) => Err(refused(&error.in_words())),
        }
    }

    fn carry_out(&mut self, map: MapRef, steps: &[Step]) -> anyhow::Result<Copied> {
        let operations: Vec<_> = steps.iter().filter_map(|&step| self.operation(map, step)).collect();
        let mut copied = Copied::default();
        for result in self.submit(operations)? {
            if let OperationResult::Sync(reply) = result {
                copied.pages += u64::from(reply.pages);
                copied.bytes += reply.bytes;
            }
        }
        Ok(copied)
    }
}

/// An answer that a driver has to expect, or a failure that ends the demonstration.
type Answered<T> = busdma_sim::driver::Answered<T, anyhow::Error>;

/// An error that a driver has to expect; any other ends the demonstration.
fn refusal(error: &EngineError) -> anyhow::Result<Refusal> {
    match error {
        EngineError::NoBouncePages { .. } => Ok(Refusal::NoBouncePages),
        EngineError::PoolNotFilled { .. } => Ok(Refusal::PoolNotFilled),
        EngineError::NoMemory { .. } => Ok(Refusal::NoMemory),
        EngineError::TooManySegments { .. } => Ok(Refusal::TooManySegments),
        other => Err(refused(&other.in_words())),
    }
}

fn refused(words: &str) -> anyhow::Error {
    DaemonError::Refused { words: format!("busdmad refuses a step of the demonstration: {words}") }.into()
}

fn first_segment(reply: &LoadReply) -> u64 {
    reply.segments.first().map_or(0, |segment| segment.length)
}

fn encoded(seed: u32, bytes: u64) -> String {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(TOUCHED_BYTES);
    STANDARD.encode(&pattern(seed)[..bytes])
}
