//! The overview as text.

use super::Overview;
use crate::host::probes;
use crate::text::{self, ACCENT, BAD, Cell, FAINT, GOOD, HEADING, PLAIN, Side, Style, Table, WARN, counted};
use crate::{duration, size};
use busdma_api::host::{CorrelationReply, DeviceInfo, Difference, Finding, Gathering, PoolEstimate};
use busdma_host::verdict::{VerdictKind, Weight};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Bytes of a slot of the pool.
const SLOT_BYTES: u64 = 2048;

/// Where the kernel side tells no events.
const ONLY_COUNTED: &str = "  not compared: the probes only count (`busdma host attach` attaches them for events)\n";

/// Samples shown of one verdict.
const SAMPLES_SHOWN: usize = 3;

/// Times shown at which the pool was full.
const MOMENTS_SHOWN: usize = 5;

/// How the probes stand, then devices, verdicts, findings, pool and losses.
pub fn render(overview: &Overview, width: usize) -> String {
    let mut out = probes::heading(&overview.probes, width);
    text::push_heading(&mut out, HEADING, "Devices");
    out.push_str(&devices(&overview.devices, width));
    let Some(correlation) = &overview.correlation else { return out };
    text::push_heading(&mut out, HEADING, "Mappings by verdict");
    match overview.probes.gathering {
        Gathering::Events => push_verdicts(&mut out, correlation, width),
        Gathering::Totals => out.push_str(ONLY_COUNTED),
    }
    push_findings(&mut out, &correlation.findings, width);
    push_disks(&mut out, correlation, width);
    push_pool(&mut out, &correlation.pool, width);
    push_losses(&mut out, overview, correlation, width);
    out
}

fn devices(devices: &[DeviceInfo], width: usize) -> String {
    if devices.is_empty() {
        return "  none can do DMA or has mapped anything\n".to_owned();
    }
    let mut table = Table::new(
        width,
        [
            ("DEVICE", Side::Left),
            ("DRIVER", Side::Left),
            ("MASK", Side::Right),
            ("IOMMU", Side::Left),
            ("LIVE", Side::Right),
            ("MAPPED", Side::Right),
            ("MAPS/S", Side::Right),
            ("MIB/S", Side::Right),
            ("BOUNCED", Side::Right),
            ("FAILED", Side::Right),
            ("AGREE", Side::Right),
            ("DIFFER", Side::Right),
            ("UNKNOWN", Side::Right),
        ],
    )
    .indented(2);
    for device in devices {
        table.row(device_row(device));
    }
    table.render()
}

fn device_row(device: &DeviceInfo) -> [Cell; 13] {
    let alarmed = |count: u64, style: Style| Cell::new(if count > 0 { style } else { PLAIN }, count.to_string());
    let (totals, rates) = (&device.totals, &device.rates);
    let bounced = if totals.bounced_bytes > 0 { WARN } else { PLAIN };
    [
        Cell::new(ACCENT, device.device.clone()),
        device.driver.clone().unwrap_or_else(untold).into(),
        device.dma_mask.map_or_else(untold, |mask| size::address_limit(mask.0)).into(),
        iommu(device).into(),
        totals.live.to_string().into(),
        totals.mapped.to_string().into(),
        per_second(rates.mappings).into(),
        mebibytes(rates.bytes).into(),
        Cell::new(bounced, share(totals.bounced_bytes, totals.mapped_bytes)),
        alarmed(totals.failed, BAD),
        totals.agree.to_string().into(),
        alarmed(totals.differ, BAD),
        alarmed(totals.unknown, WARN),
    ]
}

fn untold() -> String {
    "-".to_owned()
}

/// The group and what its domain does: `2:DMA-FQ`.
fn iommu(device: &DeviceInfo) -> String {
    match (&device.iommu_group, &device.iommu_domain) {
        (Some(group), Some(domain)) => format!("{group}:{domain}"),
        (Some(group), None) => group.clone(),
        (None, _) => untold(),
    }
}

/// A rate, with a digit behind the point where it is small.
pub(in crate::host) fn per_second(rate: f64) -> String {
    if rate == 0.0 || rate >= 10.0 { format!("{rate:.0}") } else { format!("{rate:.1}") }
}

