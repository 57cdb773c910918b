//! Which rows are shown, in which order, kept for as long as frame, sort and filter stay the same.

use super::cached::SeenKey;
use super::{Filter, Seen, Sort, SortWay};
use crate::fields::{Row, Value};
use std::cmp::Ordering;

/// Which rows are shown, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    of: Option<Of>,
    rows: Rows,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rows {
    /// All, so many, as the source has them.
    AsTheyAre(usize),
    /// These indices of the source's rows.
    Chosen(Vec<u32>),
}

/// What an order was worked out for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Of {
    seen: SeenKey,
    rows: usize,
    sort: Option<Sort>,
    filter: Filter,
}

impl Default for Rows {
    fn default() -> Self {
        Self::AsTheyAre(0)
    }
}

impl Order {
    /// Works the order out, unless it is known; says whether it was.
    pub(super) fn renew<R: Row>(&mut self, seen: Seen<'_>, sort: Option<Sort>, filter: &Filter, rows: &[&R]) -> bool {
        let known = self
            .of
            .as_ref()
            .is_some_and(|of| of.seen.is(seen) && of.rows == rows.len() && of.sort == sort && of.filter == *filter);
        if known {
            return false;
        }
        self.rows = arranged(sort, filter, rows);
        self.of = Some(Of { seen: seen.into(), rows: rows.len(), sort, filter: filter.clone() });
        true
    }

    /// How many rows are shown.
    pub(super) fn len(&self) -> usize {
        match &self.rows {
            Rows::AsTheyAre(count) => *count,
            Rows::Chosen(rows) => rows.len(),
        }
    }

    /// Index among the source's rows of the one at `place`.
    pub(super) fn get(&self, place: usize) -> Option<usize> {
        match &self.rows {
            Rows::AsTheyAre(count) => (place < *count).then_some(place),
            Rows::Chosen(rows) => rows.get(place).map(|&at| at as usize),
        }
    }
}

fn arranged<R: Row>(sort: Option<Sort>, filter: &Filter, rows: &[&R]) -> Rows {
    if sort.is_none() && filter.is_empty() {
        return Rows::AsTheyAre(rows.len());
    }
    let numbered = (0u32..).zip(rows);
    let mut chosen: Vec<u32> = if filter.is_empty() {
        numbered.map(|(at, _)| at).collect()
    } else {
        let mut finder = filter.finder::<R>();
        numbered.filter(|(_, row)| finder.matches(row)).map(|(at, _)| at).collect()
    };
    if let Some((sort, field)) = sort.and_then(|sort| Some((sort, R::fields().get(sort.field)?))) {
        chosen = sorted(&chosen, sort.way, |at| rows.get(at).map_or(Value::Absent, |row| (field.value)(row)));
    }
    Rows::Chosen(chosen)
}

/// Rows by their values. Of equal ones, the source's order decides, whichever end comes first.
fn sorted(rows: &[u32], way: SortWay, value: impl Fn(usize) -> Value) -> Vec<u32> {
    if let Some(sorted) = sorted_by_number(rows, way, &value) {
        return sorted;
    }
    let mut keyed: Vec<(Value, u32)> = rows.iter().map(|&at| (value(at as usize), at)).collect();
    let by_value = |a: &Value, b: &Value| -> Ordering {
        match way {
            SortWay::Ascending => a.order(b),
            SortWay::Descending => b.order(a),
        }
    };
    keyed.sort_unstable_by(|(a, a_at), (b, b_at)| by_value(a, b).then(a_at.cmp(b_at)));
    keyed.into_iter().map(|(_, at)| at).collect()
}

/// The same where all values are whole numbers, in a fraction of the time.
fn sorted_by_number(rows: &[u32], way: SortWay, value: impl Fn(usize) -> Value) -> Option<Vec<u32>> {
    let key = |&at: &u32| match (value(at as usize), way) {
        (Value::Whole(number), SortWay::Ascending) => Some((number, at)),
        (Value::Whole(number), SortWay::Descending) => Some((u64::MAX - number, at)),
        _ => None,
    };
    let mut keyed: Vec<(u64, u32)> = rows.iter().map(key).collect::<Option<_>>()?;
    keyed.sort_unstable();
    Some(keyed.into_iter().map(|(_, at)| at).collect())
}
