//! What one line tells a model.
//!
//! Two readers make it. [`Scanner`] takes lines as writers of the format spell them, and only what a model needs of them;
//! [`spelled`] takes any line, through the types of `busdma_trace`. Where both can read a line they say the same.

mod canonical;
mod spelled;

pub(super) use canonical::Scanner;
pub(super) use spelled::{is_header, read as read_spelled};

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
    pub(super) waiting: Option<Names<'a>>,
    /// Kinds of hazards first seen here.
    pub(super) hazards: Vec<Word<'a>>,
}

/// Names in a list.
#[derive(Clone, Debug)]
pub(super) enum Names<'a> {
    /// As they stand between the brackets of a list; there are no escapes in them.
    Written(&'a [u8]),
    /// Taken apart.
    Listed(Vec<Word<'a>>),
}

impl Names<'_> {
    /// Each of them.
    pub(super) fn each(&self) -> Vec<&str> {
        match self {
            Self::Listed(names) => names.iter().map(|name| &**name).collect(),
            // What stands between two quotation marks is a name, what stands between two names is not.
            Self::Written(text) => {
                let between = text.split(|&byte| byte == b'"').skip(1).step_by(2);
                between.filter_map(|name| str::from_utf8(name).ok()).collect()
            }
        }
    }
}

impl PartialEq for Names<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.each() == other.each()
    }
}

impl Eq for Names<'_> {}

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
    /// A map was synced.
    Synced { map: Word<'a> },
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
    /// It waits.
    Deferred,
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

/// Reads a line, by the quicker way where that is possible; `None` for one that cannot be read. What it tells of zones
/// goes to `zones`.
pub(super) fn read<'a>(scanner: &Scanner, line: &'a [u8], zones: &mut Vec<Zone>) -> Option<Line<'a>> {
    let scanned = scanner.scan(line, zones);
    if scanned.is_some() {
        return scanned;
    }
    read_spelled(line, zones).ok()
}
