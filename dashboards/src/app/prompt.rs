//! Texts that are typed: a filter, a moment.

use super::{App, Effect, moment};
use crate::keys::Key;
use crate::list::Filter;
use crate::source::Wish;
use ratatui::crossterm::event::{KeyCode, KeyModifiers};

/// A text that is being typed.
#[derive(Debug)]
pub(super) struct Prompt {
    /// What it is for.
    pub(super) kind: PromptKind,
    /// The text so far.
    pub(super) text: String,
    /// What is wrong with it.
    pub(super) wrong: Option<String>,
}

/// What a text is for.
#[derive(Debug)]
pub(super) enum PromptKind {
    /// Which rows are shown; the filter before comes back with Esc.
    Filter(Filter),
    /// Where in a recording to go.
    Moment,
}

/// Characters of a text at most.
const LONGEST: usize = 200;

impl Prompt {
    /// Asks which rows to show.
    pub(super) fn filter(before: &Filter) -> Self {
        Self { kind: PromptKind::Filter(before.clone()), text: before.text().to_owned(), wrong: None }
    }

    /// Asks for a moment.
    pub(super) fn moment(first: Option<char>) -> Self {
        Self { kind: PromptKind::Moment, text: first.into_iter().collect(), wrong: None }
    }

    fn remove_word(&mut self) {
        let kept = self.text.trim_end().trim_end_matches(|character: char| !character.is_whitespace()).len();
        self.text.truncate(kept);
    }
}

impl App {
    /// A key while a text is typed.
    pub(super) fn prompt_key(&mut self, key: Key) -> Vec<Effect> {
        let Some(prompt) = self.prompt.as_mut() else { return Vec::new() };
        match (key.code(), key.modifiers() == KeyModifiers::CONTROL) {
            (KeyCode::Esc, _) => {
                self.give_up();
                return Vec::new();
            }
            (KeyCode::Enter, _) => return self.accept(),
            (KeyCode::Backspace, _) if prompt.text.is_empty() => {
                self.give_up();
                return Vec::new();
            }
            (KeyCode::Backspace, false) | (KeyCode::Char('h'), true) => {
                prompt.text.pop();
            }
            (KeyCode::Char('u'), true) => prompt.text.clear(),
            (KeyCode::Char('w') | KeyCode::Backspace, true) => prompt.remove_word(),
            _ => match key.typed() {
                Some(character) if prompt.text.chars().count() < LONGEST => prompt.text.push(character),
                _ => return Vec::new(),
            },
        }
        self.typed();
        Vec::new()
    }

    /// A text that came all at once.
    pub(super) fn type_text(&mut self, text: &str) {
        if let Some(prompt) = self.prompt.as_mut() {
            let room = LONGEST.saturating_sub(prompt.text.chars().count());
            prompt.text.extend(text.chars().filter(|character| !character.is_control()).take(room));
            self.typed();
        }
    }

    /// Rows follow the filter while it is typed.
    fn typed(&mut self) {
        let Some(prompt) = self.prompt.as_mut() else { return };
        prompt.wrong = None;
        if let PromptKind::Filter(_) = prompt.kind {
            let filter = Filter::new(prompt.text.clone());
            self.list_mut().filter = filter;
        }
    }

    fn give_up(&mut self) {
        if let Some(Prompt { kind: PromptKind::Filter(before), .. }) = self.prompt.take() {
            self.list_mut().filter = before;
        }
    }

    fn accept(&mut self) -> Vec<Effect> {
        let (Some(prompt), Some(frame)) = (self.prompt.as_mut(), self.frame.as_deref()) else {
            self.prompt = None;
            return Vec::new();
        };
        if let PromptKind::Filter(_) = prompt.kind {
            self.prompt = None;
            return Vec::new();
        }
        match moment::parse(&prompt.text, frame, &self.time_zone) {
            Ok(moment) => {
                self.prompt = None;
                vec![Effect::Ask(Wish::Seek(moment))]
            }
            Err(error) => {
                prompt.wrong = Some(error.to_string());
                Vec::new()
            }
        }
    }
}
