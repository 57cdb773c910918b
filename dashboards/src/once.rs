//! One frame as text or JSON, without a terminal: for scripts, bug reports and files.

use crate::app::App;
use crate::frame::{Frame, OriginKind, OriginState};
use crate::json;
use crate::source::Source;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use std::fmt::Write;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How often it is looked whether the frame is complete.
const LOOKS: Duration = Duration::from_millis(20);

/// How far a demonstration has come: enough for queues, findings and rates.
const DEMONSTRATION: Duration = Duration::from_secs(10);

/// Columns and rows of a screen that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// A frame that is complete. A daemon's comes an `interval` later, since rates need two snapshots; a recording's when the
/// file has been read. A demonstration's is always the same, 10 s after its beginning.
pub fn complete_frame(source: &mut dyn Source, interval: Duration) -> Arc<Frame> {
    match source.frame(Duration::ZERO).origin.kind {
        OriginKind::Recording | OriginKind::HostCapture => read_frame(source),
        OriginKind::Demo => source.frame(DEMONSTRATION),
        OriginKind::Live => frame_after(source, interval + interval / 4),
    }
}

fn read_frame(source: &mut dyn Source) -> Arc<Frame> {
    loop {
        let frame = source.frame(Duration::ZERO);
        if !matches!(frame.origin.state, OriginState::Indexing { .. }) {
            return frame;
        }
        thread::sleep(LOOKS);
    }
}

fn frame_after(source: &mut dyn Source, time: Duration) -> Arc<Frame> {
    let began = Instant::now();
    loop {
        let elapsed = began.elapsed();
        let frame = source.frame(elapsed);
        if elapsed >= time {
            return frame;
        }
        thread::sleep(LOOKS);
    }
}

/// What the app shows, as lines without colours and without blanks at their ends.
pub fn text(app: &mut App, size: Size) -> String {
    match Terminal::new(TestBackend::new(size.width, size.height)) {
        Ok(mut terminal) => match terminal.draw(|area| app.draw(area)) {
            Ok(drawn) => lines(drawn.buffer),
            Err(never) => match never {},
        },
        Err(never) => match never {},
    }
}

/// The frame as indented JSON, ending in a line break.
pub fn json(frame: &Frame) -> String {
    format!("{:#}\n", json::frame(frame))
}

fn lines(buffer: &Buffer) -> String {
    let mut text = String::new();
    for row in buffer.area.rows() {
        let mut line = String::new();
        let mut columns = row.columns();
        while let Some(column) = columns.next() {
            let Some(cell) = buffer.cell(column.as_position()) else { continue };
            line.push_str(cell.symbol());
            // A wide character takes the cell behind it too.
            for _ in 1..unicode_columns(cell.symbol()) {
                columns.next();
            }
        }
        // Writing to a string succeeds.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn unicode_columns(symbol: &str) -> usize {
    ratatui::text::Span::raw(symbol).width()
}
