//! What the person at the keyboard has chosen: the view, the cursor of each list, filters, prompts, what is frozen.
//!
//! The app reads no keyboard and asks no source: it is told of events and answers with [`Effect`]s.

mod act;
mod footer;
pub mod moment;
mod mouse;
mod pace;
mod prompt;

use crate::frame::{Frame, Name, Origin, OriginKind, OriginState};
use crate::keys::{Chords, Key, Keymap, Pressed};
use crate::list::{Detail, ListState};
use crate::screen::header::{Frozen, HeaderState};
use crate::screen::{self, Layout, WithTimeline};
use crate::settings::Settings;
use crate::source::{Done, Interest, Play, Refused, Wanted, Wish};
use crate::theme::{Role, Theme};
use crate::views::{self, LogView, Scene, View};
use jiff::tz::TimeZone;
use prompt::Prompt;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{Event, KeyEventKind};
use ratatui::layout::Rect;
use std::sync::Arc;
use std::time::Duration;

/// What whoever runs the app shall do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// End the program.
    Quit,
    /// Give the terminal back to the shell for a while.
    Suspend,
    /// Draw everything anew, whatever the terminal shows.
    Redraw,
    /// Ask the source, and tell the app what it says: [`App::told`].
    Ask(Wish),
    /// Write what is shown into a file: [`App::said`] or [`App::failed`].
    Export(ExportKind),
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportKind {
    /// The screen as text.
    Text,
    /// The frame as JSON.
    Json,
}

/// How much of its frame the screen shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// All that is to be seen of it: drawing again would change nothing.
    Whole,
    /// What has been worked out so far. A filter is looked for in a long log a part at a time; drawing again goes on.
    InPart,
}

/// How to begin. What is not said is as in the settings, and else as usual.
#[derive(Clone, Debug)]
pub struct Start {
    /// The view.
    pub view: Option<View>,
    /// The one machine to show. A daemon is asked for no other.
    pub machine: Option<Name>,
    /// How often frames come, or how far a recording's step goes.
    pub interval: Option<Duration>,
    /// Where the clock on the wall hangs.
    pub time_zone: TimeZone,
}

impl Default for Start {
    fn default() -> Self {
        Self { view: None, machine: None, interval: None, time_zone: TimeZone::system() }
    }
}

/// How often frames come unless something else is chosen.
const INTERVAL: Duration = Duration::from_secs(1);

/// Maps and waiters that are asked for where none are listed, where they are, and where they are chosen among.
const ROWS: (u32, u32, u32) = (100, 1_000, 10_000);

/// What the person at the keyboard has chosen, and the frame that is shown.
#[derive(Debug)]
pub struct App {
    keymap: Keymap,
    chords: Chords,
    theme: Theme,
    time_zone: TimeZone,
    view: View,
    /// The view to go back to from help.
    before_help: View,
    machine: Option<Name>,
    /// The machine to begin with.
    asked_for: Option<Name>,
    interval: Duration,
    lists: [ListState; View::ALL.len()],
    log: LogView,
    /// The frame that is shown.
    frame: Option<Arc<Frame>>,
    /// The newest frame that came while another one was frozen.
    newest: Option<Arc<Frame>>,
    unseen_frames: u64,
    frozen: Frozen,
    /// What a recording was asked for last.
    play: Play,
    prompt: Option<Prompt>,
    message: Option<(Role, String)>,
    /// What was where when the screen was last drawn.
    layout: Option<Layout>,
}

impl App {
    /// With these settings, nothing to show yet.
    pub fn new(settings: Settings, start: Start) -> Self {
        let view = start.view.or(settings.view).unwrap_or(View::Overview);
        Self {
            theme: settings.theme(settings.theme.unwrap_or_default()),
            interval: start.interval.or(settings.interval).unwrap_or(INTERVAL),
            keymap: settings.keys,
            chords: Chords::default(),
            time_zone: start.time_zone,
            view,
            before_help: if view == View::Help { View::Overview } else { view },
            asked_for: start.machine.clone(),
            machine: start.machine,
            lists: std::array::from_fn(|_| ListState::default()),
            log: LogView::default(),
            frame: None,
            newest: None,
            unseen_frames: 0,
            frozen: Frozen::No,
            play: Play::Run,
            prompt: None,
            message: None,
            layout: None,
        }
    }

