//! A client that does everything a driver does, as a seed says.

use crate::counts::{Answered, Counts, sorted};
use crate::random::Random;
use crate::shapes::{Memory, Mix, PAGE, STEADY_PAGES, layout, template};
use busdma_api::client::{CallError, Client};
use busdma_api::engine::{
    AllocMem, BounceModel, CreateMachine, CreateMap, CreateTag, DescribeMemory, DestroyMap, DestroyTag, EngineError,
    FreeMem, Join, MemFlag, RegisterMemory, ReleaseMemory, Session, Space, Unload,
};
use busdma_api::{Hex, MachineId, MapRef, MemoryRef, Method, SessionId, TagRef};
use busdma_trace::format::Op;
use std::path::{Path, PathBuf};

/// Most of each kind of object.
const TAGS: usize = 6;
const MAPS: usize = 20;
const MEMORIES: usize = 6;
const DMAMEM: usize = 4;

/// A client.
pub(crate) struct Driver {
    socket: PathBuf,
    pub(crate) home: Home,
    pub(crate) mix: Mix,
    pub(crate) random: Random,
    pub(crate) client: Client,
    pub(crate) session: SessionId,
    machine: MachineId,
    tags: Vec<Tag>,
    pub(crate) maps: Vec<Map>,
    pub(crate) memory: Vec<Memory>,
    dmamem: Vec<(MemoryRef, MapRef)>,
    pub(crate) counts: Counts,
}

/// Where a client works.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Home {
    /// The shared machine.
    Host0,
    /// A machine of its own, made anew with each session.
    Private {
        /// Which bus_dma(9).
        profile: &'static str,
    },
    /// A machine of another session, which it joins.
    Joined {
        /// The session's.
        token: String,
        machine: MachineId,
    },
}

#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "the interface calls it that")]
pub(crate) struct Map {
    pub(crate) map: MapRef,
    pub(crate) tag: TagRef,
    pub(crate) doing: Doing,
    /// dmamem's own, which FreeMem destroys.
    pub(crate) of_dmamem: bool,
}

#[derive(Clone, Copy, Debug)]
struct Tag {
    tag: TagRef,
    could_bounce: bool,
}

/// What a map is doing, as far as the client knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Doing {
    Idle,
    Loaded {
        segments: u32,
    },
    Deferred,
    /// A load failed, which can leave something.
    Failed,
}

impl Driver {
    pub(crate) fn new(socket: &Path, home: Home, mix: Mix, seed: u64) -> Self {
        let mut client = Client::connect(socket).unwrap();
        let (session, machine) = settle(&mut client, &home);
        let mut driver = Self {
            socket: socket.to_owned(),
            home,
            mix,
            random: Random::new(seed),
            client,
            session,
            machine,
            tags: Vec::new(),
            maps: Vec::new(),
            memory: Vec::new(),
            dmamem: Vec::new(),
            counts: Counts::default(),
        };
        driver.furnish();
        driver
    }

    /// One thing that a driver does.
    pub(crate) fn step(&mut self) {
        match self.random.below(100) {
            0..=2 => self.create_tag(),
            3..=4 => self.destroy_tag(),
            5..=10 => self.create_map(),
            11..=14 => self.destroy_map(),
            15..=17 => self.register(),
            18..=19 => self.release(),
            20..=24 => self.alloc_mem(),
            25..=28 => self.free_mem(),
            29..=52 => self.load(),
            53..=64 => self.sync(),
            65..=80 => self.unload(),
            81..=86 => self.batch(),
            87..=90 => self.touch_memory(),
            91..=94 => self.be_the_device(),
            95..=97 if self.mix == Mix::Everything => self.collect(),
            98 if !matches!(self.home, Home::Joined { .. }) => self.name_others(),
            _ if self.random.one_in(8) => self.begin_anew(),
            _ => {}
        }
    }

    /// Ends the session with whatever it has, and says what was done.
    pub(crate) fn end(mut self) -> Counts {
        if matches!(self.home, Home::Joined { .. }) {
            self.put_away();
        } else {
            self.count_releases();
        }
        self.counts
    }

    /// Ends the session and opens another. The daemon releases what the old one had.
    pub(crate) fn begin_anew(&mut self) {
        if matches!(self.home, Home::Joined { .. }) {
            // A session that others are in does not end.
            self.put_away();
            return self.furnish();
        }
        self.count_releases();
        self.client = Client::connect(&self.socket).unwrap();
        (self.session, self.machine) = settle(&mut self.client, &self.home);
        self.maps.clear();
        self.tags.clear();
        self.memory.clear();
        self.dmamem.clear();
        self.furnish();
    }