/// Bytes a second as MiB a second.
pub(in crate::host) fn mebibytes(bytes: f64) -> String {
    let mebibytes = bytes / f64::from(1 << 20);
    if mebibytes == 0.0 { "0".to_owned() } else { format!("{mebibytes:.1}") }
}

/// Of bytes; 100 % only when it is all of them.
#[expect(clippy::cast_precision_loss, reason = "a share is rounded anyway")]
fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return untold();
    }
    let share = part as f64 / whole as f64;
    let shown = if part < whole { share.min(0.999) } else { share };
    format!("{:.1} %", shown * 100.0)
}

/// Verdicts of all devices, those that need a look first.
fn push_verdicts(out: &mut String, correlation: &CorrelationReply, width: usize) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for verdict in correlation.devices.iter().flat_map(|device| &device.verdicts) {
        *counts.entry(&verdict.verdict).or_default() += verdict.count;
    }
    if counts.is_empty() {
        out.push_str("  none: nothing was mapped\n");
        return;
    }
    let mut verdicts: Vec<_> = counts.into_iter().collect();
    verdicts.sort_by_key(|&(name, count)| (rank(kind(name)), std::cmp::Reverse(count)));
    for (name, count) in verdicts {
        let samples: Vec<_> = correlation.differences.iter().filter(|sample| sample.verdict == name).collect();
        push_verdict(out, name, count, &samples, width);
    }
}

fn push_verdict(out: &mut String, name: &str, count: u64, samples: &[&Difference], width: usize) {
    let kind = kind(name);
    let style = match kind.map(VerdictKind::weight) {
        Some(None) => GOOD,
        Some(Some(Weight::Failure)) => BAD,
        _ => WARN,
    };
    let title = kind.map_or_else(|| name.to_owned(), |kind| kind.title().to_owned());
    let _ = writeln!(out, "  {count:>8}  {}", text::styled(style, &title));
    let shown = samples.len().min(SAMPLES_SHOWN);
    for sample in samples.iter().take(shown) {
        out.push_str(&text::wrapped("            ", "              ", &sample_line(sample), width));
    }
    if let Some(more) = count.checked_sub(shown as u64).filter(|&more| shown > 0 && more > 0) {
        let _ = writeln!(out, "            {}", text::styled(FAINT, &format!("… {more} more")));
    }
    if let Some(advice) = samples.first().map(|sample| &sample.advice).filter(|advice| !advice.is_empty()) {
        out.push_str(&text::wrapped("            what to do: ", "              ", advice, width));
    }
}

fn sample_line(sample: &Difference) -> String {
    let entries = if sample.entries == 1 { String::new() } else { format!(" in {} entries", sample.entries) };
    format!(
        "{} {} {}-{}: {}{entries}: {}",
        duration::seconds(sample.t_ns),
        sample.device,
        sample.task,
        sample.pid,
        counted(sample.size, "byte"),
        sample.sentence
    )
}

/// What this busdma knows by that name.
fn kind(name: &str) -> Option<VerdictKind> {
    VerdictKind::ALL.iter().copied().find(|kind| kind.name() == name)
}

/// Failures first, agreements last.
fn rank(kind: Option<VerdictKind>) -> u8 {
    match kind.map(VerdictKind::weight) {
        Some(Some(Weight::Failure)) => 0,
        None | Some(Some(Weight::Unexplained)) => 1,
        Some(Some(Weight::Unknown)) => 2,
        Some(None) => 3,
    }
}

fn push_findings(out: &mut String, findings: &[Finding], width: usize) {
    if findings.is_empty() {
        return;
    }
    text::push_heading(out, HEADING, "Findings");
    for finding in findings {
        let about = finding.device.as_ref().map_or_else(String::new, |device| format!(" {device}"));
        // Those without advice are as they should be.
        let style = if finding.advice.is_some() { WARN } else { FAINT };
        let kind = finding.kind.replace('_', " ");
        let _ = writeln!(out, "  {}{about}", text::styled(style, &format!("{kind}:")));
        out.push_str(&text::wrapped("    ", "    ", &finding.sentence, width));
        if let Some(advice) = &finding.advice {
            out.push_str(&text::wrapped("    what to do: ", "      ", advice, width));
        }
    }
}

