//! Events as they come.

use super::{call, probes_with_events, warn_of_unknown};
use crate::args::HostEventsArgs;
use crate::console;
use crate::daemon::Daemon;
use crate::failure::{self, Answer};
use crate::interrupt::Interruption;
use crate::text::{self, ACCENT, BAD, WARN, counted};
use busdma_api::host::{DmaPiece, EventRecord, Events, EventsReply, Mappings};
use busdma_host::event::Attributes;
use serde_json::json;
use std::fmt::Write as _;

/// Pieces of a list that are shown.
const PIECES_SHOWN: usize = 4;

/// Follows events until Ctrl-C comes or nobody reads any more.
pub(super) fn run(args: &HostEventsArgs) -> anyhow::Result<Answer> {
    let mut daemon = Daemon::connect(&args.daemon)?;
    probes_with_events(&mut daemon)?;
    // Refused before there is an event, too.
    call(&mut daemon, &Mappings { limit: Some(0), ..Mappings::default() })?;
    warn_of_unknown(&mut daemon, &args.device)?;
    let interruption = Interruption::watch(Some(daemon.socket()?))?;
    match follow(args, &mut daemon) {
        Err(_) if interruption.has_come() => Ok(Answer::Yes),
        ended => ended.map(|()| Answer::Yes),
    }
}

fn follow(args: &HostEventsArgs, daemon: &mut Daemon) -> anyhow::Result<()> {
    let names = || args.event.iter().map(|point| point.name().to_owned()).collect();
    let events =
        Events { device: args.device.clone(), tracepoints: (!args.event.is_empty()).then(names), ..Events::default() };
    for reply in daemon.follow(&events)? {
        let reply = reply?;
        let text = if args.json { json_lines(&reply)? } else { lines(&reply) };
        console::print(&text)?;
    }
    Ok(())
}

fn json_lines(reply: &EventsReply) -> serde_json::Result<String> {
    let mut text = String::new();
    for (name, count) in [("dropped", reply.dropped), ("lost", reply.lost)] {
        if count > 0 {
            let _ = writeln!(text, "{}", json!({ name: count }));
        }
    }
    for event in &reply.events {
        text.push_str(&serde_json::to_string(event)?);
        text.push('\n');
    }
    Ok(text)
}

fn lines(reply: &EventsReply) -> String {
    if reply.dropped > 0 {
        failure::warn(&format!("{} dropped: they found no room in the kernel's ring", counted(reply.dropped, "event")));
    }
    if reply.lost > 0 {
        failure::warn(&format!("lost {}: they came too fast", counted(reply.lost, "event")));
    }
    reply.events.iter().map(line).collect()
}

/// When, who, where and what, as ftrace has it.
pub fn line(event: &EventRecord) -> String {
    let (seconds, micros) = (event.t_ns / 1_000_000_000, event.t_ns % 1_000_000_000 / 1000);
    let thread = format!("{}-{}", event.task, event.pid);
    let mut out =
        format!("{seconds:>6}.{micros:06}  {thread:<22} [{:03}]  {}:", event.cpu, text::styled(ACCENT, &event.event));
    for word in words(event) {
        let _ = write!(out, " {word}");
    }
    out.push('\n');
    out
}

/// What its tracepoint told.
fn words(event: &EventRecord) -> Vec<String> {
    let mut words = Vec::new();
    let named = |name: &str, value: Option<String>| value.map(|value| format!("{name}={value}"));
    words.extend(event.device.clone().or_else(|| event.disk.clone()));
    words.extend(event.direction.clone().or_else(|| event.operation.clone()));
    words.extend(pieces(event));
    words.extend(counts(event));
    words.extend(sectors(event));
    words.extend(named("mask", event.mask.map(|mask| mask.to_string())));
    let forced = |cause: &String| text::styled(WARN, cause);
    words.extend(event.cause.as_ref().map(forced));
    words.extend(attributes(event).map(|names| format!("attrs={names}")));
    words.extend(named("request", event.request.map(|request| request.to_string())));
    let error = event.error.filter(|&error| error != 0);
    words.extend(error.map(|error| text::styled(BAD, &format!("error={error}"))));
    words.extend(event.text.clone());
    words
}

fn pieces(event: &EventRecord) -> Vec<String> {
    let mut words: Vec<_> = event.pieces.iter().take(PIECES_SHOWN).map(|piece| self::piece(event, piece)).collect();
    if let Some(more) = event.pieces.len().checked_sub(PIECES_SHOWN).filter(|&more| more > 0) {
        words.push(format!("… {more} more"));
    }
    words
}

/// Where it is, where the device finds it, and bytes: `0x5000→0x9000+4096`.
fn piece(event: &EventRecord, piece: &DmaPiece) -> String {
    let phys = piece.phys.map_or_else(String::new, |phys| phys.to_string());
    // One that failed was given no address.
    let missing = piece.dma.is_none() && event.event.starts_with("dma_map_") && event.entries.is_none();
    let dma = match piece.dma {
        Some(dma) => format!("→{dma}"),
        None if missing => text::styled(BAD, "→nowhere"),
        None => String::new(),
    };
    let bytes = piece.size.map_or_else(String::new, |size| format!("+{size}"));
    format!("{phys}{dma}{bytes}")
}

