//! Rows chosen of many: cursor, sort and filter of one list.

mod cached;
mod filter;
mod finder;
mod order;
mod rank;
mod rows;
mod sort;
mod word;

pub use filter::Filter;
pub use rows::Rows;
pub use sort::{Sort, SortWay};

pub(crate) use cached::Cached;

use crate::fields::{Identity, Row, RowKey};
use crate::frame::{Frame, Name};
use crate::views::{Baselines, Holders, Scene};
use order::Order;
use ratatui::layout::Rect;

/// The state of one list on the screen.
///
/// Which rows are shown is worked out when the list is drawn, once for every frame, sort and filter, and in order are only
/// those around the screen: drawing the same again touches only the rows on the screen.
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
    /// Rows that pass the filter, as last drawn.
    pub shown: usize,
    /// Rows before the filter, as last drawn.
    pub listed: usize,
    /// Rows that fit on the screen, as last drawn.
    pub page: usize,
    /// Where rows are on the screen, as last drawn: [`Self::top`] in the first line.
    pub body: Rect,
    /// Where headings are on the screen, as last drawn.
    pub columns: Vec<ColumnAt>,
    /// What the view of maps compares ages with.
    pub(crate) baselines: Cached<Baselines>,
    /// Who holds the pages of each zone.
    pub(crate) holders: Cached<Holders>,
    pub(crate) order: Order,
    pub(crate) under_cursor: Option<RowKey>,
    /// Index among the source's rows of what is under the cursor, as last drawn.
    pub(crate) cursor_index: usize,
}

/// What is looked at: of the same frame and machine, the same rows come.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    frame: &'a Frame,
    machine: Option<&'a Name>,
}

impl<'a> From<Scene<'a>> for Seen<'a> {
    fn from(scene: Scene<'a>) -> Self {
        Self { frame: scene.frame, machine: scene.machine }
    }
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

/// Where a column is on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnAt {
    /// Index of the field in the view's field table.
    pub field: usize,
    /// Its first column of the screen.
    pub x: u16,
    /// Columns of the screen.
    pub width: u16,
}

impl Detail {
    /// The other one.
    #[must_use]
    pub const fn toggled(self) -> Self {
        match self {
            Self::Closed => Self::Open,
            Self::Open => Self::Closed,
        }
    }
}

impl ListState {
    /// Works out which rows are shown, for a screen with room for `page` of them.
    ///
    /// The cursor stays on its row when rows move. On the first row, with no detail open, it stays on the first row: who
    /// looks at the top of a list wants to see what is at the top.
    pub fn arrange<R: Row>(&mut self, seen: Seen<'_>, rows: &Rows<'_, R>, page: usize) {
        self.page = page;
        self.listed = rows.len();
        if self.order.renew(seen, self.sort, &self.filter, rows) {
            self.shown = self.order.len();
            self.follow(rows);
        }
        self.clamp();
        self.order.bring(self.top..self.top.saturating_add(page.max(1)), rows);
        self.cursor_index = self.source_index(self.cursor).unwrap_or(0);
        self.remember(self.selected(rows).map(Row::identity));
    }

