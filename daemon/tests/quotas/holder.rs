//! Sessions that take things and give them back.

use crate::daemon::PATIENCE;
use crate::served::{answered, quota_of};
use crate::{Case, PAGE, PER_CONNECTION, PER_UID};
use busdma_api::client::Client;
use busdma_api::engine::{
    AllocMem, BounceModel, Buffer, CreateMachine, CreateMap, CreateTag, DestroyMachine, DestroyMap, DestroyTag,
    EngineError, Failure, FreeMem, Join, Load, Operation, OperationResult, Outcome, RegisterMemory, ReleaseMemory,
    Request, Segments, Session, Submit, Template, Unload,
};
use busdma_api::{Hex, MachineId, MapRef, MemoryRef, Method, TagRef};
use busdmad::config::Quota;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// One thing that was taken.
#[derive(Debug)]
pub(crate) enum Taken {
    Machine(MachineId),
    Tag(TagRef),
    Map(MapRef),
    Loaded(MapRef),
    Memory(MemoryRef),
    Dmamem(MemoryRef),
    /// A connection whose call is not answered to its end.
    Call(Client),
}

/// A session that takes things.
pub(crate) struct Holder {
    socket: PathBuf,
    client: Client,
    token: String,
    tag: Option<TagRef>,
    memory: Option<MemoryRef>,
}

impl Holder {
    pub(crate) fn new(socket: &Path, prepare: fn(&mut Self)) -> Self {
        let mut client = Client::connect(socket).unwrap();
        let token = client.call(&Session {}).unwrap().token;
        let mut holder = Self { socket: socket.to_owned(), client, token, tag: None, memory: None };
        prepare(&mut holder);
        holder
    }

    pub(crate) fn call<M: Method<Error = EngineError>>(&mut self, call: &M) -> Result<M::Reply, EngineError> {
        answered(self.client.call(call))
    }

    /// A tag for two pages of anything.
    pub(crate) fn make_tag(&mut self) {
        let template = Template { maxsize: Some(2 * PAGE), ..Template::default() };
        self.tag = Some(self.call(&tag(template)).unwrap().tag);
    }

    /// A tag with a pool, and two pages that bounce through it.
    pub(crate) fn make_bouncing(&mut self) {
        let template = Template { maxsize: Some(16 * PAGE), lowaddr: Some(Hex(0x0fff_ffff)), ..Template::default() };
        self.tag = Some(self.call(&tag(template)).unwrap().tag);
        let memory = RegisterMemory { length: 2 * PAGE, ..RegisterMemory::default() };
        self.memory = Some(self.call(&memory).unwrap().memory);
    }

    /// A machine with a tag whose pool never has room for all three pages.
    pub(crate) fn make_waiting(&mut self) {
        let template = Template { maxsize: Some(1), lowaddr: Some(Hex(0x0fff_ffff)), ..Template::default() };
        let bounce = Some(BounceModel { base: Hex(1 << 20), stride: PAGE, frames: 4 });
        let small = CreateMachine { max_bpages: Some(1), bounce, ..CreateMachine::default() };
        let machine = self.call(&small).unwrap().machine;
        let call = CreateTag { machine: Some(machine), ..tag(template) };
        self.tag = Some(self.call(&call).unwrap().tag);
        let memory = RegisterMemory { machine: Some(machine), length: 3 * PAGE, ..RegisterMemory::default() };
        self.memory = Some(self.call(&memory).unwrap().memory);
    }

    pub(crate) fn take_machine(&mut self) -> Result<Taken, EngineError> {
        Ok(Taken::Machine(self.call(&CreateMachine::default())?.machine))
    }

    pub(crate) fn take_tag(&mut self) -> Result<Taken, EngineError> {
        Ok(Taken::Tag(self.call(&CreateTag::default())?.tag))
    }

    pub(crate) fn take_map(&mut self) -> Result<Taken, EngineError> {
        let tag = self.tag.unwrap();
        Ok(Taken::Map(self.call(&CreateMap { tag })?.map))
    }

    /// Every page that is begun counts.
    pub(crate) fn take_memory(&mut self) -> Result<Taken, EngineError> {
        let register = RegisterMemory { length: PAGE + 1, ..RegisterMemory::default() };
        Ok(Taken::Memory(self.call(&register)?.memory))
    }

    pub(crate) fn take_dmamem(&mut self) -> Result<Taken, EngineError> {
        let tag = self.tag.unwrap();
        Ok(Taken::Dmamem(self.call(&AllocMem { tag, flags: None })?.memory))
    }

    pub(crate) fn take_pages(&mut self) -> Result<Taken, EngineError> {
        self.take_by(|holder, load| holder.call(load).map(|reply| reply.outcome), Outcome::Loaded)
    }

