//! Probes: shown, attached, detached.

use super::{TABLE_WIDTH, call, warn_of_unknown, words};
use crate::args::{HostAttachArgs, HostDetachArgs, HostProbesArgs};
use crate::console;
use crate::daemon::Daemon;
use crate::failure::Answer;
use crate::text::{self, ACCENT, BAD, Cell, FAINT, GOOD, HEADING, PLAIN, Side, Style, Table, WARN};
use busdma_api::host::{Attach, Detach, Gathering, ProbeInfo, ProbeState, Probes, ProbesReply, ProbesState};
use std::collections::BTreeMap;

/// Shows each probe.
pub(super) fn show(args: &HostProbesArgs) -> anyhow::Result<Answer> {
    let reply = call(&mut Daemon::connect(&args.daemon)?, &Probes {})?;
    print(&reply, args.json, render)
}

/// Attaches the probes and says what came of it.
pub(super) fn attach(args: &HostAttachArgs) -> anyhow::Result<Answer> {
    let mut daemon = Daemon::connect(&args.daemon)?;
    let attach = Attach {
        devices: (!args.device.is_empty()).then(|| args.device.clone()),
        gathering: args.totals.then_some(Gathering::Totals),
    };
    let reply = call(&mut daemon, &attach)?;
    warn_of_unknown(&mut daemon, &args.device)?;
    print(&reply, args.json, heading)
}

/// Detaches the probes.
pub(super) fn detach(args: &HostDetachArgs) -> anyhow::Result<Answer> {
    let reply = call(&mut Daemon::connect(&args.daemon)?, &Detach {})?;
    print(&reply, args.json, heading)
}

fn print(reply: &ProbesReply, json: bool, render: impl Fn(&ProbesReply, usize) -> String) -> anyhow::Result<Answer> {
    let text = if json { console::pretty_json(reply)? } else { render(reply, console::width_or(TABLE_WIDTH)) };
    console::print(&text)?;
    Ok(Answer::Yes)
}

/// How all of them stand in one sentence, then one line a probe, then why some are not attached.
pub fn render(reply: &ProbesReply, width: usize) -> String {
    let mut out = heading(reply, width);
    if reply.probes.is_empty() {
        return out;
    }
    let mut table = Table::new(
        width,
        [
            ("TRACEPOINT", Side::Left),
            ("STATE", Side::Left),
            ("RUNS", Side::Right),
            ("NS/RUN", Side::Right),
            ("DELIVERED", Side::Right),
            ("DROPPED", Side::Right),
            ("FILTERED", Side::Right),
        ],
    );
    for probe in &reply.probes {
        table.row(row(probe));
    }
    out.push('\n');
    out.push_str(&table.render());
    push_reasons(&mut out, &reply.probes, width);
    out
}

/// How all of them stand.
pub(super) fn heading(reply: &ProbesReply, width: usize) -> String {
    let style = match reply.state {
        ProbesState::Attached if reply.dropped == 0 => GOOD,
        ProbesState::Attached | ProbesState::Detached => WARN,
        ProbesState::Unavailable => BAD,
    };
    text::styled(style, text::wrapped("", "", &words::probes(reply), width).trim_end()) + "\n"
}

fn row(probe: &ProbeInfo) -> [Cell; 7] {
    let (style, state) = state(probe.state);
    let told = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
    let dropped = if probe.dropped > 0 { WARN } else { PLAIN };
    [
        Cell::new(ACCENT, probe.tracepoint.clone()),
        Cell::new(style, state),
        told(probe.runs).into(),
        told(probe.ns_per_run).into(),
        probe.delivered.to_string().into(),
        Cell::new(dropped, probe.dropped.to_string()),
        probe.filtered.to_string().into(),
    ]
}

/// Each reason once, with the probes it is given for.
fn push_reasons(out: &mut String, probes: &[ProbeInfo], width: usize) {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for probe in probes {
        if let Some(reason) = &probe.reason {
            reasons.entry(reason).or_default().push(&probe.tracepoint);
        }
    }
    if reasons.is_empty() {
        return;
    }
    text::push_heading(out, HEADING, "Not attached");
    for (reason, tracepoints) in reasons {
        out.push_str(&text::wrapped("  ", "  ", &format!("{reason}:"), width));
        out.push_str(&text::wrapped("    ", "    ", &tracepoints.join(", "), width));
    }
}

const fn state(state: ProbeState) -> (Style, &'static str) {
    match state {
        ProbeState::Disabled => (PLAIN, "disabled"),
        ProbeState::Attached => (GOOD, "attached"),
        ProbeState::Missing => (FAINT, "missing"),
        ProbeState::Denied => (BAD, "denied"),
        ProbeState::Failed => (BAD, "failed"),
    }
}
