//! The order of rows.

use crate::fields::Row;

/// The order of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// Index of the field in the view's field table.
    pub field: usize,
    /// Which end comes first.
    pub way: SortWay,
}

/// Which end comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortWay {
    /// The smallest.
    Ascending,
    /// The largest.
    Descending,
}

impl SortWay {
    /// The other one.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }

    /// An arrow for the heading.
    pub const fn arrow(self) -> &'static str {
        match self {
            Self::Ascending => "▲",
            Self::Descending => "▼",
        }
    }
}

impl Sort {
    /// By that field, the end first that is looked for most: the largest number, the first word.
    pub fn by<R: Row>(field: usize) -> Option<Self> {
        let is_number = R::fields().get(field)?.unit.is_number();
        Some(Self { field, way: if is_number { SortWay::Descending } else { SortWay::Ascending } })
    }

    /// What comes after `sort` when the columns of these indices are gone through: after the last one, the source's order.
    pub fn next<R: Row>(sort: Option<Self>, columns: &[usize]) -> Option<Self> {
        let next = match sort {
            None => columns.first(),
            Some(sort) => {
                let place = columns.iter().position(|&field| field == sort.field);
                place.and_then(|place| columns.get(place + 1))
            }
        };
        Self::by::<R>(*next?)
    }
}
