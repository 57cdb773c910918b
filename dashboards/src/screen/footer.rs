//! The line at the bottom: what keys do, a prompt, or a message.

use crate::pen::{Pen, columns};
use crate::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// What the line shows.
#[derive(Clone, Copy, Debug)]
pub enum Footer<'a> {
    /// Keys and what they do, the most important first: as many as fit.
    Keys(&'a [(String, &'a str)]),
    /// A text that is being typed.
    Prompt {
        /// What it is for: `filter`, `go to`.
        label: &'a str,
        /// The text so far; where it is longer than the line, its end is shown.
        text: &'a str,
        /// What there is to say of it: how many rows match, or what is wrong.
        note: &'a str,
    },
    /// One sentence.
    Message {
        /// Whether it went well.
        role: Role,
        /// The sentence.
        text: &'a str,
    },
}

/// Draws the line.
pub fn draw(theme: &Theme, footer: &Footer<'_>, area: Rect, buf: &mut Buffer) {
    let mut pen = Pen::at(area, 0, buf);
    match footer {
        Footer::Keys(keys) => draw_keys(theme, keys, &mut pen),
        Footer::Prompt { label, text, note } => draw_prompt(theme, label, text, note, &mut pen),
        Footer::Message { role, text } => {
            pen.put_cut(text, theme.style(*role));
        }
    }
}

fn draw_keys(theme: &Theme, keys: &[(String, &str)], pen: &mut Pen<'_>) {
    for (key, does) in keys {
        if columns(key).saturating_add(1).saturating_add(columns(does)) > pen.room() {
            break;
        }
        pen.put(key, theme.style(Role::Accent)).skip(1).put(does, theme.style(Role::Plain)).skip(2);
    }
}

fn draw_prompt(theme: &Theme, label: &str, text: &str, note: &str, pen: &mut Pen<'_>) {
    pen.put_cut(label, theme.style(Role::Heading)).put(": ", theme.style(Role::Heading));
    // One column is the cursor's.
    let room = pen.room().saturating_sub(1);
    pen.put(end_of(text, room), theme.style(Role::Plain)).put(" ", theme.style(Role::Cursor));
    let note_columns = columns(note);
    if pen.room() > note_columns {
        pen.skip_to_last(note_columns).put(note, theme.style(Role::Faint));
    }
}

/// As much of the end of `text` as fits.
fn end_of(text: &str, room: u16) -> &str {
    let mut starts = text.char_indices().map(|(start, _)| start).chain([text.len()]);
    starts.find_map(|start| text.get(start..).filter(|rest| columns(rest) <= room)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_shown() {
        let check = |footer: Footer<'_>, width, expected: &str| {
            let area = Rect::new(0, 0, width, 1);
            let mut buf = Buffer::empty(area);
            draw(&Theme::default(), &footer, area, &mut buf);
            let line: String = buf.content.iter().map(ratatui::buffer::Cell::symbol).collect();
            assert_eq!(line.trim_end(), expected, "{footer:?}");
        };
        let keys = [("q".to_owned(), "quit"), ("?".to_owned(), "help"), ("Tab".to_owned(), "next view")];
        check(Footer::Keys(&keys), 40, "q quit  ? help  Tab next view");
        check(Footer::Keys(&keys), 28, "q quit  ? help");
        check(Footer::Keys(&keys), 3, "");
        let prompt = Footer::Prompt { label: "filter", text: "map12 bounced", note: "3 of 96" };
        check(prompt, 40, "filter: map12 bounced            3 of 96");
        check(prompt, 24, "filter: map12 bounced");
        check(prompt, 14, "filter: unced");
        check(prompt, 1, "…");
        check(Footer::Message { role: Role::Bad, text: "no deferral after this moment" }, 12, "no deferral…");
    }
}
