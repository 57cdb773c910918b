//! Decisions in order, the newest kept: cheap to copy, so that every frame has its own.

use super::Decision;
use std::collections::VecDeque;
use std::sync::Arc;

/// Decisions of a chunk that is complete.
pub const CHUNK_DECISIONS: usize = 1024;

/// Decisions in order of time. Of the oldest, only how many there were is kept.
///
/// A copy shares the complete chunks, so that copying a long log copies pointers only.
#[derive(Clone, Debug)]
pub struct DecisionLog {
    /// Complete chunks, oldest first, each of [`CHUNK_DECISIONS`].
    chunks: VecDeque<Arc<[Decision]>>,
    /// What no chunk is complete of.
    newest: Arc<Vec<Decision>>,
    /// Number of the first decision that is kept.
    first: u64,
    /// Complete chunks that are kept at most.
    chunks_max: usize,
    /// Operations whose decisions it holds, where there were others before.
    of_operations: Option<u64>,
}

/// A decision and its number since the log began, from 0.
pub type Numbered<'a> = (u64, &'a Decision);

/// Decisions that a log keeps unless told otherwise.
const KEPT: usize = 64 * CHUNK_DECISIONS;

impl Default for DecisionLog {
    fn default() -> Self {
        Self::keeping(KEPT)
    }
}

/// Logs are equal when they hold the same decisions, of as many operations, under the same numbers.
impl PartialEq for DecisionLog {
    fn eq(&self, other: &Self) -> bool {
        self.first == other.first && self.of_operations == other.of_operations && self.iter().eq(other.iter())
    }
}

impl DecisionLog {
    /// An empty log that keeps about `decisions`: as many, and less than two chunks more.
    pub fn keeping(decisions: usize) -> Self {
        Self {
            chunks: VecDeque::new(),
            newest: Arc::default(),
            first: 0,
            chunks_max: decisions.div_ceil(CHUNK_DECISIONS).max(1),
            of_operations: None,
        }
    }

    /// An empty log for the decisions of the last `operations`, before which there were others.
    pub fn of_last(operations: u64) -> Self {
        Self { of_operations: Some(operations), ..Self::default() }
    }

    /// Adds one at the end.
    pub fn push(&mut self, decision: Decision) {
        let newest = Arc::make_mut(&mut self.newest);
        newest.push(decision);
        if newest.len() == CHUNK_DECISIONS {
            self.chunks.push_back(std::mem::take(newest).into());
            if self.chunks.len() > self.chunks_max {
                self.chunks.pop_front();
                self.first += CHUNK_DECISIONS as u64;
            }
        }
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.chunks.len() * CHUNK_DECISIONS + self.newest.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of the oldest that is kept; how many are not kept any more.
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// The last operations, whose decisions alone it holds. None where it begins with the first decision that there was.
    pub const fn of_operations(&self) -> Option<u64> {
        self.of_operations
    }

    /// The number that the next decision will have.
    pub fn end(&self) -> u64 {
        self.first + self.len() as u64
    }

    /// The decision of that number, if it is kept.
    pub fn get(&self, number: u64) -> Option<&Decision> {
        let nth = usize::try_from(number.checked_sub(self.first)?).ok()?;
        match self.chunks.get(nth / CHUNK_DECISIONS) {
            Some(chunk) => chunk.get(nth % CHUNK_DECISIONS),
            None => self.newest.get(nth - self.chunks.len() * CHUNK_DECISIONS),
        }
    }

    /// All that are kept from `number` on, oldest first, with their numbers.
    pub fn since(&self, number: u64) -> impl Iterator<Item = Numbered<'_>> {
        (number.max(self.first)..self.end()).filter_map(|number| Some((number, self.get(number)?)))
    }

    /// All that are kept, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Decision> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).chain(self.newest.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::What;

    fn log(kept: usize, count: u64) -> DecisionLog {
        let mut log = DecisionLog::keeping(kept);
        for t_ns in 0..count {
            let what = What::Woken { zone: 0 };
            log.push(Decision { t_ns, machine: "vm1".into(), session: None, map: None, tag: None, what });
        }
        log
    }

    #[test]
    fn the_newest_are_kept_under_their_numbers() {
        let check = |kept, count: u64, first: u64| {
            let log = log(kept, count);
            assert_eq!((log.first(), log.end()), (first, count), "{kept} of {count}");
            assert_eq!(log.get(first).map(|decision| decision.t_ns), (first < count).then_some(first));
            assert_eq!(log.get(count), None);
            assert!(log.iter().map(|decision| decision.t_ns).eq(first..count));
            assert!(
                log.since(count.saturating_sub(3))
                    .map(|(number, _)| number)
                    .eq(count.saturating_sub(3).max(first)..count)
            );
        };
        check(1, 0, 0);
        check(1, 1023, 0);
        check(1, 2048, 1024);
        check(2048, 5000, 2048);
    }

    #[test]
    fn a_copy_stays_as_it_is() {
        let mut original = log(4096, 1500);
        let copy = original.clone();
        original.push(original.get(0).unwrap().clone());
        assert_eq!((copy.end(), original.end()), (1500, 1501));
    }
}
