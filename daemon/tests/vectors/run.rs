//! A scenario, carried out by a daemon and compared answer by answer.

use crate::memory::{Dmamem, Memory, Plan};
use crate::reason::{Reach, Reason, left_out, makes_ready};
use crate::scenario::{Scenario, Step};
use crate::verdict::{Difference, Refused, Seen, Verdict};
use busdma_api::client::{CallError, Client};
use busdma_api::engine as api;
use busdma_api::engine::{
    AllocMem, BounceModel, CreateMachine, CreateMap, CreateTag, DestroyMachine, DestroyMap, DestroyTag, EngineError,
    FreeMem, Unload,
};
use busdma_api::monitor::{Snapshot, ZoneInfo};
use busdma_api::{Hex, MachineId, MapRef, MemoryRef, Method, TagRef};
use busdma_engine::{AddressSpace, PhysAddr, VirtAddr};
use busdma_trace::TraceMachine;
use busdma_trace::format::{
    self, AllocatorName, Flag, FreedWord, Input, MapCounters, MapWord, Output, Ret, SyncOp, Zone,
};
use busdma_trace::request::Request;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// A scenario that is being carried out.
pub(crate) struct Run<'c, 's> {
    pub(crate) client: &'c mut Client,
    pub(crate) machine: MachineId,
    pub(crate) tags: BTreeMap<&'s str, (TagRef, Reach)>,
    pub(crate) maps: BTreeMap<&'s str, Map>,
    dmamem: BTreeMap<&'s str, MemoryRef>,
    pub(crate) memory: Memory,
    /// FreeBSD's page tables.
    pub(crate) tables: TraceMachine,
    zones: Vec<Zone>,
    waiting: Vec<String>,
    seq: u64,
    differences: Vec<Difference>,
    pub(crate) seen: Seen,
}

/// A map and what it was last used for.
#[expect(clippy::struct_field_names, reason = "the interface calls it that")]
pub(crate) struct Map {
    pub(crate) map: MapRef,
    pub(crate) request: Request,
    /// FreeBSD's segments while it is loaded: addresses and lengths.
    pub(crate) segments: Vec<(u64, u64)>,
    /// How many bounce pages FreeBSD has on it, where its last load says.
    pub(crate) bounce_pages: Option<u32>,
    /// What its bounce pages hold, as far as a sync has told: addresses and lengths.
    pub(crate) bounced: Vec<(u64, u64)>,
}

/// Whether a scenario goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flow {
    GoesOn,
    /// FreeBSD's kernel stopped.
    Ended,
    /// The rest cannot be compared.
    LeftOut(Reason),
}

/// Puts a daemon through a scenario.
pub(crate) fn carry_out(client: &mut Client, scenario: &Scenario) -> (Verdict, Vec<Difference>) {
    let steps = scenario.steps();
    let plan = Plan::of(&steps);
    if let Some(reason) = left_out(scenario, &steps, &plan) {
        return (Verdict::LeftOut(reason), Vec::new());
    }
    let mut run = Run::start(client, scenario, plan);
    let mut flow = Flow::GoesOn;
    for step in &steps {
        flow = run.step(step);
        if flow != Flow::GoesOn {
            break;
        }
    }
    if flow == Flow::GoesOn {
        run.expect_no_end();
    }
    run.end(flow);
    let Run { seen, differences, .. } = run;
    match flow {
        Flow::LeftOut(reason) => (Verdict::LeftOut(reason), differences),
        Flow::GoesOn | Flow::Ended => (Verdict::Ran(seen), differences),
    }
}

