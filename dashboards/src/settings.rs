//! `busdma.toml`: theme, interval, first view, keys and colours.
//!
//! ```toml
//! [top]
//! theme = "light"
//! interval_ms = 500
//! view = "zones"
//!
//! [top.keys]
//! freeze = ["space", "p"]
//!
//! [top.colours]
//! bad = "bold red"
//! ```

use crate::keys::{Keymap, RebindError};
use crate::theme::{Role, StyleError, Theme, ThemeName, UnknownRole, UnknownTheme, parse_style};
use crate::views::View;
use ratatui::style::Style;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;
use thiserror::Error;
use toml::Spanned;

/// What a person has settled once and for all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// The theme, where one is chosen.
    pub theme: Option<ThemeName>,
    /// How often frames come, where that is chosen.
    pub interval: Option<Duration>,
    /// The view to begin with, where one is chosen.
    pub view: Option<View>,
    /// Which keys do what.
    pub keys: Keymap,
    /// Looks that differ from the theme's.
    pub colours: Vec<(Role, Style)>,
}

/// What is wrong with a file of settings.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SettingsError {
    /// It is no TOML, or holds what it should not.
    #[error("{0}")]
    Toml(toml::de::Error),
    /// There is no such theme.
    #[error("line {line}: {why}")]
    Theme {
        /// Where, from 1.
        line: usize,
        /// What is wrong.
        why: UnknownTheme,
    },
    /// There is no such view.
    #[error("line {line}: no view is called `{name}`; there are {}", View::ALL.map(View::name).join(", "))]
    View {
        /// Where, from 1.
        line: usize,
        /// The name.
        name: String,
    },
    /// Frames cannot come so often, or so seldom.
    #[error("line {line}: an interval of {interval_ms} ms is not within {} ms to {} ms", INTERVAL_MS.start(), INTERVAL_MS.end())]
    Interval {
        /// Where, from 1.
        line: usize,
        /// Milliseconds asked for.
        interval_ms: u64,
    },
    /// Keys that cannot be so.
    #[error("line {line}: {why}")]
    Key {
        /// Where, from 1.
        line: usize,
        /// What is wrong.
        why: RebindError,
    },
    /// Keys that do not go together.
    #[error("[top.keys]: {0}")]
    Clash(RebindError),
    /// There is nothing to give a colour to.
    #[error("line {line}: {why}")]
    Role {
        /// Where, from 1.
        line: usize,
        /// What is wrong.
        why: UnknownRole,
    },
    /// No such look.
    #[error("line {line}: {why}")]
    Style {
        /// Where, from 1.
        line: usize,
        /// What is wrong.
        why: StyleError,
    },
}

/// Intervals that can be chosen, milliseconds, both ends included.
pub const INTERVAL_MS: RangeInclusive<u64> = 50..=3_600_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    top: Top,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Top {
    theme: Option<Spanned<String>>,
    interval_ms: Option<Spanned<u64>>,
    view: Option<Spanned<String>>,
    #[serde(default)]
    keys: BTreeMap<String, Spanned<OneOrMore>>,
    #[serde(default)]
    colours: BTreeMap<String, Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a key, as \"space\", or several, as [\"space\", \"p\"]")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Settings {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`SettingsError`] with the line and what would be right.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let File { top } = toml::from_str(text).map_err(SettingsError::Toml)?;
        Ok(Self {
            theme: top.theme.map(|name| theme(text, &name)).transpose()?,
            interval: top.interval_ms.map(|interval| checked_interval(text, &interval)).transpose()?,
            view: top.view.map(|name| view(text, &name)).transpose()?,
            keys: keys(text, &top.keys)?,
            colours: top.colours.iter().map(|(role, style)| colour(text, role, style)).collect::<Result<_, _>>()?,
        })
    }

    /// The theme of that name with the colours that are chosen.
    pub fn theme(&self, name: ThemeName) -> Theme {
        self.colours.iter().fold(Theme::named(name), |theme, &(role, style)| theme.with(role, style))
    }
}

fn theme(text: &str, name: &Spanned<String>) -> Result<ThemeName, SettingsError> {
    name.get_ref().parse().map_err(|why| SettingsError::Theme { line: line(text, name), why })
}

