//! One line of the screen, written from left to right and never beyond its end.

use crate::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;
use std::borrow::Cow;

/// Writes into one line of an area.
#[derive(Debug)]
pub(crate) struct Pen<'b> {
    buf: &'b mut Buffer,
    x: u16,
    y: u16,
    end: u16,
}

impl<'b> Pen<'b> {
    /// At the left end of the line that is `row` below the top of `area`. A line outside of it has no room.
    pub(crate) fn at(area: Rect, row: u16, buf: &'b mut Buffer) -> Self {
        let area = area.intersection(buf.area);
        let y = area.y.saturating_add(row);
        let end = if y < area.bottom() { area.right() } else { area.x };
        Self { buf, x: area.x, y, end }
    }

    /// Columns that are left.
    pub(crate) const fn room(&self) -> u16 {
        self.end.saturating_sub(self.x)
    }

    /// Writes `text`, as far as there is room.
    pub(crate) fn put(&mut self, text: &str, style: Style) -> &mut Self {
        let room = self.room();
        if room > 0 {
            (self.x, _) = self.buf.set_stringn(self.x, self.y, text, room.into(), style);
        }
        self
    }

    /// Writes `text`, with `…` at its end where it has to be cut.
    pub(crate) fn put_cut(&mut self, text: &str, style: Style) -> &mut Self {
        let cut = cut(text, self.room());
        self.put(&cut, style)
    }

    /// Writes `text` at the left of the next `width` columns, with `…` where it has to be cut.
    pub(crate) fn left(&mut self, text: &str, width: u16, style: Style) -> &mut Self {
        let end = self.x.saturating_add(width).min(self.end);
        let cut = cut(text, end.saturating_sub(self.x));
        self.put(&cut, style);
        self.x = self.x.max(end);
        self
    }

    /// Writes `text` at the right of the next `width` columns, with `…` where it has to be cut.
    pub(crate) fn right(&mut self, text: &str, width: u16, style: Style) -> &mut Self {
        let width = width.min(self.room());
        let cut = cut(text, width);
        self.skip(width.saturating_sub(columns(&cut))).put(&cut, style)
    }

    /// Leaves columns as they are.
    pub(crate) fn skip(&mut self, columns: u16) -> &mut Self {
        self.x = self.x.saturating_add(columns).min(self.end);
        self
    }

    /// Goes on so far from the right end that `columns` are left, if that is ahead.
    pub(crate) fn skip_to_last(&mut self, columns: u16) -> &mut Self {
        self.x = self.x.max(self.end.saturating_sub(columns));
        self
    }
}

/// Draws a line across an area of one line, with `title` near its left end.
pub(crate) fn draw_rule(theme: &Theme, title: &str, area: Rect, buf: &mut Buffer) {
    let rule = theme.style(Role::Faint);
    let mut pen = Pen::at(area, 0, buf);
    pen.put("──", rule).put_cut(title, theme.style(Role::Heading));
    let rest = "─".repeat(pen.room().into());
    pen.put(&rest, rule);
}

/// Columns that a text takes.
pub(crate) fn columns(text: &str) -> u16 {
    u16::try_from(Span::raw(text).width()).unwrap_or(u16::MAX)
}

/// `text`, or as much of it as fits into `room` columns with `…` behind it.
pub(crate) fn cut(text: &str, room: u16) -> Cow<'_, str> {
    if text.len() <= usize::from(room) || columns(text) <= room {
        return Cow::Borrowed(text);
    }
    if room == 0 {
        return Cow::Borrowed("");
    }
    let mut end = 0;
    for (start, character) in text.char_indices() {
        let next = start + character.len_utf8();
        if columns(text.get(..next).unwrap_or_default()) >= room {
            break;
        }
        end = next;
    }
    Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default().trim_end()))
}

/// `text` broken at spaces into lines of at most `width` columns; words that are longer stay whole.
pub(crate) fn wrapped(text: &str, width: u16) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if columns(line).saturating_add(1).saturating_add(columns(word)) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_the_room_there_is() {
        let check = |text, room, expected: &str| assert_eq!(cut(text, room), expected, "{text} in {room}");
        check("zone0", 5, "zone0");
        check("zone0", 4, "zon…");
        check("zone0", 1, "…");
        check("zone0", 0, "");
        check("a bc", 3, "a…");
        check("µµµ", 3, "µµµ");
        check("日本語", 4, "日…");
        check("日本語", 5, "日本…");
    }

    #[test]
    fn lines_are_broken_at_spaces() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable", 4), ["unbreakable"]);
        assert_eq!(wrapped("  ", 4), Vec::<String>::new());
    }

    #[test]
    fn a_line_ends_where_its_area_does() {
        let mut buf = Buffer::with_lines([".........."; 2]);
        let area = Rect::new(1, 1, 6, 1);
        Pen::at(area, 0, &mut buf).put("ab", Style::new()).right("7", 3, Style::new()).put("longer", Style::new());
        Pen::at(area, 1, &mut buf).put("nowhere", Style::new());
        Pen::at(Rect::new(50, 50, 6, 1), 0, &mut buf).put("outside", Style::new());
        assert_eq!(buf, Buffer::with_lines(["..........", ".ab..7l..."]));
        let mut buf = Buffer::with_lines(["............"]);
        let all = buf.area;
        Pen::at(all, 0, &mut buf)
            .left("abcd", 3, Style::new())
            .skip(1)
            .put("x", Style::new())
            .skip_to_last(2)
            .put("end", Style::new());
        assert_eq!(buf, Buffer::with_lines(["ab….x.....en"]));
    }
}