impl<'c, 's> Run<'c, 's> {
    fn start(client: &'c mut Client, scenario: &Scenario, plan: Plan) -> Self {
        let model = &scenario.model;
        let create = CreateMachine {
            profile: Some(scenario.profile.name().to_owned()),
            memory_bytes: Some(model.maxmem.0),
            max_bpages: Some(model.max_bpages),
            bounce: Some(BounceModel {
                base: Hex(model.bounce.base.0),
                stride: model.bounce.stride,
                frames: model.bounce.frames,
            }),
        };
        let machine = client.call(&create).unwrap().machine;
        let memory = plan.register(client, machine, model.maxmem.0 - crate::memory::PAGE);
        Self {
            client,
            machine,
            tags: BTreeMap::new(),
            maps: BTreeMap::new(),
            dmamem: BTreeMap::new(),
            memory,
            tables: TraceMachine::new(model).unwrap(),
            zones: Vec::new(),
            waiting: Vec::new(),
            seq: 0,
            differences: Vec::new(),
            seen: Seen::default(),
        }
    }

    fn step(&mut self, step: &Step<'s>) -> Flow {
        self.seq = step.seq;
        self.seen.operations += 1;
        let output = &step.output;
        let flow = match &step.input {
            Input::TagCreate(input) => self.create_tag(input, output),
            Input::TagDestroy(input) => self.destroy_tag(input.tag.as_str(), output),
            Input::MapCreate(input) => self.create_map(input, output),
            Input::MapDestroy(input) => self.destroy_map(input.map.as_str(), output),
            Input::Load(input) => self.load(input, output),
            Input::RunDeferred(_) => self.run_deferred(output),
            Input::Sync(input) => self.sync(input, output),
            Input::Unload(input) => self.unload(input.map.as_str(), output),
            Input::DmamemAlloc(input) => self.alloc_mem(input, output),
            Input::DmamemFree(input) => self.free_mem(input.dmamem.as_str(), output),
            Input::Fill(input) => self.fill(input, output),
            Input::DeviceWrite(input) => self.device_write(input, output),
            Input::DeviceRead(input) => self.device_read(input.map.as_str(), output),
            Input::Cancel(_) => panic!("FreeBSD does not cancel"),
        };
        if flow == Flow::GoesOn {
            self.compare_machine(step);
        }
        flow
    }

    /// Notes a difference.
    pub(crate) fn check<T: PartialEq + Debug>(&mut self, field: &'static str, expected: &T, got: &T) {
        if expected != got {
            self.differences.push(Difference::new(self.seq, field, expected, got));
        }
    }

    /// Calls, and compares what is returned; the reply, when neither side refuses.
    fn call<M: Method<Error = EngineError>>(&mut self, call: &M, output: &Output<'_>) -> Result<M::Reply, Flow> {
        let result = self.client.call(call);
        self.returned(result, output)
    }

    /// Compares what a call returned.
    pub(crate) fn returned<R>(
        &mut self,
        result: Result<R, CallError<EngineError>>,
        output: &Output<'_>,
    ) -> Result<R, Flow> {
        let (expected, flow) = match output {
            Output::Panic(panicked) => (Some(Refused::Panic { assert: panicked.assert }), Flow::Ended),
            output => (output.ret().filter(|&ret| ret != Ret::Ok).map(Refused::Errno), Flow::GoesOn),
        };
        let (reply, got) = match result {
            Ok(reply) => (Some(reply), None),
            Err(error) => (None, Some(Refused::from(error))),
        };
        self.check("ret", &expected, &got);
        reply.filter(|_| expected.is_none()).ok_or(flow)
    }

