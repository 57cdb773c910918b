//! `org.busdma.Host`: the real DMA of the host, as eBPF probes see it.

mod correlation;
mod device;
mod event;
mod mapping;
mod probe;

pub use correlation::{
    BlockTotals, Correlation, CorrelationReply, DeviceVerdicts, Difference, EventCount, Finding, FullMoment,
    PoolEstimate, VerdictCount, Weight,
};
pub use device::{DeviceInfo, Devices, DevicesReply, QueueLimits, Rates, Totals, Watch, WatchReply};
pub use event::{DmaPiece, EventRecord, Events, EventsReply};
pub use mapping::{MappingInfo, MappingState, Mappings, MappingsReply};
pub use probe::{Attach, Detach, Gathering, ProbeInfo, ProbeState, Probes, ProbesReply, ProbesState};

use crate::interface::interface;
use zlink::introspect;

interface! {
    /// The real DMA of the host, as eBPF probes see it, and how each mapping compares with what its device can do.
    ///
    /// Times are nanoseconds on the clock of `org.busdma.Monitor`.
    interface HostMethod = "org.busdma.Host";
    errors HostError;
    types [
        ProbeInfo, ProbeState, ProbesState, Gathering, DeviceInfo, QueueLimits, Rates, Totals, MappingInfo, MappingState,
        EventRecord, DmaPiece, DeviceVerdicts, VerdictCount, Difference, Finding, PoolEstimate, FullMoment, EventCount,
        BlockTotals, Weight,
    ];
    /// Says of each probe whether it is attached, and if not why and what to do.
    method Probes -> ProbesReply;
    /// Attaches the probes, anew when they are attached. For root and the daemon's own user.
    method Attach -> ProbesReply;
    /// Detaches the probes; what was counted stays. For root and the daemon's own user.
    method Detach -> ProbesReply;
    /// The devices that were seen or that can do DMA: their limits and what they map.
    method Devices -> DevicesReply;
    /// Live mappings, oldest first. For root and the daemon's own user.
    method Mappings -> MappingsReply;
    /// Devices, pool and losses every interval. Must be called with `more`.
    method Watch -> WatchReply;
    /// Events as they come, several a reply. Must be called with `more`. Whoever reads too slowly loses the oldest and is
    /// told how many. For root and the daemon's own user.
    method Events -> EventsReply;
    /// Mappings by device and verdict since the probes were attached, with samples of what differs.
    method Correlation -> CorrelationReply;
}

/// An error of `org.busdma.Host`.
#[derive(Clone, PartialEq, Debug, zlink::ReplyError, introspect::ReplyError)]
#[zlink(interface = "org.busdma.Host")]
pub enum HostError {
    /// No probe was ever attached.
    NotAttached {
        /// Why, and what to do.
        reason: String,
    },
    /// Not one probe can be attached.
    CannotAttach {
        /// Why.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// What the host maps is for root and the daemon's own user.
    NotPermitted {
        /// The caller's user.
        uid: u32,
    },
    /// There is no such device, program or tracepoint.
    NoSuchObject {
        /// Its name.
        object: String,
    },
    /// The interval is shorter than the service allows.
    IntervalTooShort {
        /// Milliseconds asked for.
        interval_ms: u64,
        /// Milliseconds at least.
        limit_ms: u64,
    },
    /// The daemon is shutting down.
    ShuttingDown,
}