fn checked_interval(text: &str, interval: &Spanned<u64>) -> Result<Duration, SettingsError> {
    let interval_ms = *interval.get_ref();
    if !INTERVAL_MS.contains(&interval_ms) {
        return Err(SettingsError::Interval { line: line(text, interval), interval_ms });
    }
    Ok(Duration::from_millis(interval_ms))
}

fn view(text: &str, name: &Spanned<String>) -> Result<View, SettingsError> {
    let unknown = || SettingsError::View { line: line(text, name), name: name.get_ref().clone() };
    View::ALL.into_iter().find(|view| view.name() == name.get_ref()).ok_or_else(unknown)
}

fn keys(text: &str, chosen: &BTreeMap<String, Spanned<OneOrMore>>) -> Result<Keymap, SettingsError> {
    let mut keymap = Keymap::default();
    for (name, keys) in chosen {
        let words: Vec<&str> = match keys.get_ref() {
            OneOrMore::One(key) => vec![key],
            OneOrMore::More(keys) => keys.iter().map(String::as_str).collect(),
        };
        keymap.rebind(name, &words).map_err(|why| SettingsError::Key { line: line(text, keys), why })?;
    }
    keymap.check().map_err(SettingsError::Clash)?;
    Ok(keymap)
}

fn colour(text: &str, role: &str, style: &Spanned<String>) -> Result<(Role, Style), SettingsError> {
    let line = line(text, style);
    let role = role.parse().map_err(|why| SettingsError::Role { line, why })?;
    let style = parse_style(style.get_ref()).map_err(|why| SettingsError::Style { line, why })?;
    Ok((role, style))
}

/// The line where a value begins, from 1.
fn line<T>(text: &str, value: &Spanned<T>) -> usize {
    text.bytes().take(value.span().start).filter(|&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Action;
    use ratatui::style::{Color, Modifier};

    #[test]
    fn everything_can_be_set() {
        let settings = Settings::parse(
            "[top]\ntheme = \"light\"\ninterval_ms = 250\nview = \"maps\"\n\
             [top.keys]\nfreeze = \"p\"\nfirst = [\"home\", \"z z\"]\n[top.colours]\nbad = \"bold magenta\"\n",
        )
        .unwrap();
        assert_eq!(settings.theme, Some(ThemeName::Light));
        assert_eq!(settings.interval, Some(Duration::from_millis(250)));
        assert_eq!(settings.view, Some(View::Maps));
        assert_eq!(settings.keys.keys(Action::Freeze), ["p"]);
        assert_eq!(settings.keys.keys(Action::First), ["Home", "zz"]);
        let bad = settings.theme(ThemeName::Light).style(Role::Bad);
        assert_eq!((bad.fg, bad.add_modifier), (Some(Color::Magenta), Modifier::BOLD));
        assert_eq!(Settings::parse(""), Ok(Settings::default()));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let check = |text: &str, parts: &[&str]| {
            let error = Settings::parse(text).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{text:?}: {error}");
        };
        check("[top]\ntheem = \"dark\"\n", &["line 2", "theem", "theme", "interval_ms", "colours"]);
        check("[topp]\n", &["line 1", "topp", "top"]);
        check("[top]\ntheme = \"solar\"\n", &["line 2", "`solar`", "mono"]);
        check("[top]\n\ninterval_ms = 5\n", &["line 3", "5 ms", "50 ms"]);
        check("[top]\ninterval_ms = 3600001\n", &["line 2", "3600001 ms", "3600000 ms"]);
        check("[top]\nview = \"zone\"\n", &["line 2", "`zone`", "zones"]);
        check("[top.keys]\nfreez = \"p\"\n", &["line 2", "`freez`", "freeze"]);
        check("[top.keys]\nfreeze = \"blank\"\n", &["line 2", "`blank`", "space"]);
        check("[top.keys]\nfreeze = 5\n", &["line 2", "expected a key"]);
        check("[top.keys]\nfreeze = \"s\"\n", &["[top.keys]", "`freeze`", "`sort`"]);
        check("[top.colours]\ntitel = \"red\"\n", &["line 2", "`titel`", "heading"]);
        check("[top.colours]\nbad = \"rde\"\n", &["line 2", "rde"]);
        check("[top\n", &["line 1"]);
    }
}
