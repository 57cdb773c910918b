//! The line at the bottom: a prompt, a message, or keys that are of use now.

use super::App;
use super::prompt::{Prompt, PromptKind};
use crate::frame::{Frame, OriginState};
use crate::keys::Action;
use crate::list::Detail;
use crate::screen::footer::{self, Footer};
use crate::screen::header::Frozen;
use crate::source::Play;
use crate::theme::Role;
use crate::views::View;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

impl App {
    /// Draws the line, after the view, which knows how many rows a filter leaves.
    pub(super) fn draw_footer(&self, frame: &Frame, area: Rect, buf: &mut Buffer) {
        if let Some(prompt) = &self.prompt {
            let label = match prompt.kind {
                PromptKind::Filter(_) => "filter",
                PromptKind::Moment => "go to",
            };
            let (text, note) = (&prompt.text, self.note(prompt));
            let typed = match &prompt.wrong {
                Some(why) => Footer::Mistake { label, text, why },
                None => Footer::Prompt { label, text, note: &note },
            };
            return footer::draw(&self.theme, &typed, area, buf);
        }
        if let Some((role, text)) = &self.message {
            return footer::draw(&self.theme, &Footer::Message { role: *role, text }, area, buf);
        }
        if let Some(key) = self.chords.pending() {
            let text = format!("{key}…");
            return footer::draw(&self.theme, &Footer::Message { role: Role::Accent, text: &text }, area, buf);
        }
        footer::draw(&self.theme, &Footer::Keys(&self.hints(frame)), area, buf);
    }

    /// What there is to say of a text that is typed.
    fn note(&self, prompt: &Prompt) -> String {
        match prompt.kind {
            PromptKind::Moment => "12:03:01  +5s  -5s  50%".to_owned(),
            PromptKind::Filter(_) if self.view == View::Help => String::new(),
            PromptKind::Filter(_) => format!("{} of {}", self.list().shown, self.list().listed),
        }
    }

    /// Keys that are of use now, the most useful first.
    fn hints(&self, frame: &Frame) -> Vec<(String, &'static str)> {
        let leaves = self.list().detail == Detail::Closed && self.list().filter.is_empty() && self.view != View::Help;
        let back = if leaves { "quit" } else { "back" };
        let mut hints = vec![(&[Action::Back][..], back), (&[Action::Help], "help"), (&[Action::NextView], "view")];
        let freeze = match (self.is_recording(), self.frozen) {
            (true, _) => self.play_hint(&frame.origin.state),
            (false, Frozen::Yes) => "go on",
            (false, Frozen::No) => "freeze",
        };
        hints.push((&[Action::Freeze], freeze));
        if self.is_recording() {
            hints.push((&[Action::StepBack, Action::StepOn], "step"));
            hints.push((&[Action::PreviousDeferral, Action::NextDeferral], "deferral"));
        }
        if self.has_detail() {
            hints.push((&[Action::Detail], "detail"));
        }
        hints.push((&[Action::Filter], "filter"));
        if self.is_recording() {
            hints.push((&[Action::Goto], "go to"));
        }
        if matches!(self.view, View::Zones | View::Waiters | View::Maps | View::Host) {
            hints.extend([(&[Action::Sort][..], "sort"), (&[Action::Reverse], "reverse")]);
        }
        if frame.machines.len() > 1 {
            hints.push((&[Action::NextMachine], "machine"));
        }
        let interval = if self.is_recording() { "longer, shorter step" } else { "slower, faster" };
        hints.extend([(&[Action::Longer, Action::Shorter][..], interval), (&[Action::ExportText], "export")]);
        let first_key = |action: &Action| self.keymap.keys(*action).into_iter().next();
        let keys = |actions: &[Action]| actions.iter().map(first_key).collect::<Option<String>>();
        hints.into_iter().filter_map(|(actions, what)| Some((keys(actions)?, what))).collect()
    }

    fn play_hint(&self, state: &OriginState) -> &'static str {
        match (self.next_play(), state) {
            (Play::Pause, _) => "pause",
            (Play::Run, OriginState::Ended) => "play again",
            (Play::Run, _) => "play",
        }
    }
}
