//! A row of small bars: how a number went lately.

use crate::pen::Pen;
use ratatui::style::Style;

/// Bars from the lowest to the highest.
pub(crate) const LEVELS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Draws the last of `samples` that fit into `width` columns, the newest at the right. The highest bar is the largest
/// sample drawn; nothing at all is a blank.
pub(crate) fn draw(samples: impl ExactSizeIterator<Item = u32> + Clone, width: u16, style: Style, pen: &mut Pen<'_>) {
    let width = width.min(pen.room());
    let hidden = samples.len().saturating_sub(width.into());
    let shown = samples.skip(hidden);
    let most = shown.clone().max().unwrap_or(0);
    let missing = usize::from(width).saturating_sub(shown.len());
    pen.skip(u16::try_from(missing).unwrap_or(width));
    for sample in shown {
        pen.put(bar(sample, most), style);
    }
}

/// The bar for a sample where `most` is the largest.
fn bar(sample: u32, most: u32) -> &'static str {
    if sample == 0 || most == 0 {
        return " ";
    }
    let nth = (u64::from(sample) * LEVELS.len() as u64).div_ceil(u64::from(most));
    let index = usize::try_from(nth.saturating_sub(1)).unwrap_or(usize::MAX);
    LEVELS.get(index).copied().unwrap_or("█")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    #[test]
    fn the_newest_samples_stand_at_the_right() {
        let check = |samples: &[u32], width, expected: &str| {
            let area = Rect::new(0, 0, 8, 1);
            let mut buf = Buffer::empty(area);
            let mut pen = Pen::at(area, 0, &mut buf);
            draw(samples.iter().copied(), width, Style::new(), &mut pen);
            pen.put("|", Style::new());
            let line: String = buf.content.iter().map(ratatui::buffer::Cell::symbol).collect();
            assert_eq!(line.trim_end(), expected, "{samples:?}");
        };
        check(&[], 3, "   |");
        check(&[0, 1, 8], 5, "   ▁█|");
        check(&[100, 4, 2, 1], 3, "█▄▂|");
        check(&[0, 0], 2, "  |");
        check(&[u32::MAX, u32::MAX / 2], 2, "█▄|");
        check(&[1; 20], 100, "████████");
    }
}
