//! A pool as a bar: what is in use, what is promised, what is free, and the most that was ever in use.

use crate::frame::ZoneRow;
use crate::pen::Pen;
use crate::theme::{Role, Theme};

/// Pages in use.
pub(super) const ACTIVE: &str = "█";
/// Pages promised.
pub(super) const RESERVED: &str = "▓";
/// Pages that are free.
pub(super) const FREE: &str = "░";
/// The most that were ever in use, at its right edge.
pub(super) const MOST: &str = "┃";

/// Draws a zone's pages into the next `width` columns.
pub(super) fn draw(theme: &Theme, zone: &ZoneRow, width: u16, pen: &mut Pen<'_>) {
    let width = width.min(pen.room());
    let edges = Edges::of(zone, width);
    for column in 0..width {
        let (sign, role) = edges.sign(column);
        pen.put(sign, theme.style(role));
    }
}

/// Columns at which the parts of a bar end, exclusive.
#[derive(Clone, Copy, Debug)]
struct Edges {
    active: u16,
    reserved: u16,
    most: u16,
}

impl Edges {
    fn of(zone: &ZoneRow, width: u16) -> Self {
        let total = zone.total_bpages;
        let taken = zone.active_bpages.saturating_add(zone.reserved_bpages);
        let active = edge(zone.active_bpages, total, width);
        Self {
            active,
            reserved: edge(taken, total, width).max(active),
            most: edge(zone.active_bpages_max, total, width).max(active),
        }
    }

    const fn sign(self, column: u16) -> (&'static str, Role) {
        if column + 1 == self.most {
            (MOST, Role::Accent)
        } else if column < self.active {
            (ACTIVE, Role::Active)
        } else if column < self.reserved {
            (RESERVED, Role::Reserved)
        } else {
            (FREE, Role::Free)
        }
    }
}

/// Where `pages` of `total` end: at the nearest column, but neither at an end unless they are none or all.
fn edge(pages: u32, total: u32, width: u16) -> u16 {
    if pages == 0 || total == 0 || width == 0 {
        return 0;
    }
    if pages >= total {
        return width;
    }
    let nearest = (u64::from(pages) * u64::from(width) + u64::from(total) / 2) / u64::from(total);
    u16::try_from(nearest).unwrap_or(width).clamp(1, (width - 1).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::fixtures;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    #[test]
    fn bars_are_read_without_colours() {
        let check = |(active, reserved, most, total), width, expected: &str| {
            let mut zone = fixtures::zone("vm1", 0);
            (zone.active_bpages, zone.reserved_bpages) = (active, reserved);
            (zone.active_bpages_max, zone.total_bpages) = (most, total);
            let area = Rect::new(0, 0, width, 1);
            let mut buf = Buffer::empty(area);
            draw(&Theme::default(), &zone, 100, &mut Pen::at(area, 0, &mut buf));
            let bar: String = buf.content.iter().map(ratatui::buffer::Cell::symbol).collect();
            assert_eq!(bar, expected, "{active}+{reserved} of {total}, most {most}, in {width}");
        };
        check((4, 2, 8, 10), 10, "████▓▓░┃░░");
        check((4, 2, 4, 10), 10, "███┃▓▓░░░░");
        check((10, 0, 10, 10), 10, "█████████┃");
        check((1, 0, 1, 1000), 10, "┃░░░░░░░░░");
        check((999, 0, 999, 1000), 10, "████████┃░");
        check((0, 0, 0, 0), 4, "░░░░");
        check((u32::MAX, u32::MAX, u32::MAX, 1), 3, "██┃");
        check((1, 1, 1, 2), 1, "┃");
        check((1, 1, 1, 2), 0, "");
    }
}
