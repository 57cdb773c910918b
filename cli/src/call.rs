//! `busdma call`: any method of the daemon.

mod directory;
mod idl;

use crate::args::CallArgs;
use crate::console;
use crate::daemon::Daemon;
use crate::failure::Answer;
use crate::interrupt::Interruption;
use anyhow::Context;
use busdma_api::wire::Replies;
use directory::Directory;
use serde_json::value::RawValue;
use serde_json::{Deserializer, Serializer};
use std::io::{self, Read};
use thiserror::Error;

/// Why the parameters are none.
#[derive(Debug, Error)]
enum ParametersError {
    #[error("the parameters are not JSON: {0}")]
    NotJson(serde_json::Error),
    #[error("the parameters are no JSON object, such as {{\"map\": \"host0/m1\"}}")]
    NoObject,
}

/// Calls a method and prints its replies, or what methods there are.
///
/// # Errors
///
/// The daemon does not answer, has no such method or refuses, the parameters are no JSON object, or standard output
/// cannot be written.
pub fn run(args: &CallArgs) -> anyhow::Result<Answer> {
    let parameters = parameters(&args.parameters)?;
    let mut daemon = Daemon::connect(&args.daemon)?;
    let directory = Directory::ask(&mut daemon)?;
    let Some(name) = &args.method else {
        console::print(&directory.list(console::width_or(console::DEFAULT_WIDTH)))?;
        return Ok(Answer::Yes);
    };
    let method = directory.find(name)?;
    if args.describe {
        console::print(&method.describe())?;
    } else {
        call(args, &mut daemon, &method.full_name(), &parameters)?;
    }
    Ok(Answer::Yes)
}

fn call(args: &CallArgs, daemon: &mut Daemon, method: &str, parameters: &RawValue) -> anyhow::Result<()> {
    let print = |reply: &str| {
        let mut text = if args.json_lines { on_one_line(reply) } else { indented(reply) }?;
        text.push('\n');
        console::print(&text)
    };
    if !args.more {
        return daemon.call_raw(method, parameters, Replies::One, print);
    }
    let interruption = Interruption::watch(Some(daemon.socket()?))?;
    match daemon.call_raw(method, parameters, Replies::Many, print) {
        Err(_) if interruption.has_come() => Ok(()),
        ended => ended,
    }
}

/// JSON as it is, fields in their order, on one line.
fn on_one_line(json: &str) -> io::Result<String> {
    let mut out = Vec::new();
    serde_transcode::transcode(&mut Deserializer::from_str(json), &mut Serializer::new(&mut out))?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// JSON as it is, fields in their order, indented.
fn indented(json: &str) -> io::Result<String> {
    let mut out = Vec::new();
    serde_transcode::transcode(&mut Deserializer::from_str(json), &mut Serializer::pretty(&mut out))?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn parameters(argument: &str) -> anyhow::Result<Box<RawValue>> {
    let mut text = argument.to_owned();
    if argument == "-" {
        text.clear();
        io::stdin().read_to_string(&mut text).context("cannot read the parameters from standard input")?;
    }
    let parameters: Box<RawValue> = serde_json::from_str(&text).map_err(ParametersError::NotJson)?;
    if !parameters.get().starts_with('{') {
        return Err(ParametersError::NoObject.into());
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_keep_the_order_of_their_fields() {
        let reply = "{ \"tag\":\"host0/t1\",\n\"alignment\":4,\"parents\":[] }";
        assert_eq!(on_one_line(reply).unwrap(), r#"{"tag":"host0/t1","alignment":4,"parents":[]}"#);
        let indented = indented(reply).unwrap();
        assert_eq!(indented, "{\n  \"tag\": \"host0/t1\",\n  \"alignment\": 4,\n  \"parents\": []\n}");
    }
}
