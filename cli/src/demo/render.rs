//! The demonstration as text: a line a second, and what it came to.

use super::Pools;
use super::tally::Summary;
use crate::duration;
use crate::size;
use crate::text::{self, ACCENT, Cell, FAINT, HEADING, Side, Table, WARN};
use crate::zones;
use busdma_sim::driver::Tally;
use std::collections::BTreeMap;

/// Zones on a line.
const LEVELS_MAX: usize = 4;

/// Makes a line of what was added since the line before.
#[derive(Clone, Debug, Default)]
pub(super) struct LiveLines {
    before: Tally,
}

impl LiveLines {
    pub(super) fn heading() -> String {
        let columns = format!(
            "{:>6} {:>8} {:>8} {:>11} {:>10} {:>12}  {}",
            "TIME", "OPS/S", "LOADS/S", "DEFERRED/S", "REFUSED/S", "BOUNCED/S", "ZONES: FREE+RESERVED+ACTIVE"
        );
        text::styled(HEADING, &columns) + "\n"
    }

    pub(super) fn line(&mut self, second: u64, now: &Tally, pools: &[Pools]) -> String {
        let before = std::mem::replace(&mut self.before, now.clone());
        format!(
            "{:>6} {:>8} {:>8} {:>11} {:>10} {:>12}  {}\n",
            format!("{second} s"),
            now.operations - before.operations,
            now.loads - before.loads,
            now.deferred - before.deferred,
            now.refusals() - before.refusals(),
            size::rounded(now.bounced_bytes - before.bounced_bytes),
            first_levels(pools)
        )
    }
}

/// As many zones as a line has room for, and how many there are besides.
fn first_levels(pools: &[Pools]) -> String {
    let mut all: Vec<_> = pools.iter().flat_map(levels).collect();
    let more = all.len().saturating_sub(LEVELS_MAX);
    all.truncate(LEVELS_MAX);
    if more > 0 {
        all.push(text::styled(FAINT, &format!("… {more} more")));
    }
    all.join("  ")
}

fn levels((machine, zones): &Pools) -> impl Iterator<Item = String> {
    zones.iter().map(move |zone| {
        let level = format!("{}+{}+{}", zone.free_bpages, zone.reserved_bpages, zone.active_bpages);
        let waiting =
            if zone.waiters == 0 { String::new() } else { text::styled(WARN, &format!(" ({} waiting)", zone.waiters)) };
        format!("{} {level}{waiting}", text::styled(ACCENT, &format!("{machine}/zone{}", zone.zone)))
    })
}

/// The whole run, then the zones at its end.
pub(super) fn summary(summary: &Summary, width: usize) -> String {
    let tally = &summary.tally;
    let place = match &summary.socket {
        Some(socket) => format!("busdmad at {socket}"),
        None => "an engine inside this process".to_owned(),
    };
    let clients = text::counted(summary.clients.into(), "client");
    let heading = format!("{:.1} s of {clients} on {place}, seed {}", summary.seconds, summary.seed);
    let mut out = String::new();
    text::push_heading(&mut out, HEADING, &heading);
    let mut table = Table::new(width, [("", Side::Left), ("", Side::Left)]).indented(2);
    let mut fact = |name: &str, value: String| table.row([Cell::new(FAINT, name), value.into()]);
    fact("operations", tally.operations.to_string());
    fact("loads", format!("{}: {} at once, {} deferred", tally.loads, tally.loaded, tally.deferred));
    fact("deferrals", deferrals(tally));
    fact("refused", refused(tally));
    let pages = text::counted(tally.bounced_pages, "bounce page");
    fact("bounced", format!("{} in {pages}, by {} syncs", size::rounded(tally.bounced_bytes), tally.syncs));
    fact("findings", findings(&summary.findings));
    out.push_str(&table.render());
    let zones = summary.machines.iter().flat_map(|machine| machine.zones.iter().map(|zone| (&*machine.machine, zone)));
    text::push_heading(&mut out, HEADING, "Zones at the end");
    out.push_str(&zones::table(zones, width));
    out
}

fn deferrals(tally: &Tally) -> String {
    if tally.resumed == 0 {
        return "none ended".to_owned();
    }
    let mean = duration::short(tally.waited_ns / tally.resumed);
    format!("{} ended, after {mean} in the mean and {} at most", tally.resumed, duration::short(tally.waited_ns_max))
}

/// The traffic is that of a driver that does nothing wrong: these are FreeBSD's own doing.
fn findings(findings: &BTreeMap<String, u64>) -> String {
    if findings.is_empty() {
        return "none".to_owned();
    }
    let kinds: Vec<_> = findings.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    kinds.join(", ")
}

fn refused(tally: &Tally) -> String {
    if tally.refused.is_empty() {
        return "none".to_owned();
    }
    let kinds: Vec<_> = tally.refused.iter().map(|(refusal, count)| format!("{refusal:?} {count}")).collect();
    kinds.join(", ")
}
