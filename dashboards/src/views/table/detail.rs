//! The detail of a row, below or beside its table.

use super::shown;
use crate::fields::Row;
use crate::pen::{Pen, draw_rule, wrapped};
use crate::theme::{Role, Theme};
use crate::views::Scene;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// From this width on, a detail stands beside its table.
const BESIDE_COLUMNS: u16 = 140;

/// Columns of a detail beside its table.
const DETAIL_COLUMNS: u16 = 56;

/// Lines of the table that stay, at least, above a detail: of a low screen, only the row itself.
const fn table_lines(height: u16) -> u16 {
    if height < 12 { 3 } else { 5 }
}

/// A detail: its title, and below it what is said and how it looks.
#[derive(Debug)]
pub(crate) struct Lines {
    title: String,
    lines: Vec<Line>,
}

#[derive(Debug)]
enum Line {
    /// A sentence, broken where the detail ends.
    Sentence(String, Role),
    /// A label and what it is of.
    Pair(&'static str, String, Role),
}

/// Where the table is and where the detail, if it is open and there is room.
pub(super) fn split(area: Rect, detail: Option<&Lines>) -> (Rect, Option<Rect>) {
    let Some(detail) = detail.filter(|_| area.height >= table_lines(area.height)) else { return (area, None) };
    if area.width >= BESIDE_COLUMNS {
        let width = area.width - DETAIL_COLUMNS;
        let beside = Rect { x: area.x + width + 1, width: DETAIL_COLUMNS - 1, ..area };
        return (Rect { width, ..area }, Some(beside));
    }
    let height = detail.height(area.width).min(area.height - table_lines(area.height));
    if height < 2 {
        return (area, None);
    }
    let below = Rect { y: area.bottom() - height, height, ..area };
    (Rect { height: area.height - height, ..area }, Some(below))
}

impl Lines {
    /// A title, with nothing below it yet.
    pub(crate) fn titled(title: impl Into<String>) -> Self {
        Self { title: title.into(), lines: Vec::new() }
    }

    /// Every field of a row that says something, with its meaning's name.
    pub(crate) fn fields<R: Row>(&mut self, scene: Scene<'_>, row: &R, names: &[&str]) {
        for field in R::fields().iter().filter(|field| names.contains(&field.name)) {
            let text = shown(scene, field, row);
            if !text.is_empty() {
                self.pair(field.name, text.as_str());
            }
        }
    }

    /// A label and what it is of.
    pub(crate) fn pair(&mut self, label: &'static str, text: impl Into<String>) {
        self.lines.push(Line::Pair(label, text.into(), Role::Plain));
    }

    /// A sentence.
    pub(crate) fn sentence(&mut self, text: impl Into<String>, role: Role) {
        self.lines.push(Line::Sentence(text.into(), role));
    }

    /// Lines of the screen that it takes in so many columns, its title among them.
    pub(crate) fn height(&self, width: u16) -> u16 {
        let mut cell = Cell::first(width);
        for line in &self.lines {
            match line {
                Line::Sentence(text, _) => {
                    for _ in sentence_lines(text, width) {
                        cell.whole_line();
                    }
                }
                Line::Pair(..) => _ = cell.next(),
            }
        }
        cell.end()
    }

    /// Draws the title and as many lines as fit; pairs two or more abreast where there is room.
    pub(crate) fn draw(&self, theme: &Theme, area: Rect, buf: &mut Buffer) {
        draw_rule(theme, &format!(" {} ", self.title), area, buf);
        let mut cell = Cell::first(area.width);
        for line in &self.lines {
            match line {
                Line::Sentence(text, role) => {
                    for part in sentence_lines(text, area.width) {
                        let line = cell.whole_line();
                        Pen::at(area, line, buf).skip(2).put_cut(&part, theme.style(*role));
                    }
                }
                Line::Pair(label, text, role) => {
                    let (line, column) = cell.next();
                    let mut pen = Pen::at(area, line, buf);
                    pen.skip(2 + column * PAIR_COLUMNS);
                    let label_columns = LABEL_COLUMNS.min(pen.room() / 2);
                    pen.left(label, label_columns, theme.style(Role::Faint)).skip(1);
                    let text = crate::pen::cut(text, (PAIR_COLUMNS - LABEL_COLUMNS - 3).min(pen.room()).max(1));
                    pen.put(&text, theme.style(*role));
                }
            }
        }
    }
}

/// A sentence, broken for a detail of so many columns.
fn sentence_lines(text: &str, width: u16) -> Vec<String> {
    wrapped(text, width.saturating_sub(2))
}

/// Columns of a label and what it is of.
const PAIR_COLUMNS: u16 = 40;

/// Columns of a label.
const LABEL_COLUMNS: u16 = 20;

/// Where the next thing goes.
struct Cell {
    line: u16,
    column: u16,
    per_line: u16,
}

impl Cell {
    /// Below the title.
    const fn first(width: u16) -> Self {
        let abreast = width / PAIR_COLUMNS;
        Self { line: 1, column: 0, per_line: if abreast == 0 { 1 } else { abreast } }
    }

    /// The line behind the last one.
    const fn end(&self) -> u16 {
        self.line.saturating_add(if self.column > 0 { 1 } else { 0 })
    }

    fn next(&mut self) -> (u16, u16) {
        let at = (self.line, self.column);
        self.column += 1;
        if self.column == self.per_line {
            (self.line, self.column) = (self.line.saturating_add(1), 0);
        }
        at
    }

    fn whole_line(&mut self) -> u16 {
        if self.column > 0 {
            (self.line, self.column) = (self.line.saturating_add(1), 0);
        }
        let line = self.line;
        self.line = self.line.saturating_add(1);
        line
    }
}
