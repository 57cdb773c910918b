//! What machines decide, and what was found wrong.

use crate::hex::Hex;
use crate::ids::{MachineId, MapRef, SessionId, TagRef};
use serde::{Deserialize, Serialize};
use zlink::introspect;

/// Asks for decisions as they are taken.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
#[zlink(rename = "DecisionsParameters")]
pub struct Decisions {
    /// Of one machine; of all that the caller may see when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineId>,
    /// Only these kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<String>>,
    /// Only about this map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<MapRef>,
    /// Only about this tag's maps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<TagRef>,
    /// Only of this session's calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// Decisions kept for a slow reader; as configured when left out, and never more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog: Option<u32>,
    /// Milliseconds at least from reply to reply; replies come as decisions do when left out. With it a reply holds all that
    /// is kept: the newest `backlog`, at most 4096; older ones are counted as lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
}

/// Decisions, oldest first.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct DecisionsReply {
    /// At least one, unless some were lost.
    pub decisions: Vec<DecisionRecord>,
    /// Older ones that were lost since the reply before.
    pub lost: u64,
}

/// One thing decided. Which fields are there depends on the kind.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
pub struct DecisionRecord {
    /// When.
    pub t_ns: u64,
    /// Where.
    pub machine: Option<MachineId>,
    /// Whose call brought it about.
    pub session: Option<SessionId>,
    /// `bounced`, `split`, `deferred`, …
    pub kind: String,
    /// The map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<MapRef>,
    /// The tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<TagRef>,
    /// The zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<u32>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A bus address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addr: Option<Hex>,
    /// A physical address of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Hex>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// Index of a segment, or how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<u64>,
    /// Pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<u64>,
    /// Pages needed or wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<u64>,
    /// Waiters ahead in the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<u64>,
    /// How long it waited, nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_ns: Option<u64>,
}

/// Asks what was found wrong.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
#[zlink(rename = "FindingsParameters")]
pub struct Findings {
    /// On one machine; on all that the caller may see when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineId>,
}

/// What was found wrong.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct FindingsReply {
    /// Worst first, then newest first.
    pub findings: Vec<Finding>,
    /// Findings that there was no room to keep.
    pub lost: u64,
}

/// Something wrong, by kind and object.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct Finding {
    /// Where; absent for the service itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineId>,
    /// Its kind: a hazard's name, or `recording_stopped`.
    pub kind: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub advice: String,
    /// The map it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<MapRef>,
    /// The tag it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<TagRef>,
    /// Whose call showed it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// When it was first seen.
    pub first_ns: u64,
    /// When it was last seen.
    pub last_ns: u64,
    /// How often.
    pub count: u64,
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum Severity {
    /// Not what was meant.
    Warning,
    /// Calls fail or wait for ever.
    Error,
    /// Bytes go where they should not.
    Corruption,
}
