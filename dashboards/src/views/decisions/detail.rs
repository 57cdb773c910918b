//! The load that a decision belongs to: its bytes as a strip, and its segments.

use super::load::{Load, LoadEnd};
use super::{Scene, strip};
use crate::pen::{Pen, columns, draw_rule, wrapped};
use crate::theme::Role;
use crate::units;
use crate::words::{self, Counted, WhyBounced, WhySplit};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the load that the decision of that number belongs to; for a decision about no map, its sentence in full.
pub(super) fn draw(scene: Scene<'_>, number: u64, area: Rect, buf: &mut Buffer) {
    let log = &scene.frame.decisions;
    let Some(decision) = log.get(number) else { return };
    let load = Load::around(log, number);
    let title = load.as_ref().map_or_else(String::new, |load| format!(" {} ", load.map));
    draw_rule(scene.theme, &title, Rect { height: area.height.min(1), ..area }, buf);
    let mut lines = vec![(words::role(decision.what.kind()), words::sentence(decision))];
    lines.extend(load.as_ref().map(|load| (Role::Heading, headline(load))));
    let mut row = 1;
    for (role, text) in lines {
        let wrapped = if area.height < WRAPPED_FROM { vec![text] } else { wrapped(&text, area.width) };
        for line in wrapped {
            Pen::at(area, row, buf).put_cut(&line, scene.theme.style(role));
            row += 1;
        }
    }
    let Some(load) = load.filter(|load| !load.segments.is_empty()) else { return };
    let strip = Rect { y: area.y.saturating_add(row), height: strip::LINES, ..area }.intersection(area);
    strip::draw(scene.theme, &load, strip, buf);
    draw_segments(scene, &load, area, row + strip::LINES, buf);
}

/// Lines from which sentences may take several of them.
const WRAPPED_FROM: u16 = 8;

/// What was mapped, how long it waited and how it ended.
fn headline(load: &Load) -> String {
    let (bytes, bounced) = (load.bytes(), load.bounced_bytes());
    let mapped = match load.needed {
        _ if bytes > 0 => {
            let segments = Counted(load.segments.len() as u64, "segment");
            let first = load.segments.first().map(|segment| segment.number).filter(|&number| number > 0);
            let from = first.map_or_else(String::new, |number| format!("from segment {number} on: "));
            format!("{from}{segments} of {}, {} bounced", units::bytes(bytes), units::bytes(bounced))
        }
        Some(needed) => format!("needs {}", Counted(needed.into(), "bounce page")),
        None => "nothing is kept of what was mapped".to_owned(),
    };
    let waited = load.waited_ns.map(|waited_ns| format!(", waited {}", units::duration(waited_ns)));
    let end = match &load.end {
        LoadEnd::Loaded => "; loaded".to_owned(),
        LoadEnd::Waits => "; waits".to_owned(),
        LoadEnd::Cancelled => "; given up".to_owned(),
        LoadEnd::Rejected(error) => format!("; failed: {error}"),
        LoadEnd::NotTold => String::new(),
    };
    format!("{mapped}{}{end}", waited.unwrap_or_default())
}

fn draw_segments(scene: Scene<'_>, load: &Load, area: Rect, first_row: u16, buf: &mut Buffer) {
    let rows = usize::from(area.height.saturating_sub(first_row));
    let all = load.segments.len();
    let bounced = load.segments.iter().filter(|segment| segment.bounced.is_some()).count();
    let lines = if all + bounced <= rows { PerSegment::TwoWhereBounced } else { PerSegment::One };
    let shown = if all > rows { rows.saturating_sub(1) } else { all };
    let widest = load.segments.iter().take(shown).map(|segment| columns(&units::hex(segment.addr))).max().unwrap_or(0);
    let mut row = first_row;
    for segment in load.segments.iter().take(shown) {
        let mut pen = Pen::at(area, row, buf);
        let style = |role| scene.theme.style(role);
        pen.right(&segment.number.to_string(), 4, style(Role::Faint)).skip(1);
        pen.right(&units::hex(segment.addr), widest, style(Role::Accent)).skip(1);
        pen.right(&units::bytes(segment.len), 9, style(Role::Plain)).skip(2);
        pen.put_cut(&WhySplit(segment.why).to_string(), style(Role::Plain));
        row += 1;
        let Some(bounced) = segment.bounced else { continue };
        let why = format!("{} bounced from {:#x}: {}", strip::BOUNCED, bounced.client, WhyBounced(bounced.why));
        match lines {
            PerSegment::One => {
                pen.put_cut("; ", style(Role::Plain)).put_cut(&why, style(Role::Warn));
            }
            PerSegment::TwoWhereBounced => {
                Pen::at(area, row, buf).skip(5).put_cut(&why, style(Role::Warn));
                row += 1;
            }
        }
    }
    if shown < all && rows > 0 {
        let rest = format!("and {} more", all - shown);
        Pen::at(area, row, buf).put_cut(&rest, scene.theme.style(Role::Faint));
    }
}

/// Lines that a segment takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PerSegment {
    One,
    /// The second says why it is bounced.
    TwoWhereBounced,
}
