//! Bounces whose mapping has not been seen yet.
//!
//! swiotlb tells of a piece before it looks for room, and the mapping is told of last. A scatter list that fails is not
//! told of at all. So pieces wait here, by the context that asked, until a mapping claims them or evidence says that none
//! will: the same attempt begins again, another mapping passes them by, or time passes.

use crate::event::{BounceCause, Bounced, HostEvent, Task};
use crate::mapping::{Completeness, MemoryEntry};
use busdma_engine::{BusAddr, BusSize, Nanos};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::VecDeque;

/// One `swiotlb_bounced` event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Its number in its tracker, from 1, in the order of events.
    pub number: u64,
    /// When room was asked for.
    pub at: Nanos,
    /// Who asked.
    pub task: Task,
    /// Where the bytes are, as the device would see them.
    pub addr: BusAddr,
    /// How much.
    pub size: BusSize,
    /// Why.
    pub cause: BounceCause,
    /// The highest address that the device reaches, inclusive.
    pub mask: BusAddr,
    /// Pieces of one attempt to map share it. Several attempts may still be one mapping that has an entry twice.
    pub attempt: u64,
}

/// Where a mapping is made: no two are made at once in the same context, but for interrupts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Context {
    device: u32,
    pid: u32,
    /// Tells the idle tasks apart; one value for all others, which may move between processors.
    cpu: Option<u32>,
}

/// Pieces that wait, by context.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    contexts: FxHashMap<Context, Waiting>,
    /// Every context that has pieces, once, by a time at or before that of the last piece of its first attempt.
    queue: VecDeque<(Nanos, Context)>,
    /// Where attempts began that no mapping has claimed, by device. A request that found no room is tried again with the
    /// same first address, often by another task and right after one of that task's own.
    heads: FxHashSet<(u32, BusAddr)>,
    len: usize,
    numbers: u64,
    attempts: u64,
}

/// The pieces of one context.
#[derive(Clone, Debug)]
struct Waiting {
    pieces: Vec<Piece>,
    /// Where the current attempt began.
    first: BusAddr,
    attempt: u64,
    /// A mapping was made since, so what comes next is another attempt.
    passed: bool,
}

/// The entries of a mapping that looks for its pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) entries: &'a [MemoryEntry],
    /// Entries in truth.
    pub(super) total: u32,
    pub(super) completeness: Completeness,
    /// What the device's addresses are above physical ones, modulo 2^64.
    pub(super) shift: u64,
}

impl Context {
    pub(super) fn new(device: u32, event: &HostEvent) -> Self {
        let pid = event.task.pid;
        Self { device, pid, cpu: (pid == 0).then_some(event.cpu) }
    }

    pub(super) fn device(self) -> u32 {
        self.device
    }
}

impl Pending {
    /// Heads that are remembered. Without them, failed attempts of two requests may be taken for one.
    const HEADS: usize = 1 << 12;

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a piece. The second value says whether it begins an attempt while others wait.
    pub(super) fn add(&mut self, context: Context, event: &HostEvent, bounced: &Bounced) -> (Piece, Begins) {
        self.numbers += 1;
        self.len += 1;
        let waiting = self.contexts.entry(context).or_insert_with(|| {
            self.queue.push_back((event.at, context));
            Waiting { pieces: Vec::new(), first: bounced.addr, attempt: 0, passed: true }
        });
        let head = (context.device, bounced.addr);
        let begins = waiting.passed || waiting.first == bounced.addr || self.heads.contains(&head);
        if begins {
            if self.heads.len() >= Self::HEADS {
                self.heads.clear();
            }
            self.heads.insert(head);
            self.attempts += 1;
            waiting.attempt = self.attempts;
            waiting.first = bounced.addr;
            waiting.passed = false;
        }
        let piece = Piece {
            number: self.numbers,
            at: event.at,
            task: event.task,
            addr: bounced.addr,
            size: bounced.size,
            cause: bounced.cause,
            mask: bounced.mask,
            attempt: waiting.attempt,
        };
        let begins = if begins && !waiting.pieces.is_empty() { Begins::Anew } else { Begins::Nothing };
        waiting.pieces.push(piece);
        (piece, begins)
    }

    /// The newest piece of a context.
    pub(super) fn last(&self, context: Context) -> Option<&Piece> {
        self.contexts.get(&context)?.pieces.last()
    }

    /// Takes the pieces of a mapping out. What is left belongs to other attempts.
    pub(super) fn claim(&mut self, context: Context, wanted: Wanted<'_>) -> Vec<Piece> {
        let Some(waiting) = self.contexts.get_mut(&context) else {
            return Vec::new();
        };
        let start = match wanted.completeness {
            Completeness::Whole => claimed_backwards(&waiting.pieces, wanted),
            Completeness::Truncated => claimed_forwards(&waiting.pieces, wanted),
        };
        let claimed = waiting.pieces.split_off(start.min(waiting.pieces.len()));
        waiting.passed = true;
        self.len -= claimed.len();
        for attempt in claimed.chunk_by(|a, b| a.attempt == b.attempt) {
            if let Some(first) = attempt.first() {
                self.heads.remove(&(context.device, first.addr));
            }
        }
        claimed
    }

