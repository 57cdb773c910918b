//! The one way out: standard output, without styles unless a terminal takes them, and how wide it is.

use std::io::{self, Write};

/// Columns of text where there is no terminal to ask.
pub const DEFAULT_WIDTH: usize = 100;

/// Narrower terminals get lines of this length, and wrap them as they like.
const MIN_WIDTH: usize = 60;

/// Wider terminals get lines of this length: longer ones are hard to read.
const MAX_WIDTH: usize = 160;

/// Writes `text` to standard output; styles are dropped unless it is a terminal and `NO_COLOR` is not set.
///
/// # Errors
///
/// Whatever writing gives, a closed pipe among it.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::AutoStream::auto(io::stdout().lock());
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// A value as indented JSON, ending in a line break.
///
/// # Errors
///
/// A value that JSON cannot hold.
pub fn pretty_json(value: &impl serde::Serialize) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// Columns of the terminal that standard output goes to, within sensible limits; `otherwise` when it is none.
pub fn width_or(otherwise: usize) -> usize {
    terminal_size::terminal_size_of(io::stdout())
        .map_or(otherwise, |(width, _)| usize::from(width.0).clamp(MIN_WIDTH, MAX_WIDTH))
}
