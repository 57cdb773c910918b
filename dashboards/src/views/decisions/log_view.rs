//! Which decisions are shown, kept from frame to frame so that only new ones are looked at.

use super::finder::DecisionFinder;
use crate::frame::{Decision, DecisionLog, Name};
use crate::list::{Filter, ListState};
use std::collections::VecDeque;

/// Which decisions of a log are shown.
///
/// A filter is looked for from the newest decision backwards, so many a frame, so that the first matches are there at
/// once however long the log is.
#[derive(Debug, Default)]
pub struct LogView {
    chosen: Choice,
    finder: DecisionFinder,
    /// Numbers of those that match, where something is chosen.
    matches: VecDeque<u64>,
    /// The oldest that was looked at.
    oldest: u64,
    /// One more than the newest that was looked at.
    newest: u64,
    /// The newest that was looked at, to tell whether the log is still the same.
    last: Option<Decision>,
}

/// What is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Choice {
    machine: Option<Name>,
    filter: Filter,
}

/// Decisions that are looked at for one frame.
const LOOKED_AT: u64 = 4096;

impl LogView {
    /// Whether only some decisions are shown.
    pub fn is_choosing(&self) -> bool {
        self.chosen.machine.is_some() || !self.chosen.filter.is_empty()
    }

    /// How much of the log has been looked at, where that is not all of it: drawing again looks further.
    pub fn searched_percent(&self, log: &DecisionLog) -> Option<u8> {
        let missing = self.oldest.saturating_sub(log.first());
        if !self.is_choosing() || missing == 0 {
            return None;
        }
        let whole = (log.end() - log.first()).max(1);
        u8::try_from(whole.saturating_sub(missing).saturating_mul(100) / whole).ok()
    }

    /// How many are shown.
    pub(super) fn len(&self) -> usize {
        if self.is_choosing() {
            return self.matches.len();
        }
        usize::try_from(self.newest - self.oldest).unwrap_or(usize::MAX)
    }

    /// The number of the decision at `place` of those shown, the oldest at 0.
    pub(super) fn number(&self, place: usize) -> Option<u64> {
        if self.is_choosing() {
            return self.matches.get(place).copied();
        }
        let number = self.oldest.checked_add(u64::try_from(place).ok()?)?;
        (number < self.newest).then_some(number)
    }

    /// Looks at what is new, and keeps the cursor where it is: on its decision, or at the end of the log.
    pub(super) fn update(&mut self, log: &DecisionLog, machine: Option<&Name>, list: &mut ListState) {
        let follows = list.cursor.saturating_add(1) >= list.shown;
        let renewed = self.renew(log, machine, &list.filter);
        let forgotten = self.forget(log.first());
        let found = if self.is_choosing() { self.search(log) } else { 0 };
        self.newest = log.end();
        self.last = log.end().checked_sub(1).and_then(|number| log.get(number)).cloned();
        list.shown = self.len();
        if follows || renewed {
            list.last();
        } else {
            let moved = |place: usize| place.saturating_sub(forgotten).saturating_add(found);
            list.top = moved(list.top);
            list.select(moved(list.cursor));
        }
    }

    /// Begins anew where something else is chosen, the log is another one, or too much is new.
    fn renew(&mut self, log: &DecisionLog, machine: Option<&Name>, filter: &Filter) -> bool {
        let same_choice = self.chosen.machine.as_ref() == machine && self.chosen.filter == *filter;
        if same_choice && self.continues_in(log) {
            return false;
        }
        if !same_choice {
            self.chosen = Choice { machine: machine.cloned(), filter: filter.clone() };
            self.finder = DecisionFinder::new(filter);
        }
        self.matches.clear();
        self.newest = log.end();
        self.oldest = if self.is_choosing() { log.end() } else { log.first() };
        true
    }

    /// Whether the log is the one looked at before, with not too much added.
    fn continues_in(&self, log: &DecisionLog) -> bool {
        let Some(added) = log.end().checked_sub(self.newest) else { return false };
        let Some(last) = self.newest.checked_sub(1) else { return true };
        if self.is_choosing() && added > LOOKED_AT {
            return false;
        }
        // One that is not kept any more cannot be compared.
        last < log.first() || log.get(last) == self.last.as_ref()
    }

    /// Forgets those that are not kept any more; says how many of them were shown.
    fn forget(&mut self, first: u64) -> usize {
        let oldest = self.oldest.max(first);
        let shown = if self.is_choosing() {
            let kept_from = self.matches.partition_point(|&number| number < first);
            self.matches.drain(..kept_from).count()
        } else {
            usize::try_from(oldest - self.oldest).unwrap_or(usize::MAX)
        };
        self.oldest = oldest;
        self.newest = self.newest.max(first);
        shown
    }

