//! Sets of pages, kept as ranges of page numbers.

use busdma_engine::{PAGE_SIZE, PhysAddr};
use std::collections::BTreeMap;
use std::ops::Range;

/// Pages that are taken. Ranges that touch are one.
#[derive(Debug, Default)]
pub(crate) struct PageRanges {
    /// First page to end, exclusive.
    ranges: BTreeMap<u64, u64>,
}

impl PageRanges {
    /// Takes pages, all of which are free.
    pub(crate) fn insert(&mut self, pages: Range<u64>) {
        let mut merged = pages.clone();
        if let Some((&start, &end)) = self.ranges.range(..pages.start).next_back()
            && end == pages.start
        {
            merged.start = start;
        }
        if let Some(end) = self.ranges.remove(&pages.end) {
            merged.end = end;
        }
        self.ranges.insert(merged.start, merged.end);
    }

    /// Gives pages back, all of which are taken.
    pub(crate) fn remove(&mut self, pages: Range<u64>) {
        let Some(around) = self.range_of(pages.start) else { return };
        self.ranges.remove(&around.start);
        if around.start < pages.start {
            self.ranges.insert(around.start, pages.start);
        }
        if pages.end < around.end {
            self.ranges.insert(pages.end, around.end);
        }
    }

    /// The first taken page in a range.
    pub(crate) fn first_taken(&self, pages: &Range<u64>) -> Option<u64> {
        if pages.is_empty() {
            return None;
        }
        match self.next_gap(pages.clone()) {
            Some(gap) if gap == *pages => None,
            Some(gap) if gap.start == pages.start => Some(gap.end),
            _ => Some(pages.start),
        }
    }

    /// The first free range inside `window`.
    pub(crate) fn next_gap(&self, window: Range<u64>) -> Option<Range<u64>> {
        let start = self.range_of(window.start).map_or(window.start, |taken| taken.end);
        if start >= window.end {
            return None;
        }
        let end = self.ranges.range(start..).next().map_or(window.end, |(&next, _)| next.min(window.end));
        Some(start..end)
    }

    /// The last free range inside `window`.
    fn previous_gap(&self, window: Range<u64>) -> Option<Range<u64>> {
        let last = window.end.checked_sub(1)?;
        let end = self.range_of(last).map_or(window.end, |taken| taken.start);
        if end <= window.start {
            return None;
        }
        let start = self.ranges.range(..end).next_back().map_or(window.start, |(_, &before)| before.max(window.start));
        Some(start..end)
    }

    /// The lowest place inside `window` for so many pages.
    pub(crate) fn first_fit(&self, mut window: Range<u64>, pages: u64) -> Option<u64> {
        loop {
            let gap = self.next_gap(window.clone())?;
            if gap.end - gap.start >= pages {
                return Some(gap.start);
            }
            window.start = gap.end;
        }
    }

    /// The highest place inside `window` for so many pages.
    pub(crate) fn last_fit(&self, mut window: Range<u64>, pages: u64) -> Option<u64> {
        loop {
            let gap = self.previous_gap(window.clone())?;
            if gap.end - gap.start >= pages {
                return Some(gap.end - pages);
            }
            window.end = gap.start;
        }
    }

    fn range_of(&self, page: u64) -> Option<Range<u64>> {
        let (&start, &end) = self.ranges.range(..=page).next_back()?;
        (page < end).then_some(start..end)
    }
}

/// Number of the page an address lies in.
#[inline]
pub(crate) const fn page_number(addr: PhysAddr) -> u64 {
    addr.raw() / PAGE_SIZE
}

/// First byte of a page.
#[inline]
pub(crate) const fn page_address(number: u64) -> PhysAddr {
    PhysAddr::new(number * PAGE_SIZE)
}

/// Ranges of page numbers that follow each other in a list of pages.
pub(crate) fn runs(pages: &[PhysAddr]) -> impl Iterator<Item = Range<u64>> + '_ {
    pages.chunk_by(|a, b| page_number(*a) + 1 == page_number(*b)).filter_map(|run| {
        let (first, last) = (run.first()?, run.last()?);
        Some(page_number(*first)..page_number(*last) + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::{PageRanges, page_address, runs};
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::ops::Range;

    /// Every answer, from a set of single pages.
    fn check(ranges: &PageRanges, taken: &BTreeSet<u64>, window: &Range<u64>, pages: u64) {
        let free = |page: u64| !taken.contains(&page);
        let fits = |first: &u64| first + pages <= window.end && (*first..first + pages).all(free);
        assert_eq!(ranges.first_taken(window), window.clone().find(|page| !free(*page)));
        assert_eq!(ranges.first_fit(window.clone(), pages), window.clone().find(fits));
        assert_eq!(ranges.last_fit(window.clone(), pages), window.clone().rev().find(fits));
        let gap = window
            .clone()
            .find(|page| free(*page))
            .map(|start| start..(start..window.end).find(|page| !free(*page)).unwrap_or(window.end));
        assert_eq!(ranges.next_gap(window.clone()), gap);
    }

    proptest! {
        #[test]
        fn as_a_set_of_pages(steps in proptest::collection::vec((0_u64..40, 1_u64..12), 0..60), window in 0_u64..40) {
            let (mut ranges, mut taken) = (PageRanges::default(), BTreeSet::new());
            for (first, count) in steps {
                let pages = first..first + count;
                if pages.clone().all(|page| !taken.contains(&page)) {
                    ranges.insert(pages.clone());
                    taken.extend(pages);
                } else if pages.clone().all(|page| taken.contains(&page)) {
                    ranges.remove(pages.clone());
                    taken.retain(|page| !pages.contains(page));
                }
                check(&ranges, &taken, &(window..45), count);
                check(&ranges, &taken, &(0..window), count);
            }
            let mut merged = taken.clone();
            merged.retain(|page| *page == 0 || !taken.contains(&(page - 1)));
            prop_assert_eq!(ranges.ranges.len(), merged.len(), "ranges that touch are one");
        }
    }

    #[test]
    fn runs_are_as_long_as_they_can_be() {
        let pages = [3, 4, 5, 9, 8, 7, 8].map(page_address);
        assert_eq!(runs(&pages).collect::<Vec<_>>(), [3..6, 9..10, 8..9, 7..9]);
        assert_eq!(runs(&[]).count(), 0);
    }
}
