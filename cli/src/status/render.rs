//! The daemon's status as text.

use super::Status;
use crate::duration;
use crate::record;
use crate::size;
use crate::text::{self, ACCENT, BAD, Cell, FAINT, GOOD, HEADING, PLAIN, Side, Style, Table, WARN, counted};
use busdma_api::monitor::{Finding, MachineSnapshot, Severity, ZoneInfo};
use std::fmt::Write as _;

/// Machines listed.
const MACHINES_MAX: usize = 16;

/// Kinds of findings shown.
const KINDS_MAX: usize = 5;

/// Objects named for one kind.
const PLACES_MAX: usize = 3;

/// One screen.
pub fn render(status: &Status, width: usize) -> String {
    let mut out = format!(
        "{} at {}, up {}\n",
        text::styled(HEADING, &format!("busdmad {}", status.version)),
        status.socket,
        duration::short(status.uptime_ns)
    );
    let shown = &status.machines[..status.machines.len().min(MACHINES_MAX)];
    text::push_heading(&mut out, HEADING, "Machines");
    out.push_str(&machines(shown, width));
    push_more(&mut out, status.machines.len() - shown.len(), "--json has them all");
    text::push_heading(&mut out, HEADING, "Bounce pages");
    out.push_str(&pools(shown, width));
    text::push_heading(&mut out, HEADING, "Recording");
    out.push_str(&record::facts(&status.recorder, width));
    text::push_heading(&mut out, HEADING, "Findings");
    push_findings(&mut out, status, width);
    out
}

fn machines(machines: &[MachineSnapshot], width: usize) -> String {
    let mut table = Table::new(
        width,
        [
            ("MACHINE", Side::Left),
            ("SESSION", Side::Left),
            ("PROFILE", Side::Left),
            ("TAGS", Side::Right),
            ("MAPS", Side::Right),
            ("LOADED", Side::Right),
            ("WAITING", Side::Right),
            ("LOADS", Side::Right),
            ("FAILED", Side::Right),
            ("LOAD P99", Side::Right),
            ("MEMORY", Side::Right),
        ],
    )
    .indented(2);
    for machine in machines {
        let maps = machine.maps_total;
        table.row([
            Cell::new(ACCENT, machine.machine.to_string()),
            machine.session.map_or_else(|| "all".to_owned(), |session| session.to_string()).into(),
            (&*machine.profile).into(),
            machine.tags.len().to_string().into(),
            (u64::from(maps.idle) + u64::from(maps.deferred) + u64::from(maps.loaded)).to_string().into(),
            maps.loaded.to_string().into(),
            count(maps.deferred, WARN),
            machine.loads.to_string().into(),
            machine.loads_failed.to_string().into(),
            if machine.latency.load.count == 0 {
                "-".into()
            } else {
                duration::short(machine.latency.load.p99_ns).into()
            },
            size::rounded(machine.memory_bytes.saturating_add(machine.dmamem_bytes)).into(),
        ]);
    }
    table.render()
}

fn pools(machines: &[MachineSnapshot], width: usize) -> String {
    if machines.iter().all(|machine| machine.zones.is_empty()) {
        return text::wrapped("  ", "  ", "none: no tag has needed any", width);
    }
    let mut table = Table::new(
        width,
        [
            ("MACHINE", Side::Left),
            ("ZONES", Side::Right),
            ("PAGES", Side::Right),
            ("FREE", Side::Right),
            ("RESERVED", Side::Right),
            ("ACTIVE", Side::Right),
            ("BOUNCED", Side::Right),
            ("DEFERRED", Side::Right),
            ("WAITED", Side::Right),
        ],
    )
    .indented(2);
    for machine in machines.iter().filter(|machine| !machine.zones.is_empty()) {
        let sum = |count: fn(&ZoneInfo) -> u64| machine.zones.iter().map(count).sum::<u64>();
        table.row([
            Cell::new(ACCENT, machine.machine.to_string()),
            machine.zones.len().to_string().into(),
            sum(|zone| zone.total_bpages.into()).to_string().into(),
            sum(|zone| zone.free_bpages.into()).to_string().into(),
            sum(|zone| zone.reserved_bpages.into()).to_string().into(),
            sum(|zone| zone.active_bpages.into()).to_string().into(),
            sum(|zone| zone.total_bounced.into()).to_string().into(),
            sum(|zone| zone.total_deferred.into()).to_string().into(),
            duration::short(sum(|zone| zone.total_deferred_time).saturating_mul(1000)).into(),
        ]);
    }
    table.render()
}

fn push_findings(out: &mut String, status: &Status, width: usize) {
    let kinds = kinds(&status.findings);
    let shown = &kinds[..kinds.len().min(KINDS_MAX)];
    if shown.is_empty() {
        let _ = writeln!(out, "  {}", text::styled(GOOD, "none"));
    }
    for findings in shown {
        push_kind(out, findings, status.uptime_ns, width);
    }
    push_more(out, kinds.len() - shown.len(), "--json has them all");
    if status.findings_lost > 0 {
        let lost = format!("{} that the daemon had no room for", status.findings_lost);
        let _ = writeln!(out, "  {}", text::styled(FAINT, &lost));
    }
}

/// Findings of one kind together, in the order of the first of each.
fn kinds(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut kinds: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        match kinds.iter_mut().find(|kind| kind[0].kind == finding.kind) {
            Some(kind) => kind.push(finding),
            None => kinds.push(vec![finding]),
        }
    }
    kinds
}

/// One kind, with the words of the newest.
fn push_kind(out: &mut String, findings: &[&Finding], now_ns: u64, width: usize) {
    let Some(newest) = findings.iter().max_by_key(|finding| finding.last_ns) else { return };
    let (style, severity) = match newest.severity {
        Severity::Warning => (WARN, "warning"),
        Severity::Error => (BAD, "error"),
        Severity::Corruption => (BAD, "corruption"),
    };
    let times = counted(findings.iter().map(|finding| finding.count).sum(), "time");
    let age = duration::short(now_ns.saturating_sub(newest.last_ns));
    let heading = format!("  {} {}", text::styled(style, &format!("{severity}:")), text::styled(HEADING, &newest.kind));
    let _ = writeln!(out, "{heading}, {times}, last {age} ago");
    out.push_str(&text::wrapped("    ", "    ", &format!("{}{}", places(findings), newest.message), width));
    out.push_str(&text::wrapped("    ", "    ", &format!("what to do: {}", newest.advice), width));
}

/// `vm1/m9, vm1/m2, vm1/m4 and 3 more: `; nothing for what concerns the daemon itself.
fn places(findings: &[&Finding]) -> String {
    let mut places: Vec<_> = findings.iter().filter_map(|finding| place(finding)).collect();
    let more = places.len().saturating_sub(PLACES_MAX);
    places.truncate(PLACES_MAX);
    match (places.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!("{}: ", places.join(", ")),
        (false, more) => format!("{} and {more} more: ", places.join(", ")),
    }
}

fn place(finding: &Finding) -> Option<String> {
    let map = finding.map.map(|map| map.to_string());
    map.or_else(|| finding.tag.map(|tag| tag.to_string()))
        .or_else(|| finding.machine.map(|machine| machine.to_string()))
}

fn push_more(out: &mut String, more: usize, how: &str) {
    if more > 0 {
        let _ = writeln!(out, "  {}", text::styled(FAINT, &format!("… {more} more ({how})")));
    }
}

fn count(count: u32, alarm: Style) -> Cell {
    Cell::new(if count > 0 { alarm } else { PLAIN }, count.to_string())
}
