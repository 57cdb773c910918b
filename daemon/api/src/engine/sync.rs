//! Syncs and unloads.

use crate::hex::Hex;
use crate::ids::MapRef;
use serde::{Deserialize, Serialize};
use zlink::introspect;

/// Makes CPU and device see the same bytes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "SyncParameters")]
#[serde(deny_unknown_fields)]
pub struct Sync {
    /// The map.
    pub map: MapRef,
    /// One call with all of these.
    pub ops: Vec<SyncOp>,
    /// How much to reply; `totals` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<SyncDetail>,
}

/// A sync operation, seen from host memory: a read is data that comes from the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "lowercase")]
#[zlink(rename_all = "lowercase")]
pub enum SyncOp {
    /// Before the device updates memory.
    PreRead,
    /// After the device updated memory.
    PostRead,
    /// After the CPU updated memory, before the device looks.
    PreWrite,
    /// After the device looked.
    PostWrite,
}

/// How much a sync replies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum SyncDetail {
    /// Pages and bytes.
    Totals,
    /// Each copy too.
    Copies,
}

/// What a sync did.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
pub struct SyncReply {
    /// Bounce pages copied.
    pub pages: u32,
    /// Bytes copied.
    pub bytes: u64,
    /// The copies in order, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copies: Option<Vec<Copied>>,
}

/// The copy of one bounce page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct Copied {
    /// Which way.
    pub direction: CopyDirection,
    /// Where the device sees the bytes.
    pub addr: Hex,
    /// Bytes FreeBSD copies.
    pub bytes: u64,
    /// True where FreeBSD would have written past the bounce page; that part is dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrun: Option<bool>,
}

/// Which way bytes were copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum CopyDirection {
    /// From the client's memory.
    ToBounce,
    /// To the client's memory.
    FromBounce,
}

/// Releases a mapping.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "UnloadParameters")]
#[serde(deny_unknown_fields)]
pub struct Unload {
    /// The map.
    pub map: MapRef,
}

/// What an unload did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
pub struct UnloadReply {
    /// Bounce pages given back.
    pub released: u32,
    /// Deferred loads that got their pages by it.
    pub woken: u32,
}