    /// Does what [`Self::arrange`] does for rows of several types, all of them shown in the order in which they come.
    pub(crate) fn keep<'r>(&mut self, mut rows: impl Iterator<Item = Identity<'r>> + Clone, page: usize) {
        self.page = page;
        self.shown = rows.clone().count();
        let is_it = |row: Identity<'r>| self.under_cursor.as_ref().is_some_and(|key| key.is(row));
        let stays = self.stays_first() || rows.clone().nth(self.cursor).is_some_and(is_it);
        let moved = if stays { None } else { rows.clone().position(is_it) };
        if let Some(place) = moved {
            self.move_to(place);
        }
        self.clamp();
        self.remember(rows.nth(self.cursor));
    }

    /// Changes how many rows fit on the screen.
    pub(crate) fn set_page(&mut self, page: usize) {
        self.page = page;
        self.clamp();
    }

    /// Index among the source's rows of the one at `place` of those shown, where that is on the screen or near it.
    pub fn source_index(&self, place: usize) -> Option<usize> {
        self.order.get(place)
    }

    /// The row under the cursor.
    pub fn selected<'r, R: Row>(&self, rows: &Rows<'r, R>) -> Option<&'r R> {
        rows.get(self.source_index(self.cursor)?)
    }

    /// Forgets what was worked out of the frame: another one is shown, even if it looks the same.
    pub fn forget_frame(&mut self) {
        self.order.forget();
        self.baselines = Cached::default();
        self.holders = Cached::default();
    }

    /// So many rows down, to the last one at most.
    pub fn down(&mut self, rows: usize) {
        self.select(self.cursor.saturating_add(rows));
    }

    /// So many rows up, to the first one at most.
    pub fn up(&mut self, rows: usize) {
        self.select(self.cursor.saturating_sub(rows));
    }

    /// One screen down; a line of the old one stays in sight.
    pub fn page_down(&mut self) {
        self.down(self.page.saturating_sub(1).max(1));
    }

    /// One screen up; a line of the old one stays in sight.
    pub fn page_up(&mut self) {
        self.up(self.page.saturating_sub(1).max(1));
    }

    /// To the first row.
    pub fn first(&mut self) {
        self.select(0);
    }

    /// To the last row.
    pub fn last(&mut self) {
        self.select(usize::MAX);
    }

    /// To that row of those shown, the last one at most.
    pub fn select(&mut self, place: usize) {
        self.cursor = place;
        self.under_cursor = None;
        self.clamp();
    }

    /// The row of those shown that is in that line of the screen.
    pub fn place_at(&self, column: u16, line: u16) -> Option<usize> {
        let inside = self.body.contains((column, line).into());
        let place = self.top + usize::from(line.checked_sub(self.body.y)?);
        (inside && place < self.shown).then_some(place)
    }

    /// The cursor stays within the rows, and on the screen.
    fn clamp(&mut self) {
        self.cursor = self.cursor.min(self.shown.saturating_sub(1));
        let lowest = (self.cursor + 1).saturating_sub(self.page.max(1));
        self.top = self.top.clamp(lowest, self.cursor).min(self.shown.saturating_sub(self.page));
    }

    /// Puts the cursor where its row is now.
    fn follow<R: Row>(&mut self, rows: &Rows<'_, R>) {
        let Some(key) = self.under_cursor.as_ref().filter(|_| !self.stays_first()) else { return };
        let is_it = |row: &R| key.is(row.identity());
        let index = match rows.get(self.cursor_index) {
            Some(row) if is_it(row) => Some(self.cursor_index),
            _ => near(self.cursor_index, rows, is_it).or_else(|| rows.iter().position(is_it)),
        };
        if let Some(place) = index.and_then(|index| self.order.place_of(index, rows)) {
            self.move_to(place);
        }
    }

    /// Whether the cursor stays on the first row, whichever that is.
    fn stays_first(&self) -> bool {
        self.cursor == 0 && self.detail == Detail::Closed
    }

    /// Puts the cursor there. Its line on the screen stays the same, as far as possible.
    const fn move_to(&mut self, place: usize) {
        self.top = place.saturating_sub(self.cursor.saturating_sub(self.top));
        self.cursor = place;
    }

    /// Keeps what is under the cursor.
    fn remember(&mut self, row: Option<Identity<'_>>) {
        if !row.is_some_and(|row| self.under_cursor.as_ref().is_some_and(|key| key.is(row))) {
            self.under_cursor = row.map(RowKey::from);
        }
    }
}

/// Index of the row that is looked for, if it is near that index: rows come and go, but most stay about where they were.
fn near<R>(index: usize, rows: &Rows<'_, R>, is_it: impl Fn(&R) -> bool) -> Option<usize> {
    const NEAR: usize = 1000;
    let around = index.saturating_sub(NEAR)..index.saturating_add(NEAR).min(rows.len());
    around.into_iter().find(|&index| rows.get(index).is_some_and(&is_it))
}

#[cfg(test)]
mod tests;
