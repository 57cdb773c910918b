//! A plan as text for people.

use super::pieces::PlannedSegment;
use super::provenance::{self, Field};
use super::report::PlanReport;
use super::request::{PlanRequest, arch_name};
use super::simulate::{EffectiveConstraints, Outcome, Run};
use super::{strip, words};
use crate::size;
use crate::text::{self, ACCENT, BAD, Cell, FAINT, GOOD, HEADING, PLAIN, Side, Table, WARN, counted};
use busdma_engine::addr::{PAGE_SIZE, PhysAddr};
use busdma_engine::constraints::{LockFunction, TagFlags};
use busdma_engine::hazard::{HazardKind, Severity};
use busdma_presets::flags;
use std::fmt::Write as _;

/// How much of a long table of segments is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rows {
    /// Its beginning and end.
    Some,
    /// All of it.
    All,
}

/// Longer tables are cut in the middle.
const ROWS_MAX: usize = 20;

/// Rows shown above and below the cut.
const ROWS_AT_TOP: usize = 12;
const ROWS_AT_BOTTOM: usize = 5;

const INDENT: &str = "  ";

/// The whole report, at most `width` columns wide where its content allows.
pub fn render(report: &PlanReport, width: usize, rows: Rows) -> String {
    let (request, run) = (&report.request, &report.run);
    let mut out = title(request, width);
    if let Some(held) = run.effective(request) {
        section(&mut out, "Constraints", &constraints(request, run, &held, width));
        if !run.segments.is_empty() {
            section(&mut out, "Buffer", &strip::draw(run, request.buffer.length, width, INDENT));
            section(&mut out, "Segments", &segments(request, run, width, rows));
        }
        section(&mut out, "Totals", &totals(request, run, &held, width));
    }
    out.push_str(&outcome(report, width));
    out.push_str(&hazards(run, width));
    out.push_str(&comparison(report, width));
    out
}

fn section(out: &mut String, heading: &str, body: &str) {
    text::push_heading(out, HEADING, heading);
    out.push_str(body);
}

fn title(request: &PlanRequest, width: usize) -> String {
    let buffer = &request.buffer;
    let names: Vec<_> = request.chain.iter().map(|tag| tag.name.as_str()).collect();
    let line = format!(
        "{} at {}, {}, as {} on {} with {} of memory",
        size::prose(buffer.length),
        buffer.start,
        names.join(" > "),
        request.profile.name(),
        arch_name(request.machine.arch),
        size::prose(request.machine.maxmem),
    );
    text::styled(HEADING, text::wrapped("", "", &line, width).trim_end()) + "\n"
}

fn constraints(request: &PlanRequest, run: &Run, held: &EffectiveConstraints, width: usize) -> String {
    let mut table = Table::new(width, [("", Side::Left), ("", Side::Left), ("", Side::Left)]).indented(2);
    for field in Field::ALL {
        let value = field.value(held);
        if field == Field::Highaddr && value.is_none() {
            continue;
        }
        let style = if value.is_some() { PLAIN } else { FAINT };
        let origin = words::origin(request, field.origin(request, held));
        let from = if origin == "-" { String::new() } else { format!("from {origin}") };
        table.row([
            Cell::new(FAINT, field.name()),
            Cell::new(style, words::value(field, value)),
            Cell::new(FAINT, from),
        ]);
    }
    let mut out = table.render();
    for line in notes(request, run) {
        out.push_str(&text::wrapped(INDENT, "    ", &line, width));
    }
    out
}

fn notes(request: &PlanRequest, run: &Run) -> Vec<String> {
    let mut notes = Vec::new();
    for tag in &request.chain {
        let template = &tag.template;
        if template.flags != TagFlags::empty() {
            notes.push(format!("{} has the flags {}", tag.name, flags::flag_names(template.flags)));
        }
        if template.filter.is_some() {
            notes.push(format!("{} has a filter for addresses inside the window", tag.name));
        }
        if template.lock == LockFunction::PanicsWhenCalled {
            notes.push(format!("{} has no lock function", tag.name));
        }
    }
    notes.extend(provenance::lost(request, run).iter().map(|lost| words::lost(request, lost)));
    if !run.could_bounce {
        notes.push("nothing is ever bounced: every address is reachable and any alignment will do".to_owned());
    }
    notes
}

fn segments(request: &PlanRequest, run: &Run, width: usize, rows: Rows) -> String {
    let mut table = Table::new(
        width,
        [
            ("#", Side::Right),
            ("BUS ADDRESS", Side::Right),
            ("LENGTH", Side::Right),
            ("SOURCE PAGES", Side::Left),
            ("ENDS BECAUSE", Side::Left),
            ("BOUNCED", Side::Left),
        ],
    )
    .indented(2);
    let all = &run.segments;
    let cut = rows == Rows::Some && all.len() > ROWS_MAX;
    let left_out = if cut { ROWS_AT_TOP..all.len() - ROWS_AT_BOTTOM } else { 0..0 };
    for (index, segment) in all.iter().enumerate() {
        if index == left_out.start && !left_out.is_empty() {
            let note = format!("{} more (--all)", left_out.len());
            table.row(["".into(), Cell::new(FAINT, "…"), Cell::new(FAINT, "…"), Cell::new(FAINT, note)]);
        }
        if !left_out.contains(&index) {
            table.row(segment_row(request, run, index, segment));
        }
    }
    table.render()
}

