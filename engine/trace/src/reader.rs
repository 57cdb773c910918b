//! Reads a trace line by line, with memory for one line.
//!
//! [`TraceReader::next_scenario`] goes to the next header, [`TraceReader::next_operation`] to the next operation of the
//! scenario; `out` is parsed when it is asked for.

mod line;
mod lines;

use crate::error::{Place, TraceError, TraceErrorKind, Warning};
use crate::format::{FORMAT, Header, Input, Name, Op, Output, VERSION};
use line::{InputField, LineFields, OpField};
use lines::HEADER_FACTOR;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

/// Longest line a reader takes unless told otherwise, bytes.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// Longest header a reader takes unless told otherwise, bytes.
pub const HEADER_BYTES_MAX: usize = HEADER_FACTOR * LINE_BYTES_MAX;

/// How much is read from a file at once, bytes.
const BUFFER_BYTES: usize = 256 << 10;

/// Reads busdma-trace v1.
pub struct TraceReader<R> {
    input: R,
    file: Arc<str>,
    line_bytes_max: usize,
    line: String,
    line_number: u64,
    position: Cell<Position>,
    input_state: InputState,
    warnings: Vec<Warning>,
}

/// Where the reader stands in the trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Position {
    /// Before the first line.
    Start,
    /// Behind a line that was dealt with.
    BehindLine,
    /// At a header that nobody has asked for yet.
    AtHeader,
}

/// Where the input stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum InputState {
    /// At the start of a line.
    LineStart,
    /// In a line that is longer than the limit.
    InLongLine,
    /// At the end.
    End,
}

/// Opens a trace; one whose name ends in `.zst` is decompressed as it is read.
///
/// # Errors
/// [`TraceErrorKind::Io`] when the file cannot be opened.
pub fn open(path: &Path) -> Result<TraceReader<Box<dyn BufRead + Send>>, TraceError> {
    let name = path.display().to_string();
    open_input(path).map(|input| TraceReader::new(input, &name)).map_err(|error| TraceError {
        place: Place { file: name.into(), line: None, column: None },
        kind: TraceErrorKind::Io(error),
    })
}

fn open_input(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let file = File::open(path)?;
    if path.extension().is_some_and(|extension| extension == "zst") {
        Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, zstd::Decoder::new(file)?)))
    } else {
        Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, file)))
    }
}

impl<R: BufRead> TraceReader<R> {
    /// Reads from `input`; `name` is what errors call it.
    pub fn new(input: R, name: &str) -> Self {
        Self {
            input,
            file: name.into(),
            line_bytes_max: LINE_BYTES_MAX,
            line: String::new(),
            line_number: 0,
            position: Cell::new(Position::Start),
            input_state: InputState::LineStart,
            warnings: Vec::new(),
        }
    }

    /// Takes lines of at most this many bytes, and headers of eight times as many.
    #[must_use]
    pub fn with_line_limit(mut self, bytes: usize) -> Self {
        self.line_bytes_max = bytes;
        self
    }

    /// Goes to the next scenario and returns its header, `None` at the end of the trace. What is left of the scenario
    /// at hand is passed over unparsed.
    ///
    /// # Errors
    /// Whatever [`TraceErrorKind`] says of headers; an operation before the first header is one. The reader can go on
    /// to the scenario after it.
    pub fn next_scenario(&mut self) -> Result<Option<Header<'_>>, TraceError> {
        let at_start = self.position.get() == Position::Start;
        while self.position.get() != Position::AtHeader {
            if !self.read_line()? {
                return Ok(None);
            }
            if self.line.contains("\"format\"") && self.json::<FormatKey>()?.format.is_some() {
                break;
            }
            if at_start {
                return Err(self.error(None, TraceErrorKind::NoHeader));
            }
        }
        self.position.set(Position::BehindLine);
        self.parse_header().map(Some)
    }

    /// Goes to the next operation of the scenario, `None` at its end.
    ///
    /// # Errors
    /// Whatever [`TraceErrorKind`] says of lines. The reader can go on to the next line.
    pub fn next_operation(&mut self) -> Result<Option<Operation<'_>>, TraceError> {
        let at_start = self.position.get() == Position::Start;
        if self.position.get() == Position::AtHeader || !self.read_line()? {
            return Ok(None);
        }
        let fields: LineFields<'_> = self.json()?;
        if fields.has_format {
            self.position.set(Position::AtHeader);
            return Ok(None);
        }
        if at_start {
            return Err(self.error(None, TraceErrorKind::NoHeader));
        }
        self.operation(fields).map(Some)
    }

    /// An error at the line that the last call returned.
    pub fn error_here(&self, kind: impl Into<TraceErrorKind>) -> TraceError {
        self.error(None, kind.into())
    }

    /// The line that the last call returned, without its newline.
    pub fn raw_line(&self) -> &str {
        &self.line
    }

    /// Number of the line that the last call returned or failed on, from 1; 0 before the first.
    pub fn line_number(&self) -> u64 {
        self.line_number
    }

    /// The name that errors call the trace.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// What was passed over so far.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

