//! The tape of a machine: what its owner tells, on the engine's thread and under the machine's lock.
//!
//! An owner carries out a verb in three steps:
//!
//! ```text
//! if tape.needs_start() {
//!     tape.begin(self.start());
//! }
//! let result = self.engine.unload(map);
//! if tape.is_on() {
//!     tape.operation(&self.engine, &TapedOperation { verb: TapedVerb::Unload { map, result }, .. });
//! }
//! ```
//!
//! Off, that is two loads of one atomic. On, an operation is copied into a chunk: it never waits, and allocates only while
//! chunks still grow (and for the lists of new tags and dmamem). When the recorder does not keep up, whole chunks are
//! dropped and counted, and nothing is recorded until the owner has given a fresh start.

use crate::chunk::{Chunk, Count, Entry, Record, Remark, TapedDecisions};
use crate::handoff::{ChunkPool, ChunkSender, Epoch, Link};
use crate::operation::{LoadEnd, TapedOperation, TapedVerb};
use crate::start::{Region, Start};
use crate::status::Counters;
use busdma_engine::{AddressSpace, Decision, Engine, MapId, Observer, Platform, VirtAddr};
use busdma_trace::format::Zone;
use busdma_trace::{Decisions, observe};
use std::sync::Arc;

/// Records one machine. Its owner keeps it next to the engine.
#[derive(Debug)]
pub struct Tape {
    link: Arc<Link>,
    queue: ChunkSender,
    pool: Arc<ChunkPool>,
    counters: Arc<Counters>,
    stretch: Stretch,
    decisions: Decisions,
    /// Absent until something is written.
    chunk: Option<Box<Chunk>>,
    reported: Reported,
    /// Operations dropped since the tape was made.
    dropped: u64,
}

/// An unbroken stretch of operations behind one start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stretch {
    /// None: the next thing has to be a start.
    None,
    /// Operations follow one another since this start.
    Since(Epoch),
    /// Operations are missing; the next thing has to be a start.
    Broken,
}

impl Tape {
    pub(crate) fn new(link: Arc<Link>, queue: ChunkSender, pool: Arc<ChunkPool>, counters: Arc<Counters>) -> Self {
        Self {
            link,
            queue,
            pool,
            counters,
            stretch: Stretch::None,
            decisions: Decisions::LeftOut,
            chunk: None,
            reported: Reported::default(),
            dropped: 0,
        }
    }

    /// Whether the machine is being recorded.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.link.wanted().is_some()
    }

    /// Whether the recording cannot go on, or should not go on in the same file, without a fresh [`Start`]. To be asked
    /// before every verb.
    #[inline]
    pub fn needs_start(&self) -> bool {
        let Some(wanted) = self.link.wanted() else { return false };
        match self.stretch {
            Stretch::Since(epoch) => epoch != wanted,
            Stretch::None => true,
            Stretch::Broken => self.queue.gauge.has_room(),
        }
    }

    /// Starts afresh: `start` is the machine as it is now, and what is told from here on builds on it.
    pub fn begin(&mut self, mut start: Start) {
        let Some(epoch) = self.link.wanted() else { return };
        start.epoch = epoch;
        start.dropped = self.dropped;
        self.reported.begin();
        self.stretch = Stretch::Since(epoch);
        self.decisions = self.link.decisions();
        let chunk = self.chunk();
        chunk.starts.push(start);
        chunk.entries.push(Entry::Start);
    }

    /// Records an operation that was just carried out on `engine`. One that was begun before the recording is passed over:
    /// the start shows what it came to.
    #[expect(
        clippy::inline_always,
        reason = "a caller knows its verb: most of what follows is then known too, or nothing"
    )]
    #[inline(always)]
    pub fn operation<P: Platform, O: Observer>(&mut self, engine: &Engine<P, O>, operation: &TapedOperation<'_>) {
        match self.stretch {
            Stretch::Since(_) => {}
            Stretch::None => return,
            Stretch::Broken => return self.drop_operations(1),
        }
        let reported = &mut self.reported;
        let chunk = self.chunk.get_or_insert_with(|| self.pool.take(self.link.tape));
        if reported.settled == Settled::Yes && chunk.push_plain(engine, operation, self.decisions).is_some() {
            debug_assert!(reported.is_up_to_date(engine), "{operation:?}");
        } else {
            push(chunk, reported, self.decisions, engine, operation);
        }
        chunk.operations += 1;
        if chunk.is_full() {
            self.hand_over();
        }
    }

    /// Records that memory was registered.
    pub fn region_mapped(&mut self, region: &Region) {
        if matches!(self.stretch, Stretch::Since(_)) {
            let chunk = self.chunk();
            chunk.regions.push(region.clone());
            chunk.entries.push(Entry::RegionMapped);
        }
    }

    /// Records that registered memory was released; `start` is where its region started.
    pub fn region_released(&mut self, space: AddressSpace, start: VirtAddr) {
        if matches!(self.stretch, Stretch::Since(_)) {
            let chunk = self.chunk();
            chunk.released.push((space, start));
            chunk.entries.push(Entry::RegionReleased);
        }
    }

    /// Gives the recorder's thread what was told so far, without waiting until it is worth a hand-over: for a machine that
    /// ends. When the queue is full it is dropped and counted.
    pub fn hand_over(&mut self) {
        let Some(chunk) = self.chunk.take() else { return };
        let Err(refused) = self.queue.offer(chunk) else { return };
        self.stretch = Stretch::Broken;
        self.drop_operations(refused.operations);
        self.pool.give_back(refused);
    }

    /// Takes what was not handed over yet.
    pub(crate) fn take_partial(&mut self) -> Option<Box<Chunk>> {
        self.chunk.take_if(|chunk| !chunk.is_empty())
    }

    pub(crate) fn has_partial(&self) -> bool {
        self.chunk.as_ref().is_some_and(|chunk| !chunk.is_empty())
    }

    /// Stops recording; what was not handed over is lost.
    pub(crate) fn stop(&mut self) {
        self.link.want_nothing();
        self.stretch = Stretch::None;
        if let Some(chunk) = self.chunk.take() {
            self.drop_operations(chunk.operations);
            self.pool.give_back(chunk);
        }
    }

    fn chunk(&mut self) -> &mut Chunk {
        self.chunk.get_or_insert_with(|| self.pool.take(self.link.tape))
    }

    #[cold]
    fn drop_operations(&mut self, operations: u64) {
        self.dropped += operations;
        self.counters.count_dropped(operations);
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// The long way: an operation with everything there is to say of it.
#[expect(clippy::inline_always, reason = "as for `Tape::operation`")]
#[inline(always)]
fn push<P: Platform, O: Observer>(
    chunk: &mut Chunk,
    reported: &mut Reported,
    decisions: Decisions,
    engine: &Engine<P, O>,
    operation: &TapedOperation<'_>,
) {
    let body = chunk.push_verb(engine, &operation.verb);
    let decisions = match decisions {
        Decisions::LeftOut => TapedDecisions::LeftOut,
        Decisions::Recorded => {
            chunk.decisions.extend_from_slice(operation.decisions);
            TapedDecisions::Listed(Count::of(operation.decisions))
        }
    };
    chunk.records.push(Record { session: operation.session, at: operation.at, body, decisions });
    let remark = reported.remark(engine, operation, chunk);
    if remark.is_empty() {
        chunk.entries.push(Entry::Operation);
    } else {
        chunk.remarks.push(remark);
        chunk.entries.push(Entry::RemarkableOperation);
    }
    if !(body.is_small() && remark.is_empty()) {
        chunk.weigh_other_columns();
    }
}

/// Zones and waiters as the trace last reported them: it names them only when they have changed.
#[derive(Debug, Default)]
struct Reported {
    zones: Vec<Zone>,
    waiting: Vec<MapId>,
    /// Whether the list of waiters may differ from the one reported.
    suspected: bool,
    settled: Settled,
}

/// Whether zones and waiters as they are were reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Settled {
    /// Not since the start, or since FreeBSD's kernel stopped.
    #[default]
    No,
    /// They were, after the last operation.
    Yes,
}