/// Entries of lists, and bytes where no piece says them.
fn counts(event: &EventRecord) -> Option<String> {
    match (event.entries, event.given, event.size) {
        (Some(entries), Some(given), _) => Some(format!("entries={entries}→{given}")),
        (Some(entries), None, None) => Some(format!("entries={entries}")),
        (Some(entries), None, Some(size)) => Some(format!("{size} bytes in {entries}")),
        (None, _, Some(size)) if event.pieces.len() != 1 || event.pieces[0].size != Some(size) => {
            Some(format!("{size} bytes"))
        }
        _ => None,
    }
}

/// The first sector and, where told, how many; a flush has none.
fn sectors(event: &EventRecord) -> Option<String> {
    let first = event.sector?.0;
    let count = event.sectors.map_or_else(String::new, |count| format!("+{count}"));
    (first != u64::MAX).then(|| format!("sector={first}{count}"))
}

fn attributes(event: &EventRecord) -> Option<String> {
    let attributes = Attributes::from_bits_retain(event.attributes.filter(|&bits| bits != 0)?);
    let mut names: Vec<String> = attributes.iter_names().map(|(name, _)| name.to_owned()).collect();
    let nameless = attributes.difference(Attributes::all()).bits();
    if nameless != 0 {
        names.push(format!("{nameless:#x}"));
    }
    Some(names.join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn check(fields: &Value, expected: &str) {
        let mut record = json!({ "t_ns": 3_724_049_000_u64, "cpu": 1, "pid": 12, "task": "kworker/u8:0" });
        record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let event: EventRecord = serde_json::from_value(record).unwrap();
        let shown = anstream::adapter::strip_str(&line(&event)).to_string();
        assert_eq!(shown, format!("     3.724049  kworker/u8:0-12        [001]  {expected}\n"));
    }

    #[test]
    fn every_kind_fits_a_line() {
        check(
            &json!({ "event": "dma_map_phys", "device": "0000:00:02.0", "direction": "FROM_DEVICE",
                "pieces": [{ "phys": "0x1eeb000", "dma": "0x1d000000", "size": 4096 }], "size": 4096, "attributes": 32 }),
            "dma_map_phys: 0000:00:02.0 FROM_DEVICE 0x1eeb000→0x1d000000+4096 attrs=SKIP_CPU_SYNC",
        );
        check(
            &json!({ "event": "dma_map_phys", "device": "d", "direction": "TO_DEVICE",
                "pieces": [{ "phys": "0x1000", "size": 512 }], "size": 512, "attributes": 0 }),
            "dma_map_phys: d TO_DEVICE 0x1000→nowhere+512",
        );
        check(
            &json!({ "event": "dma_unmap_phys", "device": "d", "direction": "TO_DEVICE",
                "pieces": [{ "dma": "0x9000", "size": 512 }], "size": 512 }),
            "dma_unmap_phys: d TO_DEVICE →0x9000+512",
        );
        let places: Vec<_> = (1..=6).map(|nth| json!({ "phys": format!("{:#x}", nth * 0x1000) })).collect();
        check(
            &json!({ "event": "dma_map_sg_err", "device": "d", "direction": "TO_DEVICE", "pieces": [{ "phys": "0x1000" }],
                "error": -5 }),
            "dma_map_sg_err: d TO_DEVICE 0x1000→nowhere error=-5",
        );
        check(
            &json!({ "event": "dma_map_sg", "device": "d", "direction": "TO_DEVICE", "pieces": places, "entries": 6,
                "given": 2 }),
            "dma_map_sg: d TO_DEVICE 0x1000 0x2000 0x3000 0x4000 … 2 more entries=6→2",
        );
        check(
            &json!({ "event": "swiotlb_bounced", "device": "d", "pieces": [{ "phys": "0x1000", "size": 512 }], "size": 512,
                "mask": "0xffffffff", "cause": "FORCE" }),
            "swiotlb_bounced: d 0x1000+512 mask=0xffffffff FORCE",
        );
        check(
            &json!({ "event": "unmap", "pieces": [{ "dma": "0x9000", "size": 8192 }], "size": 4096 }),
            "unmap: →0x9000+8192 4096 bytes",
        );
        check(
            &json!({ "event": "block_rq_issue", "disk": "259,0", "operation": "WS", "sector": "0x800", "size": 4608,
                "entries": 2, "request": "0xffff888000001000",
                "pieces": [{ "phys": "0x5000", "size": 4096 }, { "phys": "0x9000", "size": 512 }] }),
            "block_rq_issue: 259,0 WS 0x5000+4096 0x9000+512 4608 bytes in 2 sector=2048 request=0xffff888000001000",
        );
        check(
            &json!({ "event": "block_rq_complete", "disk": "259,0", "operation": "F", "sector": "0xffffffffffffffff",
                "sectors": 0, "error": 0 }),
            "block_rq_complete: 259,0 F",
        );
        check(&json!({ "event": "tracing_mark_write", "text": "here" }), "tracing_mark_write: here");
    }
}
