//! A client as a driver is one: memory, a tag and a map, loaded and synced over and over.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use busdma_api::client::{CallError, Client};
use busdma_api::engine::{
    Buffer, CreateMap, CreateTag, DeviceRead, DeviceWrite, EngineError, Load, LoadReply, Outcome, ReadMemory,
    RegisterMemory, Request, Sync, SyncOp, Template, Unload, WriteMemory,
};
use busdma_api::{Hex, MachineId, MapRef, MemoryRef, Method, TagRef};
use std::path::Path;

pub(crate) const PAGE: u64 = 4096;

/// A pool of `host0`, by the lowaddr of the tags that use it. All memory lies above either, so that every page bounces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pool {
    /// The one that faults are made in.
    Contended,
    /// The bystander's own.
    Quiet,
}

impl Pool {
    fn lowaddr(self) -> Hex {
        match self {
            Self::Contended => Hex(0x0fff_ffff),
            Self::Quiet => Hex(0xffff_ffff),
        }
    }
}

/// A tag with one map, and memory to load.
pub(crate) struct Driver {
    pub(crate) client: Client,
    pub(crate) tag: TagRef,
    pub(crate) map: MapRef,
    pub(crate) memory: MemoryRef,
    pages: u64,
}

impl Driver {
    /// A driver on `host0` that maps so many pages at a time.
    pub(crate) fn new(socket: &Path, pool: Pool, pages: u64) -> Self {
        Self::on(Client::connect(socket).unwrap(), MachineId::HOST0, pool, pages)
    }

    /// A driver on a machine.
    pub(crate) fn on(mut client: Client, machine: MachineId, pool: Pool, pages: u64) -> Self {
        let tag = client.call(&tag(machine, pool, pages)).unwrap().tag;
        let map = client.call(&CreateMap { tag }).unwrap().map;
        let register = RegisterMemory { machine: Some(machine), length: pages * PAGE, ..RegisterMemory::default() };
        let memory = client.call(&register).unwrap().memory;
        Self { client, tag, map, memory, pages }
    }

    /// One more map of the same tag.
    pub(crate) fn another_map(&mut self) -> MapRef {
        self.client.call(&CreateMap { tag: self.tag }).unwrap().map
    }

    /// The call that loads all memory.
    pub(crate) fn load_call(&self, map: MapRef) -> Load {
        load(map, self.memory, self.pages * PAGE)
    }

    /// Loads all memory.
    pub(crate) fn load(&mut self, map: MapRef) -> Result<LoadReply, CallError<EngineError>> {
        self.client.call(&self.load_call(map))
    }

    /// Loads all memory, which the pool has pages for.
    pub(crate) fn loaded(&mut self) {
        let reply = self.load(self.map).unwrap();
        assert_eq!((reply.outcome, u64::from(reply.bounce_pages)), (Outcome::Loaded, self.pages), "{reply:?}");
        let bytes: u64 = reply.segments.iter().map(|segment| segment.length).sum();
        assert_eq!(bytes, self.pages * PAGE, "{reply:?}");
    }

    /// Loads a further map, which has to wait.
    pub(crate) fn deferred(&mut self) -> MapRef {
        let map = self.another_map();
        let reply = self.load(map).unwrap();
        assert_eq!(reply.outcome, Outcome::Deferred, "{reply:?}");
        map
    }

    /// One turn of a driver's life, every reply of which is checked. `call` makes the calls.
    pub(crate) fn cycle(&mut self, seed: u8, call: &mut impl Timed) {
        let (map, memory, length) = (self.map, self.memory, self.pages * PAGE);
        let sent = pattern(seed, length);
        let write = WriteMemory { memory, offset: None, data: STANDARD.encode(&sent) };
        call.timed(&mut self.client, &write).unwrap();
        let load = self.load_call(map);
        let loaded = call.timed(&mut self.client, &load).unwrap();
        assert_eq!((loaded.outcome, u64::from(loaded.bounce_pages)), (Outcome::Loaded, self.pages), "{loaded:?}");
        let synced = call.timed(&mut self.client, &sync(map, &[SyncOp::PreWrite])).unwrap();
        assert_eq!((u64::from(synced.pages), synced.bytes), (self.pages, length));

        let first = usize::try_from(loaded.segments[0].length).unwrap();
        let read = DeviceRead { map, segment: 0, offset: None, length: None };
        let seen = STANDARD.decode(call.timed(&mut self.client, &read).unwrap().data).unwrap();
        assert!(seen == sent[..first], "the device sees other bytes than were written");
        let received = pattern(!seed, loaded.segments[0].length);
        let write = DeviceWrite { map, segment: 0, offset: None, data: STANDARD.encode(&received) };
        call.timed(&mut self.client, &write).unwrap();
        let synced = call.timed(&mut self.client, &sync(map, &[SyncOp::PostRead])).unwrap();
        assert_eq!((u64::from(synced.pages), synced.bytes), (self.pages, length));
        let read = ReadMemory { memory, offset: None, length: first as u64 };
        let got = STANDARD.decode(call.timed(&mut self.client, &read).unwrap().data).unwrap();
        assert!(got == received, "other bytes came back than the device wrote");

        let unloaded = call.timed(&mut self.client, &Unload { map }).unwrap();
        assert_eq!(u64::from(unloaded.released), self.pages);
    }
}

/// Makes calls, and perhaps looks at the clock.
pub(crate) trait Timed {
    fn timed<M: Method>(&mut self, client: &mut Client, call: &M) -> Result<M::Reply, CallError<M::Error>>;
}

/// A tag whose maps bounce every page through a pool.
pub(crate) fn tag(machine: MachineId, pool: Pool, pages: u64) -> CreateTag {
    let template = Template {
        lowaddr: Some(pool.lowaddr()),
        maxsize: Some(pages * PAGE),
        nsegments: Some(u32::try_from(pages).unwrap()),
        ..Template::default()
    };
    CreateTag { machine: Some(machine), template: Some(template), ..CreateTag::default() }
}

/// The call that loads a buffer from its beginning.
pub(crate) fn load(map: MapRef, memory: MemoryRef, length: u64) -> Load {
    Load { map, request: Request::Buffer(Buffer { memory, offset: None, length }), wait: None }
}

/// The call that syncs a map.
pub(crate) fn sync(map: MapRef, ops: &[SyncOp]) -> Sync {
    Sync { map, ops: ops.to_vec(), detail: None }
}

/// Bytes that no other seed gives.
fn pattern(seed: u8, length: u64) -> Vec<u8> {
    (0..length).map(|at| seed.wrapping_add((at % 251) as u8)).collect()
}
