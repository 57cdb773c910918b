//! Segments: what a device is told to touch, and how pieces of memory become them.

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

/// The segments of one map, filled piece by piece. Its memory is kept from load to load.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct SegmentList {
    segments: Vec<Segment>,
}

/// The constraints that shape segments, in the form the loop wants them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentShape {
    /// `boundary - 1`, or all ones without a boundary: a sum that does not leave the mask crosses nothing.
    within_boundary: u64,
    maxsegsz: u64,
    /// The most segments there may be; FreeBSD never compares for the first one.
    limit: usize,
}

/// How a piece was taken into the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Joined {
    /// It began a new segment.
    Started(SplitReason),
    /// It continued the last one.
    Coalesced,
}

/// The list has as many segments as the tag allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SegmentsFull;

impl SegmentShape {
    pub(crate) fn new(constraints: &Constraints, first: FirstSegment) -> Self {
        let limit = constraints.nsegments().count();
        Self {
            within_boundary: constraints.boundary().map_or(u64::MAX, |boundary| boundary.bytes() - 1),
            maxsegsz: constraints.maxsegsz().raw(),
            limit: match first {
                FirstSegment::AlwaysFits => limit.max(1),
                FirstSegment::Counts => limit,
            },
        }
    }

    /// Bytes from `addr` to the next multiple of the boundary.
    #[inline]
    pub(crate) fn left_in_boundary(&self, addr: u64) -> u64 {
        (self.within_boundary - (addr & self.within_boundary)).saturating_add(1)
    }
}

/// Whether the first segment is held against `nsegments`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FirstSegment {
    /// FreeBSD: `nsegments` 0 acts as 1 (`_bus_dmamap_addseg`).
    AlwaysFits,
    /// 0 allows none.
    Counts,
}

impl SegmentList {
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.segments.clear();
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[Segment] {
        &self.segments
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.segments.len()
    }

    /// Takes a piece in: trims it at the boundary, joins it to the last segment whole or not at all, or begins a new one.
    /// Says how many bytes it took (`_bus_dmamap_addseg`).
    #[inline]
    pub(crate) fn append(&mut self, shape: &SegmentShape, addr: u64, len: u64) -> Result<u64, SegmentsFull> {
        let len = len.min(shape.left_in_boundary(addr));
        if let Some(last) = self.segments.last_mut()
            && last.addr.raw().wrapping_add(last.len.raw()) == addr
            && last.len.raw() + len <= shape.maxsegsz
            && (last.addr.raw() ^ addr) & !shape.within_boundary == 0
        {
            last.len = BusSize::new(last.len.raw() + len);
            return Ok(len);
        }
        if self.segments.len() >= shape.limit {
            return Err(SegmentsFull);
        }
        self.segments.push(Segment { addr: BusAddr::new(addr), len: BusSize::new(len) });
        Ok(len)
    }

    /// Why [`Self::append`] would begin a new segment with this piece, or join it.
    pub(crate) fn explain(&self, shape: &SegmentShape, addr: u64, len: u64) -> Joined {
        let len = len.min(shape.left_in_boundary(addr));
        let Some(last) = self.segments.last() else { return Joined::Started(SplitReason::First) };
        if last.addr.raw().wrapping_add(last.len.raw()) != addr {
            return Joined::Started(SplitReason::Discontiguous);
        }
        if (last.addr.raw() ^ addr) & !shape.within_boundary != 0 {
            let boundary = Boundary::new(shape.within_boundary.wrapping_add(1));
            return Joined::Started(boundary.map_or(SplitReason::Discontiguous, SplitReason::Boundary));
        }
        if last.len.raw() + len > shape.maxsegsz {
            return Joined::Started(SplitReason::MaxSegSize(BusSize::new(shape.maxsegsz)));
        }
        Joined::Coalesced
    }
}
