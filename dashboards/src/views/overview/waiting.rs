//! Who waits for the pages of each pool, and who holds them, while there is room to say it.

use super::Scene;
use crate::frame::ZoneRow;
use crate::list::ListState;
use crate::pen::{Pen, columns};
use crate::theme::Role;
use crate::views::waiters::holders::Holders;
use crate::views::{on_machine, zones};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Lines that a pool takes.
pub(super) const LINES: u16 = 2;

/// Columns of the screen for a pool's name.
const NAME_COLUMNS: u16 = 12;

/// Waiters that a line names, at most.
const NAMED: usize = 12;

/// Draws the pools that somebody waits for, as many as fit.
pub(super) fn draw(scene: Scene<'_>, pools: &[&ZoneRow], list: &mut ListState, area: Rect, buf: &mut Buffer) {
    if area.height < LINES {
        return;
    }
    let mut holders = std::mem::take(&mut list.holders);
    let known = holders.of(scene.into(), || Holders::of(scene.machines()));
    let waited_for = pools.iter().filter(|zone| zone.waiters > 0);
    for (nth, zone) in (0..area.height / LINES).zip(waited_for) {
        let style = |role| scene.theme.style(role);
        let mut pen = Pen::at(area, nth * LINES, buf);
        let name = on_machine(&zone.machine, &format!("zone{}", zone.zone), NAME_COLUMNS);
        pen.left(&name, NAME_COLUMNS, style(Role::Accent)).skip(1);
        let waiting = waiting(scene, zone, pen.room());
        pen.put_cut(&waiting, style(Role::Warn));
        let mut pen = Pen::at(area, nth * LINES + 1, buf);
        pen.skip(NAME_COLUMNS + 1).put("held by ", style(Role::Faint));
        let held = known.zone(&zone.machine, zone.zone).map(|held| held.words_in(pen.room()));
        pen.put_cut(held.as_deref().unwrap_or("nobody knows whom"), style(Role::Plain));
    }
    list.holders = holders;
}

/// As many waiters as fit, the head first.
fn waiting(scene: Scene<'_>, zone: &ZoneRow, room: u16) -> String {
    let wordings = (1..=NAMED).rev().map(|named| zones::waiting(scene, zone, named));
    wordings.into_iter().find(|words| columns(words) <= room).unwrap_or_else(|| zones::waiting(scene, zone, 0))
}
