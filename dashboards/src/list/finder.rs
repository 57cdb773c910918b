//! A filter at work: which rows hold all its words.
//!
//! A hundred thousand rows are looked through while somebody types, so no number is written that cannot hold the word, and
//! one that was written lately is not written again.

use super::Filter;
use super::word::{Lower, Written};
use crate::fields::{Field, Row, Unit, Value};

/// A filter, made ready for rows of one type.
#[derive(Debug)]
pub(crate) struct Finder<R: 'static> {
    words: Vec<Word<R>>,
}

/// One word, and the columns that can hold it.
#[derive(Debug)]
struct Word<R: 'static> {
    lower: Lower,
    columns: Vec<Column<R>>,
}

/// A column, and which of its numbers hold the word.
#[derive(Debug)]
struct Column<R: 'static> {
    field: &'static Field<R>,
    numbers: Answers,
}

/// Answers for numbers that were asked for lately.
#[derive(Debug, Default)]
struct Answers {
    slots: Vec<Option<(u64, bool)>>,
}

impl Filter {
    /// The filter, made ready for rows of one type.
    pub(crate) fn finder<R: Row>(&self) -> Finder<R> {
        Finder { words: self.text().split_whitespace().map(Word::new).collect() }
    }
}

impl<R: Row> Finder<R> {
    /// Whether a row holds all words.
    pub(crate) fn matches(&mut self, row: &R) -> bool {
        self.words.iter_mut().all(|Word { lower, columns }| columns.iter_mut().any(|column| column.holds(lower, row)))
    }
}

impl<R: Row> Word<R> {
    fn new(word: &str) -> Self {
        let of_column = word.split_once(':').and_then(|(column, rest)| {
            let named = |field: &&Field<R>| field.name.eq_ignore_ascii_case(column);
            Some((R::fields().iter().find(named)?, rest))
        });
        if let Some((field, rest)) = of_column {
            return Self { lower: Lower::new(rest), columns: vec![Column::new(field)] };
        }
        let lower = Lower::new(word);
        let columns =
            R::fields().iter().filter(|field| can_hold(field.unit, lower.as_str())).map(Column::new).collect();
        Self { lower, columns }
    }
}

impl<R: Row> Column<R> {
    const fn new(field: &'static Field<R>) -> Self {
        Self { field, numbers: Answers { slots: Vec::new() } }
    }

    fn holds(&mut self, lower: &Lower, row: &R) -> bool {
        let unit = self.field.unit;
        match (self.field.value)(row) {
            Value::Text(text) => lower.is_in(text),
            number @ Value::Whole(key) => self.numbers.of(key, || is_in_number(number, unit, lower)),
            number @ (Value::Signed(_) | Value::Real(_)) => is_in_number(number, unit, lower),
            Value::Absent => lower.as_str().is_empty(),
        }
    }
}

impl Answers {
    /// Numbers that are kept: two to the power of this. Of those that share a slot the last one is.
    const SLOT_BITS: u32 = 10;

    fn of(&mut self, number: u64, find: impl FnOnce() -> bool) -> bool {
        if self.slots.is_empty() {
            self.slots.resize(1 << Self::SLOT_BITS, None);
        }
        // Sizes are often multiples of a power of two, so the upper bits of a product choose the slot.
        let slot = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - Self::SLOT_BITS);
        let slot = usize::try_from(slot).ok().and_then(|slot| self.slots.get_mut(slot));
        let Some(slot) = slot else { return find() };
        match *slot {
            Some((known, found)) if known == number => found,
            _ => slot.insert((number, find())).1,
        }
    }
}

/// Whether a column of that unit can hold a word without spaces, whatever the row says.
fn can_hold(unit: Unit, lower: &str) -> bool {
    let number = lower.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_in_any = |names: &[&str]| names.iter().any(|name| name.contains(lower));
    match unit {
        Unit::Count | Unit::Pages => lower.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'),
        Unit::Bytes => number || is_in_any(&["b", "kib", "mib", "gib", "tib"]),
        Unit::Nanoseconds | Unit::Microseconds => number || is_in_any(&["ns", "µs", "ms", "s", "min", "h", "d"]),
        Unit::Text | Unit::Address | Unit::Boundary | Unit::PerSecond | Unit::BytesPerSecond | Unit::Share => true,
    }
}

fn is_in_number(number: Value<'_>, unit: Unit, lower: &Lower) -> bool {
    let mut written = Written::default();
    match number.write_screen(unit, &mut written) {
        Ok(()) => lower.is_in_written(&written),
        Err(_) => lower.is_in(&number.screen(unit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_for_the_number_that_is_asked_for() {
        let mut answers = Answers::default();
        for round in 0..3 {
            for number in (0..5000).chain((0..5000).map(|number| number << 20)) {
                assert_eq!(answers.of(number, || number % 7 == 0), number % 7 == 0, "{number} in round {round}");
            }
        }
        assert!(answers.of(u64::MAX, || true) && answers.of(u64::MAX, || panic!("it is known")));
    }

    /// Every part of what the screen shows can be found by itself.
    #[test]
    fn what_is_shown_can_be_held() {
        let units = [
            Unit::Count,
            Unit::Pages,
            Unit::Bytes,
            Unit::Address,
            Unit::Boundary,
            Unit::Nanoseconds,
            Unit::Microseconds,
            Unit::PerSecond,
        ];
        for unit in units {
            for shift in 0..64 {
                for number in [0, 1, 999, 12_345_678].map(|number: u64| number.rotate_left(shift)) {
                    let text = Value::Whole(number).screen(unit).to_lowercase();
                    for word in text.split_whitespace() {
                        for start in (0..word.len()).filter(|&start| word.is_char_boundary(start)) {
                            let part = &word[start..];
                            assert!(can_hold(unit, part), "{part:?} of {text:?}, {unit:?}");
                            assert!(is_in_number(Value::Whole(number), unit, &Lower::new(part)));
                        }
                    }
                }
            }
        }
        assert!(can_hold(Unit::Count, &Value::Signed(-3).screen(Unit::Count)));
        assert!(
            !can_hold(Unit::Nanoseconds, "m12") && !can_hold(Unit::Bytes, "loaded") && !can_hold(Unit::Count, "kib")
        );
    }
}
