//! What the daemon counts, as one value filled at each scrape, and how it is served.

mod exposition;
mod host;
mod http;
mod latency;

pub use exposition::{CONTENT_TYPE, exposition};
pub use host::{DeviceSample, HostSample};
pub(crate) use http::{Source, serve};
pub use latency::{BUCKETS_NS, Latency, LatencyBin, LatencySample};

use crate::config::Scope;

/// Everything that is counted, at one moment. Totals count since the daemon's start.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sample {
    /// The machines, the shared one first.
    pub machines: Vec<MachineSample>,
    /// The connections.
    pub connections: ConnectionSample,
    /// Requests refused because a quota or limit was used up.
    pub quota_refusals: Vec<QuotaRefusals>,
    /// The recorder.
    pub recorder: RecorderSample,
    /// The host's real DMA; absent until probes are attached.
    pub host: Option<HostSample>,
}

/// One machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MachineSample {
    /// Its name: `host0`, or the id of a private one.
    pub name: String,
    /// Its bounce zones.
    pub zones: Vec<ZoneSample>,
    /// Its loads by outcome.
    pub loads: LoadCounts,
    /// Loads and creations that failed, by the error's name.
    pub rejected: Vec<NamedTotal>,
    /// Hazards met, by kind.
    pub hazards: Vec<NamedTotal>,
    /// Its tags.
    pub tags: u64,
    /// Its maps by state.
    pub maps: MapCounts,
    /// How long loads took, those that were deferred up to the deferral.
    pub load: LatencySample,
    /// How long syncs took, copies included.
    pub sync: LatencySample,
    /// How long deferred loads waited for pages.
    pub load_deferred: LatencySample,
}

/// One bounce zone, with FreeBSD's counters.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ZoneSample {
    /// Its name: `zone0`.
    pub name: String,
    /// `free_bpages`.
    pub free: u64,
    /// `reserved_bpages`.
    pub reserved: u64,
    /// `active_bpages`.
    pub active: u64,
    /// `total_bpages`.
    pub total: u64,
    /// The most that `active` ever was.
    pub active_max: u64,
    /// `total_bounced`.
    pub bounced_total: u64,
    /// `total_deferred`.
    pub deferred_total: u64,
    /// Nanoseconds that resumed loads have waited in all.
    pub deferred_ns_total: u64,
    /// Maps that wait for its pages now.
    pub waiters: u64,
}

/// Loads by outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LoadCounts {
    /// Loaded at once.
    pub loaded: u64,
    /// Deferred, whatever became of them.
    pub deferred: u64,
    /// Without anything to map.
    pub no_data: u64,
}

/// Maps by state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MapCounts {
    /// Not loaded.
    pub idle: u64,
    /// Waiting for pages.
    pub deferred: u64,
    /// Loaded.
    pub loaded: u64,
}

/// A total of one kind among several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NamedTotal {
    /// The kind, in `snake_case`.
    pub name: &'static str,
    /// How often.
    pub total: u64,
}

/// The connections.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConnectionSample {
    /// Open now.
    pub open: u64,
    /// Served since the start, the open ones included.
    pub served_total: u64,
    /// Closed unserved, by reason. A reason may be named twice; its totals are added.
    pub refused: Vec<(Refusal, u64)>,
}

/// Why a connection was closed unserved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Refusal {
    /// Its user and group are on neither list of the configuration.
    NotAllowed,
    /// As many are open as may be.
    TooMany,
    /// Its user has as many open as one may.
    UidQuota,
    /// The system had no thread, memory or descriptor for it.
    NoResources,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::NotAllowed, Self::TooMany, Self::UidQuota, Self::NoResources];

    /// The name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::TooMany => "too_many",
            Self::UidQuota => "uid_quota",
            Self::NoResources => "no_resources",
        }
    }
}

/// How often one quota or limit was used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuotaRefusals {
    /// [`Quota::name`](crate::config::Quota::name), or the name of a key of `limits`.
    pub quota: &'static str,
    /// Whose.
    pub scope: Scope,
    /// Requests refused.
    pub total: u64,
}

/// The recorder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RecorderSample {
    /// What it does.
    pub state: RecorderState,
    /// Bytes that wait to be written.
    pub queue_bytes: u64,
    /// Operations written.
    pub operations_written_total: u64,
    /// Operations dropped because the queue was full.
    pub operations_dropped_total: u64,
    /// Bytes written, after compression.
    pub bytes_written_total: u64,
    /// Writes that failed.
    pub errors_total: u64,
}

/// What the recorder does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RecorderState {
    /// Nothing: it was not started, or stopped as asked.
    #[default]
    Off,
    /// It records.
    Recording,
    /// It stopped by itself: the disk or its share of it is full, or a write failed.
    Failed,
}

impl RecorderState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Recording, Self::Failed];

    /// The name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Recording => "recording",
            Self::Failed => "failed",
        }
    }
}
