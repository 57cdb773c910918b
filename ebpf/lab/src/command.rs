//! Other programs, run to their end.

use std::io;
use std::process::Command;
use thiserror::Error;

/// Why another program gave nothing.
#[derive(Debug, Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("{program} cannot be started: {source}")]
    Start {
        /// The program's name.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It ended with a failure.
    #[error("{program} failed ({status}): {said}")]
    Failed {
        /// The program and its last argument.
        program: String,
        /// Its exit code or signal, in words.
        status: String,
        /// What it wrote to its error output, one line of it.
        said: String,
    },
}

/// Runs `command` without input, and gives what it wrote to its standard output.
///
/// # Errors
///
/// A program that cannot be started or does not end with exit code 0.
pub(crate) fn output(command: &mut Command) -> Result<String, CommandError> {
    output_with(command, &[0])
}

/// The same for a program whose exit code may be any of `good`.
///
/// # Errors
///
/// A program that cannot be started or ends with another exit code.
pub(crate) fn output_with(command: &mut Command, good: &[i32]) -> Result<String, CommandError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(std::process::Stdio::null())
        .env("LC_ALL", "C")
        .output()
        .map_err(|source| CommandError::Start { program: program.clone(), source })?;
    if !output.status.code().is_some_and(|code| good.contains(&code)) {
        let errors = String::from_utf8_lossy(&output.stderr);
        let mut lines = errors.lines().filter(|line| !line.trim().is_empty());
        // apt says first what went wrong, and then what follows from it.
        let first = lines.clone().find(|line| line.starts_with("E: "));
        let said = first.or_else(|| lines.next_back()).unwrap_or("it did not say why").to_owned();
        let last_argument = command.get_args().last().unwrap_or_default().to_string_lossy().into_owned();
        let program = format!("{program} {last_argument}");
        return Err(CommandError::Failed { program, status: output.status.to_string(), said });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
