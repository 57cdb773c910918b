//! A correlation as text.

use super::strip::strip;
use crate::duration;
use crate::size;
use crate::text::{self, ACCENT, BAD, Cell, FAINT, GOOD, HEADING, PLAIN, Side, Style, Table, WARN, counted};
use busdma_host::correlation::{
    DeviceReport, FindingReport, LiveReport, PoolReport, Report, SampleReport, SourceReport, VerdictReport,
};
use std::fmt::Write as _;

/// Bytes of a slot of the pool.
const SLOT_BYTES: u64 = 2048;

/// Columns of the pool's use over time.
const STRIP_WIDTH: usize = 80;

/// Samples shown of one verdict.
const SAMPLES_SHOWN: usize = 3;

/// The whole report.
pub(super) fn render(report: &Report, width: usize) -> String {
    let mut out = String::new();
    for source in &report.sources {
        let _ = writeln!(out, "{}", heading(source, report));
    }
    out.push_str(&text::wrapped("  ", "  ", &events(report), width));
    text::push_heading(&mut out, HEADING, "Devices");
    out.push_str(&devices(&report.devices, width));
    text::push_heading(&mut out, HEADING, "Mappings by verdict");
    for verdict in &report.verdicts {
        push_verdict(&mut out, verdict, width);
    }
    if report.verdicts.is_empty() {
        out.push_str("  none\n");
    }
    push_findings(&mut out, &report.findings, width);
    push_pool(&mut out, report, width);
    push_live(&mut out, report, width);
    out.push('\n');
    out.push_str(&summary(report));
    out
}

/// Where the events came from, and what is missing of them.
fn heading(source: &SourceReport, report: &Report) -> String {
    let span = duration::short(report.last_ns.saturating_sub(report.first_ns));
    let mut notes = Vec::new();
    if source.is_incomplete() {
        notes.push(if source.lost > 0 { format!("{} lost", source.lost) } else { "some lost".to_owned() });
    }
    if source.not_understood > 0 {
        notes.push(format!("{} not understood", counted(source.not_understood, "line")));
    }
    if source.others > 0 {
        notes.push(format!("{} about other things", source.others));
    }
    let notes = if notes.is_empty() { "none lost".to_owned() } else { notes.join(", ") };
    let count = counted(source.events, "event");
    format!("{}: {count} of {}, {span}, {notes}", text::styled(HEADING, &source.name), source.format)
}

fn events(report: &Report) -> String {
    let counts: Vec<String> = report.events.iter().map(|(name, count)| format!("{name} {count}")).collect();
    counts.join(", ")
}

fn devices(devices: &[DeviceReport], width: usize) -> String {
    if devices.is_empty() {
        return "  none: no event names a device\n".to_owned();
    }
    let mut table = Table::new(
        width,
        [
            ("DEVICE", Side::Left),
            ("DRIVER", Side::Left),
            ("MASK", Side::Right),
            ("IOMMU", Side::Left),
            ("MAPPED", Side::Right),
            ("ALLOCATED", Side::Right),
            ("UNMAPPED", Side::Right),
            ("FAILED", Side::Right),
            ("LIVE", Side::Right),
            ("FORCED", Side::Right),
            ("NATURAL", Side::Right),
            ("TRANSLATED", Side::Right),
            ("BYTES", Side::Right),
            ("BOUNCED", Side::Right),
        ],
    )
    .indented(2);
    for device in devices {
        table.row(device_row(device));
    }
    table.render()
}

fn device_row(device: &DeviceReport) -> [Cell; 14] {
    let alarmed = |count: u64, style: Style| Cell::new(if count > 0 { style } else { PLAIN }, count.to_string());
    [
        Cell::new(ACCENT, device.device.clone()),
        device.driver.clone().unwrap_or_else(unknown).into(),
        device.dma_mask_bits.map_or_else(unknown, |bits| format!("{bits}-bit")).into(),
        device.iommu_group.clone().unwrap_or_else(unknown).into(),
        device.mapped.to_string().into(),
        device.allocated.to_string().into(),
        device.unmapped.to_string().into(),
        alarmed(device.failed, BAD),
        device.live.to_string().into(),
        alarmed(device.forced.mappings, WARN),
        alarmed(device.masked.mappings, WARN),
        device.translated.to_string().into(),
        bytes(device).into(),
        percent(device.bounce_share_bytes).into(),
    ]
}