    /// What the daemon does when the session ends: each thing that is left goes, once.
    fn count_releases(&mut self) {
        let maps = self.maps.iter().filter(|map| !map.of_dmamem).count() as u64;
        self.counts.add(self.session, Op::MapDestroy, maps);
        self.counts.add(self.session, Op::DmamemFree, self.dmamem.len() as u64);
        *self.counts.left_tags.entry(self.session).or_default() += self.tags.len() as u64;
    }

    /// Memory in either space, and a tag.
    fn furnish(&mut self) {
        self.register_in(Space::Kernel);
        self.register_in(Space::Kernel);
        self.register_in(Space::User);
        self.create_tag();
        self.create_map();
    }

    /// Puts everything away, step by step, as a driver that is unloaded does.
    fn put_away(&mut self) {
        for at in 0..self.maps.len() {
            self.unload_map(self.maps[at].map);
        }
        for map in std::mem::take(&mut self.maps).into_iter().filter(|map| !map.of_dmamem) {
            self.call(Op::MapDestroy, &DestroyMap { map: map.map }).unwrap();
        }
        for (memory, _) in std::mem::take(&mut self.dmamem) {
            self.call(Op::DmamemFree, &FreeMem { memory }).unwrap();
            self.memory.retain(|known| known.memory != memory);
        }
        while let Some(tag) = self.tags.pop() {
            let reply = self.call(Op::TagDestroy, &DestroyTag { tag: tag.tag }).unwrap();
            self.tags.retain(|tag| !reply.freed.contains(&tag.tag));
        }
        for Memory { memory, .. } in std::mem::take(&mut self.memory) {
            self.client.call(&ReleaseMemory { memory }).unwrap();
        }
    }

    /// Calls, and counts what comes to the engine as `op`.
    pub(crate) fn call<M: Method<Error = EngineError>>(&mut self, op: Op, call: &M) -> Result<M::Reply, EngineError> {
        let (answered, result) = sorted(self.client.call(call));
        self.counts.add(self.session, op, u64::from(answered == Answered::ByEngine));
        result
    }

    fn create_tag(&mut self) {
        if self.tags.len() >= TAGS {
            return;
        }
        let parent = self.random.one_in(3).then(|| self.parent()).flatten();
        let template = Some(template(&mut self.random, self.mix));
        let call = CreateTag { machine: Some(self.machine), parent, preset: None, template };
        if let Ok(reply) = self.call(Op::TagCreate, &call) {
            self.tags.push(Tag { tag: reply.tag, could_bounce: reply.could_bounce });
        }
    }

    /// FreeBSD never frees a parent that bounces nothing, and whose child has no filter: a steady mix has none.
    fn parent(&mut self) -> Option<TagRef> {
        let fitting: Vec<_> = self.tags.iter().filter(|tag| tag.could_bounce || self.mix == Mix::Everything).collect();
        (!fitting.is_empty()).then(|| self.random.pick(&fitting).tag)
    }

    /// It lives on below its children, but cannot be named any more.
    fn destroy_tag(&mut self) {
        if self.tags.len() < 2 {
            return;
        }
        let at = self.random.index(self.tags.len());
        if let Ok(reply) = self.call(Op::TagDestroy, &DestroyTag { tag: self.tags[at].tag }) {
            self.tags.remove(at);
            // FreeBSD counts some references too few, and frees parents that nobody has destroyed.
            self.tags.retain(|tag| !reply.freed.contains(&tag.tag));
        }
    }

    fn create_map(&mut self) {
        if self.tags.is_empty() || self.maps.len() >= MAPS {
            return;
        }
        let tag = self.random.pick(&self.tags).tag;
        if let Ok(reply) = self.call(Op::MapCreate, &CreateMap { tag }) {
            self.maps.push(Map { map: reply.map, tag, doing: Doing::Idle, of_dmamem: false });
        }
    }

    fn destroy_map(&mut self) {
        let Some(at) = self.any_map(|map| !map.of_dmamem) else { return };
        let map = self.maps[at].map;
        if self.call(Op::MapDestroy, &DestroyMap { map }).is_ok() {
            self.maps.remove(at);
        }
    }

    /// Any of the maps that fit.
    pub(crate) fn any_map(&mut self, fits: impl Fn(&Map) -> bool) -> Option<usize> {
        let fitting: Vec<_> = (0..self.maps.len()).filter(|&at| fits(&self.maps[at])).collect();
        (!fitting.is_empty()).then(|| *self.random.pick(&fitting))
    }

