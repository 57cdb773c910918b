//! The lines that nearly all of a recording consists of, written without a serializer: loads of one mapped buffer, syncs and
//! unloads. They are spelled as [`TraceWriter::write_operation`](busdma_trace::TraceWriter::write_operation) spells them.

use super::Scenario;
use super::names::{MapNames, Names};
use super::text::Text;
use crate::chunk::{Body, Record};
use crate::columns::Told;
use busdma_engine::{
    AddressSpace, BounceCopy, BounceReason, CopyDirection, Decision, ExclusionWindow, MapId, Segment, SplitReason,
    SyncOps, VirtRange, WaitPolicy, ZoneId,
};
use busdma_trace::format::{MapCounters, Ret, Word, Zone};
use busdma_trace::observe::{self, IdNames};
use busdma_trace::reader::LINE_BYTES_MAX;

/// More than most of these lines have: one growth of the buffer instead of several.
const LINE_BYTES: usize = 1024;

impl Scenario {
    /// Adds an operation's line to `lines`. `None` for another verb, one that met a hazard or a panic, and one that no line
    /// can hold; what `lines` has then gained is worth nothing.
    pub(super) fn write_quickly(&mut self, told: &Told<'_>, lines: &mut Vec<u8>) -> Option<()> {
        if told.panic.is_some() || !told.hazards.is_empty() {
            return None;
        }
        let start = lines.len();
        lines.reserve(LINE_BYTES);
        let mut text = Text(lines);
        text.put("{\"seq\":");
        text.number(self.seq + 1);
        text.put(",\"t\":");
        text.number(told.record.at.raw());
        let behind_t = text.0.len();
        if let Some(rest) = self.kept.rest(told, self.memory.edition()) {
            text.0.extend_from_slice(rest);
            return Some(());
        }
        self.rest(&mut text, told)?;
        self.kept.keep(told, self.memory.edition(), &text.0[behind_t..]);
        (text.0.len() - start <= LINE_BYTES_MAX).then_some(())
    }

    /// Everything behind `t`.
    fn rest(&self, text: &mut Text<'_>, told: &Told<'_>) -> Option<()> {
        match told.record.body {
            Body::BufferLoaded { map, range, wait, counters, .. } => {
                let own = self.head(text, told.record, "load", map)?;
                self.buffer_loaded(text, told, range, wait)?;
                map_state(text, counters);
                self.tail(text, told, own)?;
            }
            Body::Unload { map, ret, woken, counters } => {
                let own = self.head(text, told.record, "unload", map)?;
                text.put("},\"out\":{\"ret\":\"");
                text.put(ret.as_str());
                text.put("\"");
                if woken > 0 {
                    text.put(",\"swi\":true");
                }
                map_state(text, counters);
                self.tail(text, told, own)?;
            }
            Body::Sync { map, ops, ret, .. } if told.cache.is_empty() => {
                let own = self.head(text, told.record, "sync", map)?;
                synced(text, told, ops, ret);
                self.tail(text, told, own)?;
            }
            _ => return None,
        }
        text.put("}}\n");
        Some(())
    }

    /// From behind `t` up to the name of the map, which it returns.
    #[inline]
    fn head(&self, text: &mut Text<'_>, record: &Record, op: &str, map: MapId) -> Option<Own<'_>> {
        let MapNames { map: name, tag } = self.names.map(map).ok()?;
        if record.session.is_some() {
            text.put(",\"session\":\"");
            text.put(self.names.caller());
            text.put("\"");
        }
        text.put(",\"op\":\"");
        text.put(op);
        text.put("\",\"in\":{\"tag\":\"");
        text.put(tag);
        text.put("\",\"map\":\"");
        text.put(name);
        text.put("\"");
        Some(Own { map, name })
    }

    fn buffer_loaded(&self, text: &mut Text<'_>, told: &Told<'_>, range: VirtRange, wait: WaitPolicy) -> Option<()> {
        text.put(match wait {
            WaitPolicy::NoWait => ",\"flags\":[\"NOWAIT\"],\"kind\":\"buffer\",\"buf\":{\"vaddr\":",
            WaitPolicy::MayDefer => ",\"flags\":[],\"kind\":\"buffer\",\"buf\":{\"vaddr\":",
        });
        text.hex(range.start.raw());
        text.put(",\"len\":");
        text.number(range.len.raw());
        text.put(",\"pages\":[");
        let mut separator = "";
        self.memory
            .each_page(AddressSpace::Kernel, range, |page| {
                text.put(separator);
                text.hex(page.raw());
                separator = ",";
            })
            .ok()?;
        text.put("]}},\"out\":{\"ret\":\"OK\",\"callback\":{\"error\":\"OK\",\"nseg\":");
        text.number(told.segments.len() as u64);
        text.put(",\"segs\":[");
        list(text, told.segments, |text, &Segment { addr, len }| {
            text.put("[");
            text.hex(addr.raw());
            text.put(",");
            text.number(len.raw());
            text.put("]");
        });
        text.put("]}");
        Some(())
    }

    /// What the end of most outputs says.
    fn tail(&self, text: &mut Text<'_>, told: &Told<'_>, own: Own<'_>) -> Option<()> {
        if let Some(zones) = told.zones {
            text.put(",\"zones\":[");
            list(text, zones, zone);
            text.put("]");
        }
        if let Some(waiting) = told.waiting {
            text.put(",\"waiting\":[");
            list(text, waiting, |text, &map| {
                text.put("\"");
                text.put(self.names.map_name(map));
                text.put("\"");
            });
            text.put("]");
        }
        let decisions = told.decisions.with_all(|decisions| {
            text.put(",\"decisions\":[");
            let mut separator = "";
            for one in decisions {
                text.put(separator);
                decision(text, one, own, &self.names)?;
                separator = ",";
            }
            text.put("]");
            Some(())
        });
        decisions.unwrap_or(Some(()))
    }
}

/// The map that an operation is on: nearly all its decisions name it again.
#[derive(Clone, Copy)]
struct Own<'n> {
    map: MapId,
    name: &'n str,
}