fn unknown() -> String {
    "-".to_owned()
}

/// At least these, where the kernel cut lists short.
fn bytes(device: &DeviceReport) -> String {
    let at_least = if device.cut > 0 { "≥ " } else { "" };
    format!("{at_least}{}", size::rounded(device.mapped_bytes))
}

/// Of bytes; 100 % only when it is all of them.
fn percent(share: f64) -> String {
    let shown = if share > 0.999 && share < 1.0 { 0.999 } else { share };
    format!("{:.1} %", shown * 100.0)
}

fn push_verdict(out: &mut String, verdict: &VerdictReport, width: usize) {
    let style = match verdict.weight {
        "agree" => GOOD,
        "failure" => BAD,
        _ => WARN,
    };
    let _ = writeln!(out, "  {:>8}  {}", verdict.count, text::styled(style, verdict.title));
    for sample in verdict.samples.iter().take(SAMPLES_SHOWN) {
        out.push_str(&text::wrapped("            ", "              ", &sample_line(sample), width));
    }
    let shown = verdict.samples.len().min(SAMPLES_SHOWN) as u64;
    if shown > 0 && verdict.count > shown {
        let _ = writeln!(out, "            {}", text::styled(FAINT, &format!("… {} more", verdict.count - shown)));
    }
    if let Some(advice) = verdict.advice {
        out.push_str(&text::wrapped("            what to do: ", "              ", advice, width));
    }
}

fn sample_line(sample: &SampleReport) -> String {
    let entries = if sample.entries == 1 { String::new() } else { format!(" in {} entries", sample.entries) };
    let place = sample.phys.as_ref().map_or_else(String::new, |phys| format!(" from {phys}"));
    format!(
        "{} {} {}: {} of {}{entries}{place}: {}",
        duration::seconds(sample.at_ns),
        sample.device,
        sample.task,
        sample.origin,
        counted(sample.size, "byte"),
        sample.reason
    )
}

fn push_findings(out: &mut String, findings: &[FindingReport], width: usize) {
    if findings.is_empty() {
        return;
    }
    text::push_heading(out, HEADING, "Findings");
    for finding in findings {
        let style = match finding.weight {
            "failure" => BAD,
            "unexplained" => WARN,
            _ => FAINT,
        };
        let about = finding.device.as_ref().map_or_else(String::new, |device| format!(" {device}"));
        let _ = writeln!(out, "  {}{about}", text::styled(style, &format!("{}:", finding.weight)));
        out.push_str(&text::wrapped("    ", "    ", &finding.sentence, width));
        if let Some(advice) = finding.advice {
            out.push_str(&text::wrapped("    what to do: ", "      ", advice, width));
        }
    }
}

fn push_pool(out: &mut String, report: &Report, width: usize) {
    let pool = &report.pool;
    text::push_heading(out, HEADING, "Bounce pool");
    if pool.high_water == 0 && pool.full == 0 {
        out.push_str(match pool.present {
            Some(false) => "  none on this host\n",
            Some(true) => "  not used\n",
            None => "  not used, as far as the events tell\n",
        });
        return;
    }
    let mut facts = Table::new(width, [("", Side::Left), ("", Side::Left)]).indented(2);
    facts.row(["slots".into(), pool_size(pool).into()]);
    facts.row(["high water".into(), high_water(pool).into()]);
    facts.row(["no room".into(), Cell::new(if pool.full > 0 { BAD } else { PLAIN }, full(pool))]);
    let most = pool.slots.unwrap_or(pool.high_water);
    let drawn =
        strip(&pool.history, (report.first_ns, report.last_ns), most, STRIP_WIDTH.min(width.saturating_sub(16)));
    facts.row(["over time".into(), Cell::new(ACCENT, drawn)]);
    out.push_str(&facts.render());
    push_episodes(out, pool, width);
}

