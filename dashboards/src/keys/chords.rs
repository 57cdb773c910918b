//! From keys that are pressed to what they do.

use super::{Action, Chord, Key, Keymap};
use ratatui::crossterm::event::KeyCode;

/// Remembers a key that can be the first of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chords {
    pending: Option<Key>,
}

/// What came of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressed {
    /// It does that.
    Act(Action),
    /// It begins a moment, with its first character if that is typed already.
    Moment(Option<char>),
    /// It depends on the next key.
    Waiting,
    /// Nothing.
    Nothing,
}

impl Chords {
    /// Takes the next key.
    pub fn press(&mut self, key: Key, keymap: &Keymap) -> Pressed {
        let Some(first) = self.pending.take() else { return self.begin(key, keymap) };
        if let Some(action) = keymap.action(Chord { first, second: Some(key) }) {
            return Pressed::Act(action);
        }
        let asks_for_moment = keymap.action(Chord { first, second: None }) == Some(Action::Goto);
        match key.typed() {
            Some(character) if asks_for_moment && begins_moment(character) => Pressed::Moment(Some(character)),
            None if asks_for_moment && key.code() == KeyCode::Enter => Pressed::Moment(None),
            _ if key == Key::ESC => Pressed::Nothing,
            _ => self.begin(key, keymap),
        }
    }

    /// The key that waits for a second one.
    pub const fn pending(&self) -> Option<Key> {
        self.pending
    }

    fn begin(&mut self, key: Key, keymap: &Keymap) -> Pressed {
        if keymap.begins(key) {
            self.pending = Some(key);
            return Pressed::Waiting;
        }
        match keymap.action(Chord { first: key, second: None }) {
            Some(Action::Goto) => Pressed::Moment(None),
            Some(action) => Pressed::Act(action),
            None => Pressed::Nothing,
        }
    }
}

/// Whether a moment can begin so.
const fn begins_moment(character: char) -> bool {
    matches!(character, '0'..='9' | '+' | '-' | '%')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::View;

    fn pressed(keys: &str, keymap: &Keymap) -> Vec<Pressed> {
        let mut chords = Chords::default();
        keys.split_whitespace().map(|key| chords.press(key.parse().unwrap(), keymap)).collect()
    }

    #[test]
    fn what_follows_a_g_decides() {
        let keymap = Keymap::default();
        let check = |keys: &str, last: Pressed| {
            let all = pressed(keys, &keymap);
            assert_eq!(all.last(), Some(&last), "{keys}: {all:?}");
        };
        check("j", Pressed::Act(Action::Down));
        check("1", Pressed::Act(Action::Show(View::Overview)));
        check("g", Pressed::Waiting);
        check("g g", Pressed::Act(Action::First));
        check("g g 1", Pressed::Act(Action::Show(View::Overview)));
        check("g 1", Pressed::Moment(Some('1')));
        check("g +", Pressed::Moment(Some('+')));
        check("g -", Pressed::Moment(Some('-')));
        check("g %", Pressed::Moment(Some('%')));
        check("g enter", Pressed::Moment(None));
        check("g esc", Pressed::Nothing);
        check("g esc esc", Pressed::Act(Action::Back));
        check("g j", Pressed::Act(Action::Down));
        check("g ctrl-c", Pressed::Act(Action::Quit));
        check("z", Pressed::Nothing);
    }

    #[test]
    fn a_key_of_its_own_for_moments_asks_at_once() {
        let mut keymap = Keymap::default();
        keymap.rebind("goto", &["t"]).unwrap();
        assert_eq!(keymap.check(), Ok(()));
        assert_eq!(pressed("t", &keymap), [Pressed::Moment(None)]);
        assert_eq!(pressed("g 1", &keymap), [Pressed::Waiting, Pressed::Act(Action::Show(View::Overview))]);
    }
}
