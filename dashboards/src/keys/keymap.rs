//! The key table with a person's own keys.

use super::{Action, Chord, KEYS, Key, KeyError};
use thiserror::Error;

/// Which keys do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    /// For each line of the key table, its keys.
    keys: Vec<Vec<Chord>>,
}

/// Why keys cannot be as they are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RebindError {
    /// Nothing is called that.
    #[error("no key does `{name}`; there are {}", names())]
    UnknownAction {
        /// The name.
        name: String,
    },
    /// A text that is no key.
    #[error("{name}: {why}")]
    NoKey {
        /// For what.
        name: String,
        /// What is wrong with it.
        why: KeyError,
    },
    /// No key is left.
    #[error("{name}: at least one key is needed")]
    NoKeys {
        /// For what.
        name: String,
    },
    /// Two things on one key.
    #[error("{key} does both `{first}` and `{second}`")]
    Clash {
        /// The key, as help writes it.
        key: String,
        /// What it does.
        first: &'static str,
        /// What it does too.
        second: &'static str,
    },
    /// A key of its own that is also the beginning of two.
    #[error("{key} does `{alone}`, but also begins {longer}, which does `{second}`; only `goto` may share its key so")]
    Hidden {
        /// The key, as help writes it.
        key: String,
        /// What it does alone.
        alone: &'static str,
        /// The two keys.
        longer: String,
        /// What they do.
        second: &'static str,
    },
    /// Ctrl-C does something else than end the program.
    #[error("{name}: Ctrl-C always quits")]
    CtrlC {
        /// What it was to do.
        name: &'static str,
    },
}

/// Keys as they are when nobody has chosen others.
impl Default for Keymap {
    fn default() -> Self {
        let chords = |keys: &[&str]| keys.iter().filter_map(|key| key.parse().ok()).collect();
        Self { keys: KEYS.iter().map(|binding| chords(binding.keys)).collect() }
    }
}

impl Keymap {
    /// Gives what is called `name` these keys instead of those that it has. Ctrl-C stays with `quit`.
    ///
    /// # Errors
    /// [`RebindError`]: an unknown name, a text that is no key, or no key at all. Clashes are for [`Self::check`], once all
    /// keys are as they shall be.
    pub fn rebind(&mut self, name: &str, keys: &[&str]) -> Result<(), RebindError> {
        let unknown = || RebindError::UnknownAction { name: name.to_owned() };
        let line = KEYS.iter().position(|binding| binding.name == name).ok_or_else(unknown)?;
        let no_key = |why| RebindError::NoKey { name: name.to_owned(), why };
        let mut chords = keys.iter().map(|key| key.parse()).collect::<Result<Vec<Chord>, _>>().map_err(no_key)?;
        if chords.is_empty() {
            return Err(RebindError::NoKeys { name: name.to_owned() });
        }
        if KEYS.get(line).is_some_and(|binding| binding.action == Action::Quit) {
            chords.retain(|chord| chord.first != Key::CTRL_C);
            chords.push(Chord { first: Key::CTRL_C, second: None });
        }
        if let Some(place) = self.keys.get_mut(line) {
            *place = chords;
        }
        Ok(())
    }

    /// Whether every key does one thing.
    ///
    /// # Errors
    /// [`RebindError::Clash`], [`RebindError::Hidden`] or [`RebindError::CtrlC`] with the first two that do not go together.
    pub fn check(&self) -> Result<(), RebindError> {
        let all: Vec<(usize, Chord)> = self.lines().collect();
        for (at, &(line, chord)) in all.iter().enumerate() {
            if chord.first == Key::CTRL_C && KEYS[line].action != Action::Quit {
                return Err(RebindError::CtrlC { name: KEYS[line].name });
            }
            for &(other, earlier) in all.iter().take(at) {
                together((other, earlier), (line, chord))?;
                together((line, chord), (other, earlier))?;
            }
        }
        Ok(())
    }

    /// What a chord does.
    pub fn action(&self, chord: Chord) -> Option<Action> {
        self.lines().find(|&(_, known)| known == chord).map(|(line, _)| KEYS[line].action)
    }

    /// Whether a key begins a chord of two.
    pub fn begins(&self, key: Key) -> bool {
        self.lines().any(|(_, chord)| chord.first == key && chord.second.is_some())
    }

    /// The keys of an action, as help writes them, the first one first.
    pub fn keys(&self, action: Action) -> Vec<String> {
        let of_it = self.lines().filter(|&(line, _)| KEYS[line].action == action);
        of_it.map(|(_, chord)| chord.to_string()).collect()
    }

    /// Every chord with its line of the key table.
    fn lines(&self) -> impl Iterator<Item = (usize, Chord)> {
        let lines = self.keys.iter().take(KEYS.len()).enumerate();
        lines.flat_map(|(line, chords)| chords.iter().map(move |&chord| (line, chord)))
    }
}

/// Whether two lines of the key table can have these chords.
fn together((line, chord): (usize, Chord), (other, longer): (usize, Chord)) -> Result<(), RebindError> {
    let (first, second) = (KEYS[line].name, KEYS[other].name);
    if chord == longer && line != other {
        return Err(RebindError::Clash { key: chord.to_string(), first, second });
    }
    let hidden = chord.second.is_none() && longer.second.is_some() && chord.first == longer.first;
    if hidden && KEYS[line].action != Action::Goto {
        let (key, longer) = (chord.to_string(), longer.to_string());
        return Err(RebindError::Hidden { key, alone: first, longer, second });
    }
    Ok(())
}

fn names() -> String {
    KEYS.iter().map(|binding| binding.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rebound(changes: &[(&str, &[&str])]) -> Result<Keymap, RebindError> {
        let mut keymap = Keymap::default();
        for (name, keys) in changes {
            keymap.rebind(name, keys)?;
        }
        keymap.check()?;
        Ok(keymap)
    }

    #[test]
    fn keys_can_be_changed() {
        let keymap = rebound(&[("freeze", &["p", "ctrl-s"]), ("quit", &["x"])]).unwrap();
        assert_eq!(keymap.keys(Action::Freeze), ["p", "Ctrl-S"]);
        assert_eq!(keymap.action("space".parse().unwrap()), None);
        assert_eq!(keymap.keys(Action::Quit), ["x", "Ctrl-C"]);
        assert!(rebound(&[("sort", &["S"]), ("reverse", &["s"])]).is_ok(), "two that swap");
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let check = |changes: &[(&str, &[&str])], message: &str| {
            let error = rebound(changes).unwrap_err().to_string();
            assert!(error.starts_with(message), "{changes:?}: {error}");
        };
        check(&[("freez", &["p"])], "no key does `freez`; there are back, quit,");
        check(&[("freeze", &["blank"])], "freeze: `blank` is no key");
        check(&[("freeze", &[])], "freeze: at least one key is needed");
        check(&[("freeze", &["s"])], "s does both `freeze` and `sort`");
        check(&[("freeze", &["ctrl-c"])], "freeze: Ctrl-C always quits");
        check(&[("first", &["s g"])], "s does `sort`, but also begins sg, which does `first`");
    }
}
