//! Who holds which addresses of the pool: ranges that do not overlap.

use std::collections::BTreeMap;

/// Ranges of addresses, each held by one holder. A later holder takes what it overlaps away from the earlier ones.
#[derive(Clone, Debug)]
pub(crate) struct Extents<H> {
    by_start: BTreeMap<u64, (u64, H)>,
}

impl<H> Default for Extents<H> {
    fn default() -> Self {
        Self { by_start: BTreeMap::new() }
    }
}

impl<H: Copy + PartialEq> Extents<H> {
    /// Gives `start..end` to `holder`; `evicted` gets the holders of ranges that it overlaps, which are dropped whole.
    pub(crate) fn give(&mut self, start: u64, end: u64, holder: H, evicted: &mut Vec<H>) {
        while let Some((&from, &(to, other))) = self.by_start.range(..end).next_back() {
            if to <= start {
                break;
            }
            self.by_start.remove(&from);
            if other != holder && !evicted.contains(&other) {
                evicted.push(other);
            }
        }
        if start < end {
            self.by_start.insert(start, (end, holder));
        }
    }

    /// Drops the range that begins at `start`, if `holder` still has it.
    pub(crate) fn release(&mut self, start: u64, holder: H) {
        if self.by_start.get(&start).is_some_and(|(_, other)| *other == holder) {
            self.by_start.remove(&start);
        }
    }
}
