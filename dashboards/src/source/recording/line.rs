//! What one line tells a model.
//!
//! Two readers make it. [`Scanner`] takes lines as writers of the format spell them, and only what a model needs of them;
//! [`spelled`] takes any line, through the types of `busdma_trace`. Where both can read a line they say the same.

mod canonical;
mod spelled;

pub(super) use canonical::Scanner;
pub(super) use spelled::{is_header, mem_bytes, read as read_spelled};

use busdma_trace::format::{CreateTag, MapCounters, TagCreated, Zone};
use std::borrow::Cow;

/// A name on a line; borrowed where it holds no escapes.
pub(super) type Word<'a> = Cow<'a, str>;

/// One operation, reduced to what changes a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line<'a> {
    /// When it began.
    pub(super) t: Option<u64>,
    /// Who called.
    pub(super) session: Option<Word<'a>>,
    /// What was done, and what came of it.
    pub(super) act: Act<'a>,
    /// Whether it tells of zones; they are then where the reader was told to put them.
    pub(super) zones: Told,
    /// Maps that wait, where the line tells of them.
    pub(super) waiting: Option<Vec<Word<'a>>>,
    /// Kinds of hazards first seen here.
    pub(super) hazards: Vec<Word<'a>>,
}

/// Whether a line tells of something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    Not,
    Anew,
}

/// What was done, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Act<'a> {
    /// Nothing that a model shows.
    Nothing,
    /// A tag was made.
    TagMade(Box<TagMade<'a>>),
    /// These tags' memory was released.
    TagsFreed(Vec<Word<'a>>),
    /// A map was made, by itself or with memory.
    MapMade { tag: Word<'a>, map: Word<'a>, memory: Option<Memory<'a>> },
    /// A map was not made, but its tag may have got a zone.
    MapRefused { tag: Word<'a> },
    /// A map is gone, and perhaps the memory it came with.
    MapGone { map: Word<'a>, memory: Option<Word<'a>> },
    /// A load was carried out.
    Load { tag: Word<'a>, map: Word<'a>, end: LoadEnd, counters: Option<MapCounters> },
    /// Deferred loads were taken up.
    Drained { ended: Vec<Ended<'a>>, stopped: Vec<Word<'a>> },
    /// A map was unloaded.
    Unloaded { map: Word<'a>, counters: Option<MapCounters> },
    /// A deferred load was given up.
    Cancelled { map: Word<'a> },
    /// The kernel would have stopped.
    Stopped { map: Option<Word<'a>>, load: IsLoad },
}

/// A tag as it was asked for and as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TagMade<'a> {
    pub(super) asked: CreateTag<'a>,
    pub(super) stored: TagCreated<'a>,
}

/// Memory of `bus_dmamem_alloc`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Memory<'a> {
    pub(super) dmamem: Word<'a>,
    pub(super) bytes: u64,
}

/// Whether an operation is a load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum IsLoad {
    No,
    Yes,
}

/// How a load ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LoadEnd {
    /// The device may begin.
    Loaded(Mapping),
    /// There was nothing to map.
    NoData,
    /// It waits; for so many bytes.
    Deferred { bytes: u64 },
    /// It failed.
    Failed,
}

/// The segments of a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Mapping {
    pub(super) segments: u32,
    pub(super) bytes: u64,
}

impl Mapping {
    pub(super) fn add(&mut self, len: u64) {
        self.segments = self.segments.saturating_add(1);
        self.bytes = self.bytes.saturating_add(len);
    }
}

/// A deferred load that came to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ended<'a> {
    pub(super) map: Word<'a>,
    pub(super) end: LoadEnd,
    /// Bounce pages on the map after it, where the line's decisions tell it.
    pub(super) bpages: Option<u32>,
}

/// A line that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unreadable;

/// Reads a line, by the quicker way where that is possible. What it tells of zones goes to `zones`.
pub(super) fn read<'a>(scanner: &Scanner, line: &'a [u8], zones: &mut Vec<Zone>) -> Result<Line<'a>, Unreadable> {
    match scanner.scan(line, zones) {
        Some(line) => Ok(line),
        None => read_spelled(line, zones),
    }
}
