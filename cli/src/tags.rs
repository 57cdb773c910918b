//! `busdma tags`: the daemon's tags.

use crate::args::TagsArgs;
use crate::console;
use crate::daemon::Daemon;
use crate::failure::Answer;
use crate::size;
use crate::text::{ACCENT, Cell, Side, Table};
use busdma_api::monitor::{Snapshot, SnapshotReply, TagInfo};

/// Shows the tags.
///
/// # Errors
///
/// The daemon does not answer, or standard output cannot be written.
pub fn run(args: &TagsArgs) -> anyhow::Result<Answer> {
    let snapshot = Daemon::connect(&args.daemon)?.call(&Snapshot { machine: args.machine, limit: Some(0) })?;
    let text = if args.json { json(&snapshot)? } else { render(&snapshot, console::width_or(console::DEFAULT_WIDTH)) };
    console::print(&text)?;
    Ok(Answer::Yes)
}

/// One line a tag.
pub fn render(snapshot: &SnapshotReply, width: usize) -> String {
    let tags = tags(snapshot);
    if tags.is_empty() {
        return "no tags\n".to_owned();
    }
    let mut table = Table::new(
        width,
        [
            ("TAG", Side::Left),
            ("SESSION", Side::Left),
            ("PRESET", Side::Left),
            ("ALIGN", Side::Right),
            ("BOUND", Side::Right),
            ("LOWADDR", Side::Right),
            ("MAXSIZE", Side::Right),
            ("NSEGS", Side::Right),
            ("MAXSEGSZ", Side::Right),
            ("ZONE", Side::Left),
            ("MAPS", Side::Right),
        ],
    );
    for tag in tags {
        table.row(row(tag));
    }
    table.render()
}

fn row(tag: &TagInfo) -> [Cell; 11] {
    let limit = |bytes: u64| if bytes >= u64::from(u32::MAX) { none() } else { size::short(bytes) };
    [
        Cell::new(ACCENT, tag.tag.to_string()),
        tag.session.to_string().into(),
        tag.preset.clone().unwrap_or_else(none).into(),
        size::short(tag.alignment).into(),
        if tag.boundary.0 == 0 { none() } else { size::short(tag.boundary.0) }.into(),
        if tag.lowaddr.0 == u64::MAX { none() } else { size::address_limit(tag.lowaddr.0) }.into(),
        limit(tag.maxsize).into(),
        tag.nsegments.map_or_else(none, |limit| limit.to_string()).into(),
        limit(tag.maxsegsz).into(),
        tag.zone.map_or_else(none, |zone| format!("zone{zone}")).into(),
        tag.maps.to_string().into(),
    ]
}

/// One object a tag.
///
/// # Errors
///
/// None that a snapshot brings about.
pub fn json(snapshot: &SnapshotReply) -> serde_json::Result<String> {
    console::pretty_json(&tags(snapshot))
}

fn tags(snapshot: &SnapshotReply) -> Vec<&TagInfo> {
    snapshot.machines.iter().flat_map(|machine| &machine.tags).collect()
}

fn none() -> String {
    "-".to_owned()
}
