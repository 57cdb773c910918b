//! What a replay says, in words.

use crate::text;
use busdma_trace::Difference;
use busdma_trace::format::{CopyDir, DecisionRecord, ReasonRecord};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What an operation was given, as the trace writes it.
pub(super) fn operation_input(difference: &Difference) -> &str {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow, rename = "in")]
        input: Option<&'a RawValue>,
    }
    let line: Option<Line<'_>> = serde_json::from_str(&difference.raw_line).ok();
    line.and_then(|line| line.input).map_or("", RawValue::get)
}

/// A decision as a short line.
pub(super) fn decision(decision: &DecisionRecord<'_>) -> String {
    match decision {
        DecisionRecord::ZoneChosen { tag, zone, created: true } => format!("{tag} gets a new zone{zone}"),
        DecisionRecord::ZoneChosen { tag, zone, created: false } => format!("{tag} shares zone{zone}"),
        DecisionRecord::PoolGrown { zone, wanted, added } => format!("zone{zone} grows by {added} of {wanted} pages"),
        DecisionRecord::Counted { map, pages } => format!("{map} needs {}", pages_of(*pages)),
        DecisionRecord::Reserved { map, zone, pages } => format!("{map} reserves {} of zone{zone}", pages_of(*pages)),
        DecisionRecord::Deferred { map, zone, needed, reserved, ahead } => {
            format!("{map} waits for zone{zone}: {reserved} of {needed} pages reserved, {ahead} ahead of it")
        }
        DecisionRecord::Woken { map, zone } => format!("{map} is woken by a page of zone{zone}"),
        DecisionRecord::Resumed { map, waited_ns } => format!("{map} resumes after {waited_ns} ns"),
        DecisionRecord::Bounced { map, client, bounce, len, reason: why } => {
            format!(
                "{map} bounces {client:#x}+{len} to {bounce:#x}: {}",
                reason(*why),
                client = client.0,
                bounce = bounce.0
            )
        }
        DecisionRecord::Split { map, segment, addr, len, reason: why } => {
            format!("{map} begins segment {segment} at {:#x}+{len}: {}", addr.0, reason(*why))
        }
        DecisionRecord::Coalesced { map, segment, addr, len } => {
            format!("{map} continues segment {segment} with {:#x}+{len}", addr.0)
        }
        DecisionRecord::Loaded { map, segments, bpages } => {
            let segments = text::counted(*segments as u64, "segment");
            format!("{map} is loaded: {segments}, {bpages} bounced")
        }
        DecisionRecord::Rejected { map, error } => format!("{map} is refused: {error}"),
        DecisionRecord::Unloaded { map, pages } => format!("{map} gives back {}", pages_of(*pages)),
        DecisionRecord::Cancelled { map, pages } => {
            format!("{map} gives up its deferred load and {}", pages_of(*pages))
        }
        DecisionRecord::Copied { map, dir, pages, bytes } => {
            let direction = match dir {
                CopyDir::ToBounce => "to",
                CopyDir::FromBounce => "from",
            };
            format!("{map} copies {bytes} bytes {direction} {}", pages_of(*pages))
        }
        DecisionRecord::Unknown => "a decision this version does not know".to_owned(),
    }
}

fn pages_of(pages: u32) -> String {
    text::counted(pages.into(), "bounce page")
}

fn reason(reason: ReasonRecord) -> String {
    match reason {
        ReasonRecord::Window { lowaddr, highaddr } => format!("in the window ({:#x}, {:#x}]", lowaddr.0, highaddr.0),
        ReasonRecord::Filter { lowaddr, highaddr } => {
            format!("in the window ({:#x}, {:#x}] and the filter excludes it", lowaddr.0, highaddr.0)
        }
        ReasonRecord::Alignment { bytes } => format!("not aligned to {bytes}"),
        ReasonRecord::First => "the first piece".to_owned(),
        ReasonRecord::Discontiguous => "not adjacent".to_owned(),
        ReasonRecord::Boundary { bytes } => format!("boundary {bytes:#x}"),
        ReasonRecord::MaxSegSize { bytes } => format!("maxsegsz {bytes}"),
        ReasonRecord::Unknown => "a reason this version does not know".to_owned(),
    }
}

/// Two long values cut to `room` characters each, around the place where they begin to differ.
pub(super) fn side_by_side(expected: &str, got: &str, room: usize) -> (String, String) {
    const CONTEXT: usize = 12;
    let longest = expected.chars().count().max(got.chars().count());
    let common = expected.chars().zip(got.chars()).take_while(|(a, b)| a == b).count();
    let skipped = common.saturating_sub(CONTEXT);
    let window = |value: &str| {
        if longest <= room || skipped == 0 {
            return text::shortened(value, room);
        }
        let rest: String = value.chars().skip(skipped).collect();
        text::shortened(&format!("…{rest}"), room)
    };
    (window(expected), window(got))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_around_where_they_differ() {
        let check = |expected, got, room, shown: (&str, &str)| {
            assert_eq!(side_by_side(expected, got, room), (shown.0.to_owned(), shown.1.to_owned()));
        };
        check("OK", "EFBIG", 20, ("OK", "EFBIG"));
        check("aaaaaaaaaaaaaaaaaaaaaaaaaX", "aaaaaaaaaaaaaaaaaaaaaaaaaY", 16, ("…aaaaaaaaaaaaX", "…aaaaaaaaaaaaY"));
        check("abcdefghij", "xbcdefghij", 6, ("abcde…", "xbcde…"));
        check("short", "short but then much longer", 10, ("short", "short but…"));
    }
}
