//! What machines hold.

use crate::hex::Hex;
use crate::ids::{MachineId, MapRef, SessionId, TagRef};
use serde::{Deserialize, Serialize};
use zlink::introspect;

/// Asks for a snapshot.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
#[zlink(rename = "SnapshotParameters")]
pub struct Snapshot {
    /// One machine; all that the caller may see when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineId>,
    /// Maps and waiters to list at most, each, a machine; 100 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Asks for a snapshot every interval.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
#[zlink(rename = "WatchParameters")]
pub struct Watch {
    /// One machine; all that the caller may see when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineId>,
    /// Maps and waiters to list at most, each, a machine; 100 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Milliseconds from snapshot to snapshot; 1000 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
}

/// Everything as it is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct SnapshotReply {
    /// When.
    pub t_ns: u64,
    /// The machines, `host0` first.
    pub machines: Vec<MachineSnapshot>,
}

/// One machine.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct MachineSnapshot {
    /// Its id.
    pub machine: MachineId,
    /// The session it belongs to; absent for the shared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// Which bus_dma(9).
    pub profile: String,
    /// Its bounce zones, in creation order.
    pub zones: Vec<ZoneInfo>,
    /// The queue for bounce pages, head first.
    pub waiters: Vec<Waiter>,
    /// How long that queue is.
    pub waiters_total: u32,
    /// Its tags, in creation order.
    pub tags: Vec<TagInfo>,
    /// Its maps that are loaded or wait, oldest mapping first.
    pub maps: Vec<MapInfo>,
    /// How many maps there are.
    pub maps_total: MapTotals,
    /// Bytes of registered memory.
    pub memory_bytes: u64,
    /// Bytes of dmamem.
    pub dmamem_bytes: u64,
    /// Loads that were carried out, failed ones too.
    pub loads: u64,
    /// Loads that failed.
    pub loads_failed: u64,
    /// How long things took.
    pub latency: Latency,
}

/// `hw.busdma.zoneN`, by FreeBSD's names, and what they leave out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct ZoneInfo {
    /// Its number.
    pub zone: u32,
    /// Highest address of its pages, inclusive.
    pub lowaddr: Hex,
    /// Bytes.
    pub alignment: u64,
    /// Pages ever added.
    pub total_bpages: u32,
    /// Pages neither promised nor in use.
    pub free_bpages: u32,
    /// Pages promised to maps.
    pub reserved_bpages: u32,
    /// Pages that hold a loaded map's bytes.
    pub active_bpages: u32,
    /// The most that were ever active at once.
    pub active_bpages_max: u32,
    /// Syncs that copied, as FreeBSD counts them.
    pub total_bounced: u32,
    /// Deferred loads, counted when they are woken, as FreeBSD counts them.
    pub total_deferred: u32,
    /// What resumed loads have waited in all, microseconds.
    pub total_deferred_time: u64,
    /// Maps created for the zone.
    pub map_count: i32,
    /// Maps that wait for its pages.
    pub waiters: u32,
}

/// A map that waits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct Waiter {
    /// The map.
    pub map: MapRef,
    /// Its tag.
    pub tag: TagRef,
    /// Whose it is.
    pub session: SessionId,
    /// The zone it waits for.
    pub zone: u32,
    /// Pages it needs in all.
    pub needed: u32,
    /// Pages it has been promised.
    pub reserved: u32,
    /// How long it has waited, nanoseconds.
    pub age_ns: u64,
}

/// A tag.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct TagInfo {
    /// The tag.
    pub tag: TagRef,
    /// Whose it is.
    pub session: SessionId,
    /// The preset it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Bytes.
    pub alignment: u64,
    /// 0 is none.
    pub boundary: Hex,
    /// The last address below the excluded window.
    pub lowaddr: Hex,
    /// The last excluded address.
    pub highaddr: Hex,
    /// Bytes.
    pub maxsize: u64,
    /// Left out when there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsegments: Option<u32>,
    /// Bytes.
    pub maxsegsz: u64,
    /// Its bounce zone, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<u32>,
    /// Maps that belong to it.
    pub maps: u32,
}

/// What a map is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum MapState {
    /// Nothing.
    Idle,
    /// A load waits for bounce pages.
    Deferred,
    /// The device may use the mapping.
    Loaded,
}

/// A map.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct MapInfo {
    /// The map.
    pub map: MapRef,
    /// Its tag.
    pub tag: TagRef,
    /// Whose it is.
    pub session: SessionId,
    /// The uid of the session.
    pub uid: u32,
    /// What it is doing.
    pub state: MapState,
    /// Bytes of the mapping.
    pub bytes: u64,
    /// Segments of the mapping.
    pub segments: u32,
    /// Bounce pages it holds.
    pub bounce_pages: u32,
    /// How long it has been in this state, nanoseconds.
    pub age_ns: u64,
}

/// Maps by what they do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
pub struct MapTotals {
    /// Nothing.
    pub idle: u32,
    /// They wait for bounce pages.
    pub deferred: u32,
    /// They are loaded.
    pub loaded: u32,
}

/// How long things took.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
pub struct Latency {
    /// The engine's part of a load.
    pub load: Percentiles,
    /// A sync that copied, copying included.
    pub sync: Percentiles,
    /// From a load's deferral to its end.
    pub deferral: Percentiles,
}

/// A distribution, nanoseconds.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
pub struct Percentiles {
    /// How many were measured.
    pub count: u64,
    /// The mean.
    pub mean_ns: u64,
    /// Half took at most this.
    pub p50_ns: u64,
    /// Nine of ten.
    pub p90_ns: u64,
    /// 99 of 100.
    pub p99_ns: u64,
    /// 999 of 1000.
    pub p999_ns: u64,
    /// The longest.
    pub max_ns: u64,
    /// How many fell where, by rising limit; bins without any are left out.
    #[serde(default)]
    pub bins: Vec<Bin>,
}

/// One bin of a distribution.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct Bin {
    /// The longest that falls into it, nanoseconds: a power of two less one. The shortest is one more than half of that; of 0
    /// it is 0.
    pub upto_ns: u64,
    /// How many did.
    pub count: u64,
}
