//! What a client's calls have had machines do, to be found again in a recording.

use busdma_api::SessionId;
use busdma_api::client::CallError;
use busdma_api::engine::{EngineError, Failure};
use busdma_trace::format::Op;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// How often each session has had each operation carried out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) calls: BTreeMap<(SessionId, Op), u64>,
    /// Tags that were left when a session ended. FreeBSD may have freed some of them with others: it counts some references
    /// too few.
    pub(crate) left_tags: BTreeMap<SessionId, u64>,
    /// Loads that were deferred, and how they ended.
    pub(crate) deferrals: Deferrals,
}

/// Deferred loads by how they ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Deferrals {
    /// All of them.
    pub(crate) begun: u64,
    /// They got their pages.
    pub(crate) loaded: u64,
    /// They were taken up, but came to an error.
    pub(crate) failed: u64,
    /// The client's session ended before.
    pub(crate) abandoned: u64,
}

impl Counts {
    /// Counts an operation of a session.
    pub(crate) fn add(&mut self, session: SessionId, op: Op, times: u64) {
        if times > 0 {
            *self.calls.entry((session, op)).or_default() += times;
        }
    }

    /// Counts what another client did.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (&(session, op), &times) in &other.calls {
            self.add(session, op, times);
        }
        for (&session, &tags) in &other.left_tags {
            *self.left_tags.entry(session).or_default() += tags;
        }
        let (mine, theirs) = (&mut self.deferrals, &other.deferrals);
        mine.begun += theirs.begun;
        mine.loaded += theirs.loaded;
        mine.failed += theirs.failed;
        mine.abandoned += theirs.abandoned;
    }

    /// How often a session can have had an operation carried out.
    pub(crate) fn range(&self, session: SessionId, op: Op) -> RangeInclusive<u64> {
        let calls = self.calls.get(&(session, op)).copied().unwrap_or(0);
        let left = if op == Op::TagDestroy { self.left_tags.get(&session).copied().unwrap_or(0) } else { 0 };
        calls..=calls + left
    }

    /// All calls of one kind.
    pub(crate) fn of(&self, op: Op) -> u64 {
        self.calls.iter().filter(|((_, of), _)| *of == op).map(|(_, times)| times).sum()
    }
}

/// Who answered a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answered {
    /// The machine's engine: it is in the recording.
    ByEngine,
    /// The service, before it came to the engine.
    ByService,
}

/// Who answered, and the reply.
///
/// # Panics
/// When there is no answer, or one that only a broken service gives.
pub(crate) fn sorted<R>(result: Result<R, CallError<EngineError>>) -> (Answered, Result<R, EngineError>) {
    match result {
        Ok(reply) => (Answered::ByEngine, Ok(reply)),
        Err(CallError::Refused(error)) => (who_refuses(&error), Err(error)),
        Err(error) => panic!("no answer: {error:?}"),
    }
}

/// As [`sorted`], for an operation of a batch.
pub(crate) fn failure(failure: &Failure) -> EngineError {
    let parameters = failure.parameters.as_ref().map_or_else(String::new, |parameters| {
        format!(",\"parameters\":{}", serde_json::to_string(parameters).unwrap())
    });
    serde_json::from_str(&format!("{{\"error\":\"{}\"{parameters}}}", failure.error)).unwrap()
}

pub(crate) fn who_refuses(error: &EngineError) -> Answered {
    match error {
        EngineError::TooManySegments { .. }
        | EngineError::NoBouncePages { .. }
        | EngineError::NeverSatisfiable { .. }
        | EngineError::PoolNotFilled { .. }
        | EngineError::NoMemory { .. }
        | EngineError::ExceedsMaxSize { .. }
        | EngineError::Unreachable { .. }
        | EngineError::InvalidRequest { .. }
        | EngineError::KernelPanic { .. }
        | EngineError::AlreadyLoaded { .. }
        | EngineError::StillDeferred { .. }
        | EngineError::StillLoaded { .. }
        | EngineError::Busy { .. }
        | EngineError::InvalidTag { .. }
        // Clients know what they have, but dmamem's map does not keep its tag from being destroyed.
        | EngineError::NoSuchObject { .. } => Answered::ByEngine,
        EngineError::NotLoaded { .. }
        | EngineError::MemoryBusy { .. }
        | EngineError::InvalidMemory { .. }
        | EngineError::NotOwner { .. }
        | EngineError::OutOfRange { .. } => Answered::ByService,
        other => panic!("no client asked for this: {other:?}"),
    }
}
