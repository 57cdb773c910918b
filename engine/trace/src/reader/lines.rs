//! From bytes to lines, however long, torn or broken they are.

use super::{InputState, Position, TraceReader};
use crate::error::{TraceError, TraceErrorKind, Warning, WarningKind};
use serde_json::value::RawValue;
use std::io::{self, BufRead, Read};

/// How many times as long a header may be: it can carry the state of a whole machine.
pub(super) const HEADER_FACTOR: usize = 8;

/// What a long line has to start with to be taken for a header. Writers put it there.
const HEADER_START: &[u8] = b"{\"format\"";

impl<R: BufRead> TraceReader<R> {
    /// Reads the next line that is not blank; `false` at the end.
    pub(super) fn read_line(&mut self) -> Result<bool, TraceError> {
        loop {
            match self.input_state {
                InputState::LineStart => {}
                InputState::InLongLine => {
                    self.input.skip_until(b'\n').map_err(|error| self.error(None, TraceErrorKind::Io(error)))?;
                    self.input_state = InputState::LineStart;
                }
                InputState::End => return Ok(false),
            }
            self.line_number += 1;
            self.position.set(Position::BehindLine);
            let mut bytes = std::mem::take(&mut self.line).into_bytes();
            bytes.clear();
            let end = self.read_bytes(&mut bytes)?;
            if end == LineEnd::Missing && is_torn(&bytes) {
                self.warn(WarningKind::TornLine { bytes: bytes.len() });
                return Ok(false);
            }
            self.line = String::from_utf8(bytes).map_err(|error| {
                let column = error.utf8_error().valid_up_to() + 1;
                self.error(Some(column), TraceErrorKind::NotUtf8)
            })?;
            if !self.line.bytes().all(|byte| byte.is_ascii_whitespace()) {
                return Ok(true);
            }
        }
    }

    /// Reads one line without its newline.
    fn read_bytes(&mut self, line: &mut Vec<u8>) -> Result<LineEnd, TraceError> {
        let mut limit = self.line_bytes_max;
        loop {
            // One byte more tells a line of the longest length from a longer one.
            let mut bounded = (&mut self.input).take((limit + 1 - line.len()) as u64);
            if let Err(error) = bounded.read_until(b'\n', line) {
                self.input_state = InputState::End;
                if error.kind() != io::ErrorKind::UnexpectedEof {
                    return Err(self.error(None, TraceErrorKind::Io(error)));
                }
                self.warn(WarningKind::TornStream);
                return Ok(LineEnd::Missing);
            }
            if line.last() == Some(&b'\n') {
                line.pop();
                return Ok(LineEnd::Newline);
            }
            if line.len() <= limit {
                self.input_state = InputState::End;
                return Ok(LineEnd::Missing);
            }
            let header_limit = self.line_bytes_max.saturating_mul(HEADER_FACTOR);
            if limit >= header_limit || !line.starts_with(HEADER_START) {
                self.input_state = InputState::InLongLine;
                return Err(self.error(None, TraceErrorKind::LineTooLong { limit }));
            }
            limit = header_limit;
        }
    }

    fn warn(&mut self, kind: WarningKind) {
        let place = self.place(None);
        self.warnings.push(Warning { place, kind });
    }
}

/// How a line ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LineEnd {
    Newline,
    /// The file ended first.
    Missing,
}

/// Whether an unterminated last line is not whole: a proper prefix of a JSON object never is one.
fn is_torn(line: &[u8]) -> bool {
    !line.iter().all(u8::is_ascii_whitespace) && serde_json::from_slice::<&RawValue>(line).is_err()
}
