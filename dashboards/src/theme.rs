//! What colours mean: views name a role, a theme says how it looks.

use ratatui::style::Style;

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

/// How each role looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    styles: [Style; Role::ALL.len()],
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
}

impl Theme {
    /// How a role looks.
    pub const fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }
}
