//! Live mappings.

use super::call;
use crate::args::HostMappingsArgs;
use crate::console;
use crate::daemon::Daemon;
use crate::failure::Answer;
use crate::text::{self, ACCENT, Cell, GOOD, Side, Style, Table, WARN, counted};
use crate::{duration, size};
use busdma_api::host::{MappingInfo, Mappings, MappingsReply};
use busdma_host::verdict::VerdictKind;

/// Columns where there is no terminal to ask: addresses are long.
const TABLE_WIDTH: usize = 150;

/// Shows mappings that live.
pub(super) fn run(args: &HostMappingsArgs) -> anyhow::Result<Answer> {
    let mappings = Mappings {
        device: args.device.clone(),
        older_than_ms: args.older_than.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        bounced: args.bounced.then_some(true),
        limit: Some(args.limit),
    };
    let reply = call(&mut Daemon::connect(&args.daemon)?, &mappings)?;
    let text = if args.json { console::pretty_json(&reply)? } else { render(&reply, console::width_or(TABLE_WIDTH)) };
    console::print(&text)?;
    Ok(Answer::Yes)
}

/// One line a mapping, then how many there are.
pub fn render(reply: &MappingsReply, width: usize) -> String {
    let mut table = Table::new(
        width,
        [
            ("AGE", Side::Right),
            ("DEVICE", Side::Left),
            ("KIND", Side::Left),
            ("DIRECTION", Side::Left),
            ("BYTES", Side::Right),
            ("ENTRIES", Side::Right),
            ("PHYSICAL", Side::Right),
            ("DEVICE SEES", Side::Right),
            ("VERDICT", Side::Left),
            ("MADE BY", Side::Left),
        ],
    );
    for mapping in &reply.mappings {
        table.row(row(mapping));
    }
    let mut out = String::new();
    if !reply.mappings.is_empty() {
        out.push_str(&table.render());
        out.push('\n');
    }
    let left_out = reply.total.saturating_sub(reply.mappings.len() as u64);
    let left_out = if left_out == 0 { String::new() } else { format!("; {left_out} of them not shown (--limit)") };
    let bytes: u64 = reply.mappings.iter().map(|mapping| mapping.size).sum();
    let bytes = if reply.mappings.is_empty() { String::new() } else { format!(", {} shown", size::rounded(bytes)) };
    out.push_str(&text::wrapped("", "", &format!("{}{bytes}{left_out}.", counted(reply.total, "live mapping")), width));
    out
}

fn row(mapping: &MappingInfo) -> [Cell; 10] {
    let first = mapping.pieces.first();
    let address = |value: Option<busdma_api::Hex>| value.map_or_else(|| "-".to_owned(), |hex| hex.to_string());
    let entries = match (mapping.entries, mapping.given) {
        (asked, given) if asked == given || given == 0 => asked.to_string(),
        (asked, given) => format!("{asked}→{given}"),
    };
    let (style, verdict) = verdict(&mapping.verdict);
    [
        duration::short(mapping.age_ns).into(),
        Cell::new(ACCENT, mapping.device.clone()),
        mapping.origin.clone().into(),
        mapping.direction.clone().into(),
        mapping.size.to_string().into(),
        entries.into(),
        address(first.and_then(|piece| piece.phys)).into(),
        address(first.and_then(|piece| piece.dma)).into(),
        Cell::new(style, verdict),
        format!("{}-{}", mapping.task, mapping.pid).into(),
    ]
}

/// A verdict by its name for people, where this busdma knows it.
fn verdict(name: &str) -> (Style, &str) {
    match VerdictKind::ALL.iter().find(|kind| kind.name() == name) {
        Some(kind) => (if kind.weight().is_none() { GOOD } else { WARN }, kind.title()),
        None => (WARN, name),
    }
}
