//! Snapshots as lines: one a zone.

use crate::duration;
use crate::text::{self, ACCENT, FAINT, PLAIN, WARN};
use busdma_api::MachineId;
use busdma_api::monitor::{SnapshotReply, ZoneInfo};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Makes lines of snapshots, and remembers the counters of the one before to show what was added.
#[derive(Clone, Debug, Default)]
pub struct ZoneLines {
    before: BTreeMap<(MachineId, u32), Counters>,
}

#[derive(Clone, Copy, Debug)]
struct Counters {
    bounced: u32,
    deferred: u32,
}

impl ZoneLines {
    /// One line for each zone; one for a machine without any.
    pub fn render(&mut self, snapshot: &SnapshotReply) -> String {
        let mut out = String::new();
        let before = std::mem::take(&mut self.before);
        for machine in &snapshot.machines {
            let place = format!(
                "{:>12}  {}",
                duration::seconds(snapshot.t_ns),
                text::styled(ACCENT, &format!("{:<6}", machine.machine.to_string()))
            );
            if machine.zones.is_empty() {
                let _ = writeln!(out, "{place}{}", text::styled(FAINT, "  no zones"));
            }
            for zone in &machine.zones {
                let key = (machine.machine, zone.zone);
                let _ = writeln!(out, "{place}{}", line(zone, before.get(&key)));
                self.before.insert(key, Counters { bounced: zone.total_bounced, deferred: zone.total_deferred });
            }
        }
        out
    }
}

fn line(zone: &ZoneInfo, before: Option<&Counters>) -> String {
    // FreeBSD's counters are ints, and wrap.
    let bounced = before.map(|before| zone.total_bounced.wrapping_sub(before.bounced));
    let deferred = before.map(|before| zone.total_deferred.wrapping_sub(before.deferred));
    let waiters = if zone.waiters > 0 { WARN } else { PLAIN };
    format!(
        "  zone{:<2}{:>6} free{:>6} reserved{:>6} active of {}  bounced {}{}  deferred {}{}  {}",
        zone.zone,
        zone.free_bpages,
        zone.reserved_bpages,
        zone.active_bpages,
        zone.total_bpages,
        zone.total_bounced,
        added(bounced),
        zone.total_deferred,
        added(deferred),
        text::styled(waiters, &format!("{} waiting", zone.waiters)),
    )
}

fn added(count: Option<u32>) -> String {
    count.map_or_else(String::new, |count| format!(" (+{count})"))
}
