//! The presets as text.

use crate::size;
use crate::tag_spec;
use crate::text::{self, ACCENT, Cell, FAINT, HEADING, Side, Table, WARN};
use busdma_engine::constraints::SegmentLimit;
use busdma_presets::{Preset, flags};

/// One line a preset.
pub(super) fn list(presets: &[Preset], width: usize) -> String {
    let mut table = Table::new(
        width,
        [
            ("NAME", Side::Left),
            ("DRIVER", Side::Left),
            ("ALIGN", Side::Right),
            ("BOUND", Side::Right),
            ("LOWADDR", Side::Right),
            ("MAXSIZE", Side::Right),
            ("NSEGS", Side::Right),
            ("MAXSEGSZ", Side::Right),
            ("FLAGS", Side::Left),
            ("PURPOSE", Side::Left),
        ],
    );
    for preset in presets {
        let lint = if preset.lint.is_some() { " !" } else { "" };
        table.row([
            Cell::new(if preset.lint.is_some() { WARN } else { ACCENT }, format!("{}{lint}", preset.name)),
            (&*preset.driver).into(),
            size::short(preset.alignment).into(),
            preset.effective_boundary().map_or_else(none, size::short).into(),
            lowaddr(preset.effective_lowaddr()).into(),
            size_limit(preset.maxsize).into(),
            nsegments(preset.segment_limit()).into(),
            size_limit(preset.maxsegsz).into(),
            flags(preset).into(),
            (&*preset.purpose).into(),
        ]);
    }
    let mut out = table.render();
    let legend = format!(
        "{} presets. BOUND and LOWADDR include what the tag above gives; - is no limit; ! has a lint note. \
         `busdma presets NAME` shows one, `busdma plan --preset NAME --length 64K` uses it.",
        presets.len()
    );
    out.push('\n');
    out.push_str(&text::wrapped("", "", &legend, width));
    out
}

/// Everything about one preset.
pub(super) fn details(preset: &Preset, width: usize) -> String {
    let mut out = text::styled(HEADING, &format!("{}: {}", preset.name, preset.purpose)) + "\n\n";
    let source = format!("{} {}", preset.tree, preset.source);
    out.push_str(&facts(
        width,
        [
            ("driver", preset.driver.clone()),
            ("source", source),
            ("alignment", bytes(preset.alignment)),
            ("boundary", boundary(preset.boundary.0)),
            ("lowaddr", address(preset.lowaddr.0)),
            ("highaddr", address(preset.highaddr.0)),
            ("maxsize", bytes(preset.maxsize)),
            ("nsegments", nsegments_in_full(preset.segment_limit())),
            ("maxsegsz", bytes(preset.maxsegsz)),
            ("flags", flags(preset)),
        ],
    ));
    if let Some(parent) = &preset.parent {
        text::push_heading(&mut out, HEADING, &format!("Below the tag of {}", parent.bus));
        let limits = [
            parent.boundary.map(|limit| ("boundary", boundary(limit.0))),
            parent.lowaddr.map(|limit| ("lowaddr", address(limit.0))),
        ];
        out.push_str(&facts(width, limits.into_iter().flatten()));
    }
    for (style, heading, prose) in [(HEADING, "Note", &preset.note), (WARN, "Lint", &preset.lint)] {
        if let Some(prose) = prose {
            text::push_heading(&mut out, style, heading);
            out.push_str(&text::wrapped("  ", "  ", prose, width));
        }
    }
    let length = size::short(preset.maxsize.min(64 << 10));
    let hint = format!("`busdma plan --preset {} --length {length}` shows what it does to a buffer.", preset.name);
    text::push_heading(&mut out, FAINT, &hint);
    out
}

fn facts<'a>(width: usize, facts: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut table = Table::new(width, [("", Side::Left), ("", Side::Left)]).indented(2);
    for (name, value) in facts {
        table.row([Cell::new(FAINT, name), value.into()]);
    }
    table.render()
}

fn none() -> String {
    "-".to_owned()
}

fn lowaddr(last: u64) -> String {
    if last == u64::MAX { none() } else { size::address_limit(last) }
}

/// amd64's `BUS_SPACE_MAXSIZE` limits nothing.
fn size_limit(bytes: u64) -> String {
    if bytes == u64::from(u32::MAX) { none() } else { size::short(bytes) }
}

fn nsegments(limit: SegmentLimit) -> String {
    match limit {
        SegmentLimit::Max(n) => n.to_string(),
        SegmentLimit::Unrestricted => none(),
    }
}

fn nsegments_in_full(limit: SegmentLimit) -> String {
    match limit {
        SegmentLimit::Max(n) => n.to_string(),
        SegmentLimit::Unrestricted => tag_spec::UNRESTRICTED.to_owned(),
    }
}

fn flags(preset: &Preset) -> String {
    let flags = preset.tag_flags();
    if flags.is_empty() { none() } else { flags::flag_names(flags) }
}

fn bytes(bytes: u64) -> String {
    let prose = size::prose(bytes);
    if prose.ends_with('s') || prose.ends_with("byte") { prose } else { format!("{prose} ({bytes})") }
}

fn boundary(bytes_or_none: u64) -> String {
    if bytes_or_none == 0 { "none".to_owned() } else { bytes(bytes_or_none) }
}

fn address(last: u64) -> String {
    if last == u64::MAX {
        return "none (every address)".to_owned();
    }
    match size::address_limit(last) {
        limit if limit.starts_with("0x") => limit,
        bits => format!("{last:#x} ({bits})"),
    }
}
