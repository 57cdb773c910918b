//! Which rows are shown, in which order, kept for as long as frame, sort and filter stay the same.

use super::cached::SeenKey;
use super::rank::{Ranked, Ranking};
use super::{Filter, Rows, Seen, Sort};
use crate::fields::Row;
use std::ops::Range;

/// Which rows are shown, in which order.
///
/// Of sorted rows only those around the screen are put in order: of the others it is known on which side of it they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    of: Option<Of>,
    shown: Shown,
    /// The rows of [`Shown::Chosen`]; its memory is kept from frame to frame.
    chosen: Vec<Ranked>,
    /// Which of them are where they belong.
    settled: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// All, so many, as the source has them.
    AsTheyAre(usize),
    Chosen,
}

/// What an order was worked out for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Of {
    seen: SeenKey,
    rows: usize,
    sort: Option<Sort>,
    filter: Filter,
}

impl Default for Shown {
    fn default() -> Self {
        Self::AsTheyAre(0)
    }
}

impl Order {
    /// Works out which rows are shown, unless it is known; says whether it was. [`Self::bring`] puts them in order.
    pub(super) fn renew<R: Row>(
        &mut self,
        seen: Seen<'_>,
        sort: Option<Sort>,
        filter: &Filter,
        rows: &Rows<'_, R>,
    ) -> bool {
        let known = self
            .of
            .as_ref()
            .is_some_and(|of| of.seen.is(seen) && of.rows == rows.len() && of.sort == sort && of.filter == *filter);
        if known {
            return false;
        }
        self.of = Some(Of { seen: seen.into(), rows: rows.len(), sort, filter: filter.clone() });
        self.chosen.clear();
        self.settled = 0..0;
        if sort.is_none() && filter.is_empty() {
            self.shown = Shown::AsTheyAre(rows.len());
            return true;
        }
        self.shown = Shown::Chosen;
        self.choose(filter, rows);
        match ranking(sort, rows) {
            Some(ranking) => ranking.rank(&mut self.chosen),
            None => self.settled = 0..self.chosen.len(),
        }
        true
    }

    /// Forgets what was worked out, and keeps the memory for the next frame.
    pub(super) fn forget(&mut self) {
        self.of = None;
    }

    /// How many rows are shown.
    pub(super) fn len(&self) -> usize {
        match self.shown {
            Shown::AsTheyAre(count) => count,
            Shown::Chosen => self.chosen.len(),
        }
    }

    /// Index among the source's rows of the one at `place`, as far as rows have been brought in order there.
    pub(super) fn get(&self, place: usize) -> Option<usize> {
        match self.shown {
            Shown::AsTheyAre(count) => (place < count).then_some(place),
            Shown::Chosen if self.settled.contains(&place) => self.chosen.get(place).map(|row| row.index() as usize),
            Shown::Chosen => None,
        }
    }

    /// Puts the rows in order that are shown at these places, and as many before and behind them.
    pub(super) fn bring<R: Row>(&mut self, places: Range<usize>, rows: &Rows<'_, R>) {
        let end = places.end.min(self.chosen.len());
        if self.shown != Shown::Chosen || (self.settled.start <= places.start && end <= self.settled.end) {
            return;
        }
        let Some(ranking) = ranking(self.of.as_ref().and_then(|of| of.sort), rows) else { return };
        let beside = places.len();
        let wide = places.start.saturating_sub(beside)..end.saturating_add(beside).min(self.chosen.len());
        if wide.is_empty() {
            return;
        }
        let compare = |a: &Ranked, b: &Ranked| ranking.compare(*a, *b);
        let mut up_to_end = self.chosen.as_mut_slice();
        if wide.end < up_to_end.len() {
            up_to_end = up_to_end.select_nth_unstable_by(wide.end, compare).0;
        }
        if wide.start > 0 {
            up_to_end.select_nth_unstable_by(wide.start, compare);
        }
        if let Some(seen) = self.chosen.get_mut(wide.clone()) {
            seen.sort_unstable_by(compare);
        }
        self.settled = wide;
    }

    /// Where the source's row of that index is shown.
    pub(super) fn place_of<R: Row>(&self, index: usize, rows: &Rows<'_, R>) -> Option<usize> {
        if let Shown::AsTheyAre(count) = self.shown {
            return (index < count).then_some(index);
        }
        let place = self.chosen.iter().position(|row| row.index() as usize == index)?;
        match ranking(self.of.as_ref().and_then(|of| of.sort), rows) {
            None => Some(place),
            Some(ranking) => {
                let it = *self.chosen.get(place)?;
                Some(self.chosen.iter().filter(|row| ranking.compare(**row, it).is_lt()).count())
            }
        }
    }

    fn choose<R: Row>(&mut self, filter: &Filter, rows: &Rows<'_, R>) {
        if filter.is_empty() {
            self.chosen.extend((0u32..).take(rows.len()).map(Ranked::unranked));
            return;
        }
        let mut finder = filter.finder::<R>();
        let passing = (0u32..).zip(rows.iter()).filter(|(_, row)| finder.matches(row));
        self.chosen.extend(passing.map(|(index, _)| Ranked::unranked(index)));
    }
}

fn ranking<'a, R: Row>(sort: Option<Sort>, rows: &'a Rows<'a, R>) -> Option<Ranking<'a, R>> {
    let sort = sort?;
    Some(Ranking { field: R::fields().get(sort.field)?, way: sort.way, rows })
}