    fn create_tag(&mut self, input: &format::CreateTag<'s>, output: &Output<'_>) -> Flow {
        let parent = input.parent.as_ref().map(|parent| self.tags[parent.as_str()]);
        let call = CreateTag {
            machine: Some(self.machine),
            parent: parent.map(|(tag, _)| tag),
            preset: None,
            template: Some(template(input)),
        };
        let reply = match self.call(&call, output) {
            Ok(reply) => reply,
            Err(flow) => return flow,
        };
        let Output::TagCreate(output) = output else { panic!("another output") };
        self.check("alignment", &output.alignment, &Some(reply.alignment));
        self.check("boundary", &output.boundary.map(|boundary| boundary.0), &Some(reply.boundary.0));
        self.check("lowaddr", &output.lowaddr.map(|addr| addr.0), &Some(reply.lowaddr.0));
        self.check("highaddr", &output.highaddr.map(|addr| addr.0), &Some(reply.highaddr.0));
        self.check("maxsegsz", &output.maxsegsz, &Some(reply.maxsegsz));
        self.check("could_bounce", &output.could_bounce, &Some(reply.could_bounce));
        let chained = output.chain_parent.value().map(|tag| self.tags[tag.as_str()].0);
        self.check("chain_parent", &chained, &reply.chain_parent);
        self.check("zone", &output.zone.value().copied(), &reply.zone.map(|zone| zone as usize));
        let reach = Reach::of(input, output, parent.map(|(_, reach)| reach));
        let Some(name) = borrowed(&input.tag) else { panic!("a name with escapes") };
        self.tags.insert(name, (reply.tag, reach));
        Flow::GoesOn
    }

    fn destroy_tag(&mut self, tag: &str, output: &Output<'_>) -> Flow {
        let reply = match self.call(&DestroyTag { tag: self.tags[tag].0 }, output) {
            Ok(reply) => reply,
            Err(flow) => return flow,
        };
        let Output::TagDestroy(output) = output else { panic!("another output") };
        let freed: Vec<_> = output.freed.iter().map(|tag| self.tags[tag.as_str()].0).collect();
        self.check("freed", &freed, &reply.freed);
        Flow::GoesOn
    }

    fn create_map(&mut self, input: &format::CreateMap<'s>, output: &Output<'_>) -> Flow {
        let reply = match self.call(&CreateMap { tag: self.tags[input.tag.as_str()].0 }, output) {
            Ok(reply) => reply,
            Err(flow) => return flow,
        };
        let Output::MapCreate(output) = output else { panic!("another output") };
        let form = match reply.form {
            api::MapForm::Null => MapWord::Null,
            api::MapForm::Real => MapWord::Real,
        };
        self.check("map", &output.map, &Some(form));
        self.add_map(&input.map, reply.map);
        Flow::GoesOn
    }

    fn add_map(&mut self, name: &format::Name<'s>, map: MapRef) {
        let Some(name) = borrowed(name) else { panic!("a name with escapes") };
        let map =
            Map { map, request: Request::default(), segments: Vec::new(), bounce_pages: None, bounced: Vec::new() };
        self.maps.insert(name, map);
    }

    fn destroy_map(&mut self, map: &str, output: &Output<'_>) -> Flow {
        match self.call(&DestroyMap { map: self.maps[map].map }, output) {
            Ok(_) => Flow::GoesOn,
            Err(flow) => flow,
        }
    }

    fn unload(&mut self, name: &str, output: &Output<'_>) -> Flow {
        let map = self.map(name);
        map.segments.clear();
        map.bounced.clear();
        let (call, held) = (Unload { map: map.map }, map.bounce_pages.take());
        let reply = match self.call(&call, output) {
            Ok(reply) => reply,
            Err(flow) => return flow,
        };
        let Output::Unload(output) = output else { panic!("another output") };
        self.check("swi", &output.swi, &(reply.woken > 0));
        match (output.map_state, held) {
            (None, _) => {}
            (Some(MapCounters { bpages, .. }), Some(held)) => {
                self.check("released", &(held - bpages), &reply.released);
                self.seen.map_states += 1;
            }
            (Some(_), None) => self.seen.map_states_unseen += 1,
        }
        Flow::GoesOn
    }

