//! All that is shown of one moment.
//!
//! A frame owns what it holds and is never changed once it is made: sources share it as `Arc<Frame>`, a frozen screen keeps
//! an old one, and the same frame drawn twice looks the same.

mod decision;
mod finding;
mod host;
mod log;
mod machine;
mod timeline;
mod trend;

pub use decision::{BounceWhy, CopyWay, Decision, DecisionKind, SplitWhy, What};
pub use finding::{FindingRow, Severity};
pub use host::{DeviceRow, HostFrame, PoolRow, Probes};
pub use log::{CHUNK_DECISIONS, DecisionLog, Numbered};
pub use machine::{
    Bin, Distribution, Latency, Machine, MapRow, MapState, MapTotals, TagRow, WaiterRow, ZoneRates, ZoneRow,
};
pub use timeline::{Bucket, TimeAxis, Timeline};
pub use trend::{Trend, TrendSample};

use compact_str::CompactString;

/// The name of an object: a machine, a map, a tag, a session, a device. Short ones are kept inline.
pub type Name = CompactString;

/// All that is shown of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// What is watched, and how that goes.
    pub origin: Origin,
    /// When, nanoseconds on the source's own clock; or a number of operations where [`Timeline::axis`] says so.
    pub t_ns: u64,
    /// The same moment as Unix time, nanoseconds, where it is known.
    pub unix_ns: Option<i64>,
    /// Machines in the source's order, the shared one first.
    pub machines: Vec<Machine>,
    /// What is wrong, worst first, then newest first.
    pub findings: Vec<FindingRow>,
    /// Decisions up to this moment, as far as they are kept.
    pub decisions: DecisionLog,
    /// The DMA of the host, where anything is known of it.
    pub host: Option<HostFrame>,
    /// What got lost on the way to the screen.
    pub lost: Lost,
    /// The whole recording, where this is one.
    pub timeline: Option<Timeline>,
}

/// What is watched, and how that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Which kind of source.
    pub kind: OriginKind,
    /// Its path or name, for people.
    pub name: String,
    /// How the source is.
    pub state: OriginState,
    /// The daemon's recorder, where there is one.
    pub recording: Option<RecordingState>,
}

/// Kinds of sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginKind {
    /// A daemon.
    Live,
    /// A busdma-trace file.
    Recording,
    /// A capture of a host's DMA.
    HostCapture,
    /// Made-up traffic on an engine in this process.
    Demo,
}

/// How a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginState {
    /// Frames come.
    Running,
    /// The frame stays where it is.
    Paused,
    /// The recording is at its end.
    Ended,
    /// The daemon is gone; the frame is the last one there was.
    Disconnected {
        /// How long, nanoseconds.
        since_ns: u64,
        /// Why, in a few words.
        why: String,
    },
    /// A recording cannot be read there, or not to its end; what is shown is as far as it could be read.
    Unreadable {
        /// Why, in the system's words.
        why: String,
    },
    /// A recording is still being read; what is shown is right, but later moments cannot be reached yet.
    Indexing {
        /// How much of the file, percent.
        percent: u8,
    },
}

/// Whether the daemon records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingState {
    /// It does not.
    Off,
    /// It does.
    On,
}

/// What got lost on the way to the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Decisions that came too fast.
    pub decisions: u64,
    /// Host events that did not fit into the kernel's ring.
    pub events: u64,
    /// Findings that the daemon had no room to keep.
    pub findings: u64,
    /// Lines of the recording that could not be read.
    pub lines: u64,
}

impl Lost {
    /// Everything together.
    pub const fn total(&self) -> u64 {
        self.decisions.saturating_add(self.events).saturating_add(self.findings).saturating_add(self.lines)
    }
}

impl Frame {
    /// A frame that shows nothing yet.
    pub fn empty(origin: Origin) -> Self {
        Self {
            origin,
            t_ns: 0,
            unix_ns: None,
            machines: Vec::new(),
            findings: Vec::new(),
            decisions: DecisionLog::default(),
            host: None,
            lost: Lost::default(),
            timeline: None,
        }
    }

    /// The machine of that name.
    pub fn machine(&self, name: &str) -> Option<&Machine> {
        self.machines.iter().find(|machine| machine.machine == name)
    }
}
