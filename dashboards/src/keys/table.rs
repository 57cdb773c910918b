//! The key table.

use super::Action;
use crate::views::View;

/// One line of the key table.
#[derive(Debug)]
pub struct Binding {
    /// What the keys do.
    pub action: Action,
    /// Its name in `busdma.toml`.
    pub name: &'static str,
    /// The keys, unless others are chosen; each as [`super::Chord`] reads it.
    pub keys: &'static [&'static str],
    /// What they do, one line of help.
    pub what: &'static str,
    /// Under which heading help lists it.
    pub section: Section,
}

/// Headings of help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Keys that work everywhere.
    Everywhere,
    /// Keys that choose a view.
    Views,
    /// Keys that move through rows and choose among them.
    Rows,
    /// Keys that move through a recording.
    Time,
}

impl Section {
    /// All, in help's order.
    pub const ALL: [Self; 4] = [Self::Everywhere, Self::Views, Self::Rows, Self::Time];

    /// Its heading.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Everywhere => "Everywhere",
            Self::Views => "Views",
            Self::Rows => "Rows",
            Self::Time => "Recordings",
        }
    }
}

const fn everywhere(action: Action, name: &'static str, keys: &'static [&'static str], what: &'static str) -> Binding {
    Binding { action, name, keys, what, section: Section::Everywhere }
}

const fn view(action: Action, name: &'static str, keys: &'static [&'static str], what: &'static str) -> Binding {
    Binding { action, name, keys, what, section: Section::Views }
}

const fn rows(action: Action, name: &'static str, keys: &'static [&'static str], what: &'static str) -> Binding {
    Binding { action, name, keys, what, section: Section::Rows }
}

const fn time(action: Action, name: &'static str, keys: &'static [&'static str], what: &'static str) -> Binding {
    Binding { action, name, keys, what, section: Section::Time }
}

/// All that keys do.
pub static KEYS: [Binding; 39] = [
    everywhere(Action::Back, "back", &["q", "esc"], "close what is open; from a view, quit"),
    everywhere(Action::Quit, "quit", &["ctrl-c", "Q"], "quit"),
    everywhere(Action::Help, "help", &["?", "f1"], "what keys do"),
    everywhere(Action::Freeze, "freeze", &["space"], "freeze the screen, or go on; play or pause a recording"),
    everywhere(Action::Longer, "longer", &["+", "="], "a longer interval, or step of a recording"),
    everywhere(Action::Shorter, "shorter", &["-"], "a shorter interval, or step of a recording"),
    everywhere(Action::NextMachine, "next_machine", &["m"], "the next machine alone, then all of them"),
    everywhere(Action::Record, "record", &["r"], "let the daemon record, or stop"),
    everywhere(Action::ExportText, "export_text", &["e"], "write what is shown into a file, as text"),
    everywhere(Action::ExportJson, "export_json", &["E"], "write what is shown into a file, as JSON"),
    everywhere(Action::Redraw, "redraw", &["ctrl-l"], "draw everything anew"),
    everywhere(Action::Suspend, "suspend", &["ctrl-z"], "back to the shell for a while; `fg` returns"),
    view(Action::NextView, "next_view", &["tab"], "the view on the right"),
    view(Action::PreviousView, "previous_view", &["shift-tab"], "the view on the left"),
    view(Action::Show(View::Overview), "overview", &["1"], "pools as gauges, trends, findings"),
    view(Action::Show(View::Zones), "zones", &["2"], "zones as a table"),
    view(Action::Show(View::Waiters), "waiters", &["3"], "the queues for bounce pages"),
    view(Action::Show(View::Maps), "maps", &["4"], "maps that are loaded or wait"),
    view(Action::Show(View::Latency), "latency", &["5"], "how long things take"),
    view(Action::Show(View::Decisions), "decisions", &["6"], "the log of decisions"),
    view(Action::Show(View::Host), "host", &["7"], "devices of the host"),
    view(Action::Show(View::Help), "show_help", &["8"], "what keys do"),
    rows(Action::Down, "down", &["j", "down"], "one row down"),
    rows(Action::Up, "up", &["k", "up"], "one row up"),
    rows(Action::PageDown, "page_down", &["pgdn", "ctrl-f"], "one screen down"),
    rows(Action::PageUp, "page_up", &["pgup", "ctrl-b"], "one screen up"),
    rows(Action::First, "first", &["g g", "home"], "the first row"),
    rows(Action::Last, "last", &["G", "end"], "the last row"),
    rows(Action::Filter, "filter", &["/"], "only rows that hold these words; `tag:t7` looks into one column"),
    rows(Action::Sort, "sort", &["s"], "sort by the next column; after the last, as they come"),
    rows(Action::Reverse, "reverse", &["S"], "sort the other way round"),
    rows(Action::Detail, "detail", &["enter"], "open or close the row's detail"),
    time(Action::StepBack, "step_back", &["left"], "one step back"),
    time(Action::StepOn, "step_on", &["right"], "one step on"),
    time(Action::LeapBack, "leap_back", &["shift-left"], "ten steps back"),
    time(Action::LeapOn, "leap_on", &["shift-right"], "ten steps on"),
    time(Action::PreviousDeferral, "previous_deferral", &["["], "the deferral before"),
    time(Action::NextDeferral, "next_deferral", &["]"], "the next deferral"),
    time(Action::Goto, "goto", &["g"], "a moment: g, then 12:03:01, +5s, -5s, 50% or a number; g Enter asks first"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Chord, Keymap};

    /// Names every action, so that a new one does not compile until it is here.
    fn place(action: Action) -> usize {
        match action {
            Action::Quit => 0,
            Action::Back => 1,
            Action::Help => 2,
            Action::NextView => 3,
            Action::PreviousView => 4,
            Action::NextMachine => 5,
            Action::Down => 6,
            Action::Up => 7,
            Action::PageDown => 8,
            Action::PageUp => 9,
            Action::First => 10,
            Action::Last => 11,
            Action::Filter => 12,
            Action::Sort => 13,
            Action::Reverse => 14,
            Action::Detail => 15,
            Action::Freeze => 16,
            Action::Longer => 17,
            Action::Shorter => 18,
            Action::Record => 19,
            Action::ExportText => 20,
            Action::ExportJson => 21,
            Action::StepBack => 22,
            Action::StepOn => 23,
            Action::LeapBack => 24,
            Action::LeapOn => 25,
            Action::PreviousDeferral => 26,
            Action::NextDeferral => 27,
            Action::Goto => 28,
            Action::Redraw => 29,
            Action::Suspend => 30,
            Action::Show(view) => 31 + view as usize,
        }
    }

    #[test]
    fn every_action_has_one_line_and_at_least_one_key() {
        let mut places: Vec<_> = KEYS.iter().map(|binding| place(binding.action)).collect();
        places.sort_unstable();
        assert!(places.into_iter().eq(0..KEYS.len()));
        assert!(KEYS.iter().all(|binding| !binding.keys.is_empty() && !binding.what.is_empty()));
    }

    #[test]
    fn names_are_told_apart() {
        for (at, binding) in KEYS.iter().enumerate() {
            assert!(KEYS.iter().take(at).all(|other| other.name != binding.name), "{}", binding.name);
        }
    }

    #[test]
    fn default_keys_are_read_and_do_not_clash() {
        for key in KEYS.iter().flat_map(|binding| binding.keys) {
            assert!(key.parse::<Chord>().is_ok(), "{key}");
        }
        assert_eq!(Keymap::default().check(), Ok(()));
    }
}
