//! Frames to show, and an app with a screen in front of it.

use crate::app::{App, Effect, Start};
use crate::frame::{
    Bucket, Frame, Latency, Machine, MapRow, MapTotals, Origin, OriginKind, OriginState, TimeAxis, Timeline, WaiterRow,
    ZoneRow,
};
use crate::keys::Key;
use crate::settings::Settings;
use crate::views::{View, fixtures};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Cell;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use std::sync::Arc;

pub(super) const NOON: i64 = 1_763_812_800_000_000_000;

pub(super) fn map(number: u32, age_ns: u64) -> MapRow {
    MapRow {
        session: Some("s1".into()),
        uid: Some(1000),
        bytes: u64::from(number) * 4096,
        bounce_pages: number % 3,
        age_ns,
        ..fixtures::map("vm1", number)
    }
}

pub(super) fn machine(name: &str, maps: Vec<MapRow>) -> Machine {
    let (reserved_bpages, active_bpages) = (4, 60);
    let full = ZoneRow { free_bpages: 0, reserved_bpages, active_bpages, waiters: 1, ..fixtures::zone(name, 0) };
    Machine {
        zones: vec![full],
        waiters: vec![WaiterRow { needed: 8, age_ns: 2_500_000, ..fixtures::waiter(name) }],
        waiters_total: 1,
        tags: vec![fixtures::tag(name, &format!("{name}/t1"), 30)],
        maps_total: MapTotals { idle: 0, deferred: 1, loaded: u32::try_from(maps.len()).unwrap() },
        maps,
        latency: Latency::default(),
        ..fixtures::machine(name, 0)
    }
}

pub(super) fn frame(kind: OriginKind, t_ns: u64, maps: u32) -> Arc<Frame> {
    let origin = Origin { kind, name: "a source".to_owned(), state: OriginState::Running, recording: None };
    let maps = (1..=maps).map(|number| map(number, 1_000_000 * u64::from(1000 - number))).collect();
    let timeline = (kind == OriginKind::Recording).then(|| Timeline {
        axis: TimeAxis::Nanoseconds,
        start: 0,
        end: 1_000_000_000,
        at: t_ns,
        step: 1_000_000,
        buckets: vec![Bucket::default(); 10].into(),
    });
    Arc::new(Frame {
        t_ns,
        unix_ns: Some(NOON),
        machines: vec![machine("vm1", maps)],
        timeline,
        ..Frame::empty(origin)
    })
}

/// An app, a screen and what came of events.
pub(super) struct Seat {
    pub(super) app: App,
    pub(super) screen: Terminal<TestBackend>,
    pub(super) effects: Vec<Effect>,
}

impl Seat {
    pub(super) fn at(view: View, frame: Arc<Frame>) -> Self {
        let start = Start { view: Some(view), time_zone: TimeZone::UTC, ..Start::default() };
        let mut seat = Self {
            app: App::new(Settings::default(), start),
            screen: Terminal::new(TestBackend::new(100, 20)).unwrap(),
            effects: Vec::new(),
        };
        seat.app.show(frame);
        seat.draw();
        seat
    }

    pub(super) fn draw(&mut self) {
        self.screen.draw(|frame| self.app.draw(frame)).unwrap();
    }

    /// Presses keys by name, drawing after each; what is longer than a key's name and begins with `"` is typed.
    pub(super) fn press(&mut self, keys: &str) -> &mut Self {
        for key in keys.split_whitespace() {
            if let Some(text) = key.strip_prefix('"').filter(|text| !text.is_empty()) {
                for character in text.chars() {
                    self.event(KeyCode::Char(character), KeyModifiers::NONE);
                }
            } else {
                let key: Key = key.parse().unwrap();
                self.event(key.code(), key.modifiers());
            }
        }
        self
    }

    pub(super) fn event(&mut self, code: KeyCode, held: KeyModifiers) {
        self.effects = self.app.input(&Event::Key(KeyEvent::new(code, held)));
        self.draw();
    }

    pub(super) fn click(&mut self, column: u16, row: u16) {
        let kind = MouseEventKind::Down(MouseButton::Left);
        self.effects = self.app.input(&Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
        self.draw();
    }

    pub(super) fn text(&self) -> String {
        let buffer = self.screen.backend().buffer();
        let lines = buffer.content.chunks(usize::from(buffer.area.width).max(1));
        lines.map(|cells| cells.iter().map(Cell::symbol).collect::<String>() + "\n").collect()
    }

    pub(super) fn line(&self, number: usize) -> String {
        self.text().lines().nth(number).unwrap().trim_end().to_owned()
    }

    #[track_caller]
    pub(super) fn shows(&self, text: &str) {
        assert!(self.text().contains(text), "`{text}` is not in\n{}", self.text());
    }
}
