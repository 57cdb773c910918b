//! `busdma watch`: the daemon as it goes on.

pub mod decisions;
pub mod zones;

use crate::args::WatchArgs;
use crate::console;
use crate::daemon::Daemon;
use crate::failure::Answer;
use crate::interrupt::Interruption;
use busdma_api::monitor::{DecisionsReply, SnapshotReply, Watch};
use serde_json::json;
use zones::ZoneLines;

/// Follows the daemon until it has been told enough, Ctrl-C comes, or nobody reads any more.
///
/// # Errors
///
/// The daemon does not answer, refuses or goes away, or standard output cannot be written.
pub fn run(args: &WatchArgs) -> anyhow::Result<Answer> {
    let mut daemon = Daemon::connect(&args.daemon)?;
    let interruption = Interruption::watch(Some(daemon.socket()?))?;
    let ended = if args.decisions { follow_decisions(args, &mut daemon) } else { follow_zones(args, &mut daemon) };
    match ended {
        Err(_) if interruption.has_come() => Ok(Answer::Yes),
        ended => ended.map(|()| Answer::Yes),
    }
}

fn follow_zones(args: &WatchArgs, daemon: &mut Daemon) -> anyhow::Result<()> {
    let limit = if args.json { None } else { Some(0) };
    let call = Watch { machine: args.machine, limit, interval_ms: Some(args.interval) };
    let mut lines = ZoneLines::default();
    let mut left = args.count.unwrap_or(u64::MAX);
    for snapshot in daemon.follow(&call)? {
        let snapshot: SnapshotReply = snapshot?;
        let text = if args.json { json_line(&snapshot)? } else { lines.render(&snapshot) };
        console::print(&text)?;
        left -= 1;
        if left == 0 {
            break;
        }
    }
    Ok(())
}

fn follow_decisions(args: &WatchArgs, daemon: &mut Daemon) -> anyhow::Result<()> {
    let call = busdma_api::monitor::Decisions {
        machine: args.machine,
        kinds: (!args.kind.is_empty()).then(|| args.kind.clone()),
        map: args.map,
        tag: args.tag,
        ..Default::default()
    };
    let mut left = args.count.unwrap_or(u64::MAX);
    for reply in daemon.follow(&call)? {
        let reply = reply?;
        console::print(&batch(&reply, left, args.json)?)?;
        left = left.saturating_sub(reply.decisions.len() as u64);
        if left == 0 {
            break;
        }
    }
    Ok(())
}

/// The decisions of one reply, at most `limit`, behind how many were lost before them.
fn batch(reply: &DecisionsReply, limit: u64, json: bool) -> serde_json::Result<String> {
    let mut text = String::new();
    if reply.lost > 0 {
        text.push_str(&if json { json_line(&json!({ "lost": reply.lost }))? } else { decisions::lost(reply.lost) });
    }
    for decision in reply.decisions.iter().take(usize::try_from(limit).unwrap_or(usize::MAX)) {
        text.push_str(&if json { json_line(decision)? } else { decisions::line(decision) });
    }
    Ok(text)
}

fn json_line(value: &impl serde::Serialize) -> serde_json::Result<String> {
    Ok(serde_json::to_string(value)? + "\n")
}