    fn alloc_mem(&mut self, input: &format::AllocMem<'s>, output: &Output<'_>) -> Flow {
        let tag = self.tags[input.tag.as_str()].0;
        let result = self.client.call_with(&AllocMem { tag, flags: Some(mem_flags(input)) }, &[]);
        let Output::DmamemAlloc(expected) = output else { panic!("another output") };
        let (reply, files) = match self.returned(result, output) {
            Ok(reply) => reply,
            Err(flow) => return flow,
        };
        self.check("alloc.size", &expected.alloc.size, &reply.length);
        self.check("fd", &Some(0), &reply.fd.filter(|_| files.len() == 1));
        if expected.misaligned_warning && reply.aligned && expected.alloc.class == AllocatorName::Malloc {
            return Flow::LeftOut(Reason::MallocMisaligned);
        }
        self.check("misaligned_warning", &expected.misaligned_warning, &!reply.aligned);
        let (vaddr, paddr) = (expected.vaddr.unwrap().0, expected.paddr.unwrap().0);
        let pages: Vec<_> = expected.pages.iter().flatten().map(|page| page.0).collect();
        let mapped = pages.iter().map(|&page| PhysAddr::new(page));
        self.tables.map_range(AddressSpace::Kernel, VirtAddr::new(vaddr), mapped);
        let dmamem = Dmamem { memory: reply.memory, vaddr, paddr, len: reply.length, pages, runs: reply.runs };
        self.memory.allocated(dmamem);
        let Some(name) = borrowed(&input.dmamem) else { panic!("a name with escapes") };
        self.dmamem.insert(name, reply.memory);
        self.add_map(&input.map, reply.map);
        if !input.flags.contains(Flag::Zero) {
            self.write_fresh(reply.memory, reply.length);
        }
        Flow::GoesOn
    }

    fn free_mem(&mut self, name: &str, output: &Output<'_>) -> Flow {
        let memory = self.dmamem[name];
        let reply = match self.call(&FreeMem { memory }, output) {
            Ok(reply) => reply,
            Err(flow) => return flow,
        };
        let Output::DmamemFree(output) = output else { panic!("another output") };
        let freed = match reply.freed {
            api::Freed::Malloc => FreedWord::Malloc,
            api::Freed::Pages => FreedWord::Kmem,
        };
        self.check("freed", &output.freed, &Some(freed));
        self.memory.freed(memory);
        Flow::GoesOn
    }

    /// Compares zones and waiters. Behind an operation that makes a load ready the daemon has taken it up already: what comes
    /// next takes it up, and is compared.
    fn compare_machine(&mut self, step: &Step<'_>) {
        let ready = makes_ready(step, &self.waiting);
        if let Some(zones) = step.zones() {
            self.zones = zones.to_vec();
        }
        if let Some(waiting) = step.waiting() {
            self.waiting = waiting.into_iter().map(str::to_owned).collect();
        }
        let touches_bytes = matches!(step.input, Input::Fill(_) | Input::DeviceWrite(_) | Input::DeviceRead(_));
        if touches_bytes || (ready && !matches!(step.input, Input::RunDeferred(_))) {
            return;
        }
        let reply = self.client.call(&Snapshot { machine: Some(self.machine), limit: Some(u32::MAX) }).unwrap();
        let [snapshot] = <[_; 1]>::try_from(reply.machines).unwrap();
        let (zones, waiting) = (std::mem::take(&mut self.zones), std::mem::take(&mut self.waiting));
        self.check("zones", &zones, &snapshot.zones.iter().map(zone).collect());
        let name =
            |map: MapRef| self.maps.iter().find(|(_, known)| known.map == map).map(|(name, _)| (*name).to_owned());
        let names: Vec<_> = snapshot.waiters.iter().filter_map(|waiter| name(waiter.map)).collect();
        self.check("waiting", &waiting, &names);
        self.check("waiters_total", &waiting.len(), &(snapshot.waiters_total as usize));
        (self.zones, self.waiting) = (zones, waiting);
    }

    /// Destroys the machine: whoever still waits is told.
    fn end(&mut self, flow: Flow) {
        self.client.call(&DestroyMachine { machine: self.machine }).unwrap();
        let mut cancelled = Vec::new();
        while let Some(map) = self.next_cancelled() {
            cancelled.push(self.name_of(map));
        }
        if flow == Flow::GoesOn {
            let waiting = self.waiting.iter().cloned().map(Some).collect();
            self.check("cancelled", &waiting, &cancelled);
        }
    }

