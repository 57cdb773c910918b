//! What can be wrong with a trace, with the place it was found at.

use crate::format::{Op, Word};
use busdma_engine::StateError;
use std::fmt;
use std::io;
use std::sync::Arc;
use thiserror::Error;

/// A trace that cannot be used, and where.
#[derive(Debug)]
pub struct TraceError {
    /// Where.
    pub place: Place,
    /// What.
    pub kind: TraceErrorKind,
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.kind)
    }
}

impl std::error::Error for TraceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.kind.source()
    }
}

/// A place in a trace, printed as `file:line:column`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file's name as the reader was given it.
    pub file: Arc<str>,
    /// Line number, from 1; `None` when the whole file is meant.
    pub line: Option<u64>,
    /// Byte in the line, from 1; `None` when the whole line is meant.
    pub column: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))?;
        self.column.map_or(Ok(()), |column| write!(f, ":{column}"))
    }
}

/// What is wrong with a trace.
#[derive(Debug, Error)]
pub enum TraceErrorKind {
    /// The file could not be opened, read or decompressed.
    #[error("the trace cannot be read")]
    Io(#[source] io::Error),
    /// A line is longer than the reader takes.
    #[error("the line is longer than {limit} bytes")]
    LineTooLong {
        /// The reader's limit.
        limit: usize,
    },
    /// A line is not UTF-8.
    #[error("the line is not UTF-8")]
    NotUtf8,
    /// A line is not JSON.
    #[error("not JSON: {problem}")]
    Syntax {
        /// What the parser expected or met.
        problem: String,
    },
    /// A field is missing, or of the wrong type or range.
    #[error("{problem}")]
    Field {
        /// Which, and what was expected.
        problem: String,
    },
    /// The header names another format.
    #[error("the format is {found:?}, expected \"busdma-trace\"")]
    OtherFormat {
        /// The format named.
        found: String,
    },
    /// The header names another version.
    #[error("version {found} of busdma-trace, expected version 1")]
    OtherVersion {
        /// The version named.
        found: u64,
    },
    /// An operation comes before the first header.
    #[error("an operation before the first header, expected a line with \"format\":\"busdma-trace\"")]
    NoHeader,
    /// The operation is none that busdma-trace v1 knows.
    #[error("unknown operation {found:?}, expected one of {}", Op::list())]
    UnknownOperation {
        /// The operation named.
        found: String,
    },
    /// The operations of a scenario contradict each other or its machine.
    #[error(transparent)]
    Operation(Box<OperationError>),
}

impl From<OperationError> for TraceErrorKind {
    fn from(error: OperationError) -> Self {
        Self::Operation(Box::new(error))
    }
}

/// An operation that cannot be carried out as it is written.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum OperationError {
    /// The machine's page size is not the model's.
    #[error("page_size is {found}, expected 4096")]
    PageSize {
        /// The size named.
        found: u64,
    },
    /// A field of the machine is no multiple of a page.
    #[error("machine.{field} is {found:#x}, expected a multiple of 4096{}", if field.ends_with("stride") { " and not 0" } else { "" })]
    MachineUnaligned {
        /// The field.
        field: &'static str,
        /// Its value.
        found: u64,
    },
    /// No live object of that kind has this id.
    #[error("no {kind} {id:?}, expected the id of one that was created and not destroyed")]
    UnknownId {
        /// The kind of object.
        kind: IdKind,
        /// The id.
        id: String,
    },
    /// The id was used before.
    #[error("the id {id:?} was already used for a {kind}, ids are never reused within a scenario")]
    ReusedId {
        /// The kind of object.
        kind: IdKind,
        /// The id.
        id: String,
    },
    /// A map or memory is named together with a tag that is not its own.
    #[error("{kind} {id:?} belongs to tag {owner:?}, not to {named:?}")]
    OtherTag {
        /// The kind of object.
        kind: IdKind,
        /// Its id.
        id: String,
        /// The tag it was created from.
        owner: String,
        /// The tag the operation names.
        named: String,
    },
    /// An alignment or boundary that is no power of two.
    #[error("{field} is {found:#x}, expected a power of two{}", if *field == "boundary" { " or 0" } else { "" })]
    NotPowerOfTwo {
        /// The field.
        field: &'static str,
        /// Its value.
        found: u64,
    },
    /// A buffer has fewer pages than its bytes lie in.
    #[error("{given} pages for {len} bytes at {vaddr:#x}, expected {needed}")]
    TooFewPages {
        /// The buffer's first address.
        vaddr: u64,
        /// Its length.
        len: u64,
        /// Pages listed.
        given: usize,
        /// Pages its bytes lie in.
        needed: u64,
    },
    /// A page does not start at a multiple of a page.
    #[error("page {paddr:#x} is no multiple of 4096")]
    UnalignedPage {
        /// The address.
        paddr: u64,
    },
    /// A range runs past the end of the address space.
    #[error("{len} bytes at {start:#x} run past the end of the address space")]
    RangeWraps {
        /// First address.
        start: u64,
        /// Length.
        len: u64,
    },
    /// A page offset of an unmapped bio that is not below a page.
    #[error("ma_offset is {found}, expected less than 4096")]
    PageOffset {
        /// The offset.
        found: u64,
    },
    /// The client bytes of a request are not all mapped.
    #[error("client byte at {vaddr:#x} is mapped to no page")]
    NotMapped {
        /// The first address without a page.
        vaddr: u64,
    },
    /// A recorded allocation whose two addresses do not agree with each other and its first page.
    #[error("region: {vaddr:#x} and {paddr:#x} do not lie at one offset of the first page")]
    RegionMisplaced {
        /// Its kernel address.
        vaddr: u64,
        /// Its physical address.
        paddr: u64,
    },
    /// The state that the header starts from is none that a machine can come to. Its tags and maps are counted from 0.
    #[error("state: {0}")]
    State(#[from] StateError),
    /// An allocator call in that state that lacks what its class needs.
    #[error("state: the allocator call of {dmamem:?} lacks its {field}")]
    StateAllocator {
        /// The id of the memory.
        dmamem: String,
        /// The field.
        field: &'static str,
    },
    /// More bytes than the replayer is willing to touch in one operation.
    #[error("the operation touches {bytes} bytes, at most {limit} are taken")]
    TooManyBytes {
        /// Bytes of the request or mapping.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// More bounce frames than the machine is willing to hand out.
    #[error("the scenario takes more than {limit} bounce pages")]
    TooManyFrames {
        /// The limit, pages.
        limit: u64,
    },
    /// The scenario writes to more pages than the replayer is willing to keep.
    #[error("the scenario writes to more than {limit} pages of memory")]
    TooMuchMemory {
        /// The limit, pages.
        limit: usize,
    },
}

/// What an id names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum IdKind {
    /// A tag.
    Tag,
    /// A map.
    Map,
    /// Memory from `bus_dmamem_alloc`.
    Dmamem,
}

impl fmt::Display for IdKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tag => "tag",
            Self::Map => "map",
            Self::Dmamem => "dmamem",
        })
    }
}

/// Something a reader passed over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    /// Where.
    pub place: Place,
    /// What.
    pub kind: WarningKind,
}

/// What a reader passed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WarningKind {
    /// The file ends in the middle of a line, as it does when a recorder is killed.
    TornLine {
        /// Bytes of the unfinished line.
        bytes: usize,
    },
    /// The compressed stream ends in the middle of a frame; what could be decompressed was read.
    TornStream,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        match self.kind {
            WarningKind::TornLine { bytes } => write!(f, "the last line is torn, {bytes} bytes were left out"),
            WarningKind::TornStream => {
                f.write_str("the compressed stream ends in the middle; how much of it is lost is not known")
            }
        }
    }
}