impl Reported {
    /// What a start holds does not count as reported.
    fn begin(&mut self) {
        self.zones.clear();
        self.waiting.clear();
        self.suspected = true;
        self.settled = Settled::No;
    }

    /// Copies what few operations have into a chunk; says how much.
    #[expect(clippy::inline_always, reason = "as for `Tape::operation`")]
    #[inline(always)]
    fn remark<P: Platform, O: Observer>(
        &mut self,
        engine: &Engine<P, O>,
        operation: &TapedOperation<'_>,
        chunk: &mut Chunk,
    ) -> Remark {
        self.suspected |= may_change_waiters(operation);
        let mut remark = Remark { panic: operation.verb.panic(), ..Remark::default() };
        if !operation.hazards.is_empty() {
            chunk.hazards.extend_from_slice(operation.hazards);
            remark.hazards = Count::of(operation.hazards);
        }
        if remark.panic.is_some() {
            self.settled = Settled::No;
        } else {
            remark.zones = self.update_zones(engine, chunk);
            remark.waiting = self.update_waiting(engine, chunk);
            self.settled = Settled::Yes;
        }
        remark
    }

    /// Whether nothing has changed since.
    fn is_up_to_date<P: Platform, O: Observer>(&self, engine: &Engine<P, O>) -> bool {
        engine.zones().map(observe::zone).eq(self.zones.iter().copied())
            && engine.waiters().eq(self.waiting.iter().copied())
    }

    fn update_zones<P: Platform, O: Observer>(&mut self, engine: &Engine<P, O>, chunk: &mut Chunk) -> Count {
        if engine.zones().map(observe::zone).eq(self.zones.iter().copied()) {
            return Count::ZERO;
        }
        self.zones.clear();
        self.zones.extend(engine.zones().map(observe::zone));
        chunk.zones.extend_from_slice(&self.zones);
        Count::of(&self.zones)
    }

    fn update_waiting<P: Platform, O: Observer>(&mut self, engine: &Engine<P, O>, chunk: &mut Chunk) -> Option<Count> {
        if !std::mem::take(&mut self.suspected) || engine.waiters().eq(self.waiting.iter().copied()) {
            return None;
        }
        self.waiting.clear();
        self.waiting.extend(engine.waiters());
        chunk.waiting.extend_from_slice(&self.waiting);
        Some(Count::of(&self.waiting))
    }
}

/// Whether the list of waiters may be another one: comparing the list itself takes time when it is long.
#[expect(clippy::inline_always, reason = "as for `Tape::operation`")]
#[inline(always)]
fn may_change_waiters(operation: &TapedOperation<'_>) -> bool {
    match operation.verb {
        TapedVerb::Load { end: LoadEnd::Loaded, .. } | TapedVerb::Sync { .. } => false,
        TapedVerb::Unload { result: Ok(report), .. } => report.woken > 0,
        TapedVerb::Cancel { .. } => true,
        _ => operation
            .decisions
            .iter()
            .any(|decision| matches!(decision, Decision::Deferred { .. } | Decision::Woken { .. })),
    }
}
