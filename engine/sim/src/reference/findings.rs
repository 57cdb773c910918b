//! Which hazards of busdma-trace v1 an operation meets.

use super::{PAGE, Piece, Reference, Tag};
use crate::answer::{MapNo, SegmentView, TagNo};
use busdma_engine::hazard::HazardKind;

impl Reference {
    /// The kinds of hazards met since this was last asked, sorted, each once.
    pub fn take_hazards(&mut self) -> Vec<HazardKind> {
        let mut met = std::mem::take(&mut self.met);
        met.sort_unstable();
        met.dedup();
        met
    }

    pub(super) fn find_held_pages(&mut self, map: MapNo) {
        if !self.maps[&map].pieces.is_empty() {
            self.met.push(HazardKind::LoadOnMapHoldingPages);
        }
    }

    /// A load was deferred. Pages of an earlier load count as well.
    pub(super) fn find_early_pages(&mut self, map: MapNo) {
        if !self.maps[&map].pieces.is_empty() {
            self.met.push(HazardKind::DeferredWithPagesAlreadyAdded);
        }
    }

    /// A load ended, well or badly.
    pub(super) fn find_stale_counts(&mut self, map: MapNo) {
        if self.maps[&map].needed != 0 || self.maps[&map].reserved != 0 {
            self.met.push(HazardKind::StalePagesNeeded);
        }
    }

    pub(super) fn find_long_chunk(&mut self, bus: u64, len: u64) {
        if bus % PAGE + len > PAGE {
            self.met.push(HazardKind::BounceChunkLongerThanPage);
        }
    }

    pub(super) fn find_overrun(&mut self, piece: &Piece, copied: u64) {
        if piece.bus % PAGE + copied > PAGE {
            self.met.push(HazardKind::BounceCopyOverrunsPage);
        }
    }

    /// A mapping was given to the driver.
    pub(super) fn find_in_segments(&mut self, map: MapNo, segments: &[SegmentView]) {
        let tag = self.tag_of(map).clone();
        if segments.len() as u64 > tag.nsegments {
            self.met.push(HazardKind::MoreSegmentsThanNsegments);
        }
        for &(start, len) in segments {
            if start % tag.alignment != 0 && tag.filter_denies(start) {
                self.met.push(HazardKind::SegmentStartMisaligned);
            }
            if self.touches_excluded(self.maps[&map].tag, start, start + len - 1) {
                self.met.push(HazardKind::SegmentInExcludedWindow);
            }
        }
    }

    /// Whether a tag along the chain excludes any address from `first` to `last`, alignment aside.
    fn touches_excluded(&self, tag: TagNo, first: u64, last: u64) -> bool {
        let mut next = Some(tag);
        while let Some(no) = next {
            let tag = &self.tags[&no];
            let (low, high) = (first.max(tag.lowaddr.saturating_add(1)), last.min(tag.highaddr));
            let denied = match &tag.filter {
                None => low <= high,
                Some(ranges) => ranges.iter().any(|&(from, to)| low.max(from) <= high.min(to)),
            };
            if denied && tag.lowaddr != u64::MAX {
                return true;
            }
            next = tag.next_test;
        }
        false
    }
}

impl Tag {
    /// Whether the filter denies the address; without one every address is denied.
    pub(super) fn filter_denies(&self, paddr: u64) -> bool {
        match &self.filter {
            None => true,
            Some(ranges) => ranges.iter().any(|&(first, last)| first <= paddr && paddr <= last),
        }
    }
}
