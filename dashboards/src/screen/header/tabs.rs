//! The tabs: as much of each view's name as fits.

use crate::pen::{Pen, columns};
use crate::theme::{Role, Theme};
use crate::views::View;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the tabs into the second line of `area`. The one that is shown stands in brackets.
pub(super) fn draw(theme: &Theme, shown: View, area: Rect, buf: &mut Buffer) {
    let names = names(area.width, shown);
    let mut pen = Pen::at(area, 1, buf);
    for view in View::ALL {
        let tab = tab(view, shown, names);
        let role = if view == shown { Role::Heading } else { Role::Faint };
        pen.put(&tab, theme.style(role));
    }
}

/// The view whose tab is in that column of the screen, if any is.
pub fn tab_at(area: Rect, column: u16, shown: View) -> Option<View> {
    let column = column.checked_sub(area.x).filter(|&column| column < area.width)?;
    let names = names(area.width, shown);
    let mut end = 0;
    View::ALL.into_iter().find(|&view| {
        end += columns(&tab(view, shown, names));
        column < end
    })
}

/// How much of the names is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    Whole,
    ThreeLetters,
    OnlyTheShown,
    None,
}

fn names(room: u16, shown: View) -> Names {
    let width = |names| View::ALL.into_iter().map(|view| columns(&tab(view, shown, names))).sum::<u16>();
    let longest_first = [Names::Whole, Names::ThreeLetters, Names::OnlyTheShown];
    longest_first.into_iter().find(|&names| width(names) <= room).unwrap_or(Names::None)
}

fn tab(view: View, shown: View, names: Names) -> String {
    let number = View::ALL.iter().position(|other| *other == view).map_or(0, |index| index + 1);
    let mut name = match names {
        Names::Whole => view.name(),
        Names::ThreeLetters => view.name().get(..3).unwrap_or(view.name()),
        Names::OnlyTheShown if view == shown => view.name(),
        Names::OnlyTheShown | Names::None => "",
    }
    .to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
        name.insert(0, ' ');
    }
    if view == shown { format!("[{number}{name}]") } else { format!(" {number}{name} ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(width: u16, shown: View) -> String {
        let area = Rect::new(0, 0, width, 2);
        let mut buf = Buffer::empty(area);
        draw(&Theme::default(), shown, area, &mut buf);
        buf.content.iter().skip(width.into()).map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn names_are_shortened() {
        let check = |width, shown, expected: &str| assert_eq!(line(width, shown).trim_end(), expected);
        let whole = "[1 Overview] 2 Zones  3 Waiters  4 Maps  5 Latency  6 Decisions  7 Host  8 Help";
        check(100, View::Overview, whole);
        check(80, View::Overview, whole);
        check(79, View::Maps, " 1 Ove  2 Zon  3 Wai [4 Map] 5 Lat  6 Dec  7 Hos  8 Hel");
        check(40, View::Decisions, " 1  2  3  4  5 [6 Decisions] 7  8");
        check(24, View::Help, " 1  2  3  4  5  6  7 [8]");
        check(5, View::Help, " 1  2");
    }

    #[test]
    fn every_column_of_a_tab_leads_to_its_view() {
        for width in [120, 80, 60, 40, 24, 1] {
            for shown in View::ALL {
                let line = line(width, shown);
                let mut expected = None;
                for (column, sign) in (0u16..).zip(line.chars()) {
                    let digit = sign.to_digit(10).and_then(|digit| usize::try_from(digit).ok());
                    if let Some(view) = digit.and_then(|digit| View::ALL.get(digit - 1)) {
                        expected = Some(*view);
                        assert_eq!(tab_at(Rect::new(5, 0, width, 2), column + 5, shown), expected, "{width} {column}");
                    }
                }
                assert!(expected.is_some() || width < 2);
                assert_eq!(tab_at(Rect::new(5, 0, width, 2), width + 5, shown), None);
                assert_eq!(tab_at(Rect::new(5, 0, width, 2), 4, shown), None);
            }
        }
    }
}
