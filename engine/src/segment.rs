//! Segments: what a device is told to touch.

use crate::addr::{BusAddr, BusSize};
use crate::constraints::{Boundary, Constraints};
use crate::decision::SplitReason;

/// One piece of bus address space (`bus_dma_segment_t`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Segment {
    /// First address.
    pub addr: BusAddr,
    /// Length in bytes, at least 1.
    pub len: BusSize,
}
