//! Segments: what a device is told to touch, and how pieces of memory become them.

use crate::addr::{BusAddr, BusSize, PAGE_MASK, PAGE_SIZE, PhysAddr, VirtAddr};
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
#[derive(Clone, Debug, Default)]
pub(crate) struct SegmentList {
    /// Longer than the list once a longer one was there.
    slots: Vec<Segment>,
    len: usize,
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

    /// Whether a piece inside a page is never cut.
    #[inline]
    pub(crate) fn leaves_pages_uncut(&self) -> bool {
        self.maxsegsz >= PAGE_SIZE && self.within_boundary >= PAGE_MASK
    }

    /// Whether a trimmed piece continues a segment without making it too long or taking it over the boundary.
    #[inline]
    fn joins(&self, segment: &Segment, addr: u64, len: u64) -> bool {
        segment.addr.raw().wrapping_add(segment.len.raw()) == addr
            && segment.len.raw() + len <= self.maxsegsz
            && (segment.addr.raw() ^ addr) & !self.within_boundary == 0
    }

    /// As much of a piece as does not cross the boundary.
    #[inline]
    fn trim(&self, addr: u64, len: u64) -> u64 {
        let last = addr.wrapping_add(len).wrapping_sub(1);
        if (addr ^ last) & !self.within_boundary == 0 { len } else { len.min(self.left_in_boundary(addr)) }
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
    pub(crate) fn of(segments: &[Segment]) -> Self {
        Self { slots: segments.to_vec(), len: segments.len() }
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[Segment] {
        &self.slots[..self.len]
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Takes a piece in: trims it at the boundary, joins it to the last segment whole or not at all, or begins a new one.
    /// Says how many bytes it took (`_bus_dmamap_addseg`).
    #[inline]
    pub(crate) fn append(&mut self, shape: &SegmentShape, addr: u64, len: u64) -> Result<u64, SegmentsFull> {
        let len = shape.trim(addr, len);
        if let Some(last) = self.slots[..self.len].last_mut()
            && shape.joins(last, addr, len)
        {
            last.len = BusSize::new(last.len.raw() + len);
            return Ok(len);
        }
        if self.len >= shape.limit {
            return Err(SegmentsFull);
        }
        self.make_room(self.len + 1);
        self.slots[self.len] = Segment { addr: BusAddr::new(addr), len: BusSize::new(len) };
        self.len += 1;
        Ok(len)
    }

    /// Fills the list with one piece that no constraint cuts or bounces, where one is allowed at all. `None` when the list
    /// has not held a segment yet; it is then to be filled another way.
    #[inline]
    pub(crate) fn fill_with_one(&mut self, addr: BusAddr, len: u64) -> Option<()> {
        *self.slots.first_mut()? = Segment { addr, len: BusSize::new(len) };
        self.len = 1;
        Some(())
    }

    /// Fills the list with the pieces of a virtual range, page by page, none of which any constraint cuts or bounces:
    /// the same as [`Self::append`] for each, but the last segment stays in registers. `None` when `locate` gives up on a
    /// page or there are too many segments; the list is then to be filled again.
    #[inline(never)]
    pub(crate) fn fill_with_pages(
        &mut self,
        shape: &SegmentShape,
        (start, end): (u64, u64),
        locate: impl Fn(VirtAddr) -> Option<PhysAddr>,
    ) -> Option<()> {
        self.len = 0;
        if start == end {
            return Some(());
        }
        let pages = usize::try_from((end - start) / PAGE_SIZE).ok()?.checked_add(2)?;
        self.make_room(pages.min(shape.limit));
        let room = self.slots.len().min(shape.limit);
        let slots = &mut self.slots[..room];
        let shape = *shape;
        let mut len = (PAGE_SIZE - (start & PAGE_MASK)).min(end - start);
        let mut open_addr = locate(VirtAddr::new(start))?.raw();
        let mut open_len = len;
        let mut vaddr = start + len;
        let mut index = 0;
        while vaddr < end {
            let addr = locate(VirtAddr::new(vaddr))?.raw();
            len = (end - vaddr).min(PAGE_SIZE);
            vaddr += len;
            let joined_len = open_len + len;
            if open_addr.wrapping_add(open_len) == addr
                && joined_len <= shape.maxsegsz
                && (open_addr ^ addr) & !shape.within_boundary == 0
            {
                open_len = joined_len;
                continue;
            }
            *slots.get_mut(index)? = Segment { addr: BusAddr::new(open_addr), len: BusSize::new(open_len) };
            index += 1;
            (open_addr, open_len) = (addr, len);
        }
        *slots.get_mut(index)? = Segment { addr: BusAddr::new(open_addr), len: BusSize::new(open_len) };
        self.len = index + 1;
        Some(())
    }

    #[inline]
    fn make_room(&mut self, most: usize) {
        if self.slots.len() < most {
            self.grow(most);
        }
    }

    #[cold]
    fn grow(&mut self, most: usize) {
        let nothing = Segment { addr: BusAddr::new(0), len: BusSize::ZERO };
        self.slots.reserve(most - self.slots.len());
        self.slots.resize(self.slots.capacity(), nothing);
    }

    /// Why [`Self::append`] would begin a new segment with this piece, or join it.
    pub(crate) fn explain(&self, shape: &SegmentShape, addr: u64, len: u64) -> Joined {
        let len = shape.trim(addr, len);
        let Some(last) = self.as_slice().last() else { return Joined::Started(SplitReason::First) };
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
