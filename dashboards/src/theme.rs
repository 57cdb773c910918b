//! What colours mean: views name a role, a theme says how it looks.
//!
//! Nothing is told by a colour alone: every role stands beside a word, a letter or a sign that says the same.

mod palettes;
mod style_words;

pub use style_words::{StyleError, parse_style};

use ratatui::style::Style;
use std::str::FromStr;
use thiserror::Error;

/// What a piece of the screen means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing special.
    Plain,
    /// Headings, the tab that is shown.
    Heading,
    /// What is there for completeness.
    Faint,
    /// Names and numbers to look at first.
    Accent,
    /// What went well; free pages.
    Good,
    /// What to keep an eye on; bounced bytes, reserved pages.
    Warn,
    /// What is wrong; failures, corruption.
    Bad,
    /// Pages in use.
    Active,
    /// Pages promised.
    Reserved,
    /// Pages that are free.
    Free,
    /// The row under the cursor.
    Cursor,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Plain,
        Self::Heading,
        Self::Faint,
        Self::Accent,
        Self::Good,
        Self::Warn,
        Self::Bad,
        Self::Active,
        Self::Reserved,
        Self::Free,
        Self::Cursor,
    ];

    /// Its name in files of settings: `plain`, `heading`, …
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Heading => "heading",
            Self::Faint => "faint",
            Self::Accent => "accent",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Active => "active",
            Self::Reserved => "reserved",
            Self::Free => "free",
            Self::Cursor => "cursor",
        }
    }
}

/// A text that names no role.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("nothing on the screen is called `{name}`; colours can be set for {}", listed(Role::ALL.map(Role::name)))]
pub struct UnknownRole {
    /// The text.
    pub name: String,
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        let of_that_name = Self::ALL.into_iter().find(|role| role.name() == name);
        of_that_name.ok_or_else(|| UnknownRole { name: name.to_owned() })
    }
}

/// Themes that come with the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThemeName {
    /// For dark backgrounds; 16 colours suffice.
    #[default]
    Dark,
    /// For light backgrounds; 16 colours suffice.
    Light,
    /// No colours: bold, dim, underlined and reversed only.
    Mono,
    /// For dark backgrounds in terminals of 256 colours.
    Bright,
}

impl ThemeName {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Dark, Self::Light, Self::Mono, Self::Bright];

    /// Its name on the command line and in files of settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::Mono => "mono",
            Self::Bright => "bright",
        }
    }
}

/// A text that names no theme.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no theme is called `{name}`; there are {}", listed(ThemeName::ALL.map(ThemeName::name)))]
pub struct UnknownTheme {
    /// The text.
    pub name: String,
}

impl FromStr for ThemeName {
    type Err = UnknownTheme;

    fn from_str(name: &str) -> Result<Self, UnknownTheme> {
        let of_that_name = Self::ALL.into_iter().find(|theme| theme.name() == name);
        of_that_name.ok_or_else(|| UnknownTheme { name: name.to_owned() })
    }
}

/// How each role looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    styles: [Style; Role::ALL.len()],
}

impl Default for Theme {
    fn default() -> Self {
        Self::named(ThemeName::default())
    }
}

impl Theme {
    /// A theme that comes with the program.
    pub fn named(name: ThemeName) -> Self {
        Self { styles: Role::ALL.map(|role| palettes::style(name, role)) }
    }

    /// How a role looks.
    pub const fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    /// The same, but for that role.
    #[must_use]
    pub const fn with(mut self, role: Role, style: Style) -> Self {
        self.styles[role as usize] = style;
        self
    }
}

/// `a, b and c`.
fn listed<const N: usize>(names: [&'static str; N]) -> String {
    match names.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        Some((last, _)) => (*last).to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::{Color, Modifier};

    #[test]
    fn names_are_read_back() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        for theme in ThemeName::ALL {
            assert_eq!(theme.name().parse(), Ok(theme));
        }
        let unknown = "titel".parse::<Role>().unwrap_err().to_string();
        assert!(unknown.starts_with("nothing on the screen is called `titel`"), "{unknown}");
        assert!(unknown.ends_with("reserved, free and cursor"), "{unknown}");
        let unknown = "solar".parse::<ThemeName>().unwrap_err().to_string();
        assert_eq!(unknown, "no theme is called `solar`; there are dark, light, mono and bright");
    }

    #[test]
    fn themes_keep_to_the_colours_they_promise() {
        let allowed = |name: ThemeName, color: Option<Color>| match (name, color) {
            (_, None) => true,
            (ThemeName::Mono, Some(_)) => false,
            (ThemeName::Dark | ThemeName::Light, Some(color)) => !matches!(color, Color::Rgb(..) | Color::Indexed(_)),
            (ThemeName::Bright, Some(color)) => !matches!(color, Color::Rgb(..)),
        };
        for name in ThemeName::ALL {
            let theme = Theme::named(name);
            for role in Role::ALL {
                let style = theme.style(role);
                assert!(allowed(name, style.fg) && allowed(name, style.bg), "{name:?} {role:?} {style:?}");
            }
            assert!(theme.style(Role::Cursor).has_modifier(Modifier::REVERSED), "{name:?}");
        }
    }

    #[test]
    fn one_role_can_be_changed() {
        let style = Style::new().fg(Color::Red);
        let theme = Theme::default().with(Role::Good, style);
        assert_eq!(theme.style(Role::Good), style);
        assert_eq!(theme.style(Role::Warn), Theme::default().style(Role::Warn));
    }
}
