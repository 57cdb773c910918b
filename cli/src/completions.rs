//! `busdma completions`: completion scripts.

use crate::args::{Cli, CompletionsArgs};
use crate::failure::Answer;
use clap::CommandFactory;
use std::io::{self, Write};

/// Writes the completion script of a shell.
///
/// # Errors
///
/// Standard output cannot be written.
pub fn run(args: &CompletionsArgs) -> anyhow::Result<Answer> {
    let mut command = Cli::command();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "busdma", &mut script);
    let mut stdout = io::stdout().lock();
    stdout.write_all(&script)?;
    stdout.flush()?;
    Ok(Answer::Yes)
}
