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
        /// What there is to say of it, such as how many rows match; nothing where it does not fit.
        note: &'a str,
    },
    /// A text that was typed and cannot be used.
    Mistake {
        /// What it is for.
        label: &'a str,
        /// The text; it leaves room for what is wrong.
        text: &'a str,
        /// What is wrong with it.
        why: &'a str,
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
        Footer::Mistake { label, text, why } => draw_mistake(theme, label, text, why, &mut pen),
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
    draw_label(theme, label, pen);
    draw_typed(theme, text, pen.room(), pen);
    let note_columns = columns(note);
    if pen.room() > note_columns {
        pen.skip_to_last(note_columns).put(note, theme.style(Role::Faint));
    }
}

/// What is wrong is cut where it has to be, but the text keeps a third of the room.
fn draw_mistake(theme: &Theme, label: &str, text: &str, why: &str, pen: &mut Pen<'_>) {
    draw_label(theme, label, pen);
    let why_columns = columns(why);
    let free = why_columns.saturating_add(1).min(pen.room() / 3 * 2);
    draw_typed(theme, text, pen.room() - free, pen);
    pen.skip(1).skip_to_last(why_columns).put_cut(why, theme.style(Role::Warn));
}

fn draw_label(theme: &Theme, label: &str, pen: &mut Pen<'_>) {
    pen.put_cut(label, theme.style(Role::Heading)).put(": ", theme.style(Role::Heading));
}

/// As much of the text's end as fits, and the cursor.
fn draw_typed(theme: &Theme, text: &str, room: u16, pen: &mut Pen<'_>) {
    let room = room.saturating_sub(1);
    pen.put(end_of(text, room), theme.style(Role::Plain)).put(" ", theme.style(Role::Cursor));
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
        let why = "`noon` is no moment; 12:03:01, +5s, 50%";
        let mistake = Footer::Mistake { label: "go to", text: "noon", why };
        check(mistake, 60, "go to: noon          `noon` is no moment; 12:03:01, +5s, 50%");
        check(mistake, 50, "go to: noon  `noon` is no moment; 12:03:01, +5s,…");
        check(mistake, 24, "go to: noon  `noon` is…");
        check(
            Footer::Mistake { label: "go to", text: "+99999999999h", why: "too far" },
            24,
            "go to: 9999999h  too far",
        );
        check(mistake, 1, "…");
        check(Footer::Message { role: Role::Bad, text: "no deferral after this moment" }, 12, "no deferral…");
    }
}
