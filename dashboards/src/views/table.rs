//! A table: a title with how many rows there are, headings, the rows that fit, and the detail of one of them.

pub(crate) mod detail;

use crate::fields::{Field, GAP, Row, Unit, Value, fields_width, fit};
use crate::list::{ColumnAt, Detail, ListState, Rows, SortWay};
use crate::moment::Moments;
use crate::pen::Pen;
use crate::theme::{Role, Theme};
use crate::views::Scene;
use compact_str::CompactString;
use detail::{Lines, split};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Columns of the screen for the marks on the left.
const MARGIN: u16 = 2;

/// What a table shows.
pub(crate) struct Table<'a, R: Row> {
    /// What rows are, in the plural.
    pub(crate) title: &'a str,
    /// The rows.
    pub(crate) rows: &'a Rows<'a, R>,
    /// How many there are in all, listed or not.
    pub(crate) total: usize,
    /// Which ones are listed where not all are: `oldest`.
    pub(crate) listed_first: &'a str,
    /// Fields that are not shown.
    pub(crate) hidden: &'a [&'a str],
    /// What stands out.
    pub(crate) mark: &'a dyn Fn(&R) -> Option<Mark>,
    /// A last column that is worked out for the rows on the screen only, where there is room.
    pub(crate) remark: Option<Remark<'a, R>>,
    /// What to say where there are no rows.
    pub(crate) empty: &'a str,
}

/// What makes a row stand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// One column wide.
    pub(crate) sign: &'static str,
    /// How the row looks.
    pub(crate) role: Role,
}

/// A last column that no field holds, since it takes more than the row to work it out.
pub(crate) struct Remark<'a, R> {
    /// Its heading.
    pub(crate) heading: &'a str,
    /// Columns of the screen that it needs at least.
    pub(crate) width: u16,
    /// What it says in so many columns of the screen.
    pub(crate) text: &'a dyn Fn(&R, u16) -> String,
}

/// Draws a table, and the detail of the row under the cursor if that is open. Notes in `list` what is where.
pub(crate) fn draw<'r, R: Row>(
    scene: Scene<'_>,
    table: &Table<'r, R>,
    detail: impl FnOnce(&'r R) -> Lines,
    list: &mut ListState,
    area: Rect,
    buf: &mut Buffer,
) {
    // How many rows fit depends on the detail, and the detail on the row.
    list.arrange(scene.into(), table.rows, list.page);
    let detail = match list.detail {
        Detail::Closed => None,
        Detail::Open => list.selected(table.rows).map(detail),
    };
    let (above, below) = split(area, detail.as_ref());
    draw_list(scene, table, list, above, buf);
    if let Some((detail, area)) = detail.zip(below) {
        detail.draw(scene.theme, area, buf);
    }
}

fn draw_list<R: Row>(scene: Scene<'_>, table: &Table<'_, R>, list: &mut ListState, area: Rect, buf: &mut Buffer) {
    let area = area.intersection(buf.area);
    let body = Rect { y: area.y.saturating_add(2), height: area.height.saturating_sub(2), ..area };
    list.body = body;
    list.arrange(scene.into(), table.rows, body.height.into());
    let columns = columns(table, list, area);
    list.columns.clone_from(&columns);
    draw_title(scene.theme, table, list, area, buf);
    draw_headings::<R>(scene.theme, table, list, area, buf);
    if list.shown == 0 {
        let text = if list.listed == 0 { table.empty } else { "no row holds all words of the filter" };
        Pen::at(body, 0, buf).skip(MARGIN).put_cut(text, scene.theme.style(Role::Faint));
    }
    for line in 0..body.height {
        let place = list.top + usize::from(line);
        let row = list.source_index(place).and_then(|at| table.rows.get(at));
        let Some(row) = row else { break };
        let at = Rect { y: body.y + line, height: 1, ..body };
        let under = if place == list.cursor { Under::Cursor } else { Under::Nothing };
        draw_row(scene, table, &columns, row, under, at, buf);
    }
}

/// What a row says in a column. Spans are of the frame's clock, which counts operations where no time is known.
fn shown<R>(scene: Scene<'_>, field: &Field<R>, row: &R) -> CompactString {
    match ((field.value)(row), field.unit) {
        (Value::Whole(span), Unit::Nanoseconds) => Moments::of(scene).span(span).into(),
        (value, unit) => value.screen(unit),
    }
}

/// Whether the cursor is on a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Under {
    Cursor,
    Nothing,
}

