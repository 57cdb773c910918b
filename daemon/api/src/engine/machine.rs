//! Machines: simulated hosts.

use crate::hex::Hex;
use crate::ids::{MachineId, SessionId};
use serde::{Deserialize, Serialize};
use zlink::introspect;

/// What to make. Everything left out is as on `host0`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "CreateMachineParameters")]
#[serde(deny_unknown_fields)]
pub struct CreateMachine {
    /// Which bus_dma(9): `freebsd-11`, `freebsd-12`, `arm64-12` or `strict`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Physical address space in use, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The most pages that map creation grows a pool to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bpages: Option<u32>,
    /// Where bounce pages come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounce: Option<BounceModel>,
}

/// Bounce frames: the k-th handed out lies at base + k * stride, over all zones of the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
pub struct BounceModel {
    /// The first frame.
    pub base: Hex,
    /// Bytes from frame to frame, a multiple of the page size.
    pub stride: u64,
    /// How many there are.
    pub frames: u64,
}

/// A machine that was made.
#[derive(Clone, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct CreateMachineReply {
    /// Its id.
    pub machine: MachineId,
}

/// Asks for all machines.
#[derive(Clone, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "ListMachinesParameters")]
#[serde(deny_unknown_fields)]
pub struct ListMachines {}

/// All machines the caller may use.
#[derive(Clone, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct ListMachinesReply {
    /// `host0` first.
    pub machines: Vec<MachineInfo>,
}

/// Names a machine.
#[derive(Clone, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "DescribeMachineParameters")]
#[serde(deny_unknown_fields)]
pub struct DescribeMachine {
    /// The machine.
    pub machine: MachineId,
}

/// What a machine is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct MachineInfo {
    /// Its id.
    pub machine: MachineId,
    /// The session it belongs to; absent for the shared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// Which bus_dma(9).
    pub profile: String,
    /// Physical address space in use, bytes.
    pub memory_bytes: u64,
    /// The most pages that map creation grows a pool to.
    pub max_bpages: u32,
    /// Where bounce pages come from.
    pub bounce: BounceModel,
    /// Tags on it.
    pub tags: u32,
    /// Maps on it.
    pub maps: u32,
    /// Bounce zones on it.
    pub zones: u32,
    /// Maps that wait for bounce pages.
    pub waiters: u32,
}

/// Destroys a machine.
#[derive(Clone, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "DestroyMachineParameters")]
#[serde(deny_unknown_fields)]
pub struct DestroyMachine {
    /// The machine.
    pub machine: MachineId,
}

/// Asks for the bounce pools.
#[derive(Clone, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "ZoneMemoryParameters")]
#[serde(deny_unknown_fields)]
pub struct ZoneMemory {
    /// A private machine of the session.
    pub machine: MachineId,
}

/// The bounce pools of a machine.
#[derive(Clone, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct ZoneMemoryReply {
    /// All files that hold pages. A pool that grows later keeps its file; ask again for the new parts.
    pub pools: Vec<ZonePool>,
}

/// The pages of one zone, or of several.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct ZonePool {
    /// Numbers of the zones whose pages are in it: zones with the same lowaddr share a file.
    pub zones: Vec<u32>,
    /// Index of its file among the descriptors that came with the reply.
    pub fd: u32,
    /// Where its pages lie in the file.
    pub runs: Vec<PoolRun>,
}

/// Neighbouring bounce pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct PoolRun {
    /// Bus address of the first byte.
    pub addr: Hex,
    /// Its offset in the file, bytes.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}
