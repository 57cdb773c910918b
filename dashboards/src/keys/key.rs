//! Keys and chords, and how `busdma.toml` and help write them.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A key with what is held down beside it. The same key compares equal whichever way a terminal reports it: letters hold
/// their case instead of Shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    modifiers: KeyModifiers,
}

/// One key, or two one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chord {
    /// The key that begins it.
    pub first: Key,
    /// The key that ends it, if there are two.
    pub second: Option<Key>,
}

/// A text that is no key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// There is none.
    #[error("no key is named; expected one such as {EXAMPLES}")]
    Empty,
    /// No key has that name.
    #[error("`{name}` is no key; expected one such as {EXAMPLES}")]
    Unknown {
        /// The text.
        name: String,
    },
    /// More than two.
    #[error("`{text}` are {count} keys one after the other; two are the most")]
    TooMany {
        /// The text.
        text: String,
        /// How many.
        count: usize,
    },
}

const EXAMPLES: &str = "`j`, `G`, `space`, `pgup`, `f5`, `ctrl-l`, `shift-left` or `g g`";

/// Names of keys that are no characters, and how help writes them.
const NAMED: [(&str, &str, KeyCode); 16] = [
    ("space", "Space", KeyCode::Char(' ')),
    ("enter", "Enter", KeyCode::Enter),
    ("esc", "Esc", KeyCode::Esc),
    ("tab", "Tab", KeyCode::Tab),
    ("backtab", "Shift-Tab", KeyCode::BackTab),
    ("backspace", "Backspace", KeyCode::Backspace),
    ("delete", "Delete", KeyCode::Delete),
    ("insert", "Insert", KeyCode::Insert),
    ("up", "↑", KeyCode::Up),
    ("down", "↓", KeyCode::Down),
    ("left", "←", KeyCode::Left),
    ("right", "→", KeyCode::Right),
    ("home", "Home", KeyCode::Home),
    ("end", "End", KeyCode::End),
    ("pgup", "PgUp", KeyCode::PageUp),
    ("pgdn", "PgDn", KeyCode::PageDown),
];

impl Key {
    /// Ctrl-C, which always ends the program.
    pub const CTRL_C: Self = Self { code: KeyCode::Char('c'), modifiers: KeyModifiers::CONTROL };

    /// Esc, which always takes back what was begun.
    pub const ESC: Self = Self { code: KeyCode::Esc, modifiers: KeyModifiers::NONE };

    /// A key and what is held down.
    pub fn new(code: KeyCode, held: KeyModifiers) -> Self {
        let held = held & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        match code {
            KeyCode::Tab if held.contains(KeyModifiers::SHIFT) => Self::new(KeyCode::BackTab, held),
            KeyCode::Char(letter) if held.contains(KeyModifiers::CONTROL) => {
                Self { code: KeyCode::Char(letter.to_ascii_lowercase()), modifiers: held - KeyModifiers::SHIFT }
            }
            KeyCode::Char(letter) if held.contains(KeyModifiers::SHIFT) => {
                Self { code: KeyCode::Char(upper(letter)), modifiers: held - KeyModifiers::SHIFT }
            }
            KeyCode::BackTab => Self { code, modifiers: held - KeyModifiers::SHIFT },
            _ => Self { code, modifiers: held },
        }
    }

    /// The character that it types, when nothing is held down.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(character) if self.modifiers.is_empty() => Some(character),
            _ => None,
        }
    }

    /// Which key, whatever is held down.
    pub const fn code(self) -> KeyCode {
        self.code
    }

    /// What is held down.
    pub const fn modifiers(self) -> KeyModifiers {
        self.modifiers
    }
}

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Self {
        Self::new(event.code, event.modifiers)
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(name: &str) -> Result<Self, KeyError> {
        let unknown = || KeyError::Unknown { name: name.to_owned() };
        let mut held = KeyModifiers::NONE;
        let mut rest = name;
        while let Some((word, after)) =
            rest.split_once('-').filter(|(word, after)| !word.is_empty() && !after.is_empty())
        {
            held |= match word.to_ascii_lowercase().as_str() {
                "ctrl" => KeyModifiers::CONTROL,
                "alt" => KeyModifiers::ALT,
                "shift" => KeyModifiers::SHIFT,
                _ => return Err(unknown()),
            };
            rest = after;
        }
        Ok(Self::new(code(rest).ok_or_else(unknown)?, held))
    }
}

