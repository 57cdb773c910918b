//! The screen as a whole: what stands around the views, and whether there is room for them.

pub mod footer;
pub mod header;
pub mod timeline;

use crate::pen::{self, Pen};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use thiserror::Error;

/// Columns below which nothing sensible can be shown.
pub const COLUMNS_MIN: u16 = 40;

/// Lines below which nothing sensible can be shown.
pub const LINES_MIN: u16 = 10;

const HEADER_LINES: u16 = 2;
const TIMELINE_LINES: u16 = 2;
const FOOTER_LINES: u16 = 1;

/// Whether there is a time bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithTimeline {
    /// There is none.
    No,
    /// There is one.
    Yes,
}

/// What is where, from the top to the bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Two lines: what is watched, and the tabs.
    pub header: Rect,
    /// The view.
    pub body: Rect,
    /// Two lines: the time bar, in recordings.
    pub timeline: Option<Rect>,
    /// One line: keys, a prompt or a message.
    pub footer: Rect,
}

/// The screen is too small to show anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("terminal of {columns}×{lines} is too small: {COLUMNS_MIN}×{LINES_MIN} needed")]
pub struct TooSmall {
    /// Columns there are.
    pub columns: u16,
    /// Lines there are.
    pub lines: u16,
}

/// Divides the screen.
///
/// # Errors
/// [`TooSmall`]: there are less than [`COLUMNS_MIN`] columns or [`LINES_MIN`] lines.
pub fn layout(area: Rect, timeline: WithTimeline) -> Result<Layout, TooSmall> {
    if area.width < COLUMNS_MIN || area.height < LINES_MIN {
        return Err(TooSmall { columns: area.width, lines: area.height });
    }
    let lines = |y: u16, height: u16| Rect { y, height, ..area };
    let footer = area.y + area.height - FOOTER_LINES;
    let (body_end, timeline) = match timeline {
        WithTimeline::No => (footer, None),
        WithTimeline::Yes => (footer - TIMELINE_LINES, Some(lines(footer - TIMELINE_LINES, TIMELINE_LINES))),
    };
    let body = area.y + HEADER_LINES;
    Ok(Layout {
        header: lines(area.y, HEADER_LINES),
        body: lines(body, body_end - body),
        timeline,
        footer: lines(footer, FOOTER_LINES),
    })
}

/// Says that the screen is too small, in words as long as they fit, down to nothing at all.
pub fn too_small(area: Rect, buf: &mut Buffer) {
    let TooSmall { columns, lines } = TooSmall { columns: area.width, lines: area.height };
    let whole = TooSmall { columns, lines }.to_string();
    let shorter = format!("{columns}×{lines}, need {COLUMNS_MIN}×{LINES_MIN}");
    let shortest = format!("<{COLUMNS_MIN}×{LINES_MIN}");
    let fitting = [whole, shorter, shortest].into_iter().find(|text| pen::columns(text) <= columns);
    Pen::at(area, 0, buf).put(fitting.as_deref().unwrap_or("!"), Style::new());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_belongs_to_one_part() {
        let check = |columns, lines, timeline, heights: &[u16]| {
            let area = Rect::new(3, 1, columns, lines);
            let layout = layout(area, timeline).unwrap();
            let parts: Vec<Rect> = [Some(layout.header), Some(layout.body), layout.timeline, Some(layout.footer)]
                .into_iter()
                .flatten()
                .collect();
            assert!(parts.iter().map(|part| part.height).eq(heights.iter().copied()), "{columns}×{lines} {parts:?}");
            let mut y = area.y;
            for part in parts {
                assert_eq!((part.x, part.y, part.width), (area.x, y, area.width));
                y += part.height;
            }
            assert_eq!(y, area.bottom());
        };
        check(120, 40, WithTimeline::No, &[2, 37, 1]);
        check(120, 40, WithTimeline::Yes, &[2, 35, 2, 1]);
        check(40, 10, WithTimeline::No, &[2, 7, 1]);
        check(40, 10, WithTimeline::Yes, &[2, 5, 2, 1]);
    }

    #[test]
    fn a_screen_that_is_too_small_says_so() {
        let check = |columns, lines, text: &str| {
            let area = Rect::new(0, 0, columns, lines);
            assert_eq!(layout(area, WithTimeline::Yes), Err(TooSmall { columns, lines }));
            let mut buf = Buffer::empty(area);
            too_small(area, &mut buf);
            let shown: String = buf.content.iter().map(ratatui::buffer::Cell::symbol).collect();
            assert_eq!(shown.trim_end(), text, "{columns}×{lines}");
        };
        check(200, 9, "terminal of 200×9 is too small: 40×10 needed");
        check(39, 10, "39×10, need 40×10");
        check(16, 3, "16×3, need 40×10");
        check(7, 1, "<40×10");
        check(1, 1, "!");
        check(0, 0, "");
    }
}