fn synced(text: &mut Text<'_>, told: &Told<'_>, ops: SyncOps, ret: Ret) {
    text.put(",\"ops\":[");
    let mut separator = "\"";
    for op in super::maps::sync_words(ops).iter() {
        text.put(separator);
        text.put(op.as_str());
        text.put("\"");
        separator = ",\"";
    }
    text.put("]},\"out\":{\"ret\":\"");
    text.put(ret.as_str());
    text.put("\",\"copies\":[");
    list(text, told.copies, copy);
    text.put("]");
}

fn copy(text: &mut Text<'_>, copy: &BounceCopy) {
    let copy = observe::bounce_copy(copy);
    text.put("{\"dir\":\"");
    text.put(copy.dir.as_str());
    text.put("\",\"busaddr\":");
    text.hex(copy.busaddr.0);
    text.put(",\"bytes\":");
    text.number(copy.bytes);
    text.put(if copy.overrun { ",\"overrun\":true}" } else { "}" });
}

fn map_state(text: &mut Text<'_>, counters: Option<MapCounters>) {
    let Some(MapCounters { pagesneeded, pagesreserved, bpages }) = counters else { return };
    text.put(",\"map_state\":{\"pagesneeded\":");
    text.number(pagesneeded.into());
    text.put(",\"pagesreserved\":");
    text.number(pagesreserved.into());
    text.put(",\"bpages\":");
    text.number(bpages.into());
    text.put("}");
}

fn zone(text: &mut Text<'_>, zone: &Zone) {
    for (name, count) in [
        ("{\"zone\":", zone.zone as u64),
        (",\"total\":", zone.total.into()),
        (",\"free\":", zone.free.into()),
        (",\"reserved\":", zone.reserved.into()),
        (",\"active\":", zone.active.into()),
        (",\"bounced\":", zone.bounced),
        (",\"deferred\":", zone.deferred),
    ] {
        text.put(name);
        text.number(count);
    }
    text.put(",\"map_count\":");
    text.integer(zone.map_count);
    text.put(",\"lowaddr\":");
    text.hex(zone.lowaddr.0);
    text.put(",\"alignment\":");
    text.number(zone.alignment);
    text.put("}");
}

fn decision(text: &mut Text<'_>, decision: &Decision, own: Own<'_>, names: &Names) -> Option<()> {
    let begin = |text: &mut Text<'_>, kind: &str, map: MapId| {
        text.put("{\"kind\":\"");
        text.put(kind);
        text.put("\",\"map\":\"");
        text.put(if map == own.map { own.name } else { names.map_name(map) });
        text.put("\"");
    };
    match *decision {
        Decision::Counted { map, pages_needed } => {
            begin(text, "counted", map);
            count(text, ",\"pages\":", pages_needed.raw().into());
        }
        Decision::Reserved { map, zone, pages } => {
            begin(text, "reserved", map);
            zone_of(text, zone);
            count(text, ",\"pages\":", pages.raw().into());
        }
        Decision::Woken { map, zone } => {
            begin(text, "woken", map);
            zone_of(text, zone);
        }
        Decision::Bounced { map, client, bounce, len, reason } => {
            begin(text, "bounced", map);
            address(text, ",\"client\":", client.raw());
            address(text, ",\"bounce\":", bounce.raw());
            count(text, ",\"len\":", len.raw());
            bounce_reason(text, reason);
        }
        Decision::Split { map, segment, addr, len, reason } => {
            begin(text, "split", map);
            count(text, ",\"segment\":", segment as u64);
            address(text, ",\"addr\":", addr.raw());
            count(text, ",\"len\":", len.raw());
            split_reason(text, reason);
        }
        Decision::Coalesced { map, segment, addr, len } => {
            begin(text, "coalesced", map);
            count(text, ",\"segment\":", segment as u64);
            address(text, ",\"addr\":", addr.raw());
            count(text, ",\"len\":", len.raw());
        }
        Decision::Loaded { map, segments, bounce_pages } => {
            begin(text, "loaded", map);
            count(text, ",\"segments\":", segments as u64);
            count(text, ",\"bpages\":", bounce_pages.raw().into());
        }
        Decision::Unloaded { map, released } => {
            begin(text, "unloaded", map);
            count(text, ",\"pages\":", released.raw().into());
        }
        Decision::Copied { map, direction, pages, bytes } => {
            begin(text, "copied", map);
            text.put(match direction {
                CopyDirection::ToBounce => ",\"dir\":\"to_bounce\"",
                CopyDirection::FromBounce => ",\"dir\":\"from_bounce\"",
            });
            count(text, ",\"pages\":", pages.raw().into());
            count(text, ",\"bytes\":", bytes.raw());
        }
        Decision::ZoneChosen { .. }
        | Decision::PoolGrown { .. }
        | Decision::Deferred { .. }
        | Decision::Resumed { .. }
        | Decision::Rejected { .. }
        | Decision::Cancelled { .. } => {
            let (tag, map) = (|tag| names.tag_name(tag).into(), |map| names.map_name(map).into());
            return serde_json::to_writer(&mut *text.0, &observe::decision(decision, tag, map)).ok();
        }
    }
    text.put("}");
    Some(())
}

