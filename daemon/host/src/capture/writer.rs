//! Writes a capture line by line.

use super::error::WriteError;
use super::record::Record;
use super::{Entry, Header, encode};
use crate::event::HostEvent;
use std::io::{self, Write};

/// Writes a capture. Each entry is one call of `write_all`, so that an output that is not buffered tears no line but the
/// last.
#[derive(Debug)]
pub struct CaptureWriter<W> {
    output: W,
    line: Vec<u8>,
}

impl<W: Write> CaptureWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// [`WriteError::Io`] when `output` fails.
    pub fn new(output: W, header: &Header) -> Result<Self, WriteError> {
        let line = header.to_json().map_err(io::Error::from)?;
        let mut writer = Self { output, line };
        writer.write_line()?;
        Ok(writer)
    }

    /// Writes one entry.
    ///
    /// # Errors
    /// [`WriteError::Io`] when the output fails; [`WriteError::Mismatch`] for an event that its tracepoint cannot tell,
    /// of which nothing is written.
    pub fn write(&mut self, entry: &Entry) -> Result<(), WriteError> {
        self.write_record(&encode::record(entry)?)
    }

    /// Writes one event, as [`CaptureWriter::write`] does.
    ///
    /// # Errors
    /// As [`CaptureWriter::write`].
    pub fn write_event(&mut self, event: &HostEvent) -> Result<(), WriteError> {
        self.write_record(&encode::record_of_event(event)?)
    }

    /// The output, to do with it what only it can: end a frame, say.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.output
    }

    /// Flushes the output and gives it back.
    ///
    /// # Errors
    /// [`WriteError::Io`] when the output fails.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.output.flush()?;
        Ok(self.output)
    }

    fn write_record(&mut self, record: &Record<'_>) -> Result<(), WriteError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, record).map_err(io::Error::from)?;
        self.write_line()
    }

    fn write_line(&mut self) -> Result<(), WriteError> {
        self.line.push(b'\n');
        self.output.write_all(&self.line)?;
        Ok(())
    }
}
