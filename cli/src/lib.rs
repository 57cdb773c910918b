//! The command line tool `busdma` as a library: one module a verb, and the parsers of what a person types.
//!
//! Reading order: [`args`] is what can be typed; a verb turns it into a value ([`plan`], [`replay`], [`presets`]), renders
//! that as text and prints it through [`console`]; [`failure`] makes an exit code of how it ended. The parsers ([`size`],
//! [`tag_spec`], [`tags_file`], [`layout`]) are pure functions of their text.

pub mod args;

pub mod plan;

pub mod replay;

pub mod presets;

pub mod completions;
pub mod man;

pub mod layout;
pub mod size;
pub mod tag_spec;
pub mod tags_file;

pub mod console;
pub mod failure;
mod text;

use args::{Cli, Verb};
use clap::Parser;
use failure::Answer;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the tool with the arguments of a command line, its name included.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match Cli::try_parse_from(arguments) {
        Ok(cli) => failure::exit_code(run(&cli)),
        Err(message) => failure::usage(&message),
    }
}

fn run(cli: &Cli) -> anyhow::Result<Answer> {
    match &cli.verb {
        Verb::Plan(args) => plan::run(args),
        Verb::Presets(args) => presets::run(args),
        Verb::Replay(args) => replay::run(args),
        Verb::Completions(args) => completions::run(args),
        Verb::Man(args) => man::run(args),
    }
}