fn bounce_reason(text: &mut Text<'_>, reason: BounceReason) {
    text.put(",\"reason\":{\"why\":\"");
    match reason {
        BounceReason::Window(window) => excluded(text, "window", window),
        BounceReason::Filter(window) => excluded(text, "filter", window),
        BounceReason::Alignment(alignment) => count(text, "alignment\",\"bytes\":", alignment.bytes()),
    }
    text.put("}");
}

fn excluded(text: &mut Text<'_>, why: &str, window: ExclusionWindow) {
    text.put(why);
    address(text, "\",\"lowaddr\":", window.lowaddr.raw());
    address(text, ",\"highaddr\":", window.highaddr.raw());
}

fn split_reason(text: &mut Text<'_>, reason: SplitReason) {
    text.put(",\"reason\":{\"why\":\"");
    match reason {
        SplitReason::First => text.put("first\""),
        SplitReason::Discontiguous => text.put("discontiguous\""),
        SplitReason::Boundary(boundary) => count(text, "boundary\",\"bytes\":", boundary.bytes()),
        SplitReason::MaxSegSize(size) => count(text, "max_seg_size\",\"bytes\":", size.raw()),
    }
    text.put("}");
}

fn zone_of(text: &mut Text<'_>, zone: ZoneId) {
    count(text, ",\"zone\":", zone.index() as u64);
}

#[inline]
fn count(text: &mut Text<'_>, name: &str, count: u64) {
    text.put(name);
    text.number(count);
}

#[inline]
fn address(text: &mut Text<'_>, name: &str, address: u64) {
    text.put(name);
    text.hex(address);
}

/// Values with commas between them.
#[inline]
fn list<V>(text: &mut Text<'_>, values: &[V], mut write: impl FnMut(&mut Text<'_>, &V)) {
    let mut separator = "";
    for value in values {
        text.put(separator);
        write(text, value);
        separator = ",";
    }
}

#[cfg(test)]
mod tests {
    use super::{Text, copy, list, map_state, zone};
    use busdma_engine::{BounceCopy, BusAddr, BusSize, CopyDirection, CopyFit};
    use busdma_trace::format::{Hex, MapCounters, Zone};
    use busdma_trace::observe;

    fn text(write: impl FnOnce(&mut Text<'_>)) -> String {
        let mut bytes = Vec::new();
        write(&mut Text(&mut bytes));
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn values_at_their_limits_are_spelled_as_by_the_serializer() {
        let copies = [(CopyDirection::ToBounce, CopyFit::Overruns), (CopyDirection::FromBounce, CopyFit::Fits)];
        let copies = copies.map(|(direction, fit)| BounceCopy {
            direction,
            bounce: BusAddr::new(u64::MAX),
            len: BusSize::new(u64::MAX),
            fit,
        });
        let spelled = serde_json::to_string(&copies.each_ref().map(observe::bounce_copy)).unwrap();
        assert_eq!(format!("[{}]", text(|text| list(text, &copies, copy))), spelled);
        for map_count in [i64::MIN, -1, 0, i64::MAX] {
            let counters = Zone {
                zone: usize::MAX,
                total: u32::MAX,
                free: 0,
                reserved: 1,
                active: 10,
                bounced: u64::MAX,
                deferred: 99_999_999,
                map_count,
                lowaddr: Hex(0),
                alignment: 100_000_000,
            };
            assert_eq!(text(|text| zone(text, &counters)), serde_json::to_string(&counters).unwrap());
        }
        let counters = MapCounters { pagesneeded: u32::MAX, pagesreserved: 0, bpages: 12 };
        let spelled = format!(",\"map_state\":{}", serde_json::to_string(&counters).unwrap());
        assert_eq!(text(|text| map_state(text, Some(counters))), spelled);
        assert_eq!(text(|text| map_state(text, None)), "");
    }
}