fn segment_row(request: &PlanRequest, run: &Run, index: usize, segment: &PlannedSegment) -> [Cell; 6] {
    let (bytes, reasons) = words::bounces(run, segment);
    let reasons: Vec<_> = reasons.into_iter().map(words::bounce_reason).collect();
    let bounced = match bytes {
        0 => Cell::new(FAINT, "-"),
        bytes if bytes == segment.len => Cell::new(WARN, reasons.join(", ")),
        bytes => Cell::new(WARN, format!("{bytes} bytes: {}", reasons.join(", "))),
    };
    [
        index.to_string().into(),
        Cell::new(ACCENT, segment.addr.to_string()),
        segment.len.to_string().into(),
        source_pages(request.buffer.pages_of(segment.offset, segment.len)).into(),
        words::end(segment.end).into(),
        bounced,
    ]
}

/// The pages in little room: `0x1000`, `0x1000 ×3` for neighbours, `0x1000, 0x9000`, or the first and a count.
fn source_pages(pages: &[PhysAddr]) -> String {
    let neighbours = |a: &PhysAddr, b: &PhysAddr| a.raw().checked_add(PAGE_SIZE) == Some(b.raw());
    let first_run = pages.chunk_by(neighbours).next().unwrap_or(&[]);
    match (pages, pages.len() - first_run.len()) {
        ([], _) => String::new(),
        ([page], _) => page.to_string(),
        ([first, ..], 0) => format!("{first} ×{}", pages.len()),
        ([first, second], _) => format!("{first}, {second}"),
        ([first, ..], rest) if first_run.len() == 1 => format!("{first}, +{rest}"),
        ([first, ..], rest) => format!("{first} ×{}, +{rest}", first_run.len()),
    }
}

fn totals(request: &PlanRequest, run: &Run, held: &EffectiveConstraints, width: usize) -> String {
    let mut table = Table::new(width, [("", Side::Left), ("", Side::Left)]).indented(2);
    let bounced_pages = run.bounced_pieces().count() as u64;
    let pool = match &run.pool {
        None if run.could_bounce => "none yet".to_owned(),
        None => "not needed".to_owned(),
        Some(pool) => {
            let reserved =
                if pool.reserved.raw() == 0 { String::new() } else { format!("{} reserved, ", pool.reserved) };
            format!(
                "zone{}: {}, {} in use by this load, {reserved}{} free",
                pool.zone,
                counted(pool.total.raw().into(), "page"),
                pool.used,
                pool.free
            )
        }
    };
    let mut fact = |name: &str, value: String| table.row([Cell::new(FAINT, name), value.into()]);
    fact("segments", format!("{} of {}", run.segments.len(), words::limit_words(held.nsegments)));
    fact("mapped", format!("{} of {} bytes", run.mapped_bytes(), request.buffer.length));
    fact("bounced", format!("{} bytes in {}", run.bounced_bytes(), counted(bounced_pages, "page")));
    fact("pool", pool);
    table.render()
}

fn outcome(report: &PlanReport, width: usize) -> String {
    let (request, run) = (&report.request, &report.run);
    let style = if run.outcome == Outcome::Loaded { GOOD } else { BAD };
    let headline = text::styled(style, &words::headline(&run.outcome));
    let mut out = format!("\n{} {headline}\n", text::styled(HEADING, "Outcome:"));
    out.push_str(&text::wrapped(INDENT, INDENT, &words::outcome(request, run), width));
    if run.outcome == Outcome::Loaded {
        return out;
    }
    if report.remedies.is_empty() {
        out.push_str(&text::wrapped(INDENT, INDENT, "No single change that was tried makes it fit.", width));
        return out;
    }
    out.push_str("  It would fit with any of:\n");
    for remedy in &report.remedies {
        out.push_str(&text::wrapped("  * ", "    ", &words::remedy(request, remedy), width));
    }
    out
}

/// The hazards by kind, worst first, each with its first occurrence.
fn hazards(run: &Run, width: usize) -> String {
    let mut kinds: Vec<HazardKind> = run.hazards.iter().map(busdma_engine::Hazard::kind).collect();
    kinds.sort_by_key(|kind| (std::cmp::Reverse(kind.severity()), *kind));
    kinds.dedup();
    let mut out = String::new();
    if kinds.is_empty() {
        return out;
    }
    text::push_heading(&mut out, HEADING, "Hazards");
    for kind in kinds {
        let mut of_kind = run.hazards.iter().filter(|hazard| hazard.kind() == kind);
        let first = of_kind.next().map(ToString::to_string).unwrap_or_default();
        let more = match of_kind.count() {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let (severity, style) = match kind.severity() {
            Severity::Corruption => ("corruption", BAD),
            Severity::Error => ("error", BAD),
            Severity::Warning => ("warning", WARN),
        };
        let _ = writeln!(out, "  {} {kind}{more}", text::styled(style, &format!("{severity}:")));
        out.push_str(&text::wrapped("    ", "    ", &first, width));
        out.push_str(&text::wrapped("    ", "    ", &format!("what to do: {}", kind.advice()), width));
    }
    out
}

fn comparison(report: &PlanReport, width: usize) -> String {
    let line = words::comparison(&report.run, &report.comparison);
    let mut out = format!("\n{}", text::wrapped("", "", &line, width));
    if let Some(verdict) = words::verdict(&report.run, &report.comparison) {
        out.push_str(&text::wrapped("", "", verdict, width));
    }
    out
}
