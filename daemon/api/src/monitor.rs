//! `org.busdma.Monitor`: snapshots, decisions and findings.

mod decision;
mod snapshot;

pub use decision::{DecisionRecord, Decisions, DecisionsReply, Finding, Findings, FindingsReply, Severity};
pub use snapshot::{
    Bin, Latency, MachineSnapshot, MapInfo, MapState, MapTotals, Percentiles, Snapshot, SnapshotReply, TagInfo, Waiter,
    Watch, ZoneInfo,
};

use crate::interface::interface;
use zlink::introspect;

interface! {
    /// What machines hold, decide and suffer from.
    ///
    /// Times are nanoseconds since the daemon started.
    interface MonitorMethod = "org.busdma.Monitor";
    errors MonitorError;
    types [
        MachineSnapshot, ZoneInfo, Waiter, TagInfo, MapInfo, MapState, MapTotals, Latency, Percentiles, Bin, DecisionRecord,
        Finding, Severity,
    ];
    /// Everything as it is now.
    method Snapshot -> SnapshotReply;
    /// A snapshot every interval. Must be called with `more`.
    method Watch -> SnapshotReply;
    /// Decisions as they are taken, several a reply. Must be called with `more`. Whoever reads too slowly loses the
    /// oldest and is told how many.
    method Decisions -> DecisionsReply;
    /// What was found wrong, worst first.
    method Findings -> FindingsReply;
}

/// An error of `org.busdma.Monitor`.
#[derive(Clone, PartialEq, Debug, zlink::ReplyError, introspect::ReplyError)]
#[zlink(interface = "org.busdma.Monitor")]
pub enum MonitorError {
    /// There is no such machine, map or tag.
    NoSuchObject {
        /// Its id.
        object: String,
    },
    /// The object belongs to another session.
    NotOwner {
        /// Its id.
        object: String,
    },
    /// No decision is of that kind.
    UnknownKind {
        /// The word.
        kind: String,
        /// All there are.
        known: Vec<String>,
    },
    /// The interval is shorter than the service allows.
    IntervalTooShort {
        /// Milliseconds asked for.
        interval_ms: u64,
        /// Milliseconds at least.
        limit_ms: u64,
    },
    /// A limit of the service.
    QuotaExceeded {
        /// What is limited.
        quota: String,
        /// The limit.
        limit: u64,
        /// `connection`, `uid` or `daemon`: whose limit it is.
        scope: String,
    },
    /// The daemon is shutting down.
    ShuttingDown,
}