impl<R> fmt::Debug for TraceReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line_number, position, warnings, .. } = self;
        let mut reader = f.debug_struct("TraceReader");
        reader.field("file", file).field("line_number", line_number).field("position", position);
        reader.field("warnings", warnings).finish_non_exhaustive()
    }
}

/// One operation. Its parts borrow the reader's line.
#[derive(Clone, Debug)]
pub struct Operation<'a> {
    /// Its number in the scenario.
    pub seq: u64,
    /// What it does.
    pub op: Op,
    /// What it is given.
    pub input: Input<'a>,
    /// Kinds of hazards first seen here.
    pub hazard: Vec<Name<'a>>,
    /// When it began, nanoseconds on a monotonic clock. An addition to busdma-trace v1.
    pub t: Option<u64>,
    /// Who called, where several did. An addition to busdma-trace v1.
    pub session: Option<Name<'a>>,
    output: &'a RawValue,
    line: &'a str,
    line_number: u64,
    file: &'a Arc<str>,
}

impl<'a> Operation<'a> {
    /// The line it stands on.
    pub fn raw_line(&self) -> &'a str {
        self.line
    }

    /// Number of the line it stands on, from 1.
    pub fn line_number(&self) -> u64 {
        self.line_number
    }

    /// The `out` object as it is written.
    pub fn raw_output(&self) -> &'a str {
        self.output.get()
    }

    /// Parses what the operation came to.
    ///
    /// # Errors
    /// A field is missing, or of the wrong type or range.
    pub fn output(&self) -> Result<Output<'a>, TraceError> {
        Output::from_json(self.op, self.output.get()).map_err(|error| {
            let column = Some(column_in(self.line, self.output, &error));
            TraceError {
                place: Place { file: self.file.clone(), line: Some(self.line_number), column },
                kind: json_problem(&error),
            }
        })
    }

    /// An error at this line.
    pub fn error(&self, kind: impl Into<TraceErrorKind>) -> TraceError {
        let place = Place { file: self.file.clone(), line: Some(self.line_number), column: None };
        TraceError { place, kind: kind.into() }
    }
}

/// What makes a line a header.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct FormatKey {
    format: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct HeaderStart<'a> {
    #[serde(borrow)]
    format: Name<'a>,
    version: u64,
}

impl<R: BufRead> TraceReader<R> {
    fn parse_header(&self) -> Result<Header<'_>, TraceError> {
        let start: HeaderStart<'_> = self.json()?;
        if start.format.as_str() != FORMAT {
            return Err(self.error(None, TraceErrorKind::OtherFormat { found: start.format.0.into_owned() }));
        }
        if start.version != VERSION {
            return Err(self.error(None, TraceErrorKind::OtherVersion { found: start.version }));
        }
        self.json()
    }

    fn operation<'a>(&'a self, fields: LineFields<'a>) -> Result<Operation<'a>, TraceError> {
        let missing = |field| self.error(None, TraceErrorKind::Field { problem: format!("missing field `{field}`") });
        let op = match fields.op.ok_or_else(|| missing("op"))? {
            OpField::Known(op) => op,
            OpField::Unknown(name) => {
                return Err(self.error(None, TraceErrorKind::UnknownOperation { found: name.0.into_owned() }));
            }
        };
        let input = match fields.input.ok_or_else(|| missing("in"))? {
            InputField::Parsed(input) => input,
            InputField::Raw(raw) => Input::from_json(op, raw.get()).map_err(|error| self.error_in(raw, &error))?,
        };
        Ok(Operation {
            seq: fields.seq.ok_or_else(|| missing("seq"))?,
            op,
            input,
            hazard: fields.hazard,
            t: fields.t,
            session: fields.session,
            output: fields.output.ok_or_else(|| missing("out"))?,
            line: self.raw_line(),
            line_number: self.line_number,
            file: &self.file,
        })
    }

    fn error_in(&self, part: &RawValue, error: &serde_json::Error) -> TraceError {
        self.error(Some(column_in(&self.line, part, error)), json_problem(error))
    }

    fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, TraceError> {
        serde_json::from_str(self.raw_line())
            .map_err(|error| self.error(Some(error.column().max(1)), json_problem(&error)))
    }

    fn error(&self, column: Option<usize>, kind: TraceErrorKind) -> TraceError {
        TraceError { place: self.place(column), kind }
    }

    fn place(&self, column: Option<usize>) -> Place {
        Place { file: self.file.clone(), line: Some(self.line_number), column }
    }
}

/// The column of an error in a part of a line that was parsed by itself, from 1.
fn column_in(line: &str, part: &RawValue, error: &serde_json::Error) -> usize {
    part.get().as_ptr().addr() - line.as_ptr().addr() + error.column().max(1)
}

fn json_problem(error: &serde_json::Error) -> TraceErrorKind {
    // The parser sees one line at a time, so that its own line number would mislead.
    let text = error.to_string();
    let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem).to_owned();
    if error.is_data() { TraceErrorKind::Field { problem } } else { TraceErrorKind::Syntax { problem } }
}
