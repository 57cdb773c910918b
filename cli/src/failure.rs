//! How a run ends: the one place where outcomes and errors become exit codes, messages and hints.

use crate::daemon::DaemonError;
use anstyle::{AnsiColor, Style};
use busdma_presets::UnknownPreset;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

/// How a verb that ran to its end answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Loaded, all match, shown: exit code 0.
    Yes,
    /// It would not load, a difference was found, a recording failed: exit code 1.
    No,
    /// Part of the input could not be used, and was already reported: exit code 2.
    UnusableInput,
    /// A signal of that number ended it: exit code 128 and the number, as shells have it.
    Signal(i32),
}

impl From<Answer> for ExitCode {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Yes => Self::SUCCESS,
            Answer::No => Self::from(1),
            Answer::UnusableInput => Self::from(USAGE),
            Answer::Signal(signal) => Self::from(u8::try_from(signal).map_or(u8::MAX, |number| number | BY_SIGNAL)),
        }
    }
}

/// Added to the number of a signal.
const BY_SIGNAL: u8 = 128;

/// The daemon answered with an error.
const REFUSED: u8 = 1;

/// Usage errors and input that cannot be used.
const USAGE: u8 = 2;

/// There is no daemon to talk to.
const NO_DAEMON: u8 = 3;

/// The exit code of a run; an error is reported on standard error.
///
/// A pipe whose reader went away is no error: `busdma … | head` has what it wanted.
pub fn exit_code(result: anyhow::Result<Answer>) -> ExitCode {
    match result {
        Ok(answer) => answer.into(),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::from(code(&error))
        }
    }
}

fn code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<DaemonError>() {
        Some(error) if error.is_refusal() => REFUSED,
        Some(_) => NO_DAEMON,
        None => USAGE,
    }
}

/// The exit code for what clap has to say: help and version are answers, the rest is usage.
pub fn usage(message: &clap::Error) -> ExitCode {
    let code = if message.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
    match message.print() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => ExitCode::from(USAGE),
        _ => code,
    }
}

/// Reports an error with its causes on one line, then what to do about it.
pub fn report(error: &anyhow::Error) {
    report_message(&format!("{error:#}"));
    if let Some(hint) = hint(error) {
        say(&format!("{}{hint}\n", label("hint", AnsiColor::Green)));
    }
}

/// Reports an error that does not stop the rest of the run.
pub fn report_message(message: &str) {
    say(&format!("{}{message}\n", label("error", AnsiColor::Red)));
}

/// Reports something that need not be an error.
pub fn warn(message: &str) {
    say(&format!("{}{message}\n", label("warning", AnsiColor::Yellow)));
}

/// Says something that is good to know.
pub fn note(message: &str) {
    say(&format!("{}{message}\n", label("note", AnsiColor::Cyan)));
}

/// Writes to standard error. When that fails there is nobody left to tell.
fn say(text: &str) {
    let mut stderr = anstream::AutoStream::auto(io::stderr().lock());
    let _ = stderr.write_all(text.as_bytes());
}

fn label(word: &str, color: AnsiColor) -> String {
    let style: Style = color.on_default().bold();
    format!("{style}{word}:{style:#} ")
}

fn hint(error: &anyhow::Error) -> Option<&'static str> {
    if error.downcast_ref::<UnknownPreset>().is_some() {
        return Some("`busdma presets` lists them all");
    }
    None
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| match cause.downcast_ref::<io::Error>() {
        Some(error) => error.kind() == ErrorKind::BrokenPipe,
        None => {
            cause.downcast_ref::<serde_json::Error>().is_some_and(|e| e.io_error_kind() == Some(ErrorKind::BrokenPipe))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_closed_pipe_is_no_error_wherever_it_is_in_the_chain() {
        let broken = || io::Error::from(ErrorKind::BrokenPipe);
        assert!(is_broken_pipe(&broken().into()));
        assert!(is_broken_pipe(&Err::<(), _>(broken()).context("writing the report").unwrap_err()));
        assert!(!is_broken_pipe(&io::Error::from(ErrorKind::NotFound).into()));
        assert!(!is_broken_pipe(&anyhow::anyhow!("something else")));
    }
}
