//! Probes: attached, missing, refused.

use serde::{Deserialize, Serialize};
use zlink::introspect;

/// Asks for the state of each probe.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
#[zlink(rename = "ProbesParameters")]
pub struct Probes {}

/// Attaches the probes.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
#[zlink(rename = "AttachParameters")]
pub struct Attach {
    /// These devices only, chosen in the kernel; all when left out or empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<Vec<String>>,
    /// What the kernel side gathers; events when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gathering: Option<Gathering>,
}

/// What the kernel side gathers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum Gathering {
    /// Every event.
    Events,
    /// Counts and sizes only, which costs less: no mappings, verdicts or samples.
    Totals,
}

/// Detaches the probes.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
#[zlink(rename = "DetachParameters")]
pub struct Detach {}

/// The probes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct ProbesReply {
    /// All of them together.
    pub state: ProbesState,
    /// Why none is attached, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// What the kernel side gathers.
    pub gathering: Gathering,
    /// The devices it is restricted to; all when empty.
    pub devices: Vec<String>,
    /// Each probe.
    pub probes: Vec<ProbeInfo>,
    /// Events that were read.
    pub delivered: u64,
    /// Events that did not fit into the ring.
    pub dropped: u64,
}

/// All probes together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum ProbesState {
    /// None is attached, and nobody has asked for any.
    Detached,
    /// Some are attached.
    Attached,
    /// None could be attached.
    Unavailable,
}

/// One probe.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct ProbeInfo {
    /// The program.
    pub program: String,
    /// The tracepoint it is for.
    pub tracepoint: String,
    /// Whether it runs.
    pub state: ProbeState,
    /// Why it does not, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Events of it that were read.
    pub delivered: u64,
    /// Events of it that did not fit into the ring.
    pub dropped: u64,
    /// Events of it of other devices than those asked for.
    pub filtered: u64,
    /// How often it ran since it was loaded, by its own counters: what was delivered, dropped, filtered or added up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<u64>,
    /// Times that its tracepoint was reached while it was running already, so that it did not run; where the kernel counts
    /// that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<u64>,
    /// Nanoseconds that a run takes, where the kernel counts that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ns_per_run: Option<u64>,
}

/// Whether a probe runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum ProbeState {
    /// Nobody asked for it.
    Disabled,
    /// It runs.
    Attached,
    /// This kernel has no such tracepoint.
    Missing,
    /// A capability is missing.
    Denied,
    /// The kernel refuses it.
    Failed,
}