    fn name_of(&self, map: MapRef) -> Option<String> {
        self.maps.iter().find(|(_, known)| known.map == map).map(|(name, _)| (*name).to_owned())
    }

    pub(crate) fn map(&mut self, name: &str) -> &mut Map {
        self.maps.get_mut(name).unwrap()
    }

    /// Compares the counters of a map.
    pub(crate) fn compare_map(&mut self, expected: Option<MapCounters>, reply: &api::LoadReply) {
        if let Some(expected) = expected {
            let got = MapCounters {
                pagesneeded: reply.pages_needed.unwrap_or(0),
                pagesreserved: reply.pages_reserved.unwrap_or(0),
                bpages: reply.bounce_pages,
            };
            self.check("map_state", &expected, &got);
            self.seen.map_states += 1;
        }
    }
}

/// A name as it stands in the line.
fn borrowed<'s>(name: &format::Name<'s>) -> Option<&'s str> {
    match name.0 {
        std::borrow::Cow::Borrowed(name) => Some(name),
        std::borrow::Cow::Owned(_) => None,
    }
}

fn template(input: &format::CreateTag<'_>) -> api::Template {
    let flag = |flag| match flag {
        Flag::AllocNow => Some(api::TagFlag::AllocNow),
        Flag::Coherent => Some(api::TagFlag::Coherent),
        Flag::KeepPageOffset => Some(api::TagFlag::KeepPageOffset),
        Flag::WaitOk | Flag::NoWait | Flag::Zero | Flag::NoCache => None,
    };
    let deny = |filter: &format::Filter| {
        let range =
            |&(first, last): &(format::Hex, format::Hex)| api::AddressRange { first: Hex(first.0), last: Hex(last.0) };
        filter.deny.iter().map(range).collect()
    };
    api::Template {
        alignment: Some(input.alignment),
        boundary: Some(Hex(input.boundary.0)),
        lowaddr: Some(Hex(input.lowaddr.0)),
        highaddr: Some(Hex(input.highaddr.0)),
        deny: input.filter.as_ref().map(deny),
        maxsize: Some(input.maxsize),
        nsegments: Some(input.nsegments),
        maxsegsz: Some(input.maxsegsz),
        flags: Some(input.flags.iter().filter_map(flag).collect()),
        lock: Some(if input.lock { api::Lock::Mutex } else { api::Lock::Panics }),
    }
}

fn mem_flags(input: &format::AllocMem<'_>) -> Vec<api::MemFlag> {
    let flag = |flag| match flag {
        Flag::NoWait => Some(api::MemFlag::NoWait),
        Flag::Coherent => Some(api::MemFlag::Coherent),
        Flag::Zero => Some(api::MemFlag::Zero),
        Flag::NoCache => Some(api::MemFlag::NoCache),
        Flag::WaitOk | Flag::AllocNow | Flag::KeepPageOffset => None,
    };
    input.flags.iter().filter_map(flag).collect()
}

/// The operation of a sync.
pub(crate) const fn sync_op(op: SyncOp) -> api::SyncOp {
    match op {
        SyncOp::PreRead => api::SyncOp::PreRead,
        SyncOp::PostRead => api::SyncOp::PostRead,
        SyncOp::PreWrite => api::SyncOp::PreWrite,
        SyncOp::PostWrite => api::SyncOp::PostWrite,
    }
}

fn zone(zone: &ZoneInfo) -> Zone {
    Zone {
        zone: zone.zone as usize,
        total: zone.total_bpages,
        free: zone.free_bpages,
        reserved: zone.reserved_bpages,
        active: zone.active_bpages,
        bounced: zone.total_bounced.into(),
        deferred: zone.total_deferred.into(),
        map_count: zone.map_count.into(),
        lowaddr: format::Hex(zone.lowaddr.0),
        alignment: zone.alignment,
    }
}
