//! busdma's own file of events: `busdma-host` version 1.
//!
//! It is text, one JSON object a line. The first line is the [`Header`]. Each line after it is one [`Entry`]: an event, a
//! count of lost events, or a sample of the bounce pool. Fields are spelled as the kernel spells them, addresses are
//! strings in hexadecimal, times are nanoseconds. What does not apply is left out.
//!
//! ```text
//! {"format":"busdma-host","version":1,"clock":"boottime","kernel":"6.12.95","recorded":["dma_map_page"]}
//! {"at":3724049000,"cpu":1,"task":"kworker/u8:0","pid":12,"event":"dma_map_page","device":"0000:00:02.0",
//!  "dir":"FROM_DEVICE","dma_addr":"0x1d000000","phys_addr":"0x1eeb000","size":4096}
//! {"at":3724050000,"pool":{"total":32768,"used":2,"hiwater":2}}
//! {"at":3724051000,"lost":17}
//! ```
//!
//! Version 1 refuses fields it does not know. A file that was cut while a line was being written is read up to there.

mod decode;
mod encode;
mod error;
mod header;
mod reader;
mod record;
mod value;
mod writer;

pub use error::{CaptureError, CaptureErrorKind, WriteError};
pub use header::Header;
pub use reader::{CaptureEnd, CaptureReader};
pub use writer::CaptureWriter;

use crate::event::HostEvent;
use busdma_engine::Nanos;
use serde::{Deserialize, Serialize};

/// The name in the header.
pub const FORMAT: &str = "busdma-host";

/// The version in the header.
pub const VERSION: u64 = 1;

/// The longest line that is read, bytes.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// One line behind the header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// An event.
    Event(HostEvent),
    /// Events were lost here.
    Lost(Lost),
    /// What the bounce pool held.
    Pool(PoolSample),
}

/// Events were lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lost {
    /// When that was noticed, where it is known.
    pub at: Option<Nanos>,
    /// How many since the notice before.
    pub events: u64,
}

/// What the bounce pool held at some time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PoolSample {
    /// When, where it is known.
    pub at: Option<Nanos>,
    /// What it held.
    pub counts: PoolCounts,
}

/// What debugfs says of the bounce pool, in slots.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolCounts {
    /// Slots in all (`io_tlb_nslabs`).
    pub total: u64,
    /// Slots in use (`io_tlb_used`).
    pub used: u64,
    /// The most that ever were in use, where the kernel counts it (`io_tlb_used_hiwater`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hiwater: Option<u64>,
}

/// Whether a file that begins so is meant to be a capture of this format, and no text of ftrace's or perf's.
pub fn is_capture(start: &[u8]) -> bool {
    start.trim_ascii_start().starts_with(b"{")
}
