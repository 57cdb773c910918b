//! Reads a capture line by line, with memory for one line.

use super::error::{CaptureError, CaptureErrorKind, syntax};
use super::record::Record;
use super::{Entry, Header, LINE_BYTES_MAX, decode};
use crate::text::DeviceNames;
use crate::text::lines::{Line, Lines};
use serde_json::error::Category;
use std::io::BufRead;

/// The entries of a capture, in their order. After an error it goes on with the next line.
#[derive(Debug)]
pub struct CaptureReader<R> {
    header: Header,
    lines: Lines<R>,
    line: u64,
    devices: DeviceNames,
    end: CaptureEnd,
}

/// How a capture ends, as far as it was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CaptureEnd {
    /// Behind a whole line.
    Whole,
    /// In the middle of a line: whoever wrote it was stopped.
    Torn {
        /// The line's number, from 1.
        line: u64,
        /// Bytes of it.
        bytes: usize,
    },
}

impl<R: BufRead> CaptureReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// Of kind [`CaptureErrorKind::NoHeader`] when `input` is no capture at all, or as the kinds say of headers.
    pub fn new(input: R) -> Result<Self, CaptureError> {
        let mut lines = Lines::new(input, LINE_BYTES_MAX);
        let header = match lines.next_line() {
            Ok(Some(Line::Whole(line) | Line::Unterminated(line))) => Header::parse(line),
            Ok(Some(Line::TooLong)) => Err(CaptureErrorKind::TooLong { limit: LINE_BYTES_MAX }),
            Ok(None) => Err(CaptureErrorKind::NoHeader),
            Err(error) => Err(CaptureErrorKind::Io(error)),
        };
        let header = header.map_err(|kind| CaptureError { line: 1, kind })?;
        Ok(Self { header, lines, line: 1, devices: DeviceNames::default(), end: CaptureEnd::Whole })
    }

    /// What holds for the whole capture.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Lines that were read, the header included.
    pub const fn lines(&self) -> u64 {
        self.line
    }

    /// How it ended, which is known once there are no more entries.
    pub const fn end(&self) -> CaptureEnd {
        self.end
    }

    fn entry(&mut self) -> Result<Option<Entry>, CaptureErrorKind> {
        let line = self.lines.next_line().map_err(CaptureErrorKind::Io)?;
        let (bytes, unterminated) = match line {
            None => return Ok(None),
            Some(Line::TooLong) => {
                self.line += 1;
                return Err(CaptureErrorKind::TooLong { limit: LINE_BYTES_MAX });
            }
            Some(Line::Whole(bytes)) => (bytes, None),
            Some(Line::Unterminated(bytes)) => (bytes, Some(bytes.len())),
        };
        self.line += 1;
        let record = serde_json::from_slice::<Record<'_>>(bytes);
        match (record, unterminated) {
            (Ok(record), _) => decode::entry(record, &mut self.devices).map(Some),
            (Err(error), Some(bytes)) if error.classify() == Category::Eof => {
                self.end = CaptureEnd::Torn { line: self.line, bytes };
                Ok(None)
            }
            (Err(error), _) => Err(syntax(&error)),
        }
    }
}

impl<R: BufRead> Iterator for CaptureReader<R> {
    type Item = Result<Entry, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.entry().map_err(|kind| CaptureError { line: self.line, kind }).transpose()
    }
}
