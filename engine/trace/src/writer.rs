//! Writes a trace, one line a call, in the field order and spelling of the format.

mod frames;

pub use frames::Frames;

use crate::format::{Header, Input, Name, Output, Word};
use crate::reader::{HEADER_BYTES_MAX, LINE_BYTES_MAX};
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use thiserror::Error;

/// Compression level of `.zst` files: quick, and still a tenth of the size.
pub const ZSTD_LEVEL: i32 = 3;

/// Writes busdma-trace v1. A line is given to the output in one piece, and one that is longer than readers take is refused.
pub struct TraceWriter<W> {
    output: W,
    line: Vec<u8>,
}

/// One operation to write.
#[derive(Clone, Copy, Debug)]
pub struct OperationLine<'a> {
    /// Its number in the scenario, from 1.
    pub seq: u64,
    /// When it began, nanoseconds on a monotonic clock. An addition to busdma-trace v1.
    pub t: Option<u64>,
    /// Who called, where several did. An addition to busdma-trace v1.
    pub session: Option<&'a str>,
    /// What it was given.
    pub input: &'a Input<'a>,
    /// What it came to.
    pub output: &'a Output<'a>,
    /// Kinds of hazards first seen here.
    pub hazard: &'a [Name<'a>],
}

/// Creates a trace file; one whose name ends in `.zst` is compressed. [`TraceWriter::finish`] completes it.
///
/// # Errors
/// The file cannot be created.
pub fn create(path: &Path) -> io::Result<TraceWriter<TraceFile>> {
    let file = BufWriter::new(File::create(path)?);
    Ok(TraceWriter::new(if path.extension().is_some_and(|extension| extension == "zst") {
        TraceFile::Compressed(zstd::Encoder::new(file, ZSTD_LEVEL)?)
    } else {
        TraceFile::Plain(file)
    }))
}

impl<W: Write> TraceWriter<W> {
    /// Writes to `output`, which should be buffered.
    pub fn new(output: W) -> Self {
        Self { output, line: Vec::new() }
    }

    /// Starts a scenario.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn write_header(&mut self, header: &Header<'_>) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, header)?;
        self.end_line(HEADER_BYTES_MAX)
    }

    /// Writes an operation.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn write_operation(&mut self, operation: &OperationLine<'_>) -> io::Result<()> {
        self.start_operation(operation.seq, operation.t, operation.session, operation.input)?;
        serde_json::to_writer(&mut self.line, operation.output)?;
        self.end_operation(operation.hazard)
    }

    /// Writes an operation whose `out` object is already text.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn write_answer(&mut self, answer: &AnswerLine<'_>) -> io::Result<()> {
        self.start_operation(answer.seq, answer.t, answer.session, answer.input)?;
        self.line.extend_from_slice(answer.output);
        self.end_operation(answer.hazard)
    }

    /// Writes a line as it was read, with the fields that [`crate::format`] does not know.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn copy_line(&mut self, line: &str) -> io::Result<()> {
        self.line.clear();
        self.line.extend_from_slice(line.as_bytes());
        self.end_line(HEADER_BYTES_MAX)
    }

    /// Hands on what is buffered.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    /// The output, to do with it what only it can: end a frame, say, or sync a file.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.output
    }

    /// The output, with everything handed on to it.
    pub fn into_inner(self) -> W {
        self.output
    }

    fn start_operation(
        &mut self,
        seq: u64,
        t: Option<u64>,
        session: Option<&str>,
        input: &Input<'_>,
    ) -> io::Result<()> {
        self.line.clear();
        // A trace has millions of these: numbers are not sent through `fmt`.
        self.line.extend_from_slice(b"{\"seq\":");
        serde_json::to_writer(&mut self.line, &seq)?;
        if let Some(t) = t {
            self.line.extend_from_slice(b",\"t\":");
            serde_json::to_writer(&mut self.line, &t)?;
        }
        if let Some(session) = session {
            self.line.extend_from_slice(b",\"session\":");
            serde_json::to_writer(&mut self.line, session)?;
        }
        self.line.extend_from_slice(b",\"op\":\"");
        self.line.extend_from_slice(input.op().as_str().as_bytes());
        self.line.extend_from_slice(b"\",\"in\":");
        serde_json::to_writer(&mut self.line, input)?;
        self.line.extend_from_slice(b",\"out\":");
        Ok(())
    }

    fn end_operation(&mut self, hazard: &[Name<'_>]) -> io::Result<()> {
        if !hazard.is_empty() {
            self.line.extend_from_slice(b",\"hazard\":");
            serde_json::to_writer(&mut self.line, hazard)?;
        }
        self.line.push(b'}');
        self.end_line(LINE_BYTES_MAX)
    }

    fn end_line(&mut self, limit: usize) -> io::Result<()> {
        let bytes = self.line.len();
        if bytes > limit {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, LineTooLong { bytes, limit }));
        }
        self.line.push(b'\n');
        self.output.write_all(&self.line)
    }
}

impl TraceWriter<TraceFile> {
    /// Completes the file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(self) -> io::Result<()> {
        let mut file = match self.output {
            TraceFile::Plain(file) => file,
            TraceFile::Compressed(encoder) => encoder.finish()?,
        };
        file.flush()
    }
}

/// One operation to write, its `out` object as text.
#[derive(Clone, Copy, Debug)]
pub struct AnswerLine<'a> {
    /// Its number in the scenario, from 1.
    pub seq: u64,
    /// When it began, nanoseconds on a monotonic clock. An addition to busdma-trace v1.
    pub t: Option<u64>,
    /// Who called, where several did. An addition to busdma-trace v1.
    pub session: Option<&'a str>,
    /// What it was given.
    pub input: &'a Input<'a>,
    /// What it came to: the text of an [`Output`], without a newline.
    pub output: &'a [u8],
    /// Kinds of hazards first seen here.
    pub hazard: &'a [Name<'a>],
}

/// A line that no reader would take; nothing of it is written. It comes inside an [`io::Error`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the line has {bytes} bytes, readers take {limit}")]
pub struct LineTooLong {
    /// Its length, bytes.
    pub bytes: usize,
    /// What readers take, bytes.
    pub limit: usize,
}

impl<W> fmt::Debug for TraceWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceWriter").finish_non_exhaustive()
    }
}

/// A trace file being written.
pub enum TraceFile {
    /// Lines as they are.
    Plain(BufWriter<File>),
    /// A zstd stream.
    Compressed(zstd::Encoder<'static, BufWriter<File>>),
}

impl Write for TraceFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Compressed(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Compressed(encoder) => encoder.flush(),
        }
    }
}

impl fmt::Debug for TraceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain(..)",
            Self::Compressed(_) => "Compressed(..)",
        })
    }
}
