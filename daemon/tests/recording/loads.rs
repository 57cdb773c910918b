//! What a driver does with its maps.

use crate::counts::{Answered, failure, sorted, who_refuses};
use crate::driver::{Doing, Driver, Home, Map};
use crate::shapes::{Memory, Mix, Shapes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use busdma_api::MapRef;
use busdma_api::client::CallError;
use busdma_api::engine::{
    Bio, CcbData, CreateMap, DestroyMap, DeviceRead, DeviceWrite, EngineError, Load, LoadReply, MemDesc, OnError,
    Operation, OperationResult, Outcome, ReadMemory, Request, Segments, Submit, Sync, SyncOp, Unload, Wait, WaitPolicy,
    WriteMemory,
};
use busdma_trace::format::Op;

/// How long a client waits for a load that has to end, milliseconds.
const PATIENCE: u64 = 60_000;

impl Driver {
    /// A load that the driver may wait for.
    pub(crate) fn load(&mut self) {
        let Some(at) = self.loadable_map() else { return };
        let call = self.load_call(at);
        let result = self.call(Op::Load, &call);
        self.loaded(at, &result);
        if self.mix == Mix::Steady && self.maps[at].doing == Doing::Deferred {
            if self.home == Home::Host0 && self.random.one_in(50) {
                self.counts.deferrals.abandoned += 1;
                self.begin_anew();
            } else {
                self.wait_for_deferred();
            }
        }
    }

    fn loadable_map(&mut self) -> Option<usize> {
        let anything = self.mix == Mix::Everything && self.random.one_in(20);
        self.any_map(|map| anything || map.doing == Doing::Idle)
    }

    fn load_call(&mut self, at: usize) -> Load {
        let request = Shapes { random: &mut self.random, mix: self.mix, memory: &self.memory }.request();
        let may_defer = (self.mix == Mix::Everything || is_in_one_part(&request)) && !self.random.one_in(3);
        let wait = if may_defer { WaitPolicy::MayDefer } else { WaitPolicy::NoWait };
        Load { map: self.maps[at].map, request, wait: Some(wait) }
    }

    fn loaded(&mut self, at: usize, result: &Result<LoadReply, EngineError>) {
        self.maps[at].doing = match result {
            Ok(reply) => self.now_doing(reply),
            Err(_) => Doing::Failed,
        };
        if self.mix == Mix::Steady && self.maps[at].doing == Doing::Failed {
            self.replace_map(at);
        }
    }

    fn now_doing(&mut self, reply: &LoadReply) -> Doing {
        match reply.outcome {
            Outcome::Loaded => Doing::Loaded { segments: u32::try_from(reply.segments.len()).unwrap() },
            Outcome::NoData => Doing::Failed,
            Outcome::Deferred => {
                self.counts.deferrals.begun += 1;
                Doing::Deferred
            }
        }
    }

    /// A failed load leaves FreeBSD's map with a wrong count of pages: a driver had better take another.
    fn replace_map(&mut self, at: usize) {
        let Map { map, of_dmamem, tag, .. } = self.maps[at];
        self.unload_map(map);
        if !of_dmamem {
            self.call(Op::MapDestroy, &DestroyMap { map }).unwrap();
            let map = self.call(Op::MapCreate, &CreateMap { tag }).unwrap().map;
            self.maps[at].map = map;
        }
    }

    /// Gives back all pages, so that whoever waits gets them, and waits for its own load.
    fn wait_for_deferred(&mut self) {
        let loaded: Vec<_> = self.maps.iter().filter(|map| matches!(map.doing, Doing::Loaded { .. })).collect();
        let operations = loaded.iter().map(|map| Operation::Unload(Unload { map: map.map })).collect::<Vec<_>>();
        self.counts.add(self.session, Op::Unload, operations.len() as u64);
        self.client.call(&Submit { operations, on_error: None }).unwrap();
        for map in &mut self.maps {
            if matches!(map.doing, Doing::Loaded { .. }) {
                map.doing = Doing::Idle;
            }
        }
        while let Some(at) = self.maps.iter().position(|map| map.doing == Doing::Deferred) {
            let wait = Wait { map: Some(self.maps[at].map), timeout_ms: Some(PATIENCE) };
            let result = self.client.call(&wait).map(|reply| reply.load);
            self.ended(at, result);
        }
    }

    /// Notes how a deferred load ended.
    fn ended(&mut self, at: usize, result: Result<LoadReply, CallError<EngineError>>) {
        self.maps[at].doing = match result {
            Ok(reply) => {
                self.counts.deferrals.loaded += 1;
                Doing::Loaded { segments: u32::try_from(reply.segments.len()).unwrap() }
            }
            Err(CallError::Refused(EngineError::DeferredFailed { .. })) => {
                self.counts.deferrals.failed += 1;
                Doing::Failed
            }
            Err(error) => panic!("a deferred load has no end: {error:?}"),
        };
    }

    /// Collects an end without waiting for it.
    pub(crate) fn collect(&mut self) {
        match self.client.call(&Wait { map: None, timeout_ms: Some(0) }) {
            Ok(reply) => {
                let at = self.position(reply.map);
                self.ended(at, Ok(reply.load));
            }
            Err(CallError::Refused(EngineError::DeferredFailed { ref object, .. })) => {
                let at = self.position(object.parse().unwrap());
                self.maps[at].doing = Doing::Failed;
                self.counts.deferrals.failed += 1;
            }
            Err(CallError::Refused(EngineError::NotDeferred { .. } | EngineError::TimedOut { .. })) => {}
            Err(error) => panic!("no answer: {error:?}"),
        }
    }

    fn position(&self, map: MapRef) -> usize {
        self.maps.iter().position(|known| known.map == map).unwrap()
    }

    pub(crate) fn sync(&mut self) {
        let anything = self.mix == Mix::Everything && self.random.one_in(10);
        let Some(at) = self.any_map(|map| anything || matches!(map.doing, Doing::Loaded { .. })) else { return };
        let map = self.maps[at].map;
        let ops = self.sync_ops();
        let _ = self.call(Op::Sync, &Sync { map, ops, detail: None });
    }

    fn sync_ops(&mut self) -> Vec<SyncOp> {
        let all = [SyncOp::PreRead, SyncOp::PreWrite, SyncOp::PostRead, SyncOp::PostWrite];
        let ops: Vec<_> = all.into_iter().filter(|_| self.random.one_in(2)).collect();
        if ops.is_empty() { vec![*self.random.pick(&all)] } else { ops }
    }

    pub(crate) fn unload(&mut self) {
        let anything = self.mix == Mix::Everything && self.random.one_in(10);
        let fits = |map: &Map| anything || matches!(map.doing, Doing::Loaded { .. } | Doing::Failed);
        if let Some(at) = self.any_map(fits) {
            self.unload_map(self.maps[at].map);
        }
    }

    /// Unloads a map, whatever it does.
    pub(crate) fn unload_map(&mut self, map: MapRef) {
        let result = self.call(Op::Unload, &Unload { map });
        let at = self.position(map);
        if result.is_ok() && self.maps[at].doing != Doing::Deferred {
            self.maps[at].doing = Doing::Idle;
        }
    }

    /// A batch: loads, each synced and unloaded.
    pub(crate) fn batch(&mut self) {
        let mut operations = Vec::new();
        let mut maps = Vec::new();
        for at in 0..self.maps.len() {
            if self.maps[at].doing == Doing::Idle && self.random.one_in(3) {
                let load = Load { wait: Some(WaitPolicy::NoWait), ..self.load_call(at) };
                let map = load.map;
                let ops = self.sync_ops();
                operations.push(Operation::Load(load));
                operations.push(Operation::Sync(Sync { map, ops, detail: None }));
                operations.push(Operation::Unload(Unload { map }));
                maps.push(at);
            }
        }
        let call = Submit { operations, on_error: Some(OnError::GoOn) };
        let results = self.client.call(&call).unwrap().results;
        assert_eq!(results.len(), call.operations.len());
        for (operation, result) in call.operations.iter().zip(&results) {
            let op = match operation {
                Operation::Load(_) => Op::Load,
                Operation::Sync(_) => Op::Sync,
                _ => Op::Unload,
            };
            let answered = match result {
                OperationResult::Failed(failed) => who_refuses(&failure(failed)),
                _ => Answered::ByEngine,
            };
            self.counts.add(self.session, op, u64::from(answered == Answered::ByEngine));
        }
        for (index, at) in maps.into_iter().enumerate().rev() {
            if matches!(results[3 * index], OperationResult::Failed(_)) && self.mix == Mix::Steady {
                self.replace_map(at);
            }
        }
    }

    /// Writes and reads memory as the CPU does.
    pub(crate) fn touch_memory(&mut self) {
        let Memory { memory, length, .. } = *self.random.pick(&self.memory);
        let length = 1 + self.random.below(length);
        let data = STANDARD.encode(vec![self.random.next().to_le_bytes()[0]; usize::try_from(length).unwrap()]);
        self.client.call(&WriteMemory { memory, offset: None, data: data.clone() }).unwrap();
        let read = self.client.call(&ReadMemory { memory, offset: None, length }).unwrap().data;
        assert!(read == data || self.mix == Mix::Everything, "memory holds other bytes than were written");
    }

    /// Reads and writes through a segment.
    pub(crate) fn be_the_device(&mut self) {
        let Some(at) = self.any_map(|map| matches!(map.doing, Doing::Loaded { segments: 1.. })) else { return };
        let map = self.maps[at].map;
        let segments = self.client.call(&Segments { map }).unwrap().segments;
        // A further load of a loaded map takes the first mapping away.
        if segments.is_empty() && self.mix == Mix::Everything {
            return;
        }
        let segment = u32::try_from(self.random.index(segments.len())).unwrap();
        let read = self.client.call(&DeviceRead { map, segment, offset: None, length: None });
        // FreeBSD's quirks can make a segment go beyond what is the client's.
        if let Ok(read) = sorted(read).1 {
            self.client.call(&DeviceWrite { map, segment, offset: None, data: read.data }).unwrap();
        }
    }
}

/// Whether FreeBSD counts the pages of all of a request before it takes any. One in several parts that is deferred keeps the
/// pages of the parts before, takes them once more when it is taken up, and so can come to need more than there are.
fn is_in_one_part(request: &Request) -> bool {
    match request {
        Request::Buffer(_) | Request::Bio(Bio::Mapped(_)) => true,
        Request::Ccb(ccb) => matches!(ccb.data, CcbData::Vaddr(_) | CcbData::Paddr(_)),
        Request::Mem(mem) => matches!(**mem, MemDesc::Vaddr(_) | MemDesc::Paddr(_)),
        _ => false,
    }
}
