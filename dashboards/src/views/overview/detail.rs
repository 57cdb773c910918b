//! What is under the cursor, in full.

use super::{Content, Scene};
use crate::frame::FindingRow;
use crate::list::ListState;
use crate::moment::{Moments, Precision};
use crate::pen::{Pen, draw_rule, wrapped};
use crate::theme::Role;
use crate::views::waiters::holders::Holders;
use crate::views::zones;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the zone or the finding under the cursor.
pub(super) fn draw(scene: Scene<'_>, content: &Content<'_>, list: &mut ListState, area: Rect, buf: &mut Buffer) {
    if let Some(zone) = content.zones.get(list.cursor) {
        let mut holders = std::mem::take(&mut list.holders);
        zones::detail(scene, zone, holders.of(scene.into(), || Holders::of(scene.machines())), area, buf);
        list.holders = holders;
        return;
    }
    let finding = list.cursor.checked_sub(content.zones.len()).and_then(|place| content.findings.get(place));
    let Some(finding) = finding else { return };
    let title = format!(" {}: {} ", finding.severity.name(), finding.kind);
    draw_rule(scene.theme, &title, Rect { height: area.height.min(1), ..area }, buf);
    let area = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
    draw_finding(scene, finding, area, buf);
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
