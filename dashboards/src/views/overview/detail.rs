//! What is under the cursor, in full.

use super::{Content, Scene};
use crate::fields::ZONE_FIELDS;
use crate::frame::{FindingRow, ZoneRow};
use crate::moment::{Moments, Precision};
use crate::pen::{Pen, draw_rule, wrapped};
use crate::theme::Role;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the zone or the finding under the cursor.
pub(super) fn draw(scene: Scene<'_>, content: &Content<'_>, cursor: usize, area: Rect, buf: &mut Buffer) {
    let finding = cursor.checked_sub(content.zones.len()).and_then(|place| content.findings.get(place));
    let zone = content.zones.get(cursor);
    let title = match (zone, finding) {
        (Some(zone), _) => format!(" {} zone{} ", zone.machine, zone.zone),
        (None, Some(finding)) => format!(" {}: {} ", finding.severity.name(), finding.kind),
        (None, None) => String::new(),
    };
    draw_rule(scene.theme, &title, Rect { height: area.height.min(1), ..area }, buf);
    let area = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
    match (zone, finding) {
        (Some(zone), _) => draw_zone(scene, zone, area, buf),
        (None, Some(finding)) => draw_finding(scene, finding, area, buf),
        (None, None) => {}
    }
}

/// The columns of one number, its name included.
const CELL_COLUMNS: u16 = 36;
const NAME_COLUMNS: u16 = 20;

fn draw_zone(scene: Scene<'_>, zone: &ZoneRow, area: Rect, buf: &mut Buffer) {
    let across = (area.width / CELL_COLUMNS).max(1);
    // The title says which zone of which machine it is.
    let fields = || ZONE_FIELDS.iter().filter(|field| !matches!(field.name, "machine" | "zone"));
    let down = u16::try_from(fields().count()).unwrap_or(u16::MAX).div_ceil(across);
    for (nth, field) in (0u16..).zip(fields()) {
        let (row, column) = (nth % down, nth / down);
        let mut pen = Pen::at(area, row, buf);
        pen.skip(column.saturating_mul(CELL_COLUMNS)).left(field.name, NAME_COLUMNS, scene.theme.style(Role::Faint));
        pen.put(&field.screen(zone), scene.theme.style(Role::Plain));
    }
}

fn draw_finding(scene: Scene<'_>, finding: &FindingRow, area: Rect, buf: &mut Buffer) {
    let moments = Moments::of(scene);
    let at = |t| moments.at(t, Precision::Milliseconds);
    let mut lines = Vec::new();
    let mut paragraph = |role, text: &str| lines.extend(wrapped(text, area.width).into_iter().map(|line| (role, line)));
    paragraph(Role::Heading, &finding.message);
    paragraph(Role::Accent, &finding.advice);
    let who = [("on", &finding.machine), ("about", &finding.object), ("first shown by", &finding.session)];
    let who = who.into_iter().filter_map(|(word, name)| name.as_ref().map(|name| format!("{word} {name}, ")));
    let (count, first, last) = (finding.count, at(finding.first_ns), at(finding.last_ns));
    let when = if count == 1 {
        format!("seen once, at {last}")
    } else {
        format!("seen {count} times, from {first} to {last}")
    };
    paragraph(Role::Faint, &format!("{}{when}", who.collect::<String>()));
    for (nth, (role, line)) in (0..area.height).zip(&lines) {
        Pen::at(area, nth, buf).put_cut(line, scene.theme.style(*role));
    }
}
