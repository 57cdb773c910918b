//! `busdma record`: the daemon's recording.

use crate::args::{RecordAction, RecordArgs, RecordStartArgs};
use crate::console;
use crate::daemon::Daemon;
use crate::failure::Answer;
use crate::size;
use crate::text::{BAD, Cell, FAINT, GOOD, PLAIN, Side, Table, WARN, counted};
use busdma_api::recorder::{RecordedHost, RecorderState, Start, Status, StatusReply, Stop};

/// Starts or stops the recording, or asks for it, and prints how it stands.
///
/// # Errors
///
/// The daemon does not answer or refuses, or standard output cannot be written.
pub fn run(args: &RecordArgs) -> anyhow::Result<Answer> {
    let (status, json) = match &args.action {
        RecordAction::Start(args) => (Daemon::connect(&args.daemon)?.call(&start(args))?, args.json),
        RecordAction::Stop(args) => (Daemon::connect(&args.daemon)?.call(&Stop {})?, args.json),
        RecordAction::Status(args) => (Daemon::connect(&args.daemon)?.call(&Status {})?, args.json),
    };
    let text =
        if json { console::pretty_json(&status)? } else { facts(&status, console::width_or(console::DEFAULT_WIDTH)) };
    console::print(&text)?;
    Ok(if status.state == RecorderState::Failed { Answer::No } else { Answer::Yes })
}

fn start(args: &RecordStartArgs) -> Start {
    Start {
        path: args.path.clone(),
        compression: args.compression.map(Into::into),
        decisions: args.decisions.map(Into::into),
        rotate_bytes: args.rotate_bytes,
        rotate_seconds: args.rotate_after,
        machines: (!args.machine.is_empty()).then(|| args.machine.clone()),
        host: args.host.then_some(RecordedHost::Events),
    }
}

/// How a recording stands, one fact a line.
pub fn facts(status: &StatusReply, width: usize) -> String {
    let (style, state) = match status.state {
        RecorderState::Off => (PLAIN, "off"),
        RecorderState::Recording => (GOOD, "recording"),
        RecorderState::Failed => (BAD, "stopped by itself"),
    };
    let mut table = Table::new(width, [("", Side::Left), ("", Side::Left)]).indented(2);
    let mut fact = |name: &str, value: Cell| table.row([Cell::new(FAINT, name), value]);
    fact("state", Cell::new(style, state));
    if let Some(error) = &status.error {
        fact("because", Cell::new(BAD, error));
    }
    let Some(directory) = &status.directory else { return table.render() };
    fact("directory", directory.into());
    let (operations, files) = (counted(status.operations_written, "operation"), counted(status.files, "file"));
    fact("written", format!("{operations}, {} in {files}", size::rounded(status.bytes_written)).into());
    let lost = if status.operations_dropped > 0 { WARN } else { PLAIN };
    fact("lost", Cell::new(lost, counted(status.operations_dropped, "operation")));
    if let (Some(file), Some(events)) = (&status.host_file, status.host_events) {
        fact("host", format!("{} in {file}", counted(events, "event")).into());
    }
    if status.state == RecorderState::Recording {
        fact("queue", format!("{} of {} chunks", status.queue_length, status.queue_capacity).into());
    }
    table.render()
}
