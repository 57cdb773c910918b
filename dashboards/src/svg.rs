//! A drawn screen as an SVG picture, for README, bug reports and slides.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::borrow::Cow;
use std::fmt::Write as _;

/// Width and height of a character, hundredths of a pixel: whole numbers keep the picture the same on every machine.
const CELL: (u32, u32) = (843, 1800);

/// Distance of the base line from the top of a row, hundredths of a pixel.
const BASE: u32 = 1350;

/// What the terminal shows where nothing is said: light grey on nearly black.
const INK: &str = "#d4d4d4";
const PAPER: &str = "#16181d";

/// The screen as a picture of its own, without scripts, fonts or other files.
pub fn picture(screen: &Buffer) -> String {
    let (columns, rows) = (u32::from(screen.area.width), u32::from(screen.area.height));
    let (width, height) = (pixels(columns * CELL.0), pixels(rows * CELL.1));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace\" font-size=\"14\" fill=\"{INK}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"{PAPER}\"/>\n"
    );
    for (row, cells) in (0..).zip(screen.content.chunks(usize::from(screen.area.width.max(1)))) {
        let mut column = 0;
        for run in cells.chunk_by(|a, b| a.style() == b.style()) {
            draw_run(&mut svg, column, row, run);
            column += run.len();
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Cells next to each other that look alike.
fn draw_run(svg: &mut String, column: usize, row: u32, run: &[Cell]) {
    let Some(look) = run.first().map(Look::of) else { return };
    let (x, y) = (pixels(cells(column) * CELL.0), row * CELL.1);
    let width = pixels(cells(run.len()) * CELL.0);
    if let Some(paper) = look.paper {
        let (top, height) = (pixels(y), pixels(CELL.1));
        let _ = writeln!(svg, "<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"{paper}\"/>");
    }
    let text: String = run.iter().map(Cell::symbol).collect();
    if text.trim().is_empty() {
        return;
    }
    let base = pixels(y + BASE);
    let _ = write!(svg, "<text x=\"{x}\" y=\"{base}\" textLength=\"{width}\" xml:space=\"preserve\"");
    if look.ink != INK {
        let _ = write!(svg, " fill=\"{}\"", look.ink);
    }
    for (modifier, attribute) in ATTRIBUTES {
        if look.modifiers.contains(modifier) {
            let _ = write!(svg, " {attribute}");
        }
    }
    let _ = writeln!(svg, ">{}</text>", escaped(&text));
}

const ATTRIBUTES: [(Modifier, &str); 4] = [
    (Modifier::BOLD, "font-weight=\"bold\""),
    (Modifier::DIM, "opacity=\"0.6\""),
    (Modifier::ITALIC, "font-style=\"italic\""),
    (Modifier::UNDERLINED, "text-decoration=\"underline\""),
];

/// How a cell looks once reversal is carried out.
struct Look {
    ink: Cow<'static, str>,
    paper: Option<Cow<'static, str>>,
    modifiers: Modifier,
}

impl Look {
    fn of(cell: &Cell) -> Self {
        let (ink, paper) = (colour(cell.fg), colour(cell.bg));
        if cell.modifier.contains(Modifier::REVERSED) {
            let (ink, paper) = (paper.unwrap_or(Cow::Borrowed(PAPER)), ink.unwrap_or(Cow::Borrowed(INK)));
            Self { ink, paper: Some(paper), modifiers: cell.modifier }
        } else {
            Self { ink: ink.unwrap_or(Cow::Borrowed(INK)), paper, modifiers: cell.modifier }
        }
    }
}

/// A colour as SVG writes it; none where the terminal's own is meant.
fn colour(colour: Color) -> Option<Cow<'static, str>> {
    match colour {
        Color::Rgb(red, green, blue) => Some(rgb(red, green, blue)),
        Color::Indexed(number) => Some(numbered(number)),
        by_name => named(by_name).map(Cow::Borrowed),
    }
}

/// A colour by its number, as terminals with 256 of them have it: 16 with names, a cube of 6×6×6, and 24 greys.
fn numbered(number: u8) -> Cow<'static, str> {
    const NAMED: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    if let Some(name) = NAMED.get(usize::from(number)).and_then(|&colour| named(colour)) {
        return Cow::Borrowed(name);
    }
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    match number.saturating_sub(16) {
        place @ 0..216 => rgb(level(place / 36), level(place / 6 % 6), level(place % 6)),
        place => {
            let grey = 8 + 10 * (place - 216);
            rgb(grey, grey, grey)
        }
    }
}

