//! Lines of `perf script`: `task pid [cpu] seconds: group:event: payload`, or with `pid/tid`.

use super::prefix::{LostEvents, NAME_WIDTH, Prefix, cpu, number, stamp, word};
use crate::event::{Task, TaskName};
use busdma_engine::Nanos;
use memchr::memchr_iter;

/// What stands in front of the event; the name is empty where no event is named.
pub(super) fn prefix(line: &[u8]) -> Option<Prefix<'_>> {
    let (name, place) = at_column(line).or_else(|| anywhere(line))?;
    let task = Task { pid: place.tid, name: TaskName::new(name) };
    let (event, payload) = event(place.event).unwrap_or_default();
    let colon = event.iter().position(|&byte| byte == b':');
    let (group, name) = match colon.and_then(|colon| Some((event.get(..colon)?, event.get(colon + 1..)?))) {
        Some((group, name)) => (Some(group), name),
        None => (None, event),
    };
    Some(Prefix { task, cpu: place.cpu, at: place.at, group, name, payload })
}

/// `PERF_RECORD_LOST lost 123` of `--show-lost-events`.
pub(super) fn lost(prefix: &Prefix<'_>) -> Option<LostEvents> {
    if !matches!(prefix.name, b"PERF_RECORD_LOST" | b"PERF_RECORD_LOST_SAMPLES") {
        return None;
    }
    let events = prefix.payload.trim_ascii_start().strip_prefix(b"lost ").and_then(number);
    Some(events.map_or(LostEvents::Uncounted, |(events, _)| LostEvents::Counted(events)))
}

/// Whether it is one address of a call chain, which perf prints behind the event: `\tffffffff81234567 symbol+0x1 (file)`.
pub(super) fn is_call_chain(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"\t") else { return false };
    let Some((address, _)) = word(rest) else { return false };
    address.len() <= 16 && address.iter().all(u8::is_ascii_hexdigit)
}

/// The parts between a task's name and its event.
struct Place<'a> {
    tid: u32,
    cpu: u32,
    at: Nanos,
    event: &'a [u8],
}

/// The name is padded to a column, and may then hold anything.
fn at_column(line: &[u8]) -> Option<(&[u8], Place<'_>)> {
    let (name, rest) = line.split_at_checked(NAME_WIDTH)?;
    Some((name.trim_ascii_start(), behind_name(rest)?))
}

/// Text that was moved: the name ends where something follows that can.
fn anywhere(line: &[u8]) -> Option<(&[u8], Place<'_>)> {
    let line = line.trim_ascii_start();
    memchr_iter(b'[', line).find_map(|bracket| {
        let before = line.get(..bracket)?.trim_ascii_end();
        let ids = before.iter().rev().take_while(|&&byte| byte.is_ascii_digit() || byte == b'/').count();
        let space = before.len().checked_sub(ids + 1)?;
        let (name, rest) = line.split_at_checked(space)?;
        let place = behind_name(rest)?;
        let name = name.trim_ascii_end();
        (!name.is_empty() && name.len() <= NAME_WIDTH).then_some((name, place))
    })
}

fn behind_name(rest: &[u8]) -> Option<Place<'_>> {
    let (mut id, mut rest) = number(rest.strip_prefix(b" ")?.trim_ascii_start())?;
    if let Some(tid) = rest.strip_prefix(b"/") {
        (id, rest) = number(tid)?;
    }
    let (cpu, rest) = cpu(rest.strip_prefix(b" ")?.trim_ascii_start())?;
    let (time, rest) = word(rest)?;
    Some(Place { tid: u32::try_from(id).ok()?, cpu, at: stamp(time)?, event: rest })
}

/// The event's name without its last colon, behind a count that `-F period` adds, and its payload.
fn event(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut name, mut payload) = word(text)?;
    if name.iter().all(u8::is_ascii_digit) {
        (name, payload) = word(payload)?;
    }
    match name.strip_suffix(b":") {
        Some(name) => Some((name, payload)),
        None => name.starts_with(b"PERF_RECORD_").then_some((name, payload)),
    }
}
