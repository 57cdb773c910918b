//! The queues for bounce pages, head first, and who holds the pages that are waited for.

pub(crate) mod holders;

use super::table::detail::Lines;
use super::table::{self, Mark, Remark, Table};
use crate::frame::{WaiterRow, ZoneRow};
use crate::list::{ListState, Rows};
use crate::moment::Moments;
use crate::theme::Role;
use crate::views::Scene;
use holders::Holders;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Columns of the screen for who holds pages.
const HOLDERS_COLUMNS: u16 = 20;

/// Draws the queues.
pub(crate) fn draw(scene: Scene<'_>, list: &mut ListState, area: Rect, buf: &mut Buffer) {
    let rows = Rows::of(scene.machines().map(|machine| machine.waiters.as_slice()));
    let total = scene.machines().map(|machine| machine.waiters_total as usize).sum();
    let mut holders = std::mem::take(&mut list.holders);
    let known = holders.of(scene.into(), || Holders::of(scene.machines()));
    let held_by = |row: &WaiterRow, room| match known.zone(&row.machine, row.zone) {
        Some(zone) => zone.words_in(room),
        None => "not known".to_owned(),
    };
    let table = Table {
        title: "Waiters",
        rows: &rows,
        total,
        listed_first: "first",
        hidden: super::hidden(scene),
        mark: &|row| needs_too_much(scene, row).map(|_| Mark { sign: "!", role: Role::Bad }),
        remark: Some(Remark { heading: "held by (pages)", width: HOLDERS_COLUMNS, text: &held_by }),
        empty: "nobody waits for bounce pages",
    };
    table::draw(scene, &table, |row| detail(scene, row, known), list, area, buf);
    list.holders = holders;
}

fn detail(scene: Scene<'_>, row: &WaiterRow, holders: &Holders) -> Lines {
    let mut lines = Lines::titled(row.map.as_str());
    if let Some(zone) = needs_too_much(scene, row) {
        let text = format!("needs {} pages, but zone{} has {} in all", row.needed, row.zone, zone.total_bpages);
        lines.sentence(text, Role::Bad);
    }
    let missing = row.needed.saturating_sub(row.reserved);
    let age = Moments::of(scene).span(row.age_ns);
    let ahead = match row.position {
        0 | 1 => "it is the next".to_owned(),
        2 => "1 map is ahead".to_owned(),
        place => format!("{} maps are ahead", place - 1),
    };
    lines.sentence(format!("waits for {missing} more of {} pages, for {age}; {ahead}", row.needed), Role::Plain);
    if let Some(zone) = zone_of(scene, row) {
        lines.sentence(super::zones::pages(zone), Role::Plain);
    }
    if let Some(zone) = holders.zone(&row.machine, row.zone) {
        lines.sentence(format!("held by {}", zone.words(usize::MAX)), Role::Plain);
        if zone.unaccounted() > 0 {
            let text = format!(
                "the maps that are listed hold {} of the zone's {} pages in use; who holds the others is not told",
                zone.listed_pages, zone.active_pages
            );
            lines.sentence(text, Role::Faint);
        }
    }
    lines.fields(scene, row, &["machine", "tag", "session"]);
    lines
}

/// The zone, where it can never have as many pages as are needed.
fn needs_too_much<'a>(scene: Scene<'a>, row: &WaiterRow) -> Option<&'a ZoneRow> {
    zone_of(scene, row).filter(|zone| row.needed > zone.total_bpages)
}

fn zone_of<'a>(scene: Scene<'a>, row: &WaiterRow) -> Option<&'a ZoneRow> {
    scene.frame.machine(&row.machine)?.zones.iter().find(|zone| zone.zone == row.zone)
}
