//! Bounce zones as a table.

use super::table::detail::Lines;
use super::table::{self, Mark, Table};
use super::waiters::holders::{Holders, short};
use crate::fields::ZONE_FIELDS;
use crate::frame::{WaiterRow, ZoneRow};
use crate::list::{ListState, Rows};
use crate::moment::Moments;
use crate::theme::Role;
use crate::units;
use crate::views::Scene;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Waiters that a detail names.
const WAITERS_NAMED: usize = 6;

/// Draws the zones.
pub(crate) fn draw(scene: Scene<'_>, list: &mut ListState, area: Rect, buf: &mut Buffer) {
    let rows = Rows::of(scene.machines().map(|machine| machine.zones.as_slice()));
    let table = Table {
        title: "Zones",
        rows: &rows,
        total: rows.len(),
        listed_first: "first",
        hidden: super::hidden(scene),
        mark: &mark,
        remark: None,
        empty: "no tag bounces, so there is no zone",
    };
    let mut holders = std::mem::take(&mut list.holders);
    let detail = |row| detail(scene, row, holders.of(scene.into(), || Holders::of(scene.machines())));
    table::draw(scene, &table, detail, list, area, buf);
    list.holders = holders;
}

/// Someone waits.
fn mark(row: &ZoneRow) -> Option<Mark> {
    (row.waiters > 0).then_some(Mark { sign: "!", role: Role::Warn })
}

/// A zone in full: where its pages are, who waits for them, who holds them.
pub(super) fn detail(scene: Scene<'_>, row: &ZoneRow, holders: &Holders) -> Lines {
    let mut lines = Lines::titled(format!("{} zone{}", row.machine, row.zone));
    lines.sentence(pages(row), Role::Plain);
    lines.sentence(waiting(scene, row, WAITERS_NAMED), if row.waiters > 0 { Role::Warn } else { Role::Plain });
    if let Some(zone) = holders.zone(&row.machine, row.zone) {
        lines.sentence(format!("held by {}", zone.words(usize::MAX)), Role::Plain);
    }
    // The title says which zone of which machine it is.
    let names = ZONE_FIELDS.each_ref().map(|field| field.name);
    let names: Vec<_> = names.into_iter().filter(|name| !["machine", "zone"].contains(name)).collect();
    lines.fields(scene, row, &names);
    lines
}

/// Where the pages of a zone are, in one sentence.
pub(super) fn pages(row: &ZoneRow) -> String {
    format!(
        "zone{} is {} full: {} active, {} promised, {} free of {} pages; most active {}",
        row.zone,
        units::share(row.pressure()),
        row.active_bpages,
        row.reserved_bpages,
        row.free_bpages,
        row.total_bpages,
        row.active_bpages_max,
    )
}

/// Who waits for a zone's pages, and for how long: the first ones by name.
pub(super) fn waiting(scene: Scene<'_>, row: &ZoneRow, named: usize) -> String {
    if row.waiters == 0 {
        return "nobody waits".to_owned();
    }
    let of_zone = |waiter: &&WaiterRow| waiter.zone == row.zone;
    let machine = scene.frame.machine(&row.machine);
    let queue = machine.into_iter().flat_map(|machine| &machine.waiters).filter(of_zone);
    let moments = Moments::of(scene);
    let named: Vec<String> = queue
        .take(named)
        .map(|waiter| format!("{} for {}", short(&waiter.map, &row.machine), moments.span(waiter.age_ns)))
        .collect();
    let more = (row.waiters as usize).saturating_sub(named.len());
    let and_more = if more > 0 && !named.is_empty() { format!(", {more} more") } else { String::new() };
    let colon = if named.is_empty() { "" } else { ": " };
    let verb = if row.waiters == 1 { "map waits" } else { "maps wait" };
    format!("{} {verb}{colon}{}{and_more}", row.waiters, named.join(", "))
}