    /// A frame has come. While another one is frozen it is only counted.
    pub fn show(&mut self, frame: Arc<Frame>) {
        if self.frame.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, &frame)) {
            return;
        }
        if self.frozen == Frozen::Yes && self.frame.is_some() {
            let last = self.newest.as_ref().or(self.frame.as_ref());
            if last.is_none_or(|last| last.t_ns != frame.t_ns) {
                self.unseen_frames += 1;
            }
            self.newest = Some(frame);
            return;
        }
        self.put(frame);
    }

    /// The frame that is shown.
    pub fn frame(&self) -> Option<&Frame> {
        self.frame.as_deref()
    }

    /// The view that is shown.
    pub const fn view(&self) -> View {
        self.view
    }

    /// A key, the mouse, or a new size of the terminal.
    pub fn input(&mut self, event: &Event) -> Vec<Effect> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key((*key).into()),
            Event::Mouse(mouse) => self.mouse(*mouse),
            Event::Resize(..) => vec![Effect::Redraw],
            Event::Paste(text) => {
                self.type_text(text);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// What the source said to [`Effect::Ask`].
    pub fn told(&mut self, answer: Result<Done, Refused>) {
        match answer {
            Ok(Done::Silently) => {}
            Ok(Done::Said(text)) => self.said(text),
            Err(refused) => self.message = Some((Role::Warn, refused.to_string())),
        }
    }

    /// Shows a sentence until the next key.
    pub fn said(&mut self, text: String) {
        self.message = Some((Role::Good, text));
    }

    /// Shows what went wrong until the next key.
    pub fn failed(&mut self, text: String) {
        self.message = Some((Role::Bad, text));
    }

    /// What the source shall deliver for what is looked at.
    pub fn interest(&self) -> Interest {
        let list = self.list();
        let open = list.detail == Detail::Open;
        let chosen = !list.filter.is_empty() || list.sort.is_some();
        let (decisions, rows) = match self.view {
            View::Decisions => (Wanted::Yes, ROWS.0),
            View::Maps | View::Waiters => (Wanted::No, if chosen { ROWS.2 } else { ROWS.1 }),
            View::Zones if open => (Wanted::No, ROWS.1),
            _ => (Wanted::No, ROWS.0),
        };
        Interest { decisions, rows }
    }

    /// How often frames shall come, or how far a recording's step goes where somebody has chosen that.
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// Draws the whole screen.
    pub fn draw(&mut self, screen: &mut ratatui::Frame<'_>) {
        let area = screen.area();
        self.draw_into(area, screen.buffer_mut());
    }

    /// How much of the frame has been drawn. Where that is not all, it shall be drawn again soon, even if nothing happens.
    pub fn drawn(&self) -> Drawn {
        let is_drawn = self.view == View::Decisions && self.layout.is_some();
        let log = self.frame().filter(|_| is_drawn).map(|frame| &frame.decisions);
        match log.and_then(|log| self.log.searched_percent(log)) {
            Some(_) => Drawn::InPart,
            None => Drawn::Whole,
        }
    }

    fn draw_into(&mut self, area: Rect, buf: &mut Buffer) {
        let frame = self.frame.clone().unwrap_or_else(|| Arc::new(Frame::empty(nothing_yet())));
        let with_timeline = if frame.timeline.is_some() { WithTimeline::Yes } else { WithTimeline::No };
        let Ok(layout) = screen::layout(area, with_timeline) else {
            self.layout = None;
            return screen::too_small(area, buf);
        };
        self.layout = Some(layout);
        let machine = self.machine.clone();
        let (theme, time_zone) = (self.theme.clone(), self.time_zone.clone());
        let scene = Scene { frame: &frame, machine: machine.as_ref(), theme: &theme, time_zone: &time_zone };
        screen::header::draw(scene, &self.header(), layout.header, buf);
        self.draw_view(scene, layout.body, buf);
        if let Some(area) = layout.timeline {
            screen::timeline::draw(scene, area, buf);
        }
        self.draw_footer(&frame, layout.footer, buf);
    }

    fn draw_view(&mut self, scene: Scene<'_>, area: Rect, buf: &mut Buffer) {
        let Some(list) = self.lists.get_mut(self.view as usize) else { return };
        match self.view {
            View::Overview => views::overview::draw(scene, list, area, buf),
            View::Zones => views::zones::draw(scene, list, area, buf),
            View::Waiters => views::waiters::draw(scene, list, area, buf),
            View::Maps => views::maps::draw(scene, list, area, buf),
            View::Latency => views::latency::draw(scene, list, area, buf),
            View::Decisions => views::decisions::draw(scene, list, &mut self.log, area, buf),
            View::Host => views::host::draw(scene, list, area, buf),
            View::Help => views::help::draw(scene, &self.keymap, list, area, buf),
        }
    }

    fn header(&self) -> HeaderState<'_> {
        HeaderState {
            view: self.view,
            frozen: self.frozen,
            interval: self.interval,
            unseen_frames: self.unseen_frames,
            newest: self.newest.as_deref(),
        }
    }

    fn key(&mut self, key: Key) -> Vec<Effect> {
        self.message = None;
        if key == Key::CTRL_C {
            return vec![Effect::Quit];
        }
        if self.prompt.is_some() {
            return self.prompt_key(key);
        }
        match self.chords.press(key, &self.keymap) {
            Pressed::Act(action) => self.act(action),
            Pressed::Moment(first) => {
                self.ask_for_moment(first);
                Vec::new()
            }
            Pressed::Waiting | Pressed::Nothing => Vec::new(),
        }
    }

    /// Shows a frame in place of the one before.
    fn put(&mut self, frame: Arc<Frame>) {
        for list in &mut self.lists {
            list.forget_frame();
        }
        self.frame = Some(frame);
        self.newest = None;
        self.unseen_frames = 0;
    }

    /// The list of the view that is shown.
    fn list(&self) -> &ListState {
        &self.lists[self.view as usize]
    }

    fn list_mut(&mut self) -> &mut ListState {
        &mut self.lists[self.view as usize]
    }

    /// Whether what is shown has a past and a future.
    fn is_recording(&self) -> bool {
        self.frame().is_some_and(|frame| {
            frame.timeline.is_some() || matches!(frame.origin.kind, OriginKind::Recording | OriginKind::HostCapture)
        })
    }
}

fn nothing_yet() -> Origin {
    Origin { kind: OriginKind::Live, name: "…".to_owned(), state: OriginState::Running, recording: None }
}

#[cfg(test)]
mod tests;