    /// Takes out every attempt but the current one whose last piece is older than `before`: no mapping will claim it.
    pub(super) fn passed_by(&mut self, context: Context, before: Nanos) -> Vec<Piece> {
        let Some(waiting) = self.contexts.get_mut(&context) else {
            return Vec::new();
        };
        let current = if waiting.passed { None } else { Some(waiting.attempt) };
        let passed = take_attempts(&mut waiting.pieces, |last| Some(last.attempt) != current && last.at <= before);
        self.len -= passed.len();
        passed
    }

    /// Takes out the attempts of one context that ended at or before `before`, if there are any.
    pub(super) fn overdue(&mut self, before: Nanos) -> Option<(Context, Vec<Piece>)> {
        while let Some(&(since, context)) = self.queue.front() {
            if since > before {
                return None;
            }
            self.queue.pop_front();
            let Some(waiting) = self.contexts.get_mut(&context) else {
                continue;
            };
            let overdue = take_attempts(&mut waiting.pieces, |last| last.at <= before);
            let next = waiting.pieces.chunk_by(|a, b| a.attempt == b.attempt).next().and_then(<[Piece]>::last);
            match next {
                // Times may step back a little between processors; the queue need not.
                Some(next) => self.queue.push_back((next.at.max(since), context)),
                None => {
                    self.contexts.remove(&context);
                }
            }
            self.len -= overdue.len();
            if !overdue.is_empty() {
                return Some((context, overdue));
            }
        }
        None
    }

    /// Takes out everything of the context that has waited longest.
    pub(super) fn oldest(&mut self) -> Option<(Context, Vec<Piece>)> {
        while let Some((_, context)) = self.queue.pop_front() {
            if let Some(waiting) = self.contexts.remove(&context) {
                self.len -= waiting.pieces.len();
                if !waiting.pieces.is_empty() {
                    return Some((context, waiting.pieces));
                }
            }
        }
        None
    }
}

/// Whether a piece begins an attempt while others wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Begins {
    /// It does: the attempt before it failed, unless its mapping has an entry twice.
    Anew,
    /// It goes on, or nothing waits.
    Nothing,
}

/// Takes the first attempts out, as long as their last pieces are `over`.
fn take_attempts(pieces: &mut Vec<Piece>, over: impl Fn(&Piece) -> bool) -> Vec<Piece> {
    let attempts = pieces.chunk_by(|a, b| a.attempt == b.attempt);
    let end = attempts.take_while(|attempt| attempt.last().is_some_and(&over)).map(<[Piece]>::len).sum();
    let rest = pieces.split_off(end);
    std::mem::replace(pieces, rest)
}

/// Where the pieces begin that are entries of the mapping, from its last entry backwards. Entries need not have a piece.
fn claimed_backwards(pieces: &[Piece], wanted: Wanted<'_>) -> usize {
    let mut start = pieces.len();
    for entry in wanted.entries.iter().rev() {
        let Some(piece) = start.checked_sub(1).and_then(|last| pieces.get(last)) else {
            break;
        };
        if piece.is_entry(entry, wanted.shift) {
            start -= 1;
        }
    }
    start
}

/// The same where the mapping's last entries are not told: from its first entry forwards.
fn claimed_forwards(pieces: &[Piece], wanted: Wanted<'_>) -> usize {
    const CANDIDATES: usize = 64;
    let total = usize::try_from(wanted.total).unwrap_or(usize::MAX);
    let earliest = pieces.len().saturating_sub(total);
    let begins = |&at: &usize| at == 0 || pieces.get(at - 1).map(|p| p.attempt) != pieces.get(at).map(|p| p.attempt);
    let attempts = (earliest + 1..pieces.len()).filter(begins);
    let mut candidates = std::iter::once(earliest).chain(attempts).take(CANDIDATES);
    candidates
        .find(|&start| may_begin_at(pieces.get(start..).unwrap_or_default(), wanted, total))
        .unwrap_or(pieces.len())
}

fn may_begin_at(pieces: &[Piece], wanted: Wanted<'_>, total: usize) -> bool {
    let mut left = pieces;
    for entry in wanted.entries {
        if let [piece, rest @ ..] = left
            && piece.is_entry(entry, wanted.shift)
        {
            left = rest;
        }
    }
    left.len() < pieces.len() && left.len() <= total.saturating_sub(wanted.entries.len())
}

impl Piece {
    fn is_entry(&self, entry: &MemoryEntry, shift: u64) -> bool {
        let start = entry.start.raw();
        let here = self.addr.raw() == start || self.addr.raw() == start.wrapping_add(shift);
        here && entry.size.is_none_or(|size| size == self.size)
    }
}