    /// Looks at what was added, and then at older ones; says how many of the older ones match.
    fn search(&mut self, log: &DecisionLog) -> usize {
        let added = self.newest..log.end();
        let budget = LOOKED_AT.saturating_sub(added.end - added.start);
        for number in added {
            if log.get(number).is_some_and(|decision| self.matches(decision)) {
                self.matches.push_back(number);
            }
        }
        let older = self.oldest.saturating_sub(budget).max(log.first())..self.oldest;
        self.oldest = older.start;
        let before = self.matches.len();
        for number in older.rev() {
            if log.get(number).is_some_and(|decision| self.matches(decision)) {
                self.matches.push_front(number);
            }
        }
        self.matches.len() - before
    }

    fn matches(&mut self, decision: &Decision) -> bool {
        self.chosen.machine.as_ref().is_none_or(|machine| *machine == decision.machine)
            && (self.chosen.filter.is_empty() || self.finder.matches(decision))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{CHUNK_DECISIONS, What};
    use crate::list::Detail;
    use crate::views::fixtures;

    /// Every third decision is about m0.
    fn add(log: &mut DecisionLog, count: u64) {
        for _ in 0..count {
            let number = log.end();
            log.push(fixtures::decision(number, &format!("vm1/m{}", number % 3), What::Woken { zone: 0 }));
        }
    }

    fn shown(view: &LogView) -> Vec<u64> {
        (0..view.len()).filter_map(|place| view.number(place)).collect()
    }

    fn numbers(log: &DecisionLog) -> Vec<u64> {
        (log.first()..log.end()).filter(|number| number % 3 == 0).collect()
    }

    #[test]
    fn matches_are_kept_as_the_log_goes_on_and_forgets() {
        let mut log = DecisionLog::keeping(2 * CHUNK_DECISIONS);
        let mut view = LogView::default();
        let mut list = fixtures::list(0, Detail::Closed, "m0");
        for added in [0, 1, 5, 100, 1000, 2000, 3, 4000, 20_000, 1] {
            add(&mut log, added);
            view.update(&log, None, &mut list);
            assert_eq!(shown(&view), numbers(&log), "{added}");
            assert_eq!(list.cursor, list.shown.saturating_sub(1), "the cursor follows");
        }
        list.filter = Filter::default();
        view.update(&log, None, &mut list);
        assert!(shown(&view).into_iter().eq(log.first()..log.end()));
        view.update(&log, Some(&"vm2".into()), &mut list);
        assert_eq!(shown(&view), Vec::<u64>::new());
    }

    #[test]
    fn the_cursor_stays_on_its_decision() {
        for filter in ["", "m0"] {
            let mut log = DecisionLog::keeping(2 * CHUNK_DECISIONS);
            add(&mut log, 3000);
            let mut view = LogView::default();
            let mut list = fixtures::list(0, Detail::Closed, filter);
            view.update(&log, None, &mut list);
            list.up(30);
            let number = view.number(list.cursor).unwrap();
            for added in [10, 1000, 700] {
                add(&mut log, added);
                view.update(&log, None, &mut list);
                assert_eq!(view.number(list.cursor), Some(number), "{filter:?} {added}");
            }
            assert!(log.first() > 0);
            add(&mut log, 3000);
            view.update(&log, None, &mut list);
            assert_eq!(list.cursor, 0, "its decision is not kept any more");
        }
    }

    #[test]
    fn a_long_log_is_searched_over_several_frames() {
        let mut log = DecisionLog::keeping(100_000);
        add(&mut log, 10_000);
        let mut view = LogView::default();
        let mut list = fixtures::list(0, Detail::Closed, "map:m0");
        let mut percents = Vec::new();
        loop {
            view.update(&log, None, &mut list);
            match view.searched_percent(&log) {
                Some(percent) => percents.push(percent),
                None => break,
            }
        }
        assert_eq!(percents, [40, 81]);
        assert_eq!(shown(&view), numbers(&log));
    }

    #[test]
    fn another_log_is_noticed() {
        let mut log = DecisionLog::keeping(100_000);
        add(&mut log, 1000);
        let mut view = LogView::default();
        let mut list = fixtures::list(0, Detail::Closed, "m0");
        view.update(&log, None, &mut list);
        let mut shorter = DecisionLog::keeping(100_000);
        add(&mut shorter, 10);
        view.update(&shorter, None, &mut list);
        assert_eq!(shown(&view), [0, 3, 6, 9]);
        let mut other = DecisionLog::default();
        for number in 0..20 {
            other.push(fixtures::decision(number, "vm1/m0", What::Counted { pages: 1 }));
        }
        view.update(&other, None, &mut list);
        assert_eq!(view.len(), 20);
    }
}
