//! `busdma zones`: bounce zones, and who waits for their pages.

use crate::args::ZonesArgs;
use crate::console;
use crate::daemon::Daemon;
use crate::duration;
use crate::failure::Answer;
use crate::size;
use crate::text::{self, ACCENT, Cell, HEADING, PLAIN, Side, Style, Table, WARN};
use busdma_api::MachineId;
use busdma_api::monitor::{MachineSnapshot, Snapshot, SnapshotReply, Waiter, ZoneInfo};
use serde::Serialize;

/// Columns where there is no terminal to ask: FreeBSD has many counters.
const TABLE_WIDTH: usize = 120;

/// Shows the zones.
///
/// # Errors
///
/// The daemon does not answer, or standard output cannot be written.
pub fn run(args: &ZonesArgs) -> anyhow::Result<Answer> {
    let snapshot = Daemon::connect(&args.daemon)?.call(&Snapshot { machine: args.machine, limit: None })?;
    let text = if args.json { json(&snapshot)? } else { render(&snapshot, console::width_or(TABLE_WIDTH)) };
    console::print(&text)?;
    Ok(Answer::Yes)
}

/// One line a zone, then one line a waiter.
pub fn render(snapshot: &SnapshotReply, width: usize) -> String {
    if snapshot.machines.iter().all(|machine| machine.zones.is_empty()) {
        return "no zones: no tag has needed bounce pages\n".to_owned();
    }
    let mut out = table(zones(snapshot).map(|(machine, zone)| (machine.machine.to_string(), zone)), width);
    let waiters: Vec<_> = snapshot.machines.iter().flat_map(|machine| &machine.waiters).collect();
    if !waiters.is_empty() {
        let total: u32 = snapshot.machines.iter().map(|machine| machine.waiters_total).sum();
        text::push_heading(&mut out, HEADING, "Waiting for pages");
        out.push_str(&queue(&waiters, width));
        if let Some(more) = u64::from(total).checked_sub(waiters.len() as u64).filter(|&more| more > 0) {
            out.push_str(&text::wrapped("  ", "  ", &format!("… {more} more"), width));
        }
    }
    out
}

/// One line a zone, with its machine's name.
pub(crate) fn table<'z, N: Into<String>>(zones: impl Iterator<Item = (N, &'z ZoneInfo)>, width: usize) -> String {
    let mut table = Table::new(
        width,
        [
            ("MACHINE", Side::Left),
            ("ZONE", Side::Left),
            ("LOWADDR", Side::Right),
            ("ALIGN", Side::Right),
            ("PAGES", Side::Right),
            ("FREE", Side::Right),
            ("RESERVED", Side::Right),
            ("ACTIVE", Side::Right),
            ("PEAK", Side::Right),
            ("BOUNCED", Side::Right),
            ("DEFERRED", Side::Right),
            ("WAITED", Side::Right),
            ("MAPS", Side::Right),
            ("WAITING", Side::Right),
        ],
    );
    for (machine, zone) in zones {
        table.row(row(machine.into(), zone));
    }
    table.render()
}

fn row(machine: String, zone: &ZoneInfo) -> [Cell; 14] {
    let alarmed = |count: u32, style: Style| Cell::new(if count > 0 { style } else { PLAIN }, count.to_string());
    [
        machine.into(),
        Cell::new(ACCENT, format!("zone{}", zone.zone)),
        size::address_limit(zone.lowaddr.0).into(),
        size::short(zone.alignment).into(),
        zone.total_bpages.to_string().into(),
        if zone.free_bpages == 0 { Cell::new(WARN, "0") } else { zone.free_bpages.to_string().into() },
        zone.reserved_bpages.to_string().into(),
        zone.active_bpages.to_string().into(),
        zone.active_bpages_max.to_string().into(),
        zone.total_bounced.to_string().into(),
        zone.total_deferred.to_string().into(),
        duration::short(zone.total_deferred_time.saturating_mul(1000)).into(),
        zone.map_count.to_string().into(),
        alarmed(zone.waiters, WARN),
    ]
}

fn queue(waiters: &[&Waiter], width: usize) -> String {
    let mut table = Table::new(
        width,
        [
            ("MAP", Side::Left),
            ("TAG", Side::Left),
            ("SESSION", Side::Left),
            ("ZONE", Side::Left),
            ("NEEDS", Side::Right),
            ("HAS", Side::Right),
            ("FOR", Side::Right),
        ],
    )
    .indented(2);
    for waiter in waiters {
        table.row([
            Cell::new(ACCENT, waiter.map.to_string()),
            waiter.tag.to_string().into(),
            waiter.session.to_string().into(),
            format!("zone{}", waiter.zone).into(),
            waiter.needed.to_string().into(),
            waiter.reserved.to_string().into(),
            duration::short(waiter.age_ns).into(),
        ]);
    }
    table.render()
}

/// One object a zone.
///
/// # Errors
///
/// None that a snapshot brings about.
pub fn json(snapshot: &SnapshotReply) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Row<'a> {
        machine: MachineId,
        #[serde(flatten)]
        zone: &'a ZoneInfo,
        queue: Vec<&'a Waiter>,
    }
    let rows: Vec<_> = zones(snapshot)
        .map(|(machine, zone)| Row {
            machine: machine.machine,
            zone,
            queue: machine.waiters.iter().filter(|waiter| waiter.zone == zone.zone).collect(),
        })
        .collect();
    console::pretty_json(&rows)
}

fn zones(snapshot: &SnapshotReply) -> impl Iterator<Item = (&MachineSnapshot, &ZoneInfo)> {
    snapshot.machines.iter().flat_map(|machine| machine.zones.iter().map(move |zone| (machine, zone)))
}
