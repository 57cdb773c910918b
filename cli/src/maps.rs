//! `busdma maps`: what the daemon's maps hold, and for how long.

use crate::args::MapsArgs;
use crate::console;
use crate::daemon::Daemon;
use crate::duration;
use crate::failure::Answer;
use crate::text::{self, ACCENT, Cell, GOOD, Side, Table, WARN};
use busdma_api::monitor::{MapInfo, MapState, Snapshot, SnapshotReply};
use std::cmp::Reverse;

/// Shows the maps that do something.
///
/// # Errors
///
/// The daemon does not answer, or standard output cannot be written.
pub fn run(args: &MapsArgs) -> anyhow::Result<Answer> {
    let call = Snapshot { machine: args.machine, limit: Some(args.limit) };
    let snapshot = Daemon::connect(&args.daemon)?.call(&call)?;
    let text = if args.json { json(&snapshot)? } else { render(&snapshot, console::width_or(console::DEFAULT_WIDTH)) };
    console::print(&text)?;
    Ok(Answer::Yes)
}

/// One line a map, then how many there are.
pub fn render(snapshot: &SnapshotReply, width: usize) -> String {
    let maps = maps(snapshot);
    let mut table = Table::new(
        width,
        [
            ("MAP", Side::Left),
            ("TAG", Side::Left),
            ("SESSION", Side::Left),
            ("UID", Side::Right),
            ("STATE", Side::Left),
            ("BYTES", Side::Right),
            ("SEGS", Side::Right),
            ("BPAGES", Side::Right),
            ("FOR", Side::Right),
        ],
    );
    for map in &maps {
        table.row(row(map));
    }
    let mut out = String::new();
    if !maps.is_empty() {
        out.push_str(&table.render());
        out.push('\n');
    }
    out.push_str(&text::wrapped("", "", &totals(snapshot, maps.len() as u64), width));
    out
}

fn row(map: &MapInfo) -> [Cell; 9] {
    [
        Cell::new(ACCENT, map.map.to_string()),
        map.tag.to_string().into(),
        map.session.to_string().into(),
        map.uid.to_string().into(),
        match map.state {
            MapState::Idle => "idle".into(),
            MapState::Deferred => Cell::new(WARN, "waits"),
            MapState::Loaded => Cell::new(GOOD, "loaded"),
        },
        map.bytes.to_string().into(),
        map.segments.to_string().into(),
        map.bounce_pages.to_string().into(),
        duration::short(map.age_ns).into(),
    ]
}

fn totals(snapshot: &SnapshotReply, shown: u64) -> String {
    let sum = |count: fn(&busdma_api::monitor::MapTotals) -> u32| -> u64 {
        snapshot.machines.iter().map(|machine| u64::from(count(&machine.maps_total))).sum()
    };
    let (idle, deferred, loaded) = (sum(|maps| maps.idle), sum(|maps| maps.deferred), sum(|maps| maps.loaded));
    let left_out = (deferred + loaded).saturating_sub(shown);
    let left_out = if left_out == 0 { String::new() } else { format!("; {left_out} of them not shown (--limit)") };
    format!("{loaded} loaded, {deferred} waiting, {idle} idle{left_out}.")
}

/// One object a map.
///
/// # Errors
///
/// None that a snapshot brings about.
pub fn json(snapshot: &SnapshotReply) -> serde_json::Result<String> {
    console::pretty_json(&maps(snapshot))
}

/// The maps of all machines, oldest mapping first.
fn maps(snapshot: &SnapshotReply) -> Vec<&MapInfo> {
    let mut maps: Vec<_> = snapshot.machines.iter().flat_map(|machine| &machine.maps).collect();
    maps.sort_by_key(|map| Reverse(map.age_ns));
    maps
}
