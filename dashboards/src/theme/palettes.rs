//! The themes that come with the program.

use super::{Role, ThemeName};
use ratatui::style::{Color, Modifier, Style};

/// How `role` looks in that theme.
pub(super) const fn style(name: ThemeName, role: Role) -> Style {
    match name {
        ThemeName::Dark => dark(role),
        ThemeName::Light => light(role),
        ThemeName::Mono => mono(role),
        ThemeName::Bright => bright(role),
    }
}

const PLAIN: Style = Style::new();
const BOLD: Style = PLAIN.add_modifier(Modifier::BOLD);
// Dim text, not the colour "bright black": some terminals draw that one black on black.
const DIM: Style = PLAIN.add_modifier(Modifier::DIM);
const REVERSED: Style = PLAIN.add_modifier(Modifier::REVERSED);

const fn dark(role: Role) -> Style {
    match role {
        Role::Plain => PLAIN,
        Role::Heading => BOLD,
        Role::Faint | Role::Free => DIM,
        Role::Accent | Role::Active => PLAIN.fg(Color::Cyan),
        Role::Good => PLAIN.fg(Color::Green),
        Role::Warn | Role::Reserved => PLAIN.fg(Color::Yellow),
        Role::Bad => BOLD.fg(Color::Red),
        Role::Cursor => REVERSED,
    }
}

/// Yellow and cyan are hard to read on white.
const fn light(role: Role) -> Style {
    match role {
        Role::Plain => PLAIN,
        Role::Heading => BOLD,
        Role::Faint | Role::Free => DIM,
        Role::Accent | Role::Active => PLAIN.fg(Color::Blue),
        Role::Good => PLAIN.fg(Color::Green),
        Role::Warn | Role::Reserved => PLAIN.fg(Color::Magenta),
        Role::Bad => BOLD.fg(Color::Red),
        Role::Cursor => REVERSED,
    }
}

const fn mono(role: Role) -> Style {
    match role {
        Role::Plain | Role::Good | Role::Reserved => PLAIN,
        Role::Heading | Role::Active => BOLD,
        Role::Faint | Role::Free => DIM,
        Role::Accent | Role::Warn => PLAIN.add_modifier(Modifier::UNDERLINED),
        Role::Bad => BOLD.add_modifier(Modifier::UNDERLINED),
        Role::Cursor => REVERSED,
    }
}

const fn bright(role: Role) -> Style {
    match role {
        Role::Plain => PLAIN.fg(Color::Indexed(252)),
        Role::Heading => BOLD.fg(Color::Indexed(231)),
        Role::Faint => PLAIN.fg(Color::Indexed(245)),
        Role::Accent => PLAIN.fg(Color::Indexed(117)),
        Role::Good => PLAIN.fg(Color::Indexed(114)),
        Role::Warn => PLAIN.fg(Color::Indexed(221)),
        Role::Bad => BOLD.fg(Color::Indexed(203)),
        Role::Active => PLAIN.fg(Color::Indexed(75)),
        Role::Reserved => PLAIN.fg(Color::Indexed(215)),
        Role::Free => PLAIN.fg(Color::Indexed(240)),
        Role::Cursor => REVERSED,
    }
}
