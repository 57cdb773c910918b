//! A place in a recording, and the machine as it is there.

use super::clock::Clock;
use super::line::{self, Line, Scanner, is_header};
use super::lines::{Feed, LinePlace, LineText, Lines};
use super::model::{Model, Opened};
use crate::source::trends::Trends;
use busdma_trace::format::{FORMAT, Header, Name, VERSION, Zone};
use serde::Deserialize;
use std::io;

/// Goes through a recording, line by line.
#[derive(Debug)]
pub(super) struct Cursor<F> {
    lines: Lines<F>,
    /// After the operations so far.
    pub(super) clock: Clock,
    /// The machine; none before the first header.
    pub(super) model: Option<Model>,
    /// Lines that could not be read, since this cursor was made.
    pub(super) lost: u64,
    scanner: Scanner,
    zones: Vec<Zone>,
}

/// What came of one step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// A line was taken in, or passed over.
    Done,
    /// The next operation is further than it was to go.
    Beyond,
    /// There are no more lines.
    End,
}

#[derive(Deserialize)]
struct HeaderStart<'a> {
    #[serde(borrow)]
    format: Name<'a>,
    version: u64,
}

impl<F: Feed> Cursor<F> {
    /// At `place`, with the machine as it is there; the feed's next block is that one.
    pub(super) fn at(feed: F, place: LinePlace, clock: Clock, model: Option<Model>) -> io::Result<Self> {
        let lines = Lines::from(feed, place)?;
        Ok(Self { lines, clock, model, lost: 0, scanner: Scanner::default(), zones: Vec::new() })
    }

    /// Where blocks come from.
    pub(super) const fn feed(&self) -> &F {
        self.lines.feed()
    }

    /// Where the next line begins; `None` when there is none.
    pub(super) fn place(&mut self) -> io::Result<Option<LinePlace>> {
        let more = self.lines.peek()?.is_some();
        Ok(more.then(|| self.lines.place()))
    }

    /// Takes in the next line, unless it is an operation after which the clock would be `beyond`. What it tells of zones
    /// and deferrals goes into `trends`, where there are some.
    pub(super) fn step(
        &mut self,
        beyond: impl Fn(&Clock) -> bool,
        trends: Option<&mut Option<Trends>>,
    ) -> io::Result<Step> {
        let text = match self.lines.peek()? {
            None => return Ok(Step::End),
            Some(LineText::Whole(text) | LineText::Unterminated(text)) => text,
        };
        if is_header(text) {
            match header(text) {
                Some(header) => {
                    self.clock.scenario(began(&header));
                    let before = self.model.as_ref().map_or_else(Opened::default, Model::closed);
                    self.model = Some(Model::open(&header, before, &self.clock));
                    if let Some(Some(trends)) = trends {
                        trends.scenario(self.clock.now);
                    }
                }
                None => self.lost += 1,
            }
        } else if text.iter().any(|byte| !byte.is_ascii_whitespace()) {
            if let Some(model) = &mut self.model
                && let Some(line) = &line::read(&self.scanner, text, &mut self.zones)
            {
                let next = self.clock.after(line.t);
                if beyond(&next) {
                    return Ok(Step::Beyond);
                }
                self.clock = next;
                take(model, line, &self.zones, &next, trends);
            } else {
                self.lost += 1;
            }
        }
        self.lines.pass();
        Ok(Step::Done)
    }
}

/// Takes an operation into the model, and what it tells of zones and deferrals into the trends.
fn take(model: &mut Model, line: &Line<'_>, zones: &[Zone], clock: &Clock, trends: Option<&mut Option<Trends>>) {
    let deferrals = model.deferrals;
    let mut course = trends.map(|trends| trends.get_or_insert_with(|| Trends::new(clock.axis(), clock.now)));
    model.apply(line, zones, clock, |zone, step| {
        if let Some(course) = &mut course {
            course.zone(clock.now, zone, step.pressure, step.sample);
        }
    });
    if let Some(course) = course.filter(|_| model.deferrals > deferrals) {
        course.deferred(clock.now);
    }
}

/// When a scenario began, on the clock that the `t` of its operations is of. A state's own time is that of the last call
/// before it.
pub(super) fn began(header: &Header<'_>) -> Option<u64> {
    let told = header.recorded.as_ref().and_then(|recorded| recorded.started_ns);
    told.or_else(|| header.state.as_ref().map(|state| state.now))
}

/// The header that a line is, if this is the format and the version.
pub(super) fn header(line: &[u8]) -> Option<Header<'_>> {
    let start: HeaderStart<'_> = serde_json::from_slice(line).ok()?;
    (start.format.as_str() == FORMAT && start.version == VERSION).then_some(())?;
    serde_json::from_slice(line).ok()
}
