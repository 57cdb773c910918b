//! Events out of text: ftrace's (`trace`, `trace_pipe`, `trace-cmd report`) and that of `perf script`.
//!
//! [`TextReader`] takes one line after the other, tells the two formats apart by itself and counts all that it does not
//! turn into events, so that nothing is dropped unseen.

mod block;
mod devices;
mod dma;
mod ftrace;
pub(crate) mod lines;
mod perf;
mod prefix;
mod raw;
mod scan;
mod stats;

pub(crate) use devices::DeviceNames;
pub(crate) use scan::attributes;
pub use stats::{BufferCounts, LineError, NotUnderstood, OtherTracepoints, PointCounts, TextStats};

use crate::event::{EventKind, HostEvent, Tracepoint};
use lines::{Line, Lines};
use memchr::memchr;
use prefix::{LostEvents, Prefix};
use scan::Scan;
use std::io::{self, BufRead};

/// The longest line that is read, bytes. The kernel's own are below 64 KiB.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// Who wrote a text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TextFormat {
    /// The kernel itself, or `trace-cmd report`.
    Ftrace,
    /// `perf script`.
    Perf,
}

/// Makes events of lines of text.
#[derive(Clone, Default, Debug)]
pub struct TextReader {
    format: Option<TextFormat>,
    devices: DeviceNames,
    stats: TextStats,
}

/// The events of an input, in its order: see [`TextReader::events`].
#[derive(Debug)]
pub struct TextEvents<'a, R> {
    reader: &'a mut TextReader,
    lines: Lines<R>,
}

/// What a line holds.
enum Content<'a> {
    Blank,
    Comment,
    Lost(LostEvents),
    /// An event of a tracepoint that [`Tracepoint`] does not list.
    Other(&'a [u8]),
    Event(HostEvent),
}

impl TextReader {
    /// A reader that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one line, with or without its line end, and returns its event if it holds one. What it holds otherwise is
    /// counted in [`TextReader::stats`].
    pub fn line(&mut self, line: &[u8]) -> Option<HostEvent> {
        self.stats.lines += 1;
        let line = without_line_end(line);
        match self.content(line) {
            Ok(Content::Event(event)) => {
                self.stats.events.add(event.point);
                return Some(event);
            }
            Ok(Content::Blank) => self.stats.blank += 1,
            Ok(Content::Comment) => self.stats.comments += 1,
            Ok(Content::Lost(events)) => self.stats.lose(events),
            Ok(Content::Other(name)) => self.stats.others.add(name),
            Err(reason) => self.stats.refuse(line, reason),
        }
        None
    }

    /// The events of all lines of `input`. Lines longer than [`LINE_BYTES_MAX`] are not understood. The iterator ends
    /// after an error of `input`.
    pub fn events<R: BufRead>(&mut self, input: R) -> TextEvents<'_, R> {
        TextEvents { reader: self, lines: Lines::new(input, LINE_BYTES_MAX) }
    }

    /// Who wrote the last event that was read, `None` before the first.
    pub const fn format(&self) -> Option<TextFormat> {
        self.format
    }

    /// What was read until now.
    pub const fn stats(&self) -> &TextStats {
        &self.stats
    }

    fn content<'a>(&mut self, line: &'a [u8]) -> Result<Content<'a>, LineError> {
        let text = line.trim_ascii_start();
        let Some(&first) = text.first() else { return Ok(Content::Blank) };
        if first == b'#' {
            self.stats.see_header(text);
            return Ok(Content::Comment);
        }
        if let Some(prefix) = self.prefix(line) {
            return self.event(&prefix);
        }
        if let Some(lost) = ftrace::lost(text) {
            return Ok(Content::Lost(lost));
        }
        if ftrace::is_comment(text) || perf::is_call_chain(line) {
            return Ok(Content::Comment);
        }
        Err(LineError::NoPrefix)
    }

    fn prefix<'a>(&mut self, line: &'a [u8]) -> Option<Prefix<'a>> {
        let (known, other) = match self.format {
            Some(TextFormat::Perf) => (TextFormat::Perf, TextFormat::Ftrace),
            Some(TextFormat::Ftrace) | None => (TextFormat::Ftrace, TextFormat::Perf),
        };
        [known, other].into_iter().find_map(|format| {
            let prefix = match format {
                TextFormat::Ftrace => ftrace::prefix(line),
                TextFormat::Perf => perf::prefix(line),
            }?;
            self.format = Some(format);
            Some(prefix)
        })
    }

    fn event<'a>(&mut self, prefix: &Prefix<'a>) -> Result<Content<'a>, LineError> {
        if prefix.name.is_empty() {
            return Err(LineError::NoName);
        }
        if let Some(lost) = perf::lost(prefix) {
            return Ok(Content::Lost(lost));
        }
        let (name, payload) = printed_by(prefix);
        let Some(point) = tracepoint(prefix.group, name, payload) else { return Ok(Content::Other(name)) };
        let kind = self.kind(point, payload)?;
        Ok(Content::Event(HostEvent { at: prefix.at, cpu: prefix.cpu, task: prefix.task, point, kind }))
    }

    fn kind(&mut self, point: Tracepoint, payload: &[u8]) -> Result<EventKind, LineError> {
        if point == Tracepoint::MarkWrite {
            let text = payload.strip_prefix(b" ").unwrap_or(payload);
            return Ok(EventKind::Mark(String::from_utf8_lossy(text).into()));
        }
        let payload = payload.trim_ascii_start();
        if let Some(fields) = payload.strip_prefix(raw::FAILED) {
            return raw::kind(point, fields, &mut self.devices);
        }
        let mut scan = Scan::new(point, payload);
        let kind = match point.group() {
            "block" => block::kind(&mut scan),
            _ => dma::kind(&mut scan, &mut self.devices),
        }?;
        scan.end()?;
        Ok(kind)
    }
}

/// The event behind `print`, which is what trace-cmd calls text that somebody wrote, or the event itself.
fn printed_by<'a>(prefix: &Prefix<'a>) -> (&'a [u8], &'a [u8]) {
    if prefix.name == b"print" {
        let text = prefix.payload.trim_ascii_start();
        if let Some((name, payload)) = memchr(b':', text).and_then(|colon| text.split_at_checked(colon))
            && !name.is_empty()
        {
            return (name, payload.strip_prefix(b":").unwrap_or(payload));
        }
    }
    (prefix.name, prefix.payload)
}

/// The tracepoint of that name. Without a group the short names of iommu's could be anybody's, but not what they print.
fn tracepoint(group: Option<&[u8]>, name: &[u8], payload: &[u8]) -> Option<Tracepoint> {
    let point = Tracepoint::from_name(str::from_utf8(name).ok()?)?;
    match group {
        Some(group) => (group == point.group().as_bytes()).then_some(point),
        None if point.group() == "iommu" => payload.trim_ascii_start().starts_with(b"IOMMU:").then_some(point),
        None => Some(point),
    }
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

impl<R: BufRead> Iterator for TextEvents<'_, R> {
    type Item = io::Result<HostEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.lines.next_line() {
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
                Ok(Some(Line::TooLong)) => self.reader.stats.refuse_long(LINE_BYTES_MAX),
                Ok(Some(Line::Whole(line) | Line::Unterminated(line))) => {
                    if let Some(event) = self.reader.line(line) {
                        return Some(Ok(event));
                    }
                }
            }
        }
    }
}