fn rgb(red: u8, green: u8, blue: u8) -> Cow<'static, str> {
    Cow::Owned(format!("#{red:02x}{green:02x}{blue:02x}"))
}

/// The sixteen colours that every terminal has.
const fn named(colour: Color) -> Option<&'static str> {
    Some(match colour {
        Color::Black => "#1e2127",
        Color::Red => "#e06c75",
        Color::Green => "#98c379",
        Color::Yellow => "#d19a66",
        Color::Blue => "#61afef",
        Color::Magenta => "#c678dd",
        Color::Cyan => "#56b6c2",
        Color::Gray => "#abb2bf",
        Color::DarkGray => "#7f8590",
        Color::LightRed => "#ff7b85",
        Color::LightGreen => "#b5e890",
        Color::LightYellow => "#e5c07b",
        Color::LightBlue => "#7cc3ff",
        Color::LightMagenta => "#dc8ef3",
        Color::LightCyan => "#6fd3df",
        Color::White => "#ffffff",
        Color::Reset | Color::Rgb(..) | Color::Indexed(_) => return None,
    })
}

fn cells(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Hundredths of a pixel as SVG writes them.
fn pixels(hundredths: u32) -> String {
    match hundredths % 100 {
        0 => (hundredths / 100).to_string(),
        rest => format!("{}.{rest:02}", hundredths / 100),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn runs_keep_their_place_and_look() {
        let mut screen = Buffer::empty(Rect::new(0, 0, 6, 2));
        screen.set_string(0, 0, "a<b", Style::new());
        screen.set_string(3, 0, "red", Style::new().fg(Color::Red).add_modifier(Modifier::BOLD));
        screen.set_string(0, 1, "on", Style::new().add_modifier(Modifier::REVERSED));
        let svg = picture(&screen);
        for line in [
            "width=\"50.58\" height=\"36\"",
            "<text x=\"0\" y=\"13.50\" textLength=\"25.29\" xml:space=\"preserve\">a&lt;b</text>",
            "<text x=\"25.29\" y=\"13.50\" textLength=\"25.29\" xml:space=\"preserve\" fill=\"#e06c75\" font-weight=\"bold\">red</text>",
            "<rect x=\"0\" y=\"18\" width=\"16.86\" height=\"18\" fill=\"#d4d4d4\"/>",
        ] {
            assert!(svg.contains(line), "{line} in {svg}");
        }
        assert_eq!(svg.matches("<text").count(), 3, "blank cells are not drawn");
    }

    #[test]
    fn colours_by_number_are_those_of_terminals() {
        let check = |of, expected: Option<&str>| assert_eq!(colour(of).as_deref(), expected, "{of:?}");
        check(Color::Reset, None);
        check(Color::Indexed(1), Some("#e06c75"));
        check(Color::Indexed(15), Some("#ffffff"));
        check(Color::Indexed(16), Some("#000000"));
        check(Color::Indexed(117), Some("#87d7ff"));
        check(Color::Indexed(231), Some("#ffffff"));
        check(Color::Indexed(232), Some("#080808"));
        check(Color::Indexed(255), Some("#eeeeee"));
        check(Color::Rgb(1, 2, 255), Some("#0102ff"));
    }
}