fn pool_size(pool: &PoolReport) -> String {
    let used = format!("{} in use at the end", pool.used);
    match pool.slots {
        Some(slots) => format!("{slots} ({}), {used}", size::prose(slots.saturating_mul(SLOT_BYTES))),
        None => format!("number not known, {used}"),
    }
}

fn high_water(pool: &PoolReport) -> String {
    let told = pool.debugfs.as_ref().and_then(|read| Some((read.high_water?, &read.label)));
    match told {
        Some((most, label)) if label.is_empty() => format!("{}; {most} by debugfs", pool.high_water),
        Some((most, label)) => format!("{}; {most} by debugfs ({label})", pool.high_water),
        None => pool.high_water.to_string(),
    }
}

fn full(pool: &PoolReport) -> String {
    match (pool.full, pool.fragmented) {
        (0, _) => "never".to_owned(),
        (full, 0) => counted(full, "time"),
        (full, fragmented) => {
            format!("{}, {fragmented} with slots enough, but not next to each other", counted(full, "time"))
        }
    }
}

fn push_episodes(out: &mut String, pool: &PoolReport, width: usize) {
    if pool.episodes.is_empty() {
        return;
    }
    let columns = [
        ("NO ROOM AT", Side::Right),
        ("FOR", Side::Right),
        ("TIMES", Side::Right),
        ("USED", Side::Right),
        ("WANTED", Side::Right),
        ("FRAGMENTED", Side::Right),
        ("BY", Side::Left),
    ];
    let mut table = Table::new(width, columns).indented(2);
    for episode in &pool.episodes {
        let used = match (episode.used_least, episode.used_most) {
            (least, most) if least == most => most.to_string(),
            (least, most) => format!("{least}-{most}"),
        };
        table.row([
            duration::seconds(episode.first_ns).into(),
            duration::short(episode.last_ns.saturating_sub(episode.first_ns)).into(),
            episode.times.to_string().into(),
            used.into(),
            episode.wanted_most.to_string().into(),
            episode.fragmented.to_string().into(),
            episode.devices.join(", ").into(),
        ]);
    }
    out.push_str(&table.render());
}

fn push_live(out: &mut String, report: &Report, width: usize) {
    if report.live.is_empty() {
        return;
    }
    text::push_heading(out, HEADING, "Live longest: leaks, or what a driver keeps on purpose");
    let columns = [
        ("DEVICE", Side::Left),
        ("SINCE", Side::Right),
        ("FOR", Side::Right),
        ("KIND", Side::Left),
        ("BYTES", Side::Right),
        ("DMA ADDRESS", Side::Right),
        ("MADE BY", Side::Left),
    ];
    let mut table = Table::new(width, columns).indented(2);
    for live in &report.live {
        table.row(live_row(live));
    }
    out.push_str(&table.render());
    let kept: u64 = report.devices.iter().map(|device| device.live).sum();
    let all = format!("{} live in all, with the allocations, which are not listed", counted(kept, "mapping"));
    let _ = writeln!(out, "  {}", text::styled(FAINT, &all));
}

fn live_row(live: &LiveReport) -> [Cell; 7] {
    [
        Cell::new(ACCENT, live.device.clone()),
        duration::seconds(live.begun_ns).into(),
        duration::short(live.age_ns).into(),
        live.origin.into(),
        live.size.to_string().into(),
        live.dma.clone().unwrap_or_else(unknown).into(),
        live.task.clone().into(),
    ]
}

fn summary(report: &Report) -> String {
    let totals = report.totals;
    let inferred = match totals.inferred {
        0 => String::new(),
        inferred => format!(" ({inferred} by facts inferred from the events)"),
    };
    let style = if report.has_differences() { BAD } else { GOOD };
    let verdict = format!(
        "{} as expected{inferred}, {} failed, {} unexplained",
        totals.agree, totals.failures, totals.unexplained
    );
    let not_known = if totals.unknown == 0 { String::new() } else { format!(", {} of unknown limits", totals.unknown) };
    let findings = report.findings.iter().filter(|finding| finding.weight != "note").count() as u64;
    let findings = if findings == 0 { String::new() } else { format!(", {}", counted(findings, "finding")) };
    format!("{}: {}{not_known}{findings}\n", counted(totals.begun, "mapping"), text::styled(style, &verdict))
}
