//! Looks in words, as `busdma.toml` holds them: `bold red on default`.

use ratatui::style::{Color, Modifier, Style};
use thiserror::Error;

/// What [`parse_style`] knows, for messages.
const KNOWN: &str = "bold, dim, italic, underline, reverse; the colours default, black, red, green, yellow, blue, magenta, \
                     cyan and white, each with bright- before it too, and numbers from 0 to 255; `on` before the background";

/// Why a text is no style.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StyleError {
    /// There are no words; `default` is the style without any.
    #[error("an empty style; write `default` for none, or any of {KNOWN}")]
    Empty,
    /// A word that means nothing here.
    #[error("`{word}` in the style `{text}` is neither a colour nor a look; known are {KNOWN}")]
    UnknownWord {
        /// The whole text.
        text: String,
        /// The word.
        word: String,
    },
    /// A number that is no colour.
    #[error("the colour {word} in the style `{text}` is outside of 0 to 255")]
    NoSuchColour {
        /// The whole text.
        text: String,
        /// The number.
        word: String,
    },
    /// `on`, and nothing behind it.
    #[error("no colour behind `on` in the style `{text}`")]
    NoBackground {
        /// The whole text.
        text: String,
    },
    /// Two colours of one kind.
    #[error("`{second}` in the style `{text}` is a second colour; a background is written `on {second}`")]
    SecondColour {
        /// The whole text.
        text: String,
        /// The one too many.
        second: String,
    },
}

/// Reads a style such as `bold red on default`: words in any order and case, the background's colour behind `on`.
///
/// # Errors
/// [`StyleError`], which tells what is known.
pub fn parse_style(text: &str) -> Result<Style, StyleError> {
    let lower = text.to_ascii_lowercase();
    let mut words = lower.split_whitespace().peekable();
    if words.peek().is_none() {
        return Err(StyleError::Empty);
    }
    let mut style = Style::new();
    while let Some(word) = words.next() {
        if word == "on" {
            let name = words.next().ok_or_else(|| StyleError::NoBackground { text: text.to_owned() })?;
            let color = color(name, text)?;
            set_once(&mut style.bg, color, name, text)?;
        } else if let Some(modifier) = modifier(word) {
            style = style.add_modifier(modifier);
        } else {
            let color = color(word, text)?;
            set_once(&mut style.fg, color, word, text)?;
        }
    }
    Ok(style)
}

fn set_once(place: &mut Option<Color>, color: Color, word: &str, text: &str) -> Result<(), StyleError> {
    match place.replace(color) {
        None => Ok(()),
        Some(_) => Err(StyleError::SecondColour { text: text.to_owned(), second: word.to_owned() }),
    }
}

fn modifier(word: &str) -> Option<Modifier> {
    Some(match word {
        "bold" => Modifier::BOLD,
        "dim" => Modifier::DIM,
        "italic" => Modifier::ITALIC,
        "underline" => Modifier::UNDERLINED,
        "reverse" => Modifier::REVERSED,
        _ => return None,
    })
}

fn color(word: &str, text: &str) -> Result<Color, StyleError> {
    let no_such = || StyleError::NoSuchColour { text: text.to_owned(), word: word.to_owned() };
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return word.parse().map(Color::Indexed).map_err(|_| no_such());
    }
    Ok(match word {
        "default" => Color::Reset,
        "black" => Color::Black,
        "red" => Color::Red,
        "green" => Color::Green,
        "yellow" => Color::Yellow,
        "blue" => Color::Blue,
        "magenta" => Color::Magenta,
        "cyan" => Color::Cyan,
        // What ratatui calls gray is the white among the eight dark colours.
        "white" => Color::Gray,
        "bright-black" => Color::DarkGray,
        "bright-red" => Color::LightRed,
        "bright-green" => Color::LightGreen,
        "bright-yellow" => Color::LightYellow,
        "bright-blue" => Color::LightBlue,
        "bright-magenta" => Color::LightMagenta,
        "bright-cyan" => Color::LightCyan,
        "bright-white" => Color::White,
        _ => return Err(StyleError::UnknownWord { text: text.to_owned(), word: word.to_owned() }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles() {
        let check = |text, style: Style| assert_eq!(parse_style(text), Ok(style), "{text}");
        check("bold red on default", Style::new().fg(Color::Red).bg(Color::Reset).add_modifier(Modifier::BOLD));
        check("Reverse", Style::new().add_modifier(Modifier::REVERSED));
        check("  on blue   bright-white ", Style::new().fg(Color::White).bg(Color::Blue));
        check("208", Style::new().fg(Color::Indexed(208)));
        check("default", Style::new().fg(Color::Reset));
        check(
            "dim italic underline",
            Style::new().add_modifier(Modifier::DIM | Modifier::ITALIC | Modifier::UNDERLINED),
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |text: &str, message: &str| {
            let error = parse_style(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        };
        check(" ", "an empty style; write `default` for none");
        check("bold rot", "`rot` in the style `bold rot` is neither a colour nor a look; known are bold, dim");
        check("on", "no colour behind `on`");
        check("red on bold", "`bold` in the style `red on bold` is neither");
        check("red blue", "`blue` in the style `red blue` is a second colour; a background is written `on blue`");
        check("256", "the colour 256 in the style `256` is outside");
    }
}
