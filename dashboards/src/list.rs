//! Rows chosen of many: cursor, sort and filter of one list.

/// The state of one list on the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListState {
    /// The row under the cursor, among those shown.
    pub cursor: usize,
    /// The first row on the screen, among those shown.
    pub top: usize,
    /// The column to sort by; in the source's order when none is chosen.
    pub sort: Option<Sort>,
    /// Which rows are shown.
    pub filter: Filter,
    /// Whether the detail of the row under the cursor is open.
    pub detail: Detail,
}

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

/// Whether the detail of a row is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// It is not.
    #[default]
    Closed,
    /// It is.
    Open,
}

/// Words that a row must hold, all of them, in any case and any column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    text: String,
}
