//! The lines of busdma-trace v1 as types.
//!
//! A [`Header`] starts a scenario; an operation has an [`Input`] and an [`Output`]. Strings are borrowed from the line
//! where they hold no escapes. Fields that these types do not know are ignored on reading; to keep them, copy the line.

mod decision;
mod header;
mod hex;
mod input;
mod load;
mod output;
mod state;
mod words;

pub use decision::{DecisionRecord, ReasonRecord};
pub use header::{AfterPanic, BounceModel, Contents, DmamemModel, FORMAT, Header, MachineModel, Recording, VERSION};
pub use hex::Hex;
pub(crate) use input::InputOf;
pub use input::{
    AllocMem, Cancel, CreateMap, CreateTag, DestroyTag, DeviceRead, Filter, FreeMem, Input, MapOnly, Region,
    RunDeferred, Seeded, Sync,
};
pub use load::{Bio, Buf, Ccb, CcbData, Load, LoadRequest, MbufChain, MemRequest, PhysBuf, Uio};
pub use output::{
    Allocated, AllocatorCall, BounceCopy, CacheLine, Callback, Cancelled, Completed, Deferred, Freed, Hashed, Loaded,
    MapCounters, MapCreated, Nullable, Output, Panicked, Returned, Seg, StoppedLoad, Synced, TagCreated, TagDestroyed,
    Touched, Unloaded, Zone,
};
pub use state::{PageRun, Reach, State, StateMap, StateMemory, StatePage, StateRange, StateTag, StateWait, StateZone};
pub use words::{
    AllocatorName, CacheWord, CcbDir, CcbFunc, CopyDir, Flag, FreedWord, LoadKind, MallocFlag, MapStateWord, MapWord,
    MemAttr, Op, Ret, SegFlag, SyncOp, Word, WordList,
};

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A string of a trace: an id, a name or free text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl Name<'_> {
    /// The string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Name<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Name<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a field can be left out because reading puts the same value there.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