fn push_disks(out: &mut String, correlation: &CorrelationReply, width: usize) {
    if correlation.disks.is_empty() {
        return;
    }
    text::push_heading(out, HEADING, "Requests");
    let columns = [
        ("DISK", Side::Left),
        ("ISSUED", Side::Right),
        ("AGAIN", Side::Right),
        ("DONE", Side::Right),
        ("ERRORS", Side::Right),
    ];
    let mut table = Table::new(width, columns).indented(2);
    for disk in &correlation.disks {
        let alarmed = |count: u64, style: Style| Cell::new(if count > 0 { style } else { PLAIN }, count.to_string());
        table.row([
            Cell::new(ACCENT, disk.disk.clone()),
            disk.issued.to_string().into(),
            alarmed(disk.reissued, WARN),
            disk.completed.to_string().into(),
            alarmed(disk.errors, BAD),
        ]);
    }
    out.push_str(&table.render());
}

fn push_pool(out: &mut String, pool: &PoolEstimate, width: usize) {
    text::push_heading(out, HEADING, "Bounce pool");
    let unused = pool.high_water_slots == 0 && pool.full == 0 && pool.kernel_high_water_slots.unwrap_or(0) == 0;
    if unused {
        out.push_str(match pool.total_slots {
            Some(0) => "  none on this host\n",
            Some(_) => "  not used\n",
            None => "  not used, as far as the events tell\n",
        });
        return;
    }
    let mut facts = Table::new(width, [("", Side::Left), ("", Side::Left)]).indented(2);
    let slots = pool.total_slots.map_or_else(
        || "number not known".to_owned(),
        |slots| format!("{slots} ({})", size::prose(slots.saturating_mul(SLOT_BYTES))),
    );
    facts.row(["slots".into(), slots.into()]);
    facts.row(["in use".into(), beside(pool.used_slots, pool.kernel_used_slots).into()]);
    facts.row(["high water".into(), beside(pool.high_water_slots, pool.kernel_high_water_slots).into()]);
    facts.row(["no room".into(), Cell::new(if pool.full > 0 { BAD } else { PLAIN }, full(pool))]);
    out.push_str(&facts.render());
    for moment in pool.moments.iter().take(MOMENTS_SHOWN) {
        let line = format!(
            "{} {} wanted {}, {} in use",
            duration::seconds(moment.t_ns),
            moment.device,
            counted(moment.wanted, "byte"),
            counted(moment.used_slots, "slot")
        );
        out.push_str(&text::wrapped("    ", "      ", &line, width));
    }
    if let Some(more) = pool.full.checked_sub(pool.moments.len().min(MOMENTS_SHOWN) as u64).filter(|&more| more > 0) {
        let _ = writeln!(out, "    {}", text::styled(FAINT, &format!("… {more} more")));
    }
}

/// An estimate, with what the kernel says.
fn beside(estimate: u64, kernel: Option<u64>) -> String {
    let kernel =
        kernel.map_or_else(|| "the kernel's own number cannot be read".to_owned(), |n| format!("{n} by the kernel"));
    format!("{estimate} by the events, {kernel}")
}

fn full(pool: &PoolEstimate) -> String {
    match (pool.full, pool.fragmented) {
        (0, _) => "never".to_owned(),
        (full, 0) => counted(full, "time"),
        (full, fragmented) => {
            format!("{}, {fragmented} with slots enough, but not next to each other", counted(full, "time"))
        }
    }
}

fn push_losses(out: &mut String, overview: &Overview, correlation: &CorrelationReply, width: usize) {
    let mut losses = Vec::new();
    if overview.probes.dropped > 0 {
        let dropped = counted(overview.probes.dropped, "event");
        losses.push(format!(
            "{dropped} found no room in the kernel's ring: counts are too low, and mappings may seem to leak"
        ));
    }
    if correlation.unmatched > 0 {
        let unmatched = counted(correlation.unmatched, "event");
        losses.push(format!("{unmatched} ended or synchronised mappings made before the probes were attached"));
    }
    if losses.is_empty() {
        return;
    }
    text::push_heading(out, HEADING, "Not seen");
    for loss in losses {
        out.push_str(&text::wrapped("  ", "    ", &loss, width));
    }
}
