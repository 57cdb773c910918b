//! What keys do, and what columns say: both from their tables.

use crate::fields::{DEVICE_FIELDS, Field, MAP_FIELDS, WAITER_FIELDS, ZONE_FIELDS};
use crate::keys::{KEYS, Keymap, Section};
use crate::list::ListState;
use crate::pen::{self, Pen, wrapped};
use crate::theme::Role;
use crate::views::Scene;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Columns of the screen for keys and signs.
const KEY_COLUMNS: u16 = 14;

/// Columns of the screen for a column's heading and name.
const NAME_COLUMNS: u16 = 26;

/// Columns of the screen before what an entry does, where that has lines of its own.
const MORE_INDENT: u16 = 6;

/// What stands on the left of rows.
const SIGNS: [(&str, &str); 7] = [
    (">", "the cursor"),
    ("! in Zones", "maps wait for the zone's pages"),
    ("! in Waiters", "needs more pages than the zone has: it waits for ever"),
    ("! in Maps", "looks forgotten: far older than the others of its tag, or loaded for long while they are idle"),
    ("~ in Maps", "waits for bounce pages"),
    ("! in Host", "mappings fail now"),
    ("? in Host", "mappings failed, or were not as expected"),
];

/// One line of help.
enum Line {
    /// What follows.
    Heading(String),
    /// A key and what it does, or a column and what it says.
    Entry {
        left: String,
        /// Columns of the screen for it.
        width: u16,
        right: &'static str,
    },
    /// What the entry above does, where the screen is too narrow for one line.
    More(String),
    /// Nothing.
    Gap,
}

/// Draws help from the line on that the list's cursor is at; with a filter, the lines that hold its words.
pub(crate) fn draw(scene: Scene<'_>, keys: &Keymap, list: &mut ListState, area: Rect, buf: &mut Buffer) {
    let lines = lines(keys).into_iter().filter(|line| passes(line, list));
    let lines: Vec<Line> = lines.flat_map(|line| broken(line, area.width)).collect();
    let page = usize::from(area.height);
    list.body = area;
    list.listed = lines.len();
    list.page = page;
    list.shown = lines.len().saturating_sub(page) + 1;
    list.cursor = list.cursor.min(list.shown - 1);
    list.top = list.cursor;
    for (row, line) in (0..area.height).zip(lines.iter().skip(list.cursor)) {
        let mut pen = Pen::at(area, row, buf);
        match line {
            Line::Heading(text) => {
                pen.put_cut(text, scene.theme.style(Role::Heading));
            }
            Line::Entry { left, width, right } => {
                let columns = if right.is_empty() { pen.room() } else { *width };
                pen.skip(2).left(left, columns, scene.theme.style(Role::Accent));
                pen.skip(1).put_cut(right, scene.theme.style(Role::Plain));
            }
            Line::More(text) => {
                pen.skip(MORE_INDENT).put_cut(text, scene.theme.style(Role::Plain));
            }
            Line::Gap => {}
        }
    }
}

/// An entry that is too long for the screen, with what it does on lines of its own.
fn broken(line: Line, room: u16) -> Vec<Line> {
    match line {
        Line::Entry { left, width, right } if pen::columns(right) + width + 3 > room => {
            let more = wrapped(right, room.saturating_sub(MORE_INDENT)).into_iter().map(Line::More);
            [Line::Entry { left, width, right: "" }].into_iter().chain(more).collect()
        }
        line => vec![line],
    }
}

fn passes(line: &Line, list: &ListState) -> bool {
    match line {
        _ if list.filter.is_empty() => true,
        Line::Entry { left, right, .. } => list.filter.is_in(&format!("{left} {right}")),
        Line::Heading(_) | Line::More(_) | Line::Gap => false,
    }
}

fn lines(keys: &Keymap) -> Vec<Line> {
    let mut lines = Vec::new();
    for section in Section::ALL {
        lines.push(Line::Heading(section.heading().to_owned()));
        for binding in KEYS.iter().filter(|binding| binding.section == section) {
            let left = keys.keys(binding.action).join(" ");
            lines.push(Line::Entry { left, width: KEY_COLUMNS, right: binding.what });
        }
        lines.push(Line::Gap);
    }
    lines.push(Line::Heading("Signs on the left of rows".to_owned()));
    let sign = |(sign, right): (&str, _)| Line::Entry { left: sign.to_owned(), width: KEY_COLUMNS, right };
    lines.extend(SIGNS.map(sign));
    lines.push(Line::Gap);
    columns(&mut lines, "Zones", &ZONE_FIELDS);
    columns(&mut lines, "Waiters", &WAITER_FIELDS);
    columns(&mut lines, "Maps", &MAP_FIELDS);
    columns(&mut lines, "Host", &DEVICE_FIELDS);
    lines.pop();
    lines
}

fn columns<R>(lines: &mut Vec<Line>, view: &str, fields: &[Field<R>]) {
    lines.push(Line::Heading(format!("Columns of {view}: by heading, and by name for the filter")));
    for field in fields {
        let name = if field.heading == field.name { String::new() } else { format!(" {}", field.name) };
        let left = format!("{}{name}", field.heading);
        lines.push(Line::Entry { left, width: NAME_COLUMNS, right: field.meaning });
    }
    lines.push(Line::Gap);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_listed_once() {
        let keys = Keymap::default();
        let lines = lines(&keys);
        for binding in &KEYS {
            let expected = keys.keys(binding.action).join(" ");
            let found = lines.iter().filter(|line| match line {
                Line::Entry { left, right, .. } => *left == expected && *right == binding.what,
                _ => false,
            });
            assert_eq!(found.count(), 1, "{}", binding.name);
        }
    }
}
