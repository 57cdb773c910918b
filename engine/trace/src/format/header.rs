//! The line that starts a scenario.

use super::{Hex, Name, State};
use serde::{Deserialize, Serialize};

/// The value of `format`.
pub const FORMAT: &str = "busdma-trace";

/// The value of `version`.
pub const VERSION: u64 = 1;

/// The first line of a scenario. `format` and `version` are checked by the reader and written by the writer.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(expecting = "an object")]
pub struct Header<'a> {
    /// The scenario's name.
    #[serde(borrow)]
    pub scenario: Name<'a>,
    /// The family it belongs to: what it is about.
    #[serde(borrow)]
    pub family: Name<'a>,
    /// The machine it ran on.
    #[serde(borrow)]
    pub machine: MachineModel<'a>,
    /// What produced it: a system, a version and a file.
    #[serde(borrow)]
    pub source: Name<'a>,
    /// Kinds of hazards in the scenario.
    #[serde(borrow, default)]
    pub hazards: Vec<Name<'a>>,
    /// What it shows, in words.
    #[serde(borrow, default)]
    pub desc: Option<Name<'a>>,
    /// Whether the bytes of memory are part of the scenario. An addition to busdma-trace v1.
    #[serde(default)]
    pub contents: Contents,
    /// How it was recorded, where a service did that. An addition to busdma-trace v1.
    #[serde(borrow, default)]
    pub recorded: Option<Recording<'a>>,
    /// What it starts from, where that is not an empty machine. An addition to busdma-trace v1.
    #[serde(borrow, default)]
    pub state: Option<Box<State<'a>>>,
}

impl<'a> Header<'a> {
    /// A header that says only what every header has to.
    pub const fn new(scenario: Name<'a>, family: Name<'a>, machine: MachineModel<'a>, source: Name<'a>) -> Self {
        Self {
            scenario,
            family,
            machine,
            source,
            hazards: Vec::new(),
            desc: None,
            contents: Contents::Recorded,
            recorded: None,
            state: None,
        }
    }

    /// What happens behind a call at which FreeBSD's kernel stops.
    pub fn after_panic(&self) -> AfterPanic {
        match &self.recorded {
            Some(Recording { continues_after_panic: true, .. }) => AfterPanic::GoesOn,
            _ => AfterPanic::Ends,
        }
    }
}

/// How a scenario was recorded.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct Recording<'a> {
    /// Whether a call at which FreeBSD's kernel stops was refused, and the machine went on. Without it the scenario ends
    /// there.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub continues_after_panic: bool,
    /// The program and its version.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Name<'a>>,
    /// When it began, nanoseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_unix_ns: Option<u64>,
    /// The same moment on the clock that the `t` of its operations is of, nanoseconds: the first of them can come much
    /// later. Without it a reader can only take that one's time for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ns: Option<u64>,
}

/// What happens behind a call at which FreeBSD's kernel stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum AfterPanic {
    /// Nothing: the scenario ends.
    #[default]
    Ends,
    /// The call was refused, and the machine goes on.
    GoesOn,
}

/// Whether the bytes of memory are part of a scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contents {
    /// They are: a sync reports hashes.
    #[default]
    Recorded,
    /// They are not, as on a host whose buffers nobody may read: no hashes, and nothing is copied in replay.
    Unrecorded,
}

impl Contents {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
    fn is_recorded(&self) -> bool {
        *self == Self::Recorded
    }
}

/// The machine of a scenario.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct MachineModel<'a> {
    /// Its architecture, for people.
    #[serde(borrow)]
    pub arch: Name<'a>,
    /// Bytes in a page; 4096.
    pub page_size: u64,
    /// Bytes of RAM.
    pub maxmem: Hex,
    /// Most pages of a bounce zone (`MAX_BPAGES`).
    pub max_bpages: u32,
    /// Where bounce pages come from.
    pub bounce: BounceModel,
    /// Where `bus_dmamem_alloc` gets memory.
    pub dmamem: DmamemModel,
}

/// Where bounce pages come from: frame `k` is at `base + k * stride`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct BounceModel {
    /// Address of the first frame.
    pub base: Hex,
    /// Bytes from one frame to the next.
    pub stride: u64,
    /// Frames there are.
    pub frames: u64,
}

/// Where `bus_dmamem_alloc` gets memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct DmamemModel {
    /// Where it starts.
    pub base: Hex,
    /// Bytes from one page of `kmem_alloc_attr` to the next.
    pub page_stride: u64,
    /// Alignment of malloc(9); 0 is the smallest power of two that holds the size, at least 16.
    pub malloc_align: u64,
    /// Where it ends, exclusive; `0x3ffffffffff` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Hex>,
}

impl Serialize for Header<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            format: &'a str,
            version: u64,
            scenario: &'a Name<'a>,
            family: &'a Name<'a>,
            machine: &'a MachineModel<'a>,
            source: &'a Name<'a>,
            hazards: &'a [Name<'a>],
            #[serde(skip_serializing_if = "Option::is_none")]
            desc: Option<&'a Name<'a>>,
            #[serde(skip_serializing_if = "Contents::is_recorded")]
            contents: Contents,
            #[serde(skip_serializing_if = "Option::is_none")]
            recorded: Option<&'a Recording<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            state: Option<&'a State<'a>>,
        }
        let Self { scenario, family, machine, source, hazards, desc, contents, recorded, state } = self;
        Line {
            format: FORMAT,
            version: VERSION,
            scenario,
            family,
            machine,
            source,
            hazards,
            desc: desc.as_ref(),
            contents: *contents,
            recorded: recorded.as_ref(),
            state: state.as_deref(),
        }
        .serialize(serializer)
    }
}
