//! Mappings against what their devices can do.

use serde::{Deserialize, Serialize};
use zlink::introspect;

/// Asks for the comparison.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
#[zlink(rename = "CorrelationParameters")]
pub struct Correlation {
    /// Of one device; of all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// The comparison.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct CorrelationReply {
    /// When.
    pub t_ns: u64,
    /// How many events there were, by tracepoint.
    pub events: Vec<EventCount>,
    /// Verdicts by device.
    pub devices: Vec<DeviceVerdicts>,
    /// Some of what differs, of every kind.
    pub differences: Vec<Difference>,
    /// What no single mapping shows, worst first.
    pub findings: Vec<Finding>,
    /// Requests by disk.
    pub disks: Vec<BlockTotals>,
    /// The swiotlb pool.
    pub pool: PoolEstimate,
    /// Events that ended or synchronised mappings made before the probes were attached.
    pub unmatched: u64,
}

/// Events of one tracepoint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct EventCount {
    /// Its name.
    pub event: String,
    /// How many.
    pub count: u64,
}

/// A device's verdicts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct DeviceVerdicts {
    /// Which.
    pub device: String,
    /// Verdicts that there were.
    pub verdicts: Vec<VerdictCount>,
}

/// How many mappings came to one verdict.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct VerdictCount {
    /// The verdict.
    pub verdict: String,
    /// How many.
    pub count: u64,
    /// When the latest of them was made, or tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_ns: Option<u64>,
}

/// What a difference or a finding means to a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum Weight {
    /// I/O fails, or waits.
    Failure,
    /// Nothing known explains it.
    Unexplained,
    /// It cannot be said whether all is well.
    Unknown,
    /// It is as it should be, and good to know.
    Note,
}

/// A mapping that differs from what was expected.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct Difference {
    /// Whose it is.
    pub device: String,
    /// When it was made, or tried.
    pub t_ns: u64,
    /// The thread that asked, or that was interrupted.
    pub pid: u32,
    /// Its name.
    pub task: String,
    /// Bytes.
    pub size: u64,
    /// Entries that were asked for.
    pub entries: u32,
    /// The verdict.
    pub verdict: String,
    /// What that means to a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Weight>,
    /// The verdict in one sentence.
    pub sentence: String,
    /// What to do about it.
    pub advice: String,
}

/// What no single mapping shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct Finding {
    /// What kind of thing.
    pub kind: String,
    /// What it means to a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Weight>,
    /// About which device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// One sentence.
    pub sentence: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Requests of one disk that read or write.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct BlockTotals {
    /// `major,minor`.
    pub disk: String,
    /// Requests given to the driver, again included.
    pub issued: u64,
    /// Of those, given once more.
    pub reissued: u64,
    /// Requests done.
    pub completed: u64,
    /// Of those, with an error.
    pub errors: u64,
}

/// What the swiotlb pool must hold, as far as events tell. Slots are 2 KiB.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
pub struct PoolEstimate {
    /// Slots there are, where that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_slots: Option<u64>,
    /// Slots that mappings hold.
    pub used_slots: u64,
    /// Most slots held at once.
    pub high_water_slots: u64,
    /// What the kernel says is held, where that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_used_slots: Option<u64>,
    /// What the kernel says was held at most. It can be some slots more than there are: the kernel hands slots out again
    /// a moment before it counts them as given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_high_water_slots: Option<u64>,
    /// Times that it was asked for room and had none.
    pub full: u64,
    /// Of those, times that slots enough were free, but not in one piece.
    pub fragmented: u64,
    /// The last such times.
    pub moments: Vec<FullMoment>,
}

/// A time when the pool had no room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct FullMoment {
    /// When.
    pub t_ns: u64,
    /// Who asked for room.
    pub device: String,
    /// Bytes that were asked for.
    pub wanted: u64,
    /// Slots that were held.
    pub used_slots: u64,
}
