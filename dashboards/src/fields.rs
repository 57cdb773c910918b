//! The field table: every column's name, unit, width and precision, for screen, text and JSON alike.
//!
//! A table of the screen is a list of [`Field`]s over one row type. The screen shows [`Value::screen`], a filter looks into
//! the same text, sorting goes by [`Value::key`], and JSON holds [`Value::json`] under [`Field::name`].

use crate::frame::Name;
use std::cmp::Ordering;

/// One column over rows of type `R`.
#[derive(Debug)]
pub struct Field<R> {
    /// Its name in JSON, in filters of one field and in files of settings: as `org.busdma.Monitor` spells it.
    pub name: &'static str,
    /// Its heading on the screen, a few letters.
    pub heading: &'static str,
    /// What it says, one line, for help.
    pub meaning: &'static str,
    /// What its numbers count.
    pub unit: Unit,
    /// Columns of the screen that it takes.
    pub width: u16,
    /// Which columns go first where the screen is narrow: the highest; those with 0 always stay.
    pub drops: u8,
    /// What a row says.
    pub value: fn(&R) -> Value,
}

/// What numbers count, and with it how they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Words.
    Text,
    /// A number of things.
    Count,
    /// Bounce pages.
    Pages,
    /// Bytes, with binary units on the screen.
    Bytes,
    /// An address or a mask: hexadecimal, on the screen `24-bit` where it is one bit less than a power of two.
    Address,
    /// Nanoseconds, with a unit that suits them on the screen.
    Nanoseconds,
    /// Microseconds, likewise.
    Microseconds,
    /// Things a second.
    PerSecond,
    /// Bytes a second.
    BytesPerSecond,
    /// A share, 0.0 to 1.0; percent on the screen.
    Share,
}

/// What a row says in one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Words.
    Text(Name),
    /// A whole number.
    Whole(u64),
    /// A whole number that can be negative.
    Signed(i64),
    /// A number.
    Real(f64),
    /// Nothing is known.
    Absent,
}

impl Value {
    /// Compares as sorting does: what is absent comes first.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Whole(a), Self::Whole(b)) => a.cmp(b),
            (Self::Signed(a), Self::Signed(b)) => a.cmp(b),
            (Self::Real(a), Self::Real(b)) => a.total_cmp(b),
            (Self::Absent, Self::Absent) => Ordering::Equal,
            (Self::Absent, _) => Ordering::Less,
            (_, Self::Absent) => Ordering::Greater,
            // A field's values are all of one kind.
            _ => Ordering::Equal,
        }
    }
}
