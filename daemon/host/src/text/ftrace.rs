//! Lines of `trace`, `trace_pipe` and `trace-cmd report`: `task-pid (tgid) [cpu] flags seconds: event: payload`, where the
//! `(tgid)` and the flags may be missing.

use super::prefix::{LostEvents, NAME_WIDTH, Prefix, cpu, number, stamp, word};
use crate::event::{Task, TaskName};
use busdma_engine::Nanos;
use memchr::{memchr, memchr_iter};

/// Bytes in which a `(tgid)` ends that begins somewhere.
const TGID_BYTES_MAX: usize = 16;

/// What stands in front of the event; the name is empty where no event is named.
pub(super) fn prefix(line: &[u8]) -> Option<Prefix<'_>> {
    let (name, place) = at_column(line).or_else(|| anywhere(line))?;
    let task = Task { pid: place.pid, name: TaskName::new(name) };
    let colon = memchr(b':', place.event).filter(|&colon| place.event.get(..colon).is_some_and(is_name));
    let (name, payload) = colon.and_then(|colon| place.event.split_at_checked(colon)).unwrap_or_default();
    let payload = payload.strip_prefix(b":").unwrap_or(payload);
    Some(Prefix { task, cpu: place.cpu, at: place.at, group: None, name, payload })
}

/// `CPU:1 [LOST 123 EVENTS]` of the kernel, `CPU:1 [123 EVENTS DROPPED]` of trace-cmd, or either without a number.
pub(super) fn lost(text: &[u8]) -> Option<LostEvents> {
    let (_, rest) = number(text.strip_prefix(b"CPU:")?)?;
    let notice = rest.trim_ascii().strip_prefix(b"[")?.strip_suffix(b"]")?;
    if matches!(notice, b"LOST EVENTS" | b"EVENTS DROPPED") {
        return Some(LostEvents::Uncounted);
    }
    let (events, tail) = number(notice.strip_prefix(b"LOST ").unwrap_or(notice))?;
    matches!(tail, b" EVENTS" | b" EVENTS DROPPED").then_some(LostEvents::Counted(events))
}

/// Whether it is one of trace-cmd's headings, or belongs to a stack.
pub(super) fn is_comment(text: &[u8]) -> bool {
    let starts: [&[u8]; 5] = [b"=> ", b"cpus=", b"version = ", b"CPU ", b"trace-cmd "];
    starts.into_iter().any(|start| text.starts_with(start))
}

/// The parts between a task's name and its event.
struct Place<'a> {
    pid: u32,
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
        let before = without_tgid(line.get(..bracket)?.trim_ascii_end());
        let digits = before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let dash = before.len().checked_sub(digits + 1)?;
        let (name, rest) = line.split_at_checked(dash)?;
        let place = behind_name(rest)?;
        (!name.is_empty() && name.len() <= NAME_WIDTH).then_some((name, place))
    })
}

fn without_tgid(before: &[u8]) -> &[u8] {
    if before.last() != Some(&b')') {
        return before;
    }
    let open = before.iter().rev().take(TGID_BYTES_MAX).position(|&byte| byte == b'(');
    let end = open.and_then(|open| before.len().checked_sub(open + 1));
    end.and_then(|end| before.get(..end)).unwrap_or(before).trim_ascii_end()
}

fn behind_name(rest: &[u8]) -> Option<Place<'_>> {
    let (pid, rest) = number(rest.strip_prefix(b"-")?)?;
    let mut rest = rest.strip_prefix(b" ")?.trim_ascii_start();
    if let Some(tgid) = rest.strip_prefix(b"(") {
        let close = memchr(b')', tgid.get(..TGID_BYTES_MAX).unwrap_or(tgid))?;
        rest = tgid.get(close + 1..)?.trim_ascii_start();
    }
    let (cpu, rest) = cpu(rest)?;
    let (first, rest) = word(rest)?;
    let (at, rest) = match stamp(first) {
        Some(at) => (at, rest),
        None => word(rest).and_then(|(second, rest)| Some((stamp(second)?, rest)))?,
    };
    let event = rest.strip_prefix(b" ").unwrap_or(rest);
    Some(Place { pid: u32::try_from(pid).ok()?, cpu, at, event })
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.contains(&b' ')
}
