//! What is wrong, a line each, worst first.

use super::{Content, Places, Scene};
use crate::frame::{FindingRow, Severity};
use crate::moment::Moments;
use crate::pen::{Pen, columns};
use crate::theme::Role;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the heading and the findings around the cursor.
pub(super) fn draw(scene: Scene<'_>, content: &Content<'_>, places: &Places, cursor: usize, buf: &mut Buffer) {
    let (role, heading) = heading(&content.findings);
    Pen::at(places.findings_heading, 0, buf).put_cut(&heading, scene.theme.style(role));
    let top = places.findings_top(cursor, content.zones.len());
    let shown = content.findings.iter().enumerate().skip(top);
    for (nth, (place, finding)) in (0..places.findings.height).zip(shown) {
        draw_finding(scene, finding, places.findings, nth, buf);
        if content.zones.len() + place == cursor {
            let y = places.findings.y.saturating_add(nth);
            let line = Rect { y, height: 1, ..places.findings }.intersection(buf.area);
            buf.set_style(line, scene.theme.style(Role::Cursor));
        }
    }
}

/// What a severity looks like.
const fn role(severity: Severity) -> Role {
    match severity {
        Severity::Note => Role::Plain,
        Severity::Warning => Role::Warn,
        Severity::Error | Severity::Corruption => Role::Bad,
    }
}

fn heading(findings: &[&FindingRow]) -> (Role, String) {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let severities = [Severity::Corruption, Severity::Error, Severity::Warning, Severity::Note];
    let counts = severities.map(|severity| (count(severity), severity.name()));
    let told: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    match findings.len() {
        0 => (Role::Good, "No findings".to_owned()),
        1 => (Role::Heading, "1 finding".to_owned()),
        several => (Role::Heading, format!("{several} findings: {}", told.join(", "))),
    }
}

fn draw_finding(scene: Scene<'_>, finding: &FindingRow, area: Rect, nth: u16, buf: &mut Buffer) {
    let style = |role| scene.theme.style(role);
    let mut pen = Pen::at(area, nth, buf);
    let count = format!("×{}", finding.count);
    let age = Moments::of(scene).span(scene.frame.t_ns.saturating_sub(finding.last_ns));
    let object = finding.object.as_ref().or(finding.machine.as_ref()).map_or("", |name| name.as_str());
    let severity = role(finding.severity);
    let words = format!("{}: {}", finding.kind.replace('_', " "), finding.message);
    if area.width < 60 {
        let letter = finding.severity.name().get(..1).unwrap_or_default().to_ascii_uppercase();
        pen.left(&letter, 2, style(severity)).left(&count, 5, style(Role::Plain)).skip(1);
        pen.put_cut(&words, style(Role::Plain));
        return;
    }
    pen.left(finding.severity.name(), 11, style(severity)).left(object, 12, style(Role::Accent)).skip(1);
    let behind = format!("{count}  {age} ago");
    let message = pen.room().saturating_sub(columns(&behind).max(16) + 2);
    pen.left(&words, message, style(Role::Plain));
    let rest = pen.room();
    pen.right(&behind, rest, style(Role::Faint));
}
