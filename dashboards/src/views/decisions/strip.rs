//! A load's bytes as a strip: where segments begin, and which bytes go through bounce pages.

use super::load::{Load, Path};
use crate::pen::{Pen, columns};
use crate::theme::{Role, Theme};
use crate::units;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Bytes that the device finds where the client has them.
pub(super) const DIRECT: &str = "█";
/// Bytes that go through a bounce page.
pub(super) const BOUNCED: &str = "▒";

/// Lines that a strip takes.
pub(super) const LINES: u16 = 3;

/// Draws cuts, bytes and offsets, a line each.
pub(super) fn draw(theme: &Theme, load: &Load, area: Rect, buf: &mut Buffer) {
    let scale = Scale { bytes: load.bytes(), columns: area.width };
    if scale.bytes == 0 || scale.columns == 0 {
        return;
    }
    let cuts = cuts(load, scale);
    Pen::at(area, 0, buf).put(&cuts, theme.style(Role::Faint));
    let mut pen = Pen::at(area, 1, buf);
    for path in paths(load, scale) {
        match path {
            Path::Direct => pen.put(DIRECT, theme.style(Role::Active)),
            Path::Bounced => pen.put(BOUNCED, theme.style(Role::Warn)),
        };
    }
    let end = units::bytes(scale.bytes);
    let mut pen = Pen::at(area, 2, buf);
    pen.put("0", theme.style(Role::Faint));
    for (sign, meaning, role) in [(DIRECT, "direct", Role::Active), (BOUNCED, "bounced", Role::Warn)] {
        if pen.room() > columns(meaning) + columns(&end) + 5 {
            pen.skip(3).put(sign, theme.style(role)).skip(1).put(meaning, theme.style(Role::Faint));
        }
    }
    pen.skip_to_last(columns(&end)).put(&end, theme.style(Role::Faint));
}

#[derive(Clone, Copy, Debug)]
struct Scale {
    bytes: u64,
    columns: u16,
}

impl Scale {
    /// The column that shows the byte at `offset`.
    fn column(self, offset: u64) -> usize {
        let column = u128::from(offset) * u128::from(self.columns) / u128::from(self.bytes.max(1));
        usize::try_from(column).unwrap_or(usize::MAX).min(usize::from(self.columns.saturating_sub(1)))
    }
}

/// A mark and a number where each segment begins; where several begin in one column, how many do.
fn cuts(load: &Load, scale: Scale) -> String {
    let mut line = vec![' '; scale.columns.into()];
    let mut begun = vec![0u32; scale.columns.into()];
    for segment in &load.segments {
        if let Some(count) = begun.get_mut(scale.column(segment.offset)) {
            *count += 1;
        }
    }
    if begun.iter().any(|&count| count > 1) {
        for (sign, &count) in line.iter_mut().zip(&begun).filter(|(_, count)| **count > 0) {
            *sign = char::from_digit(count, 10).unwrap_or('+');
        }
        return line.into_iter().collect();
    }
    for (nth, segment) in load.segments.iter().enumerate() {
        let start = scale.column(segment.offset);
        let end = load.segments.get(nth + 1).map_or(line.len(), |next| scale.column(next.offset));
        let label = format!("│{}", segment.number);
        let room = end.saturating_sub(start);
        let shown = if label.chars().count() <= room { label.as_str() } else { "│" };
        for (place, sign) in line.iter_mut().skip(start).zip(shown.chars()) {
            *place = sign;
        }
    }
    line.into_iter().collect()
}

/// What each column shows of its bytes: bounced if any of them are.
fn paths(load: &Load, scale: Scale) -> Vec<Path> {
    let mut paths = vec![Path::Direct; scale.columns.into()];
    for piece in load.pieces.iter().filter(|piece| piece.path == Path::Bounced && piece.len > 0) {
        let last = scale.column(piece.offset.saturating_add(piece.len - 1));
        if let Some(columns) = paths.get_mut(scale.column(piece.offset)..=last) {
            columns.fill(Path::Bounced);
        }
    }
    paths
}