    pub(crate) fn take_pages_in_a_batch(&mut self) -> Result<Taken, EngineError> {
        let submit = |holder: &mut Self, load: &Load| {
            let call = Submit { operations: vec![Operation::Load(load.clone())], on_error: None };
            match holder.call(&call)?.results.pop() {
                Some(OperationResult::Load(reply)) => Ok(reply.outcome),
                Some(OperationResult::Failed(failure)) => Err(error_of(&failure)),
                other => panic!("{other:?}"),
            }
        };
        self.take_by(submit, Outcome::Loaded)
    }

    /// What a load waits for counts as well.
    pub(crate) fn take_promises(&mut self) -> Result<Taken, EngineError> {
        self.make_waiting();
        self.take_by(|holder, load| holder.call(load).map(|reply| reply.outcome), Outcome::Deferred)
    }

    /// Loads a map of its own; one that is refused is left as it was.
    pub(crate) fn take_by(
        &mut self,
        load: impl FnOnce(&mut Self, &Load) -> Result<Outcome, EngineError>,
        expected: Outcome,
    ) -> Result<Taken, EngineError> {
        let tag = self.tag.unwrap();
        let map = self.call(&CreateMap { tag }).unwrap().map;
        let call = self.load_call(map);
        match load(self, &call) {
            Ok(outcome) => {
                assert_eq!(outcome, expected);
                Ok(Taken::Loaded(map))
            }
            Err(error) => {
                assert_eq!(self.call(&Segments { map }).unwrap().segments, []);
                self.call(&DestroyMap { map }).unwrap();
                Err(error)
            }
        }
    }

    /// A further connection of the session, whose load waits.
    pub(crate) fn take_call(&mut self) -> Result<Taken, EngineError> {
        let mut client = Client::connect(&self.socket).unwrap();
        let tag = self.tag.unwrap();
        answered(client.call(&Join { token: self.token.clone() }))?;
        let map = answered(client.call(&CreateMap { tag }))?.map;
        let call = self.load_call(map);
        let first = answered(client.call_more(&call).unwrap().next().unwrap())?;
        assert_eq!(first.outcome, Outcome::Deferred);
        Ok(Taken::Call(client))
    }

    pub(crate) fn load_call(&self, map: MapRef) -> Load {
        let memory = self.memory.unwrap();
        let length = if memory.machine == MachineId::HOST0 { 2 * PAGE } else { 3 * PAGE };
        Load { map, request: Request::Buffer(Buffer { memory, offset: None, length }), wait: None }
    }

    /// Takes one that somebody has given back, perhaps not to its end yet.
    pub(crate) fn takes(&mut self, case: &Case) -> Taken {
        let begun = Instant::now();
        loop {
            match (case.take)(self) {
                Ok(taken) => return taken,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{error:?}"),
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn give(&mut self, taken: Taken) {
        match taken {
            Taken::Machine(machine) => drop(self.call(&DestroyMachine { machine }).unwrap()),
            Taken::Tag(tag) => assert_eq!(self.call(&DestroyTag { tag }).unwrap().freed, [tag]),
            Taken::Map(map) => drop(self.call(&DestroyMap { map }).unwrap()),
            Taken::Loaded(map) if map.machine == MachineId::HOST0 => drop(self.call(&Unload { map }).unwrap()),
            // A load that waits is given up with its machine only.
            Taken::Loaded(map) => drop(self.call(&DestroyMachine { machine: map.machine }).unwrap()),
            Taken::Memory(memory) => drop(self.call(&ReleaseMemory { memory }).unwrap()),
            Taken::Dmamem(memory) => drop(self.call(&FreeMem { memory }).unwrap()),
            Taken::Call(client) => drop(client),
        }
    }

    /// Asserts that a session, and its user, have so many things.
    pub(crate) fn has(&mut self, case: &Case, used: u64, uid_used: u64) {
        let reply = self.call(&Session {});
        if case.quota == Quota::CallsInFlight {
            // There is no room for the question.
            assert!(matches!(reply, Err(EngineError::QuotaExceeded { .. })), "{reply:?}");
            return;
        }
        let (used, limit) = (used * case.each, PER_CONNECTION * case.each);
        let (uid_used, uid_limit) = (uid_used * case.each, PER_UID * case.each);
        assert_eq!(quota_of(&reply.unwrap(), case.quota), [used, limit, uid_used, uid_limit], "{:?}", case.quota);
    }
}

fn tag(template: Template) -> CreateTag {
    CreateTag { template: Some(template), ..CreateTag::default() }
}

/// The error that a failed operation of a batch stands for.
fn error_of(failure: &Failure) -> EngineError {
    serde_json::from_value(serde_json::to_value(failure).unwrap()).unwrap()
}
