//! What came of a scenario.

use crate::reason::Reason;
use busdma_api::client::CallError;
use busdma_api::engine::{EngineError, Parameters};
use busdma_trace::format::Ret;
use std::fmt::{self, Debug, Write as _};

/// What came of a scenario.
pub(crate) enum Verdict {
    /// It was carried out to its end.
    Ran(Seen),
    /// It was left out.
    LeftOut(Reason),
}

/// One answer of the daemon that is not FreeBSD's.
pub(crate) struct Difference {
    pub(crate) seq: u64,
    pub(crate) field: &'static str,
    pub(crate) expected: String,
    pub(crate) got: String,
}

/// What was compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Seen {
    /// Operations carried out.
    pub(crate) operations: u64,
    /// Ends of deferred loads.
    pub(crate) callbacks: u64,
    /// Hashes of clients' bytes.
    pub(crate) client_hashes: u64,
    /// Hashes of bounce pages.
    pub(crate) bounce_hashes: u64,
    /// Hashes of bounce pages that nothing tells the addresses of: the sync copied none.
    pub(crate) bounce_hashes_unseen: u64,
    /// Counters of maps.
    pub(crate) map_states: u64,
    /// Counters of maps that no reply tells: the load failed, or had waited before the map was unloaded.
    pub(crate) map_states_unseen: u64,
}

impl Seen {
    /// Adds what another scenario saw.
    pub(crate) fn add(&mut self, other: &Self) {
        self.operations += other.operations;
        self.callbacks += other.callbacks;
        self.client_hashes += other.client_hashes;
        self.bounce_hashes += other.bounce_hashes;
        self.bounce_hashes_unseen += other.bounce_hashes_unseen;
        self.map_states += other.map_states;
        self.map_states_unseen += other.map_states_unseen;
    }
}

impl Difference {
    pub(crate) fn new(seq: u64, field: &'static str, expected: &impl Debug, got: &impl Debug) -> Self {
        Self { seq, field, expected: short(expected), got: short(got) }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, field, expected, got } = self;
        write!(f, "seq {seq} {field}: expected {expected}, got {got}")
    }
}

/// A value as it fits a line.
fn short(value: &impl Debug) -> String {
    let mut text = String::new();
    write!(text, "{value:?}").unwrap();
    if text.len() > 400 {
        text.truncate(text.floor_char_boundary(400));
        text.push('…');
    }
    text
}

/// A refusal as FreeBSD words it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    /// The call returns an error, or the callback is given it.
    Errno(Ret),
    /// The kernel stops.
    Panic {
        /// Only one with INVARIANTS does.
        assert: bool,
    },
    /// FreeBSD has no such answer.
    ByService(String),
}

impl From<CallError<EngineError>> for Refused {
    fn from(error: CallError<EngineError>) -> Self {
        match error {
            CallError::Refused(error) => Self::from(&error),
            error => panic!("the call has no answer: {error:?}"),
        }
    }
}

impl From<&EngineError> for Refused {
    fn from(error: &EngineError) -> Self {
        match error {
            EngineError::TooManySegments { .. } => Self::Errno(Ret::Efbig),
            EngineError::NoBouncePages { .. } | EngineError::PoolNotFilled { .. } | EngineError::NoMemory { .. } => {
                Self::Errno(Ret::Enomem)
            }
            EngineError::InvalidRequest { .. } | EngineError::InvalidTag { .. } => Self::Errno(Ret::Einval),
            EngineError::Busy { .. } | EngineError::StillLoaded { .. } | EngineError::StillDeferred { .. } => {
                Self::Errno(Ret::Ebusy)
            }
            EngineError::KernelPanic { assertion, .. } => Self::Panic { assert: *assertion },
            other => Self::ByService(format!("{other:?}")),
        }
    }
}

impl Refused {
    /// The refusal that a deferred load ended with, by the error's name and its numbers.
    pub(crate) fn deferred(name: &str, details: Option<&Parameters>) -> Self {
        let reply = match details {
            Some(details) => serde_json::json!({ "error": name, "parameters": details }),
            None => serde_json::json!({ "error": name }),
        };
        match serde_json::from_value::<EngineError>(reply.clone()) {
            Ok(error) => Self::from(&error),
            Err(_) => Self::ByService(reply.to_string()),
        }
    }
}
