//! A source, an app and a screen, put together as the program does it.

use busdma_dashboards::app::{App, Effect, Start};
use busdma_dashboards::frame::OriginState;
use busdma_dashboards::keys::Key;
use busdma_dashboards::settings::Settings;
use busdma_dashboards::source::{Source, Wish};
use busdma_dashboards::views::View;
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use std::time::Duration;

/// Time enough for the demonstration to have waiters, findings and a leak.
const WATCHED: Duration = Duration::from_secs(90);

/// A person in front of a screen.
pub(crate) struct Seat {
    source: Box<dyn Source>,
    app: App,
    screen: Terminal<TestBackend>,
}

impl Seat {
    /// Before a screen of that size, with a source that has been watched for a while; recordings stand where they are.
    pub(crate) fn new(source: Box<dyn Source>, view: View, (columns, lines): (u16, u16)) -> Self {
        let start = Start { view: Some(view), time_zone: TimeZone::UTC, ..Start::default() };
        let app = App::new(Settings::default(), start);
        let screen = Terminal::new(TestBackend::new(columns, lines)).unwrap();
        let mut seat = Self { source, app, screen };
        seat.look();
        seat
    }

    /// Presses keys by name; what is longer and begins with `"` is typed.
    pub(crate) fn press(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            if let Some(text) = key.strip_prefix('"').filter(|text| !text.is_empty()) {
                text.chars().for_each(|sign| self.event(KeyCode::Char(sign), KeyModifiers::NONE));
            } else {
                let key: Key = key.parse().unwrap();
                self.event(key.code(), key.modifiers());
            }
        }
    }

    fn event(&mut self, code: KeyCode, held: KeyModifiers) {
        for effect in self.app.input(&Event::Key(KeyEvent::new(code, held))) {
            match effect {
                Effect::Ask(wish) => {
                    let answer = self.source.ask(wish);
                    self.app.told(answer);
                }
                other => panic!("no key of these tests means {other:?}"),
            }
        }
        self.look();
    }

    /// Shows the source's frame, with what the view asks for in it.
    fn look(&mut self) {
        self.source.ask(Wish::Interest(self.app.interest())).unwrap();
        let mut frame = self.source.frame(WATCHED);
        while matches!(frame.origin.state, OriginState::Indexing { .. }) {
            std::thread::sleep(Duration::from_millis(1));
            frame = self.source.frame(WATCHED);
        }
        self.app.show(frame);
        self.draw();
        // A long log is searched a part at a time.
        while self.framed().contains("(searched ") {
            self.draw();
        }
    }

    fn draw(&mut self) {
        self.screen.draw(|frame| self.app.draw(frame)).unwrap();
    }

    /// What is drawn.
    pub(crate) fn buffer(&self) -> &Buffer {
        self.screen.backend().buffer()
    }

    /// The screen as text between two rules as wide as it, without blanks at the ends of lines.
    pub(crate) fn framed(&self) -> String {
        let buffer = self.buffer();
        let (columns, lines) = (buffer.area.width, buffer.area.height);
        let title = format!("{columns}×{lines}");
        let above = format!("{title}{}\n", "─".repeat(usize::from(columns).saturating_sub(title.chars().count())));
        let below = format!("{}\n", "─".repeat(columns.into()));
        let line = |cells: &[Cell]| cells.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned() + "\n";
        [above].into_iter().chain(buffer.content.chunks(columns.into()).map(line)).chain([below]).collect()
    }
}
