//! Records the decisions of live machines as busdma-trace files, which `busdma replay` accepts without a difference.
//!
//! An owner of a machine tells its [`Tape`] what it has done, under the machine's lock; the tape hands chunks of operations
//! to the [`Recorder`]'s thread, which turns them into lines and the lines into files. Nothing on the owner's side waits:
//! when the thread does not keep up, operations are dropped and counted, and the recording goes on from a fresh [`Start`].
//!
//! # Files
//! One file a machine, `<machine>-<UTC stamp>-<part>.jsonl`, with `.zst` when compressed. Every file can be replayed by
//! itself: its first line describes the machine as it was. A crash loses at most what was told since the last sync, and
//! never leaves more than one torn line or frame. Bytes of memory are not recorded.
//!
//! # Reading order
//! | module | holds |
//! |---|---|
//! | [`operation`], [`start`] | what an owner tells |
//! | [`tape`], `taping` | where it tells it; `chunk` is what it is copied into, `lists` the lists in it, `implied` what it can do without |
//! | `handoff` | the queue, and what tape and recorder know of each other |
//! | [`recorder`] | recordings, started and stopped |
//! | `service` | the recorder's thread; `recording` is the recording that runs, `track` one machine in it, `control` what it is told |
//! | `lines`, `columns` | from chunks to lines |
//! | `files`, [`path`] | files: named, written, rotated, deleted |
//! | [`status`], [`error`] | what is told of it all |

mod chunk;
mod columns;
mod control;
pub mod error;
mod files;
mod handoff;
mod implied;
mod lines;
mod lists;
pub mod operation;
pub mod path;
pub mod recorder;
mod recording;
mod service;
pub mod start;
pub mod status;
pub mod tape;
mod taping;
mod track;

pub use error::{RecorderError, RecorderFinding};
pub use files::{Compression, Retention};
pub use operation::{LoadEnd, MapNumber, MemoryNumber, SessionNumber, TagNumber, TapedOperation, TapedVerb};
pub use path::{RecordingPath, RecordingPathError};
pub use recorder::{MachineSelection, Recorder, RecorderConfig, StartRequest, TapeSource};
pub use start::{MachineDescription, MachineName, MachineNameError, NumberedMap, Numbers, Region, Start};
pub use status::{RecorderState, RecorderStatus, RecordingId};
pub use tape::Tape;