/// Where the fields are that there is room for. The remark gives way to fields that never drop, and to nothing else; where
/// it has to, its room is theirs.
fn columns<R: Row>(table: &Table<'_, R>, list: &ListState, area: Rect) -> Vec<ColumnAt> {
    let fields = R::fields();
    let keep = list.sort.map(|sort| sort.field).filter(|&field| field < fields.len());
    let room = area.width.saturating_sub(MARGIN);
    let remark = table.remark.as_ref().map_or(0, |remark| remark.width + GAP);
    let beside_remark = fit(fields, table.hidden, keep, room.saturating_sub(remark));
    let chosen = if remark > 0 && fields_width(fields, &beside_remark).saturating_add(remark) > room {
        fit(fields, table.hidden, keep, room)
    } else {
        beside_remark
    };
    let mut x = area.x + MARGIN;
    let place = |field: usize| {
        let at = ColumnAt { field, x, width: fields.get(field).map_or(0, |field| field.width) };
        x = x.saturating_add(at.width + GAP);
        at
    };
    chosen.into_iter().map(place).collect()
}

fn draw_title<R: Row>(theme: &Theme, table: &Table<'_, R>, list: &ListState, area: Rect, buf: &mut Buffer) {
    let mut pen = Pen::at(area, 0, buf);
    pen.put_cut(table.title, theme.style(Role::Heading)).skip(GAP);
    pen.put_cut(&counts(table, list), theme.style(Role::Faint));
}

/// `30`, `12 of 30 · filter "x"`, or `1000 oldest of 100000` where not all are listed.
fn counts<R: Row>(table: &Table<'_, R>, list: &ListState) -> String {
    let listed = if table.total > list.listed {
        format!("{} {} of {}", list.listed, table.listed_first, table.total)
    } else {
        list.listed.to_string()
    };
    match (list.filter.is_empty(), table.total > list.listed) {
        (true, _) => listed,
        (false, false) => format!("{} of {listed} · filter \"{}\"", list.shown, list.filter.text()),
        (false, true) => format!("{} of the {listed} · filter \"{}\"", list.shown, list.filter.text()),
    }
}

fn draw_headings<R: Row>(theme: &Theme, table: &Table<'_, R>, list: &ListState, area: Rect, buf: &mut Buffer) {
    let mut pen = Pen::at(area, 1, buf);
    let style = theme.style(Role::Heading);
    pen.skip(MARGIN);
    for column in &list.columns {
        let Some(field) = R::fields().get(column.field) else { continue };
        let arrow = list.sort.filter(|sort| sort.field == column.field).map(|sort| sort.way);
        let heading = heading(field, arrow);
        if field.unit.is_number() {
            pen.right(&heading, column.width, style).skip(GAP);
        } else {
            pen.left(&heading, column.width, style).skip(GAP);
        }
    }
    if let Some(remark) = table.remark.as_ref().filter(|remark| pen.room() >= remark.width) {
        pen.put_cut(remark.heading, style);
    }
}

/// A heading with the sort's arrow, for which it gives up its own end where the column is narrow.
fn heading<R>(field: &Field<R>, arrow: Option<SortWay>) -> String {
    let Some(way) = arrow else { return field.heading.to_owned() };
    let room = usize::from(field.width).saturating_sub(1);
    let short: String = field.heading.chars().take(room).collect();
    format!("{short}{}", way.arrow())
}

fn draw_row<R: Row>(
    scene: Scene<'_>,
    table: &Table<'_, R>,
    columns: &[ColumnAt],
    row: &R,
    under: Under,
    at: Rect,
    buf: &mut Buffer,
) {
    let (theme, mark) = (scene.theme, (table.mark)(row));
    let style = theme.style(mark.map_or(Role::Plain, |mark| mark.role));
    let mut pen = Pen::at(at, 0, buf);
    let sign = mark.map_or(" ", |mark| mark.sign);
    pen.put(if under == Under::Cursor { ">" } else { " " }, style).put(sign, style);
    for column in columns {
        let Some(field) = R::fields().get(column.field) else { continue };
        let text = shown(scene, field, row);
        if field.unit.is_number() {
            pen.right(&text, column.width, style).skip(GAP);
        } else {
            pen.left(&text, column.width, style).skip(GAP);
        }
    }
    if let Some(remark) = table.remark.as_ref().filter(|remark| pen.room() >= remark.width) {
        let text = (remark.text)(row, pen.room());
        pen.put_cut(&text, style);
    }
    if under == Under::Cursor {
        buf.set_style(at, theme.style(Role::Cursor));
    }
}

#[cfg(test)]
mod tests;
