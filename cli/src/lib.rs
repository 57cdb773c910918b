//! The command line tool `busdma` as a library: one module a verb, and the parsers of what a person types.
//!
//! Reading order: [`args`] is what can be typed; a verb turns it into a value ([`plan`], [`replay`], [`presets`],
//! [`correlate`]),
//! renders that as text and prints it through [`console`]; [`failure`] makes an exit code of how it ended. Verbs that
//! show what the daemon does ([`status`], [`zones`], [`tags`], [`maps`], [`watch`], [`top`], [`record`], [`host`], [`call`]) ask
//! it through [`mod@daemon`]. The parsers ([`size`], [`tag_spec`], [`tags_file`], [`layout`]) are pure functions of their
//! text.

pub mod args;

pub mod plan;

pub mod replay;

pub mod presets;

pub mod daemon;

pub mod status;

pub mod maps;
pub mod tags;
pub mod zones;

pub mod watch;

pub mod top;

pub mod record;

pub mod correlate;

pub mod host;

pub mod call;

pub mod demo;

pub mod completions;
pub mod man;

pub mod layout;
pub mod size;
pub mod tag_spec;
pub mod tags_file;

pub mod console;
pub mod duration;
pub mod failure;
pub mod interrupt;
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
        Verb::Correlate(args) => correlate::run(args),
        Verb::Status(args) => status::run(args),
        Verb::Zones(args) => zones::run(args),
        Verb::Tags(args) => tags::run(args),
        Verb::Maps(args) => maps::run(args),
        Verb::Watch(args) => watch::run(args),
        Verb::Top(args) => top::run(args),
        Verb::Record(args) => record::run(args),
        Verb::Host(args) => host::run(args),
        Verb::Call(args) => call::run(args),
        Verb::Demo(args) => demo::run(args),
        Verb::Completions(args) => completions::run(args),
        Verb::Man(args) => man::run(args),
    }
}
