//! What keys do, and what columns say: both from their tables.

use crate::fields::{DEVICE_FIELDS, Field, MAP_FIELDS, WAITER_FIELDS, ZONE_FIELDS};
use crate::keys::{KEYS, Keymap, Section};
use crate::list::ListState;
use crate::pen::Pen;
use crate::theme::Role;
use crate::views::Scene;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Columns of the screen for keys and for names of columns.
const LEFT_COLUMNS: u16 = 20;

/// One line of help.
enum Line {
    /// What follows.
    Heading(String),
    /// A key and what it does, or a column and what it says.
    Entry(String, &'static str),
    /// Nothing.
    Gap,
}

/// Draws help from the line on that the list's cursor is at; with a filter, the lines that hold its words.
pub(crate) fn draw(scene: Scene<'_>, keys: &Keymap, list: &mut ListState, area: Rect, buf: &mut Buffer) {
    let lines: Vec<Line> = lines(keys).into_iter().filter(|line| passes(line, list)).collect();
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
            Line::Entry(left, right) => {
                pen.skip(2).left(left, LEFT_COLUMNS, scene.theme.style(Role::Accent));
                pen.skip(1).put_cut(right, scene.theme.style(Role::Plain));
            }
            Line::Gap => {}
        }
    }
}

fn passes(line: &Line, list: &ListState) -> bool {
    match line {
        _ if list.filter.is_empty() => true,
        Line::Entry(left, right) => list.filter.is_in(&format!("{left} {right}")),
        Line::Heading(_) | Line::Gap => false,
    }
}

fn lines(keys: &Keymap) -> Vec<Line> {
    let mut lines = Vec::new();
    for section in Section::ALL {
        lines.push(Line::Heading(section.heading().to_owned()));
        for binding in KEYS.iter().filter(|binding| binding.section == section) {
            lines.push(Line::Entry(keys.keys(binding.action).join(" "), binding.what));
        }
        lines.push(Line::Gap);
    }
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
        lines.push(Line::Entry(format!("{}{name}", field.heading), field.meaning));
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
                Line::Entry(left, right) => *left == expected && *right == binding.what,
                _ => false,
            });
            assert_eq!(found.count(), 1, "{}", binding.name);
        }
    }
}
