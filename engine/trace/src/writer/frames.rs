//! A compressed stream in several frames.

use std::fmt;
use std::io::{self, Write};

/// Compresses what is written to it, in as many zstd frames as are ended: readers take them as one stream.
///
/// A frame that was ended is read to its last byte whatever becomes of the file behind it, so that a recorder ends one
/// wherever it wants to be sure.
pub struct Frames<W: Write> {
    level: i32,
    state: State<W>,
}

enum State<W: Write> {
    Between(W),
    Inside(zstd::Encoder<'static, W>),
    /// A frame could not be ended: the output is lost.
    Broken,
}

impl<W: Write> Frames<W> {
    /// Compresses into `output` at a zstd level; [`ZSTD_LEVEL`](super::ZSTD_LEVEL) is what trace files have.
    pub const fn new(output: W, level: i32) -> Self {
        Self { level, state: State::Between(output) }
    }

    /// Ends the frame, if one was begun; what is written next begins another.
    ///
    /// # Errors
    /// The output cannot be written. It is lost then, and nothing more can be written.
    pub fn end_frame(&mut self) -> io::Result<()> {
        self.state = State::Between(self.take()?);
        Ok(())
    }

    /// The output, to flush or sync it.
    pub fn get_mut(&mut self) -> Option<&mut W> {
        match &mut self.state {
            State::Between(output) => Some(output),
            State::Inside(encoder) => Some(encoder.get_mut()),
            State::Broken => None,
        }
    }

    /// Ends the frame and gives the output back.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.take()
    }

    fn take(&mut self) -> io::Result<W> {
        match std::mem::replace(&mut self.state, State::Broken) {
            State::Between(output) => Ok(output),
            State::Inside(encoder) => encoder.finish(),
            State::Broken => Err(broken()),
        }
    }

    fn inside(&mut self) -> io::Result<&mut zstd::Encoder<'static, W>> {
        if let State::Between(_) = self.state {
            self.state = State::Inside(zstd::Encoder::new(self.take()?, self.level)?);
        }
        match &mut self.state {
            State::Inside(encoder) => Ok(encoder),
            State::Between(_) | State::Broken => Err(broken()),
        }
    }
}

impl<W: Write> Write for Frames<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inside()?.write(bytes)
    }

    /// Hands on what was written, inside the frame: it can be read from there on, but the frame is not ended.
    fn flush(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Between(output) => output.flush(),
            State::Inside(encoder) => encoder.flush(),
            State::Broken => Err(broken()),
        }
    }
}

impl<W: Write> fmt::Debug for Frames<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Between(_) => "between",
            State::Inside(_) => "inside",
            State::Broken => "broken",
        };
        f.debug_struct("Frames").field("level", &self.level).field("state", &state).finish_non_exhaustive()
    }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "a frame before could not be ended")
}
