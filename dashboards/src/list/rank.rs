//! Values as numbers that sort alike, so that ordering many rows reads each of them once.

use super::{Rows, SortWay};
use crate::fields::{Field, Row, Unit, Value};
use std::cmp::Ordering;

/// A row's index and, above it, the rank of its value: 96 bits that order as values do, smaller ones first in the order
/// that is wanted. Equal ranks leave it to the index, as the source has the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ranked(u128);

/// Bits of an index.
const INDEX_BITS: u32 = 32;

/// The largest rank.
const RANK_MAX: u128 = u128::MAX >> INDEX_BITS;

/// What is known of a number, beside the number.
const KNOWN: u128 = 1 << 64;

/// Bytes of a text that a rank holds; the byte after them says how long the text is.
const TEXT_BYTES: usize = 11;

/// The last byte of the rank of a text that has more bytes than it holds.
const LONGER: u128 = TEXT_BYTES as u128 + 2;

/// Rows by which the beginning that all texts share is guessed.
const GUESSED_BY: usize = 32;

impl Ranked {
    /// A row without a rank.
    pub(super) const fn unranked(index: u32) -> Self {
        Self(index as u128)
    }

    /// The row's index.
    #[expect(clippy::cast_possible_truncation, reason = "the lower bits are the index")]
    pub(super) const fn index(self) -> u32 {
        self.0 as u32
    }

    const fn rank(self) -> u128 {
        self.0 >> INDEX_BITS
    }

    fn ranked(self, rank: u128, way: SortWay) -> Self {
        let rank = match way {
            SortWay::Ascending => rank,
            SortWay::Descending => RANK_MAX - rank,
        };
        Self(rank << INDEX_BITS | u128::from(self.index()))
    }
}

/// What rows are ordered by.
#[derive(Debug)]
pub(super) struct Ranking<'a, R: Row> {
    pub(super) field: &'static Field<R>,
    pub(super) way: SortWay,
    pub(super) rows: &'a Rows<'a, R>,
}

impl<R: Row> Ranking<'_, R> {
    /// Gives these rows the ranks of their values.
    pub(super) fn rank(&self, rows: &mut [Ranked]) {
        if self.field.unit == Unit::Text {
            return self.rank_texts(rows);
        }
        for row in rows {
            *row = row.ranked(number_rank(self.value(*row)), self.way);
        }
    }

    /// Which of two ranked rows comes first. Only texts that begin alike for longer than ranks hold are looked at again.
    pub(super) fn compare(&self, a: Ranked, b: Ranked) -> Ordering {
        if a.rank() == b.rank() && self.field.unit == Unit::Text && self.is_longer(a) {
            let (first, second) = (self.value(a), self.value(b));
            let by_value = match self.way {
                SortWay::Ascending => first.order(&second),
                SortWay::Descending => second.order(&first),
            };
            return by_value.then(a.cmp(&b));
        }
        a.cmp(&b)
    }

    fn value(&self, row: Ranked) -> Value<'_> {
        self.rows.get(row.index() as usize).map_or(Value::Absent, |row| (self.field.value)(row))
    }

    fn is_longer(&self, row: Ranked) -> bool {
        let rank = match self.way {
            SortWay::Ascending => row.rank(),
            SortWay::Descending => RANK_MAX - row.rank(),
        };
        rank & 0xff == LONGER
    }

    /// Names of objects begin with that of their machine, which would fill most of a rank: what all texts begin with is
    /// left out. It is guessed, and all begins again with less where the guess was wrong.
    fn rank_texts(&self, rows: &mut [Ranked]) {
        let mut shared = self.guess_shared(rows);
        while let Err(fewer) = self.rank_texts_without(shared, rows) {
            shared = shared.get(..fewer).unwrap_or_default();
        }
    }

    fn guess_shared(&self, rows: &[Ranked]) -> &[u8] {
        let step = (rows.len() / GUESSED_BY).max(1);
        let mut shared: Option<&[u8]> = None;
        for row in rows.iter().step_by(step) {
            if let Value::Text(text) = self.value(*row) {
                let so_far = shared.unwrap_or(text.as_bytes());
                shared = so_far.get(..alike(so_far, text.as_bytes()));
            }
        }
        shared.unwrap_or_default()
    }

    /// # Errors
    /// Not all texts begin so; that many bytes are shared at most.
    fn rank_texts_without(&self, shared: &[u8], rows: &mut [Ranked]) -> Result<(), usize> {
        for row in rows {
            let rank = match self.value(*row) {
                Value::Text(text) => match text.as_bytes().strip_prefix(shared) {
                    Some(rest) => text_rank(rest),
                    None => return Err(alike(shared, text.as_bytes())),
                },
                _ => 0,
            };
            *row = row.ranked(rank, self.way);
        }
        Ok(())
    }
}

/// How many bytes two texts begin with alike.
fn alike(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn number_rank(value: Value<'_>) -> u128 {
    const SIGN: u64 = 1 << 63;
    match value {
        Value::Whole(number) => KNOWN | u128::from(number),
        Value::Signed(number) => KNOWN | u128::from(number.cast_unsigned() ^ SIGN),
        Value::Real(number) => {
            let bits = number.to_bits();
            KNOWN | u128::from(if bits & SIGN == 0 { bits | SIGN } else { !bits })
        }
        Value::Absent | Value::Text(_) => 0,
    }
}

/// An absent text has rank 0, before the empty one.
fn text_rank(text: &[u8]) -> u128 {
    let mut bytes = [0; size_of::<u128>()];
    let held = text.len().min(TEXT_BYTES);
    let start = bytes.len() - TEXT_BYTES - 1;
    for (place, byte) in bytes.iter_mut().skip(start).zip(text.iter().take(held)) {
        *place = *byte;
    }
    let length = if text.len() > TEXT_BYTES { LONGER } else { held as u128 + 1 };
    u128::from_be_bytes(bytes) | length
}
