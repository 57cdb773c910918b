//! Lines of an input, with memory for one line and none copied that lies whole in the input's buffer.

use memchr::memchr;
use std::io::{self, BufRead, ErrorKind};

/// Cuts an input into lines.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    limit: usize,
    /// The beginning of a line whose end the input's buffer did not hold.
    started: Vec<u8>,
    /// Bytes of the input's buffer that belong to the line given out last.
    given: usize,
    state: State,
}

/// One line, without its `\n`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Line<'a> {
    /// A line that ends.
    Whole(&'a [u8]),
    /// The rest of the input, which does not end in `\n`.
    Unterminated(&'a [u8]),
    /// A line longer than the limit, which is passed over.
    TooLong,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    LineStart,
    InLongLine,
    /// The input failed, or ended.
    End,
}

impl<R: BufRead> Lines<R> {
    /// Lines of at most `limit` bytes.
    pub(crate) const fn new(input: R, limit: usize) -> Self {
        Self { input, limit, started: Vec::new(), given: 0, state: State::LineStart }
    }

    /// The next line, `None` at the end and ever after an error.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        self.input.consume(std::mem::take(&mut self.given));
        self.started.clear();
        loop {
            if self.state == State::End {
                return Ok(None);
            }
            let (end, available) = self.look()?;
            if available == 0 {
                return Ok(self.last_line());
            }
            let part = end.unwrap_or(available);
            if self.state == State::LineStart && self.started.len() + part <= self.limit {
                if end.is_some() {
                    return self.whole_line(part).map(Some);
                }
                self.keep(available)?;
            } else {
                self.state = State::InLongLine;
                self.started.clear();
                self.input.consume(end.map_or(available, |end| end + 1));
                if end.is_some() {
                    self.state = State::LineStart;
                    return Ok(Some(Line::TooLong));
                }
            }
        }
    }

    /// Where the next `\n` is in the input's buffer, and how much the buffer holds, which is nothing at the end.
    fn look(&mut self) -> io::Result<(Option<usize>, usize)> {
        loop {
            match self.input.fill_buf() {
                Ok(buffer) => return Ok((memchr(b'\n', buffer), buffer.len())),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.state = State::End;
                    return Err(error);
                }
            }
        }
    }

    fn whole_line(&mut self, end: usize) -> io::Result<Line<'_>> {
        if !self.started.is_empty() {
            self.keep(end)?;
            self.input.consume(1);
            return Ok(Line::Whole(&self.started));
        }
        self.given = end + 1;
        let buffer = self.input.fill_buf()?;
        Ok(Line::Whole(buffer.get(..end).unwrap_or(buffer)))
    }

    /// Takes `bytes` of the input's buffer into the line that is being read.
    fn keep(&mut self, bytes: usize) -> io::Result<()> {
        let buffer = self.input.fill_buf()?;
        self.started.extend_from_slice(buffer.get(..bytes).unwrap_or(buffer));
        self.input.consume(bytes);
        Ok(())
    }

    fn last_line(&mut self) -> Option<Line<'_>> {
        let state = std::mem::replace(&mut self.state, State::End);
        match state {
            State::InLongLine => Some(Line::TooLong),
            State::LineStart if !self.started.is_empty() => Some(Line::Unterminated(&self.started)),
            State::LineStart | State::End => None,
        }
    }
}
