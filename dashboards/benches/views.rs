//! How long every view takes to draw a frame with 100,000 maps, 10,000 waiters and a million decisions, and how much memory.
//!
//! Each line is drawn twice: the same frame again, and a new frame each time, in which everything is older.

#![expect(unsafe_code, reason = "a counting allocator tells how much memory is taken")]
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

#[path = "views/counting.rs"]
mod counting;
#[path = "views/crowd.rs"]
mod crowd;

use busdma_dashboards::app::{App, Drawn, Start};
use busdma_dashboards::frame::Frame;
use busdma_dashboards::settings::Settings;
use busdma_dashboards::views::View;
use counting::Counting;
use criterion::Criterion;
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

const SCREEN: (u16, u16) = (120, 40);

/// What is drawn: its name, the view, and the keys that lead to it, of which a new line is Enter.
const LINES: [(&str, View, &str); 25] = [
    ("overview", View::Overview, ""),
    ("zones", View::Zones, ""),
    ("zones, detail", View::Zones, "\n"),
    ("waiters", View::Waiters, ""),
    ("waiters, detail", View::Waiters, "\n"),
    ("waiters, by age", View::Waiters, "ssssss"),
    ("waiters, filter m77", View::Waiters, "/m77\n"),
    ("maps", View::Maps, ""),
    ("maps, detail", View::Maps, "\n"),
    ("maps, at the end", View::Maps, "G"),
    ("maps, by name", View::Maps, "s"),
    ("maps, by tag", View::Maps, "ss"),
    ("maps, by age", View::Maps, "ssss"),
    ("maps, by bytes", View::Maps, "sssss"),
    ("maps, by bytes, at the end", View::Maps, "sssssG"),
    ("maps, filter m77", View::Maps, "/m77\n"),
    ("maps, filter loaded", View::Maps, "/loaded\n"),
    ("maps, filter 77", View::Maps, "/77\n"),
    ("maps, filter tag:t7, by age", View::Maps, "ssss/tag:t7\n"),
    ("latency", View::Latency, ""),
    ("decisions", View::Decisions, ""),
    ("decisions, detail", View::Decisions, "\n"),
    ("decisions, filter m77", View::Decisions, "/m77\n"),
    ("host", View::Host, ""),
    ("help", View::Help, ""),
];

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let held = ALLOCATOR.held();
    let log = crowd::log();
    let of_log = ALLOCATOR.held() - held;
    println!("{} decisions: {} bytes, {} each", log.len(), of_log, of_log / log.len());
    let frames: Vec<Arc<Frame>> = (0..3).map(|nth| Arc::new(crowd::frame(nth, &log))).collect();
    println!("a frame without them: {} bytes", (ALLOCATOR.held() - held - of_log) / frames.len());
    for (name, view, keys) in LINES {
        let mut desk = Desk::at(view, &frames, keys);
        desk.print_memory(name);
        criterion.bench_function(&format!("{name}, again"), |bench| bench.iter(|| desk.draw()));
        criterion.bench_function(&format!("{name}, new"), |bench| bench.iter(|| desk.draw_new()));
    }
    criterion.final_summary();
}

/// An app, its screen, and frames to show by turns.
struct Desk<'a> {
    app: App,
    screen: Terminal<TestBackend>,
    frames: &'a [Arc<Frame>],
    shown: usize,
}

impl<'a> Desk<'a> {
    fn at(view: View, frames: &'a [Arc<Frame>], keys: &str) -> Self {
        let start = Start { view: Some(view), time_zone: TimeZone::UTC, ..Start::default() };
        let mut desk = Self {
            app: App::new(Settings::default(), start),
            screen: Terminal::new(TestBackend::new(SCREEN.0, SCREEN.1)).expect("a screen in memory cannot fail"),
            frames,
            shown: 0,
        };
        desk.draw_new();
        for key in keys.chars() {
            desk.press(key);
        }
        while desk.app.drawn() == Drawn::InPart {
            desk.draw();
        }
        desk
    }

    fn press(&mut self, key: char) {
        let key = match key {
            '\n' => KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE),
            key => KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE),
        };
        black_box(self.app.input(&Event::Key(key)));
        self.draw();
    }

    fn draw(&mut self) {
        let Ok(_) = self.screen.draw(|screen| self.app.draw(screen));
    }

    fn draw_new(&mut self) {
        self.shown = (self.shown + 1) % self.frames.len();
        if let Some(frame) = self.frames.get(self.shown) {
            self.app.show(Arc::clone(frame));
        }
        self.draw();
    }

    /// Bytes that drawing asks for, whether it keeps them or not, and bytes that the app holds.
    fn print_memory(&mut self, name: &str) {
        self.draw_new();
        let asked = ALLOCATOR.asked();
        self.draw();
        let again = ALLOCATOR.asked() - asked;
        let (asked, held) = (ALLOCATOR.asked(), ALLOCATOR.held());
        self.draw_new();
        let new = ALLOCATOR.asked() - asked;
        let kept = ALLOCATOR.held().saturating_sub(held);
        println!("{name}: asks for {again} bytes again, {new} new, of which {kept} more are kept");
    }
}