    fn register(&mut self) {
        if self.memory.len() < MEMORIES {
            let space = if self.random.one_in(4) { Space::User } else { Space::Kernel };
            self.register_in(space);
        }
    }

    fn register_in(&mut self, space: Space) {
        let pages = 1 + self.random.below(2 * STEADY_PAGES);
        let length = pages * PAGE - self.random.below(2) * 100;
        let layout = layout(&mut self.random, pages);
        let call =
            RegisterMemory { machine: Some(self.machine), length, layout, space: Some(space), ..Default::default() };
        let memory = match sorted(self.client.call(&call)).1 {
            Ok(reply) => reply.memory,
            // Somebody has the pages.
            Err(EngineError::InvalidMemory { .. }) => {
                let anywhere = RegisterMemory { layout: None, ..call };
                self.client.call(&anywhere).unwrap().memory
            }
            Err(error) => panic!("not registered: {error:?}"),
        };
        let runs = self.client.call(&DescribeMemory { memory }).unwrap().runs;
        let pages = runs.iter().flat_map(|run| (run.paddr.0..run.paddr.0 + run.length).step_by(4096)).collect();
        self.memory.push(Memory { memory, space, length, pages });
    }

    fn release(&mut self) {
        // The first three are there at all times.
        if self.memory.len() > 3 {
            let at = 3 + self.random.index(self.memory.len() - 3);
            let memory = self.memory[at].memory;
            if sorted(self.client.call(&ReleaseMemory { memory })).1.is_ok() {
                self.memory.retain(|known| known.memory != memory);
            }
        }
    }

    fn alloc_mem(&mut self) {
        if self.dmamem.len() >= DMAMEM || self.tags.is_empty() {
            return;
        }
        let tag = self.random.pick(&self.tags).tag;
        let flags = match self.random.below(4) {
            0 => vec![MemFlag::Zero],
            1 => vec![MemFlag::Coherent, MemFlag::NoWait],
            2 => vec![MemFlag::NoCache],
            _ => Vec::new(),
        };
        let call = AllocMem { tag, flags: Some(flags) };
        // Its descriptor is closed at once: the daemon keeps the memory.
        let (answered, result) = sorted(self.client.call_with(&call, &[]));
        self.counts.add(self.session, Op::DmamemAlloc, u64::from(answered == Answered::ByEngine));
        if let Ok((reply, _)) = result {
            self.dmamem.push((reply.memory, reply.map));
            self.maps.push(Map { map: reply.map, tag, doing: Doing::Idle, of_dmamem: true });
            let (memory, length) = (reply.memory, reply.length);
            self.memory.push(Memory { memory, space: Space::Kernel, length, pages: Vec::new() });
        }
    }

    fn free_mem(&mut self) {
        if self.dmamem.is_empty() {
            return;
        }
        let at = self.random.index(self.dmamem.len());
        let (memory, map) = self.dmamem[at];
        if self.mix == Mix::Steady {
            self.unload_map(map);
        }
        if self.call(Op::DmamemFree, &FreeMem { memory }).is_ok() {
            self.dmamem.remove(at);
            self.maps.retain(|known| known.map != map);
            self.memory.retain(|known| known.memory != memory);
        }
    }

    /// What is not there, or somebody else's.
    fn name_others(&mut self) {
        let number = 1 + u32::try_from(self.random.below(2000)).unwrap();
        let map = MapRef { machine: self.machine, number };
        if self.maps.iter().any(|known| known.map == map) {
            return;
        }
        let error = self.client.call(&Unload { map }).unwrap_err();
        let refused =
            matches!(&error, CallError::Refused(EngineError::NoSuchObject { .. } | EngineError::NotOwner { .. }));
        assert!(refused, "{error:?}");
    }
}

/// The client's session, and the machine it works on.
fn settle(client: &mut Client, home: &Home) -> (SessionId, MachineId) {
    let machine = match home {
        Home::Host0 => MachineId::HOST0,
        Home::Private { profile } => {
            let bounce = BounceModel { base: Hex(0x10_0000), stride: PAGE, frames: 64 };
            let create = CreateMachine {
                profile: Some((*profile).to_owned()),
                memory_bytes: Some(16 << 30),
                max_bpages: Some(32),
                bounce: Some(bounce),
            };
            client.call(&create).unwrap().machine
        }
        Home::Joined { token, machine } => {
            client.call(&Join { token: token.clone() }).unwrap();
            *machine
        }
    };
    (client.call(&Session {}).unwrap().session, machine)
}
