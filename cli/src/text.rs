//! Text for people: styles and aligned tables. Everything is a string with ANSI styles; the console drops them where unwanted.

use anstyle::AnsiColor;
pub(crate) use anstyle::Style;
use std::fmt::Write as _;

/// Headings of sections and tables.
pub(crate) const HEADING: Style = Style::new().bold();
/// What is there for completeness.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// What went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What did not.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Bounced bytes and warnings.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
/// Numbers and names to look at first.
pub(crate) const ACCENT: Style = AnsiColor::Cyan.on_default();
/// Nothing special.
pub(crate) const PLAIN: Style = Style::new();

/// `text` in `style`.
pub(crate) fn styled(style: Style, text: &str) -> String {
    if style == PLAIN || text.is_empty() { text.to_owned() } else { format!("{style}{text}{style:#}") }
}

/// One cell of a [`Table`].
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn new(style: Style, text: impl Into<String>) -> Self {
        Self { text: text.into(), style }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), style: PLAIN }
    }
}

/// On which side of its column a cell stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Left,
    Right,
}

/// Rows of aligned columns, two spaces apart; nothing is drawn around them. Characters are taken to be one column wide.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<Cell>>,
    indent: usize,
    width: usize,
}

impl Table {
    /// A table of at most `width` columns; the last cell of a row is cut to fit.
    pub(crate) fn new(width: usize, columns: impl IntoIterator<Item = (&'static str, Side)>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new(), indent: 0, width }
    }

    pub(crate) fn indented(mut self, indent: usize) -> Self {
        self.indent = indent;
        self
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as lines; without the line of headings when all of them are empty.
    pub(crate) fn render(&self) -> String {
        let widths: Vec<usize> = (0..self.columns.len()).map(|column| self.column_width(column)).collect();
        let mut out = String::new();
        if self.columns.iter().any(|(heading, _)| !heading.is_empty()) {
            let headings: Vec<_> = self.columns.iter().map(|&(heading, _)| Cell::new(HEADING, heading)).collect();
            self.write_row(&mut out, &headings, &widths);
        }
        for row in &self.rows {
            self.write_row(&mut out, row, &widths);
        }
        out
    }

    fn column_width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.chars().count());
        cells.max().unwrap_or(0).max(self.columns[column].0.chars().count())
    }

    fn write_row(&self, out: &mut String, row: &[Cell], widths: &[usize]) {
        let mut used = self.indent;
        let mut pending = self.indent;
        for (column, cell) in row.iter().enumerate() {
            let last = column + 1 == row.len();
            let room = if last { self.width.saturating_sub(used).max(MIN_LAST_CELL) } else { usize::MAX };
            let text = shortened(&cell.text, room);
            let padding = widths[column].saturating_sub(text.chars().count());
            let (before, after) = if self.columns[column].1 == Side::Right { (padding, 0) } else { (0, padding) };
            // Blanks wait for the text they stand before, so that no line ends in them.
            pending += before;
            if !text.is_empty() {
                let _ = write!(out, "{:pending$}{}", "", styled(cell.style, &text));
                pending = 0;
            }
            pending += after + GAP;
            used += widths[column] + GAP;
        }
        out.push('\n');
    }
}

const GAP: usize = 2;

/// A last cell is never cut below this, however narrow the terminal.
const MIN_LAST_CELL: usize = 7;

/// A heading with an empty line above it.
pub(crate) fn push_heading(out: &mut String, style: Style, heading: &str) {
    let _ = writeln!(out, "\n{}", styled(style, heading));
}

/// `text`, cut with `…` when it is longer than `room` characters.
pub(crate) fn shortened(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(room.saturating_sub(1)).collect();
    cut.truncate(cut.trim_end().len());
    cut + "…"
}

/// `text` broken at spaces into lines of at most `width` characters; the first after `first`, the others after `rest`.
pub(crate) fn wrapped(first: &str, rest: &str, text: &str, width: usize) -> String {
    let mut out = first.to_owned();
    let mut used = first.chars().count();
    let mut at_start = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !at_start && used + 1 + length > width {
            out.push('\n');
            out.push_str(rest);
            used = rest.chars().count();
            at_start = true;
        }
        if !at_start {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
        at_start = false;
    }
    out.push('\n');
    out
}

/// `1 page`, `2 pages`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_aligns_and_cuts() {
        let mut table = Table::new(24, [("NAME", Side::Left), ("N", Side::Right), ("WHAT", Side::Left)]).indented(2);
        table.row(["a".into(), "100".into(), "short".into()]);
        table.row(["longer".into(), "7".into(), "a text that is too long".into()]);
        table.row(["b".into(), "".into(), "".into()]);
        let plain = anstream::adapter::strip_str(&table.render()).to_string();
        assert_eq!(plain, "  NAME      N  WHAT\n  a       100  short\n  longer    7  a text t…\n  b\n");
    }

    #[test]
    fn prose_is_wrapped_with_a_hanging_indent() {
        assert_eq!(wrapped("* ", "  ", "one two three four", 11), "* one two\n  three\n  four\n");
        assert_eq!(wrapped("", "", "", 10), "\n");
        assert_eq!(wrapped("- ", "  ", "unbreakablelongword x", 8), "- unbreakablelongword\n  x\n");
    }
}