/// The letter as Shift types it, where that is one letter.
fn upper(letter: char) -> char {
    let mut upper = letter.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(only), None) => only,
        _ => letter,
    }
}

fn code(name: &str) -> Option<KeyCode> {
    let mut characters = name.chars();
    if let (Some(only), None) = (characters.next(), characters.next()) {
        return (!only.is_control() && only != ' ').then_some(KeyCode::Char(only));
    }
    let lower = name.to_ascii_lowercase();
    if let Some(number) = lower.strip_prefix('f').and_then(|number| number.parse().ok()) {
        return (1..=24).contains(&number).then_some(KeyCode::F(number));
    }
    NAMED.iter().find(|(known, ..)| *known == lower).map(|&(.., code)| code)
}

/// As help writes it: `j`, `Space`, `Ctrl-L`, `Shift-←`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = [(KeyModifiers::CONTROL, "Ctrl-"), (KeyModifiers::ALT, "Alt-"), (KeyModifiers::SHIFT, "Shift-")];
        for (_, word) in held.into_iter().filter(|(modifier, _)| self.modifiers.contains(*modifier)) {
            f.write_str(word)?;
        }
        if let Some((_, shown, _)) = NAMED.iter().find(|(.., code)| *code == self.code) {
            return f.write_str(shown);
        }
        match self.code {
            KeyCode::Char(letter) if self.modifiers.contains(KeyModifiers::CONTROL) => {
                write!(f, "{}", letter.to_ascii_uppercase())
            }
            KeyCode::Char(letter) => write!(f, "{letter}"),
            KeyCode::F(number) => write!(f, "F{number}"),
            code => write!(f, "{code:?}"),
        }
    }
}

impl FromStr for Chord {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let keys = text.split_whitespace().map(str::parse).collect::<Result<Vec<Key>, _>>()?;
        match *keys.as_slice() {
            [] => Err(KeyError::Empty),
            [first] => Ok(Self { first, second: None }),
            [first, second] => Ok(Self { first, second: Some(second) }),
            _ => Err(KeyError::TooMany { text: text.to_owned(), count: keys.len() }),
        }
    }
}

/// As help writes it; letters one after the other stand together: `gg`.
impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(second) = self.second else { return write!(f, "{}", self.first) };
        let letters = self.first.typed().zip(second.typed()).is_some_and(|(a, b)| a != ' ' && b != ' ');
        if letters { write!(f, "{}{second}", self.first) } else { write!(f, "{} {second}", self.first) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_written() {
        let check = |text: &str, shown: &str| assert_eq!(text.parse::<Chord>().unwrap().to_string(), shown, "{text}");
        check("j", "j");
        check("G", "G");
        check("g g", "gg");
        check("space", "Space");
        check("Space", "Space");
        check("ctrl-l", "Ctrl-L");
        check("Ctrl-L", "Ctrl-L");
        check("shift-g", "G");
        check("shift-ä", "Ä");
        check("shift-ß", "ß");
        check("alt-shift-x", "Alt-X");
        check("shift-left", "Shift-←");
        check("shift-tab", "Shift-Tab");
        check("ctrl-x enter", "Ctrl-X Enter");
        check("f5", "F5");
        check("-", "-");
        check("+", "+");
        check("ctrl--", "Ctrl--");
        check("alt-ä", "Alt-ä");
    }

    #[test]
    fn what_is_no_key_is_named() {
        let check = |text: &str, message: &str| {
            let error = text.parse::<Chord>().unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        };
        check("", "no key is named");
        check("spcae", "`spcae` is no key");
        check("hyper-x", "`hyper-x` is no key");
        check("f25", "`f25` is no key");
        check("g g g", "`g g g` are 3 keys");
    }

    #[test]
    fn terminals_report_the_same_key_in_several_ways() {
        let check = |text: &str, code, held| assert_eq!(text.parse::<Key>().unwrap(), Key::new(code, held), "{text}");
        check("G", KeyCode::Char('G'), KeyModifiers::SHIFT);
        check("G", KeyCode::Char('G'), KeyModifiers::NONE);
        check("G", KeyCode::Char('g'), KeyModifiers::SHIFT);
        check("shift-tab", KeyCode::BackTab, KeyModifiers::SHIFT);
        check("shift-tab", KeyCode::BackTab, KeyModifiers::NONE);
        check("shift-tab", KeyCode::Tab, KeyModifiers::SHIFT);
        check("ctrl-c", KeyCode::Char('C'), KeyModifiers::CONTROL | KeyModifiers::SHIFT);
    }
}
