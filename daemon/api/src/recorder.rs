//! `org.busdma.Recorder`: recordings of what machines decide.

use crate::ids::MachineId;
use crate::interface::interface;
use serde::{Deserialize, Serialize};
use zlink::introspect;

interface! {
    /// Recordings of what machines decide, as busdma-trace files that `busdma replay` reads.
    interface RecorderMethod = "org.busdma.Recorder";
    errors RecorderError;
    types [Compression, RecordedDecisions, RecordedHost, RecorderState];
    /// Starts a recording.
    method Start -> StatusReply;
    /// Stops it; the files are complete when the reply comes.
    method Stop -> StatusReply;
    /// Says how it stands.
    method Status -> StatusReply;
}

/// What to record, and how.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
#[zlink(rename = "StartParameters")]
pub struct Start {
    /// A folder inside the configured directory, made if it is not there; the directory itself when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// As configured when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// As configured when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decisions: Option<RecordedDecisions>,
    /// A new file after so many bytes; as configured when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_bytes: Option<u64>,
    /// A new file after so many seconds; as configured when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_seconds: Option<u64>,
    /// These machines only; all, future ones too, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machines: Option<Vec<MachineId>>,
    /// Whether the host's real DMA goes into a file beside, for `busdma correlate`; it does not when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<RecordedHost>,
}

/// Whether the host's real DMA is recorded too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum RecordedHost {
    /// Every event of the probes.
    Events,
    /// Nothing.
    None,
}

/// How files are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    None,
    /// zstd, file names end in .zst.
    Zstd,
}

/// Whether the reasons are recorded too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum RecordedDecisions {
    /// Every decision with its reason.
    All,
    /// Only what calls return.
    None,
}

/// Stops the recording.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
#[zlink(rename = "StopParameters")]
pub struct Stop {}

/// Asks how the recording stands.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
#[zlink(rename = "StatusParameters")]
pub struct Status {}

/// How the recording stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct StatusReply {
    /// What it is doing.
    pub state: RecorderState,
    /// Where its files are; absent when nothing was ever recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Files written, those that were deleted again included.
    pub files: u64,
    /// Operations written.
    pub operations_written: u64,
    /// Operations lost because the queue was full or the disk refused; what follows them begins from a new state.
    pub operations_dropped: u64,
    /// Bytes written, compressed where files are.
    pub bytes_written: u64,
    /// Chunks of operations that wait to be written.
    pub queue_length: u64,
    /// How many there can be.
    pub queue_capacity: u64,
    /// The file with the host's events, while one is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_file: Option<String>,
    /// Events in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_events: Option<u64>,
    /// Why it stopped by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What the recorder is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum RecorderState {
    /// Nothing.
    Off,
    /// It records.
    Recording,
    /// It stopped by itself: see `error`.
    Failed,
}

/// An error of `org.busdma.Recorder`.
#[derive(Clone, PartialEq, Debug, zlink::ReplyError, introspect::ReplyError)]
#[zlink(interface = "org.busdma.Recorder")]
pub enum RecorderError {
    /// A recording is going on; stop it first.
    AlreadyRecording {
        /// Where its files are.
        directory: String,
    },
    /// Nothing is being recorded.
    NotRecording,
    /// The daemon was started without a directory for recordings.
    NoDirectory,
    /// The path leads out of the configured directory, or is none.
    InvalidPath {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such machine.
    NoSuchObject {
        /// Its id.
        object: String,
    },
    /// The directory cannot be written.
    CannotWrite {
        /// The file or folder.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// Recordings take more of the disk than they may.
    QuotaExceeded {
        /// What is limited.
        quota: String,
        /// The limit.
        limit: u64,
        /// Whose limit it is.
        scope: String,
    },
    /// The daemon is shutting down.
    ShuttingDown,
}
