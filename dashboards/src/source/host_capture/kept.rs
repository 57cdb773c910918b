//! What a capture amounted to at some of its moments, so that none is far from one of them.

use super::Now;

/// Items from one kept moment to the next: a tenth of a second's work at most.
pub(super) const EVERY: usize = 1 << 14;

/// Entries of live mappings, and tries, that all kept moments together hold, about.
const ENTRIES_MAX: usize = 1 << 21;

/// Some of a capture's moments, in order.
#[derive(Debug)]
pub(super) struct Kept {
    moments: Vec<(usize, Now)>,
    every: usize,
}

impl Kept {
    /// None yet; one is kept whenever so many items more have been taken in.
    pub(super) fn every(items: usize) -> Self {
        Self { moments: Vec::new(), every: items }
    }

    /// Keeps a moment where it is time for one. Later ones are seen later.
    pub(super) fn see(&mut self, now: &Now) {
        if now.moment.items.is_multiple_of(self.every) {
            self.keep(now.entries(), now.clone());
        }
    }

    fn keep(&mut self, entries: usize, now: Now) {
        self.moments.push((entries, now));
        while self.moments.len() > 1 && self.moments.iter().map(|(entries, _)| entries).sum::<usize>() > ENTRIES_MAX {
            self.every = self.every.saturating_mul(2);
            self.moments.retain(|(_, now)| now.moment.items.is_multiple_of(self.every));
        }
    }

    /// The last one by which no more than so many items had been taken in.
    pub(super) fn nearest(&self, items: usize) -> Option<&Now> {
        let after = self.moments.partition_point(|(_, now)| now.moment.items <= items);
        self.moments.get(after.checked_sub(1)?).map(|(_, now)| now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use busdma_host::limits::Facts;

    #[test]
    fn what_is_kept_is_bounded_and_spread_evenly() {
        let check = |entries: usize, marks: usize, expected: &[usize]| {
            let mut kept = Kept::every(EVERY);
            for mark in 1..=marks {
                let mut now = Now::begin(&Facts::default(), 0);
                now.moment.items = mark * EVERY;
                if now.moment.items.is_multiple_of(kept.every) {
                    kept.keep(entries, now);
                }
            }
            let places: Vec<_> = kept.moments.iter().map(|(_, now)| now.moment.items / EVERY).collect();
            assert_eq!(places, expected, "{entries} entries, {marks} marks");
        };
        check(0, 5, &[1, 2, 3, 4, 5]);
        check(ENTRIES_MAX / 4, 4, &[1, 2, 3, 4]);
        check(ENTRIES_MAX / 4, 32, &[8, 16, 24, 32]);
        check(ENTRIES_MAX, 9, &[8]);
        check(ENTRIES_MAX + 1, 9, &[8]);
    }

    #[test]
    fn the_nearest_is_not_after_the_moment() {
        let mut kept = Kept::every(EVERY);
        for items in [EVERY, 2 * EVERY] {
            let mut now = Now::begin(&Facts::default(), 0);
            now.moment.items = items;
            kept.see(&now);
        }
        let nearest = |items| kept.nearest(items).map(|now| now.moment.items);
        assert_eq!((nearest(EVERY - 1), nearest(EVERY)), (None, Some(EVERY)));
        assert_eq!((nearest(2 * EVERY - 1), nearest(usize::MAX)), (Some(EVERY), Some(2 * EVERY)));
    }
}
